"""A gateway to the PSTN: answers the calls that a cluster sends out, and can place one into the cluster.

It stands at its own address and speaks plain SIP, so that a foreign gateway may take its place.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from typing import Any

import structlog

from emcc_emu.cluster.gateway_call import GatewayCall
from emcc_emu.cluster.gateway_media import answer_to, own_offer
from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.lab.model import Gateway as GatewayConfig
from emcc_emu.net.clock import Clock
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_client_transactions import ClientTransaction
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Address, Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire import sdp, sip

__all__ = ["MAX_GATEWAY_CALLS", "MAX_REMEMBERED_CALLS", "Gateway"]

log = structlog.get_logger(__name__)

MAX_GATEWAY_CALLS = 10_000
"""Calls at once; one more is answered 503."""

MAX_REMEMBERED_CALLS = 10_000
"""Calls that stay listed after their end."""

DEFAULT_RING_TIME_S = 0.02
"""How long the PSTN rings before it answers."""

PRODUCT = "emcc-emu-gateway"
ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE, INFO"


class Gateway:
    """One PSTN gateway; `start` binds its address, `close` releases it.

    Args:
        config: Name, address and transport.
        recorder: Gets every SIP message; None for no recording.
        rng: Seeds tags and media ports.
        clock: Calendar time of the call list.
        ring_time_s: How long it rings before it answers.
    """

    def __init__(
        self,
        config: GatewayConfig,
        *,
        recorder: Recorder | None,
        rng: random.Random,
        clock: Clock,
        ring_time_s: float = DEFAULT_RING_TIME_S,
    ) -> None:
        self.config = config
        self.ring_time_s = ring_time_s
        self.answer_status = 200
        """Final answer to new calls; anything but 200 refuses them."""
        self.calls: deque[GatewayCall] = deque(maxlen=MAX_REMEMBERED_CALLS)
        """All calls, oldest first, ended ones too."""
        self._recorder = recorder
        self._rng = rng
        self._clock = clock
        self._endpoint: SipEndpoint | None = None
        self._by_dialog: dict[tuple[str, str], GatewayCall] = {}
        self._ringing: dict[InviteServerTransaction, asyncio.TimerHandle] = {}
        self._waiting: dict[InviteServerTransaction, GatewayCall] = {}
        self._next_port = 20_000
        self._changed: list[asyncio.Future[None]] = []

    @property
    def name(self) -> str:
        """Name of the gateway."""
        return self.config.name

    @property
    def address(self) -> Address:
        """Where it really listens."""
        return self._live().addresses[self.config.transport]

    def _live(self) -> SipEndpoint:
        if self._endpoint is None:
            raise TransportError(f"gateway {self.config.name} is not started")
        return self._endpoint

    async def start(self) -> None:
        """Bind UDP and TCP.

        Raises:
            TransportError: The address cannot be bound.
        """
        where = (self.config.address, self.config.port)
        endpoint = SipEndpoint(self, rng=self._rng, listen=(("udp", where), ("tcp", where)), recorder=self._recorder)
        await endpoint.start()
        self._endpoint = endpoint

    async def close(self) -> None:
        """Release the sockets. May be called again."""
        for handle in self._ringing.values():
            handle.cancel()
        self._ringing.clear()
        if self._endpoint is not None:
            await self._endpoint.close()
            self._endpoint = None

    # -- SipHandler ----------------------------------------------------------------------------------------------

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        """Answer a request."""
        try:
            if request.method == "INVITE" and isinstance(transaction, InviteServerTransaction):
                self._invited(endpoint, transaction, flow)
            elif request.method == "OPTIONS":
                endpoint.respond(transaction, self._response(request, 200))
            else:
                self._in_dialog(endpoint, transaction, request)
        except SipInvalid as error:
            endpoint.respond(transaction, sip.build_error_response(request, error, to_tag=transaction.local_tag))

    def ack_received(
        self, endpoint: SipEndpoint, request: sip.SipRequest, flow: Flow, transaction: InviteServerTransaction | None
    ) -> None:
        """The ACK of our 200; after a delayed offer it brings the answer."""
        call = self._by_dialog.get((request.call_id, request.to.tag or ""))
        if call is not None and request.body:
            self._take_answer(call, request.body)
            self._notify()

    def cancel_received(
        self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: sip.SipRequest
    ) -> None:
        """The caller gave up while it rang."""
        handle = self._ringing.pop(transaction, None)
        if handle is not None:
            handle.cancel()
        call = self._waiting.pop(transaction, None)
        endpoint.respond(transaction, self._response(transaction.request, 487, transaction.local_tag))
        if call is not None:
            self._ended(call, 487)

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        """Nobody acknowledged our answer: hang up."""
        call = self._by_dialog.get((transaction.request.call_id, transaction.local_tag))
        if call is not None and status < 300:
            self.hang_up(call)

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        """Calls outlive their connections."""

    # -- calls out of the cluster -------------------------------------------------------------------------------

    def _invited(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, flow: Flow) -> None:
        request = transaction.request
        if request.to.tag is not None:
            self._invited_again(endpoint, transaction)
            return
        endpoint.respond(transaction, sip.build_response(request, 100))
        if len(self._by_dialog) + len(self._waiting) >= MAX_GATEWAY_CALLS:
            raise SipInvalid("all circuits are busy", status=503)
        sender = request.from_
        call = GatewayCall(
            called=sip.parse_uri(request.uri).user or "",
            calling=sip.parse_uri(sender.uri).user or "",
            calling_name=sender.display,
            call_id=request.call_id,
            is_inbound=False,
            session_id=(request.get("Session-ID") or "").partition(";")[0],
            started_at=self._clock.time(),
            media=sdp.parse_sdp(request.body) if request.body and request.content_type == sdp.SDP_TYPE else None,
            dialog=Dialog.from_request(request, transaction.local_tag),
            flow=flow,
        )
        self.calls.append(call)
        log.info("gateway_call", gateway=self.name, called=call.called, calling=call.calling)
        self._waiting[transaction] = call
        endpoint.respond(transaction, self._response(request, 180, transaction.local_tag, self._contact_lines(flow)))
        self._ringing[transaction] = asyncio.get_running_loop().call_later(
            self.ring_time_s, self._answer, endpoint, transaction
        )
        self._notify()

    def _answer(self, endpoint: SipEndpoint, transaction: InviteServerTransaction) -> None:
        self._ringing.pop(transaction, None)
        call = self._waiting.pop(transaction)
        request, tag = transaction.request, transaction.local_tag
        status, body = self.answer_status, b""
        if status == 200:
            try:
                body = self._describe(call.media).encode()
            except SipInvalid as error:
                status = error.status
        if status != 200:
            endpoint.respond(transaction, self._response(request, status, tag))
            self._ended(call, status)
            return
        call.answered_at = self._clock.time()
        call.status = 200
        self._by_dialog[call.call_id, tag] = call
        lines = [*self._contact_lines(transaction.flow), ("Content-Type", sdp.SDP_TYPE)]
        if call.dialog is not None:
            call.dialog.confirm()
            lines = [*call.dialog.response_headers(request), *lines]
        endpoint.respond(transaction, self._response(request, 200, tag, lines, body))
        self._notify()

    def _invited_again(self, endpoint: SipEndpoint, transaction: InviteServerTransaction) -> None:
        request = transaction.request
        call = self._call_of(request)
        offer = sdp.parse_sdp(request.body) if request.body else None
        body = self._describe(offer).encode()
        call.media = offer or call.media
        lines = [*self._contact_lines(transaction.flow), ("Content-Type", sdp.SDP_TYPE)]
        endpoint.respond(transaction, self._response(request, 200, None, lines, body))
        self._notify()

    def _in_dialog(self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        call = self._call_of(request)
        endpoint.respond(transaction, self._response(request, 200))
        if request.method == "BYE":
            self._ended(call, call.status)

    def _call_of(self, request: sip.SipRequest) -> GatewayCall:
        call = self._by_dialog.get((request.call_id, request.to.tag or ""))
        if call is None or call.dialog is None:
            raise SipInvalid("no such call", status=481)
        call.dialog.accept(request)
        return call

    def _describe(self, offer: sdp.SessionDescription | None) -> sdp.SessionDescription:
        self._next_port = 20_000 + (self._next_port - 20_000 + 2) % 10_000
        if offer is None:
            return own_offer(self.config.address, self._next_port)
        return answer_to(offer, self.config.address, self._next_port)

    # -- calls into the cluster --------------------------------------------------------------------------------

    def place_call(self, called: str, calling: str, destination: Address, *, calling_name: str = "") -> GatewayCall:
        """Place a call from the PSTN, with an offer; follow it by `wait_until`.

        Args:
            called: Digits that the cluster gets.
            calling: Number of the PSTN subscriber.
            destination: A call-processing node.

        Raises:
            TransportError: The gateway is not started, or the destination cannot be reached.
        """
        endpoint = self._live()
        transport = self.config.transport
        flow = endpoint.flow_to(destination, transport)
        host, port = destination
        tag, call_id = f"{self._rng.getrandbits(32):08x}", f"{self._rng.getrandbits(64):016x}@{self.config.address}"
        request = sip.SipRequest(
            "INVITE",
            f"sip:{called}@{host}:{port}",
            [
                ("Max-Forwards", "70"),
                ("From", sip.format_name_addr(f"sip:{calling}@{self.config.address}", calling_name, (("tag", tag),))),
                ("To", f"<sip:{called}@{host}>"),
                ("Call-ID", call_id),
                ("CSeq", "101 INVITE"),
                *self._contact_lines(flow),
                ("Content-Type", sdp.SDP_TYPE),
            ],
            self._describe(None).encode(),
        )
        call = GatewayCall(called, calling, calling_name, call_id, True, started_at=self._clock.time(), flow=flow)
        self.calls.append(call)
        transactions: list[ClientTransaction] = []

        def heard(response: sip.SipResponse, heard_on: Flow) -> None:
            self._heard(call, transactions[0], response, heard_on)

        transactions.append(
            endpoint.send_request(
                request,
                destination,
                transport,
                on_response=heard,
                on_failure=lambda reason: self._ended(call, 408 if reason == "timeout" else 503),
            )
        )
        return call

    def _heard(self, call: GatewayCall, transaction: ClientTransaction, response: sip.SipResponse, flow: Flow) -> None:
        if response.status < 200:
            return
        if response.status >= 300:
            self._ended(call, response.status)
            return
        try:
            dialog = call.dialog = Dialog.from_response(transaction.request, response)
        except SipInvalid as error:
            log.info("gateway_answer_unusable", gateway=self.name, called=call.called, why=error.reason)
            self._ended(call, 500)
            return
        self._by_dialog[call.call_id, dialog.local_tag] = call
        call.status, call.answered_at = 200, self._clock.time()
        self._live().send_ack(dialog.ack(response.cseq.number), flow, transaction)
        if response.body:
            self._take_answer(call, response.body)
        self._notify()

    def _take_answer(self, call: GatewayCall, body: bytes) -> None:
        """Learn the other side's media; without a readable answer there is no call."""
        try:
            call.media = sdp.parse_sdp(body)
        except SipInvalid as error:
            log.info("gateway_answer_unusable", gateway=self.name, called=call.called, why=error.reason)
            self.hang_up(call)

    def hang_up(self, call: GatewayCall) -> None:
        """Send BYE for an answered call; nothing happens for another."""
        target = call.target
        if call.dialog is None or target is None or not call.is_up:
            return
        self._live().send_request(call.dialog.request("BYE"), target, self.config.transport)
        self._ended(call, call.status)

    # -- the list ------------------------------------------------------------------------------------------------

    async def wait_until(self, call: GatewayCall, *, is_up: bool) -> None:
        """Return when the call is up, or (with False) has ended; at once when it has ended already."""
        while call.ended_at is None and call.is_up is not is_up:
            changed = asyncio.get_running_loop().create_future()
            self._changed.append(changed)
            await changed

    def _ended(self, call: GatewayCall, status: int) -> None:
        call.status = status
        call.ended_at = self._clock.time()
        if call.dialog is not None:
            self._by_dialog.pop((call.call_id, call.dialog.local_tag), None)
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, []
        for future in changed:
            if not future.done():
                future.set_result(None)

    def view(self) -> dict[str, Any]:
        """The gateway as screens show it."""
        return {
            "name": self.name,
            "address": f"{self.config.address}:{self.config.port}",
            "calls": len(self.calls),
            "up": sum(call.is_up for call in self.calls),
        }

    def _contact_lines(self, flow: Flow) -> list[tuple[str, str]]:
        ip, port = self._live().addresses[flow.transport]
        return [("Contact", f"<sip:{ip}:{port};transport={flow.transport}>"), ("Allow", ALLOW)]

    def _response(
        self,
        request: sip.SipRequest,
        status: int,
        to_tag: str | None = None,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> sip.SipResponse:
        lines = [("Server", PRODUCT), *(headers or ())]
        return sip.build_response(request, status, to_tag=to_tag, headers=lines, body=body)
