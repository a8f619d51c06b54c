"""One leg of a call: the dialog with one party, in the header form of Unified CM."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emcc_emu.cluster import call_media
from emcc_emu.cluster.call_headers import identity_in, session_id_in, session_id_line
from emcc_emu.cluster.call_parties import NumberIdentity, PartyKind
from emcc_emu.cluster.session_timer import SessionTimer
from emcc_emu.cluster.sip_node import ALLOW, HeaderLine, SipNode
from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Address, Flow, TransportName, default_port
from emcc_emu.wire import sdp, sip
from emcc_emu.wire.sdp import SDP_TYPE
from emcc_emu.wire.sip_identity import CUCM_HEADER_ORDER

if TYPE_CHECKING:
    from emcc_emu.cluster.calls import Call
    from emcc_emu.protocol.sip_client_transactions import ClientTransaction
    from emcc_emu.protocol.sip_server_transactions import ServerTransaction

__all__ = ["Leg", "OnFailure", "OnResponse", "is_ip_address"]

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
            lines += [("Allow", ALLOW), ("Contact", f"<{self.contact_uri()}>")]
            lines += self.session_timer.answer_lines(request)
        lines.append(("Session-ID", self._session_id()))
        if body:
            lines.append(("Content-Type", SDP_TYPE))
        response = self.node.reply(request, status, headers=lines, body=body, to_tag=self.local_tag)
        response.headers.arrange(CUCM_HEADER_ORDER)
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
        request.headers.arrange(CUCM_HEADER_ORDER)
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
        request.headers.arrange(CUCM_HEADER_ORDER)
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

    def transport(self) -> TransportName:
        """How the party is reached."""
        return "tcp" if self.flow is None else self.flow.transport

    def contact_uri(self) -> str:
        """The Contact of ours in this dialog: the number of the party at the other end of the call."""
        number = self.call.identity_of(self.call.other(self) or self).number
        return self.node.contact_uri(number, self.transport())

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
        transport: TransportName = "tcp" if (uri.transport or self.transport()) == "tcp" else "udp"
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
