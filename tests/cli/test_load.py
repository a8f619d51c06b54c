"""`emcc-emu load` against real clusters: verdicts, limits, clean stops, lost workers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

LAB = Path(__file__).parents[2] / "fixtures" / "labs" / "many-phones.yaml"
TIMEOUT_S = 90.0

SMALL = """
name: small
lab: {lab}
phones: {{cluster: sanjose, count: 12}}
users:
  roaming: {{user_id: "user{{0001}}", pin: "13579", people: 12}}
  local: {{user_id: "local{{001}}", pin: "86420", people: 4}}
sessions:
  roam: {{users: roaming, weight: 2, do: [wrong_pin, login, emergency_call, logout]}}
  home: {{users: local, do: [login]}}
load: {{rate: 20/s, duration: 600 ms}}
retry: {{first: 100 ms, longest: 400 ms, tries: 100}}
calls: {{talk: 50 ms}}
"""


def scenario_file(folder: Path, text: str = SMALL) -> Path:
    file = folder / "small.yaml"
    file.write_text(text.format(lab=LAB))
    return file


def command_of(file: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "emcc_emu", "load", str(file), *arguments]


def run_load(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command_of(file, *arguments), capture_output=True, text=True, timeout=TIMEOUT_S, check=False)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """The arguments that name a lab, which all tests of this file share: each leaves it as it was."""
    ready = tmp_path_factory.mktemp("lab") / "ready.json"
    command = [sys.executable, "-m", "emcc_emu", "up", str(LAB), "--ephemeral", "--plain", "--control", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("ready:") for line in process.stdout)
            yield ["--against", str(ready)]
        finally:
            process.terminate()


def told_by(done: subprocess.CompletedProcess[str], file: Path) -> dict[str, Any]:
    assert file.exists(), done.stdout + done.stderr
    told: dict[str, Any] = json.loads(file.read_bytes())
    return told


def test_a_mix_of_sessions_over_two_workers_adds_up_and_breaks_nothing(tmp_path: Path, lab: list[str]) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "report.html"
    arguments = [*lab, "--workers", "2", "--json", str(figures), "--html", str(page), "--expect", "errors = 0"]
    done = run_load(scenario_file(tmp_path), *arguments)
    told = told_by(done, figures)
    assert done.returncode == 0, done.stdout + done.stderr
    logins = told["logins"]
    assert logins["ok"] == told["logouts"]["ok"] == 12
    assert logins["attempted"] == logins["ok"] + sum(logins["by_code"].values()) + logins["no_answer"]
    assert told["operations"]["emergency_call"]["ok"] == told["operations"]["wrong_pin"]["by_code"]["2"] == 8
    assert told["max_in_progress"]["sanjose"] <= told["limit"] == 5
    assert (told["workers"], told["sessions"]["unserved"], told["violation"]) == (2, 0, "")
    busy = sum(told["operations"][name]["by_code"].get("26", 0) for name in ("login", "logout", "wrong_pin"))
    assert sum(told["throttled"].values()) == busy
    assert "<figure>" in page.read_text()


def test_a_broken_threshold_exits_1_and_names_it(tmp_path: Path) -> None:
    done = run_load(scenario_file(tmp_path), "--expect", "login p50 < 1ms")
    assert done.returncode == 1
    assert "expected login p50 < 1ms, measured" in " ".join(done.stdout.split())


def test_once_tells_every_step_of_one_phone(tmp_path: Path, lab: list[str]) -> None:
    done = run_load(scenario_file(tmp_path), *lab, "--once")
    assert done.returncode == 0, done.stderr
    steps = re.findall(r"^SEP02AA00000001  (\w+)", done.stdout, re.MULTILINE)
    assert sorted(steps) == ["emergency_call", "login", "login", "logout", "logout", "wrong_pin"]


def test_find_limit_names_what_gave_way(tmp_path: Path, lab: list[str]) -> None:
    text = SMALL.replace("[wrong_pin, login, emergency_call, logout]", "[login, logout]")
    figures = tmp_path / "limit.json"
    arguments = [*lab, "--find-limit", "--expect", "login refused = 0", "--json", str(figures)]
    done = run_load(scenario_file(tmp_path, text.replace("20/s", "5/s")), *arguments)
    told = told_by(done, figures)
    assert "expected login refused = 0" in told["gave_way"]
    assert told["rate_per_s"] == max((probe["rate_per_s"] for probe in told["probes"] if probe["is_met"]), default=0)


def start(file: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command_of(file, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(child) for child in children if b"phones.load.worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


def wait_for_step(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert any(line.startswith("SEP02AA") for line in process.stdout), "no phone did anything"


LONG = SMALL.replace("rate: 20/s, duration: 600 ms", "shape: closed, duration: 10 min")


def test_ctrl_c_lets_phones_log_out_and_says_that_it_was_stopped(tmp_path: Path, lab: list[str]) -> None:
    figures = tmp_path / "figures.json"
    with start(scenario_file(tmp_path, LONG), *lab, "--once", "--json", str(figures)) as process:
        wait_for_step(process)
        process.send_signal(signal.SIGINT)
        output, problems = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, problems
    told = json.loads(figures.read_bytes())
    assert told["verdict"] in ("stopped", "pass"), output
    assert told["logins"]["ok"] == told["logouts"]["ok"]


def test_a_worker_that_dies_is_reported_with_its_phones(tmp_path: Path, lab: list[str]) -> None:
    figures = tmp_path / "figures.json"
    text = SMALL.replace("rate: 20/s, duration: 600 ms", "rate: 5/s, duration: 2 s")
    arguments = [*lab, "--workers", "2", "--metrics", "0", "--json", str(figures)]
    with start(scenario_file(tmp_path, text), *arguments) as process:
        assert process.stdout is not None
        assert any("phones registered" in line for line in process.stdout)
        victim, _ = workers_of(process)
        os.kill(victim, signal.SIGKILL)
        _, problems = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 1, problems
    told = json.loads(figures.read_bytes())
    (lost,) = told["lost_workers"]
    assert len(lost["phones"]) == 6
    assert any("with 6 phones was lost" in reason for reason in told["failures"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("cluster: sanjose", "cluster: paris"), "the clusters that run are sanjose, tokyo"),
        (("count: 12", "count: 600"), "cluster sanjose of the lab has 500 phones"),
        (("do: [login]", "do: [logn]"), "small.yaml:10: sessions.home.do[0]: 'logn' is none of"),
        (("lab: {lab}", "about: none"), "names no lab"),
    ],
)
def test_wrong_input_exits_2(tmp_path: Path, lab: list[str], change: tuple[str, str], message: str) -> None:
    arguments = [] if "no lab" in message else lab
    done = run_load(scenario_file(tmp_path, SMALL.replace(*change)), *arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
