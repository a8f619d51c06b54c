"""The stream connections of one SIP endpoint: accepting, opening, finding, and closing the ones that stall."""

from __future__ import annotations

import asyncio
import contextlib
import math
import ssl
from typing import Final, Protocol

from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.net.sip_tcp import (
    PARTIAL_MESSAGE_TIMEOUT_S,
    SipConnection,
    bound_stream_socket,
    local_ip_towards,
    open_stream,
)
from emcc_emu.protocol.deadlines import Deadlines
from emcc_emu.protocol.sip_events import FailureReason
from emcc_emu.protocol.sip_flow import Address, Flow, StreamName
from emcc_emu.protocol.sip_matching import reconnect_address
from emcc_emu.wire.sip import SipResponse, parse_message

__all__ = ["MAX_CONNECTIONS", "ConnectionTable", "StreamUser"]

MAX_CONNECTIONS: Final = 20_000
"""Stream connections of one endpoint; a further one is closed as soon as it is accepted."""

_BACKLOG: Final = 4096
_CLOSE_GRACE_S: Final = 0.25


class StreamUser(Protocol):
    """What the table tells the endpoint."""

    def stream_message(self, connection: SipConnection, message: bytes) -> None: ...

    def stream_unreadable(self, connection: SipConnection, reason: str) -> None: ...

    def stream_gone(self, connection: SipConnection, reason: FailureReason, was_open: bool) -> None: ...

    def stream_timer_set(self) -> None: ...


