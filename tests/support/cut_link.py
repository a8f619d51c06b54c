"""One phone of the ready-made lab, both clusters, and a link between them that breaks at any message."""

from __future__ import annotations

import contextlib
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
from running_lab import RunningLab, running_lab

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.cluster.jobs import MAINTENANCE
from emcc_emu.lab.faults import Fault
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.rules.faults import Verdict
from phones.calls import CallState
from phones.phone import Phone
from phones.timing import PhoneTiming

__all__ = ["NAME", "PIN", "USER", "Link", "World", "living_world", "logged_in", "logged_out"]

NAME = "SEP02AA00000001"
USER, PIN = "ayamada", "13579"
ANSWER_TIMEOUT_S = 0.25
PATIENCE_S = 15.0
TIMING = PhoneTiming(
    retry_s=0.2, http_timeout_s=0.4, tftp_timeout_s=0.1, tftp_tries=2, home_attempts_s=0.3, home_pause_s=0.1,
    unregister_s=0.2, page_timeout_s=3.0, sip=SipTimers(timeout_s=1.0),
)  # fmt: skip


class Link:
    """What passes between the two clusters, phones included; it breaks while a given message is on its way."""

    def __init__(self, clusters: dict[str, Cluster]) -> None:
        self._boards = [cluster.state.faults for cluster in clusters.values()]
        names = tuple(clusters)
        self._quiet = Fault(name="watch", kind="link_loss", link=names, percent=0)
        self._cut = Fault(name="cut", kind="link_cut", link=names)
        self._left = 0
        self.passed = 0
        """Messages since the last `break_at`."""
        for board in self._boards:
            board.set(self._quiet)
            self._watch(board)

    def break_at(self, message: int) -> None:
        """Lose the message of this number, counted from 1 and from now, and all that follow; 0 breaks at once."""
        self._left, self.passed = message, 0
        if message == 0:
            self._break()

    def heal(self) -> None:
        """Let everything pass."""
        self._left = -1
        for board in self._boards:
            board.clear("cut")

    def _break(self) -> None:
        for board in self._boards:
            board.set(self._cut)

    def _watch(self, board: Any) -> None:
        outgoing, incoming = board.outgoing, board.incoming

        def sent(protocol: Any, local: Any, remote: Any, payload: bytes, *rest: Any) -> Verdict:
            result: Verdict = outgoing(protocol, local, remote, payload, *rest)
            is_abroad = board._sites.get(remote[0], board.cluster) != board.cluster
            is_ping = protocol == "sip" and remote[0] in board._nodes
            if is_abroad and not is_ping and not result.is_dropped:
                self._count()
            return result

        def received(protocol: Any, local: Any, remote: Any, payload: bytes, *rest: Any) -> Verdict:
            result: Verdict = incoming(protocol, local, remote, payload, *rest)
            is_from_phone_abroad = (
                remote[0] not in board._nodes and board._sites.get(remote[0], board.cluster) != board.cluster
            )
            if is_from_phone_abroad and not result.is_dropped:
                self._count()
            return result

        board.outgoing, board.incoming = sent, received

    def _count(self) -> None:
        self.passed += 1
        if self.passed == self._left:
            self._break()


