"""OPTIONS ping: is one destination of a trunk reachable from one node?

The behaviour is that of Unified CM's "Enable OPTIONS Ping to monitor destination status" in the SIP profile of a
trunk: any response but 408 and 503 proves the destination alive, even 401, 404 or 483.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from typing import Final, Literal

__all__ = [
    "OptionsPing",
    "PingDue",
    "PingSettings",
    "PingState",
    "PingStateChanged",
    "TrunkStatus",
    "retry_times",
    "trunk_status",
]

_MAX_BACK_OFF_S: Final = 4.0
_DOWN_STATUSES: Final = (408, 503)
_LOCAL_REASONS: Final = {"timeout": "local=1", "unresolved": "local=3"}
_NO_SOCKET: Final = "local=2"


@dataclasses.dataclass(frozen=True, slots=True)
class PingSettings:
    """How a trunk's destinations are watched; the defaults and ranges are those of the SIP profile."""

    in_service_interval_s: float = 60.0
    """Gap after an answered ping. Seconds, 5 to 600."""

    out_of_service_interval_s: float = 120.0
    """Gap after a failed one. Seconds, 5 to 600."""

    retry_timer_s: float = 0.5
    """First wait for an answer. Seconds, 0.1 to 1."""

    retry_count: int = 6
    """Repetitions before the destination counts as down. 1 to 10."""

    back_off: Literal["doubling", "fixed"] = "doubling"
    """Whether waits double up to 4 s, like transaction timer E, or stay the same."""


def retry_times(settings: PingSettings) -> tuple[tuple[float, ...], float]:
    """When a ping is repeated, and when it has failed, in seconds since it was sent first.

    By default 0.5, 1.5, 3.5, 7.5, 11.5 and 15.5, failed at 19.5.
    """
    times: list[float] = []
    at = 0.0
    wait_s = settings.retry_timer_s
    for _ in range(settings.retry_count):
        at += wait_s
        times.append(at)
        if settings.back_off == "doubling":
            wait_s = min(wait_s * 2, _MAX_BACK_OFF_S)
    return tuple(times), at + wait_s


class PingState(enum.Enum):
    """What is known of a destination."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclasses.dataclass(frozen=True, slots=True)
class PingDue:
    """Send an OPTIONS now, in a transaction that gives up after `timeout_s` and starts its timers at `t1_s`."""

    timeout_s: float
    t1_s: float


@dataclasses.dataclass(frozen=True, slots=True)
class PingStateChanged:
    """The destination is now known to be up or down; `reason` is `remote=<status>` or `local=<1 to 3>`, or empty."""

    state: PingState
    reason: str
    previous: PingState


PingEvent = PingDue | PingStateChanged


class OptionsPing:
    """Watches one destination from one node. Call `start`, then follow its deadlines, events and report results.

    Over UDP the transaction repeats the OPTIONS; `PingDue` carries the timers that make it do so as configured.

    Args:
        settings: Intervals and retries.
    """

    __slots__ = ("_events", "_is_waiting", "_next_at", "_settings", "reason", "state")

    state: PingState
    reason: str
    """Why the destination is down; empty otherwise."""

    def __init__(self, settings: PingSettings) -> None:
        self._settings = settings
        self._events: list[PingEvent] = []
        self._next_at = math.inf
        self._is_waiting = False
        self.state = PingState.UNKNOWN
        self.reason = ""

    @property
    def is_usable(self) -> bool:
        """Whether calls may go to the destination: not while it is known to be down."""
        return self.state is not PingState.DOWN

    def start(self, now: float, delay_s: float = 0.0) -> None:
        """Forget what is known (a reset of the trunk does this too) and ping after `delay_s`."""
        self.state = PingState.UNKNOWN
        self.reason = ""
        self._is_waiting = False
        self._next_at = now + delay_s
        self.handle_deadline(now)

    def stop(self) -> None:
        """Ping no more; the state becomes unknown."""
        self.state = PingState.UNKNOWN
        self.reason = ""
        self._is_waiting = False
        self._next_at = math.inf

    def handle_deadline(self, now: float) -> None:
        """Time has passed: a ping is due, or the last one was not answered."""
        if now < self._next_at:
            return
        if self._is_waiting:
            self.failed("timeout", now)
            return
        timeout_s = retry_times(self._settings)[1]
        self._is_waiting = True
        self._next_at = now + timeout_s
        self._events.append(PingDue(timeout_s, self._settings.retry_timer_s))

    def answered(self, status: int, now: float) -> None:
        """A final response to the OPTIONS came."""
        self._conclude(f"remote={status}" if status in _DOWN_STATUSES else "", now)

    def failed(self, reason: str, now: float) -> None:
        """The OPTIONS got no response: `timeout`, `unresolved`, or anything else for a transport that failed."""
        self._conclude(_LOCAL_REASONS.get(reason, _NO_SOCKET), now)

    def take_events(self) -> list[PingEvent]:
        """What to do and what has changed; a second call returns nothing."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float:
        """When `handle_deadline` is to be called, `math.inf` for never."""
        return self._next_at

    def _conclude(self, reason: str, now: float) -> None:
        if not self._is_waiting:
            return  # a result of a ping from before a reset
        self._is_waiting = False
        settings = self._settings
        self._next_at = now + (settings.out_of_service_interval_s if reason else settings.in_service_interval_s)
        previous, self.state = self.state, PingState.DOWN if reason else PingState.UP
        is_change = self.state is not previous
        self.reason = reason
        if is_change:
            self._events.append(PingStateChanged(self.state, reason, previous))


class TrunkStatus(enum.Enum):
    """Sum over the nodes and destinations of a trunk, as the administration page words it."""

    FULL_SERVICE = "Full Service"
    PARTIAL_SERVICE = "Partial Service"
    NO_SERVICE = "No Service"
    UNKNOWN = "Unknown - OPTIONS Ping not enabled"


def trunk_status(states: list[PingState]) -> TrunkStatus:
    """The status of a trunk from the states of all its (node, destination) pairs."""
    if PingState.DOWN in states:
        return TrunkStatus.NO_SERVICE if set(states) == {PingState.DOWN} else TrunkStatus.PARTIAL_SERVICE
    return TrunkStatus.FULL_SERVICE if PingState.UP in states else TrunkStatus.UNKNOWN
