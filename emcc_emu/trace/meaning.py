"""What a record means, whatever its protocol."""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

from emcc_emu.trace.record import Record

__all__ = ["Kind", "Meaning", "Message"]

Kind: TypeAlias = Literal["request", "response", "data", "ack", "options", "error", "other"]
"""TFTP has `request`, `options` (OACK), `data`, `ack` and `error`; SIP and HTTP have `request` and `response`."""


@dataclasses.dataclass(frozen=True, slots=True)
class Meaning:
    """What a payload says, in whatever protocol; empty where the protocol or the message has no such thing."""

    kind: Kind
    label: str
    """A few words for an arrow: `RRQ SEP001122334455.cnf.xml`, `GET emapp`, `200 CiscoIPPhoneInput`, `INVITE 911`."""

    method: str = ""
    """SIP or HTTP method; of a SIP response, the method of its CSeq."""

    status: int = 0
    """SIP or HTTP status; code of a TFTP error."""

    target: str = ""
    """SIP request URI, HTTP request target or TFTP file name."""

    device_names: tuple[str, ...] = ()
    """Devices that the message names, the subject first."""

    user_ids: tuple[str, ...] = ()
    """Users that an EM message names."""

    call_id: str = ""
    sequence: int = 0
    """SIP CSeq number, TFTP block number."""

    session_ids: tuple[str, ...] = ()
    """Non-null halves of a SIP Session-ID (RFC 7989)."""

    linked_call_id: str = ""
    """Call-ID of another leg of the same call, from `X-CID` or `X-Call-ID`."""

    calling: str = ""
    called: str = ""
    """User parts of From and of the request URI (of To in responses)."""

    is_refresh: bool = False
    """A keepalive: a SIP REGISTER without body or Reason that renews, or a standby keepalive."""

    size_bytes: int = 0
    """Length of a TFTP block's payload or of a body."""


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A record together with its meaning."""

    record: Record
    meaning: Meaning
