"""`emcc-emu load --scheduler` on a real Dask scheduler with two workers, in networks of their own where root allows."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("distributed") is None, reason="the extra distributed is not installed"
)

LAB = Path(__file__).parents[2] / "fixtures" / "labs" / "many-phones.yaml"
TIMEOUT_S = 60.0
HUB, FIRST, OTHER_HUB, SECOND = "192.0.2.1", "192.0.2.2", "198.51.100.1", "198.51.100.2"
NODES = {"sanjose-pub": "192.0.2.10", "tokyo-pub": "192.0.2.20"}

SCENARIO = f"""
name: on dask
lab: {LAB}
phones: {{cluster: sanjose, count: 12}}
users: {{roaming: {{user_id: "user{{0001}}", pin: "13579", people: 12}}}}
sessions: {{roam: {{users: roaming, do: [login, logout]}}}}
load: {{rate: 20/s, duration: 600 ms}}
retry: {{first: 100 ms, longest: 400 ms, tries: 100}}
"""


@dataclass(frozen=True)
class Machine:
    """Somewhere to run commands."""

    prefix: tuple[str, ...]
    address: str

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.prefix, sys.executable, "-m", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@contextlib.contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    with process:
        try:
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=10)
            process.kill()


def wait_for_line(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if text in line:
            return line
    pytest.fail(f"{text!r} never came: {''.join(said)}")


@contextlib.contextmanager
def network(setup: str) -> Iterator[int]:
    """A network of its own; the process id names it."""
    ready = f"ip link set lo up && {setup} && echo up && exec sleep infinity"
    with subprocess.Popen(["unshare", "--net", "bash", "-c", ready], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "up\n"
            yield holder.pid
        finally:
            holder.kill()


def cable(hub: int, other: int, hub_address: str, other_address: str) -> None:
    """Connect two networks; the other one reaches everything through the hub."""
    name = f"to{other}"
    inside = ["nsenter", "--net", "--target"]
    for command in (
        [*inside, str(hub), "ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(other)],
        [*inside, str(hub), "ip", "address", "add", f"{hub_address}/30", "dev", name],
        [*inside, str(hub), "ip", "link", "set", name, "up"],
        [*inside, str(other), "ip", "address", "add", f"{other_address}/30", "dev", "eth0"],
        [*inside, str(other), "ip", "link", "set", "eth0", "up"],
        [*inside, str(other), "ip", "route", "add", "default", "via", hub_address],
    ):
        subprocess.run(command, check=True)


@contextlib.contextmanager
def machines() -> Iterator[tuple[Machine, Machine, Machine]]:
    """The one of the lab, the scheduler and the load, and two for workers.

    Without root, all are this machine.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("ip") is None:
        here = Machine((), "127.0.0.1")
        yield here, here, here
        return
    nodes = " && ".join(f"ip address add {address}/32 dev lo" for address in NODES.values())
    with network(nodes) as hub, network("true") as first, network("true") as second:
        cable(hub, first, HUB, FIRST)
        cable(hub, second, OTHER_HUB, SECOND)
        inside = {pid: ("nsenter", "--net", "--target", str(pid)) for pid in (hub, first, second)}
        yield Machine(inside[hub], HUB), Machine(inside[first], FIRST), Machine(inside[second], SECOND)


@dataclass(frozen=True)
class Setting:
    """What the tests of this file share."""

    hub: Machine
    scheduler: str
    ready: Path
    workers: tuple[subprocess.Popen[str], ...]

    def load(self, folder: Path, scenario: str) -> subprocess.Popen[str]:
        file = folder / "scenario.yaml"
        file.write_text(scenario)
        arguments = ["--against", str(self.ready), "--scheduler", self.scheduler, "--workers", "2"]
        return self.hub.start("emcc_emu", "load", str(file), *arguments, "--json", str(folder / "figures.json"))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    folder = tmp_path_factory.mktemp("dask")
    ready = folder / "ready.json"
    with machines() as (hub, *others), contextlib.ExitStack() as running:
        is_apart = hub.address != others[0].address
        where = [f"--address={node}={address}" for node, address in NODES.items()] if is_apart else ["--ephemeral"]
        up = ["emcc_emu", "up", str(LAB), *where, "--plain", "--no-trace", "--control", "127.0.0.1:0"]
        lab = running.enter_context(ended(hub.start(*up, "--ready-file", str(ready))))
        listen = ["--host", hub.address, "--port", "0", "--no-dashboard"]
        scheduler = running.enter_context(ended(hub.start("distributed.cli.dask_scheduler", *listen)))
        address = wait_for_line(scheduler, "Scheduler at:").split()[-1]
        workers = tuple(
            running.enter_context(
                ended(
                    machine.start(
                        "distributed.cli.dask_worker",
                        *(address, "--host", machine.address, "--no-nanny", "--nthreads", "1", "--no-dashboard"),
                        *("--local-directory", str(folder)),
                    )
                )
            )
            for machine in others
        )
        wait_for_line(lab, "ready:")
        yield Setting(hub, address, ready, workers)


def test_a_fleet_spread_over_two_machines_adds_up(tmp_path: Path, setting: Setting) -> None:
    with ended(setting.load(tmp_path, SCENARIO)) as load:
        output, _ = load.communicate(timeout=TIMEOUT_S)
    assert load.returncode == 0, output
    told = json.loads((tmp_path / "figures.json").read_bytes())
    assert "12 phones registered" in output and "carried by 2 Dask workers" in output
    assert told["logins"]["ok"] == told["logouts"]["ok"] == 12
    assert (told["workers"], told["lost_workers"], told["violation"]) == (2, [], "")


def test_a_machine_that_dies_is_reported_with_its_phones(tmp_path: Path, setting: Setting) -> None:
    with ended(
        setting.load(tmp_path, SCENARIO.replace("rate: 20/s, duration: 600 ms", "rate: 5/s, duration: 2 s"))
    ) as load:
        wait_for_line(load, "phones registered")
        setting.workers[0].send_signal(signal.SIGKILL)
        output, _ = load.communicate(timeout=TIMEOUT_S)
    assert load.returncode == 1, output
    told = json.loads((tmp_path / "figures.json").read_bytes())
    (lost,) = told["lost_workers"]
    assert len(lost["phones"]) == 6
    assert any("with 6 phones was lost: its Dask worker tcp://" in reason for reason in told["failures"])


def test_a_scheduler_that_does_not_answer_is_said(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    file = tmp_path / "scenario.yaml"
    file.write_text(SCENARIO)
    command = [sys.executable, "-m", "emcc_emu", "load", str(file), "--scheduler", "nonsense://127.0.0.1:1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 1
    assert "error: --scheduler nonsense://127.0.0.1:1:" in done.stderr
