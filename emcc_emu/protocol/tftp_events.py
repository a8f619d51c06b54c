"""What a TFTP transfer tells its owner: exactly one of these, at its end."""

from __future__ import annotations

import dataclasses

__all__ = ["Delivered", "GaveUp", "ReceiveEvent", "Received", "Refused", "SendEvent"]


@dataclasses.dataclass(frozen=True, slots=True)
class Delivered:
    """The sending side has seen the last block acknowledged."""

    size_bytes: int


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """The receiving side has the whole file and has acknowledged it."""

    content: bytes


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """An ERROR packet ended the transfer."""

    code: int
    """RFC 1350 error code."""
    message: str
    is_by_peer: bool
    """True when the peer sent the ERROR, false when we did."""


@dataclasses.dataclass(frozen=True, slots=True)
class GaveUp:
    """The peer was silent for too long."""

    block: int
    """The block (counted from 1, never wrapped) that was not acknowledged or did not come; 0 for an OACK."""
    tries: int
    """How often the last packet was sent."""


SendEvent = Delivered | Refused | GaveUp
ReceiveEvent = Received | Refused | GaveUp
