"""`emcc-emu phone`: one phone against a running lab, told what to do by options, pipe and signals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emcc_emu.trace.reader import open_trace

LAB = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"
PHONE = "SEP02AA00000001"
OTHER = "SEP02AA00000002"
CALLEE = "SEP02BB00000001"


@pytest.fixture(scope="module")
def ready_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The ready file of a running lab."""
    file = tmp_path_factory.mktemp("lab") / "ready.json"
    command = [sys.executable, "-m", "emcc_emu", "up", str(LAB), "--ephemeral", "--no-trace", "--plain"]
    command += ["--control", "127.0.0.1:0", "--ready-file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ready"), (line, process.communicate())
            yield file
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=10)


@pytest.fixture
def nodes(ready_file: Path) -> dict[str, Any]:
    """Publisher of each cluster, as the ready file says."""
    clusters = json.loads(ready_file.read_bytes())["clusters"]
    return {name: cluster["nodes"][0] for name, cluster in clusters.items()}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "emcc_emu", "phone", *map(str, arguments)]


def run(*arguments: str | Path, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False, input=typed or ""
    )


def do(*orders: str) -> list[str]:
    return [word for order in orders for word in ("--do", order)]


def test_registers_shows_its_screen_and_leaves(ready_file: Path, nodes: dict[str, Any]) -> None:
    done = run(PHONE, "--against", ready_file, *do("wait registered", "screen", "press Services"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"registered: {PHONE} has 2001 at {nodes['sanjose']['address']}:5060\n")
    assert "│ ☎ 2001 " in done.stdout
    assert "│ ▸ 1 Extension Mobility " in done.stdout


def test_logs_in_calls_and_logs_out(ready_file: Path, nodes: dict[str, Any], tmp_path: Path) -> None:
    pin = tmp_path / "pin.txt"
    pin.write_text("13579\n")
    callee_command = command(CALLEE, "--against", ready_file)
    with subprocess.Popen(callee_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as callee:
        assert callee.stdin is not None and callee.stdout is not None
        callee.stdin.write("wait registered\nanswer\n")
        callee.stdin.flush()
        assert callee.stdout.readline().startswith("registered:")
        orders = do("login ayamada", "screen", "dial 3001", "hangup", "dial 914085550100", "hangup", "logout")
        done = run(PHONE, "--against", ready_file, "--pin-file", pin, *orders)
        assert done.returncode == 0, done.stderr
        assert callee.stdout.readline() == "connected from 3101 (G729)\n"
        callee.stdin.close()
        assert callee.wait(timeout=10) == 0
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("│", "├", "┌", "└"))]
    assert lines == [
        f"login ok: {PHONE} has 3101 at {nodes['tokyo']['address']}:5060",
        "connected to 3001 (G729)",
        "ended to 3001 (hung up)",
        "connected to 914085550100 (G729)",
        "ended to 914085550100 (hung up)",
        f"logout ok: {PHONE} has 2001 at {nodes['sanjose']['address']}:5060",
    ]
    assert "│ ☎ 3101 " in done.stdout


