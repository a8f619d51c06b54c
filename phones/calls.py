"""A phone's calls: INVITE both ways, with early or delayed offer, hold by the far end, and the ends of a call."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.protocol.sip_dialog import Dialog, DialogId, dialog_id
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.wire import sip
from emcc_emu.wire.sdp import SDP_TYPE, parse_sdp
from phones import media
from phones.call import Call, CallState
from phones.registration import SUPPORTED, SipRegistration, ask, date_now

if TYPE_CHECKING:
    from phones.phone import Phone

__all__ = ["PHONE_ALLOW", "Call", "CallState", "PhoneCalls"]

PHONE_ALLOW = "ACK,BYE,CANCEL,INVITE,NOTIFY,OPTIONS,REFER,REGISTER,UPDATE,SUBSCRIBE,INFO"
INVITE_EXPIRES_S = 180
FIRST_MEDIA_PORT = 16384
LAST_MEDIA_PORT = 32766


class PhoneCalls:
    """All calls of one phone.

    Args:
        phone: Whose calls they are.
    """

    __slots__ = ("_calls", "_next_port", "_phone", "is_auto_answer")

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._calls: list[Call] = []
        self._next_port = FIRST_MEDIA_PORT
        self.is_auto_answer = False
        """Whether the phone answers by itself."""

    @property
    def all(self) -> Sequence[Call]:
        """The calls that have not ended, oldest first."""
        return self._calls

    @property
    def ringing(self) -> Call | None:
        """The call that rings here, if any."""
        return next((call for call in self._calls if call.state is CallState.RINGING), None)

    def dial(self, number: str, registration: SipRegistration) -> Call:
        """Send an INVITE with our offer."""
        call = self._new_call(number, is_incoming=False)
        line, host = registration.lines[0].name, registration.node[0]
        offer = self._describe(call)
        call.offer_answer.sent(offer)
        call.invite = sip.SipRequest(
            "INVITE",
            f"sip:{number}@{host};user=phone",
            [
                ("From", f'"{line}" <sip:{line}@{host}>;tag={self._phone.names.tag()}'),
                ("To", f"<sip:{number}@{host}>"),
                ("Call-ID", self._phone.names.call_id()),
                ("Max-Forwards", "70"),
                call.session_line(),
                ("Date", date_now()),
                ("CSeq", "101 INVITE"),
                ("User-Agent", self._phone.identity.model.user_agent),
                ("Contact", self._contact(registration)),
                ("Expires", str(INVITE_EXPIRES_S)),
                ("Accept", SDP_TYPE),
                ("Allow", PHONE_ALLOW),
                (
                    "Remote-Party-ID",
                    f'"{line}" <sip:{line}@{host}>;party=calling;id-type=subscriber;privacy=off;screen=yes',
                ),
                ("Supported", SUPPORTED),
                ("Allow-Events", "kpml,dialog"),
                ("Content-Type", SDP_TYPE),
                ("Content-Disposition", "session;handling=optional"),
            ],
            offer,
        )
        registration.add_credentials(call.invite)
        self._send_invite(call, registration)
        return call

    def _send_invite(self, call: Call, registration: SipRegistration) -> None:
        assert call.invite is not None  # just built
        call.outgoing = self._phone.endpoint.send_request(
            call.invite,
            registration.node,
            registration.flow.transport,
            on_response=lambda response, flow: self._response(call, response, flow),
            on_failure=lambda reason: self._end(call, reason),
            flow=registration.flow,
        )

    def answer(self, call: Call) -> None:
        """Pick up a call that rings here."""
        transaction, registration = call.incoming, self._phone.registration
        if call.state is not CallState.RINGING or transaction is None or registration is None:
            return
        try:
            description = self._answer_description(call)
        except SipInvalid as error:
            self._respond_invite(call, error.status, error.headers)
            self._end(call, error.reason)
            return
        call.offer_answer.sent(description)
        self._respond_invite(call, 200, [("Contact", self._contact(registration))], description)
        if call.dialog is not None:
            call.dialog.confirm()
        self._enter(call, CallState.CONNECTED)

    def reject(self, call: Call, status: int = 486) -> None:
        """Refuse a call that rings here."""
        if call.state is CallState.RINGING:
            self._respond_invite(call, status)
            self._end(call, f"rejected {status}")

    async def hang_up(self, call: Call) -> None:
        """End a call, whatever its state, and wait until the other side knows."""
        if call.state is CallState.RINGING:
            self.reject(call)
        elif call.state is CallState.CONNECTED and call.dialog is not None and self._phone.registration is not None:
            bye, registration = self._bye(call, call.dialog), self._phone.registration
            self._end(call, "hung up")
            with contextlib.suppress(TransportError):
                await ask(self._phone.endpoint, bye, registration.flow)
        elif call.outgoing is not None and call.state is not CallState.ENDED:
            call.is_cancelled = True
            self._phone.endpoint.cancel(call.outgoing)
            await self._phone.wait_until(lambda: call.state is CallState.ENDED)

    async def hang_up_all(self) -> None:
        """End every call."""
        await asyncio.gather(*(self.hang_up(call) for call in list(self._calls)))

    def drop_all(self, reason: str) -> None:
        """Forget every call without a word, as a phone that loses power or its node."""
        for call in list(self._calls):
            self._end(call, reason)

    # What comes from the network.

    def request_received(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> bool:
        """Take a request that belongs to a call, or begins one; False when it is none of ours."""
        call = self._find(dialog_id(request))
        if call is not None and call.dialog is not None:
            try:
                call.dialog.accept(request)
                self._request_in_call(call, transaction, request)
            except SipInvalid as error:
                self._respond(transaction, request, error.status, error.headers)
            return True
        if request.method == "INVITE" and request.to.tag is None and isinstance(transaction, InviteServerTransaction):
            self._invited(transaction, request)
            return True
        return False

    def ack_received(self, request: sip.SipRequest) -> None:
        """The ACK of our 200; with a delayed offer it carries the answer."""
        call = self._find(dialog_id(request))
        if call is None or not call.offer_answer.is_pending:
            return
        try:
            self._take_answer(call, request)
        except SipInvalid as error:
            self._give_up(call, error)
        else:
            self._media_changed(call)

    def cancel_received(self, transaction: InviteServerTransaction) -> None:
        """The caller gave up before we answered."""
        for call in list(self._calls):
            if call.incoming is transaction and call.state is CallState.RINGING:
                self._respond_invite(call, 487)
                self._end(call, "cancelled")

    def ack_missing(self, transaction: InviteServerTransaction) -> None:
        """Nobody acknowledged our 200: the call is no call."""
        for call in list(self._calls):
            if call.incoming is transaction:
                self._end(call, "no ACK")

    def _invited(self, transaction: InviteServerTransaction, request: sip.SipRequest) -> None:
        """Somebody calls."""
        registration = self._phone.registration
        if registration is None or len(self._calls) >= registration.lines[0].max_calls:
            self._respond(transaction, request, 486)
            return
        try:
            dialog = Dialog.from_request(request, transaction.local_tag)
            number = sip.parse_uri(request.from_.uri).user or ""
        except SipInvalid as error:
            self._respond(transaction, request, error.status, error.headers)
            return
        call = self._new_call(number, is_incoming=True)
        call.invite, call.incoming, call.dialog = request, transaction, dialog
        call.note_session(request)
        if request.body:
            call.offer_answer.received_in_request(request.body)
        self._respond_invite(call, 180, [("Contact", self._contact(registration))])
        self._phone.notify()
        if self.is_auto_answer or registration.lines[0].is_auto_answer:
            self.answer(call)

    def _request_in_call(self, call: Call, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        call.note_session(request)
        if request.method == "BYE":
            self._respond(transaction, request, 200)
            self._end(call, "ended by the other side")
        elif request.method == "INVITE" or (request.method == "UPDATE" and request.body):
            self._renegotiate(call, transaction, request)
        else:
            self._respond(transaction, request, 202 if request.method == "REFER" else 200)

    def _renegotiate(self, call: Call, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        """A re-INVITE or UPDATE: answer its offer, or make one when it has none.

        Raises:
            SipInvalid: It comes at the wrong moment, or its offer is of no use; the session is as it was.
        """
        if request.body:
            call.offer_answer.received_in_request(request.body)
        elif call.offer_answer.is_pending:
            raise SipInvalid("offers crossed", status=491)
        try:
            description = self._answer_description(call)
        except SipInvalid:
            call.offer_answer.withdraw()
            raise
        call.offer_answer.sent(description)
        headers = [call.session_line(), ("Content-Type", SDP_TYPE)]
        if self._phone.registration is not None:
            headers.insert(0, ("Contact", self._contact(self._phone.registration)))
        self._respond(transaction, request, 200, headers, description)
        self._media_changed(call)

    def _media_changed(self, call: Call) -> None:
        remote = call.offer_answer.remote
        call.is_on_hold = remote is not None and media.is_held(remote)
        self._phone.notify()

    def _response(self, call: Call, response: sip.SipResponse, flow: Flow) -> None:
        """A response to our INVITE."""
        call.status = response.status
        call.note_session(response)
        if response.status >= 300:
            if not self._answer_challenge(call, response):
                self._end(call, f"{response.status} {response.reason}")
        elif response.status >= 200:
            try:
                self._connected(call, response, flow)
            except SipInvalid as error:
                self._give_up(call, error)
        elif response.status > 100:
            with contextlib.suppress(SipInvalid):  # what cannot be read is ringing all the same
                self._progressed(call, response)
            self._enter(call, CallState.PROCEEDING)

    def _progressed(self, call: Call, response: sip.SipResponse) -> None:
        self._take_answer(call, response)
        if call.dialog is None and response.to.tag is not None and call.invite is not None:
            call.dialog = Dialog.from_response(call.invite, response)

    def _answer_challenge(self, call: Call, response: sip.SipResponse) -> bool:
        """Send the INVITE once more with credentials, when the node asks for them."""
        registration = self._phone.registration
        if registration is None or call.invite is None or call.is_challenged or call.is_cancelled:
            return False
        if not registration.take_challenge(response):
            return False
        call.is_challenged = True
        again = call.invite.copy()
        again.remove("Via")
        again.set("CSeq", f"{call.invite.cseq.number + 1} INVITE")
        registration.add_credentials(again)
        call.invite = again
        self._send_invite(call, registration)
        return True

    def _connected(self, call: Call, response: sip.SipResponse, flow: Flow) -> None:
        """A 2xx: acknowledge it, and hang up at once when the user has given up or another fork was faster."""
        assert call.invite is not None  # it was answered
        dialog = Dialog.from_response(call.invite, response)
        self._phone.endpoint.send_ack(dialog.ack(call.invite.cseq.number), flow, call.outgoing)
        is_late = call.state in (CallState.CONNECTED, CallState.ENDED)
        if is_late or call.is_cancelled:
            self._phone.endpoint.send_request(self._bye(call, dialog), flow.remote, flow.transport, flow=flow)
            if not is_late:
                self._end(call, "cancelled")
            return
        call.dialog = dialog
        self._take_answer(call, response)
        self._enter(call, CallState.CONNECTED)

    @staticmethod
    def _take_answer(call: Call, message: sip.SipMessage) -> None:
        if message.body and call.offer_answer.is_pending:
            parse_sdp(message.body)  # so that only what can be read becomes the session
            call.offer_answer.received(message.body)

    def _give_up(self, call: Call, error: SipInvalid) -> None:
        """Hang up: the far end's answer is of no use."""
        registration = self._phone.registration
        if call.dialog is not None and registration is not None:
            flow, bye = registration.flow, self._bye(call, call.dialog)
            with contextlib.suppress(TransportError):
                self._phone.endpoint.send_request(bye, flow.remote, flow.transport, flow=flow)
        self._end(call, error.reason)

    def _bye(self, call: Call, dialog: Dialog) -> sip.SipRequest:
        return dialog.request("BYE", [call.session_line(), ("User-Agent", self._phone.identity.model.user_agent)])

    # Small things.

    def _new_call(self, number: str, *, is_incoming: bool) -> Call:
        port = self._next_port
        self._next_port = port + 2 if port + 2 < LAST_MEDIA_PORT else FIRST_MEDIA_PORT
        names = self._phone.names
        call = Call(
            number,
            is_incoming=is_incoming,
            session=names.session(),
            port=port,
            description_id=names.rng.randrange(1, 32768),
        )
        self._calls.append(call)
        return call

    def _describe(self, call: Call) -> bytes:
        """Our offer."""
        call.version += 1
        return media.build_offer(self._phone.identity.address, call.port, call.version, call.description_id)

    def _answer_description(self, call: Call) -> bytes:
        """The answer to the far end's offer, or our own offer when it made none.

        Raises:
            SipInvalid: There is nothing in its offer that we can use.
        """
        offer = call.offer_answer.pending_offer
        if offer is None:
            return self._describe(call)
        call.version += 1
        return media.build_answer(offer, self._phone.identity.address, call.port, call.version, call.description_id)

    def _contact(self, registration: SipRegistration) -> str:
        return f'<{registration.contact_uri}>;+u.sip!devicename.ccm.cisco.com="{self._phone.identity.name}"'

    def _respond_invite(
        self, call: Call, status: int, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> None:
        assert call.incoming is not None and call.invite is not None  # it came by an INVITE
        headers = [*headers, call.session_line()]
        if body:
            headers.append(("Content-Type", SDP_TYPE))
        self._respond(call.incoming, call.invite, status, headers, body)

    def _respond(
        self,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        status: int,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        response = sip.build_response(request, status, to_tag=transaction.local_tag, headers=headers)
        response.add("User-Agent", self._phone.identity.model.user_agent)
        response.body = body
        self._phone.endpoint.respond(transaction, response)

    def _find(self, wanted: DialogId | None) -> Call | None:
        if wanted is None:
            return None
        return next((call for call in self._calls if call.dialog is not None and call.dialog.id == wanted), None)

    def _enter(self, call: Call, state: CallState) -> None:
        call.state = state
        self._phone.notify()

    def _end(self, call: Call, reason: str) -> None:
        call.end_reason = reason
        if call in self._calls:
            self._calls.remove(call)
        self._enter(call, CallState.ENDED)
