"""`emcc-emu show`, `set` and `job` against a lab of real processes, and the exit status of each outcome."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emcc_emu.cli.main import run

LAB_FILE = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"


class Lab:
    """A lab that `emcc-emu up` keeps running, and the command line against it."""

    def __init__(self, directory: Path) -> None:
        self.ready_file = directory / "ready.json"
        self._state = directory / "state"
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        options = ["--ephemeral", "--no-trace", "--plain", "--control", "127.0.0.1:0", "--state", str(self._state)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "emcc_emu", "up", str(LAB_FILE), "--ready-file", str(self.ready_file), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith("ready:")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    running = Lab(tmp_path_factory.mktemp("administered"))
    running.start()
    yield running
    running.stop()


Emcc = Callable[..., tuple[int, str, str]]


@pytest.fixture
def emcc(lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Emcc:
    """Runs one command against the lab: exit status, standard output, standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def command(*arguments: str) -> tuple[int, str, str]:
        status = run([*arguments, "--against", str(lab.ready_file)])
        shown = capsys.readouterr()
        return status, shown.out, shown.err

    return command


def as_json(answer: tuple[int, str, str]) -> Any:
    assert answer[0] == 0, answer
    return json.loads(answer[1])


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("users", "Aiko Yamada"),
        ("phones", "SEP02BB00000001"),
        ("device-profiles", "UDP-ayamada"),
        ("remote-clusters", "12.5.1"),
        ("emcc-parameters", "region_link_loss_type"),
        ("lab", "two-clusters"),
        ("clock", "offset_s"),
        ("sessions", "roaming device pool"),
        ("counters", "RequestsThrottled"),
        ("jobs", "status"),
        ("validation", "Default TFTP Server"),
        ("phone-feature-list", "IP Communicator"),
    ],
)
def test_show_draws_a_table_of_every_part(emcc: Emcc, what: str, shown: str) -> None:
    status, output, _ = emcc("show", what)
    assert status == 0
    assert shown in output


def test_show_gives_json_by_cluster_or_one_entry(emcc: Emcc) -> None:
    answer = as_json(emcc("show", "users", "--json"))
    assert [entry["user_id"] for entry in answer["sanjose"]["entries"]] == ["bmiller"]
    assert as_json(emcc("show", "users", "ayamada", "--json"))["name"] == "Aiko Yamada"
    assert list(as_json(emcc("show", "clock", "--json"))) == ["sanjose", "tokyo"]
    assert as_json(emcc("show", "jobs", "--json", "--cluster", "tokyo"))["tokyo"]["next_runs"]


def test_a_long_list_says_what_it_left_out(emcc: Emcc) -> None:
    _, output, _ = emcc("show", "users", "--limit", "1", "--cluster", "tokyo")
    assert "tokyo: 1 of 2 shown" in output
    _, output, _ = emcc("show", "users", "--match", "SATO")
    assert "ksato" in output and "ayamada" not in output


def test_set_changes_an_entry_wherever_it_is(emcc: Emcc) -> None:
    answer = as_json(emcc("set", "users", "ksato", "name=Kenji Sato", "profiles=[UDP-ksato]", "--json"))
    assert (answer["name"], answer["profiles"]) == ("Kenji Sato", ["UDP-ksato"])
    status, output, _ = emcc("set", "users", "ksato", "profiles=[UDP-ksato, UDP-ksato-assistant]")
    assert status == 0 and "UDP-ksato-assistant" in output


def test_set_changes_parameters_of_one_cluster_or_of_all(emcc: Emcc) -> None:
    one = as_json(emcc("set", "service-parameters", "maximum-concurrent-requests=9", "--cluster", "tokyo", "--json"))
    assert one["maximum_concurrent_requests"] == 9
    both = as_json(emcc("set", "emcc-parameters", "region_max_audio_kbps=64", "--cluster", "*", "--json"))
    assert [entry["region_max_audio_kbps"] for entry in both.values()] == [64, 64]
    status, output, _ = emcc("set", "emcc-parameters", "region_max_audio_kbps=", "--cluster", "*")
    assert status == 0 and "sanjose: emcc-parameters" in output


def test_set_adds_and_removes_entries(emcc: Emcc) -> None:
    entry = "fully_qualified_name=127.0.0.1"
    added = as_json(emcc("set", "remote-clusters", "paris", entry, "--add", "--cluster", "tokyo", "--json"))
    assert (added["cluster_id"], added["emcc"]) == ("paris", False)
    assert emcc("set", "remote-clusters", "paris", "--remove") == (0, "tokyo: paris removed\n", "")


def test_the_calendar_moves_in_all_processes_alike(emcc: Emcc) -> None:
    status, output, _ = emcc("set", "clock", "advance=35 min")
    assert status == 0
    assert "ran: remote cluster update of tokyo" in output and "ran: remote cluster update of sanjose" in output
    clocks = as_json(emcc("show", "clock", "--json"))
    assert clocks["tokyo"]["offset_s"] == clocks["sanjose"]["offset_s"] >= 2100
    assert as_json(emcc("set", "clock", "advance=0", "--json"))["ran"] == []


