"""SipEndpoint: the sockets of one SIP node, gateway or phone, driving one transaction layer.

Everything runs on the event loop, synchronously: a datagram or stream message goes into the layer, what comes out is
sent and reported before the next one is read. One timer serves all transactions.
"""

from __future__ import annotations

import asyncio
import math
import random
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, Self

from emcc_emu.errors import TransportError
from emcc_emu.net.sip_connections import MAX_CONNECTIONS, ConnectionTable
from emcc_emu.net.sip_tcp import SipConnection, local_ip_towards
from emcc_emu.net.udp import DatagramSocket
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
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.protocol.sip_timers import SipLimits, SipTimers
from emcc_emu.protocol.sip_transactions import SipCounters, TransactionLayer
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.sip import CUCM_POLICY, RequestPolicy, SipRequest, SipResponse, WrittenResponse

if TYPE_CHECKING:
    from emcc_emu.net.faults import FaultBoard

__all__ = ["UDP_RECEIVE_BUFFER_BYTES", "SipEndpoint", "SipHandler"]

UDP_RECEIVE_BUFFER_BYTES: Final = 4 << 20
"""Asked for on listening sockets, so that a burst of registrations is not lost in the kernel."""

_MAX_KNOWN_FLOWS: Final = 16_384
"""UDP peers whose flow is kept ready; all are forgotten beyond it, at no loss but time."""
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
        faults: What happens to messages on purpose, None for nothing.
    """

    __slots__ = (
        "_faults",
        "_handler",
        "_is_closed",
        "_is_dispatch_scheduled",
        "_is_dispatching",
        "_layer",
        "_listen",
        "_local_ip",
        "_loop",
        "_recorder",
        "_streams",
        "_timer",
        "_timer_at",
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
        faults: FaultBoard | None = None,
    ) -> None:
        self._handler = handler
        self._faults = faults
        self._listen = tuple(listen)
        self._recorder = recorder
        self._local_ip = local_ip or (listen[0][1][0] if listen and listen[0][1][0] != _ANY_IP else None)
        self._layer = TransactionLayer(
            rng, timers=timers, limits=limits, policy=policy, make_branch=make_branch, make_tag=make_tag
        )
        self._loop: asyncio.AbstractEventLoop
        self.addresses = {}
        self._udp: dict[Address, DatagramSocket] = {}
        self._streams = ConnectionTable(
            self, local_ip=self._local_ip, tls_server=tls_server, tls_client=tls_client, max_connections=max_connections
        )
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._is_dispatching = False
        self._is_dispatch_scheduled = False
        self._is_closed = False

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
                if transport == "udp":
                    bound = self._open_udp(address)
                else:
                    bound = await self._streams.serve(transport, address)
                self.addresses.setdefault(transport, bound)
        except TransportError:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every socket; what was written before still goes out if the peers take it. May be called again."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for udp in self._udp.values():
            udp.close()
        self._udp.clear()
        await self._streams.close()

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
        return self._streams.open_flows()

    # -- sending -------------------------------------------------------------------------------------------------

    def flow_to(self, destination: Address, transport: TransportName = "tcp") -> Flow:
        """The flow that reaches `destination`: an open connection, or a new one whose local port is known already.

        Raises:
            TransportError: No local address or port can be had.
        """
        if transport == "udp":
            return Flow("udp", self._udp_socket(destination).address, destination)
        return self._streams.to(destination, transport).flow

    async def connect(self, destination: Address, transport: StreamName = "tcp") -> Flow:
        """Like `flow_to`, but waits until a stream connection is established.

        Raises:
            TransportError: It was refused, or nobody answered in time; the text is the reason.
        """
        connection = self._streams.to(destination, transport)
        await connection.wait_open()
        return connection.flow

    def sent_by(self, flow: Flow) -> Address:
        """The address of ours that Via and Contact name on this flow: where we listen, else the flow's own."""
        return self.addresses.get(flow.transport, flow.local) if flow.transport != "udp" else flow.local

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

    def respond(self, transaction: ServerTransaction, response: SipResponse | WrittenResponse) -> bool:
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
        connection = self._streams.get(flow)
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
        if self._faults is not None and self._faults.touches_messages:
            self._flush_with_faults(self._faults)
            return
        for message, flow in self._layer.take_outgoing():
            if flow.transport == "udp":
                udp = self._udp.get(flow.local)
                if udp is not None:
                    if recorder is not None:
                        recorder.sent("sip", "udp", flow.local, flow.remote, message)
                    udp.send(message, flow.remote)
            else:
                connection = self._streams.get(flow) or self._streams.for_orphan(message, flow)
                if connection is not None:
                    if recorder is not None:
                        recorder.sent(*_stream_record(connection, message))
                    connection.write(message)

    def _flush_with_faults(self, faults: FaultBoard) -> None:
        for message, flow in self._layer.take_outgoing():
            verdict = faults.outgoing("sip", flow.local, flow.remote, message)
            if self._recorder is not None:
                label = self._label(flow)
                self._recorder.sent("sip", flow.transport, flow.local, flow.remote, message, label, verdict.fault)
            if verdict.delay_s > 0 and not verdict.is_dropped:
                self._loop.call_later(verdict.delay_s, self._write, verdict.payload, flow)
            elif not verdict.is_dropped:
                self._write(verdict.payload, flow)

    def _write(self, message: bytes, flow: Flow) -> None:
        if flow.transport == "udp":
            udp = self._udp.get(flow.local)
            if udp is not None:
                udp.send(message, flow.remote)
            return
        connection = self._streams.get(flow) or self._streams.for_orphan(message, flow)
        if connection is not None:
            connection.write(message)

    def _label(self, flow: Flow) -> str:
        connection = self._streams.get(flow)
        return "" if connection is None else connection.label

    def _receive_with_faults(self, faults: FaultBoard, message: bytes, flow: Flow) -> None:
        """Take a message in as its verdict says; a node that is down closes the connection too."""
        verdict = faults.incoming("sip", flow.local, flow.remote, message)
        if self._recorder is not None:
            label = self._label(flow)
            self._recorder.received("sip", flow.transport, flow.local, flow.remote, message, label, verdict.fault)
        if verdict.is_dropped:
            if faults.is_down_at("sip", flow.local):
                self.close_connection(flow)
        elif verdict.delay_s > 0:
            self._loop.call_later(verdict.delay_s, self._take_in, verdict.payload, flow)
        else:
            self._take_in(verdict.payload, flow)

    def _take_in(self, message: bytes, flow: Flow) -> None:
        layer = self._layer
        layer.receive(message, flow, self._loop.time())
        if layer.events or layer.outgoing:
            self._after_input()

    def _arm_timer(self) -> None:
        deadline = min(self._layer.next_deadline(), self._streams.next_deadline())
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
        self._streams.abort_stalled(now)
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
            if self._faults is not None and self._faults.touches_messages:
                self._receive_with_faults(self._faults, data, flow)
                return
            if self._recorder is not None:
                self._recorder.received("sip", "udp", address, peer, data)
            layer.receive(data, flow, time())

        def on_drained() -> None:
            if layer.events or layer.outgoing:
                self._after_input()

        udp = DatagramSocket(
            local,
            on_datagram,
            on_drained=on_drained,
            loop=self._loop,
            receive_buffer_bytes=UDP_RECEIVE_BUFFER_BYTES,
        )
        address = udp.address
        self._udp[address] = udp
        return address

    def _udp_socket(self, destination: Address) -> DatagramSocket:
        if not self._udp:
            self.addresses["udp"] = self._open_udp((self._local_ip or local_ip_towards(destination), 0))
        return next(iter(self._udp.values()))

    # -- streams: what the connection table reports --------------------------------------------------------------------

    def stream_message(self, connection: SipConnection, message: bytes) -> None:
        """For `ConnectionTable`: a connection has received a whole message."""
        if self._faults is not None and self._faults.touches_messages:
            self._receive_with_faults(self._faults, message, connection.flow)
            return
        if self._recorder is not None:
            self._recorder.received(*_stream_record(connection, message))
        layer = self._layer
        layer.receive(message, connection.flow, self._loop.time())
        if layer.events or layer.outgoing:
            self._after_input()

    def stream_unreadable(self, connection: SipConnection, reason: str) -> None:
        """For `ConnectionTable`: what a connection receives cannot be cut into messages; it is being closed."""
        self._layer.counters.discarded += 1

    def stream_gone(self, connection: SipConnection, reason: FailureReason, was_open: bool) -> None:
        """For `ConnectionTable`: a connection is lost, or could not be opened."""
        self._layer.connection_lost(connection.flow, self._loop.time(), reason)
        if was_open and not self._is_closed:
            self._handler.connection_lost(self, connection.flow)
        self._after_call()

    def stream_timer_set(self) -> None:
        """For `ConnectionTable`: its next deadline has changed."""
        self._arm_timer()

    def _count_malformed(self, event: Discarded) -> None:
        connection = self._streams.get(event.flow)
        if connection is not None and event.is_malformed:
            connection.count_malformed()


def _stream_record(
    connection: SipConnection, message: bytes
) -> tuple[Literal["sip"], TransportName, Address, Address, bytes, str]:
    flow = connection.flow
    return ("sip", flow.transport, flow.local, flow.remote, message, connection.label)


def _report_failure(callbacks: Any, reason: FailureReason) -> None:
    if callbacks is not None and callbacks.on_failure is not None:
        callbacks.on_failure(reason)