def test_a_wrong_pin_fails_with_what_the_phone_shows(ready_file: Path) -> None:
    done = run(PHONE, "--against", ready_file, *do("login ayamada 00000", "screen"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: login failed: ")
    assert "(2" in done.stderr
    assert done.stdout == ""


def test_a_call_that_nobody_takes_fails_with_the_reason(ready_file: Path) -> None:
    done = run(PHONE, "--against", ready_file, *do("dial 2003"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: call to 2003 failed: 4")


@pytest.mark.parametrize(
    ("order", "message"),
    [("hangup", "there is no call"), ("logout", "nobody is logged in"), ("select Weather", "no entry 'Weather' here")],
)
def test_what_cannot_be_done_is_said(ready_file: Path, order: str, message: str) -> None:
    done = run(PHONE, "--against", ready_file, *do("wait registered", order))
    assert done.returncode == 1
    assert message in done.stderr


def test_takes_orders_from_a_pipe(ready_file: Path) -> None:
    done = run("sep02aa00000001", "--against", ready_file, typed="# a comment\n\nwait registered\nquit\nscreen\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("registered:") and "┌" not in done.stdout


def test_a_mistake_in_a_pipe_ends_it(ready_file: Path) -> None:
    done = run(PHONE, "--against", ready_file, typed="wait registered\nlgin ayamada\nscreen\n")
    assert done.returncode == 2
    assert done.stderr == "error: no such order: 'lgin'; did you mean 'login'?\n"
    assert "┌" not in done.stdout


def test_a_pin_that_is_nowhere_is_asked_for_only_at_a_terminal(ready_file: Path) -> None:
    done = run(PHONE, "--against", ready_file, *do("login ayamada"))
    assert done.returncode == 2
    assert "give the PIN in the order or with --pin-file" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stays_until_it_is_told_to_go_and_unregisters(ready_file: Path, number: signal.Signals) -> None:
    staying = command(OTHER, "--against", ready_file, "--stay", *do("wait registered"))
    with subprocess.Popen(staying, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("registered:")
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
    control = json.loads(ready_file.read_bytes())["control"]
    with urllib.request.urlopen(f"{control}/status") as answer:
        status = json.load(answer)
    registered = [entry["device"] for entry in status["sanjose"]["call_processing"]["registrations"]]
    assert OTHER not in registered


def test_a_signal_ends_a_phone_that_waits_for_orders(ready_file: Path) -> None:
    waiting = command(PHONE, "--against", ready_file)
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"wait registered\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith(b"registered:")
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130


def test_boots_from_a_tftp_address_and_records_its_packets(nodes: dict[str, Any], tmp_path: Path) -> None:
    node = nodes["sanjose"]
    address = f"{node['address']}:{node['tftp']}"
    source = node["address"].rsplit(".", 2)[0] + ".100.1"
    trace = tmp_path / "trace"
    done = run(PHONE, "--tftp", address, "--address", source, "--trace", trace, *do("wait registered"))
    assert done.returncode == 0, done.stderr
    records = list(open_trace(trace).records())
    assert {record.protocol for record in records} == {"http", "tftp", "sip"}
    assert any(record.payload.startswith(b"REGISTER") for record in records)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([PHONE], "say where to boot from"),
        ([PHONE, "--tftp", "192.0.2.10:x"], "write it as HOST or HOST:PORT"),
        ([PHONE, "--tftp", "127.0.0.1:99999"], "write it as HOST or HOST:PORT"),
        (["phone1", "--tftp", "127.0.0.1"], "write SEP and the MAC address"),
        ([PHONE, "--tftp", "127.0.0.1", "--model", "9999"], "no virtual phone of model"),
        ([PHONE, "--against", "/nowhere/ready.json"], "emcc-emu up LAB --ready-file"),
        ([PHONE, "--tftp", "127.0.0.1", "--do", "wait for me"], "write it as: wait registered"),
        ([PHONE, "--tftp", "127.0.0.1", "--do", "dial"], "write it as: dial NUMBER"),
        ([PHONE, "--tftp", "127.0.0.1", "--do", "dial 1 2"], "write it as: dial NUMBER"),
        ([PHONE, "--tftp", "127.0.0.1", "--do", "login 'x"], "No closing quotation"),
        ([PHONE, "--tftp", "127.0.0.1", "--timeout", "0"], "--timeout"),
    ],
)
def test_wrong_input_is_refused_before_anything_starts(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_a_phone_that_the_lab_does_not_have_is_refused_with_the_nearest(ready_file: Path) -> None:
    done = run("SEP02AA0000001", "--against", ready_file)
    assert done.returncode == 2
    assert "did you mean SEP02AA0" in done.stderr


def test_a_lab_records_its_own_packets(ready_file: Path, tmp_path: Path) -> None:
    done = run(PHONE, "--against", ready_file, "--trace", tmp_path, "--do", "screen")
    assert done.returncode == 2
    assert "the lab records this phone's packets already" in done.stderr


def test_a_phone_that_nobody_answers_says_so() -> None:
    done = run(PHONE, "--tftp", "127.83.0.99:1", "--timeout", "0.3", *do("wait registered"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {PHONE} is ")
