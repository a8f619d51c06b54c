"""Bulk administration of EMCC base devices: insert, update and delete jobs, run at once or at a later moment.

A job needs Cisco Bulk Provisioning Service on the publisher; without it the job fails. Waiting jobs survive a restart.
"""

from __future__ import annotations

import asyncio
import functools

import msgspec
import structlog

from emcc_emu.cluster.base_devices import base_device_name, base_device_number
from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.records import FAILED, BulkWork, JobRecord
from emcc_emu.errors import EmError, InputError, LabError
from emcc_emu.lab.changes import Change, apply_change
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import CalendarTimer
from emcc_emu.rules.capacity import base_device_names, free_base_device_capacity

__all__ = ["BULK_ACTIONS", "BulkJobs"]

log = structlog.get_logger()

BULK_ACTIONS = {
    "insert": "insert EMCC devices",
    "update": "update EMCC devices",
    "delete": "delete EMCC devices",
}
"""Names of the jobs by what they do."""

MAX_NAMES_SHOWN = 10
"""Names listed in a job's result; the rest is only counted."""


class BulkJobs:
    """The bulk jobs of one cluster.

    Args:
        context: The cluster.
        lock: Held by whoever changes the cluster's configuration.
    """

    def __init__(self, context: ServiceContext, lock: asyncio.Lock) -> None:
        self._context = context
        self._lock = lock
        self._state = context.state
        self._timers: dict[int, CalendarTimer] = {}

    def resume(self) -> None:
        """Set the timers of jobs that the database remembers."""
        due_s = {job.id: job.due_s for job in self._state.jobs}
        for work in self._state.bulk_work.values():
            self._schedule(work, due_s.get(work.id, 0.0))

    def close(self) -> None:
        """Start nothing more; jobs that wait are taken up again at the next start."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def submit(self, action: str, *, count: int = 0, resets: bool = False, delay_s: float = 0.0) -> JobRecord:
        """Put a job into the scheduler; one without delay has run when this returns.

        Args:
            action: A key of `BULK_ACTIONS`.
            count: How many base devices to insert or delete.
            resets: Whether visiting phones are reset after an update.
            delay_s: Seconds of calendar time until it runs.

        Raises:
            InputError: There is no default EMCC template, or a count is missing.
            LabError: The database failed.
        """
        if action != "update" and count < 1:
            raise InputError("count: an insert or delete job needs at least 1")
        if action == "insert" and not self._context.config.base_devices.template:
            raise InputError("there is no default EMCC template: set base-devices template=NAME first")
        now_s = self._context.clock.time()
        work = BulkWork(self._state.next_job_id(), action, count, resets)
        try:
            await self._state.put_job(JobRecord(work.id, BULK_ACTIONS[action], now_s + delay_s), work)
        except EmError as error:
            raise LabError("the database failed; the job was not submitted") from error
        if delay_s > 0:
            self._schedule(work, now_s + delay_s)
        else:
            await self._run(work)
        return next(job for job in self._state.jobs if job.id == work.id)

    def _schedule(self, work: BulkWork, due_s: float) -> None:
        name = f"job {work.id} of {self._context.config.name}: {BULK_ACTIONS[work.action]}"
        self._timers[work.id] = self._context.clock.schedule(due_s, name, functools.partial(self._run, work))

    async def _run(self, work: BulkWork) -> None:
        async with self._lock:
            await self._run_locked(work)

    async def _run_locked(self, work: BulkWork) -> None:
        self._timers.pop(work.id, None)
        submitted = next(job for job in self._state.jobs if job.id == work.id)
        started = msgspec.structs.replace(submitted, started_s=self._context.clock.time())
        try:
            if not self._context.config.publisher.bulk_provisioning:
                await self._finish(started, f"{FAILED}: Cisco Bulk Provisioning Service is not active on the publisher")
            elif work.action == "insert":
                await self._insert(started, work.count)
            elif work.action == "delete":
                await self._delete(started, work.count)
            else:
                await self._update(started, work.resets)
        except EmError as error:
            log.error("bulk_job_not_written", job=work.id, code=error.code)

    async def _insert(self, job: JobRecord, count: int) -> None:
        config, devices = self._context.config, self._state.base_devices
        room = free_base_device_capacity(len(config.phones), len(devices), config.call_manager.max_phones)
        if count > room:
            reason = f"{count} more do not fit, {room} would (phones + 2 x EMCC devices <= MaxPhones)"
            await self._finish(job, f"{FAILED}: {reason}")
            return
        existing = [base_device_name(number) for number in devices.numbers()]
        made, refused = base_device_names(existing, count, _other_names(config))
        result = f"{len(made)} inserted{_span(made)}"
        if refused:
            shown = ", ".join(refused[:MAX_NAMES_SHOWN])
            result += f"; naming error, {len(refused)} not inserted because the name is taken: {shown}"
        finished = self._finished(job, result)
        numbers = [base_device_number(name) for name in made]
        await self._state.change_base_devices(finished, self._with_count(len(devices) + len(made)), insert=numbers)

    async def _delete(self, job: JobRecord, count: int) -> None:
        devices = self._state.base_devices
        free = devices.free_numbers()
        numbers = free[-count:]
        result = f"{len(numbers)} deleted{_span([base_device_name(number) for number in numbers])}"
        if count > len(free):
            result += f"; {len(devices) - len(free)} are in use and stay"
        lab = self._with_count(len(devices) - len(numbers))
        await self._state.change_base_devices(self._finished(job, result), lab, delete=numbers)

    async def _update(self, job: JobRecord, resets: bool) -> None:
        """The template's settings are read with each login, so what is left to do is to reset who is logged in."""
        names = [session.device_name for session in self._state.home_sessions()] if resets else []
        reset_count = sum(self._context.control.reset_device(name, "reset") for name in names)
        result = f"{len(self._state.base_devices)} updated from {self._context.config.base_devices.template}"
        await self._finish(job, result + (f", {reset_count} phones reset" if resets else ""))

    async def _finish(self, job: JobRecord, result: str) -> None:
        await self._state.put_job(self._finished(job, result))

    def _finished(self, job: JobRecord, result: str) -> JobRecord:
        log.info("job_finished", cluster=self._context.config.name, job=job.name, result=result)
        return msgspec.structs.replace(job, finished_s=self._context.clock.time(), result=result)

    def _with_count(self, count: int) -> Lab:
        change = Change(section="base_devices", values={"count": count})
        return apply_change(self._state.lab, self._context.config.name, change)


def _other_names(config: ClusterConfig) -> frozenset[str]:
    """Names that phones, device profiles and templates have."""
    return frozenset({*config.phones_by_name, *config.device_profiles_by_name, *config.emcc_templates_by_name})


def _span(names: list[str]) -> str:
    if len(names) < 2:
        return f": {names[0]}" if names else ""
    return f": {names[0]} to {names[-1]}"
