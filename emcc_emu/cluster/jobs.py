"""The periodic work of a cluster on calendar time: remote cluster updates and the expired EMCC device maintenance.

Automatic logouts are calendar work too, one timer a session; `logins.LoginDesk` sets those.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.errors import EmError
from emcc_emu.net.clock import CalendarTimer

__all__ = ["MAINTENANCE", "REMOTE_UPDATE", "Jobs", "end_expired_sessions", "end_returned_visits"]

log = structlog.get_logger()

REMOTE_UPDATE = "remote cluster update"
MAINTENANCE = "expired EMCC device maintenance"

LOGIN_GRACE_S = 120.0
"""A session this young is never expired: its phone may still be on its way to us. Seconds of calendar time."""

CODE_NO_USER = 19


@dataclass(frozen=True, slots=True)
class _Job:
    name: str
    interval_s: Callable[[], float]
    work: Callable[[], Awaitable[str]]


class Jobs:
    """Runs the periodic work of one cluster and writes down each run.

    Args:
        context: The cluster.
        update_remote_clusters: Asks every remote cluster.
        desk: Ends expired sessions.
    """

    def __init__(
        self, context: ServiceContext, update_remote_clusters: Callable[[], Awaitable[None]], desk: LoginDesk
    ) -> None:
        self._context = context
        self._update = update_remote_clusters
        self._desk = desk
        self._timers: dict[str, CalendarTimer] = {}
        self._intervals_s: dict[str, float] = {}
        self._jobs = (
            _Job(REMOTE_UPDATE, lambda: context.config.emcc.remote_cluster_update_interval_s, self._update_all),
            _Job(MAINTENANCE, lambda: context.config.emcc.expired_device_maintenance_interval_s, self._maintain),
        )

    def start(self) -> None:
        """Begin; the first run of each job comes one interval from now."""
        for job in self._jobs:
            self._schedule(job)

    def intervals_changed(self) -> None:
        """Let a job whose interval is another one now run one new interval from now."""
        for job in self._jobs:
            if job.name in self._timers and self._intervals_s[job.name] != job.interval_s():
                self._timers[job.name].cancel()
                self._schedule(job)

    def next_runs(self) -> dict[str, float]:
        """Calendar time of the next run of each job, by name."""
        return {name: timer.due_s for name, timer in self._timers.items()}

    def close(self) -> None:
        """Run nothing more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def run(self, name: str) -> str:
        """Run one job now; returns what it did.

        Raises:
            KeyError: No job has that name.
        """
        job = {entry.name: entry for entry in self._jobs}[name]
        return await self._run(job, self._context.clock.time())

    def _schedule(self, job: _Job) -> None:
        self._intervals_s[job.name] = job.interval_s()
        due_s = self._context.clock.time() + job.interval_s()

        async def run() -> None:
            await self._run(job, due_s)
            self._schedule(job)

        name = f"{job.name} of {self._context.config.name}"
        self._timers[job.name] = self._context.clock.schedule(due_s, name, run)

    async def _run(self, job: _Job, due_s: float) -> str:
        started_s = self._context.clock.time()
        try:
            result = await job.work()
        except EmError as error:
            result = f"failed with code {error.code}"
        log.info("job_finished", cluster=self._context.config.name, job=job.name, result=result)
        try:
            await self._context.state.write_job(job.name, due_s, started_s, result)
        except EmError as error:
            log.error("job_not_written", job=job.name, code=error.code)
        return result

    async def _update_all(self) -> str:
        await self._update()
        statuses = self._context.state.remote_clusters.values()
        silent = sorted(status.cluster_id for status in statuses if status.error_code is not None)
        return f"{len(statuses)} asked" + (f", no good answer from {', '.join(silent)}" if silent else "")

    async def _maintain(self) -> str:
        ended = await end_expired_sessions(self._context, self._desk)
        ended += await end_returned_visits(self._context, self._desk)
        return f"{len(ended)} logged out" + (f": {', '.join(ended)}" if ended else "")


async def end_returned_visits(context: ServiceContext, desk: LoginDesk) -> list[str]:
    """Clear the record of every phone of ours that is registered here although somebody of another cluster is on it.

    It came back while its logout was being asked, or the word of home that the session is over was lost.

    Raises:
        EmError: 6.
    """
    state, ended = context.state, []
    for visit in state.remote_logins():
        is_young = context.clock.time() - visit.login_time_s < LOGIN_GRACE_S
        if (
            is_young
            or state.is_in_transition(visit.device_name)
            or not context.control.is_registered(visit.device_name)
        ):
            continue
        await desk.close_visiting_session(visit.device_name, "maintenance")
        ended.append(visit.device_name)
    return ended


async def end_expired_sessions(context: ServiceContext, desk: LoginDesk) -> list[str]:
    """Log out every EMCC device whose phone is not registered here; returns their names.

    Such a phone has gone back to its own cluster after a failure, while we still hold its base device. Nothing is sent
    to the phone, which is not here; its cluster is told.

    Raises:
        EmError: 6.
    """
    ended = []
    for session in context.state.home_sessions():
        is_young = context.clock.time() - session.login_time_s < LOGIN_GRACE_S
        if is_young or context.control.is_registered(session.device_name):
            continue
        try:
            await desk.close_home_session(session.device_name, "maintenance", resets=False)
            ended.append(session.device_name)
        except EmError as error:
            if error.code != CODE_NO_USER:
                raise
    return ended
