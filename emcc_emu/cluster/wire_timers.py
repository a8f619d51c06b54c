"""One timer of the event loop for everything in a call manager that waits on wire time.

Registrations, calls and trunk pings are items of one `Deadlines`; each is told when its moment has come.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from emcc_emu.protocol.deadlines import Deadlines, Timed

__all__ = ["WaitingItem", "WireTimers"]


class WaitingItem(Timed):
    """Something that waits for a moment of wire time."""

    __slots__ = ()

    def deadline_reached(self, now: float) -> None:
        """Called once when the deadline that was set has come."""
        raise NotImplementedError


class WireTimers:
    """Keeps waiting items and wakes them; needs a running event loop from the first `set` on.

    Args:
        now: Wire time, monotonic seconds.
    """

    __slots__ = ("_armed_for", "_deadlines", "_handle", "_is_closed", "_loop", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._deadlines: Deadlines[WaitingItem] = Deadlines()
        self._handle: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def set(self, item: WaitingItem, deadline: float) -> None:
        """Wake `item` at `deadline` (wire time) and not at the time set before."""
        self._deadlines.set(item, deadline)
        if deadline < self._armed_for:
            self._arm()

    def set_after(self, item: WaitingItem, delay_s: float) -> None:
        """Wake `item` after `delay_s` seconds."""
        self.set(item, self.now() + delay_s)

    def cancel(self, item: WaitingItem) -> None:
        """Forget the deadline of `item`."""
        self._deadlines.cancel(item)

    def close(self) -> None:
        """Wake nobody any more."""
        self._is_closed = True
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self._armed_for = self._deadlines.next_deadline()
        if self._is_closed or self._armed_for == math.inf:
            return
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        self._handle = self._loop.call_later(max(self._armed_for - self.now(), 0.0), self._wake)

    def _wake(self) -> None:
        self._handle = None
        now = self.now()
        for item in self._deadlines.take_due(now):
            item.deadline_reached(now)
        self._armed_for = math.inf
        self._arm()
