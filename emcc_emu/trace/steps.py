"""Turns the messages of a trace into the steps that a ladder shows.

Left out or drawn together: OPTIONS pings and keepalives (unless asked for), the DATA and ACK packets of a TFTP
transfer (one step that counts them). A datagram that is sent again is marked.
"""

from __future__ import annotations

import dataclasses
from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import TypeVar

from emcc_emu.trace.meaning import Message
from emcc_emu.trace.messages import read_message
from emcc_emu.trace.record import Address, NodeLabel, Protocol, Record
from emcc_emu.trace.stories import StoryTracker

__all__ = ["MAX_STEPS", "Scene", "Step", "read_scene"]

_K = TypeVar("_K")
_V = TypeVar("_V")

MAX_STEPS = 20_000
"""Steps kept of one trace; what comes later is counted only."""

_REPEAT_WINDOW_NS = 64_000_000_000
_MAX_REMEMBERED = 10_000
_HIDDEN_OPTIONS, _HIDDEN_KEEPALIVES = "OPTIONS", "keepalives"


@dataclasses.dataclass(slots=True)
class Step:
    """One arrow."""

    time_ns: int
    protocol: Protocol
    source: Address
    destination: Address
    label: str
    message: Message
    is_repeat: bool = False
    """The same datagram was sent before."""

    fault: str = ""
    packets: int = 1
    blocks: int = 0
    size_bytes: int = 0
    resent: int = 0


@dataclasses.dataclass(slots=True)
class Scene:
    """Everything that a ladder needs."""

    steps: list[Step]
    stories: StoryTracker
    hidden: Counter[str]
    """Packets left out, by reason."""

    packets: int = 0


def read_scene(
    records: Iterable[Record],
    nodes: Iterable[NodeLabel] = (),
    *,
    story: str = "",
    shows_options: bool = False,
    shows_keepalives: bool = False,
) -> Scene:
    """Read a trace and keep the steps of one story, or of all.

    Args:
        records: In the order of their times.
        nodes: Who lives where.
        story: Device name in any case; empty for everything.
        shows_options: Keep OPTIONS and their answers.
        shows_keepalives: Keep registration refreshes and line-break keepalives.
    """
    reader = _SceneReader(nodes, story.lower(), shows_options=shows_options, shows_keepalives=shows_keepalives)
    for record in records:
        reader.read(record)
    return reader.scene


class _SceneReader:
    def __init__(self, nodes: Iterable[NodeLabel], story: str, *, shows_options: bool, shows_keepalives: bool) -> None:
        self.scene = Scene([], StoryTracker(nodes), Counter())
        self._story = story
        self._shows_options = shows_options
        self._shows_keepalives = shows_keepalives
        self._refreshes: OrderedDict[tuple[str, int], None] = OrderedDict()
        self._sent: OrderedDict[tuple[Address, Address, bytes], int] = OrderedDict()
        self._servers: OrderedDict[Address, Address] = OrderedDict()
        self._transfers: OrderedDict[Address, Step] = OrderedDict()

    def read(self, record: Record) -> None:
        message = read_message(record)
        names = self.scene.stories.names_of(message)
        if self._story and self._story not in (name.lower() for name in names):
            return
        self.scene.packets += 1
        if reason := self._hides(message):
            self.scene.hidden[reason] += 1
        elif len(self.scene.steps) >= MAX_STEPS:
            self.scene.hidden["packets after the first steps"] += 1
        elif record.protocol == "tftp":
            self._read_tftp(message)
        else:
            self._add(message, record.source, record.destination)

    def _hides(self, message: Message) -> str:
        meaning = message.meaning
        if meaning.method == "OPTIONS" and message.record.protocol == "sip" and not self._shows_options:
            return _HIDDEN_OPTIONS
        if self._shows_keepalives or message.record.protocol != "sip":
            return ""
        key = (meaning.call_id, meaning.sequence)
        if meaning.kind == "request" and meaning.method == "REGISTER":
            is_renewal = self._is_known_registration(message) and meaning.is_refresh
            if is_renewal:
                _remember(self._refreshes, key, None)
            return _HIDDEN_KEEPALIVES if is_renewal else ""
        is_fine = meaning.kind == "response" and meaning.status < 300
        if is_fine and meaning.method == "REGISTER" and key in self._refreshes:
            return _HIDDEN_KEEPALIVES
        return _HIDDEN_KEEPALIVES if meaning.kind == "other" and meaning.label.startswith("keepalive") else ""

    def _is_known_registration(self, message: Message) -> bool:
        """The first REGISTER of a Call-ID is always shown; phones without a body would stay invisible otherwise."""
        key = (message.meaning.call_id, -1)
        is_known = key in self._refreshes
        _remember(self._refreshes, key, None)
        return is_known

    def _read_tftp(self, message: Message) -> None:
        record, meaning = message.record, message.meaning
        if meaning.kind == "request":
            _remember(self._servers, record.source, record.destination)
            self._transfers.pop(record.source, None)
            self._add(message, record.source, record.destination)
            return
        # The server answers from a port of its own: draw it where the request went.
        is_from_client = record.source in self._servers
        client = record.source if is_from_client else record.destination
        server = self._servers.get(client, record.destination if is_from_client else record.source)
        if meaning.kind in ("data", "options", "ack"):
            self._count_block(message, server, client)
        else:
            self._add(message, client if is_from_client else server, server if is_from_client else client)

    def _count_block(self, message: Message, server: Address, client: Address) -> None:
        meaning = message.meaning
        transfer = self._transfers.get(client)
        if transfer is None:
            if meaning.kind == "ack":
                return
            transfer = self._add(message, server, client)
            transfer.packets = 0
            _remember(self._transfers, client, transfer)
        is_repeat = transfer.packets > 0 and self._is_repeat(message.record)
        transfer.packets += 1
        if is_repeat:
            transfer.resent += meaning.kind != "ack"
        elif meaning.kind == "data":
            transfer.blocks += 1
            transfer.size_bytes += meaning.size_bytes
        transfer.fault = transfer.fault or message.record.fault
        transfer.label = _transfer_label(transfer)

    def _add(self, message: Message, source: Address, destination: Address) -> Step:
        record = message.record
        step = Step(
            record.time_ns,
            record.protocol,
            source,
            destination,
            message.meaning.label,
            message,
            is_repeat=self._is_repeat(record),
            fault=record.fault,
        )
        self.scene.steps.append(step)
        return step

    def _is_repeat(self, record: Record) -> bool:
        if record.transport != "udp":
            return False
        key = (record.source, record.destination, record.payload)
        before_ns = self._sent.get(key)
        _remember(self._sent, key, record.time_ns)
        return before_ns is not None and record.time_ns - before_ns < _REPEAT_WINDOW_NS


def _transfer_label(step: Step) -> str:
    parts = [f"DATA ×{step.blocks}, {step.size_bytes:,} bytes" if step.blocks else step.message.meaning.label]
    if step.resent:
        parts.append(f"{step.resent} resent")
    return ", ".join(parts)


def _remember(memory: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _MAX_REMEMBERED:
        memory.popitem(last=False)