def test_faults_are_set_and_cleared_in_all_clusters(emcc: Emcc) -> None:
    status, output, error = emcc("set", "faults", "wan", "kind=link_delay", "link=[sanjose, tokyo]", "delay=1 ms")
    assert (status, output) == (0, "in force: wan\n"), error
    assert "link_delay" in emcc("show", "faults")[1]
    assert as_json(emcc("show", "faults", "--json"))["wan"]["link"] == ["sanjose", "tokyo"]
    assert emcc("set", "faults", "wan", "--remove")[1] == "ended: wan\n"
    assert as_json(emcc("set", "faults", "wan", "--remove", "--json")) == []


def test_jobs_insert_and_delete_base_devices(emcc: Emcc) -> None:
    status, output, _ = emcc("job", "insert-emcc-devices", "3", "--cluster", "sanjose")
    assert status == 0 and "3 inserted: EMCC51 to EMCC53" in output
    assert as_json(emcc("job", "delete-emcc-devices", "3", "--cluster", "sanjose", "--json"))["status"] == "completed"
    status, output, _ = emcc("job", "update-emcc-devices", "--cluster", "sanjose", "--in", "1:00")
    assert status == 0 and "waits" in output
    assert "pending" in emcc("job", "list")[1]
    assert as_json(emcc("job", "list", "--json"))["sanjose"]["jobs"][-1]["status"] == "pending"


def test_jobs_ask_remote_clusters(emcc: Emcc) -> None:
    _, output, _ = emcc("job", "run", "remote cluster update")
    assert output == "sanjose: 1 asked\ntokyo: 1 asked\n"
    assert as_json(emcc("job", "run", "remote cluster update", "--json"))["tokyo"]["result"] == "1 asked"
    status, output, _ = emcc("job", "update-remote-cluster", "tokyo")
    assert status == 0 and "12.5.1" in output


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        ("show usrs", 2, "did you mean 'users'?"),
        ("show users nobody", 2, "tokyo has no 'nobody' in users"),
        ("show users --cluster paris", 2, "no cluster 'paris' runs here"),
        ("set usrs ayamada name=A", 2, "did you mean 'users'?"),
        ("set users ayamada enable_emcc=flase", 2, "did you mean 'false'?"),
        ("set users ayamada name", 2, "write it as FIELD=VALUE"),
        ("set users ayamada profiles=[", 2, "profiles: is no YAML"),
        ("set users ayamada", 2, "nothing to change"),
        ("set users name=A", 2, "say which one"),
        ("set users ayamada --add --remove", 2, "choose one"),
        ("set service-parameters --add", 2, "can only be changed"),
        ("set trunks emcc css=phones", 2, "are read when the lab starts"),
        ("set service-parameters cache_size=2000", 2, "--cluster sanjose or --cluster tokyo"),
        ("set service-parameters cache_size=1 --cluster tokyo", 2, "1 is below 1000"),
        ("set geolocation-filters by-country use=[A1]", 2, "is in several clusters"),
        ("set emcc-parameters region_max_audio_kbps=64 --cluster tokyo", 2, "differs from sanjose's '8'"),
        ("set clock forward=1:00", 2, "emcc-emu set clock advance=10:00"),
        ("set clock advance=soon", 2, "is no duration"),
        ("set faults kind=link_cut", 2, "say which one"),
        ("set faults wan kind=link_cot", 2, "did you mean 'link_cut'?"),
        ("job run nothing --cluster tokyo", 2, "is no job"),
        ("job insert-emcc-devices 30000 --cluster tokyo", 1, "more do not fit"),
        ("job restart SEP02AA00000001", 1, "is not registered there"),
        ("job logout SEP02AA00000001", 2, "nobody is logged in"),
        ("job logout SEP02AA00000001 --cluster tokyo", 2, "nobody is logged in"),
    ],
)
def test_what_is_wrong_exits_2_and_what_fails_exits_1(emcc: Emcc, arguments: str, status: int, text: str) -> None:
    result, _, error = emcc(*arguments.split(" "))
    assert (result, text in error) == (status, True), error


def test_a_lab_that_does_not_run_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "lab", "--control", "http://127.0.0.1:9"]) == 1
    assert "emcc-emu up LAB starts it" in capsys.readouterr().err
    assert run(["show", "lab", "--control", "http://127.0.0.1:9", "--against", "x"]) == 2


@pytest.mark.parametrize("command", ["show", "set", "job"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"emcc-emu {command} " in capsys.readouterr().out


def test_what_was_acknowledged_survives_the_death_of_the_clusters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = Lab(tmp_path)
    lab.start()
    against = ["--against", str(lab.ready_file)]
    assert run(["set", "users", "ayamada", "enable_emcc=no", *against]) == 0
    assert run(["job", "insert-emcc-devices", "2", "--cluster", "tokyo", *against]) == 0
    for process in children_of(json.loads(lab.ready_file.read_text())["pid"]):
        os.kill(process, signal.SIGKILL)
    lab.stop()
    lab.start()
    capsys.readouterr()
    assert run(["show", "users", "ayamada", "--json", *against]) == 0
    assert json.loads(capsys.readouterr().out)["enable_emcc"] is False
    assert run(["show", "base-devices", "--json", "--cluster", "tokyo", *against]) == 0
    assert json.loads(capsys.readouterr().out)["tokyo"]["count"] == 52
    lab.stop()


def children_of(process: int) -> list[int]:
    """Process ids of the clusters that a host runs."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]
