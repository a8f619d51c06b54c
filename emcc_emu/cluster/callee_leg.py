"""A leg on which we call somebody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emcc_emu.cluster import call_media
from emcc_emu.cluster.call_headers import (
    asserted_identity,
    device_contact,
    remote_party_id,
    session_id_line,
)
from emcc_emu.cluster.call_leg import Leg, OnFailure, OnResponse, is_ip_address
from emcc_emu.cluster.call_location import invite_body
from emcc_emu.cluster.call_parties import Destination, NumberIdentity
from emcc_emu.cluster.session_timer import SESSION_EXPIRES_S
from emcc_emu.cluster.sip_node import ALLOW, SUPPORTED_LINE, HeaderLine, SipNode
from emcc_emu.errors import TransportError
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Address, Flow, TransportName
from emcc_emu.wire import sdp, sip
from emcc_emu.wire.sip_identity import CUCM_HEADER_ORDER

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_client_transactions import ClientTransaction

__all__ = ["CalleeLeg"]

INVITE_EXPIRES = "180"
ALLOW_EVENTS = "presence, kpml"

ALERT_INTERNAL = "<file://Bellcore-dr1/>"
ALERT_EXTERNAL = "<file://Bellcore-dr2/>"


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
        request.headers.arrange(CUCM_HEADER_ORDER)
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
        contact = node.contact_uri(calling.number, self.transport())
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

    def hang_up_late_answer(self) -> None:
        """A 200 that crossed our CANCEL: acknowledge and end it (RFC 3261 section 15)."""
        self.reject_media()
        self.bye()
        self.session_timer.stop()

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
