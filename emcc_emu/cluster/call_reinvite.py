"""A re-INVITE passed through an established call: hold, resume, and media that move.

What one party asks is asked of the other; a re-INVITE without SDP brings the other's offer back in the 200 and its
answer on in the ACK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emcc_emu.cluster import call_media
from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import sdp, sip

if TYPE_CHECKING:
    from emcc_emu.cluster.call_leg import Leg
    from emcc_emu.cluster.calls import Call
    from emcc_emu.protocol.sip_client_transactions import ClientTransaction
    from emcc_emu.protocol.sip_server_transactions import ServerTransaction

__all__ = ["Renegotiation"]

DIALOG_ENDING_STATUSES = frozenset((408, 481))
"""Answers to a re-INVITE that end the call, RFC 3261 section 12.2.1.2; others leave the session as it was."""


class Renegotiation:
    """One re-INVITE from `leg`, on its way to `other`."""

    __slots__ = ("_call", "_client", "_cseq", "_is_over", "_offer", "_request", "leg", "other", "transaction")

    def __init__(
        self, call: Call, leg: Leg, other: Leg, transaction: ServerTransaction, request: sip.SipRequest
    ) -> None:
        self._call = call
        self.leg = leg
        self.other = other
        self.transaction = transaction
        self._request = request
        self._offer: sdp.SessionDescription | None = None
        self._client: ClientTransaction | None = None
        self._cseq = 0
        self._is_over = False

    def begin(self) -> None:
        """Ask the other party.

        Raises:
            SipInvalid: The offer cannot be read, or nothing in it is within the codec limit.
        """
        leg, other = self.leg, self.other
        offer = self._offer = leg.read_body(self._request)
        leg.note_target(self._request)
        body = b""
        if offer is not None:
            body = other.describe(call_media.relay_offer(offer, self._call.codec_limit()))
        leg.node.endpoint.respond(self.transaction, leg.node.trying(self._request))
        self._client = other.request("INVITE", body=body, on_response=self._heard, on_failure=self._failed)
        if self._client is not None:
            self._cseq = self._client.request.cseq.number

    def _heard(self, response: sip.SipResponse, _flow: Flow) -> None:
        if response.status < 200 or self._is_over:
            return
        if response.status >= 300:
            self._refuse(response.status)
            return
        try:
            if self.other.dialog is not None:
                self.other.dialog.refresh_target(response)
            self.other.note_target(response)
            described = self.other.read_body(response)
        except SipInvalid:
            described = None
        if described is None:
            self.other.send_ack(self._client, self._cseq, b"")
            self._refuse(500)
            return
        self._pass_on(described)

    def _pass_on(self, described: sdp.SessionDescription) -> None:
        if self._offer is not None:
            self.other.send_ack(self._client, self._cseq, b"")
            body = self.leg.describe(call_media.relay_answer(described))
            self._end()
        else:
            body = self.leg.describe(call_media.relay_offer(described, None))
        self.leg.reply(self.transaction, self._request, 200, body=body)

    def acknowledged(self, request: sip.SipRequest) -> None:
        """The ACK of our 200; after a re-INVITE without SDP it brings the answer."""
        if self._is_over:
            return
        self._end()
        try:
            answer = self.leg.read_body(request)
        except SipInvalid:
            answer = None
        if answer is None:
            self.other.send_ack(self._client, self._cseq, b"")
            self._call.end(None, 500)
        else:
            self.other.send_ack(self._client, self._cseq, self.other.describe(call_media.relay_answer(answer)))

    def _failed(self, reason: str) -> None:
        if not self._is_over:
            self._refuse(408 if reason == "timeout" else 503)

    def _refuse(self, status: int) -> None:
        self.leg.reply(self.transaction, self._request, status)
        self._end()
        if status in DIALOG_ENDING_STATUSES:
            self._call.end(None, status)

    def _end(self) -> None:
        self._is_over = True
        if self._call.renegotiation is self:
            self._call.renegotiation = None

    def abandon(self) -> None:
        """The call ends meanwhile."""
        if not self._is_over:
            self._is_over = True
            self.leg.reply(self.transaction, self._request, 487)
