"""Directs a load: starts every shard, lets all begin at one instant, and adds up what they report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import msgspec

from emcc_emu.errors import LabError
from phones.load.carrier import Carrier
from phones.load.measure import Measurement
from phones.load.messages import (
    Booted,
    ChangeRate,
    Done,
    Failed,
    Order,
    Pause,
    Progress,
    Report,
    Resume,
    ShardJob,
    Start,
    Stop,
)
from phones.load.processes import ProcessCarrier

__all__ = ["Director", "LostWorker", "split_job"]


@dataclass(frozen=True, slots=True)
class LostWorker:
    """A carrier that ended before its work."""

    shard: int
    phones: tuple[str, ...]
    """The phones that went with it."""
    reason: str


@dataclass(slots=True)
class _Worker:
    job: ShardJob
    carrier: Carrier
    reading: asyncio.Task[None] | None = None
    booted: Booted | None = None
    done: Done | None = None
    failure: str = ""
    latest: Progress | None = None


@dataclass(slots=True)
class Director:
    """Runs the shards of one load; use it as `async with`.

    Args:
        jobs: One for each carrier.
        carriers: What carries them; processes of this machine unless said.
        on_progress: Told of every report, after it has been counted.
    """

    jobs: Sequence[ShardJob]
    carriers: Sequence[Carrier] = ()
    on_progress: Callable[[Progress], None] = lambda progress: None
    measurement: Measurement = field(default_factory=Measurement)
    """Everything measured so far."""
    logged_in: dict[str, str] = field(default_factory=dict)
    """Who is on which phone, as the phones know it."""
    emergencies: list[str] = field(default_factory=list)
    """Phones in the order of their answered emergency calls."""
    lost: list[LostWorker] = field(default_factory=list)
    violation: str = ""
    violation_phone: str = ""
    factor: float = 1.0
    is_paused: bool = False
    start_at_s: float = 0.0
    """Wall time of the start."""
    _workers: list[_Worker] = field(default_factory=list)
    _change: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        carriers = self.carriers or [ProcessCarrier() for _ in self.jobs]
        self._workers = [_Worker(job, carrier) for job, carrier in zip(self.jobs, carriers, strict=True)]
        await asyncio.gather(*(worker.carrier.start(worker.job) for worker in self._workers))
        for worker in self._workers:
            worker.reading = asyncio.get_running_loop().create_task(self._read(worker))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(worker.carrier.close() for worker in self._workers))
        await asyncio.gather(*(worker.reading for worker in self._workers if worker.reading), return_exceptions=True)

    @property
    def booted(self) -> int:
        """Phones that registered before the load began."""
        return sum(worker.booted.ok for worker in self._workers if worker.booted)

    @property
    def boot_failures(self) -> tuple[int, tuple[str, ...]]:
        """How many phones did not register, and some of their names."""
        reports = [worker.booted for worker in self._workers if worker.booted]
        return sum(report.failed_count for report in reports), tuple(
            name for report in reports for name in report.failed
        )

    @property
    def boot_duration_s(self) -> float:
        """How long the slowest shard took to boot."""
        return max((worker.booted.duration_s for worker in self._workers if worker.booted), default=0.0)

    @property
    def sessions(self) -> int:
        """Sessions under way."""
        return sum(worker.latest.sessions for worker in self._workers if worker.latest)

    @property
    def waiting(self) -> int:
        """Sessions that wait for a phone or a user."""
        return sum(worker.latest.waiting for worker in self._workers if worker.latest)

    @property
    def duration_s(self) -> float:
        """From the start to the end of the last session."""
        return max((worker.done.duration_s for worker in self._workers if worker.done), default=0.0)

    async def wait_booted(self) -> None:
        """Wait until every phone has registered or failed to.

        Raises:
            LabError: No phone registered.
        """
        await self._until(lambda: all(worker.booted or _is_over(worker) for worker in self._workers))
        if not self.booted:
            reasons = [worker.failure for worker in self._workers if worker.failure]
            raise LabError("no phone registered" + (f": {reasons[0]}" if reasons else ""))

    def start(self) -> None:
        """Let all shards begin at the same instant."""
        self.start_at_s = time.time() + max(worker.carrier.order_delay_s for worker in self._workers)
        self._order(Start(self.start_at_s))

    async def wait_done(self) -> None:
        """Wait until every shard has done its work or is lost."""
        await self._until(lambda: all(worker.done or _is_over(worker) for worker in self._workers))

    def change_rate(self, factor: float) -> None:
        """Let sessions come so many times as fast as planned."""
        self.factor = factor
        self._order(ChangeRate(factor))

    def pause(self) -> None:
        """Let no session begin for now."""
        self.is_paused = True
        self._order(Pause())

    def resume(self) -> None:
        """Go on after a pause."""
        self.is_paused = False
        self._order(Resume())

    def stop(self, *, at_once: bool = False) -> None:
        """Finish what is under way, log out and unregister; or do not even wait for that."""
        self._order(Stop(at_once))

    def _order(self, order: Order) -> None:
        for worker in self._workers:
            if not _is_over(worker):
                worker.carrier.order(order)

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._change.clear()
            await self._change.wait()

    async def _read(self, worker: _Worker) -> None:
        try:
            async for report in worker.carrier.reports():
                self._take(worker, report)
        finally:
            if worker.done is None:
                phones = tuple(phone.name for phone in worker.job.phones)
                self.lost.append(LostWorker(worker.job.shard, phones, worker.failure or worker.carrier.ending))
            self._change.set()

    def _take(self, worker: _Worker, report: Report) -> None:
        match report:
            case Booted():
                worker.booted = report
            case Progress():
                worker.latest = report
                self._count(report)
            case Done():
                worker.done = report
            case Failed(reason=reason):
                worker.failure = reason
        self._change.set()

    def _count(self, progress: Progress) -> None:
        self.measurement.add(progress.delta)
        for phone, user in progress.logged_in:
            if user:
                self.logged_in[phone] = user
            else:
                self.logged_in.pop(phone, None)
        self.emergencies += progress.emergencies
        if progress.violation:
            self.violate(progress.violation, progress.violation_phone)
        self.on_progress(progress)

    def violate(self, what: str, phone: str = "") -> None:
        """Something happened that never should: stop at once, and keep what was first."""
        if not self.violation:
            self.violation, self.violation_phone = what, phone
            self.stop(at_once=True)


def split_job(job: ShardJob, shards: int) -> tuple[ShardJob, ...]:
    """One job's phones dealt out to several carriers, like cards."""
    return tuple(
        msgspec.structs.replace(job, phones=job.phones[shard::shards], shard=shard, shards=shards)
        for shard in range(shards)
    )


def _is_over(worker: _Worker) -> bool:
    return worker.reading is not None and worker.reading.done()
