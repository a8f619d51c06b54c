"""The form that nearly all SIP messages have, recognised at one look; every other one is split and judged in full.

What is recognised keeps the rules of RFC 3261 by construction: the pattern is narrower than the grammar, each field is
there once, the length is right, and nothing is asked for by Route, Require or Proxy-Require. One look costs a third of
splitting the header fields and judging them one by one, and a busy registrar or a pinged trunk does little else.
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.wire.sip_fields import BRANCH_COOKIE, CSeq, Via
from emcc_emu.wire.sip_headers import Headers
from emcc_emu.wire.sip_message import SIP_VERSION, SipMessage, SipRequest, SipResponse
from emcc_emu.wire.sip_uri import NameAddr, parse_name_addr

__all__ = ["USUAL_ADDRESS", "USUAL_REQUEST_URI", "UsualMessage", "UsualRequest", "UsualResponse", "recognise"]

MAX_HEAD_CHARS: Final = 8192
MAX_FIELDS: Final = 60

_TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]++"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*+"
_PORT: Final = r"[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]"
_URI: Final = rf"sips?:(?:[A-Za-z0-9\-._+*]++@)?{_NAME}(?::(?:{_PORT}))?(?:;(?:transport|user)=[a-z]++)*+"
_ADDRESS: Final = (
    rf'(?:"[^"\\<>\r\n]*+" ?|[A-Za-z0-9\-._]++ ?)?<{_URI}>(?:;tag={_TOKEN}|;\+[a-z0-9.!]++="[^"\\\r\n]*+")*+'
)
USUAL_REQUEST_URI: Final = re.compile(_URI)
USUAL_ADDRESS: Final = re.compile(_ADDRESS)
"""The form nearly every From, To and Contact has."""

_FIELDS: Final = {
    "Via": rf"SIP/2\.0/(?P<transport>UDP|TCP|TLS) (?P<host>{_NAME})(?::(?P<port>{_PORT}))?"
    rf";branch=(?P<branch>{BRANCH_COOKIE}{_TOKEN})(?P<rport>;rport)?",
    "From": _ADDRESS,
    "To": _ADDRESS,
    "Call-ID": rf"{_TOKEN}(?:@{_TOKEN})?",
    "CSeq": r"(?P<number>[0-9]{1,9}) (?P<method_again>[A-Z]++)",
    "Content-Length": r"(?:0|[1-9][0-9]{0,4})",
    "Contact": _ADDRESS,
    "Max-Forwards": r"[0-9]{1,2}",
    "Expires": r"[0-9]{1,9}",
    "Content-Type": r"[^\r\n]++",
    "Supported": r"[^\r\n]++",
    "User-Agent": r"[^\r\n]++",
}
"""What the fields that matter look like, each at most once; the first six have to be there."""
_NOT_OTHER: Final = "|".join(
    (*_FIELDS, "Route", "Record-Route", "Require", "Proxy-Require", "Content-Encoding", "[a-z]")
)
_OTHER: Final = rf"(?!(?i:{_NOT_OTHER}) ?:)[A-Za-z][A-Za-z\-]*+: [^\r\n]*+"


def _group(field: str) -> str:
    return field.replace("-", "_")


def _head(start_line: str) -> re.Pattern[str]:
    """The whole head of a usual message; each field's value is the group of its name."""
    pattern = rf"{start_line}(?:\r\n(?:"
    for field, form in _FIELDS.items():
        number = pattern.count("(?P<") + 1
        once = f"(?({number})(?!))"  # once that group has matched, it cannot match again
        pattern += f"{field}: {once}(?P<{_group(field)}>{form})|"
    return re.compile(rf"{pattern}{_OTHER})(?=\r|\Z)){{6,{MAX_FIELDS}}}+")


