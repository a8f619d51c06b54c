"""Deadlines: one timer wheel for all timers of one driver, so that ten thousand machines need one timer of the loop.

Time is cut into ticks of 1/64 s, a binary fraction so that the usual protocol intervals (0.5 s, 4 s, 32 s) fall on
ticks exactly. A deadline is kept with all others of its tick; ticks in use are kept in a heap. Adding and cancelling
costs one or two dict operations whatever the number of timers is; the heap is touched once per tick, not per timer.
A timer never fires early and at most one tick late.
"""

from __future__ import annotations

import heapq
import math
from typing import Generic, TypeVar

__all__ = ["NO_TICK", "TICK_S", "Deadlines", "Timed"]

_TICKS_PER_S = 64

TICK_S = 1 / _TICKS_PER_S
"""Resolution of the wheel, seconds."""

NO_TICK = -1
"""What `Timed` starts with; for subclasses that fill their fields themselves."""


class Timed:
    """Something that can wait in one `Deadlines`, once at a time; subclass it or use it as it is."""

    __slots__ = ("_tick",)

    def __init__(self) -> None:
        self._tick = NO_TICK

    @property
    def is_waiting(self) -> bool:
        """Whether a deadline is set."""
        return self._tick != NO_TICK


T = TypeVar("T", bound=Timed)


class Deadlines(Generic[T]):
    """A set of timed things, each with the moment at which it wants to be handed back.

    All times are monotonic seconds, not negative.
    """

    __slots__ = ("_by_tick", "_order")

    def __init__(self) -> None:
        self._by_tick: dict[int, dict[T, None]] = {}
        self._order: list[int] = []

    def __len__(self) -> int:
        return sum(map(len, self._by_tick.values()))

    def set(self, item: T, deadline: float) -> None:
        """Hand `item` back at `deadline` and not at the time set before; `math.inf` is the same as `cancel`."""
        tick = -int(-deadline * _TICKS_PER_S // 1) if deadline != math.inf else NO_TICK
        if tick == item._tick:
            return
        if item._tick != NO_TICK:
            del self._by_tick[item._tick][item]
        item._tick = tick
        if tick == NO_TICK:
            return
        waiting = self._by_tick.get(tick)
        if waiting is None:
            self._by_tick[tick] = {item: None}
            heapq.heappush(self._order, tick)
        else:
            waiting[item] = None

    def cancel(self, item: T) -> None:
        """Forget the deadline of `item`; nothing happens when it has none."""
        if item._tick != NO_TICK:
            del self._by_tick[item._tick][item]
            item._tick = NO_TICK

    def next_deadline(self) -> float:
        """The moment at which something is due next, `math.inf` when nothing waits."""
        order = self._order
        while order:
            if self._by_tick[order[0]]:
                return order[0] * TICK_S
            del self._by_tick[heapq.heappop(order)]
        return math.inf

    def take_due(self, now: float) -> list[T]:
        """Remove and return what is due at `now`: earlier ticks first, within a tick in the order of setting."""
        due: list[T] = []
        last_tick = int(now * _TICKS_PER_S)
        while self._order and self._order[0] <= last_tick:
            for item in self._by_tick.pop(heapq.heappop(self._order)):
                item._tick = NO_TICK
                due.append(item)
        return due
