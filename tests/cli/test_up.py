"""`emcc-emu up`: from the lab file to a running lab and back to nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"
START_TIMEOUT_S = 30.0


@contextmanager
def lab_running(tmp_path: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A lab in a process of its own, with its ready file read; killed if the test has not stopped it."""
    ready_file = tmp_path / "ready.json"
    command = [sys.executable, "-m", "emcc_emu", "up", str(LAB), "--ephemeral", "--ready-file", str(ready_file)]
    command += ["--control", "127.0.0.1:0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not ready_file.exists():
                assert process.poll() is None and time.monotonic() < deadline, process.communicate()
                time.sleep(0.02)
            yield process, json.loads(ready_file.read_bytes())
        finally:
            if process.poll() is None:
                process.kill()


def status_of(ready: dict[str, Any]) -> dict[str, Any]:
    with urllib.request.urlopen(f"{ready['control']}/status") as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def children_of(process: subprocess.Popen[str]) -> list[int]:
    tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(number) for number in tasks.read_text().split()]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_lab_starts_says_where_it_is_and_leaves_nothing_behind(tmp_path: Path, stop: signal.Signals) -> None:
    with lab_running(tmp_path) as (process, ready):
        assert set(ready["clusters"]) == {"sanjose", "tokyo"}
        node = ready["clusters"]["tokyo"]["nodes"][0]
        assert (node["http"], node["https"], node["tftp_http"], node["sip"]) == (8080, 8443, 6970, 5060)
        assert ready["example"]["home_user"] == "ayamada"
        assert {phone["cluster"] for phone in ready["phones"]} == {"sanjose", "tokyo"}
        trunks = [trunk for cluster in status_of(ready).values() for trunk in cluster["call_processing"]["trunks"]]
        assert [trunk["status"] for trunk in trunks] == ["Full Service"] * 2
        workers = children_of(process)
        process.send_signal(stop)
        assert process.wait(timeout=5) == 0
        assert not (tmp_path / "ready.json").exists()
        assert not Path(ready["state"]).exists()
        assert len(workers) == 2
        for worker in workers:
            with pytest.raises(ProcessLookupError):
                os.kill(worker, 0)


def test_a_cluster_whose_process_dies_is_reported_and_stays_down(tmp_path: Path) -> None:
    with lab_running(tmp_path) as (process, ready):
        victim = next(pid for pid in children_of(process) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(victim, signal.SIGKILL)
        assert process.stdout is not None
        assert any("its process has died; it stays down" in line for line in process.stdout)
        assert list(status_of(ready).values()).count(None) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 1


def test_a_cluster_whose_process_dies_is_started_again_where_that_was_asked_for(tmp_path: Path) -> None:
    with lab_running(tmp_path, "--restart") as (process, ready):
        victim = next(pid for pid in children_of(process) if b"worker" in Path(f"/proc/{pid}/cmdline").read_bytes())
        os.kill(victim, signal.SIGKILL)
        assert process.stdout is not None
        assert any("runs again" in line for line in process.stdout)
        assert None not in status_of(ready).values()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 1


def test_state_is_kept_where_it_was_asked_for(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with lab_running(tmp_path, "--state", str(state)) as (process, ready):
        assert ready["state"] == str(state)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0
    assert (state / "tokyo.sqlite").exists()
    assert (state / "certificates" / "ca.pem").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--only", "paris"], "the lab has the clusters sanjose, tokyo"),
        (["--only", "tokyo"], "emcc-emu certificates"),
        (["--address", "tokyo-pub=192.0.2.99"], "ip address add 192.0.2.99/32"),
        (["--control", "nowhere"], "write it as ADDRESS:PORT"),
    ],
)
def test_a_wrong_option_exits_2_and_says_what_would_be_right(arguments: list[str], message: str) -> None:
    command = [sys.executable, "-m", "emcc_emu", "up", str(LAB), "--ephemeral", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


def test_a_second_lab_on_the_same_addresses_names_the_way_out(tmp_path: Path) -> None:
    with lab_running(tmp_path) as (process, ready):
        lab = tmp_path / "same.yaml"
        node = ready["clusters"]["tokyo"]["nodes"][0]["address"]
        lab.write_text(f"clusters: {{paris: {{nodes: {{paris-pub: {node}}}}}}}\n")
        command = [sys.executable, "-m", "emcc_emu", "up", str(lab), "--ready-file", str(tmp_path / "ready.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 1
        assert "add --ephemeral" in done.stderr
        assert (tmp_path / "ready.json").exists(), "the running lab's ready file is not the other's to remove"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 0


def test_the_packets_outlive_the_lab(tmp_path: Path) -> None:
    with lab_running(tmp_path) as (process, ready):
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=5) == 0
    trace = Path(ready["trace"])
    assert list(trace.glob("tokyo-*"))
    shutil.rmtree(trace)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "emcc_emu", "up", str(LAB), "--ephemeral", "--state", "/proc/nowhere"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: /proc/nowhere: ")
