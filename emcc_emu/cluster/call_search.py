"""How a call finds somebody who answers: destinations in turn, several at once on a shared line, forwarding."""

from __future__ import annotations

import math
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster.call_parties import Refusal, Route, Stage
from emcc_emu.cluster.callee_leg import CalleeLeg
from emcc_emu.cluster.wire_timers import WaitingItem
from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import sip

if TYPE_CHECKING:
    from emcc_emu.cluster.call_control import CallControl
    from emcc_emu.cluster.calls import Call

__all__ = ["INVITE_EXPIRES_S", "MAX_FORWARDS_OF_CALL", "CallSearch"]

log = structlog.get_logger(__name__)

INVITE_EXPIRES_S = 180.0
"""How long a destination may ring: the line-side INVITE expiry of Unified CM, 3 minutes."""

MAX_FORWARDS_OF_CALL = 12
"""Times one call may be forwarded for want of an answer before it is refused as a loop."""

NO_ANSWER_STATUS = 480
UNREACHABLE_STATUS = 503

OUTAGE_STATUSES = frozenset((408, 503))
"""Refusals that mean the peer is out of order, so that the next peer of the same trunk is tried."""

UNALLOCATED_STATUSES = frozenset((404, 484, 604))
BUSY_STATUSES = frozenset((486, 600))


