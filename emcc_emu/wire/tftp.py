"""TFTP packets: bytes to dataclasses and back (RFC 1350, options of RFC 2347, 2348, 2349 and 7440).

Parsing is strict about what changes the meaning of a packet and tolerant of what real clients send: options in any
case, an option whose value is missing, a last string without its NUL. What an option value means is decided in
`emcc_emu.protocol.tftp_options`, so an odd value never makes a packet unreadable.
"""

from __future__ import annotations

import dataclasses
import enum
import re
import struct

from emcc_emu.errors import TftpRefused

__all__ = [
    "DEFAULT_BLKSIZE_BYTES",
    "MAX_BLKSIZE_BYTES",
    "MAX_FILENAME_CHARACTERS",
    "MAX_REQUEST_BYTES",
    "MIN_BLKSIZE_BYTES",
    "Ack",
    "Data",
    "ErrorCode",
    "ErrorPacket",
    "Opcode",
    "OptionAck",
    "Options",
    "Packet",
    "ReadRequest",
    "WriteRequest",
    "check_filename",
    "decode_netascii",
    "encode_netascii",
    "parse_packet",
]

Options = tuple[tuple[str, str], ...]
"""Option names (lower case) and values, in the order of the packet."""

DEFAULT_BLKSIZE_BYTES = 512
"""Payload of a full DATA packet when nothing else was agreed (RFC 1350 section 2)."""

MIN_BLKSIZE_BYTES = 8
"""Smallest block size that may be asked for (RFC 2348)."""

MAX_BLKSIZE_BYTES = 65464
"""Largest block size that may be asked for (RFC 2348)."""

MAX_REQUEST_BYTES = 512
"""A request or OACK is no longer than this (RFC 2347, "Packet Formats")."""

MAX_FILENAME_CHARACTERS = 255
"""Longest file name that `check_filename` lets through."""

_HEADER = struct.Struct(">HH")


class Opcode(enum.IntEnum):
    """First two bytes of every packet (RFC 1350 section 5, RFC 2347)."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(enum.IntEnum):
    """Codes of ERROR packets (RFC 1350 appendix, RFC 2347)."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER_ID = 5
    FILE_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_REFUSED = 8


@dataclasses.dataclass(frozen=True, slots=True)
class _Request:
    filename: str
    mode: str = "octet"
    options: Options = ()

    def _encode(self, opcode: Opcode) -> bytes:
        return _encode_strings(opcode, self.filename, self.mode, *_flatten(self.options))


@dataclasses.dataclass(frozen=True, slots=True)
class ReadRequest(_Request):
    """RRQ: a client asks for a file. ``mode`` is lower case; bytes that are no UTF-8 stay surrogate escapes."""

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return self._encode(Opcode.RRQ)


@dataclasses.dataclass(frozen=True, slots=True)
class WriteRequest(_Request):
    """WRQ: a client wants to store a file; a Unified CM cluster refuses it."""

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return self._encode(Opcode.WRQ)


@dataclasses.dataclass(frozen=True, slots=True)
class Data:
    """DATA: one block; shorter than the agreed block size means last."""

    block: int
    """0 to 65535; counting starts at 1 and wraps to 0."""
    payload: bytes

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return _HEADER.pack(Opcode.DATA, self.block) + self.payload


@dataclasses.dataclass(frozen=True, slots=True)
class Ack:
    """ACK: the block arrived, and with windows (RFC 7440) all before it; block 0 accepts an OACK."""

    block: int

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return _HEADER.pack(Opcode.ACK, self.block)


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorPacket:
    """ERROR: ends a transfer; never answered."""

    code: int
    message: str

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return _HEADER.pack(Opcode.ERROR, self.code) + _encode_string(self.message)


@dataclasses.dataclass(frozen=True, slots=True)
class OptionAck:
    """OACK: the options that a server accepts, with its values."""

    options: Options

    def encode(self) -> bytes:
        """Return the packet's bytes."""
        return _encode_strings(Opcode.OACK, *_flatten(self.options))


