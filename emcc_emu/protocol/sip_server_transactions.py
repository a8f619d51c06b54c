"""Server transactions: how a request of a peer is answered, RFC 3261 section 17.2 with RFC 6026."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from emcc_emu.protocol.deadlines import NO_TICK
from emcc_emu.protocol.sip_events import AckMissing, AckReceived
from emcc_emu.protocol.sip_transaction_base import Input, State, Table, Transaction, TransactionHost, classify
from emcc_emu.wire.sip import build_response

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_flow import Flow
    from emcc_emu.protocol.sip_timers import SipTimers
    from emcc_emu.wire.sip import SipRequest, SipResponse, WrittenResponse

__all__ = [
    "INVITE_SERVER",
    "NON_INVITE_SERVER",
    "TRYING_AFTER_S",
    "InviteServerTransaction",
    "NonInviteServerTransaction",
    "ServerTransaction",
]

TRYING_AFTER_S: Final = 0.2
"""An INVITE without any response for so long is answered 100, RFC 3261 section 17.2.1."""

NON_INVITE_SERVER: Final[Table] = {  # RFC 3261 section 17.2.2, figure 8
    (State.TRYING, Input.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Input.SUCCESS): State.COMPLETED,
    (State.TRYING, Input.FAILURE): State.COMPLETED,
    (State.TRYING, Input.EXPIRED): State.TERMINATED,  # not in the figure: the user never answered and nobody waits
    (State.PROCEEDING, Input.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Input.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Input.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Input.EXPIRED): State.TERMINATED,  # the same
    (State.COMPLETED, Input.EXPIRED): State.TERMINATED,  # timer J
}

INVITE_SERVER: Final[Table] = {  # RFC 3261 section 17.2.1, figure 7; Accepted: RFC 6026 section 7.1, figure 1
    (State.PROCEEDING, Input.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Input.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Input.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Input.EXPIRED): State.COMPLETED,  # not in the figure: the user never answered, so a 408 goes out
    (State.COMPLETED, Input.ACK): State.CONFIRMED,
    (State.COMPLETED, Input.EXPIRED): State.TERMINATED,  # timer H
    (State.CONFIRMED, Input.EXPIRED): State.TERMINATED,  # timer I
    (State.ACCEPTED, Input.ACK): State.ACCEPTED,  # the core, not the transaction, stops repeating the 2xx
    (State.ACCEPTED, Input.EXPIRED): State.TERMINATED,  # timer L
}


class ServerTransaction(Transaction):
    """A request of a peer and our answer to it.

    Args:
        local_tag: To tag for every response that the transaction user gives no other tag; stays the same.
    """

    __slots__ = ("is_open", "local_tag", "merge_key")

    local_tag: str

    is_open: bool
    """Whether the layer counts it among the requests that wait for an answer."""

    merge_key: str | None
    """What a copy of the request that came another way has in common with it; None when copies are not looked for."""

    def __init__(
        self,
        key: str,
        method: str,
        flow: Flow,
        timers: SipTimers,
        state: State,
        local_tag: str,
    ) -> None:
        # The fields of the base class are set here, not by its __init__: this runs for every request of every peer.
        self._tick = NO_TICK
        self.key = key
        self.method = method
        self.flow = flow
        self.timers = timers
        self.state = state
        self.sent = b""
        self.retransmit_at = self.end_at = math.inf
        self.interval_s = 0.0
        self.local_tag = local_tag
        self.is_open = True
        self.merge_key = None

    @property
    def is_answered(self) -> bool:
        """Whether a final response has been given."""
        return self.state > State.PROCEEDING

    def receive_repeat(self, host: TransactionHost, request: SipRequest, flow: Flow, now: float) -> None:
        """The request arrived again (or, for INVITE, its ACK did): replay the last response, if there is one."""
        if self.sent:
            host.outgoing.append((self.sent, self.flow))

    def respond(self, host: TransactionHost, response: SipResponse | WrittenResponse, now: float) -> bool:
        """Send a response; False, and nothing sent, when a final response has gone out before."""
        raise NotImplementedError


class NonInviteServerTransaction(ServerTransaction):
    """Any method but INVITE. The request is not kept: a busy server holds many answered ones, for replay only."""

    __slots__ = ()

    def respond(self, host: TransactionHost, response: SipResponse | WrittenResponse, now: float) -> bool:
        state = NON_INVITE_SERVER.get((self.state, classify(response.status)))
        if state is None:
            return False
        self.state = state
        self.sent = sent = response.encode()
        host.outgoing.append((sent, self.flow))
        if state is State.COMPLETED:
            if self.flow.transport == "udp":
                self.end_at = now + self.timers.timeout_s  # timer J
                host.deadlines.set(self, self.end_at)
            else:
                self.terminate(host)
        return True

    def expire(self, host: TransactionHost, now: float) -> None:
        self.terminate(host)


class InviteServerTransaction(ServerTransaction):
    """INVITE, up to its ACK.

    Repeating the 2xx until ACK belongs to the core (RFC 3261 section 13.3.1.4); it is done here, on every transport,
    because every core would do the same.
    """

    __slots__ = ("_awaits_ack", "_status", "accepted_key", "request")

    request: SipRequest
    """The INVITE."""

    accepted_key: tuple[object, ...] | None
    """What the layer finds this transaction by when the ACK of its 2xx comes; None before a 2xx."""

    def __init__(self, key: str, request: SipRequest, flow: Flow, timers: SipTimers, local_tag: str) -> None:
        super().__init__(key, request.method, flow, timers, State.PROCEEDING, local_tag)
        self.request = request
        self.accepted_key = None
        self._status = 0
        self._awaits_ack = False

    @property
    def status(self) -> int:
        """Status of the last response sent, 0 before any."""
        return self._status

    def start(self, host: TransactionHost, now: float) -> None:
        """Arm the timer that answers 100 when the transaction user is slow, and the one that ends endless ringing."""
        self.end_at = now + self.timers.timer_c_s + self.timers.timeout_s
        self.retransmit_at = now + TRYING_AFTER_S
        self.rearm(host)

    def receive_repeat(self, host: TransactionHost, request: SipRequest, flow: Flow, now: float) -> None:
        if request.method == "ACK":
            self.receive_ack(host, request, flow, now)
        elif self.state in (State.PROCEEDING, State.COMPLETED):  # in Accepted the repeated INVITE is absorbed
            super().receive_repeat(host, request, flow, now)

    def receive_ack(self, host: TransactionHost, request: SipRequest, flow: Flow, now: float) -> None:
        """The ACK of our final response: absorbed after a refusal, reported once after a 2xx."""
        state = INVITE_SERVER.get((self.state, Input.ACK))
        if state is None:
            return
        self.state = state
        self.retransmit_at = math.inf
        if state is State.CONFIRMED:
            self._confirm(host, now)
        elif self._awaits_ack:
            self._awaits_ack = False
            self.rearm(host)
            host.events.append(AckReceived(request, flow, self))

    def respond(self, host: TransactionHost, response: SipResponse | WrittenResponse, now: float) -> bool:
        state = INVITE_SERVER.get((self.state, classify(response.status)))
        if state is None:
            return False
        self.state = state
        self._status = response.status
        self.sent = response.encode()
        host.outgoing.append((self.sent, self.flow))
        if state is State.PROCEEDING:
            self.retransmit_at = math.inf
            self.end_at = now + self.timers.timer_c_s + self.timers.timeout_s
        else:
            self._await_ack(now)
        self.rearm(host)
        return True

    def handle_deadline(self, host: TransactionHost, now: float) -> None:
        if self.state is State.PROCEEDING and self.retransmit_at <= now < self.end_at:
            self.respond(host, build_response(self.request, 100), now)
        else:
            super().handle_deadline(host, now)

    def expire(self, host: TransactionHost, now: float) -> None:
        if INVITE_SERVER[self.state, Input.EXPIRED] is not State.TERMINATED:
            self.respond(host, build_response(self.request, 408, to_tag=self.local_tag), now)
            return
        if self._awaits_ack:
            host.events.append(AckMissing(self, self._status))
        self.terminate(host)

    def _await_ack(self, now: float) -> None:
        self._awaits_ack = True
        self.end_at = now + self.timers.timeout_s  # timer H or L
        if self.state is State.ACCEPTED or self.flow.transport == "udp":
            self.start_retransmitting(now)  # timer G
        else:
            self.retransmit_at = math.inf

    def _confirm(self, host: TransactionHost, now: float) -> None:
        self._awaits_ack = False
        if self.flow.transport == "udp":
            self.end_at = now + self.timers.t4_s  # timer I
            self.rearm(host)
        else:
            self.terminate(host)