class World:
    """The lab, its link, and one phone that lives through it."""

    def __init__(self, lab: RunningLab, phone: Phone) -> None:
        self.lab = lab
        self.phone = phone
        self.visiting, self.home = lab.clusters["sanjose"], lab.clusters["tokyo"]
        self.link = Link(lab.clusters)
        for cluster in (self.visiting, self.home):
            cluster.state.device_listeners.append(lambda _: phone.notify())

    @property
    def is_logged_in(self) -> bool:
        return self.visiting.state.visiting_session(NAME) is not None

    def is_at(self, cluster: Cluster) -> bool:
        node = self.phone.registered_at
        return node is not None and node[0] in {node.address for node in cluster.config.nodes}

    async def until(self, condition: Callable[[], bool]) -> None:
        await self.phone.wait_until(condition, timeout_s=PATIENCE_S)

    async def log_in(self) -> None:
        await self.phone.login(USER, PIN)

    async def heal(self) -> None:
        """Let the link work again, and both clusters carry on with what they have open."""
        self.link.heal()
        for _ in range(5):
            for cluster in (self.visiting, self.home):
                await cluster.em.reconciler.run_once()
        assert self.visiting.state.intents() == self.home.state.intents() == []

    def is_settled(self) -> bool:
        """Whether the phone is where its cluster says that it is."""
        return self.is_at(self.home if self.is_logged_in else self.visiting)

    async def maintain(self) -> None:
        """A day passes at home, where what is registered no more is logged out; the phone's old one has expired."""
        if self.home.state.home_session(NAME) is not None and not self.is_logged_in:
            self.home.call_manager.unregister_device(NAME)
            await self.lab.clock.advance(300)
            assert await self.home.em.jobs.run(MAINTENANCE) == f"1 logged out: {NAME}"
            await self.heal()

    async def check(self) -> None:
        """Every invariant.

        Raises:
            AssertionError: One is broken.
        """
        await self.until(self.is_settled)
        await self.maintain()
        here, there = self.visiting.state.visiting_session(NAME), self.home.state.home_session(NAME)
        agreed = [None if row is None else (row.user_id, row.emcc_device) for row in (here, there)]
        assert agreed[0] == agreed[1]
        in_use = [session.emcc_device for session in self.home.state.home_sessions()]
        assert len(set(in_use)) == len(in_use) == self.home.state.base_devices.in_use_count
        assert self.is_at(self.visiting) != self.is_at(self.home)
        assert self.is_at(self.home) is (here is not None)
        await self.call_for_help()

    async def call_for_help(self) -> None:
        """An emergency call goes out by the gateway of the cluster that the phone stands in."""
        await self.home.call_manager.wait_trunks_pinged()
        gateway = self.visiting.call_manager.gateways["sanjose-gateway"]
        before = list(gateway.calls)
        call = await self.phone.dial("911")
        await self.until(lambda: call.state in (CallState.CONNECTED, CallState.ENDED))
        assert call.state is CallState.CONNECTED, call.end_reason
        assert len([arrived for arrived in gateway.calls if arrived not in before]) == 1
        await self.phone.calls.hang_up_all()
        await self.until(lambda: not self.phone.calls.all)


def impatient(lab: Lab, is_reconciled: bool) -> Lab:
    """The lab with clusters that wait no longer than a test."""

    def changed(cluster: ClusterConfig) -> ClusterConfig:
        times = msgspec.structs.replace(cluster.service_times, remote_answer_timeout_s=ANSWER_TIMEOUT_S)
        return msgspec.structs.replace(cluster, service_times=times, reconcile=is_reconciled)

    return msgspec.structs.replace(lab, clusters=tuple(changed(cluster) for cluster in lab.clusters))


@contextlib.asynccontextmanager
async def living_world(folder: Path, *, seed: int = 1, is_reconciled: bool = True) -> AsyncIterator[World]:
    """Both clusters and the phone, registered where it stands; everything ends with the block.

    Args:
        folder: For certificates and databases.
        seed: Of the phone.
        is_reconciled: The lab setting `reconcile` of both clusters.
    """
    async with running_lab(folder, change=lambda lab: impatient(lab, is_reconciled)) as lab:
        identity, servers = lab.make_phone(NAME).identity, lab.file_servers("sanjose")
        async with Phone(identity, servers, rng=random.Random(seed), timing=TIMING) as phone:
            await phone.wait_registered(timeout_s=PATIENCE_S)
            yield World(lab, phone)


async def logged_in(world: World) -> None:
    """Have the user on the phone, and the phone at home."""
    if not world.is_logged_in:
        await world.log_in()
    await world.until(world.is_settled)


async def logged_out(world: World) -> None:
    """Have nobody on the phone, and the phone where it stands."""
    if world.is_logged_in:
        await world.until(world.is_settled)
        await world.phone.logout()
    await world.until(lambda: not world.is_logged_in and world.is_settled())