Packet = ReadRequest | WriteRequest | Data | Ack | ErrorPacket | OptionAck


def parse_packet(datagram: bytes) -> Packet:
    """Read one datagram.

    Raises:
        TftpRefused: The datagram is no TFTP packet; code 4 (illegal operation) and the rule it breaks.
    """
    if len(datagram) < 4:
        raise _illegal(f"packet of {len(datagram)} bytes, at least 4 expected")
    opcode, number = _HEADER.unpack_from(datagram)
    match opcode:
        case Opcode.DATA:
            return Data(number, datagram[4:])
        case Opcode.ACK:
            if len(datagram) != 4:
                raise _illegal(f"ACK of {len(datagram)} bytes, 4 expected")
            return Ack(number)
        case Opcode.ERROR:
            return ErrorPacket(number, datagram[4:].partition(b"\0")[0].decode("utf-8", "replace"))
        case Opcode.RRQ | Opcode.WRQ | Opcode.OACK:
            return _parse_strings(opcode, datagram)
    raise _illegal(f"unknown operation {opcode}")


def _parse_strings(opcode: int, datagram: bytes) -> ReadRequest | WriteRequest | OptionAck:
    if len(datagram) > MAX_REQUEST_BYTES:
        raise _illegal(f"request of {len(datagram)} bytes, at most {MAX_REQUEST_BYTES} allowed")
    strings = [part.decode("utf-8", "surrogateescape") for part in datagram[2:].removesuffix(b"\0").split(b"\0")]
    if opcode == Opcode.OACK:
        return OptionAck(_pair_options(strings))
    if len(strings) < 2 or not strings[0] or not strings[1]:
        raise _illegal("request without file name or mode")
    packet = ReadRequest if opcode == Opcode.RRQ else WriteRequest
    return packet(strings[0], strings[1].lower(), _pair_options(strings[2:]))


def _pair_options(strings: list[str]) -> Options:
    """Names and values in turn; the first of a repeated name counts, and a name without value is left out."""
    options: dict[str, str] = {}
    for name, value in zip(strings[::2], strings[1::2], strict=False):
        if name:
            options.setdefault(name.lower(), value)
    return tuple(options.items())


def _flatten(options: Options) -> list[str]:
    return [text for pair in options for text in pair]


def _encode_strings(opcode: Opcode, *strings: str) -> bytes:
    return opcode.to_bytes(2, "big") + b"".join(map(_encode_string, strings))


def _encode_string(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "surrogateescape") + b"\0"


def _illegal(reason: str) -> TftpRefused:
    return TftpRefused(ErrorCode.ILLEGAL_OPERATION, f"Illegal TFTP operation: {reason}")


_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")


def check_filename(filename: str) -> None:
    """Refuse a name that could mean something outside the served names, were it ever used as a path.

    Names are keys of a lookup, never paths; folders in them use ``/`` as in ``Desktops/320x212x12/List.xml``.

    Raises:
        TftpRefused: Code 2 (access violation): absolute, with ``..``, ``.`` or empty parts, with control
            characters or a backslash, or longer than `MAX_FILENAME_CHARACTERS`.
    """
    is_odd = len(filename) > MAX_FILENAME_CHARACTERS or _CONTROL.search(filename) is not None
    if is_odd or any(part in ("", ".", "..") for part in filename.split("/")):
        raise TftpRefused(ErrorCode.ACCESS_VIOLATION, "Access violation")


def encode_netascii(content: bytes) -> bytes:
    """Convert local bytes to the ``netascii`` transfer mode: LF becomes CR LF, a lone CR becomes CR NUL (RFC 764)."""
    return content.replace(b"\r", b"\r\0").replace(b"\n", b"\r\n")


def decode_netascii(content: bytes) -> bytes:
    """Undo `encode_netascii`."""
    return content.replace(b"\r\n", b"\n").replace(b"\r\0", b"\r")
