"""Maximum Concurrent Requests of one EMService node, and the counters that the performance monitor shows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from emcc_emu.errors import EmError

__all__ = ["EmCounters", "RequestGate"]

CODE_BUSY = 26


@dataclass(slots=True)
class EmCounters:
    """What one EMService node has done since its start, by the performance monitor's names."""

    requests_handled: int = 0
    """Requests of every kind that were answered."""
    requests_in_progress: int = 0
    """Logins and logouts under way now."""
    requests_in_progress_max: int = 0
    """Most logins and logouts that were ever under way at once."""
    requests_throttled: int = 0
    """Logins and logouts refused with code 26."""
    login_requests_attempted: int = 0
    logins_successful: int = 0
    logout_requests_attempted: int = 0
    logouts_successful: int = 0
    emcc_messages: int = 0
    """EMCC messages taken in, from other clusters and from our own EMApp."""
    emcc_check_user_requests_handled: int = 0
    unknown_remote_users: int = 0
    """EMCC logins of users whom no remote cluster knew."""


class RequestGate:
    """Counts logins and logouts in progress, from the request parsed to the answer ready, and refuses one too many.

    Args:
        limit: Gives the parameter's value of this moment, because an administrator may change it.
        counters: Where to count.
    """

    def __init__(self, limit: Callable[[], int], counters: EmCounters) -> None:
        self._limit = limit
        self._counters = counters

    @contextlib.contextmanager
    def slot(self) -> Iterator[None]:
        """Hold one place while a login or logout is under way.

        Raises:
            EmError: 26, all places are taken.
        """
        counters = self._counters
        if counters.requests_in_progress >= self._limit():
            counters.requests_throttled += 1
            raise EmError(CODE_BUSY)
        counters.requests_in_progress += 1
        counters.requests_in_progress_max = max(counters.requests_in_progress_max, counters.requests_in_progress)
        try:
            yield
        finally:
            counters.requests_in_progress -= 1
