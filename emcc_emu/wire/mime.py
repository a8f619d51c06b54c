"""Multipart bodies of SIP messages: parse and build.

RFC 2046 section 5.1 and RFC 5621. Delimiters and part headers end CRLF; a part's content is taken and written byte
for byte, so XML with bare LF inside stays as it is (the line break before a delimiter belongs to the delimiter).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import shown, split_params, unquote

__all__ = ["BOUNDARY", "Part", "build_multipart", "find_part", "multipart_type", "parse_multipart", "split_body"]

BOUNDARY: Final = "uniqueBoundary"
"""The boundary that Cisco phones and Unified CM write."""
MAX_PARTS: Final = 32
"""Most parts read; a Cisco phone combines up to 6."""
MAX_PART_HEADERS: Final = 16
_MAX_BOUNDARY_CHARS: Final = 70


@dataclasses.dataclass(frozen=True, slots=True)
class Part:
    """One body part."""

    content_type: str
    """Content-Type as written, parameters included."""
    content: bytes
    headers: tuple[tuple[str, str], ...] = ()
    """The other part headers in order (Content-Disposition, Content-ID, …)."""

    @property
    def media_type(self) -> str:
        """Content-Type without parameters, lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    def get(self, name: str) -> str | None:
        """A part header other than Content-Type, any case."""
        wanted = name.lower()
        return next((value for known, value in self.headers if known.lower() == wanted), None)

    @property
    def content_id(self) -> str | None:
        """Content-ID without its angle brackets, as a `cid:` URI names it."""
        value = self.get("Content-ID")
        return None if value is None else value.strip().removeprefix("<").removesuffix(">")


def multipart_type(boundary: str = BOUNDARY) -> str:
    """The Content-Type of a multipart/mixed body."""
    return f"multipart/mixed; boundary={boundary}"


def build_multipart(parts: Iterable[Part], boundary: str = BOUNDARY) -> bytes:
    """Write the parts.

    Raises:
        ValueError: A part contains the delimiter.
    """
    delimiter = f"--{boundary}".encode()
    pieces: list[bytes] = []
    for part in parts:
        if delimiter in part.content:
            raise ValueError(f"a part contains the boundary {boundary!r}")
        lines = [("Content-Type", part.content_type), *part.headers]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        pieces.append(b"%b\r\n%b\r\n%b\r\n" % (delimiter, head.encode(), part.content))
    return b"".join(pieces) + delimiter + b"--\r\n"


def parse_multipart(content_type: str, body: bytes) -> list[Part]:
    """Read the parts of a multipart body; preamble and epilogue are left out, a missing end delimiter is tolerated.

    Raises:
        SipInvalid: Status 400: no multipart type, no or a bad boundary, more than 32 parts, a part without its
            empty line.
    """
    boundary = _boundary(content_type)
    pieces = re.split(
        rb"(?:\A|\r\n|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\Z)", body, maxsplit=MAX_PARTS + 1
    )
    parts: list[Part] = []
    for position in range(2, len(pieces), 2):
        if pieces[position - 1] is not None:
            return parts
        if len(parts) == MAX_PARTS:
            raise SipInvalid(f"More than {MAX_PARTS} body parts")
        if pieces[position] or position + 1 < len(pieces):
            parts.append(_parse_part(pieces[position]))
    return parts


def _boundary(content_type: str) -> bytes:
    media_type, _, params = content_type.partition(";")
    if not media_type.strip().lower().startswith("multipart/"):
        raise SipInvalid(f"Content-Type {shown(content_type)} is not multipart")
    for name, value in split_params(params):
        if name.lower() == "boundary" and value:
            boundary = unquote(value)
            if 0 < len(boundary) <= _MAX_BOUNDARY_CHARS:
                return boundary.encode("utf-8", "surrogateescape")
    raise SipInvalid(f"No boundary in {shown(content_type)}")


def _parse_part(piece: bytes) -> Part:
    if piece.startswith((b"\r\n", b"\n")):
        head, content = b"", piece.split(b"\n", 1)[1]
    else:
        found = re.search(rb"\r?\n\r?\n", piece)
        if found is None:
            raise SipInvalid("Body part without an empty line after its headers")
        head, content = piece[: found.start()], piece[found.end() :]
    content_type = "text/plain"
    headers: list[tuple[str, str]] = []
    text = re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    for line in text.splitlines()[:MAX_PART_HEADERS]:
        name, colon, value = line.partition(":")
        if not colon:
            raise SipInvalid(f"Bad body part header {shown(line)}")
        if name.strip().lower() == "content-type":
            content_type = value.strip()
        else:
            headers.append((name.strip(), value.strip()))
    return Part(content_type, content, tuple(headers))


def split_body(content_type: str | None, body: bytes) -> list[Part]:
    """The parts of any body: those of a multipart one, else the body itself as the only part, nothing for no body.

    Raises:
        SipInvalid: Status 400 for a malformed multipart body.
    """
    if not body:
        return []
    if content_type is not None and content_type.lstrip()[:10].lower() == "multipart/":
        return parse_multipart(content_type, body)
    return [Part(content_type or "", body)]


def find_part(parts: Iterable[Part], media_type: str) -> Part | None:
    """The first part of a media type."""
    wanted = media_type.lower()
    return next((part for part in parts if part.media_type == wanted), None)
