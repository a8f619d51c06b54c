"""One call through a cluster: a back-to-back user agent with a leg to the caller and a leg to whom it reaches.

Offers and answers: lines and delayed-offer trunks are called without SDP. When the callee answers with its offer and
the caller has offered too, both get an answer that names the other's address; when the caller has not, the callee's
offer goes on to the caller, and the caller's ACK brings the answer that the callee waits for. Media flows directly.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster import call_media
from emcc_emu.cluster.call_leg import Leg
from emcc_emu.cluster.call_parties import Caller, NumberIdentity
from emcc_emu.cluster.call_records import CAUSE_NORMAL_CLEARING, CallRecord, cause_of_status
from emcc_emu.cluster.call_reinvite import Renegotiation
from emcc_emu.cluster.call_search import CallSearch
from emcc_emu.cluster.callee_leg import CalleeLeg
from emcc_emu.cluster.caller_leg import CallerLeg
from emcc_emu.cluster.session_timer import SessionTimer
from emcc_emu.cluster.sip_node import HeaderLine, SipNode
from emcc_emu.errors import SipInvalid
from emcc_emu.rules.codecs import CodecLimit
from emcc_emu.wire import sdp, sip

if TYPE_CHECKING:
    from emcc_emu.cluster.call_control import CallControl
    from emcc_emu.protocol.sip_server_transactions import ServerTransaction

__all__ = ["Call", "CallPhase"]

log = structlog.get_logger(__name__)


class CallPhase(enum.Enum):
    """How far a call has come."""

    SETUP = "setup"
    """The caller waits: destinations are tried."""
    ANSWERED = "answered"
    """The caller has its 200; its ACK is awaited."""
    TALKING = "talking"
    ENDED = "ended"


class Call:
    """One call.

    Args:
        control: The cluster's call control.
        number: Global call id.
        caller: Who places it.
        leg: The leg to the caller.
        dialled: The digits.
        offer: What the caller offered; None for a delayed offer.
    """

    __slots__ = (
        "_control",
        "_search",
        "callee",
        "caller",
        "caller_leg",
        "codec",
        "connected_at",
        "dialled",
        "identity",
        "is_emcc",
        "is_emergency",
        "number",
        "offer",
        "phase",
        "renegotiation",
        "started_at",
    )

    def __init__(
        self,
        control: CallControl,
        number: int,
        caller: Caller,
        leg: CallerLeg,
        dialled: str,
        offer: sdp.SessionDescription | None,
    ) -> None:
        self._control = control
        self.number = number
        self.caller = caller
        self.caller_leg = leg
        self.adopt(leg)
        self.identity = leg.node.identity.new_call()
        self.dialled = dialled
        self.offer = offer
        self.callee: CalleeLeg | None = None
        self.renegotiation: Renegotiation | None = None
        self.phase = CallPhase.SETUP
        self.started_at = control.calendar()
        self.connected_at: float | None = None
        self.codec = ""
        self.is_emcc = caller.is_emcc
        self.is_emergency = False
        self._search = CallSearch(control, self, leg.invite.expires)

    @property
    def node(self) -> SipNode:
        """The node that handles the caller's leg."""
        return self.caller_leg.node

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Both legs, or the caller's alone before anybody answers."""
        return (self.caller_leg,) if self.callee is None else (self.caller_leg, self.callee)

    def other(self, leg: Leg) -> Leg | None:
        """The other leg of an answered call."""
        return self.callee if leg is self.caller_leg else self.caller_leg

    # -- setup ------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Route the call and try its first destination."""
        self.occupy(self.caller_leg)
        self._search.follow(self._control.routes.find(self.caller, self.dialled))

    def adopt(self, leg: Leg) -> None:
        """Make a leg one of this call's."""
        leg.call = self
        leg.session_timer = SessionTimer(leg, self._control.timers)

    def occupy(self, leg: Leg) -> None:
        """Count the call at the leg's line."""
        if leg.kind == "line":
            self._control.line_taken(leg)

    def release(self, leg: Leg) -> None:
        """Count it there no longer."""
        if leg.kind == "line":
            self._control.line_released(leg)

    def progressed(self, leg: CalleeLeg, status: int) -> None:
        """Somebody rings. Early media needs reliable provisional responses, which are off: no SDP is passed on."""
        shown = 183 if status == 183 else 180
        self.caller_leg.respond(shown, leg.remote_identity, session_id=leg.remote_session_id)

    def answered(self, leg: CalleeLeg, response: sip.SipResponse) -> None:
        """Somebody has answered; all others have been cancelled."""
        self.callee = leg
        self.is_emcc = self.caller.is_emcc or leg.destination.is_emcc
        self._control.dialog_made(leg)
        try:
            described = leg.read_body(response)
            if described is None:
                raise SipInvalid("the answer carries no SDP", status=500)
            self._connect(leg, described)
        except SipInvalid as error:
            log.info("call_not_connected", call=self.number, why=error.reason, status=error.status)
            leg.reject_media()
            leg.bye()
            self.refuse(error.status, error.headers)

    def _connect(self, leg: CalleeLeg, described: sdp.SessionDescription) -> None:
        limit = self._control.codec_limit(self.is_emcc)
        if self.offer is None:
            offer = call_media.relay_offer(described, limit)
            self._answer_caller(leg, self.caller_leg.describe(offer))
            return
        if leg.destination.is_early_offer:
            answer = call_media.relay_offer(described, limit)
            self.codec = call_media.first_codec(answer)
            leg.acknowledge(None)
            self._answer_caller(leg, self.caller_leg.describe(answer))
            return
        agreed = call_media.join_offers(self.offer, described, limit)
        self.codec = agreed.codec
        leg.acknowledge(leg.describe(agreed.for_second))
        self._answer_caller(leg, self.caller_leg.describe(agreed.for_first))

    def _answer_caller(self, leg: CalleeLeg, body: bytes) -> None:
        self.connected_at = self._control.calendar()
        self.phase = CallPhase.ANSWERED
        self.caller_leg.respond(200, leg.remote_identity, body=body, session_id=leg.remote_session_id)
        log.info("call_answered", call=self.number, device=leg.device_name, codec=self.codec)

    def acknowledged(self, request: sip.SipRequest) -> None:
        """The caller's ACK of the first 200 has come; after a delayed offer it brings the answer."""
        if self.phase is not CallPhase.ANSWERED or self.callee is None:
            return
        self.phase = CallPhase.TALKING
        if not self.callee.awaits_ack:
            return
        try:
            answer = self.caller_leg.read_body(request)
        except SipInvalid:
            answer = None
        if answer is None:
            log.info("call_ack_without_answer", call=self.number)
            self.callee.reject_media()
            self.end(None, 500)
            return
        relayed = call_media.relay_answer(answer)
        self.codec = call_media.first_codec(relayed)
        self.callee.acknowledge(self.callee.describe(relayed))

    # -- inside the call --------------------------------------------------------------------------------------

    def received(self, leg: Leg, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        """A request inside one of the call's dialogs, its sequence number already checked."""
        method = request.method
        if method == "BYE":
            leg.reply(transaction, request, 200)
            self.end(leg, 200)
        elif method == "INVITE":
            self._renegotiate(leg, transaction, request)
        elif method == "UPDATE":
            self._update(leg, transaction, request)
        elif method in ("INFO", "OPTIONS"):
            leg.reply(transaction, request, 200)
        elif method == "REFER":
            raise SipInvalid("transfer is not allowed on this line", status=403)
        else:
            raise SipInvalid(f"no {method} is pending in this dialog", status=481)

    def _renegotiate(self, leg: Leg, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        other = self.other(leg)
        if self.phase is not CallPhase.TALKING or other is None:
            raise SipInvalid("the call is not established", status=491)
        if self.renegotiation is not None:
            is_same_direction = self.renegotiation.leg is leg
            raise SipInvalid(
                "another re-INVITE is pending",
                status=500 if is_same_direction else 491,
                headers=(("Retry-After", "2"),) if is_same_direction else (),
            )
        self.renegotiation = Renegotiation(self, leg, other, transaction, request)
        try:
            self.renegotiation.begin()
        except SipInvalid:
            self.renegotiation = None
            raise

    def _update(self, leg: Leg, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        """UPDATE is answered here: one without SDP only changes names, one with SDP confirms what was agreed."""
        offer = leg.read_body(request)
        leg.note_target(request)
        if offer is None:
            leg.reply(transaction, request, 200)
            return
        other = self.other(leg)
        if other is None or other.remote_media is None:
            raise SipInvalid("the first offer is not answered", status=491)
        agreed = call_media.join_offers(offer, other.remote_media, self._control.codec_limit(self.is_emcc))
        leg.remote_media = offer
        leg.reply(transaction, request, 200, body=leg.describe(agreed.for_first))

    def codec_limit(self) -> CodecLimit | None:
        """What the EMCC region allows this call; None for a call without EMCC."""
        return self._control.codec_limit(self.is_emcc)

    # -- the end ----------------------------------------------------------------------------------------------

    def cancelled(self) -> None:
        """The caller gave up before anybody answered."""
        if self.phase is CallPhase.SETUP:
            self.refuse(487)

    def refuse(self, status: int, headers: tuple[HeaderLine, ...] = ()) -> None:
        """Give the caller a final refusal and end everything."""
        if self.phase is CallPhase.ENDED:
            return
        self._search.stop()
        if self.caller_leg.is_answered:
            self.caller_leg.bye()
        else:
            extra = headers or call_media.warning_for(status, self.node.ip)
            self.caller_leg.respond(status, None, headers=extra)
        self._finish(status, ended_by=self.caller_leg if status == 487 else None)

    def end(self, by: Leg | None, status: int) -> None:
        """Hang up: BYE (or CANCEL) to every leg but the one that asked for it."""
        if self.phase is CallPhase.ENDED:
            return
        if self.phase is CallPhase.SETUP:
            self.refuse(487)
            return
        for leg in self.legs:
            if leg is not by:
                leg.bye()
        self._finish(status, ended_by=by)

    def _finish(self, status: int, ended_by: Leg | None) -> None:
        self.phase = CallPhase.ENDED
        if self.renegotiation is not None:
            self.renegotiation.abandon()
            self.renegotiation = None
        for leg in self.legs:
            leg.session_timer.stop()
            self.release(leg)
        self._control.finished(self, self._record(status, ended_by))

    def _record(self, status: int, ended_by: Leg | None) -> CallRecord:
        ended_at = self._control.calendar()
        cause = CAUSE_NORMAL_CLEARING if status == 200 else cause_of_status(status)
        is_by_caller = ended_by is self.caller_leg
        device_name, number = self._search.last_destination
        if self.callee is not None:
            device_name, number = self.callee.device_name, self.callee.destination.called_number
        return CallRecord(
            global_call_id=self.number,
            node=self.node.name,
            session_id=self.caller_leg.remote_session_id,
            calling_number=self.caller.identity.number,
            original_called_number=self.dialled,
            final_called_number=number,
            calling_device=self.caller.device_name,
            called_device=device_name,
            visiting_device=self.caller.visiting_device,
            started_at=self.started_at,
            connected_at=self.connected_at,
            ended_at=ended_at,
            duration_s=0.0 if self.connected_at is None else max(ended_at - self.connected_at, 0.0),
            calling_cause=cause if is_by_caller else 0,
            called_cause=0 if is_by_caller else cause,
            final_status=status,
            codec=self.codec,
            is_emergency=self.is_emergency,
        )

    def identity_of(self, leg: Leg) -> NumberIdentity:
        """How the party on a leg is shown to the other one."""
        return self.caller.identity if leg is self.caller_leg else leg.remote_identity
