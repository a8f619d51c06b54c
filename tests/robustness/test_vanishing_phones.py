"""A phone may vanish after any packet of its life: the next one in its place gets one packet further."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from running_lab import PATIENCE_S, RunningLab, running_lab

from phones.phone import Phone

SCRIPT = Path(__file__).with_name("vanishing_phone.py")
PHONE = "SEP02AA00000001"
CALLEE = "SEP02BB00000001"
MAX_PACKETS = 200


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path) as running:
        yield running


class Lives:
    """The process that forks one phone after the other."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def live(self, packets: int) -> str:
        """Let a phone live for so many packets; what became of it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(b"%d\n" % packets)
        return (await asyncio.wait_for(self._process.stdout.readline(), PATIENCE_S)).decode().strip()


@contextlib.asynccontextmanager
async def lives(lab: RunningLab) -> AsyncIterator[Lives]:
    arguments = (PHONE, lab.address_of(PHONE), lab.node("sanjose"), "ayamada", "13579", "3001", "911")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(SCRIPT), *arguments), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield Lives(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await asyncio.wait_for(process.communicate(), PATIENCE_S)


async def until(lab: RunningLab, condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; it is looked at whenever a device of a cluster changes."""
    changed = asyncio.Event()
    listeners = [cluster.state.device_listeners for cluster in lab.clusters.values()]
    for entries in listeners:
        entries.append(lambda _: changed.set())
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            changed.clear()
            await changed.wait()
    for entries in listeners:
        entries.pop()


async def clean_up(lab: RunningLab, callee: Phone, last_packet: str) -> None:
    """What people do after a phone has vanished: an administrator logs its user out, who was called hangs up."""
    visiting, home = (lab.clusters[name].state for name in ("sanjose", "tokyo"))
    if "userid=" in last_packet:  # asked for completely, so it happens, whether or not anyone waits for the answer
        await until(lab, lambda: visiting.visiting_session(PHONE) is not None)
    answer = await lab.api("sanjose", f"<logout><deviceName>{PHONE}</deviceName></logout>")
    assert "<success/>" in answer or '<error code="19">' in answer  # nobody there, or his own logout is under way
    await until(lab, lambda: visiting.visiting_session(PHONE) is None and home.home_session(PHONE) is None)
    assert home.base_devices.in_use_count == 0
    await callee.calls.hang_up_all()


async def test_a_phone_may_vanish_after_any_packet(lab: RunningLab) -> None:
    callee = await lab.phone(CALLEE, answers=True)
    vanished: list[str] = []
    async with lives(lab) as phone:
        while (outcome := await phone.live(len(vanished) + 1)) != "finished":
            assert outcome.startswith("vanished"), f"{outcome}, after {vanished[-1:]}"
            vanished.append(outcome)
            await clean_up(lab, callee, outcome)
            assert len(vanished) < MAX_PACKETS
    for step in (
        "tftp",
        "cnf.xml",
        "REFER",
        "REGISTER",
        "EMAppServlet",
        "userid=",
        "INVITE",
        "ACK",
        "BYE",
        "doLogout=",
    ):
        assert any(step in packet for packet in vanished), step
    await until(lab, lambda: all(lab.call_processing(cluster)["calls"] == [] for cluster in ("sanjose", "tokyo")))
