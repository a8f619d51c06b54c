"""The head of an HTTP/1.1 message: request line or status line, and header fields (RFC 9112)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeAlias

from emcc_emu.errors import PeerError

__all__ = [
    "MAX_HEADERS",
    "Headers",
    "HttpInvalid",
    "HttpRequest",
    "HttpResponse",
    "build_request",
    "build_response",
    "content_length",
    "find_header",
    "parse_request_head",
    "parse_response_head",
]

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Header fields in the order of the wire."""

MAX_HEADERS = 100
"""Most header fields of one message, and most trailer fields."""

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class HttpInvalid(PeerError):
    """Bytes that are not an HTTP/1.x message, or a message out of bounds; the connection is of no further use."""


def find_header(headers: Headers, name: str) -> str | None:
    """The first value of a header field, the name compared without case."""
    wanted = name.lower()
    for key, value in headers:
        if key.lower() == wanted:
            return value
    return None


def _has_token(headers: Headers, name: str, token: str) -> bool:
    wanted = name.lower()
    return any(
        token in [item.strip().lower() for item in value.split(",")] for key, value in headers if key.lower() == wanted
    )


def _stays_open(version: str, headers: Headers) -> bool:
    """Whether the connection outlives the message, RFC 9112 section 9.3."""
    if _has_token(headers, "connection", "close"):
        return False
    return version == "HTTP/1.1" or _has_token(headers, "connection", "keep-alive")


@dataclasses.dataclass(slots=True)
class HttpRequest:
    """A whole request."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    version: str = "HTTP/1.1"

    def get(self, name: str) -> str | None:
        """First value of a header field, or None."""
        return find_header(self.headers, name)

    @property
    def stays_open(self) -> bool:
        """Whether the client wants to go on with this connection."""
        return _stays_open(self.version, self.headers)


@dataclasses.dataclass(slots=True)
class HttpResponse:
    """A whole response."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes = b""
    version: str = "HTTP/1.1"
    ends_by_close: bool = False
    """The body was delimited by the end of the connection."""

    def get(self, name: str) -> str | None:
        """First value of a header field, or None."""
        return find_header(self.headers, name)

    @property
    def stays_open(self) -> bool:
        """Whether another request may follow on this connection."""
        return not self.ends_by_close and _stays_open(self.version, self.headers)


def build_request(method: str, target: str, host: str, *, headers: Headers = (), body: bytes = b"") -> bytes:
    """Write a request; Content-Length is added for a body and for POST and PUT.

    Raises:
        ValueError: A line break or another control character stands in the method, the target or a header.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *[f"{name}: {value}" for name, value in headers]]
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return _encode_head(lines) + body


def build_response(status: int, reason: str, *, headers: Headers = (), body: bytes = b"") -> bytes:
    """Write a response with its Content-Length.

    Raises:
        ValueError: A line break or another control character stands in the reason or a header.
    """
    lines = [f"HTTP/1.1 {status} {reason}", *[f"{name}: {value}" for name, value in headers]]
    return _encode_head([*lines, f"Content-Length: {len(body)}"]) + body


def _encode_head(lines: Sequence[str]) -> bytes:
    if not all(_is_one_line(line) for line in lines):
        raise ValueError("control character in an HTTP head")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def _is_one_line(text: str) -> bool:
    return text.isprintable() or all(character >= " " or character == "\t" for character in text)


def parse_request_head(head: bytes) -> HttpRequest:
    """Read the start line and header fields of a request, without the blank line.

    Raises:
        HttpInvalid: They cannot be read.
    """
    first, headers = _parse_head(head)
    parts = first.split(" ")
    if len(parts) != 3 or not parts[1] or not _is_token(parts[0]):
        raise HttpInvalid(f"request line {first[:64]!r}")
    method, target, version = parts
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpInvalid(f"version {version[:16]!r}")
    return HttpRequest(method, target, headers, b"", version)


def parse_response_head(head: bytes) -> HttpResponse:
    """Read the status line and header fields of a response, without the blank line.

    Raises:
        HttpInvalid: They cannot be read.
    """
    first, headers = _parse_head(head)
    version, _, rest = first.partition(" ")
    status, _, reason = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise HttpInvalid(f"status line {first[:64]!r}")
    if not (len(status) == 3 and status.isascii() and status.isdigit() and status >= "100"):
        raise HttpInvalid(f"status {status[:16]!r}")
    return HttpResponse(int(status), reason, headers, b"", version)


def _parse_head(head: bytes) -> tuple[str, list[tuple[str, str]]]:
    lines = head.decode("utf-8", "surrogateescape").split("\r\n")
    if len(lines) > MAX_HEADERS + 1:
        raise HttpInvalid(f"more than {MAX_HEADERS} header fields")
    headers = []
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _is_token(name) or "\n" in value or "\r" in value or "\0" in value:
            raise HttpInvalid(f"header field {name[:32]!r}")
        headers.append((name, value.strip(" \t")))
    return lines[0], headers


def _is_token(text: str) -> bool:
    return bool(text) and text.isascii() and _TOKEN.issuperset(text.encode())


def content_length(headers: Headers) -> int | None:
    """The length that a header announces, or None.

    Raises:
        HttpInvalid: It is no length, or there are two different ones.
    """
    values = {value for name, value in headers if name.lower() == "content-length"}
    if not values:
        return None
    text = values.pop()
    if values or not (text.isascii() and text.isdigit() and len(text) <= 18):  # RFC 9112 section 6.3, against smuggling
        raise HttpInvalid(f"Content-Length {text[:32]!r}")
    return int(text)
