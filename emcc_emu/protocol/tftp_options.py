"""What the two ends of a TFTP transfer agree on (RFC 2347: the client asks, the server accepts, reduces or ignores)."""

from __future__ import annotations

import dataclasses

from emcc_emu.errors import TftpRefused
from emcc_emu.wire.tftp import (
    DEFAULT_BLKSIZE_BYTES,
    MAX_BLKSIZE_BYTES,
    MIN_BLKSIZE_BYTES,
    ErrorCode,
    Options,
)

__all__ = ["DEFAULT_MAX_WINDOW_BLOCKS", "Agreement", "accept_options", "check_accepted"]

DEFAULT_MAX_WINDOW_BLOCKS = 64
"""Largest window that our server accepts; RFC 7440 allows 65535, which would flood any receive buffer."""

_MAX_DIGITS = 20


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """The values in force for one transfer; the defaults are those of RFC 1350."""

    blksize_bytes: int = DEFAULT_BLKSIZE_BYTES
    windowsize_blocks: int = 1
    timeout_s: int | None = None
    """Retransmission interval that the client asked for, 1 to 255 seconds; ``None`` leaves it to the server."""
    tsize_bytes: int | None = None
    """Size of the file, when it was asked for."""


def accept_options(
    requested: Options,
    size_bytes: int,
    *,
    max_blksize_bytes: int = MAX_BLKSIZE_BYTES,
    max_window_blocks: int = DEFAULT_MAX_WINDOW_BLOCKS,
) -> tuple[Agreement, Options]:
    """Decide, as the server of a read request, which options hold; return them and the contents of the OACK.

    Unknown options and values that are no decimal number in range are left out, as RFC 2347 asks; some clients send
    ``timeout=3.0``. A block size or window above the maximum is reduced.
    """
    values: dict[str, int] = {}
    for name, text in requested:
        number = _parse_number(text)
        if number is None:
            continue
        match name:
            case "blksize" if number >= MIN_BLKSIZE_BYTES:
                values[name] = min(number, max_blksize_bytes, MAX_BLKSIZE_BYTES)
            case "windowsize" if 1 <= number <= 65535:
                values[name] = min(number, max_window_blocks)
            case "timeout" if 1 <= number <= 255:
                values[name] = number
            case "tsize":
                values[name] = size_bytes
    return _agree(values), tuple((name, str(number)) for name, number in values.items())


def check_accepted(requested: Options, accepted: Options) -> Agreement:
    """Check, as the client, the OACK that answered ``requested``.

    Raises:
        TftpRefused: Code 8: an option that was not requested, or a value that the RFC does not allow as an answer.
    """
    asked = dict(requested)
    values: dict[str, int] = {}
    for name, text in accepted:
        number = _parse_number(text)
        if name not in asked or number is None or not _is_allowed(name, number, asked[name]):
            raise TftpRefused(ErrorCode.OPTION_REFUSED, f"Option {name}={text} refused"[:80])
        values[name] = number
    return _agree(values)


def _is_allowed(name: str, number: int, asked: str) -> bool:
    match name:
        case "blksize":
            return MIN_BLKSIZE_BYTES <= number <= int(asked)
        case "windowsize":
            return 1 <= number <= int(asked)
        case "timeout":
            return number == int(asked)
    return True


def _agree(values: dict[str, int]) -> Agreement:
    return Agreement(
        blksize_bytes=values.get("blksize", DEFAULT_BLKSIZE_BYTES),
        windowsize_blocks=values.get("windowsize", 1),
        timeout_s=values.get("timeout"),
        tsize_bytes=values.get("tsize"),
    )


def _parse_number(text: str) -> int | None:
    return int(text) if len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit() else None
