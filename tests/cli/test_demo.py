"""The demo is the whole EMCC story: if it holds, the emulator does its main job."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from emcc_emu.trace.reader import open_trace

STEPS = 7


def run_demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "emcc_emu", "demo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_every_step_of_the_story_holds_and_is_drawn_as_one_ladder(tmp_path: Path) -> None:
    outcome, trace = tmp_path / "outcome.json", tmp_path / "trace"
    done = run_demo("--json", str(outcome), "--trace", str(trace))
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(outcome.read_bytes())
    assert told["ok"] is True
    assert told["trace"] == str(trace)
    assert [step["ok"] for step in told["steps"]] == [True] * STEPS
    for protocol in ("RRQ CTLSEP", "200 CiscoIPPhoneInput", "REGISTER", "INVITE 911"):
        assert protocol in done.stdout
    assert "OPTIONS" not in done.stdout.split("SEP02AA00000001 ·")[1].split("hidden:")[0]


def test_no_pin_reaches_the_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert run_demo("--no-ladder", "--trace", str(trace)).returncode == 0
    records = list(open_trace(trace).records())
    assert any(b"homeLogin" in record.payload for record in records)
    assert not any(b"13579" in record.payload for record in records)
    assert not any(b"13579" in file.read_bytes() for file in trace.iterdir())


def test_a_lab_without_an_example_fails_with_the_remedy(tmp_path: Path) -> None:
    lab = tmp_path / "lab.yaml"
    lab.write_text("clusters: {paris: {nodes: {paris-pub: 127.9.0.10}}}\n")
    done = run_demo(str(lab))
    assert done.returncode == 1
    assert "add an `example` to the lab file" in done.stderr
