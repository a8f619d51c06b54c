"""Writes a trace as pcapng, and says how tshark must be told to read the ports of a lab.

Link type raw IP, one interface per node, nanosecond times, and a comment on each packet that begins a record: its
number in the trace, who recorded it, the stories it belongs to, the fault that hit it. Format:
draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import dataclasses
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from emcc_emu.trace.meaning import Message
from emcc_emu.trace.messages import read_message
from emcc_emu.trace.packets import PacketMaker, plain_addresses
from emcc_emu.trace.record import NodeLabel, Protocol, Record
from emcc_emu.trace.stories import StoryTracker

__all__ = ["CaptureSummary", "write_pcapng"]

_LINK_RAW = 101
_SNAP_BYTES = 262_144
_COMMENT, _INTERFACE_NAME, _INTERFACE_RESOLUTION, _APPLICATION = 1, 2, 9, 4
_NANOSECONDS = 9
_OTHERS = "other hosts"
_KNOWN_PORTS = {  # what tshark dissects without being told
    ("udp", 5060, "sip"),
    ("tcp", 5060, "sip"),
    ("udp", 69, "tftp"),
    *(("tcp", port, "http") for port in (80, 3128, 8080, 8088)),
}
_MAX_HINTS = 200


@dataclasses.dataclass(slots=True)
class CaptureSummary:
    """What a capture file holds, and how to read it."""

    records: Counter[Protocol] = dataclasses.field(default_factory=Counter)
    """Records written, by protocol."""

    packets: int = 0
    """IP packets written, handshakes included."""

    ports: set[tuple[str, int, str]] = dataclasses.field(default_factory=set)
    """Server ports that tshark does not know by itself: (udp or tcp, port, protocol)."""

    def decode_as(self) -> list[str]:
        """Return the arguments for tshark: `-d tcp.port==6970,http` and so on."""
        hints = (f"{transport}.port=={port},{protocol}" for transport, port, protocol in sorted(self.ports))
        return [argument for hint in hints for argument in ("-d", hint)]


def write_pcapng(records: Iterable[Record], stream: BinaryIO, nodes: Sequence[NodeLabel] = ()) -> CaptureSummary:
    """Write records, in the order of their times, as a pcapng file.

    Args:
        records: What to write.
        stream: Opened for writing bytes.
        nodes: Who lives where; every node becomes an interface.
    """
    writer = _Writer(stream, nodes)
    for number, record in enumerate(records, start=1):
        writer.write(number, record)
    writer.finish()
    return writer.summary


class _Writer:
    def __init__(self, stream: BinaryIO, nodes: Sequence[NodeLabel]) -> None:
        self.summary = CaptureSummary()
        self._stream = stream
        self._maker = PacketMaker()
        self._stories = StoryTracker(nodes)
        self._names = {(node.address, node.port): node.name for node in nodes if node.role != "phone"}
        self._interfaces: dict[str, int] = {}
        options = _option(_APPLICATION, b"emcc-emu") + _option(0, b"")
        self._block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1) + options)

    def write(self, number: int, record: Record) -> None:
        message = read_message(record)
        self._note(message)
        interface = self._interface_of(record)
        comment = self._comment(number, message)
        first_part = record.payload[:64]
        for time_ns, packet in self._maker.packets_of(record):
            is_first = bool(comment) and (not first_part or first_part in packet)
            self._packet(interface, time_ns, packet, comment if is_first else "")
            comment = "" if is_first else comment

    def finish(self) -> None:
        for time_ns, packet in self._maker.finish():
            self._packet(0, time_ns, packet, "")

    def _note(self, message: Message) -> None:
        """Count the record, and keep the port of its server if tshark would not know what is spoken there."""
        record = message.record
        self.summary.records[record.protocol] += 1
        source, destination = plain_addresses(record)
        transport = "udp" if record.transport == "udp" else "tcp"
        if message.meaning.kind not in ("request", "response") or len(self.summary.ports) >= _MAX_HINTS:
            return
        server = destination if message.meaning.kind == "request" else source
        ends = {(transport, port, record.protocol) for port in (source[1], destination[1])}
        if not ends & (_KNOWN_PORTS | self.summary.ports):
            self.summary.ports.add((transport, server[1], record.protocol))

    def _comment(self, number: int, message: Message) -> str:
        record = message.record
        parts = [f"record {number}", record.recorder and f"by {record.recorder}"]
        parts += [*self._stories.names_of(message), record.fault and f"fault: {record.fault}"]
        return ", ".join(part for part in parts if part)

    def _interface_of(self, record: Record) -> int:
        names = (
            self._names.get(address) or self._names.get((address[0], 0))
            for address in (record.source, record.destination)
        )
        name = next(filter(None, names), _OTHERS)
        if name not in self._interfaces:
            self._interfaces[name] = len(self._interfaces)
            options = _option(_INTERFACE_NAME, name.encode()) + _option(_INTERFACE_RESOLUTION, bytes([_NANOSECONDS]))
            self._block(1, struct.pack("<HHI", _LINK_RAW, 0, _SNAP_BYTES) + options + _option(0, b""))
        return self._interfaces[name]

    def _packet(self, interface: int, time_ns: int, packet: bytes, comment: str) -> None:
        self.summary.packets += 1
        head = struct.pack("<IIIII", interface, time_ns >> 32, time_ns & 0xFFFFFFFF, len(packet), len(packet))
        options = _option(_COMMENT, comment.encode()) + _option(0, b"") if comment else b""
        self._block(6, head + _padded(packet) + options)

    def _block(self, kind: int, body: bytes) -> None:
        size = (12 + len(body)).to_bytes(4, "little")
        self._stream.write(kind.to_bytes(4, "little") + size + body + size)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + b"\0" * (-len(value) % 4)
