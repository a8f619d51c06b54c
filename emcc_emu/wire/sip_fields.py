"""Typed values of the header fields that every SIP message has: Via and CSeq.

RFC 3261 sections 20.42 and 20.16, RFC 3581 (rport).
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final, NamedTuple

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import is_token, parse_number, shown
from emcc_emu.wire.sip_uri import host_port

__all__ = ["BRANCH_COOKIE", "MAX_CSEQ", "USUAL_VIA", "CSeq", "Via", "parse_cseq", "parse_via"]

BRANCH_COOKIE: Final = "z9hG4bK"
"""Start of every branch that an RFC 3261 element makes (section 8.1.1.7)."""
MAX_CSEQ: Final = 2**31 - 1
"""RFC 3261 section 8.1.1.5: a sequence number is less than 2**31."""

_SPACED_PROTOCOL: Final = re.compile(r"(SIP)\s*/\s*([0-9]{1,3}\.[0-9]{1,3})\s*/\s*([^\s/]+)\s+(\S.*)", re.IGNORECASE)

USUAL_VIA: Final = re.compile(
    r"SIP/2\.0/(UDP|TCP|TLS) ([A-Za-z0-9][A-Za-z0-9.\-]*+)(?::([1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
    rf";branch=({BRANCH_COOKIE}[A-Za-z0-9\-.!%*_+`'~]++)(;rport)?"
)
"""The form of nearly every Via of a request that no proxy has touched."""

_USUAL_TRANSPORTS: Final = frozenset(("UDP", "TCP", "TLS"))


class CSeq(NamedTuple):
    """Sequence number and method."""

    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.number} {self.method}"


@dataclasses.dataclass(slots=True)
class Via:
    """One Via value; `str()` writes it back."""

    transport: str
    """`UDP`, `TCP`, `TLS` or any other token, as received."""
    host: str
    """Host of sent-by: a name or an address, IPv6 in brackets."""
    port: int | None = None
    params: dict[str, str | None] = dataclasses.field(default_factory=dict)
    """Parameters by lower-case name; None without `=` (a requested `rport`)."""
    protocol: str = "SIP/2.0"
    """Anything else comes from a peer of another SIP version, which gets 505."""

    @property
    def branch(self) -> str | None:
        """The branch parameter."""
        return self.params.get("branch")

    @property
    def received(self) -> str | None:
        """Source address as the receiver saw it."""
        return self.params.get("received")

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        params = "".join([f";{n}" if v is None else f";{n}={v}" for n, v in self.params.items()])
        return f"{self.protocol}/{self.transport} {self.host}{port}{params}"


def parse_via(text: str) -> Via:
    """Parse one Via value, white space around its separators included (RFC 4475 section 3.1.1.1).

    Raises:
        SipInvalid: Status 400.
    """
    usual = USUAL_VIA.fullmatch(text)
    if usual is not None:
        transport, host, port, branch, rport = usual.groups()
        params = {"branch": branch, "rport": None} if rport else {"branch": branch}
        return Via(transport, host, int(port) if port else None, params)
    return _parse_unusual_via(text)


def _parse_unusual_via(text: str) -> Via:
    head, _, tail = text.partition(";")
    protocol, _, sent_by = head.partition(" ")
    if protocol[:8] == "SIP/2.0/" and " " not in sent_by and "\t" not in head:
        transport, version = protocol[8:], "SIP/2.0"
    else:
        spaced = _SPACED_PROTOCOL.fullmatch(head.strip())
        if spaced is None:
            raise SipInvalid(f"Bad Via {shown(text)}")
        name, number, transport, sent_by = spaced.groups()
        version = f"{name}/{number}".upper()
    if transport not in _USUAL_TRANSPORTS and not is_token(transport):
        raise SipInvalid(f"Bad Via {shown(text)}")
    host, port = host_port(sent_by)
    params: dict[str, str | None] = {}
    if tail:
        for part in tail.split(";"):
            name, equals, value = part.partition("=")
            params[name.strip().lower()] = value.strip() if equals else None
        params.pop("", None)
    return Via(transport, host, port, params, version)


def parse_cseq(text: str) -> CSeq:
    """Parse `number METHOD`; leading zeros and wide gaps are allowed.

    Raises:
        SipInvalid: Status 400, also for a number of 2**31 or more.
    """
    parts = text.split()
    if len(parts) != 2 or not (parts[1].isalpha() or is_token(parts[1])) or not parts[1].isascii():
        raise SipInvalid(f"Bad CSeq {shown(text)}")
    return CSeq(parse_number(parts[0], "CSeq", MAX_CSEQ), parts[1])
