"""The two times of a lab: wire time, which nobody moves, and calendar time, which a test may advance.

Retransmission, registration expiry and keepalive run on wire time. Maximum login times, maintenance intervals,
remote cluster updates and jobs run on calendar time: wall time plus an offset. `Clock.advance` moves the offset to
each due moment in turn and waits for the work that starts there, so "ten hours later" takes milliseconds and
nothing is skipped.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

__all__ = ["CalendarTimer", "Clock", "RanWork"]

MAX_REMEMBERED = 256
"""Pieces of work that came due by themselves and are remembered until somebody moves the calendar."""

MAX_SLEEP_S = 3600.0
"""The loop looks at wall time at least this often, because wall time may be set while we sleep."""


@dataclass(frozen=True, slots=True)
class RanWork:
    """One piece of calendar work that `Clock.advance` started and waited for."""

    name: str
    due_s: float
    """Calendar time at which it was due, seconds since the epoch."""


class CalendarTimer:
    """Work that is due at a moment of calendar time; `cancel` forgets it."""

    __slots__ = ("due_s", "is_cancelled", "name", "work")

    def __init__(self, due_s: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.due_s = due_s
        self.name = name
        self.work = work
        self.is_cancelled = False

    def cancel(self) -> None:
        """Forget the work if it has not started."""
        self.is_cancelled = True


class Clock:
    """Wire time, calendar time, and the work that waits for a calendar moment.

    One clock serves all clusters of a process. It needs no start; `close` cancels what waits and what runs.

    Args:
        offset_s: Calendar time minus wall time at the beginning, seconds.
    """

    def __init__(self, *, offset_s: float = 0.0) -> None:
        self._offset_s = offset_s
        self._heap: list[tuple[float, int, CalendarTimer]] = []
        self._count = 0
        self._handle: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._started_alone: deque[RanWork] = deque(maxlen=MAX_REMEMBERED)

    def now(self) -> float:
        """Wire time: monotonic seconds with no meaning but their differences."""
        return time.monotonic()

    def time(self) -> float:
        """Calendar time: seconds since the epoch, as the lab sees them."""
        return time.time() + self._offset_s

    @property
    def offset_s(self) -> float:
        """Calendar time minus wall time, seconds."""
        return self._offset_s

    def schedule(self, due_s: float, name: str, work: Callable[[], Awaitable[None]]) -> CalendarTimer:
        """Have `work` run when calendar time reaches `due_s`; at once when that is past.

        Args:
            due_s: Calendar time, seconds since the epoch.
            name: What `advance` calls the work.
            work: Called once, on the loop that runs now. It handles its own errors.
        """
        timer = CalendarTimer(due_s, name, work)
        self._count += 1
        heapq.heappush(self._heap, (due_s, self._count, timer))
        if self._heap[0][2] is timer:
            self._arm()
        return timer

    async def advance(self, seconds: float, *, since_s: float | None = None) -> list[RanWork]:
        """Move calendar time forward, stopping at each due moment and waiting for the work that starts there.

        Args:
            seconds: How far, 0 or more. Work that is scheduled on the way and due before the end runs too.
            since_s: Calendar time since which work that came due by itself is told too; None is now.

        Returns:
            What ran, by its due moments.
        """
        target_s = self.time() + seconds
        begin_s = self.time() if since_s is None else since_s
        ran: list[RanWork] = []
        while (timer := self._pop_due(target_s)) is not None:
            if timer.due_s > self.time():
                self._offset_s = timer.due_s - time.time()
            await self._start(timer)
            ran.append(RanWork(timer.name, timer.due_s))
        if target_s > self.time():
            self._offset_s = target_s - time.time()
        self._arm()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return sorted(ran + self._take_started_alone(begin_s), key=lambda work: work.due_s)

    def next_due_s(self) -> float:
        """Calendar time at which the next work is due, `math.inf` when none waits."""
        self._drop_cancelled()
        return self._heap[0][0] if self._heap else math.inf

    async def move_offset(self, offset_s: float, since_s: float | None = None) -> list[RanWork]:
        """Make the offset exactly that, and wait for the work that is due then.

        For several processes that move in step: each is told the same offset. An offset behind the present one only
        makes work run that is due now.

        Args:
            offset_s: Calendar time minus wall time, seconds.
            since_s: Calendar time since which work that came due by itself, between two moves, is told too.
        """
        self._offset_s = max(self._offset_s, offset_s)
        return await self.advance(0.0, since_s=since_s)

    def _take_started_alone(self, since_s: float) -> list[RanWork]:
        """Work that wall time brought about since then, and that nobody has been told of."""
        taken = [work for work in self._started_alone if work.due_s >= since_s]
        self._started_alone.clear()
        return taken

    async def close(self) -> None:
        """Cancel everything that waits and everything that runs."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._heap.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._drop_cancelled()
        if self._heap:
            delay_s = min(max(self._heap[0][0] - self.time(), 0.0), MAX_SLEEP_S)
            self._handle = asyncio.get_running_loop().call_later(delay_s, self._run_due)

    def _drop_cancelled(self) -> None:
        while self._heap and self._heap[0][2].is_cancelled:
            heapq.heappop(self._heap)

    def _run_due(self) -> None:
        self._handle = None
        while (timer := self._pop_due(self.time())) is not None:
            self._start(timer)
            self._started_alone.append(RanWork(timer.name, timer.due_s))
        self._arm()

    def _pop_due(self, until_s: float) -> CalendarTimer | None:
        while self._heap and self._heap[0][0] <= until_s:
            timer = heapq.heappop(self._heap)[2]
            if not timer.is_cancelled:
                return timer
        return None

    def _start(self, timer: CalendarTimer) -> asyncio.Task[None]:
        task = asyncio.ensure_future(_run(timer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _run(timer: CalendarTimer) -> None:
    await timer.work()
