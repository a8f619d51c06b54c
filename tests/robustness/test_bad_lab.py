"""A lab with a mistake never starts half: `emcc-emu up` ends, leaves no process behind and no port bound."""

from __future__ import annotations

import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from running_lab import LAB_FILE

from emcc_emu.host.addresses import all_free, free_block
from emcc_emu.host.job import node_labels
from emcc_emu.lab.load import load_lab

TIMEOUT_S = 30.0
PORTS = (5060, 6970, 8080, 8443)

MISTAKES = {
    "a misspelt key": ("route_lists:", "rout_lists:"),
    "a name that nothing has": ("{address: 127.2.100.1, css: phones", "{address: 127.2.100.1, css: phnes"),
    "no YAML": ("clusters:\n", "clusters: [\n"),
}


class OwnLab:
    """The ready-made lab in a file of its own, at addresses that nobody else uses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        lab = load_lab(LAB_FILE)
        block = free_block({label.address for label in node_labels(lab)}, random.Random(os.urandom(8)))
        self.text = re.sub(r"127(\.\d+){3}", lambda found: block[found[0]], LAB_FILE.read_text())
        self.servers = [block[label.address] for label in node_labels(lab) if label.role != "phone"]
        self.last_server = block[lab.clusters[-1].publisher.address]

    def up(self) -> tuple[subprocess.CompletedProcess[str], int]:
        """Run `emcc-emu up` until it ends by itself, in a process group of its own; and the group's number."""
        file = self.folder / "lab.yaml"
        file.write_text(self.text)
        command = [sys.executable, "-m", "emcc_emu", "up", str(file), "--control", "127.0.0.1:0"]
        command += ["--ready-file", str(self.folder / "ready.json"), "--state", str(self.folder / "state")]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        ) as process:
            try:
                output, errors = process.communicate(timeout=TIMEOUT_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, 9)
        return subprocess.CompletedProcess(command, process.returncode, output, errors), process.pid

    def assert_nothing_is_left(self, group: int) -> None:
        with pytest.raises(ProcessLookupError):
            os.killpg(group, 0)
        assert all_free(self.servers, PORTS)
        assert not (self.folder / "ready.json").exists()


@pytest.fixture
def own_lab(tmp_path: Path) -> OwnLab:
    return OwnLab(tmp_path)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_the_file_exits_2_before_anything_starts(own_lab: OwnLab, mistake: str) -> None:
    right, wrong = (
        re.sub(r"127\.2\.", own_lab.last_server.rpartition(".0.")[0] + ".", text) for text in MISTAKES[mistake]
    )
    assert right in own_lab.text
    own_lab.text = own_lab.text.replace(right, wrong)
    done, group = own_lab.up()
    assert done.returncode == 2, done.stderr
    assert re.search(r"lab\.yaml:\d+", done.stderr) and "Traceback" not in done.stderr
    assert not (own_lab.folder / "state").exists()
    own_lab.assert_nothing_is_left(group)


def test_a_cluster_that_cannot_bind_takes_the_other_one_with_it(own_lab: OwnLab) -> None:
    with socket.create_server((own_lab.last_server, 8443)):
        done, group = own_lab.up()
        assert done.returncode == 1, done.stderr
        assert f"{own_lab.last_server}:8443" in done.stderr and "Traceback" not in done.stderr
    own_lab.assert_nothing_is_left(group)
