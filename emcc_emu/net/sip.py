"""SipEndpoint: the sockets of one SIP node, gateway or phone, driving one transaction layer.

Everything runs on the event loop, synchronously: a datagram or stream message goes into the layer, what comes out is
sent and reported before the next one is read. One timer serves all transactions.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.net.sip_tcp import (
    MAX_MALFORMED_MESSAGES,
    PARTIAL_MESSAGE_TIMEOUT_S,
    SipConnection,
    bound_stream_socket,
    local_ip_towards,
    open_stream,
)
from emcc_emu.net.udp import DatagramSocket
from emcc_emu.protocol.deadlines import Deadlines
from emcc_emu.protocol.sip_client_transactions import ClientTransaction
from emcc_emu.protocol.sip_events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Discarded,
    FailureReason,
    RequestReceived,
    ResponseReceived,
    SipEvent,
    TimedOut,
    TransportFailed,
)
from emcc_emu.protocol.sip_flow import Address, Flow, StreamName, TransportName
from emcc_emu.protocol.sip_matching import reconnect_address
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.protocol.sip_timers import SipLimits, SipTimers
from emcc_emu.protocol.sip_transactions import SipCounters, TransactionLayer
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.sip import CUCM_POLICY, RequestPolicy, SipRequest, SipResponse, parse_message

__all__ = ["MAX_CONNECTIONS", "UDP_RECEIVE_BUFFER_BYTES", "SipEndpoint", "SipHandler"]

MAX_CONNECTIONS: Final = 20_000
"""Stream connections of one endpoint; a further one is closed as soon as it is accepted."""

UDP_RECEIVE_BUFFER_BYTES: Final = 4 << 20
"""Asked for on listening sockets, so that a burst of registrations is not lost in the kernel."""

_BACKLOG: Final = 4096
_MAX_KNOWN_FLOWS: Final = 16_384
"""UDP peers whose flow is kept ready; all are forgotten beyond it, at no loss but time."""
_CLOSE_GRACE_S: Final = 0.25
_DEFAULT_TIMERS: Final = SipTimers()
_DEFAULT_LIMITS: Final = SipLimits()
_ANY_IP: Final = "0.0.0.0"


class SipHandler(Protocol):
    """What a node, gateway or phone does with what its endpoints receive. All calls are made on the loop."""

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: SipRequest, flow: Flow
    ) -> None:
        """A new valid request that is neither ACK nor CANCEL; answer it by `endpoint.respond`, now or later."""

    def ack_received(
        self, endpoint: SipEndpoint, request: SipRequest, flow: Flow, transaction: InviteServerTransaction | None
    ) -> None:
        """The ACK of a 2xx of ours; `transaction` is None when no such INVITE is known (any more)."""

    def cancel_received(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: SipRequest) -> None:
        """The peer cancels `transaction` (its INVITE is `transaction.request`); CANCEL has its 200, send the 487."""

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        """Our final response was never acknowledged; after a 2xx, BYE the dialog."""

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        """An established stream connection is gone, whoever opened or closed it (not called from `close`)."""


class _Callbacks:
    """Who wants to hear about a request of ours; the token of its client transaction."""

    __slots__ = ("on_failure", "on_response")

    def __init__(
        self,
        on_response: Callable[[SipResponse, Flow], None] | None,
        on_failure: Callable[[FailureReason], None] | None,
    ) -> None:
        self.on_response = on_response
        self.on_failure = on_failure


class SipEndpoint:
    """The SIP sockets of one network element. Use it as `async with`, or call `start` and `close`.

    Args:
        handler: Gets requests of peers.
        rng: Source of branches and tags.
        listen: Transports and addresses to listen on; port 0 lets the system choose. Empty for a phone that connects.
        recorder: Gets every message, None for no recording.
        local_ip: Address that connections and sockets are bound to when we send first; None for that of the first
            listening address, or else whatever the system picks.
        timers: Transaction timers.
        limits: Bounds of the transaction layer.
        policy: Methods, options and bodies that are let through.
        make_branch: Makes the Via branch of our requests.
        make_tag: Makes To tags that the handler does not choose.
        tls_server: For listening on `tls`.
        tls_client: For opening `tls` connections.
        max_connections: Bound on streams.
    """

    __slots__ = (
        "_all_lost",
        "_by_remote",
        "_connections",
        "_handler",
        "_is_closed",
        "_is_dispatch_scheduled",
        "_is_dispatching",
        "_layer",
        "_listen",
        "_listening",
        "_local_ip",
        "_loop",
        "_max_connections",
        "_next_connection_id",
        "_opening",
        "_recorder",
        "_servers",
        "_stalls",
        "_timer",
        "_timer_at",
        "_tls_client",
        "_tls_server",
        "_udp",
        "addresses",
    )

    addresses: dict[str, Address]
    """The first bound address by transport (`udp`, `tcp`, `tls`)."""

    def __init__(
        self,
        handler: SipHandler,
        *,
        rng: random.Random,
        listen: Sequence[tuple[TransportName, Address]] = (),
        recorder: Recorder | None = None,
        local_ip: str | None = None,
        timers: SipTimers = _DEFAULT_TIMERS,
        limits: SipLimits = _DEFAULT_LIMITS,
        policy: RequestPolicy = CUCM_POLICY,
        make_branch: Callable[[random.Random], str] | None = None,
        make_tag: Callable[[random.Random], str] | None = None,
        tls_server: ssl.SSLContext | None = None,
        tls_client: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._handler = handler
        self._listen = tuple(listen)
        self._recorder = recorder
        self._local_ip = local_ip or (listen[0][1][0] if listen and listen[0][1][0] != _ANY_IP else None)
        self._layer = TransactionLayer(
            rng, timers=timers, limits=limits, policy=policy, make_branch=make_branch, make_tag=make_tag
        )
        self._tls_server = tls_server
        self._tls_client = tls_client
        self._max_connections = max_connections
        self._loop: asyncio.AbstractEventLoop
        self.addresses = {}
        self._listening: dict[str, Address] = {}
        self._udp: dict[Address, DatagramSocket] = {}
        self._servers: list[asyncio.Server] = []
        self._connections: dict[int, SipConnection] = {}
        self._by_remote: dict[tuple[str, Address], SipConnection] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._stalls: Deadlines[SipConnection] | None = None
        self._next_connection_id = 1
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_dispatching = False
        self._is_dispatch_scheduled = False
        self._is_closed = False
        self._all_lost: asyncio.Event | None = None

    # -- life ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Bind the listening sockets, if any; needed before anything can be sent.

        Raises:
            TransportError: An address cannot be bound; nothing stays bound.
        """
        self._loop = asyncio.get_running_loop()
        try:
            for transport, address in self._listen:
                bound = self._open_udp(address) if transport == "udp" else await self._serve(transport, address)
                self.addresses.setdefault(transport, bound)
                self._listening.setdefault(transport, bound)
        except TransportError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every socket; what was written before still goes out if the peers take it. May be called again."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self._servers:
            server.close()
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for udp in self._udp.values():
            udp.close()
        self._udp.clear()
        await self._close_connections()

    async def _close_connections(self) -> None:
        if not self._connections:
            return
        self._all_lost = asyncio.Event()
        for connection in list(self._connections.values()):
            connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._all_lost.wait(), _CLOSE_GRACE_S)
        for connection in list(self._connections.values()):
            connection.abort()
        await self._all_lost.wait()

    @property
    def counters(self) -> SipCounters:
        """What the transaction layer has seen."""
        return self._layer.counters

    @property
    def transaction_count(self) -> int:
        """Transactions alive."""
        return self._layer.transaction_count

    def open_flows(self) -> list[Flow]:
        """The established stream connections."""
        return [connection.flow for connection in self._connections.values() if connection.is_open]

    # -- sending -------------------------------------------------------------------------------------------------

    def flow_to(self, destination: Address, transport: TransportName = "tcp") -> Flow:
        """The flow that reaches `destination`: an open connection, or a new one whose local port is known already.

        Raises:
            TransportError: No local address or port can be had.
        """
        if transport == "udp":
            return Flow("udp", self._udp_socket(destination).address, destination)
        connection = self._by_remote.get((transport, destination))
        return (connection or self._begin_connection(destination, transport)).flow

    async def connect(self, destination: Address, transport: TransportName = "tcp") -> Flow:
        """Like `flow_to`, but waits until a stream connection is established.

        Raises:
            TransportError: It was refused, or nobody answered in time; the text is the reason.
        """
        flow = self.flow_to(destination, transport)
        connection = self._connections.get(flow.connection_id)
        if connection is not None and not connection.is_open:
            if connection.waiter is None:
                connection.waiter = self._loop.create_future()
            await asyncio.shield(connection.waiter)
        return flow

    def sent_by(self, flow: Flow) -> Address:
        """The address of ours that Via and Contact name on this flow: where we listen, else the flow's own."""
        return self._listening.get(flow.transport, flow.local) if flow.transport != "udp" else flow.local

    def send_request(
        self,
        request: SipRequest,
        destination: Address,
        transport: TransportName = "tcp",
        *,
        on_response: Callable[[SipResponse, Flow], None] | None = None,
        on_failure: Callable[[FailureReason], None] | None = None,
        flow: Flow | None = None,
        timers: SipTimers | None = None,
        timeout_s: float | None = None,
    ) -> ClientTransaction:
        """Send a request in a transaction of its own; no callback runs before this returns.

        Args:
            request: Gets a Via on top when it has none; not to be changed afterwards.
            destination: Where to, unless `flow` says so.
            on_response: Called for each response, provisional ones too.
            on_failure: Called at most once, when no final response will come.
            flow: An open flow, to use instead of `destination` and `transport`.
            timers: Other timers than the endpoint's.
            timeout_s: How long to wait for a final response (INVITE: for any); None for 64*T1.

        Raises:
            TransportError: No local address or port can be had.
        """
        path = flow or self.flow_to(destination, transport)
        token = _Callbacks(on_response, on_failure)
        transaction = self._layer.send_request(
            request, path, self._loop.time(), token, sent_by=self.sent_by(path), timers=timers, timeout_s=timeout_s
        )
        self._after_call()
        return transaction

    def cancel(self, transaction: ClientTransaction) -> bool:
        """Cancel an INVITE of ours, as soon as its first 1xx allows; False when it has its final response."""
        is_pending = self._layer.cancel(transaction, self._loop.time())
        self._after_call()
        return is_pending

    def respond(self, transaction: ServerTransaction, response: SipResponse) -> bool:
        """Answer a request; False when it has had a final response. `transaction.local_tag` fills a missing To tag."""
        is_sent = self._layer.respond(transaction, response, self._loop.time())
        if not self._is_dispatching:
            self._after_call()
        return is_sent

    def send_ack(self, request: SipRequest, flow: Flow, transaction: ClientTransaction | None = None) -> None:
        """Send the ACK of a 2xx; given the INVITE's transaction, repeated 2xx are acknowledged without asking."""
        self._layer.acknowledge(request, flow, transaction, self.sent_by(flow))
        self._after_call()

    def close_connection(self, flow: Flow) -> None:
        """Close the connection of a flow once what was written has gone out; nothing happens when it is gone."""
        connection = self._connections.get(flow.connection_id)
        if connection is not None:
            connection.close()

    # -- the loop of input, output, events and timer ----------------------------------------------------------------

    def _after_call(self) -> None:
        """Send what a call from outside produced; its events wait for the next turn of the loop."""
        if self._is_dispatching:
            return
        self._flush()
        self._arm_timer()
        if self._layer.events and not self._is_dispatch_scheduled:
            self._is_dispatch_scheduled = True
            self._loop.call_soon(self._run_scheduled)

    def _run_scheduled(self) -> None:
        self._is_dispatch_scheduled = False
        self._after_input()

    def _after_input(self) -> None:
        layer = self._layer
        if self._is_dispatching or self._is_closed:
            return
        self._is_dispatching = True
        try:
            while layer.events:
                for event in layer.take_events():
                    self._report(event)
        finally:
            self._is_dispatching = False
            if layer.outgoing:
                self._flush()
            self._arm_timer()

    def _report(self, event: SipEvent) -> None:
        if isinstance(event, RequestReceived):
            self._handler.request_received(self, event.transaction, event.request, event.flow)
        elif isinstance(event, ResponseReceived):
            callbacks = event.transaction.token
            if callbacks is not None and callbacks.on_response is not None:
                callbacks.on_response(event.response, event.flow)
        elif isinstance(event, TimedOut):
            _report_failure(event.transaction.token, "timeout")
        elif isinstance(event, TransportFailed):
            _report_failure(event.transaction.token, event.reason)
        elif isinstance(event, AckReceived):
            self._handler.ack_received(self, event.request, event.flow, event.transaction)
        elif isinstance(event, CancelReceived):
            self._handler.cancel_received(self, event.transaction, event.request)
        elif isinstance(event, AckMissing):
            self._handler.ack_missing(self, event.transaction, event.status)
        else:
            self._count_malformed(event)

    def _flush(self) -> None:
        recorder = self._recorder
        for message, flow in self._layer.take_outgoing():
            if flow.transport == "udp":
                udp = self._udp.get(flow.local)
                if udp is not None:
                    if recorder is not None:
                        recorder.sent("sip", "udp", flow.local, flow.remote, message)
                    udp.send(message, flow.remote)
            else:
                connection = self._connections.get(flow.connection_id) or self._reconnect(message, flow)
                if connection is not None:
                    if recorder is not None:
                        self._record_stream(recorder.sent, connection, message)
                    connection.write(message)

    def _arm_timer(self) -> None:
        deadline = self._layer.next_deadline()
        if self._stalls is not None:
            deadline = min(deadline, self._stalls.next_deadline())
        if deadline >= self._timer_at or self._is_closed:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.call_at(deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._timer_at = math.inf
        now = self._loop.time()
        for stalled in self._stalls.take_due(now) if self._stalls is not None else ():
            stalled.abort()
        self._layer.handle_deadline(now)
        self._after_input()

    # -- UDP -----------------------------------------------------------------------------------------------------

    def _open_udp(self, local: Address) -> Address:
        flows: dict[Address, Flow] = {}
        layer, time = self._layer, self._loop.time

        def on_datagram(data: bytes, peer: Address) -> None:
            flow = flows.get(peer)
            if flow is None:
                if len(flows) >= _MAX_KNOWN_FLOWS:
                    flows.clear()
                flow = flows[peer] = Flow("udp", address, peer)
            if self._recorder is not None:
                self._recorder.received("sip", "udp", address, peer, data)
            layer.receive(data, flow, time())
            if layer.events or layer.outgoing:
                self._after_input()

        udp = DatagramSocket(local, on_datagram, loop=self._loop, receive_buffer_bytes=UDP_RECEIVE_BUFFER_BYTES)
        address = udp.address
        self._udp[address] = udp
        return address

    def _udp_socket(self, destination: Address) -> DatagramSocket:
        if not self._udp:
            self.addresses["udp"] = self._open_udp((self._local_ip or local_ip_towards(destination), 0))
        return next(iter(self._udp.values()))

    # -- streams -------------------------------------------------------------------------------------------------

    async def _serve(self, transport: StreamName, address: Address) -> Address:
        context = self._tls_server if transport == "tls" else None
        if transport == "tls" and context is None:
            raise TransportError(f"listening on TLS {address[0]}:{address[1]} needs a TLS context")
        try:
            server = await self._loop.create_server(
                lambda: self._accepted(transport), address[0], address[1], backlog=_BACKLOG, ssl=context
            )
        except OSError as error:
            raise TransportError(f"cannot listen on {transport.upper()} {address[0]}:{address[1]}: {error}") from error
        self._servers.append(server)
        bound: Address = server.sockets[0].getsockname()[:2]
        return bound

    def _accepted(self, transport: StreamName) -> SipConnection:
        return SipConnection(self, self._take_connection_id(), transport)

    def _take_connection_id(self) -> int:
        taken = self._next_connection_id
        self._next_connection_id += 1
        return taken

    def _begin_connection(self, destination: Address, transport: StreamName) -> SipConnection:
        context = self._tls_client if transport == "tls" else None
        if transport == "tls" and context is None:
            raise TransportError(f"connecting to TLS {destination[0]}:{destination[1]} needs a TLS context")
        if self._is_closed:
            raise TransportError("the SIP endpoint is closed")
        stream = bound_stream_socket(self._local_ip or local_ip_towards(destination))
        connection_id = self._take_connection_id()
        flow = Flow(transport, stream.getsockname()[:2], destination, connection_id)
        connection = SipConnection(self, connection_id, transport, flow)
        self._connections[connection_id] = connection
        self._by_remote[transport, destination] = connection
        task = self._loop.create_task(open_stream(connection, stream, context))
        self._opening[connection_id] = task
        task.add_done_callback(lambda _: self._opening.pop(connection_id, None))
        return connection

    def _reconnect(self, message: bytes, flow: Flow) -> SipConnection | None:
        """The connection for a response whose own one is gone (RFC 3261 section 18.2.2); None for a request."""
        parsed = parse_message(message)
        if not isinstance(parsed, SipResponse) or self._is_closed:
            return None
        with contextlib.suppress(SipInvalid, TransportError):
            new_flow = self.flow_to(reconnect_address(parsed, flow), flow.transport)
            return self._connections.get(new_flow.connection_id)
        return None

    def _record_stream(self, record: Callable[..., None], connection: SipConnection, message: bytes) -> None:
        flow = connection.flow
        if not connection.label:
            connection.label = f"{flow.local[0]}:{flow.local[1]}-{flow.remote[0]}:{flow.remote[1]}#{flow.connection_id}"
        record("sip", flow.transport, flow.local, flow.remote, message, connection.label)

    def stream_opened(self, connection: SipConnection) -> None:
        """For `SipConnection`: it is established."""
        flow = connection.flow
        if self._is_closed or (not connection.is_outbound and len(self._connections) >= self._max_connections):
            connection.abort()
        self._connections[flow.connection_id] = connection
        if connection.waiter is not None and not connection.waiter.done():
            connection.waiter.set_result(None)
        connection.waiter = None

    def stream_message(self, connection: SipConnection, message: bytes) -> None:
        """For `SipConnection`: it has received a whole message."""
        if self._recorder is not None:
            self._record_stream(self._recorder.received, connection, message)
        layer = self._layer
        layer.receive(message, connection.flow, self._loop.time())
        if layer.events or layer.outgoing:
            self._after_input()

    def stream_out_of_sync(self, connection: SipConnection, reason: str) -> None:
        """For `SipConnection`: what it receives cannot be cut into messages; it closes itself."""
        self._layer.counters.discarded += 1

    def stream_partial(self, connection: SipConnection, is_partial: bool, is_new: bool) -> None:
        """For `SipConnection`: a message is (no longer) incomplete; one that stays so too long ends the connection."""
        if self._stalls is None:
            self._stalls = Deadlines()
        if not is_partial:
            self._stalls.cancel(connection)
        elif is_new or not connection.is_waiting:
            self._stalls.set(connection, self._loop.time() + PARTIAL_MESSAGE_TIMEOUT_S)
            self._arm_timer()

    def stream_lost(self, connection: SipConnection, reason: FailureReason) -> None:
        """For `SipConnection`: it is gone, or could not be opened."""
        flow = connection.flow
        was_known = self._connections.pop(flow.connection_id, None) is not None
        if self._stalls is not None:
            self._stalls.cancel(connection)
        key = (flow.transport, flow.remote)
        if self._by_remote.get(key) is connection:
            del self._by_remote[key]
        if connection.waiter is not None and not connection.waiter.done():
            connection.waiter.set_exception(TransportError(f"{flow.remote[0]}:{flow.remote[1]}: {reason}"))
            connection.waiter.exception()  # taken, in case nobody waits any more
        if self._all_lost is not None and not self._connections:
            self._all_lost.set()
        self._layer.connection_lost(flow, self._loop.time(), reason)
        if was_known and reason == "closed" and not self._is_closed:
            self._handler.connection_lost(self, flow)
        self._after_call()

    def _count_malformed(self, event: Discarded) -> None:
        connection = self._connections.get(event.flow.connection_id)
        if connection is None or not event.is_malformed:
            return
        connection.malformed_count += 1
        if connection.malformed_count >= MAX_MALFORMED_MESSAGES:
            connection.close()


def _report_failure(callbacks: Any, reason: FailureReason) -> None:
    if callbacks is not None and callbacks.on_failure is not None:
        callbacks.on_failure(reason)
