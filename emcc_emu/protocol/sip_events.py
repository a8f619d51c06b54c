"""Events of the SIP transaction layer: what it tells the transaction user (phone, registrar, call control)."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_client_transactions import ClientTransaction
    from emcc_emu.protocol.sip_flow import Flow
    from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
    from emcc_emu.wire.sip import SipRequest, SipResponse

__all__ = [
    "AckMissing",
    "AckReceived",
    "CancelReceived",
    "Discarded",
    "FailureReason",
    "RequestReceived",
    "ResponseReceived",
    "SipEvent",
    "TimedOut",
    "TransportFailed",
]

FailureReason = Literal["timeout", "refused", "unreachable", "closed", "overload"]
"""Why a request of ours got no final response: `timeout` stands for a local 408, the others for a local 503."""


@dataclasses.dataclass(slots=True)
class RequestReceived:
    """A new request (never ACK or CANCEL); answer it through `transaction`."""

    transaction: ServerTransaction
    request: SipRequest
    flow: Flow


@dataclasses.dataclass(slots=True)
class AckReceived:
    """The ACK of a 2xx; `transaction` is the INVITE it acknowledges, None when that is no longer known."""

    request: SipRequest
    flow: Flow
    transaction: InviteServerTransaction | None


@dataclasses.dataclass(slots=True)
class CancelReceived:
    """The peer cancels an INVITE that has no final response yet; CANCEL itself is answered, answer the INVITE 487."""

    transaction: InviteServerTransaction
    request: SipRequest
    flow: Flow


@dataclasses.dataclass(slots=True)
class ResponseReceived:
    """A provisional or final response to a request of ours; a 2xx to INVITE may come more than once (forks)."""

    transaction: ClientTransaction
    response: SipResponse
    flow: Flow


@dataclasses.dataclass(slots=True)
class TimedOut:
    """A request of ours got no final response in time (timers B, C, F), which counts as a 408."""

    transaction: ClientTransaction


@dataclasses.dataclass(slots=True)
class TransportFailed:
    """A request of ours could not be sent, or its connection went before the final response."""

    transaction: ClientTransaction
    reason: FailureReason


@dataclasses.dataclass(slots=True)
class AckMissing:
    """A final response of ours to INVITE was never acknowledged (timer H, or L after a 2xx: then send BYE)."""

    transaction: InviteServerTransaction
    status: int


@dataclasses.dataclass(slots=True)
class Discarded:
    """Bytes that were dropped without an answer, or a message that belongs to nothing."""

    reason: str
    payload: bytes
    flow: Flow

    is_malformed: bool = True
    """Whether the bytes broke a rule; False for a stray response, which is nobody's fault."""


SipEvent = (
    RequestReceived
    | AckReceived
    | CancelReceived
    | ResponseReceived
    | TimedOut
    | TransportFailed
    | AckMissing
    | Discarded
)
