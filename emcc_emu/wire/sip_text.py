"""Splitting SIP header text at commas and semicolons without being fooled by quotes and angle brackets.

RFC 3261 section 25.1 (quoted-string, generic-param) and section 7.3.1 (header fields that are comma lists).
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.errors import SipInvalid

__all__ = [
    "Parameters",
    "format_params",
    "is_token",
    "parse_number",
    "quote",
    "shown",
    "split_comma_list",
    "split_params",
    "unquote",
]

Parameters = tuple[tuple[str, str | None], ...]
"""Parameters in wire order, duplicates kept: name as written, raw value (quotes included), None without `=`."""

_DELIMITERS: Final = re.compile(r'["<>,;\\]')
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_MAX_SHOWN_CHARS: Final = 60


def shown(text: str) -> str:
    """A peer's text as an error message may show it: escaped and cut short."""
    escaped = ascii(text)
    return escaped if len(escaped) <= _MAX_SHOWN_CHARS else f"{escaped[:_MAX_SHOWN_CHARS]}…"


def is_token(text: str) -> bool:
    """Whether `text` is a token of RFC 3261 section 25.1 (method names, header names, option tags)."""
    return _TOKEN.fullmatch(text) is not None


def _split(text: str, separator: str) -> list[str]:
    parts: list[str] = []
    start = 0
    in_quotes = in_brackets = False
    escaped_at = -1
    for found in _DELIMITERS.finditer(text):
        position = found.start()
        if position == escaped_at:
            continue
        character = text[position]
        if in_quotes:
            if character == "\\":
                escaped_at = position + 1
            elif character == '"':
                in_quotes = False
        elif character == '"':
            in_quotes = True
        elif character == "<":
            in_brackets = True
        elif character == ">":
            in_brackets = False
        elif character == separator and not in_brackets:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def split_comma_list(text: str) -> list[str]:
    """Values of a comma list, stripped, empty ones left out; commas in quotes and `<>` do not count."""
    if "," not in text:
        stripped = text.strip()
        return [stripped] if stripped else []
    parts = _split(text, ",") if '"' in text or "<" in text else text.split(",")
    return [stripped for part in parts if (stripped := part.strip())]


def split_params(text: str) -> Parameters:
    """Parameters of `name=value;name` text (leading `;` optional), raw values, order and duplicates kept."""
    if not text:
        return ()
    parts = _split(text, ";") if '"' in text or "<" in text else text.split(";")
    found: list[tuple[str, str | None]] = []
    for part in parts:
        name, equals, value = part.partition("=")
        name = name.strip()
        if name:
            found.append((name, value.strip() if equals else None))
    return tuple(found)


def format_params(params: Parameters) -> str:
    """The text `;name=value;name` of parameters; the empty string for none."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def quote(text: str) -> str:
    """A quoted-string holding `text`."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def unquote(text: str) -> str:
    """The content of a quoted-string; text that is not quoted comes back unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    content = text[1:-1]
    return re.sub(r"\\(.)", r"\1", content, flags=re.DOTALL) if "\\" in content else content


def parse_number(text: str, field: str, maximum: int) -> int:
    """A decimal number 0 to `maximum` of the field named `field`; leading zeros allowed.

    Raises:
        SipInvalid: Status 400 for anything else.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit()):
        raise SipInvalid(f"{field} {shown(text)} is not a number")
    significant = digits.lstrip("0")
    if len(significant) > 20 or (number := int(significant or "0")) > maximum:
        raise SipInvalid(f"{field} {shown(text)} is more than {maximum}")
    return number
