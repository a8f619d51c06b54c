"""SIP requests and responses: a start line, ordered headers, body bytes, and typed views parsed on demand.

RFC 3261 sections 7, 8.1.1, 8.2.6 and 20.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_fields import CSeq, Via, parse_cseq, parse_via
from emcc_emu.wire.sip_headers import Headers
from emcc_emu.wire.sip_reasons import reason_phrase
from emcc_emu.wire.sip_text import parse_number, shown, split_comma_list
from emcc_emu.wire.sip_uri import NameAddr, parse_name_addr

__all__ = [
    "SIP_VERSION",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "WrittenResponse",
    "build_error_response",
    "build_response",
]

SIP_VERSION: Final = "SIP/2.0"
MAX_EXPIRES_S: Final = 2**32 - 1
"""Greater values of Expires count as this one (RFC 3261 section 20.19)."""
MAX_FORWARDS: Final = 255
MAX_CONTENT_LENGTH: Final = 2**32 - 1
"""Bytes; far over any bound on a message, so that a greater one is a mistake and not merely too large."""


def _required(headers: Headers, name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SipInvalid(f"Missing {name}")
    return value


def _top_via(headers: Headers) -> Via:
    line = _required(headers, "Via")
    return parse_via(split_comma_list(line)[0] if "," in line else line)


def _vias(headers: Headers) -> list[Via]:
    return [parse_via(value) for value in headers.get_all("Via")]


def _cseq(headers: Headers) -> CSeq:
    return parse_cseq(_required(headers, "CSeq"))


def _from(headers: Headers) -> NameAddr:
    return parse_name_addr(_required(headers, "From"))


def _to(headers: Headers) -> NameAddr:
    return parse_name_addr(_required(headers, "To"))


def _contacts(headers: Headers) -> list[NameAddr]:
    return [parse_name_addr(value) for value in headers.get_all("Contact")]


def _routes(headers: Headers) -> list[NameAddr]:
    return [parse_name_addr(value) for value in headers.get_all("Route")]


def _record_routes(headers: Headers) -> list[NameAddr]:
    return [parse_name_addr(value) for value in headers.get_all("Record-Route")]


def _expires(headers: Headers) -> int | None:
    value = headers.get("Expires")
    return None if value is None else min(parse_number(value, "Expires", 10**20), MAX_EXPIRES_S)


def _max_forwards(headers: Headers) -> int | None:
    value = headers.get("Max-Forwards")
    return None if value is None else parse_number(value, "Max-Forwards", MAX_FORWARDS)


def _content_length(headers: Headers) -> int | None:
    value = headers.get("Content-Length")
    if value is None:
        return None
    if headers.count("Content-Length") > 1 and len(set(headers.lines("Content-Length"))) > 1:
        raise SipInvalid("Conflicting Content-Length")
    return parse_number(value, "Content-Length", MAX_CONTENT_LENGTH)


class SipMessage:
    """What requests and responses share.

    Views (`via`, `cseq`, `from_`, …) are parsed when first asked for and kept until a header changes; treat them as
    read-only. Views of mandatory fields raise `SipInvalid` (400) when the field is missing or unparsable, the others
    give None or an empty list when it is missing.
    """

    __slots__ = ("_headers", "body", "defects", "version")

    _headers: Headers
    body: bytes
    version: str
    """`SIP/2.0`, or what the peer wrote instead (505 is the answer)."""
    defects: tuple[str, ...]
    """What the parser had to bend to read the message; empty for a clean one. Validation answers 400 to any."""

    @property
    def headers(self) -> Headers:
        """The header fields."""
        return self._headers

    @property
    def start_line(self) -> str:
        """First line of the message."""
        raise NotImplementedError

    def get(self, name: str) -> str | None:
        """Value of the first line of a header, None when there is none."""
        return self.headers.get(name)

    def get_lines(self, name: str) -> list[str]:
        """Values of all lines of a header, unsplit."""
        return self.headers.lines(name)

    def get_all(self, name: str) -> list[str]:
        """All values of a header, merged over lines and comma lists, in order."""
        return self.headers.get_all(name)

    def set(self, name: str, value: str) -> None:
        """Make `value` the only line of a header."""
        self.headers.set(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a header line."""
        self.headers.add(name, value)

    def remove(self, name: str) -> None:
        """Remove all lines of a header."""
        self.headers.remove(name)

    @property
    def via(self) -> Via:
        """Topmost Via."""
        return self.headers.view("top via", _top_via)

    @property
    def vias(self) -> list[Via]:
        """All Via values, topmost first."""
        return self.headers.view("vias", _vias)

    @property
    def cseq(self) -> CSeq:
        """CSeq number and method."""
        return self.headers.view("cseq", _cseq)

    @property
    def from_(self) -> NameAddr:
        """From address; `.tag` is the tag."""
        return self.headers.view("from", _from)

    @property
    def to(self) -> NameAddr:
        """To address; `.tag` is the tag."""
        return self.headers.view("to", _to)

    @property
    def call_id(self) -> str:
        """Call-ID."""
        call_id = self.get("Call-ID")
        if not call_id:
            raise SipInvalid("Missing Call-ID")
        return call_id

    @property
    def contacts(self) -> list[NameAddr]:
        """Contact addresses; the wildcard is one whose `uri` is `*`."""
        return self.headers.view("contacts", _contacts)

    @property
    def routes(self) -> list[NameAddr]:
        """Route values in order."""
        return self.headers.view("routes", _routes)

    @property
    def record_routes(self) -> list[NameAddr]:
        """Record-Route values in order."""
        return self.headers.view("record routes", _record_routes)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0 to 255; None when missing (counts as 70)."""
        return self.headers.view("max-forwards", _max_forwards)

    @property
    def expires(self) -> int | None:
        """Expires header in seconds, cut to 2**32-1."""
        return self.headers.view("expires", _expires)

    @property
    def content_length(self) -> int | None:
        """Content-Length in bytes as received; the encoder does not use it."""
        return self.headers.view("content-length", _content_length)

    @property
    def content_type(self) -> str | None:
        """Media type without parameters, lower case; `get("Content-Type")` has the parameters."""
        value = self.get("Content-Type")
        return None if value is None else "".join(value.partition(";")[0].split()).lower()

    @property
    def require(self) -> list[str]:
        """Option tags of Require."""
        return self.headers.get_all("Require")

    @property
    def supported(self) -> list[str]:
        """Option tags of Supported, all lines merged."""
        return self.headers.get_all("Supported")

    def supports(self, option: str) -> bool:
        """Whether Supported or Require lists `option`, in any case."""
        wanted = option.lower()
        return any(tag.lower() == wanted for tag in (*self.supported, *self.require))

    def set_body(self, content_type: str, body: bytes) -> None:
        """Set the body and its Content-Type."""
        self.headers.set("Content-Type", content_type)
        self.body = body

    def replace_top_via(self, via: Via) -> None:
        """Write a changed topmost Via back."""
        self.headers.replace_first("Via", str(via))

    def note_source(self, ip: str, port: int) -> None:
        """Add `received` and fill `rport` in the topmost Via of a request that came from `ip`:`port`.

        RFC 3261 section 18.2.1; with a valueless `rport` always both (RFC 3581 section 4).
        """
        via = self.via
        params = via.params
        if via.host == ip and "rport" not in params:
            return
        wants_rport = "rport" in params and params["rport"] is None
        if not wants_rport and via.host == ip:
            return
        changed = {**params, "received": ip}
        if wants_rport:
            changed["rport"] = str(port)
        self.replace_top_via(dataclasses.replace(via, params=changed))

    def encode(self) -> bytes:
        """The bytes for the wire. Content-Length is always written, and right; header order is kept.

        Raises:
            ValueError: The start line would hold a line break.
        """
        start = self.start_line
        if "\r" in start or "\n" in start:
            raise ValueError(f"start line cannot hold {shown(start)}")
        body = self.body
        keys, names, values = self.headers.columns()
        lines = [f"{name}: {value}" for name, value in zip(names, values)]  # noqa: B905 (hot, equal by construction)
        if "content-length" not in keys:
            lines.append(f"Content-Length: {len(body)}")
        else:
            first = keys.index("content-length")
            lines[first] = f"{names[first]}: {len(body)}"
            if keys.count("content-length") > 1:
                lines = [line for i, line in enumerate(lines) if i <= first or keys[i] != "content-length"]
        head = "\r\n".join(lines)
        return f"{start}\r\n{head}\r\n\r\n".encode("utf-8", "surrogateescape") + body


class SipRequest(SipMessage):
    """A request."""

    __slots__ = ("method", "uri")

    def __init__(
        self,
        method: str,
        uri: str,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        version: str = SIP_VERSION,
        defects: tuple[str, ...] = (),
    ) -> None:
        # The base class's work, repeated because a call is a twentieth of parsing a message.
        self._headers = headers if headers.__class__ is Headers else Headers(headers)
        self.body = body
        self.version = version
        self.defects = defects
        self.method = method
        self.uri = uri

    @property
    def start_line(self) -> str:
        """Request line."""
        return f"{self.method} {self.uri} {self.version}"

    def echoed(self) -> tuple[list[str], str, str, str, str]:
        """What a response repeats (RFC 3261 section 8.2.6.2): Via lines, From, To, Call-ID, CSeq; empty if missing."""
        get = self.get
        return self.get_lines("Via"), get("From") or "", get("To") or "", get("Call-ID") or "", get("CSeq") or ""

    def copy(self) -> SipRequest:
        """An independent copy."""
        return SipRequest(self.method, self.uri, self.headers.copy(), self.body, self.version, self.defects)

    def __repr__(self) -> str:
        return f"<SipRequest {self.method} {shown(self.uri)}>"


class SipResponse(SipMessage):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        status: int,
        reason: str | None = None,
        headers: Headers | Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        version: str = SIP_VERSION,
        defects: tuple[str, ...] = (),
    ) -> None:
        self._headers = headers if headers.__class__ is Headers else Headers(headers)
        self.body = body
        self.version = version
        self.defects = defects
        self.status = status
        self.reason = reason_phrase(status) if reason is None else reason

    @property
    def start_line(self) -> str:
        """Status line."""
        return f"{self.version} {self.status} {self.reason}"

    def copy(self) -> SipResponse:
        """An independent copy."""
        return SipResponse(self.status, self.reason, self.headers.copy(), self.body, self.version, self.defects)

    def __repr__(self) -> str:
        return f"<SipResponse {self.status} {shown(self.reason)}>"


class WrittenResponse:
    """A response that is bytes already: for a busy element whose answers are made of copied lines.

    Args:
        status: Its status code.
        encoded: The whole message.
    """

    __slots__ = ("_encoded", "status")

    def __init__(self, status: int, encoded: bytes) -> None:
        self.status = status
        self._encoded = encoded

    def encode(self) -> bytes:
        """The bytes for the wire."""
        return self._encoded


def _to_with_tag(value: str, to_tag: str | None) -> str:
    if to_tag is None:
        return value
    tail = value[value.rfind(">") + 1 :]
    if ";" in tail and "tag" in tail.lower():
        try:
            if parse_name_addr(value).tag is not None:
                return value
        except SipInvalid:
            return value
    return f"{value};tag={to_tag}"


_NAMES_OF_A_RESPONSE: Final = (("from", "From"), ("to", "To"), ("call-id", "Call-ID"), ("cseq", "CSeq"))


def build_response(
    request: SipRequest,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> SipResponse:
    """A response with Via, From, To, Call-ID and CSeq copied from the request (RFC 3261 section 8.2.6.2).

    What the request lacks is left out, so that a 400 can still be sent. A 100 also copies Timestamp. Record-Route is
    the dialog's business.

    Args:
        reason: Reason phrase; None takes the usual one.
        to_tag: Added to To when the request's To has no tag.
        headers: Lines that follow the copied ones. `Headers.arrange` puts all into another order.
        body: Its Content-Type comes with `headers`.
    """
    keys, _, values = request.headers.columns()
    out_values = [value for key, value in zip(keys, values) if key == "via"]  # noqa: B905 (hot, equal by construction)
    count = len(out_values)
    out_keys = ["via"] * count
    out_names = ["Via"] * count
    for key, name in _NAMES_OF_A_RESPONSE:
        if key in keys:
            value = values[keys.index(key)]
            out_values.append(_to_with_tag(value, to_tag) if key == "to" else value)
            out_keys.append(key)
            out_names.append(name)
    lines = Headers.from_columns(out_keys, out_names, out_values)
    if status == 100 and "timestamp" in keys:
        lines.add("Timestamp", values[keys.index("timestamp")])
    for name, value in headers:
        lines.add(name, value)
    return SipResponse(status, reason, lines, body)


def build_error_response(request: SipRequest, error: SipInvalid, *, to_tag: str | None = None) -> SipResponse:
    """The answer that a `SipInvalid` asks for; the reason phrase of a 400 says what is wrong."""
    phrase = reason_phrase(error.status)
    reason = f"{phrase} - {error.reason}" if error.status == 400 else phrase
    return build_response(request, error.status, reason, to_tag=to_tag, headers=error.headers)
