"""One leg of a call: the dialog with one party, in the header form of Unified CM."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emcc_emu.cluster import call_media
from emcc_emu.cluster.call_headers import (
    CALL_HEADER_ORDER,
    asserted_identity,
    device_contact,
    identity_in,
    remote_party_id,
    session_id_in,
    session_id_line,
)
from emcc_emu.cluster.call_location import invite_body
from emcc_emu.cluster.call_parties import Destination, NumberIdentity, PartyKind
from emcc_emu.cluster.session_timer import SESSION_EXPIRES_S, SessionTimer
from emcc_emu.cluster.sip_node import ALLOW, SUPPORTED_LINE, HeaderLine, SipNode
from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Address, Flow, TransportName, default_port
from emcc_emu.wire import sdp, sip

if TYPE_CHECKING:
    from emcc_emu.cluster.calls import Call
    from emcc_emu.protocol.sip_client_transactions import ClientTransaction
    from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction

__all__ = ["CalleeLeg", "CallerLeg", "Leg"]

INVITE_EXPIRES = "180"
ALLOW_EVENTS = "presence, kpml"
SDP_TYPE = "application/sdp"

ALERT_INTERNAL = "<file://Bellcore-dr1/>"
ALERT_EXTERNAL = "<file://Bellcore-dr2/>"

OnResponse = Callable[[sip.SipResponse, Flow], None]
OnFailure = Callable[[str], None]


class Leg:
    """What both legs share.

    Args:
        node: The node that speaks on this leg.
        kind: Whom it speaks to.
        device_name: Phone, trunk or gateway.
        identity: The party's number and name, until it says better.
    """

    __slots__ = (
        "_description_version",
        "call",
        "device_name",
        "dialog",
        "flow",
        "kind",
        "leg_number",
        "local_tag",
        "node",
        "own_number",
        "remote_identity",
        "remote_media",
        "remote_session_id",
        "session_timer",
    )

    call: Call
    """The call, which sets it as it adopts the leg."""
    session_timer: SessionTimer
    """Set in the same moment."""

    def __init__(self, node: SipNode, kind: PartyKind, device_name: str, identity: NumberIdentity) -> None:
        self.node = node
        self.kind: PartyKind = kind
        self.device_name = device_name
        self.remote_identity = identity
        self.own_number = identity.number
        """The line's directory number, by which its calls are counted."""
        self.dialog: Dialog | None = None
        self.flow: Flow | None = None
        self.leg_number = node.identity.leg_number()
        self.local_tag = node.identity.call_tag(self.leg_number)
        self.remote_media: sdp.SessionDescription | None = None
        """What the party last said about its media."""
        self.remote_session_id = ""
        self._description_version = 0

    # -- session descriptions ---------------------------------------------------------------------------------

    def describe(self, media: sdp.SessionDescription) -> bytes:
        """The bytes of a description as this leg sends it: our origin line, its version one up."""
        self._description_version += 1
        return call_media.signed(media, self.leg_number, self._description_version, self.node.ip)

    def read_body(self, message: sip.SipMessage) -> sdp.SessionDescription | None:
        """The session description in a message, None when there is none; remembered as the party's media.

        Raises:
            SipInvalid: It cannot be read.
        """
        described = call_media.description_in(message)
        if described is not None:
            self.remote_media = described
        return described

    # -- answers ----------------------------------------------------------------------------------------------

    def reply(
        self,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        status: int,
        *,
        body: bytes = b"",
        headers: Iterable[HeaderLine] = (),
    ) -> None:
        """Answer a request inside the dialog."""
        lines = [*headers]
        if status < 300 and request.method in ("INVITE", "UPDATE"):
            lines += [("Allow", ALLOW), ("Contact", f"<{self._contact_uri()}>")]
            lines += self.session_timer.answer_lines(request)
        lines.append(("Session-ID", self._session_id()))
        if body:
            lines.append(("Content-Type", SDP_TYPE))
        response = self.node.reply(request, status, headers=lines, body=body, to_tag=self.local_tag)
        response.headers.arrange(CALL_HEADER_ORDER)
        self.node.endpoint.respond(transaction, response)

    def note_target(self, message: sip.SipMessage) -> None:
        """Take what a message of the party says about itself."""
        self.remote_session_id = session_id_in(message) or self.remote_session_id
        self.remote_identity = identity_in(message, self.remote_identity)

    # -- requests ---------------------------------------------------------------------------------------------

    def request(
        self,
        method: str,
        *,
        headers: Iterable[HeaderLine] = (),
        body: bytes = b"",
        on_response: OnResponse | None = None,
        on_failure: OnFailure | None = None,
    ) -> ClientTransaction | None:
        """Send a request inside the dialog; None when there is no dialog or no way to the party."""
        dialog = self.dialog
        if dialog is None:
            return None
        request = dialog.request(method, self._request_lines(headers, body), body)
        request.headers.arrange(CALL_HEADER_ORDER)
        try:
            destination, transport, flow = self._path(request)
            return self.node.endpoint.send_request(
                request, destination, transport, on_response=on_response, on_failure=on_failure, flow=flow
            )
        except TransportError as error:
            if on_failure is not None:
                on_failure(str(error))
            return None

    def send_ack(self, transaction: ClientTransaction | None, cseq_number: int, body: bytes) -> None:
        """Acknowledge a 200 to an INVITE of ours."""
        dialog = self.dialog
        if dialog is None:
            return
        request = dialog.ack(cseq_number, self._request_lines((), body), body)
        request.headers.arrange(CALL_HEADER_ORDER)
        try:
            destination, transport, flow = self._path(request)
            path = flow or self.node.endpoint.flow_to(destination, transport)
        except TransportError:
            return  # the 200 is repeated and its sender ends the call by itself
        self.node.endpoint.send_ack(request, path, transaction)

    def bye(self) -> None:
        """Hang up on the party."""
        self.request("BYE")

    def _request_lines(self, headers: Iterable[HeaderLine], body: bytes) -> list[HeaderLine]:
        lines = [
            ("Date", self.node.date()),
            ("User-Agent", self.node.identity.product),
            *headers,
            ("Session-ID", self._session_id()),
        ]
        if body and not any(name == "Content-Type" for name, _ in lines):
            lines.append(("Content-Type", SDP_TYPE))
        return lines

    def _session_id(self) -> str:
        other = self.call.other(self)
        return session_id_line(other.remote_session_id if other is not None else "", self.remote_session_id)

    def _transport(self) -> TransportName:
        return "tcp" if self.flow is None else self.flow.transport

    def _contact_uri(self) -> str:
        number = self.call.identity_of(self.call.other(self) or self).number
        return self.node.contact_uri(number, self._transport())

    def _path(self, request: sip.SipRequest) -> tuple[Address, TransportName, Flow | None]:
        """Where a request inside the dialog goes: a phone's own connection, else what Route or Contact names.

        Unified CM never connects to a phone; between clusters each side uses connections of its own.
        """
        flow = self.flow
        if self.kind == "line" and flow is not None and flow.is_reliable:
            return flow.remote, flow.transport, flow
        try:
            routes = request.routes
            uri = sip.parse_uri(routes[0].uri if routes else request.uri)
        except SipInvalid as error:
            raise TransportError(f"no way to {self.device_name}: {error.reason}") from error
        transport: TransportName = "tcp" if (uri.transport or self._transport()) == "tcp" else "udp"
        if is_ip_address(uri.host):
            return (uri.host, uri.port or default_port(transport)), transport, None
        if flow is not None:
            return flow.remote, flow.transport, flow
        raise TransportError(f"{uri.host} is no address")


