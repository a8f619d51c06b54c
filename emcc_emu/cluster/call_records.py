"""Call detail records: what a cluster writes down about each call when it ends.

The columns follow Unified CM's CDR where it has one (`origCause_value`, `finalCalledPartyNumber`, …), in our names.
Both clusters of an EMCC call write their own record; `global_call_id` is local to the cluster, `session_id` (RFC 7989)
is the same in both and pairs them.
"""

from __future__ import annotations

import dataclasses

__all__ = ["CAUSE_BY_STATUS", "CallRecord", "cause_of_status"]

CAUSE_NORMAL_CLEARING = 16

CAUSE_BY_STATUS = {
    200: CAUSE_NORMAL_CLEARING,
    400: 127,
    401: 21,
    403: 21,
    404: 1,
    405: 63,
    408: 102,
    410: 22,
    413: 127,
    415: 79,
    420: 127,
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    487: CAUSE_NORMAL_CLEARING,
    488: 65,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    580: 125,
    600: 17,
    603: 21,
    604: 1,
}
"""Q.850 cause of a SIP final status, RFC 3398 section 8.2.6.1 with 580 as Unified CM's 125 (out of bandwidth)."""

CAUSE_INTERWORKING = 127


def cause_of_status(status: int) -> int:
    """The Q.850 cause value for a SIP final status; 127 (interworking) for one that RFC 3398 does not list."""
    return CAUSE_BY_STATUS.get(status, CAUSE_INTERWORKING)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CallRecord:
    """One finished call as one cluster saw it."""

    global_call_id: int
    """Counter of the cluster, 1 for the first call since it started."""
    node: str
    """Name of the node that handled the calling leg."""
    session_id: str
    """The caller's half of the Session-ID, 32 hex digits: the same at every cluster that the call crosses."""
    calling_number: str
    original_called_number: str
    """The digits that were dialled."""
    final_called_number: str
    """The digits sent to the last destination tried, after every transformation."""
    calling_device: str
    """Device name of the caller: a phone, a trunk or a gateway."""
    called_device: str
    """Device name of the last destination tried; empty when none was."""
    visiting_device: str = ""
    """On a call that came in over an EMCC trunk, the phone that stands here and placed it; else empty."""
    started_at: float
    """Calendar time of the INVITE, seconds since the epoch."""
    connected_at: float | None = None
    """Calendar time of the answer; None when the call was never answered."""
    ended_at: float
    duration_s: float = 0.0
    """Seconds from answer to end, 0 for a call that was not answered."""
    calling_cause: int = CAUSE_NORMAL_CLEARING
    """Q.850 cause of the calling side; 0 when the called side ended the call."""
    called_cause: int = 0
    """Q.850 cause of the called side; 0 when the calling side ended the call."""
    final_status: int = 200
    """SIP status that the caller was told."""
    codec: str = ""
    """Encoding name of the audio that was agreed, empty without an answer."""
    is_emergency: bool = False
    """True when the matched route pattern is marked as an emergency pattern."""
