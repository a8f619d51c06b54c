"""The leg on which a call came in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from emcc_emu.cluster.call_headers import (
    asserted_identity,
    remote_party_id,
    session_id_in,
    session_id_line,
)
from emcc_emu.cluster.call_leg import Leg
from emcc_emu.cluster.call_parties import NumberIdentity, PartyKind
from emcc_emu.cluster.sip_node import ALLOW, HeaderLine, SipNode
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire.sdp import SDP_TYPE
from emcc_emu.wire.sip_identity import CUCM_HEADER_ORDER

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction

__all__ = ["CallerLeg"]


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
        response.headers.arrange(CUCM_HEADER_ORDER)
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
        lines.append(("Contact", f"<{self.node.contact_uri(number, self.transport())}>"))
        return lines
