"""The timers and bounds of SIP transactions: RFC 3261 table 4, as corrected by RFC 6026."""

from __future__ import annotations

import dataclasses

__all__ = ["SipLimits", "SipTimers"]


@dataclasses.dataclass(frozen=True, slots=True)
class SipTimers:
    """Durations of the transaction timers, in seconds; the defaults are those of RFC 3261."""

    t1_s: float = 0.5
    """T1, the round-trip estimate: first value of timers A, E and G. 0.05 to 10."""

    t2_s: float = 4.0
    """T2, cap of timers E and G. At least `t1_s`."""

    t4_s: float = 5.0
    """T4, how long the network may hold a message: timers I and K over UDP."""

    timeout_s: float = 32.0
    """64 times T1: timers B, F, H, J, L and M, and the wait for a final response after CANCEL."""

    timer_c_s: float = 200.0
    """Timer C: an INVITE that rings longer without a new provisional response ends. More than 180."""

    timer_d_s: float = 32.0
    """Timer D over UDP: how long a refused INVITE absorbs repeated responses. At least 32."""


@dataclasses.dataclass(frozen=True, slots=True)
class SipLimits:
    """How much a peer may make one transaction layer keep."""

    max_client_transactions: int = 100_000
    """Requests of ours that are alive at once; a further one fails with reason `overload`."""

    max_open_server_transactions: int = 50_000
    """Requests of peers that wait for our final response; a further one is answered 503."""

    max_replayable_transactions: int = 100_000
    """Answered non-INVITE requests kept over UDP to replay their response; beyond it the oldest are forgotten."""

    overload_retry_after_s: int = 5
    """Retry-After of the 503 that a full layer answers. Whole seconds."""
