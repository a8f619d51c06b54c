"""Client transactions: how a request of ours gets its response, RFC 3261 section 17.1 with RFC 6026."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from emcc_emu.protocol.sip_events import FailureReason, ResponseReceived, TimedOut, TransportFailed
from emcc_emu.protocol.sip_requests import ack_of_refusal, cancel_of
from emcc_emu.protocol.sip_transaction_base import Input, State, Table, Transaction, TransactionHost, classify

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_flow import Flow
    from emcc_emu.protocol.sip_timers import SipTimers
    from emcc_emu.wire.sip import SipRequest, SipResponse

__all__ = [
    "INVITE_CLIENT",
    "MAX_FORKS",
    "NON_INVITE_CLIENT",
    "ClientTransaction",
    "InviteClientTransaction",
    "NonInviteClientTransaction",
]

MAX_FORKS: Final = 16
"""Different To tags whose 2xx one INVITE may bring and have acknowledged again by itself."""

NON_INVITE_CLIENT: Final[Table] = {  # RFC 3261 section 17.1.2, figure 6
    (State.TRYING, Input.PROVISIONAL): State.PROCEEDING,
    (State.TRYING, Input.SUCCESS): State.COMPLETED,
    (State.TRYING, Input.FAILURE): State.COMPLETED,
    (State.TRYING, Input.EXPIRED): State.TERMINATED,  # timer F
    (State.PROCEEDING, Input.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Input.SUCCESS): State.COMPLETED,
    (State.PROCEEDING, Input.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Input.EXPIRED): State.TERMINATED,  # timer F
    (State.COMPLETED, Input.EXPIRED): State.TERMINATED,  # timer K
}

INVITE_CLIENT: Final[Table] = {  # RFC 3261 section 17.1.1, figure 5; Accepted: RFC 6026 section 7.2, figure 2
    (State.CALLING, Input.PROVISIONAL): State.PROCEEDING,
    (State.CALLING, Input.SUCCESS): State.ACCEPTED,
    (State.CALLING, Input.FAILURE): State.COMPLETED,
    (State.CALLING, Input.EXPIRED): State.TERMINATED,  # timer B
    (State.PROCEEDING, Input.PROVISIONAL): State.PROCEEDING,
    (State.PROCEEDING, Input.SUCCESS): State.ACCEPTED,
    (State.PROCEEDING, Input.FAILURE): State.COMPLETED,
    (State.PROCEEDING, Input.EXPIRED): State.TERMINATED,  # timer C, or no final response after CANCEL
    (State.COMPLETED, Input.FAILURE): State.COMPLETED,  # acknowledged again
    (State.COMPLETED, Input.EXPIRED): State.TERMINATED,  # timer D
    (State.ACCEPTED, Input.SUCCESS): State.ACCEPTED,  # repeated, or of another fork
    (State.ACCEPTED, Input.EXPIRED): State.TERMINATED,  # timer M
}


class ClientTransaction(Transaction):
    """A request of ours and what became of it.

    Args:
        request: Complete, with the Via of this transaction on top.
        token: Anything the transaction user wants to find again in the events.
        timeout_s: Timer B or F, seconds.
    """

    __slots__ = ("request", "timeout_s", "token")

    request: SipRequest
    token: Any

    def __init__(
        self,
        key: str,
        request: SipRequest,
        flow: Flow,
        timers: SipTimers,
        state: State,
        token: Any,
        timeout_s: float,
    ) -> None:
        super().__init__(key, request.method, flow, timers, state)
        self.request = request
        self.token = token
        self.timeout_s = timeout_s

    @property
    def branch(self) -> str:
        """The Via branch that names this transaction."""
        return self.key.partition(" ")[0]

    @property
    def is_pending(self) -> bool:
        """Whether the final response is still to come."""
        return self.state in (State.CALLING, State.TRYING, State.PROCEEDING)

    def start(self, host: TransactionHost, now: float) -> None:
        """Send the request and arm the timers A and B, or E and F."""
        self.sent = self.request.encode()
        host.outgoing.append((self.sent, self.flow))
        self.end_at = now + self.timeout_s
        if self.flow.transport == "udp":
            self.start_retransmitting(now)
        self.rearm(host)

    def fail(self, host: TransactionHost, reason: FailureReason) -> None:
        """The transport cannot carry this transaction (any more); reported if the final response is still missing."""
        if self.is_pending:
            host.events.append(TransportFailed(self, reason))
        self.terminate(host)

    def receive_response(self, host: TransactionHost, response: SipResponse, flow: Flow, now: float) -> None:
        """A response with our branch arrived."""
        raise NotImplementedError

    def expire(self, host: TransactionHost, now: float) -> None:
        if self.is_pending:
            host.events.append(TimedOut(self))
        self.terminate(host)

    def linger(self, host: TransactionHost, now: float, wait_s: float) -> None:
        """Absorb repeated responses for `wait_s`, or end at once when that is 0."""
        self.retransmit_at = math.inf
        if wait_s:
            self.end_at = now + wait_s
            self.rearm(host)
        else:
            self.terminate(host)


class NonInviteClientTransaction(ClientTransaction):
    """Any method but INVITE and ACK."""

    __slots__ = ()

    def receive_response(self, host: TransactionHost, response: SipResponse, flow: Flow, now: float) -> None:
        state = NON_INVITE_CLIENT.get((self.state, classify(response.status)))
        if state is None:
            return
        self.state = state
        host.events.append(ResponseReceived(self, response, flow))
        if state is State.COMPLETED:
            self.linger(host, now, self.timers.t4_s if self.flow.transport == "udp" else 0.0)  # timer K

    def next_interval_s(self) -> float:
        """Timer E: doubled up to T2 while Trying, T2 while Proceeding."""
        return self.timers.t2_s if self.state is State.PROCEEDING else super().next_interval_s()


class InviteClientTransaction(ClientTransaction):
    """INVITE, with its CANCEL and the ACK that each final response needs."""

    __slots__ = ("_acks", "_is_cancel_wanted", "_is_cancelled")

    def __init__(
        self,
        key: str,
        request: SipRequest,
        flow: Flow,
        timers: SipTimers,
        state: State,
        token: Any,
        timeout_s: float,
    ) -> None:
        super().__init__(key, request, flow, timers, state, token, timeout_s)
        self._acks: dict[str | None, bytes] = {}
        self._is_cancel_wanted = False
        self._is_cancelled = False

    @property
    def is_cancelled(self) -> bool:
        """Whether CANCEL was asked for, sent or not."""
        return self._is_cancel_wanted

    def next_interval_s(self) -> float:
        """Timer A: doubled without a cap."""
        return self.interval_s * 2

    def receive_response(self, host: TransactionHost, response: SipResponse, flow: Flow, now: float) -> None:
        previous = self.state
        state = INVITE_CLIENT.get((previous, classify(response.status)))
        if state is None:
            return
        self.state = state
        if state is State.PROCEEDING:
            self._hear_provisional(host, response, flow, now)
        elif state is State.ACCEPTED:
            self._hear_success(host, response, flow, now, previous)
        else:
            self._hear_failure(host, response, flow, now, previous)

    def acknowledge(self, host: TransactionHost, ack: SipRequest, flow: Flow) -> None:
        """Send the ACK of a 2xx, and again whenever that 2xx is repeated."""
        encoded = ack.encode()
        host.outgoing.append((encoded, flow))
        if self.state is State.ACCEPTED and len(self._acks) < MAX_FORKS:
            self._acks[ack.to.tag] = encoded

    def want_cancel(self) -> None:
        """CANCEL as soon as a provisional response allows it (RFC 3261 section 9.1)."""
        self._is_cancel_wanted = True

    def take_cancel(self, host: TransactionHost, now: float) -> SipRequest | None:
        """The CANCEL to send now, once; from here on the final response is waited for no longer than 64*T1."""
        if not self._is_cancel_wanted or self._is_cancelled or self.state is not State.PROCEEDING:
            return None
        self._is_cancelled = True
        self.end_at = now + self.timers.timeout_s
        self.rearm(host)
        return cancel_of(self.request)

    def _hear_provisional(self, host: TransactionHost, response: SipResponse, flow: Flow, now: float) -> None:
        self.retransmit_at = math.inf
        if not self._is_cancelled:
            self.end_at = now + self.timers.timer_c_s
        self.rearm(host)
        host.events.append(ResponseReceived(self, response, flow))

    def _hear_success(
        self, host: TransactionHost, response: SipResponse, flow: Flow, now: float, previous: State
    ) -> None:
        ack = self._acks.get(response.to.tag)
        if ack is not None:
            host.outgoing.append((ack, flow))
            return
        host.events.append(ResponseReceived(self, response, flow))
        if previous is not State.ACCEPTED:
            self.linger(host, now, self.timers.timeout_s)  # timer M

    def _hear_failure(
        self, host: TransactionHost, response: SipResponse, flow: Flow, now: float, previous: State
    ) -> None:
        host.outgoing.append((ack_of_refusal(self.request, response).encode(), self.flow))
        if previous is State.COMPLETED:
            return
        host.events.append(ResponseReceived(self, response, flow))
        self.linger(host, now, self.timers.timer_d_s if self.flow.transport == "udp" else 0.0)
