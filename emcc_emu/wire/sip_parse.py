"""From bytes to a SIP message: splitting only. Whether the message keeps the rules is `sip_validate`'s question.

RFC 3261 sections 7 and 25.1. Anything that can be split is returned, with its oddities listed in `defects`, so that
a request with a usable Via still gets its 400; only what is no SIP message at all raises.
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.errors import SipUnparsable
from emcc_emu.wire.sip_headers import KNOWN_KEYS, Headers, header_key
from emcc_emu.wire.sip_message import SIP_VERSION, SipRequest, SipResponse
from emcc_emu.wire.sip_text import is_token, shown
from emcc_emu.wire.sip_usual import recognise

__all__ = ["MAX_HEADER_LINES", "MAX_LINE_CHARS", "MAX_MESSAGE_BYTES", "is_keepalive", "parse_message"]

MAX_MESSAGE_BYTES: Final = 65536
"""Longer messages are not read (513)."""
MAX_HEADER_LINES: Final = 200
MAX_LINE_CHARS: Final = 8192

_BARE_BREAK: Final = re.compile(r"\r(?!\n)|(?<!\r)\n")
_VERSION: Final = re.compile(r"SIP/[0-9]{1,3}\.[0-9]{1,3}", re.IGNORECASE)
_STATUS_LINE: Final = re.compile(r"SIP/2\.0[ ]([1-6][0-9]{2})(?:[ ](.*))?", re.IGNORECASE)
_STUN_COOKIE: Final = b"\x21\x12\xa4\x42"


def is_keepalive(datagram: bytes) -> bool:
    """Whether a datagram only keeps a NAT binding open: line breaks, NULs, `jaK`, nothing, or a STUN message."""
    if datagram[:1].isalpha():
        return datagram == b"jaK"
    return not datagram.strip(b"\r\n\x00") or (datagram[:1] in b"\x00\x01" and datagram[4:8] == _STUN_COOKIE)


def parse_message(data: bytes) -> SipRequest | SipResponse:
    """Split one datagram or one framed message.

    The body is cut to Content-Length when there is more (RFC 3261 section 18.3). UTF-8 and other bytes in headers
    survive a round trip.

    Raises:
        SipUnparsable: The first line is no SIP start line, or a response's status line is malformed.
    """
    if data[:1] in b"\r\n":
        data = data.lstrip(b"\r\n")
    start, blank_line, body = data.partition(b"\r\n\r\n")
    head = start.decode("utf-8", "surrogateescape")
    if blank_line and (usual := recognise(head, body)) is not None:
        return usual
    defects = [] if blank_line else ["Missing empty line after the header fields"]
    lines = head.split("\r\n")
    breaks = len(lines) - 1
    if head.count("\n") != breaks or head.count("\r") != breaks:
        defects.append("Line break other than CRLF")
        lines = [_BARE_BREAK.sub(" ", line) for line in lines]
    if len(lines) > MAX_HEADER_LINES or len(head) > MAX_LINE_CHARS:
        lines = _bound(lines, defects)
    headers = _split_headers(lines, defects)
    if body:
        length = headers.get("Content-Length")
        if length is not None and length.isdecimal() and len(length) < 9 and int(length) < len(body):
            body = body[: int(length)]
    return _with_start_line(lines[0], headers, body, defects)


def _bound(lines: list[str], defects: list[str]) -> list[str]:
    """The lines without those over a bound; a start line over it is no SIP."""
    if len(lines[0]) > MAX_LINE_CHARS:
        raise SipUnparsable(f"start line longer than {MAX_LINE_CHARS} characters")
    if len(lines) > MAX_HEADER_LINES + 1:
        defects.append(f"More than {MAX_HEADER_LINES} header lines")
        del lines[MAX_HEADER_LINES + 1 :]
    short = [line for line in lines[1:] if len(line) <= MAX_LINE_CHARS]
    if len(short) < len(lines) - 1:
        defects.append(f"Header line longer than {MAX_LINE_CHARS} characters")
    return [lines[0], *short]


def _split_headers(lines: list[str], defects: list[str]) -> Headers:
    keys: list[str] = []
    names: list[str] = []
    values: list[str] = []
    known_key = KNOWN_KEYS.get
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        key = known_key(name)
        if key is None:
            if line[:1] in (" ", "\t"):
                _unfold(line, values, defects)
                continue
            name = name.rstrip(" \t")
            if not colon or not is_token(name):
                defects.append(f"Bad header line {shown(line)}")
                continue
            key = header_key(name)
        keys.append(key)
        names.append(name)
        values.append(value.strip(" \t"))
    return Headers.from_columns(keys, names, values)


def _unfold(line: str, values: list[str], defects: list[str]) -> None:
    """A line that starts with white space continues the one before it (RFC 3261 section 7.3.1)."""
    if values:
        values[-1] = " ".join((values[-1], line.strip(" \t"))).strip(" \t")
    else:
        defects.append("White space before the first header field")


def _with_start_line(line: str, headers: Headers, body: bytes, defects: list[str]) -> SipRequest | SipResponse:
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == SIP_VERSION and parts[0] and parts[1]:
        return SipRequest(parts[0], parts[1], headers, body, SIP_VERSION, tuple(defects))
    if line[:4].upper() == "SIP/":
        return _response(line, headers, body, defects)
    return _odd_request(line, headers, body, defects)


def _response(line: str, headers: Headers, body: bytes, defects: list[str]) -> SipResponse:
    found = _STATUS_LINE.fullmatch(line)
    if found is None:
        raise SipUnparsable(f"bad status line {shown(line)}")
    return SipResponse(int(found[1]), found[2] or "", headers, body, SIP_VERSION, tuple(defects))


def _odd_request(line: str, headers: Headers, body: bytes, defects: list[str]) -> SipRequest:
    """A request line that is not three parts with single spaces: 400 if the rest is usable, 505 for its version."""
    method, _, rest = line.replace("\t", " ").strip(" ").partition(" ")
    if "SIP/" not in line.upper() or method[:4].upper() == "SIP/":
        raise SipUnparsable(f"no SIP start line: {shown(line)}")
    uri, _, version = rest.rpartition(" ")
    if _VERSION.fullmatch(version) is None:
        return SipRequest(method, rest.strip(" "), headers, body, SIP_VERSION, ("Bad request line", *defects))
    if line != f"{method} {uri} {version}" or " " in uri or not uri:
        defects.insert(0, "Bad white space in request line")
    return SipRequest(method, uri.strip(" "), headers, body, version.upper(), tuple(defects))