class ConnectionTable:
    """All TCP and TLS connections of an endpoint, whoever opened them; for the arguments see `SipEndpoint`."""

    __slots__ = (
        "_all_gone",
        "_by_remote",
        "_connections",
        "_is_closed",
        "_local_ip",
        "_max_connections",
        "_next_id",
        "_opening",
        "_servers",
        "_stalls",
        "_tls_client",
        "_tls_server",
        "_user",
    )

    def __init__(
        self,
        user: StreamUser,
        *,
        local_ip: str | None,
        tls_server: ssl.SSLContext | None,
        tls_client: ssl.SSLContext | None,
        max_connections: int,
    ) -> None:
        self._user = user
        self._local_ip = local_ip
        self._tls_server = tls_server
        self._tls_client = tls_client
        self._max_connections = max_connections
        self._connections: dict[int, SipConnection] = {}
        self._by_remote: dict[tuple[str, Address], SipConnection] = {}
        self._opening: dict[int, asyncio.Task[None]] | None = None
        self._servers: list[asyncio.Server] | None = None
        self._stalls: Deadlines[SipConnection] | None = None
        self._next_id = 1
        self._is_closed = False
        self._all_gone: asyncio.Event | None = None

    async def serve(self, transport: StreamName, address: Address) -> Address:
        """Accept connections; the address that is really bound is returned.

        Raises:
            TransportError: The address cannot be bound, or TLS has no context.
        """
        context = self._tls_server if transport == "tls" else None
        if transport == "tls" and context is None:
            raise TransportError(f"listening on TLS {address[0]}:{address[1]} needs a TLS context")
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(
                lambda: SipConnection(self, self._take_id(), transport), *address, backlog=_BACKLOG, ssl=context
            )
        except OSError as error:
            raise TransportError(f"cannot listen on {transport.upper()} {address[0]}:{address[1]}: {error}") from error
        self._servers = [*(self._servers or ()), server]
        bound: Address = server.sockets[0].getsockname()[:2]
        return bound

    def get(self, flow: Flow) -> SipConnection | None:
        """The connection of a flow, None when it is gone."""
        return self._connections.get(flow.connection_id)

    def to(self, destination: Address, transport: StreamName) -> SipConnection:
        """The connection that we opened to `destination`, or a new one, which may still be connecting.

        Raises:
            TransportError: No local address or port can be had, TLS has no context, or the table is closed.
        """
        return self._by_remote.get((transport, destination)) or self._open(destination, transport)

    def for_orphan(self, message: bytes, flow: Flow) -> SipConnection | None:
        """Where a message goes whose connection is gone: for a response another one (RFC 3261 section 18.2.2)."""
        parsed = parse_message(message)
        if flow.transport != "udp" and isinstance(parsed, SipResponse):
            with contextlib.suppress(SipInvalid, TransportError):
                return self.to(reconnect_address(parsed, flow), flow.transport)
        return None

    def open_flows(self) -> list[Flow]:
        """The established connections."""
        return [connection.flow for connection in self._connections.values() if connection.is_open]

    def next_deadline(self) -> float:
        """When `abort_stalled` is to be called, `math.inf` for never."""
        return math.inf if self._stalls is None else self._stalls.next_deadline()

    def abort_stalled(self, now: float) -> None:
        """Drop the connections whose message has been incomplete for too long."""
        if self._stalls is not None:
            for stalled in self._stalls.take_due(now):
                stalled.abort()

    async def close(self) -> None:
        """Close all; what was written still goes out if the peers take it soon. May be called again."""
        self._is_closed = True
        for server in self._servers or ():
            server.close()
        if self._opening:
            opening = list(self._opening.values())
            await asyncio.sleep(0)  # a task that never started could not release its socket
            for task in opening:
                task.cancel()
            await asyncio.gather(*opening, return_exceptions=True)
        if not self._connections:
            return
        self._all_gone = asyncio.Event()
        for connection in list(self._connections.values()):
            connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_gone.wait(), _CLOSE_GRACE_S)
        for connection in list(self._connections.values()):
            connection.abort()
        await self._all_gone.wait()

    def _take_id(self) -> int:
        taken = self._next_id
        self._next_id += 1
        return taken

    def _open(self, destination: Address, transport: StreamName) -> SipConnection:
        context = self._tls_client if transport == "tls" else None
        if transport == "tls" and context is None:
            raise TransportError(f"connecting to TLS {destination[0]}:{destination[1]} needs a TLS context")
        if self._is_closed:
            raise TransportError("the SIP endpoint is closed")
        stream = bound_stream_socket(self._local_ip or local_ip_towards(destination))
        number = self._take_id()
        flow = Flow(transport, stream.getsockname()[:2], destination, number)
        connection = self._connections[number] = SipConnection(self, number, transport, flow)
        self._by_remote[transport, destination] = connection
        task = asyncio.get_running_loop().create_task(open_stream(connection, stream, context))
        if self._opening is None:
            self._opening = {}
        self._opening[number] = task
        task.add_done_callback(lambda _: self._forget_opening(number))
        return connection

    def _forget_opening(self, number: int) -> None:
        if self._opening is not None:
            self._opening.pop(number, None)
            if not self._opening:
                self._opening = None

    # -- what the connections report -------------------------------------------------------------------------------

    def stream_opened(self, connection: SipConnection) -> None:
        """For `SipConnection`: it is established."""
        is_surplus = not connection.is_outbound and len(self._connections) >= self._max_connections
        self._connections[connection.flow.connection_id] = connection
        if is_surplus or self._is_closed:
            connection.abort()

    def stream_message(self, connection: SipConnection, message: bytes) -> None:
        """For `SipConnection`: it has received a whole message."""
        self._user.stream_message(connection, message)

    def stream_out_of_sync(self, connection: SipConnection, reason: str) -> None:
        """For `SipConnection`: what it receives cannot be cut into messages; it closes itself."""
        self._user.stream_unreadable(connection, reason)

    def stream_partial(self, connection: SipConnection, is_partial: bool, is_new: bool) -> None:
        """For `SipConnection`: a message is (no longer) incomplete; one that stays so too long ends the connection."""
        if self._stalls is None:
            self._stalls = Deadlines()
        if not is_partial:
            self._stalls.cancel(connection)
        elif is_new or not connection.is_waiting:
            self._stalls.set(connection, asyncio.get_running_loop().time() + PARTIAL_MESSAGE_TIMEOUT_S)
            self._user.stream_timer_set()

    def stream_lost(self, connection: SipConnection, reason: FailureReason) -> None:
        """For `SipConnection`: it is gone, or could not be opened."""
        flow = connection.flow
        was_known = self._connections.pop(flow.connection_id, None) is not None
        if self._stalls is not None:
            self._stalls.cancel(connection)
        key = (flow.transport, flow.remote)
        if self._by_remote.get(key) is connection:
            del self._by_remote[key]
        if self._all_gone is not None and not self._connections:
            self._all_gone.set()
        self._user.stream_gone(connection, reason, was_known and reason == "closed")