class CallSearch(WaitingItem):
    """The setup of one call; waits for whoever rings too long.

    Args:
        control: The cluster's call control.
        call: The call, told who answers or that nobody does.
        expires_s: The Expires of the caller's INVITE, seconds; None when it has none.
    """

    __slots__ = (
        "_call",
        "_control",
        "_expires_at",
        "_forward_count",
        "_is_over",
        "_last_status",
        "_ringing",
        "_stage",
        "_stages",
        "last_destination",
    )

    def __init__(self, control: CallControl, call: Call, expires_s: int | None) -> None:
        super().__init__()
        self._control = control
        self._call = call
        self._expires_at = math.inf if expires_s is None else control.timers.now() + expires_s
        self._stages: deque[Stage] = deque()
        self._stage: Stage | None = None
        self._ringing: list[CalleeLeg] = []
        self._forward_count = 0
        self._is_over = False
        self._last_status = UNREACHABLE_STATUS
        self.last_destination = ("", "")
        """Device name and digits of the destination that was tried last."""

    def follow(self, route: Route | Refusal) -> None:
        """Try a route from its first stage."""
        call = self._call
        if isinstance(route, Refusal):
            log.info("call_refused", call=call.number, dialled=call.dialled, status=route.status, why=route.why)
            call.refuse(route.status)
            return
        call.is_emergency = call.is_emergency or route.is_emergency
        self._stages = deque(route.stages)
        log.info(
            "call_routed",
            call=call.number,
            caller=call.caller.device_name,
            dialled=call.dialled,
            pattern=route.pattern,
            is_emergency=call.is_emergency,
        )
        self._next_stage()

    def stop(self, keep: CalleeLeg | None = None) -> None:
        """The search is over: cancel everybody who still rings, but `keep`."""
        self._is_over = True
        self._control.timers.cancel(self)
        self._cancel_ringing(keep)

    # -- stages -----------------------------------------------------------------------------------------------

    def _next_stage(self) -> None:
        while self._stages and not self._is_over:
            stage = self._stage = self._stages.popleft()
            self._last_status = UNREACHABLE_STATUS
            self._ring(stage)
            if self._ringing:
                self._control.timers.set(self, self._ring_until(stage))
                return
        if not self._is_over:
            self._call.refuse(self._last_status)

    def _ring(self, stage: Stage) -> None:
        call = self._call
        for destination in stage.destinations:
            self.last_destination = (destination.device_name, destination.called_number)
            leg = CalleeLeg(self._control.node_for(destination, call.node), destination)
            call.adopt(leg)
            try:
                leg.invite(
                    call.offer if destination.is_early_offer else None,
                    on_response=partial(self._heard, leg),
                    on_failure=partial(self._unreachable, leg),
                )
            except TransportError as error:
                log.info("call_destination_unreachable", call=call.number, reason=str(error))
                continue
            self._ringing.append(leg)
            call.occupy(leg)

    def _ring_until(self, stage: Stage) -> float:
        """Wire time at which the stage ends, or at which the caller's own Expires does."""
        return min(self._control.timers.now() + (stage.ring_time_s or INVITE_EXPIRES_S), self._expires_at)

    def deadline_reached(self, now: float) -> None:
        """Nobody has answered for as long as this stage may ring, or as the caller wants to wait."""
        if now >= self._expires_at:
            self._call.refuse(487)
            return
        self._cancel_ringing()
        stage = self._stage
        if stage is not None and stage.on_no_answer:
            self._forward(stage.on_no_answer, stage.forward_partitions)
        else:
            self._last_status = NO_ANSWER_STATUS
            self._next_stage()

    def _forward(self, number: str, partitions: tuple[str, ...]) -> None:
        self._forward_count += 1
        if self._forward_count > MAX_FORWARDS_OF_CALL:
            self._call.refuse(482)
            return
        self.follow(self._control.routes.find(self._call.caller, number, partitions=partitions))

    def _cancel_ringing(self, keep: CalleeLeg | None = None) -> None:
        ringing, self._ringing = self._ringing, []
        for leg in ringing:
            if leg is not keep:
                leg.cancel()
                self._call.release(leg)

    # -- answers ----------------------------------------------------------------------------------------------

    def _heard(self, leg: CalleeLeg, response: sip.SipResponse, _flow: Flow) -> None:
        try:
            if response.status < 200:
                self._progressed(leg, response)
            elif response.status < 300:
                self._answered(leg, response)
            else:
                self._refused(leg, response.status)
        except SipInvalid as error:
            log.info("call_answer_unusable", call=self._call.number, device=leg.device_name, why=error.reason)
            self._refused(leg, 500)

    def _unreachable(self, leg: CalleeLeg, reason: str) -> None:
        log.info("call_destination_silent", call=self._call.number, device=leg.device_name, reason=reason)
        self._refused(leg, 408 if reason == "timeout" else 503)

    def _progressed(self, leg: CalleeLeg, response: sip.SipResponse) -> None:
        leg.note_response(response)
        if response.status > 100 and leg in self._ringing:
            self._call.progressed(leg, response.status)

    def _answered(self, leg: CalleeLeg, response: sip.SipResponse) -> None:
        if leg is self._call.callee:
            leg.end_fork(response)  # or a repetition, while the caller's ACK is awaited
            return
        leg.confirm(response)
        if leg in self._ringing:
            self.stop(keep=leg)
            self._call.answered(leg, response)
        else:
            leg.hang_up_late_answer()

    def _refused(self, leg: CalleeLeg, status: int) -> None:
        if leg not in self._ringing:
            return
        self._ringing.remove(leg)
        self._call.release(leg)
        # Of several phones on one line a busy one speaks for all; else whoever came last.
        self._last_status = status if self._last_status not in BUSY_STATUSES else self._last_status
        if self._ringing:
            return
        self._control.timers.cancel(self)
        if not self._may_go_on(leg, status):
            self._call.refuse(self._last_status)
            return
        if status not in OUTAGE_STATUSES and self._stage is not None:
            group = self._stage.group
            self._stages = deque(stage for stage in self._stages if stage.group != group)
        self._next_stage()

    def _may_go_on(self, leg: CalleeLeg, status: int) -> bool:
        """Whether another route list member is tried after this refusal; an emergency call always goes on."""
        if self._call.is_emergency:
            return True
        if leg.destination.kind == "line":
            return False
        parameters = self._control.config.call_manager
        if status in UNALLOCATED_STATUSES:
            return not parameters.stop_routing_on_unallocated_number
        if status in BUSY_STATUSES:
            return not parameters.stop_routing_on_user_busy
        return True
