"""Turns a foreign capture (pcap, pcapng) into records: IP fragments and TCP streams put together, messages framed.

Protocols are recognised by what the packets say, not by ports: SIP and HTTP by their first line, TFTP by a read
request to port 69 or 6969 and then by the client's port. Secrets are overwritten as the records are made.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import struct
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from emcc_emu.trace.capture_file import is_capture, read_ip_packets
from emcc_emu.trace.record import Address, Protocol, Record, Transport
from emcc_emu.trace.redact import Redactor

__all__ = ["MAX_FLOWS", "MAX_STREAM_BYTES", "is_capture", "read_capture"]

_K = TypeVar("_K")
_V = TypeVar("_V")

MAX_FLOWS = 100_000
"""TCP directions, TFTP clients and fragmented packets that are followed at once; the oldest is forgotten first."""

MAX_STREAM_BYTES = 4 * 1024 * 1024
"""Bytes of one TCP direction that wait for a gap or for the end of a message; beyond it the stream is given up."""

_TCP, _UDP = 6, 17
_FIN, _SYN, _RST = 1, 2, 4
_TFTP_PORTS = (69, 6969)
_SIP_START = re.compile(rb"(?:SIP/2\.0 \d{3}|[A-Z]{3,12} (?:sips?|tel|urn):\S+ SIP/2\.0)", re.IGNORECASE)
_HTTP_START = re.compile(rb"(?:HTTP/1\.[01] \d{3}|(?:GET|POST|HEAD|PUT|DELETE) \S+ HTTP/1\.[01])")
_CONTENT_LENGTH = re.compile(rb"^(?:content-length|l)[ \t]*:[ \t]*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding[ \t]*:[^\r\n]*chunked", re.IGNORECASE | re.MULTILINE)
_CHUNK_END = re.compile(rb"(?:^|\r\n)0+(?:;[^\r\n]*)?\r\n(?:[^\r\n]+\r\n)*\r\n")
_BODILESS_STATUS = re.compile(rb"HTTP/1\.[01] (?:1\d\d|204|304)")


def read_capture(path: Path) -> Iterator[Record]:
    """Yield the SIP, HTTP and TFTP messages of a capture file.

    Raises:
        InputError: The file is damaged.
    """
    return _Importer(path.name).read(path)


@dataclasses.dataclass(slots=True)
class _Stream:
    """One direction of a TCP connection."""

    next_sequence: int | None = None
    waiting: dict[int, bytes] = dataclasses.field(default_factory=dict)
    buffer: bytearray = dataclasses.field(default_factory=bytearray)


class _Importer:
    def __init__(self, name: str) -> None:
        self._name = name
        self._redactor = Redactor()
        self._streams: OrderedDict[tuple[Address, Address], _Stream] = OrderedDict()
        self._tftp_clients: OrderedDict[Address, None] = OrderedDict()
        self._fragments: OrderedDict[bytes, dict[int, bytes]] = OrderedDict()

    def read(self, path: Path) -> Iterator[Record]:
        for time_ns, packet in read_ip_packets(path):
            whole = self._defragment(packet)
            if whole is None:
                continue
            protocol, source, destination, segment = whole
            if protocol == _UDP and len(segment) >= 8:
                ports = struct.unpack_from(">HHH", segment)
                yield from self._datagram(
                    time_ns, (source, ports[0]), (destination, ports[1]), segment[8 : max(8, ports[2])]
                )
            elif protocol == _TCP and len(segment) >= 20:
                yield from self._segment(time_ns, source, destination, segment)

    def _defragment(self, packet: bytes) -> tuple[int, str, str, bytes] | None:
        """Split an IP packet; None while fragments are missing."""
        if packet[0] >> 4 == 6:
            if len(packet) < 40:
                return None
            source, destination = (str(ipaddress.IPv6Address(packet[start : start + 16])) for start in (8, 24))
            return packet[6], source, destination, packet[40 : 40 + int.from_bytes(packet[4:6], "big")]
        if len(packet) < 20:
            return None
        header_bytes = (packet[0] & 15) * 4
        source, destination = (".".join(map(str, packet[start : start + 4])) for start in (12, 16))
        length, identity, fragment = struct.unpack_from(">2xHHH", packet)
        payload = packet[header_bytes : length or None]
        if fragment & 0x3FFF:
            payload = self._join(packet[12:20] + identity.to_bytes(2, "big") + packet[9:10], fragment, payload)
        return (packet[9], source, destination, payload) if payload else None

    def _join(self, key: bytes, fragment: int, payload: bytes) -> bytes:
        parts = _remember(self._fragments, key, {})
        parts[fragment] = payload
        whole = bytearray()
        for field in sorted(parts, key=lambda field: field & 0x1FFF):
            if (field & 0x1FFF) * 8 != len(whole):
                return b""
            whole += parts[field]
            if not field & 0x2000:
                del self._fragments[key]
                return bytes(whole)
        return b""

    def _record(
        self, time_ns: int, protocol: Protocol, transport: Transport, source: Address, to: Address, payload: bytes
    ) -> Record:
        connection = ""
        if transport == "tcp":
            connection = " ".join(sorted((f"{source[0]}:{source[1]}", f"{to[0]}:{to[1]}")))
        payload = self._redactor.redact(protocol, source, to, payload)
        return Record(time_ns, protocol, transport, source, to, payload, connection, self._name)

    def _datagram(self, time_ns: int, source: Address, to: Address, payload: bytes) -> Iterator[Record]:
        if _SIP_START.match(payload):
            yield self._record(time_ns, "sip", "udp", source, to, payload)
        elif to[1] in _TFTP_PORTS and payload[:2] in (b"\0\1", b"\0\2"):
            _remember(self._tftp_clients, source, None)
            yield self._record(time_ns, "tftp", "udp", source, to, payload)
        elif (source in self._tftp_clients or to in self._tftp_clients) and payload[:1] == b"\0":
            yield self._record(time_ns, "tftp", "udp", source, to, payload)

    def _segment(self, time_ns: int, source_ip: str, destination_ip: str, segment: bytes) -> Iterator[Record]:
        ports, sequence, offset, flags = struct.unpack_from(">II4xBB", segment)
        source, to = (source_ip, ports >> 16), (destination_ip, ports & 0xFFFF)
        stream = _remember(self._streams, (source, to), _Stream())
        if flags & _SYN:
            stream.next_sequence = (sequence + 1) & 0xFFFFFFFF
            stream.buffer.clear()
            stream.waiting.clear()
        payload = segment[(offset >> 4) * 4 :]
        if payload:
            _append(stream, sequence, payload)
        for message in _messages(stream, is_ended=bool(flags & (_FIN | _RST))):
            protocol: Protocol = "sip" if _SIP_START.match(message) else "http"
            yield self._record(time_ns, protocol, "tcp", source, to, message)
        if flags & (_FIN | _RST):
            self._streams.pop((source, to), None)


def _remember(memory: OrderedDict[_K, _V], key: _K, new: _V) -> _V:
    value = memory.setdefault(key, new)
    if len(memory) > MAX_FLOWS:
        memory.popitem(last=False)
    return value


def _append(stream: _Stream, sequence: int, payload: bytes) -> None:
    """Put a segment in its place; overlaps and repetitions are cut off, what comes too early waits."""
    if stream.next_sequence is None:
        stream.next_sequence = sequence
    stream.waiting[sequence] = payload
    is_progress = True
    while is_progress:
        is_progress = False
        for start in list(stream.waiting):
            behind = (stream.next_sequence - start) & 0xFFFFFFFF
            if behind < 0x80000000:
                new = stream.waiting.pop(start)[behind:]
                stream.buffer += new
                stream.next_sequence = (stream.next_sequence + len(new)) & 0xFFFFFFFF
                is_progress = True
    if len(stream.buffer) + sum(map(len, stream.waiting.values())) > MAX_STREAM_BYTES:
        stream.buffer.clear()
        stream.waiting.clear()
        stream.next_sequence = None


def _messages(stream: _Stream, *, is_ended: bool) -> Iterator[bytes]:
    """Cut whole messages off the front of a stream; bytes before a first line that we know are skipped."""
    while stream.buffer:
        start = min((found.start() for found in _starts(stream.buffer)), default=None)
        if start is None:
            if len(stream.buffer) > 65536:
                stream.buffer.clear()
            return
        del stream.buffer[:start]
        end = _message_end(stream.buffer, is_ended=is_ended)
        if end is None:
            return
        yield bytes(stream.buffer[:end])
        del stream.buffer[:end]


def _starts(buffer: bytearray) -> Iterator[re.Match[bytes]]:
    return (found for pattern in (_SIP_START, _HTTP_START) if (found := pattern.search(buffer)))


def _message_end(buffer: bytearray, *, is_ended: bool) -> int | None:
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    head, body = bytes(buffer[: head_end + 2]), head_end + 4
    if _CHUNKED.search(head):
        last = _CHUNK_END.search(buffer, body)
        return last.end() if last else None
    if length := _CONTENT_LENGTH.search(head):
        end = body + int(length[1])
        return end if end <= len(buffer) else None
    if head.startswith(b"HTTP/") and not _BODILESS_STATUS.match(head):
        return len(buffer) if is_ended else None
    return body
