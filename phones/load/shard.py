"""The phones of one process: boots them, lets sessions begin when they are due, and reports as it goes."""

from __future__ import annotations

import asyncio
import math
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from ipaddress import ip_address

from emcc_emu.net.sip_tcp import local_ip_towards
from phones.downloads import FileServer
from phones.fleet import Fleet
from phones.identity import PhoneIdentity, find_model
from phones.load.arrivals import ArrivalPlan, profile_of
from phones.load.measure import Measurement
from phones.load.messages import (
    Booted,
    ChangeRate,
    Done,
    Order,
    Pause,
    PhoneJob,
    Progress,
    Report,
    Resume,
    ShardJob,
    Start,
    Stop,
)
from phones.load.session import Session
from phones.phone import Phone, PhoneState
from phones.scenario import SessionKind, User

__all__ = ["Shard"]

REPORT_INTERVAL_S = 0.25
BOOT_TIMEOUT_S = 120.0
FAILURES_NAMED = 10
LOGOUTS_AT_ONCE = 64


class Shard:
    """One process's part of a load; it is the `Desk` of its sessions.

    Args:
        job: What to do.
        report: Takes what is to be told.
    """

    def __init__(self, job: ShardJob, report: Callable[[Report], None]) -> None:
        self.scenario = scenario = job.scenario
        self.measured = Measurement()
        self.is_stopping = False
        self._job = job
        self._report = report
        self._rng = random.Random(f"{scenario.seed} {job.shard}")
        context = ssl.create_default_context(cadata=job.ca_pem) if job.ca_pem else None
        server_ip = socket.gethostbyname(job.file_servers[0].address)
        self._fleet = Fleet(
            [PhoneIdentity(phone.name, find_model(phone.model), _own_ip(phone, server_ip)) for phone in job.phones],
            [FileServer(server.address, server.tftp, server.http) for server in job.file_servers],
            rng=random.Random(f"{scenario.seed} {job.shard} phones"),
            ssl_context=context,
        )
        load = scenario.load
        self._plan = ArrivalPlan(
            profile_of(load),
            shard=job.shard,
            shards=job.shards,
            limit=load.arrivals if load.shape != "morning" else None,
            rng=self._rng if load.spacing == "random" else None,
        )
        self._idle: deque[Phone] = deque()
        self._free: dict[str, deque[User]] = {
            pool.name: deque(pool.expanded()[job.shard :: job.shards]) for pool in scenario.users
        }
        self._waiting: dict[str, deque[tuple[float, SessionKind]]] = {pool.name: deque() for pool in scenario.users}
        self._kinds = [kind for kind in scenario.sessions for _ in range(kind.weight)] if self._is_small() else []
        self._kind_number = job.shard
        self._at_work: dict[Session, asyncio.Task[None]] = {}
        self._staying: dict[Phone, Session] = {}  # phones whose user stays logged in
        self._start_s = math.inf
        self._paused_at_s: float | None = None
        self._changed = asyncio.Event()  # an order, or a session that ended
        self._stop_at_once = False
        self._news: list[tuple[str, str]] = []
        self._emergencies: list[str] = []
        self._violation = ("", "")
        self._journal: list[str] = []

    def _is_small(self) -> bool:
        return sum(kind.weight for kind in self.scenario.sessions) <= 1000

    # What sessions need.

    def now_s(self) -> float:
        """Seconds since the start of the load."""
        return asyncio.get_running_loop().time() - self._start_s

    def random(self) -> float:
        """A random number from 0 to 1."""
        return self._rng.random()

    def exponential(self, mean_s: float) -> float:
        """An exponentially distributed time."""
        return self._rng.expovariate(1 / mean_s) if mean_s else 0.0

    def signed_in(self, phone: Phone, user: User | None) -> None:
        """Somebody has logged in, or out when `user` is None."""
        self._news.append((phone.identity.name, user.user_id if user is not None else ""))

    def called_emergency(self, phone: Phone) -> None:
        """An emergency call has been answered."""
        self._emergencies.append(phone.identity.name)

    def violated(self, phone: Phone, what: str) -> None:
        """Something happened that never should; the first is told."""
        if not self._violation[0]:
            self._violation = (f"{phone.identity.name}: {what}", phone.identity.name)

    def tell(self, phone: Phone, text: str) -> None:
        """Say what is going on, when somebody listens."""
        if self._job.journal:
            self._journal.append(f"{phone.identity.name}  {text}")

    # The run.

    def obey(self, order: Order) -> None:
        """Carry out an order of the process that directs the load."""
        loop = asyncio.get_running_loop()
        match order:
            case Start(at_s=at_s):
                self._start_s = loop.time() + at_s - time.time()
            case ChangeRate(factor=factor):
                self._plan.change_factor(factor, self.now_s() if self._start_s < loop.time() else 0.0)
            case Pause():
                if self._paused_at_s is None:
                    self._paused_at_s = self.now_s()
            case Resume():
                if self._paused_at_s is not None:
                    self._plan.skip_pause(self.now_s() - self._paused_at_s)
                    self._paused_at_s = None
            case Stop(at_once=at_once):
                self.is_stopping = True
                self._stop_at_once = at_once
        self._changed.set()

    async def run(self) -> None:
        """Boot, wait for the order to start, carry the load, log out, unregister; returns when all phones are off."""
        try:
            await self._boot()
            await self._until(lambda: self._start_s < math.inf or self.is_stopping)
            if self._start_s == math.inf:
                return
            reporting = asyncio.get_running_loop().create_task(self._keep_reporting())
            try:
                await self._carry()
                duration_s = self.now_s()
                await self._log_everybody_out()
            finally:
                reporting.cancel()
            self._tell_progress()
            self._report(Done(duration_s, time.process_time()))
        finally:
            await self._fleet.power_off(concurrency=LOGOUTS_AT_ONCE)

    async def _boot(self) -> None:
        tally = await self._fleet.power_on(concurrency=self.scenario.phones.boots_at_once, timeout_s=BOOT_TIMEOUT_S)
        ready = [phone for phone in self._fleet.phones if phone.state is PhoneState.REGISTERED]
        failed = [phone.identity.name for phone in self._fleet.phones if phone.state is not PhoneState.REGISTERED]
        self._idle.extend(ready)
        self._report(Booted(len(ready), tuple(failed[:FAILURES_NAMED]), len(failed), tally.duration_s))

    async def _until(self, condition: Callable[[], bool], deadline_s: float = math.inf) -> None:
        """Wait for a change until the condition holds or the deadline, in seconds of the load, has come."""
        loop = asyncio.get_running_loop()
        while not condition():
            self._changed.clear()
            wait_s = None if deadline_s == math.inf else self._start_s + deadline_s - loop.time()
            if wait_s is not None and wait_s <= 0:
                return
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _carry(self) -> None:
        """Let sessions begin until none is left to begin, then wait for the last ones."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(max(0.0, self._start_s - loop.time()))
        if self.scenario.load.shape == "closed":
            await self._go_round()
        else:
            await self._follow_plan()
        await self._drain()

    async def _follow_plan(self) -> None:
        """The open model: sessions begin when they are due, whether earlier ones have ended or not."""
        while not self.is_stopping:
            if self._paused_at_s is not None:
                await self._until(lambda: self._paused_at_s is None or self.is_stopping)
                continue
            due_s = self._plan.next_s()
            if due_s == math.inf:
                return
            if due_s > self.now_s():
                await self._until(lambda: self._plan.next_s() != due_s or self._paused_at_s is not None, due_s)  # noqa: B023
                continue
            self._plan.advance()
            self._arrive(due_s)

    async def _go_round(self) -> None:
        """The closed model: whenever a phone is free, its next session begins."""
        load = self.scenario.load
        begun, most = self._job.shard, load.arrivals if load.arrivals is not None else math.inf
        while not self.is_stopping and begun < most and self.now_s() < load.duration_s:
            kind = self._next_kind()
            if self._paused_at_s is None and self._idle and self._free[kind.users]:
                self._arrive(self.now_s(), kind)
                begun += self._job.shards
            elif not self._at_work and self._paused_at_s is None:
                return  # every phone or user is taken for good
            else:
                self._kind_number -= self._job.shards
                self._changed.clear()
                await self._until(self._changed.is_set, load.duration_s)

    def _next_kind(self) -> SessionKind:
        """Kinds come by their weights: spread evenly, or drawn when the weights are large."""
        self._kind_number += self._job.shards
        if self._kinds:
            return self._kinds[self._shuffled(self._kind_number) % len(self._kinds)]
        return self._rng.choices(self.scenario.sessions, [kind.weight for kind in self.scenario.sessions])[0]

    def _shuffled(self, number: int) -> int:
        """Spread the kinds: steps that share no divisor with their count visit each exactly once a round."""
        count = len(self._kinds)
        step = next(step for step in range(max(1, round(count * 0.382)), 2 * count + 1) if math.gcd(step, count) == 1)
        return number * step

    def _arrive(self, due_s: float, kind: SessionKind | None = None) -> None:
        kind = kind or self._next_kind()
        self.measured.arrived(int(due_s))
        if self._idle and self._free[kind.users]:
            self.measured.began(self.now_s() - due_s)
            self._begin(due_s, kind)
        else:
            self._waiting[kind.users].append((due_s, kind))

    def _begin(self, due_s: float, kind: SessionKind) -> None:
        session = Session(self, self._idle.popleft(), self._free[kind.users].popleft(), kind, due_s)
        task = asyncio.get_running_loop().create_task(self._accompany(session))
        self._at_work[session] = task

    async def _accompany(self, session: Session) -> None:
        """Run a session; then its phone and its user are free for another one, unless the user stays."""
        await session.wait_ready()
        try:
            await session.run()
        finally:
            self.measured.finished += 1
            del self._at_work[session]
            if session.is_in:
                self._staying[session.phone] = session
            else:
                self._idle.append(session.phone)
                self._free[session.kind.users].append(session.user)
            self._serve_waiting()
            self._changed.set()

    def _serve_waiting(self) -> None:
        """Let sessions begin that wait for a phone or a user, the one that was due first before the others."""
        while self._idle and not self.is_stopping:
            ready = [(queue[0][0], pool) for pool, queue in self._waiting.items() if queue and self._free[pool]]
            if not ready:
                return
            _, pool = min(ready)
            self._begin(*self._waiting[pool].popleft())

    async def _drain(self) -> None:
        """Wait for the sessions under way and for those that are due, as long as the scenario allows."""

        def is_over() -> bool:
            is_nothing_waiting = self.is_stopping or not any(self._waiting.values()) or not self._at_work
            return self._stop_at_once or (not self._at_work and is_nothing_waiting)

        await self._until(is_over, self.now_s() + self.scenario.drain_s)
        self.is_stopping = True
        if not self._stop_at_once:
            await self._until(lambda: not self._at_work or self._stop_at_once, self.now_s() + self.scenario.patience_s)
        left = list(self._at_work.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self.measured.unserved += sum(len(queue) for queue in self._waiting.values())

    async def _log_everybody_out(self) -> None:
        if not self.scenario.log_out_at_end:
            return
        self.is_stopping = False  # people may try again
        staying = iter(list(self._staying.values()))

        async def take_turns() -> None:
            for session in staying:
                if self._stop_at_once or not await session.log_out(self.now_s()):
                    self.measured.stranded += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(min(LOGOUTS_AT_ONCE, len(self._staying))):
                group.create_task(take_turns())

    # Reports.

    async def _keep_reporting(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL_S)
            self._tell_progress()

    def _tell_progress(self) -> None:
        measured, self.measured = self.measured, Measurement()
        violation, phone = self._violation
        self._report(
            Progress(
                measured.delta(),
                sessions=len(self._at_work),
                waiting=sum(len(queue) for queue in self._waiting.values()),
                logged_in=tuple(self._news),
                emergencies=tuple(self._emergencies),
                violation=violation,
                violation_phone=phone,
                journal=tuple(self._journal),
            )
        )
        self._news, self._emergencies, self._journal = [], [], []


def _own_ip(phone: PhoneJob, server_ip: str) -> str:
    """Where a phone sends from: a loopback address of the lab file cannot leave its machine."""
    if phone.address and ip_address(phone.address).is_loopback == ip_address(server_ip).is_loopback:
        return phone.address
    return local_ip_towards((server_ip, 1))
