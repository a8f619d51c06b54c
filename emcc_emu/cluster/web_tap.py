"""Lets the recorder see whole HTTP messages as raw bytes, and faults act on them, above TLS, around aiohttp.

aiohttp shows parsed requests and built responses; a trace wants what was on the wire, and a fault hits what is on the
wire. So the tap wraps aiohttp's protocol and the transport that it writes to, and cuts both byte streams into messages.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from typing import Any

from emcc_emu.net.faults import FaultBoard
from emcc_emu.rules.faults import story_of
from emcc_emu.trace.record import Address, Transport
from emcc_emu.trace.recorder import Recorder

__all__ = ["MAX_RECORDED_MESSAGE_BYTES", "MessageCutter", "TappedProtocol"]

MAX_RECORDED_MESSAGE_BYTES = 2 * 1024 * 1024
"""A longer message is recorded in pieces of this size."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,12})[ \t]*\r\n", re.IGNORECASE)
_HEX = re.compile(rb"[0-9A-Fa-f]{1,8}")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked[ \t]*\r\n", re.IGNORECASE)


class MessageCutter:
    """Cuts one direction of an HTTP/1.1 connection into messages, each with head and body, raw."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes as they passed; returns the messages that they complete."""
        buffer = self._buffer + data if self._buffer else data
        messages = []
        while buffer and (size_bytes := _message_size(buffer)):
            messages.append(buffer[:size_bytes])
            buffer = buffer[size_bytes:]
        if len(buffer) > MAX_RECORDED_MESSAGE_BYTES:
            messages.append(buffer)
            buffer = b""
        self._buffer = buffer
        return messages

    def rest(self) -> bytes:
        """What was left when the connection ended: a message cut short."""
        rest, self._buffer = self._buffer, b""
        return rest


def _message_size(buffer: bytes) -> int:
    """Length of the first message in the buffer, 0 while it is incomplete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    head_end += 4
    head = buffer[:head_end]
    length = _LENGTH.search(head)
    if length is not None:
        size_bytes = head_end + int(length[1])
        return size_bytes if len(buffer) >= size_bytes else 0
    if _CHUNKED.search(head) is not None:
        return _chunks_end(buffer, head_end)
    return head_end


def _chunks_end(buffer: bytes, at: int) -> int:
    """Where a chunked body ends that begins at `at`, 0 while it is incomplete or cannot be framed."""
    while True:
        line_end = buffer.find(b"\r\n", at)
        size_text = buffer[at:line_end].partition(b";")[0].strip()
        if line_end < 0 or not _HEX.fullmatch(size_text):
            return 0
        size_bytes = int(size_text, 16)
        if size_bytes == 0:
            break
        at = line_end + 2 + size_bytes + 2
    if buffer.startswith(b"\r\n", line_end + 2):
        return line_end + 4
    trailer_end = buffer.find(b"\r\n\r\n", line_end + 2)
    return trailer_end + 4 if trailer_end >= 0 else 0


class TappedProtocol(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol, records what passes and lets faults act on it.

    While a fault could concern messages, both directions pass message by message instead of chunk by chunk.

    Args:
        inner: aiohttp's protocol of this connection.
        recorder: Takes the messages; None records nothing.
        connection: Names the connection in the trace.
        faults: What happens to messages on purpose; None for nothing.
    """

    def __init__(
        self,
        inner: asyncio.Protocol,
        recorder: Recorder | None,
        connection: str,
        faults: FaultBoard | None = None,
    ) -> None:
        self._inner = inner
        self._recorder = recorder
        self._connection = connection
        self._faults = faults
        self._requests = MessageCutter()
        self._responses = MessageCutter()
        self._story = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Give aiohttp a transport whose writes are seen."""
        self._local: Address = transport.get_extra_info("sockname")[:2]
        self._remote: Address = transport.get_extra_info("peername")[:2]
        self._kind: Transport = "tls" if transport.get_extra_info("sslcontext") is not None else "tcp"
        self._transport: Any = transport
        self._inner.connection_made(_TappedTransport(transport, self._write))  # type: ignore[arg-type]

    def data_received(self, data: bytes) -> None:
        """Record whole requests, then pass the bytes on."""
        faults = self._faults
        if faults is not None and faults.touches_messages:
            for message in self._requests.feed(data):
                self._let_in(faults, message)
            return
        if self._recorder is not None:
            for message in self._requests.feed(data):
                self._record_received(message)
        self._inner.data_received(data)

    def _let_in(self, faults: FaultBoard, message: bytes) -> None:
        self._story = story_of("http", message)
        verdict = faults.incoming("http", self._local, self._remote, message)
        self._record_received(message, verdict.fault)
        if verdict.is_dropped:
            if faults.refuses(self._remote[0]):
                self._transport.abort()
        elif verdict.delay_s > 0:
            asyncio.get_running_loop().call_later(verdict.delay_s, self._inner.data_received, verdict.payload)
        else:
            self._inner.data_received(verdict.payload)

    def connection_lost(self, error: Exception | None) -> None:
        """Record what was cut short."""
        if rest := self._requests.rest():
            self._record_received(rest)
        if rest := self._responses.rest():
            self._record_sent(rest)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        """Nothing to record."""
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Nothing to record."""
        self._inner.resume_writing()

    def eof_received(self) -> bool | None:
        """Nothing to record."""
        return self._inner.eof_received()

    def _write(self, data: bytes) -> None:
        faults = self._faults
        if faults is not None and faults.touches_messages:
            for message in self._responses.feed(data):
                self._let_out(faults, message)
            return
        if self._recorder is not None:
            for message in self._responses.feed(data):
                self._record_sent(message)
        self._transport.write(data)

    def _let_out(self, faults: FaultBoard, message: bytes) -> None:
        verdict = faults.outgoing("http", self._local, self._remote, message, self._story)
        self._record_sent(message, verdict.fault)
        if verdict.delay_s > 0 and not verdict.is_dropped:
            asyncio.get_running_loop().call_later(verdict.delay_s, self._transport.write, verdict.payload)
        elif not verdict.is_dropped:
            self._transport.write(verdict.payload)

    def _record_received(self, message: bytes, fault: str = "") -> None:
        if self._recorder is not None:
            self._recorder.received("http", self._kind, self._local, self._remote, message, self._connection, fault)

    def _record_sent(self, message: bytes, fault: str = "") -> None:
        if self._recorder is not None:
            self._recorder.sent("http", self._kind, self._local, self._remote, message, self._connection, fault)


class _TappedTransport:
    """A transport whose bytes are written by a callback; everything else is the real one's."""

    def __init__(self, transport: asyncio.BaseTransport, write: Callable[[bytes], None]) -> None:
        self._transport: Any = transport
        self._write = write

    def write(self, data: bytes) -> None:
        self._write(bytes(data))

    def writelines(self, chunks: Iterable[bytes]) -> None:
        self.write(b"".join(chunks))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