def is_ip_address(host: str) -> bool:
    """Whether a URI's host can be sent to without a name server."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


class CallerLeg(Leg):
    """The leg on which the call came in; we are the user agent server of its INVITE."""

    __slots__ = ("invite", "is_answered", "transaction")

    def __init__(
        self,
        node: SipNode,
        kind: PartyKind,
        device_name: str,
        identity: NumberIdentity,
        transaction: InviteServerTransaction,
        flow: Flow,
    ) -> None:
        super().__init__(node, kind, device_name, identity)
        self.transaction = transaction
        self.invite = transaction.request
        self.is_answered = False
        """Whether it has had its 200."""
        self.flow = flow
        self.dialog = Dialog.from_request(self.invite, self.local_tag)
        self.remote_session_id = session_id_in(self.invite) or node.identity.session_id()

    def respond(
        self,
        status: int,
        called: NumberIdentity | None,
        *,
        body: bytes = b"",
        headers: Iterable[HeaderLine] = (),
        session_id: str = "",
    ) -> None:
        """Answer the INVITE.

        Args:
            status: 180, 183, 200 or a refusal.
            called: Who is reached, for Remote-Party-ID; None for a refusal.
            body: SDP.
            headers: Further lines.
            session_id: The called party's half of the Session-ID.
        """
        node = self.node
        lines = [*headers]
        if status < 300:
            lines += self._answer_lines(called)
            if self.dialog is not None:
                lines += self.dialog.response_headers(self.invite)
        if status == 200:
            self.is_answered = True
            lines += self.session_timer.answer_lines(self.invite)
            if self.dialog is not None:
                self.dialog.confirm()
        lines.append(("Session-ID", session_id_line(session_id, self.remote_session_id)))
        if body:
            lines.append(("Content-Type", SDP_TYPE))
        response = node.reply(self.invite, status, headers=lines, body=body, to_tag=self.local_tag)
        response.headers.arrange(CALL_HEADER_ORDER)
        node.endpoint.respond(self.transaction, response)

    def _answer_lines(self, called: NumberIdentity | None) -> list[HeaderLine]:
        lines = [
            ("Allow", ALLOW),
            ("Allow-Events", "presence"),
            ("Supported", "replaces"),
            ("Call-Info", "<urn:x-cisco-remotecc:callinfo>;security=NotAuthenticated;orientation=to"),
        ]
        number = "" if called is None else called.number
        if called is not None:
            if self.kind != "line":
                lines.append(("P-Asserted-Identity", asserted_identity(called, self.node.ip)))
            lines.append(("Remote-Party-ID", remote_party_id(called, self.node.ip, "called")))
        lines.append(("Contact", f"<{self.node.contact_uri(number, self._transport())}>"))
        return lines


class CalleeLeg(Leg):
    """A leg on which we call somebody; several may ring at once, one at most is answered."""

    __slots__ = ("_final_cseq", "_is_acknowledged", "destination", "transaction")

    def __init__(self, node: SipNode, destination: Destination) -> None:
        identity = destination.called or NumberIdentity(destination.called_number)
        super().__init__(node, destination.kind, destination.device_name, identity)
        self.destination = destination
        self.transaction: ClientTransaction | None = None
        self._final_cseq = 0
        self._is_acknowledged = False

    def invite(self, offer: sdp.SessionDescription | None, *, on_response: OnResponse, on_failure: OnFailure) -> None:
        """Send the INVITE.

        Raises:
            TransportError: There is no way to the destination.
        """
        node = self.node
        address, transport, flow = self._target()
        self.flow = flow or node.endpoint.flow_to(address, transport)
        body = b"" if offer is None else self.describe(offer)
        lines = [*self._invite_lines(), *self._kind_lines()]
        content = invite_body(self.call.caller, self.destination, node, self.leg_number, body)
        request = sip.SipRequest("INVITE", self._request_uri(), [*lines, *content.headers], content.content)
        request.headers.arrange(CALL_HEADER_ORDER)
        self.transaction = node.endpoint.send_request(
            request, address, transport, on_response=on_response, on_failure=on_failure, flow=self.flow
        )

    def _target(self) -> tuple[Address, TransportName, Flow | None]:
        destination = self.destination
        registration = destination.registration
        if registration is None:
            if destination.address is None:
                raise TransportError(f"{destination.device_name} has no address")
            return destination.address, destination.transport, None
        flow = registration.flow
        if flow is None:
            raise TransportError(f"the connection of {destination.device_name} is gone")
        if not flow.is_reliable and is_ip_address(registration.address[0]):
            return registration.address, flow.transport, None
        return flow.remote, flow.transport, flow

    def _request_uri(self) -> str:
        destination = self.destination
        if destination.registration is not None:
            return destination.registration.contact_for(destination.called_number)
        host, port = destination.address or (self.node.ip, self.node.port)
        return f"sip:{destination.called_number}@{host}:{port}"

    def _invite_lines(self) -> list[HeaderLine]:
        destination, call, node = self.destination, self.call, self.node
        calling = destination.calling
        host = destination.registration.address[0] if destination.registration else (destination.address or ("", 0))[0]
        from_line = sip.format_name_addr(f"sip:{calling.number}@{node.ip}", calling.name, (("tag", self.local_tag),))
        forwards = call.caller_leg.invite.max_forwards
        is_tandem = call.caller_leg.kind == "trunk"
        return [
            ("From", from_line),
            ("To", f"<sip:{destination.called_number}@{host}>"),
            ("Date", node.date()),
            ("Call-ID", node.identity.call_id(call.identity)),
            ("Supported", SUPPORTED_LINE),
            ("Min-SE", str(SESSION_EXPIRES_S)),
            ("User-Agent", node.identity.product),
            ("Allow", ALLOW),
            ("CSeq", "101 INVITE"),
            ("Expires", INVITE_EXPIRES),
            ("Allow-Events", ALLOW_EVENTS),
            ("Session-ID", session_id_line(call.caller_leg.remote_session_id, "")),
            ("Max-Forwards", str(forwards - 1 if is_tandem and forwards is not None else 70)),
        ]

    def _kind_lines(self) -> list[HeaderLine]:
        destination, call, node = self.destination, self.call, self.node
        calling = destination.calling
        party = ("Remote-Party-ID", remote_party_id(calling, node.ip, "calling"))
        contact = node.contact_uri(calling.number, self._transport())
        if destination.kind == "line":
            is_internal = call.caller.kind == "line"
            return [
                ("Send-Info", "conference, x-cisco-conference"),
                ("Alert-Info", ALERT_INTERNAL if is_internal else ALERT_EXTERNAL),
                party,
                ("Contact", f"<{contact}>"),
            ]
        device_name = call.caller.device_name if destination.is_emcc and call.caller.kind == "line" else ""
        return [
            ("Supported", "X-cisco-srtp-fallback"),
            ("Call-Info", f'<sip:{node.ip}:{node.port}>;method="NOTIFY;Event=telephone-event;Duration=500"'),
            ("Cisco-Guid", node.identity.cisco_guid(call.identity)),
            ("Session-Expires", str(SESSION_EXPIRES_S)),
            ("P-Asserted-Identity", asserted_identity(calling, node.ip)),
            party,
            ("Contact", device_contact(contact, device_name)),
        ]

    # -- what comes back ----------------------------------------------------------------------------------------

    def note_response(self, response: sip.SipResponse) -> None:
        """Take what a provisional response says about the party."""
        if response.status > 100:
            self.note_target(response)

    def confirm(self, response: sip.SipResponse) -> None:
        """The INVITE was answered 200: the dialog exists.

        Raises:
            SipInvalid: The answer makes no dialog.
        """
        self.note_target(response)
        if self.transaction is not None:
            self.dialog = Dialog.from_response(self.transaction.request, response)
            self.session_timer.read_answer(response)
        self._final_cseq = response.cseq.number

    @property
    def awaits_ack(self) -> bool:
        """Whether its 200 has not been acknowledged."""
        return self.dialog is not None and not self._is_acknowledged

    def acknowledge(self, body: bytes | None) -> None:
        """Send the ACK of the 200, with the answer when the 200 brought an offer."""
        self._is_acknowledged = True
        self.send_ack(self.transaction, self._final_cseq, body or b"")

    def end_fork(self, response: sip.SipResponse) -> None:
        """A second phone behind a proxy answered the same INVITE: acknowledge its 200 and hang up on it."""
        if self.transaction is None or self.dialog is None or response.to.tag == self.dialog.remote_tag:
            return
        chosen, self.dialog = self.dialog, Dialog.from_response(self.transaction.request, response)
        self.send_ack(self.transaction, response.cseq.number, b"")
        self.bye()
        self.dialog = chosen

    def reject_media(self) -> None:
        """Acknowledge a 200 whose offer nobody takes: every stream is answered with port 0."""
        if not self.awaits_ack:
            return
        offered = self.remote_media
        needs_answer = offered is not None and not self.destination.is_early_offer
        self.acknowledge(self.describe(call_media.rejection(offered)) if needs_answer and offered is not None else None)

    def cancel(self) -> None:
        """Give up waiting for an answer."""
        if self.transaction is not None:
            self.node.endpoint.cancel(self.transaction)