_REQUEST: Final = _head(rf"(?P<method>[A-Z]++) (?P<uri>{_URI}) SIP/2\.0")
_RESPONSE: Final = _head(r"SIP/2\.0 (?P<status>[1-6][0-9]{2}) (?P<reason>[^\r\n]*+)")
_GROUPS: Final = {field: _REQUEST.groupindex[_group(field)] for field in _FIELDS}
"""Numbers of the fields' groups, the same in both patterns, whose start lines have two groups each."""
_MANDATORY: Final = tuple(_GROUPS.values())[:6]
_ECHOED: Final = _MANDATORY[:5]


class UsualMessage(SipMessage):
    """A message of the usual form; its header fields are split when somebody asks for more than the main ones."""

    __slots__ = ()

    _found: re.Match[str] | None
    """What was recognised, over the whole head; None once the header fields have been split."""
    _top_via: Via | None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has had the chance to change a header field: then it keeps the rules."""
        return self._found is not None

    @property
    def headers(self) -> Headers:
        """Its header fields; from here on they may change, and what was recognised counts no more."""
        if self._found is not None:
            self._headers = Headers.from_lines(self._found.string.split("\r\n")[1:])
            self._found = None  # type: ignore[misc]  # a slot of the two classes that mix this in
        return self._headers

    def get(self, name: str) -> str | None:
        found = self._found
        if found is not None and name in _GROUPS:
            return found[_GROUPS[name]]
        return self.headers.get(name)

    def get_lines(self, name: str) -> list[str]:
        found = self._found
        if found is not None and name in _GROUPS:
            value = found[_GROUPS[name]]
            return [] if value is None else [value]
        return self.headers.lines(name)

    @property
    def via(self) -> Via:
        found = self._found
        if found is None:
            return super().via
        if self._top_via is None:
            transport, host, port, branch, rport = found.group("transport", "host", "port", "branch", "rport")
            params = {"branch": branch, "rport": None} if rport else {"branch": branch}
            top_via = Via(transport, host, int(port) if port else None, params)
            self._top_via = top_via  # type: ignore[misc]  # a slot of the two classes that mix this in
        return self._top_via

    @property
    def cseq(self) -> CSeq:
        found = self._found
        return super().cseq if found is None else CSeq(int(found["number"]), found["method_again"])

    @property
    def to(self) -> NameAddr:
        return super().to if self._found is None else parse_name_addr(self._found["To"])

    @property
    def expires(self) -> int | None:
        if self._found is None:
            return super().expires
        text = self._found["Expires"]
        return None if text is None else int(text)


class UsualRequest(UsualMessage, SipRequest):
    """A request of the usual form.

    Args:
        found: What was recognised.
        body: Its body.
    """

    __slots__ = ("_found", "_top_via")

    def __init__(self, found: re.Match[str], body: bytes) -> None:
        self.method = found["method"]
        self.uri = found["uri"]
        self.body = body
        self.version = SIP_VERSION
        self.defects = ()
        self._found = found
        self._top_via = None

    def echoed(self) -> tuple[list[str], str, str, str, str]:
        if self._found is None:
            return super().echoed()
        via, from_, to, call_id, cseq = self._found.group(*_ECHOED)
        return [via], from_, to, call_id, cseq


class UsualResponse(UsualMessage, SipResponse):
    """A response of the usual form; the arguments are those of `UsualRequest`."""

    __slots__ = ("_found", "_top_via")

    def __init__(self, found: re.Match[str], body: bytes) -> None:
        self.status = int(found["status"])
        self.reason = found["reason"]
        self.body = body
        self.version = SIP_VERSION
        self.defects = ()
        self._found = found
        self._top_via = None


def recognise(head: str, body: bytes) -> UsualRequest | UsualResponse | None:
    """The message with this head (start line and header fields, no empty line) and body, if it is of the usual form."""
    if len(head) > MAX_HEAD_CHARS:
        return None
    is_response = head.startswith("SIP/")
    found = (_RESPONSE if is_response else _REQUEST).fullmatch(head)
    if found is None:
        return None
    mandatory = found.group(*_MANDATORY)
    if None in mandatory or int(mandatory[-1]) != len(body):
        return None
    if is_response:
        return UsualResponse(found, body)
    return UsualRequest(found, body) if found["method"] == found["method_again"] else None
