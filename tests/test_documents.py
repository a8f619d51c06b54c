"""The documents are true: every command of the README runs, every generated part is current."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
RUN_BY_CI = {"scripts/test"}
"""Running the tests inside the tests would never end; `.ci/run` is checked to run exactly this."""

TIMEOUT_S = 60.0
NEEDS_ROOT = "ip address add"


def load_script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_current() -> None:
    for path, text in load_script("update_docs").documents().items():
        assert path.read_text() == text, "run: .venv/bin/python scripts/update_docs.py"


def test_ci_runs_the_test_command() -> None:
    assert (ROOT / ".ci" / "run").read_text().rstrip().endswith("exec scripts/test")


def test_there_are_exactly_two_set_up_commands() -> None:
    start = README.split("## Start")[1].split("\n## ")[0]
    assert re.findall(r"```sh\n(.*?)```", start, re.DOTALL) == ["scripts/demo\n", "scripts/test\n"]


@pytest.fixture
def network() -> Iterator[list[str]]:
    """The words that run a command in a network of its own, where the lab's usual addresses are free.

    Without root there is none, and the commands run in the machine's own network.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        yield []
        return
    ready = "ip link set lo up && echo up && exec sleep infinity"
    with subprocess.Popen(["unshare", "--net", "bash", "-c", ready], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "up\n"
        yield ["nsenter", "--net", "--target", str(holder.pid)]
        holder.kill()


class Shell:
    """Runs the README's blocks one after another in a copy of nothing but links, as a reader would."""

    def __init__(self, folder: Path, prefix: list[str]) -> None:
        self.folder = folder
        self.prefix = prefix
        self.environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for name in (".venv", "fixtures", "scripts"):
            (folder / name).symlink_to(ROOT / name)

    def run(self, block: str) -> None:
        done = subprocess.run(
            [*self.prefix, "bash", "-euo", "pipefail", "-c", block],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"

    def start(self, block: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, "bash", "-euo", "pipefail", "-c", _with_exec(block)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def _with_exec(block: str) -> str:
    """The last command in place of the shell, so that signals reach it."""
    *before, last = block.strip().split("\n")
    return "\n".join([*before, f"exec {last}"])


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        if line.startswith("ready:"):
            return
        said.append(line)
    pytest.fail(f"the lab did not start: {''.join(said)}")


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        assert process.wait(timeout=5) == 0
    finally:
        process.kill()
        if process.stdout is not None:
            process.stdout.close()


def is_lab(block: str) -> bool:
    return " up " in block


def blocks_between(start: str, end: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", README.split(start)[1].split(end)[0], re.DOTALL)


def test_a_lab_is_launched_used_watched_and_looked_back_on(tmp_path: Path, network: list[str]) -> None:
    shell = Shell(tmp_path, network)
    first, *others = blocks_between("## Launch a lab", "### Phones and clients")
    lab = shell.start(first)
    try:
        wait_until_ready(lab)
        for block in others:
            shell.run(block)
    finally:
        stop(lab)
    assert (tmp_path / "story.pcapng").stat().st_size > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="adding addresses needs root")
def test_phones_off_loopback_find_the_nodes_on_real_addresses(tmp_path: Path, network: list[str]) -> None:
    shell = Shell(tmp_path, network)
    (block,) = [block for block in BLOCKS if NEEDS_ROOT in block]
    lab = shell.start(f"ip link add eth0 type veth peer name eth1\nip link set eth0 up\n{block}")
    try:
        wait_until_ready(lab)
    finally:
        stop(lab)


def test_one_cluster_a_machine_uses_certificates_made_before(tmp_path: Path, network: list[str]) -> None:
    shell = Shell(tmp_path, network)
    make, run_one = blocks_between("One cluster per machine", "## The lab file")
    shell.run(make)
    lab = shell.start(run_one)
    try:
        wait_until_ready(lab)
    finally:
        stop(lab)


@pytest.mark.parametrize("block", [*blocks_between("## The lab file", "## What is known"), "scripts/demo\n"])
def test_a_command_that_ends_by_itself_succeeds(block: str, tmp_path: Path) -> None:
    Shell(tmp_path, []).run(block)


def test_the_benchmark_measures_beside_a_peer(tmp_path: Path) -> None:
    assert "scripts/bench\n" in BLOCKS
    Shell(tmp_path, []).run("scripts/bench --quick em --json figures.json || test -s figures.json")
    assert "aiohttp's hello" in (tmp_path / "figures.json").read_text()


def test_every_command_of_the_readme_is_run_by_one_of_these_tests() -> None:
    sections = [
        blocks_between("## Launch a lab", "## The lab file"),
        blocks_between("## The lab file", "## What is known"),
        ["scripts/demo\n", "scripts/bench\n", *(f"{name}\n" for name in RUN_BY_CI)],
    ]
    covered = {block for section in sections for block in section}
    assert set(BLOCKS) == covered
