"""Small SIP user agents built on our own endpoint: phones of a lab, and whoever stands at a trunk's address."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Callable

from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_client_transactions import ClientTransaction
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_digest import authorization, parse_challenge
from emcc_emu.protocol.sip_flow import Address, Flow, TransportName
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.wire import remotecc, sdp, sip
from emcc_emu.wire.cisco_contact import build_contact

__all__ = ["PATIENCE_S", "Agent", "Exchange", "InDialog", "IncomingCall", "OutgoingCall", "Phone", "media_of", "talk"]

PATIENCE_S = 5.0
CISCO_SUPPORTED = "replaces,join,norefersub,X-cisco-callinfo,X-cisco-service-control,X-cisco-sis-7.0.0"


class Agent:
    """A SIP user agent for tests: keeps what it receives, answers what it is told to."""

    def __init__(self, ip: str, *, listens: bool = False) -> None:
        where = (ip, 5060)
        listen: tuple[tuple[TransportName, Address], ...] = (("udp", where), ("tcp", where)) if listens else ()
        self.ip = ip
        self.rng = random.Random(os.urandom(8))
        self.endpoint = SipEndpoint(self, rng=self.rng, listen=listen, local_ip=ip)
        self.requests: asyncio.Queue[tuple[ServerTransaction, sip.SipRequest, Flow]] = asyncio.Queue()
        self.held: dict[str, list[tuple[ServerTransaction, sip.SipRequest, Flow]]] = {}
        self.acks: asyncio.Queue[sip.SipRequest] = asyncio.Queue()
        self.cancels: asyncio.Queue[InviteServerTransaction] = asyncio.Queue()
        self.lost: asyncio.Queue[Flow] = asyncio.Queue()
        self.automatic = {"REFER": 202, "NOTIFY": 200}
        self.seen: Counter[str] = Counter()
        self.instead_of_487: Callable[[], None] | None = None

    # -- SipHandler ----------------------------------------------------------------------------------------------

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        self.seen[request.method] += 1
        status = self.automatic.get(request.method)
        if status is not None:
            endpoint.respond(transaction, sip.build_response(request, status))
        self.requests.put_nowait((transaction, request, flow))

    def ack_received(
        self, endpoint: SipEndpoint, request: sip.SipRequest, flow: Flow, transaction: InviteServerTransaction | None
    ) -> None:
        self.acks.put_nowait(request)

    def cancel_received(
        self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: sip.SipRequest
    ) -> None:
        if self.instead_of_487 is None:
            endpoint.respond(transaction, sip.build_response(transaction.request, 487))
        else:
            self.instead_of_487()
        self.cancels.put_nowait(transaction)

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        return

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        self.lost.put_nowait(flow)

    # -- waiting -------------------------------------------------------------------------------------------------

    async def next(self, method: str) -> tuple[ServerTransaction, sip.SipRequest, Flow]:
        """The next request of a method; others wait for their turn."""
        held = self.held.setdefault(method, [])
        while not held:
            found = await asyncio.wait_for(self.requests.get(), PATIENCE_S)
            self.held.setdefault(found[1].method, []).append(found)
        return held.pop(0)

    async def next_ack(self) -> sip.SipRequest:
        return await asyncio.wait_for(self.acks.get(), PATIENCE_S)

    # -- requests ------------------------------------------------------------------------------------------------

    def send(
        self, request: sip.SipRequest, destination: Address, transport: TransportName, flow: Flow | None = None
    ) -> Exchange:
        return Exchange(self.endpoint, request, destination, transport, flow)

    async def ask(
        self, request: sip.SipRequest, destination: Address, transport: TransportName = "tcp"
    ) -> sip.SipResponse:
        """Send a request and return its final response."""
        return await self.send(request, destination, transport).final()

    def out_of_dialog(
        self, method: str, uri: str, *, number: str = "", headers: tuple[tuple[str, str], ...] = (), body: bytes = b""
    ) -> sip.SipRequest:
        user = f"{number}@" if number else ""
        lines = [
            ("Max-Forwards", "70"),
            ("From", f"<sip:{user}{self.ip}>;tag={self.rng.getrandbits(32):x}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{self.rng.getrandbits(64):x}@{self.ip}"),
            ("CSeq", f"101 {method}"),
            *headers,
        ]
        return sip.SipRequest(method, uri, lines, body)


class Exchange:
    """A request of ours and its responses."""

    def __init__(
        self,
        endpoint: SipEndpoint,
        request: sip.SipRequest,
        destination: Address,
        transport: TransportName,
        flow: Flow | None,
    ) -> None:
        self.endpoint = endpoint
        self.responses: asyncio.Queue[sip.SipResponse | str] = asyncio.Queue()
        self.all: list[sip.SipResponse] = []
        self.flow: Flow | None = None
        self.transaction: ClientTransaction = endpoint.send_request(
            request,
            destination,
            transport,
            on_response=self._heard,
            on_failure=self.responses.put_nowait,
            flow=flow,
        )

    def _heard(self, response: sip.SipResponse, flow: Flow) -> None:
        self.flow = flow
        self.all.append(response)
        self.responses.put_nowait(response)

    async def next(self) -> sip.SipResponse:
        found = await asyncio.wait_for(self.responses.get(), PATIENCE_S)
        assert isinstance(found, sip.SipResponse), found
        return found

    async def until(self, status: int) -> sip.SipResponse:
        while (response := await self.next()).status != status:
            assert response.status < 200, f"{response.status} {response.reason}"
        return response

    async def final(self) -> sip.SipResponse:
        while (response := await self.next()).status < 200:
            pass
        return response


class Phone(Agent):
    """A phone, Cisco or third-party, of a lab."""

    def __init__(
        self, ip: str, device_name: str, number: str, registrar: Address, transport: TransportName = "tcp"
    ) -> None:
        super().__init__(ip)
        self.device_name = device_name
        self.number = number
        self.registrar = registrar
        self.transport: TransportName = transport
        self.flow: Flow | None = None
        self.call_id = f"{self.rng.getrandbits(64):x}@{ip}"
        self.tag = f"{self.rng.getrandbits(32):x}"
        self.cseq = 100
        self.media_port = 20_000

    @property
    def is_cisco(self) -> bool:
        return self.device_name.startswith("SEP")

    @property
    def contact_uri(self) -> str:
        assert self.flow is not None
        ip, port = self.flow.local
        user = "0f5a6e10-7777-4a1b-8c21-0a0b0c0d0e0f" if self.is_cisco else self.number
        return f"sip:{user}@{ip}:{port};transport={self.transport}"

    @property
    def contact(self) -> str:
        if not self.is_cisco:
            return f"<{self.contact_uri}>"
        return build_contact(self.contact_uri, self.device_name[3:], self.device_name, 621)

    async def connect(self) -> None:
        if self.transport == "udp":
            self.flow = self.endpoint.flow_to(self.registrar, "udp")
        else:
            self.flow = await self.endpoint.connect(self.registrar, self.transport)

    def register_request(
        self,
        *,
        expires: int = 3600,
        is_full: bool = True,
        number: str | None = None,
        contact: str | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> sip.SipRequest:
        self.cseq += 1
        address = f"sip:{number or self.number}@{self.registrar[0]}"
        lines = [
            ("From", f"<{address}>;tag={self.tag}"),
            ("To", f"<{address}>"),
            ("Call-ID", self.call_id),
            ("Max-Forwards", "70"),
            ("CSeq", f"{self.cseq} REGISTER"),
            ("User-Agent", "Cisco-CP7821/12.1.1" if self.is_cisco else "test-agent"),
            ("Contact", contact or self.contact),
            *((("Supported", CISCO_SUPPORTED),) if self.is_cisco else ()),
            ("Expires", str(expires)),
            *headers,
        ]
        body = b""
        if is_full and self.is_cisco:
            content_type, body = remotecc.build_register_body()
            lines.append(("Content-Type", content_type))
        return sip.SipRequest("REGISTER", f"sip:{self.registrar[0]}", lines, body)

    async def register(self, **options: object) -> sip.SipResponse:
        """REGISTER and return the final answer."""
        if self.flow is None:
            await self.connect()
        request = self.register_request(**options)  # type: ignore[arg-type]
        return await self.send(request, self.registrar, self.transport, self.flow).final()

    async def register_with_digest(self, user: str, password: str) -> sip.SipResponse:
        """REGISTER, answer the challenge, and return the final answer."""
        challenged = await self.register()
        assert challenged.status == 401
        challenge = parse_challenge(challenged.get("WWW-Authenticate") or "")
        credentials = authorization(
            challenge, username=user, password=password, method="REGISTER", uri=f"sip:{self.registrar[0]}"
        )
        return await self.register(headers=(("Authorization", str(credentials)),))

    def offer(self, *codecs: int, direction: str = "sendrecv") -> sdp.SessionDescription:
        """An offer of these static payload types and telephone-event."""
        self.media_port += 2
        known = [sdp.Codec(number, *sdp.STATIC_PAYLOADS[number]) for number in codecs or (9, 0, 8, 18)]
        audio = sdp.Media("audio", self.media_port)
        audio.set_codecs([*known, sdp.Codec(101, "telephone-event", 8000, fmtp="0-15")])
        audio.direction = direction
        return sdp.SessionDescription(sdp.Origin("Cisco-SIPUA", "1", 0, self.ip), address=self.ip, media=[audio])

    def call(self, dialled: str, offer: sdp.SessionDescription | None) -> OutgoingCall:
        """INVITE somebody."""
        return OutgoingCall(self, dialled, offer)

    async def answer(self, offer: sdp.SessionDescription, *, ring: bool = True) -> IncomingCall:
        """Take the next call: 180, then 200 with an offer (the INVITE carries none)."""
        call = await self.ringing(ring=ring)
        call.answer(offer)
        return call

    async def ringing(self, *, ring: bool = True) -> IncomingCall:
        """Let the next call ring."""
        transaction, request, flow = await self.next("INVITE")
        assert isinstance(transaction, InviteServerTransaction)
        call = IncomingCall(self, transaction, request, flow)
        self.endpoint.respond(transaction, sip.build_response(request, 100))
        if ring:
            call.respond(180)
        return call


class InDialog:
    """What both ends of a call can do once it is up."""

    phone: Phone
    dialog: Dialog

    async def hang_up(self) -> sip.SipResponse:
        """BYE."""
        return await self.ask("BYE")

    async def ask(self, method: str, body: bytes = b"") -> sip.SipResponse:
        return await self.send(method, body).final()

    def send(self, method: str, body: bytes = b"") -> Exchange:
        headers = (("Content-Type", sdp.SDP_TYPE),) if body else ()
        contact = (("Contact", f"<{self.phone.contact_uri}>"),)
        request = self.dialog.request(method, (*contact, *headers), body)
        return self.phone.send(request, self.phone.registrar, self.phone.transport, self.phone.flow)

    def ack(self, exchange: Exchange, response: sip.SipResponse, body: bytes = b"") -> None:
        headers = (("Content-Type", sdp.SDP_TYPE),) if body else ()
        assert exchange.flow is not None
        request = self.dialog.ack(response.cseq.number, headers, body)
        self.phone.endpoint.send_ack(request, exchange.flow, exchange.transaction)


class OutgoingCall(InDialog):
    """A call that a phone places."""

    def __init__(self, phone: Phone, dialled: str, offer: sdp.SessionDescription | None) -> None:
        self.phone = phone
        host = phone.registrar[0]
        headers: tuple[tuple[str, str], ...] = (
            ("Contact", f"<{phone.contact_uri}>"),
            ("Session-ID", f"{phone.rng.getrandbits(128):032x};remote={'0' * 32}"),
        )
        if offer is not None:
            headers = (*headers, ("Content-Type", sdp.SDP_TYPE))
        request = phone.out_of_dialog(
            "INVITE",
            f"sip:{dialled}@{host};user=phone",
            number=phone.number,
            headers=headers,
            body=b"" if offer is None else offer.encode(),
        )
        self.request = request
        self.exchange = phone.send(request, phone.registrar, phone.transport, phone.flow)

    async def answered(self) -> sip.SipResponse:
        """Wait for the 200 and acknowledge it."""
        response = await self.exchange.until(200)
        self.dialog = Dialog.from_response(self.request, response)
        self.ack(self.exchange, response)
        return response

    def cancel(self) -> None:
        self.phone.endpoint.cancel(self.exchange.transaction)


class IncomingCall(InDialog):
    """A call that a phone receives."""

    def __init__(self, phone: Phone, transaction: InviteServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        self.phone = phone
        self.transaction = transaction
        self.request = request
        self.flow = flow
        self.dialog = Dialog.from_request(request, transaction.local_tag)

    def respond(self, status: int, body: bytes = b"") -> None:
        headers: tuple[tuple[str, str], ...] = (("Contact", f"<{self.phone.contact_uri}>"),)
        if body:
            headers = (*headers, ("Content-Type", sdp.SDP_TYPE))
        tag = self.transaction.local_tag
        response = sip.build_response(self.request, status, to_tag=tag, headers=headers, body=body)
        self.phone.endpoint.respond(self.transaction, response)

    def answer(self, offer: sdp.SessionDescription) -> None:
        self.dialog.confirm()
        self.respond(200, offer.encode())


def media_of(message: sip.SipMessage) -> tuple[sdp.SessionDescription, sdp.Media]:
    """The session description in a message, and its audio stream."""
    described = sdp.parse_sdp(message.body)
    assert described.audio is not None
    return described, described.audio


async def talk(caller: Phone, callee: Phone, number: str = "3002") -> tuple[OutgoingCall, IncomingCall]:
    """A call between two phones, acknowledged at both ends."""
    call = caller.call(number, caller.offer())
    incoming = await callee.answer(callee.offer())
    await call.answered()
    await callee.next_ack()
    return call, incoming
