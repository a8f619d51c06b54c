"""One client connection of HTTP: an asyncio protocol that carries one exchange after another."""

from __future__ import annotations

import asyncio
import socket
import ssl as ssl_module
from typing import TYPE_CHECKING

from emcc_emu.trace.record import Address, Transport
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.http import HttpInvalid, HttpResponse, ResponseReader

if TYPE_CHECKING:
    from emcc_emu.net.faults import FaultBoard

__all__ = ["ConnectionLost", "HttpConnection", "open_connection"]

_IP_BIND_ADDRESS_NO_PORT = 24  # Linux: take the port at connect, so one address serves far more than 28,000 connections


class ConnectionLost(Exception):
    """The connection ended before the answer did.

    Args:
        has_answer_begun: Whether a part of the answer had arrived.
    """

    def __init__(self, has_answer_begun: bool) -> None:
        super().__init__("connection lost")
        self.has_answer_begun = has_answer_begun


class HttpConnection(asyncio.Protocol):
    """A connection to one server.

    Args:
        loop: The running event loop.
        recorder: Told of every request and answer; None records nothing.
        transport_name: `tcp` or `tls`.
        max_body_bytes: Longest body accepted.
        faults: What happens to messages on purpose; None for nothing.
    """

    __slots__ = (
        "_closed",
        "_faults",
        "_local",
        "_loop",
        "_name",
        "_raw",
        "_reader",
        "_recorder",
        "_remote",
        "_transport",
        "_transport_name",
        "_waiter",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        recorder: Recorder | None,
        transport_name: Transport,
        max_body_bytes: int,
        faults: FaultBoard | None = None,
    ) -> None:
        self._loop = loop
        self._faults = faults
        self._recorder = recorder
        self._transport_name: Transport = transport_name
        self._reader = ResponseReader(max_body_bytes=max_body_bytes)
        self._raw = bytearray()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._closed: asyncio.Future[None] = loop.create_future()
        self._local: Address = ("", 0)
        self._remote: Address = ("", 0)
        self._name = ""

    @property
    def is_usable(self) -> bool:
        """Whether another exchange can be tried."""
        return self._transport is not None and not self._transport.is_closing() and self._waiter is None

    async def exchange(self, method: str, data: bytes) -> HttpResponse:
        """Send one request and wait for its answer.

        Raises:
            ConnectionLost: The connection ended first.
            HttpInvalid: What came is not an HTTP response, or is too long.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise ConnectionLost(has_answer_begun=False)
        self._reader.expect(method)
        self._raw.clear()
        self._waiter = self._loop.create_future()
        self._send(transport, data)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _send(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write a request; what a fault drops is never written, and so never answered."""
        verdict = None
        if self._faults is not None and self._faults.touches_messages:
            verdict = self._faults.outgoing("http", self._local, self._remote, data)
        if self._recorder is not None:  # before the bytes leave, so that no answer can seem older than its request
            fault = "" if verdict is None else verdict.fault
            self._recorder.sent("http", self._transport_name, self._local, self._remote, data, self._name, fault)
        if verdict is None:
            transport.write(data)
        elif verdict.delay_s > 0 and not verdict.is_dropped:
            self._loop.call_later(verdict.delay_s, self._write_late, verdict.payload)
        elif not verdict.is_dropped:
            transport.write(verdict.payload)

    def _write_late(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._local = transport.get_extra_info("sockname")[:2]
        self._remote = transport.get_extra_info("peername")[:2]
        if self._recorder is not None:
            self._name = f"{self._local[0]}:{self._local[1]}-{self._remote[0]}:{self._remote[1]}"

    def data_received(self, data: bytes) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():  # nobody asked
            self.abort()
            return
        self._raw += data
        try:
            responses = self._reader.feed(data)
        except HttpInvalid as error:
            self._record_answer()
            waiter.set_exception(error)
            return
        if responses:
            if self._record_answer():
                return
            waiter.set_result(responses[0])
            if len(responses) > 1 or not self._reader.is_idle:
                self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if not self._closed.done():
            self._closed.set_result(None)
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        has_answer_begun = bool(self._raw)
        try:
            response = self._reader.feed_end() if error is None else None
        except HttpInvalid:
            response = None
        if response is None:
            if has_answer_begun:
                self._record_answer()
            waiter.set_exception(ConnectionLost(has_answer_begun))
            return
        self._record_answer()
        waiter.set_result(response)

    def _record_answer(self) -> bool:
        """Record what came; returns whether a fault drops it."""
        verdict = None
        if self._faults is not None and self._faults.touches_messages:
            verdict = self._faults.incoming("http", self._local, self._remote, bytes(self._raw))
        if self._recorder is not None:
            raw, fault = bytes(self._raw), "" if verdict is None else verdict.fault
            self._recorder.received("http", self._transport_name, self._local, self._remote, raw, self._name, fault)
        self._raw.clear()
        return verdict is not None and verdict.is_dropped

    def close(self) -> None:
        """Close when all is sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Return when the connection is gone."""
        await asyncio.shield(self._closed)


async def open_connection(
    host: str,
    port: int,
    *,
    local_ip: str | None,
    ssl_context: ssl_module.SSLContext | None,
    recorder: Recorder | None,
    max_body_bytes: int,
    faults: FaultBoard | None = None,
) -> HttpConnection:
    """Connect to a server.

    Args:
        host: IP address or name.
        port: TCP port.
        local_ip: Address to come from; None lets the system choose.
        ssl_context: Context for TLS; None for plain TCP.
        recorder: As for `HttpConnection`.
        max_body_bytes: As for `HttpConnection`.
        faults: As for `HttpConnection`.

    Raises:
        OSError: No connection; `ssl.SSLError` when TLS failed.
    """
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    endpoint = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on
    try:
        endpoint.setblocking(False)
        if local_ip is not None:
            endpoint.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            endpoint.bind((local_ip, 0))
        await loop.sock_connect(endpoint, (host, port))
        connection = HttpConnection(loop, recorder, "tcp" if ssl_context is None else "tls", max_body_bytes, faults)
        await loop.create_connection(
            lambda: connection, sock=endpoint, ssl=ssl_context, server_hostname=None if ssl_context is None else host
        )
    except BaseException:
        endpoint.close()
        raise
    return connection
