"""Makes IP packets out of records: UDP datagrams, and TCP streams with handshake, true numbers and a clean end.

Reference: RFC 791, RFC 8200, RFC 768, RFC 9293. Nothing is sent anywhere; the packets go into capture files.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import struct
from collections import OrderedDict
from collections.abc import Iterator

from emcc_emu.trace.record import Address, Record

__all__ = ["MAX_OPEN_STREAMS", "MAX_SEGMENT_BYTES", "PLAIN_PORTS", "PacketMaker", "plain_addresses"]

MAX_SEGMENT_BYTES = 1460
"""Payload of one TCP segment."""

MAX_OPEN_STREAMS = 50_000
"""TCP connections that are open at once; the least recently used is closed first."""

PLAIN_PORTS = {8443: 8080, 443: 80, 5061: 5060, 6971: 6970}
"""TLS port -> the port under which its plain text is written, so that tools read it as what it is."""

_UDP, _TCP = 17, 6
_FIN, _SYN, _PSH, _ACK = 1, 2, 8, 16
_WINDOW = 65535
_SEQUENCE_STEP = 1_640_531_527  # spreads first sequence numbers, so that a reused port pair is seen as a new stream
_MAX_UDP_PAYLOAD_BYTES = 65507


@dataclasses.dataclass(slots=True)
class _Stream:
    client: Address
    server: Address
    sequences: dict[Address, int]
    last_ns: int
    names: dict[tuple[str, Address], str]
    """What each recorder calls this connection; one that stands at both ends has a name for each."""


def plain_addresses(record: Record) -> tuple[Address, Address]:
    """Source and destination as they are written: a TLS port is exchanged for its plain one."""
    if record.transport != "tls":
        return record.source, record.destination
    source, destination = record.source, record.destination
    return (
        (source[0], PLAIN_PORTS.get(source[1], source[1])),
        (destination[0], PLAIN_PORTS.get(destination[1], destination[1])),
    )


class PacketMaker:
    """Turns records, in the order of their times, into IP packets."""

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[Address, Address], _Stream] = OrderedDict()
        self._identity = 0
        self._opened = 0

    def packets_of(self, record: Record) -> Iterator[tuple[int, bytes]]:
        """Yield (nanoseconds, IP packet): one datagram, or the segments of one message and what must come before it."""
        source, destination = plain_addresses(record)
        if record.transport == "udp":
            yield record.time_ns, self._datagram(source, destination, record.payload[:_MAX_UDP_PAYLOAD_BYTES])
            return
        key = (min(source, destination), max(source, destination))
        stream = self._streams.get(key)
        # Each end names a connection in its own way; a new name from the same end is a new connection.
        name = (record.recorder, record.source)
        if stream and stream.names.get(name, record.connection) != record.connection:
            del self._streams[key]
            yield from self._close(stream, record.time_ns)
            stream = None
        if stream is None:
            self._opened += 1
            first = self._opened * _SEQUENCE_STEP & 0xFFFFFFFF
            stream = _Stream(source, destination, {source: first, destination: first}, record.time_ns, {})
            self._streams[key] = stream
            yield from self._open(stream)
        stream.names[name] = record.connection
        self._streams.move_to_end(key)
        yield from self._message(stream, source, destination, record)
        if len(self._streams) > MAX_OPEN_STREAMS:
            yield from self._close(self._streams.popitem(last=False)[1], record.time_ns)

    def finish(self) -> Iterator[tuple[int, bytes]]:
        """Yield the ends of the streams that are still open, at the time of the last packet."""
        last_ns = max((stream.last_ns for stream in self._streams.values()), default=0)
        for stream in self._streams.values():
            yield from self._close(stream, last_ns)
        self._streams.clear()

    def _open(self, stream: _Stream) -> Iterator[tuple[int, bytes]]:
        client, server = stream.client, stream.server
        for source, destination, flags in ((client, server, _SYN), (server, client, _SYN | _ACK)):
            yield stream.last_ns, self._segment(stream, source, destination, flags)
            stream.sequences[source] = (stream.sequences[source] + 1) & 0xFFFFFFFF
        yield stream.last_ns, self._segment(stream, client, server, _ACK)

    def _close(self, stream: _Stream, time_ns: int) -> Iterator[tuple[int, bytes]]:
        client, server = stream.client, stream.server
        for source, destination in ((client, server), (server, client)):
            yield time_ns, self._segment(stream, source, destination, _FIN | _ACK)
            stream.sequences[source] = (stream.sequences[source] + 1) & 0xFFFFFFFF
        yield time_ns, self._segment(stream, client, server, _ACK)

    def _message(
        self, stream: _Stream, source: Address, destination: Address, record: Record
    ) -> Iterator[tuple[int, bytes]]:
        stream.last_ns = record.time_ns
        for start in range(0, len(record.payload), MAX_SEGMENT_BYTES):
            part = record.payload[start : start + MAX_SEGMENT_BYTES]
            yield record.time_ns, self._segment(stream, source, destination, _PSH | _ACK, part)
            stream.sequences[source] = (stream.sequences[source] + len(part)) & 0xFFFFFFFF

    def _segment(
        self, stream: _Stream, source: Address, destination: Address, flags: int, payload: bytes = b""
    ) -> bytes:
        acknowledged = stream.sequences[destination] if flags & _ACK else 0
        header = struct.pack(
            ">HHIIBBHHH",
            source[1],
            destination[1],
            stream.sequences[source],
            acknowledged,
            5 << 4,
            flags,
            _WINDOW,
            0,
            0,
        )
        return self._ip(_TCP, source[0], destination[0], header + payload, checksum_at=16)

    def _datagram(self, source: Address, destination: Address, payload: bytes) -> bytes:
        header = struct.pack(">HHHH", source[1], destination[1], 8 + len(payload), 0)
        return self._ip(_UDP, source[0], destination[0], header + payload, checksum_at=6)

    def _ip(self, protocol: int, source: str, destination: str, segment: bytes, *, checksum_at: int) -> bytes:
        from_ip, to_ip = ipaddress.ip_address(source), ipaddress.ip_address(destination)
        pseudo = from_ip.packed + to_ip.packed + struct.pack(">II", len(segment), protocol)
        # A UDP checksum of zero would mean "none" (RFC 768).
        checksum = _checksum(pseudo + segment) or 0xFFFF
        segment = segment[:checksum_at] + checksum.to_bytes(2, "big") + segment[checksum_at + 2 :]
        if from_ip.version == 6:
            return struct.pack(">IHBB", 6 << 28, len(segment), protocol, 64) + pseudo[:32] + segment
        self._identity = (self._identity + 1) & 0xFFFF
        header = struct.pack(">BBHHHBBH", 0x45, 0x60, 20 + len(segment), self._identity, 0x4000, 64, protocol, 0)
        header += pseudo[:8]
        return header[:10] + _checksum(header).to_bytes(2, "big") + header[12:] + segment


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): the number is a remainder, so one big integer does the adding up."""
    if len(data) % 2:
        data += b"\0"
    remainder = int.from_bytes(data, "big") % 0xFFFF
    return ~(remainder or (0xFFFF if any(data) else 0)) & 0xFFFF
