"""One SIP stream connection: framing, keepalives, bounded buffers, and closing peers that stall or send garbage."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from typing import Final, Protocol

from emcc_emu.errors import SipUnparsable, TransportError
from emcc_emu.protocol.deadlines import Timed
from emcc_emu.protocol.sip_events import FailureReason
from emcc_emu.protocol.sip_flow import Address, Flow, StreamName
from emcc_emu.wire.sip import StreamFramer

__all__ = [
    "CONNECT_TIMEOUT_S",
    "MAX_MALFORMED_MESSAGES",
    "MAX_WRITE_BUFFER_BYTES",
    "PARTIAL_MESSAGE_TIMEOUT_S",
    "ConnectionOwner",
    "SipConnection",
    "bound_stream_socket",
    "local_ip_towards",
    "open_stream",
]

CONNECT_TIMEOUT_S: Final = 5.0
"""How long opening a connection, TLS handshake included, may take."""

MAX_WRITE_BUFFER_BYTES: Final = 1 << 20
"""Unsent bytes after which a peer that does not read is dropped."""

MAX_MALFORMED_MESSAGES: Final = 3
"""Messages dropped as malformed after which a connection is closed."""

PARTIAL_MESSAGE_TIMEOUT_S: Final = 32.0
"""How long a message may stay incomplete."""

_PONG: Final = b"\r\n"


class ConnectionOwner(Protocol):
    """What a connection tells the endpoint."""

    def stream_opened(self, connection: SipConnection) -> None: ...

    def stream_message(self, connection: SipConnection, message: bytes) -> None: ...

    def stream_out_of_sync(self, connection: SipConnection, reason: str) -> None: ...

    def stream_partial(self, connection: SipConnection, is_partial: bool, is_new: bool) -> None: ...

    def stream_lost(self, connection: SipConnection, reason: FailureReason) -> None: ...


class SipConnection(Timed, asyncio.Protocol):
    """One TCP or TLS connection, accepted or opened by us; small, because one process holds ten thousand.

    Args:
        owner: Told about everything.
        connection_id: Its number in the flows.
        flow: Known for a connection that we open; None until an accepted one is set up.
    """

    __slots__ = (
        "_framer",
        "_label",
        "_malformed_count",
        "_owner",
        "_pending",
        "_transport",
        "_waiter",
        "flow",
        "is_outbound",
    )

    flow: Flow
    """Both addresses; of an accepted connection they are known once it is set up."""

    is_outbound: bool
    """Whether we opened it."""

    def __init__(self, owner: ConnectionOwner, connection_id: int, kind: StreamName, flow: Flow | None = None) -> None:
        super().__init__()
        self._owner = owner
        self.is_outbound = flow is not None
        self.flow = flow or Flow(kind, ("", 0), ("", 0), connection_id)
        self._label = ""
        self._malformed_count = 0
        self._waiter: asyncio.Future[None] | None = None
        self._framer: StreamFramer | None = None
        self._transport: asyncio.Transport | None = None
        self._pending: list[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether the connection is established and not being closed."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def label(self) -> str:
        """Names the connection in traces."""
        if not self._label:
            local, remote = self.flow.local, self.flow.remote
            self._label = f"{local[0]}:{local[1]}-{remote[0]}:{remote[1]}#{self.flow.connection_id}"
        return self._label

    async def wait_open(self) -> None:
        """Wait until the connection is established.

        Raises:
            TransportError: It could not be.
        """
        if self._transport is None:
            if self._waiter is None:
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self.is_outbound:
            local, remote = transport.get_extra_info("sockname"), transport.get_extra_info("peername")
            self.flow = self.flow._replace(local=local[:2], remote=remote[:2])
        self._owner.stream_opened(self)
        if self._waiter is not None:
            self._waiter.set_result(None)
            self._waiter = None
        pending, self._pending = self._pending, None
        if pending:
            self.write(b"".join(pending))

    def data_received(self, data: bytes) -> None:
        framer = self._framer
        if framer is None:
            framer = self._framer = StreamFramer()
        try:
            messages = framer.feed(data)
        except SipUnparsable as error:
            self._owner.stream_out_of_sync(self, str(error))
            self.close()
            return
        for message in messages:
            self._owner.stream_message(self, message)
        if framer.lost is not None:
            self._owner.stream_out_of_sync(self, framer.lost)
            self.close()
            return
        if framer.pings:
            self.write(_PONG * framer.pings)
            framer.pings = 0
        if framer.has_partial_message or self.is_waiting:
            self._owner.stream_partial(self, framer.has_partial_message, bool(messages))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._framer = None
        self._owner.stream_lost(self, "closed")

    def failed(self, reason: FailureReason) -> None:
        """It could not be opened."""
        if self._waiter is not None:
            remote = self.flow.remote
            self._waiter.set_exception(TransportError(f"cannot connect to {remote[0]}:{remote[1]}: {reason}"))
            self._waiter.exception()  # taken, in case nobody waits any more
        self._owner.stream_lost(self, reason)

    def count_malformed(self) -> None:
        """A message of the peer broke the rules so that it was dropped; the third closes the connection."""
        self._malformed_count += 1
        if self._malformed_count >= MAX_MALFORMED_MESSAGES:
            self.close()

    def write(self, message: bytes) -> None:
        """Send a message, or keep it until the connection is made; a peer that does not read is dropped."""
        transport = self._transport
        if transport is None:
            self._pending = [*(self._pending or ()), message]
            return
        if transport.is_closing():
            return
        transport.write(message)
        if transport.get_write_buffer_size() > MAX_WRITE_BUFFER_BYTES:
            transport.abort()

    def close(self) -> None:
        """Close after what is buffered has been sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()


def local_ip_towards(remote: Address) -> str:
    """The address that the system sends from to reach `remote`, found without sending anything.

    Raises:
        TransportError: No route leads there.
    """
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(remote)
        except OSError as error:
            raise TransportError(f"cannot reach {remote[0]}:{remote[1]}: {error.strerror}") from error
        return str(probe.getsockname()[0])


def bound_stream_socket(local_ip: str) -> socket.socket:
    """A stream socket with a local port of its own, not connected yet, so that Via and Contact can name the port.

    Raises:
        TransportError: The address is not ours, or no port is free.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named, or asyncio leaves Nagle on
    try:
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.bind((local_ip, 0))
    except OSError as error:
        opened.close()
        raise TransportError(f"cannot bind TCP {local_ip}: {error.strerror}") from error
    return opened


async def open_stream(connection: SipConnection, stream: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Connect `stream` to the flow's remote address and hand it to `connection`; its owner hears of a failure too."""
    loop = asyncio.get_running_loop()
    remote = connection.flow.remote
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await loop.sock_connect(stream, remote)
            if connection.flow.local == remote:  # TCP lets a socket whose port the system chose so meet itself
                raise ConnectionRefusedError
            if tls is None:
                await loop.create_connection(lambda: connection, sock=stream)
            else:
                await loop.create_connection(lambda: connection, sock=stream, ssl=tls, server_hostname=remote[0])
    except OSError as error:
        stream.close()
        connection.failed("refused" if isinstance(error, ConnectionRefusedError) else "unreachable")
    except BaseException:
        stream.close()
        connection.failed("closed")
        raise
