"""Reads the packets of pcap and pcapng files, down to IP; writing is in `emcc_emu.trace.pcapng`.

Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng. Link types: Ethernet (with VLAN tags), raw IP, BSD
loopback, Linux cooked 1 and 2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from emcc_emu.errors import InputError

__all__ = ["MAX_PACKET_BYTES", "is_capture", "read_ip_packets"]

MAX_PACKET_BYTES = 256 * 1024
"""Largest packet or pcapng block read; a larger one means that the file is damaged."""

_PCAP = {  # magic -> byte order, nanoseconds per fraction
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _SIMPLE_PACKET, _ENHANCED_PACKET = 0x0A0D0D0A, 1, 3, 6
_OPTION_TIME_RESOLUTION = 9

_ETHERNET_VLANS = (0x8100, 0x88A8)
_IP_OFFSETS = {101: 0, 12: 0, 228: 0, 229: 0, 0: 4, 108: 4, 113: 16, 276: 20}
_LINK_ETHERNET = 1


def is_capture(path: Path) -> bool:
    """Whether a file is a pcap or pcapng file, by its first bytes."""
    with path.open("rb") as stream:
        magic = stream.read(4)
    return magic in _PCAP or magic == _PCAPNG


def read_ip_packets(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (nanoseconds since 1970, IP packet) in file order; a torn last packet ends the file.

    Raises:
        InputError: The file is damaged; the text names it.
    """
    with path.open("rb") as stream:
        magic = stream.read(4)
        frames = _pcapng_frames(stream) if magic == _PCAPNG else _pcap_frames(stream, *_PCAP[magic])
        try:
            for time_ns, link_type, frame in frames:
                if packet := _ip_packet(link_type, frame):
                    yield time_ns, packet
        except (struct.error, KeyError, ValueError, IndexError) as error:
            raise InputError(f"{path}: damaged capture file: {error}; save it again with Wireshark") from None


def _pcap_frames(stream: BinaryIO, order: str, fraction_ns: int) -> Iterator[tuple[int, int, bytes]]:
    link_type = struct.unpack(f"{order}16xI", stream.read(20))[0] & 0xFFFF
    while len(header := stream.read(16)) == 16:
        seconds, fraction, size_bytes, _ = struct.unpack(f"{order}4I", header)
        if size_bytes > MAX_PACKET_BYTES:
            raise ValueError(f"packet of {size_bytes} bytes")
        frame = stream.read(size_bytes)
        if len(frame) < size_bytes:
            return
        yield seconds * 1_000_000_000 + fraction * fraction_ns, link_type, frame


def _pcapng_frames(stream: BinaryIO) -> Iterator[tuple[int, int, bytes]]:
    order = "<"
    interfaces: list[tuple[int, int]] = []  # link type, time units per second
    stream.seek(0)
    while len(head := stream.read(8)) == 8:
        if head[:4] == _PCAPNG:
            order = ">" if stream.read(4) == b"\x1a\x2b\x3c\x4d" else "<"
            stream.seek(-4, 1)
            interfaces = []
        kind, size_bytes = struct.unpack(f"{order}II", head)
        if not 12 <= size_bytes <= MAX_PACKET_BYTES:
            raise ValueError(f"block of {size_bytes} bytes")
        body = stream.read(size_bytes - 8)[:-4]
        if len(body) < size_bytes - 12:
            return
        if kind == _INTERFACE:
            interfaces.append((struct.unpack_from(f"{order}H", body)[0], _units_per_s(body[8:], order)))
        elif kind == _ENHANCED_PACKET:
            interface, high, low, captured = struct.unpack_from(f"{order}4I", body)
            link_type, units_per_s = interfaces[interface]
            time_ns = ((high << 32) | low) * 1_000_000_000 // units_per_s
            yield time_ns, link_type, body[20 : 20 + captured]
        elif kind == _SIMPLE_PACKET:
            yield 0, interfaces[0][0], body[4 : 4 + struct.unpack_from(f"{order}I", body)[0]]


def _units_per_s(options: bytes, order: str) -> int:
    while len(options) >= 4:
        code, size_bytes = struct.unpack_from(f"{order}HH", options)
        if code == _OPTION_TIME_RESOLUTION:
            resolution = options[4]
            return 1 << (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        options = options[4 + (size_bytes + 3) // 4 * 4 :]
    return 1_000_000


def _ip_packet(link_type: int, frame: bytes) -> bytes:
    """Strip the link layer; empty for anything that is not IP."""
    offset = _IP_OFFSETS.get(link_type)
    if link_type == _LINK_ETHERNET:
        offset = 14
        while len(frame) > offset and int.from_bytes(frame[offset - 2 : offset], "big") in _ETHERNET_VLANS:
            offset += 4
    if offset is None or len(frame) <= offset or frame[offset] >> 4 not in (4, 6):
        return b""
    return frame[offset:]
