"""What all four SIP transaction machines share: states, inputs, and the host that they act upon."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from emcc_emu.protocol.deadlines import Deadlines, Timed

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_events import SipEvent
    from emcc_emu.protocol.sip_flow import Flow
    from emcc_emu.protocol.sip_timers import SipTimers

__all__ = ["Input", "State", "Table", "Transaction", "TransactionHost", "classify"]


class State(enum.IntEnum):
    """The states of RFC 3261 figures 5 to 8, with Accepted from RFC 6026 figures 1 and 2."""

    CALLING = enum.auto()
    TRYING = enum.auto()
    PROCEEDING = enum.auto()
    COMPLETED = enum.auto()
    CONFIRMED = enum.auto()
    ACCEPTED = enum.auto()
    TERMINATED = enum.auto()


class Input(enum.IntEnum):
    """What can happen to a transaction: a message in its direction of interest, or a timer."""

    PROVISIONAL = enum.auto()
    """A 1xx response, received (client) or given by the transaction user (server)."""

    SUCCESS = enum.auto()
    """A 2xx response."""

    FAILURE = enum.auto()
    """A 300 to 699 response."""

    ACK = enum.auto()
    """The ACK of our response (server)."""

    EXPIRED = enum.auto()
    """The timer that ends the present state: B, C, D, F, H, I, J, K, L or M."""


Table = Mapping[tuple[State, Input], State]
"""Next state by state and input; an input that is missing for a state is ignored there."""


def classify(status: int) -> Input:
    """The input that a response with this status is."""
    if status < 200:
        return Input.PROVISIONAL
    return Input.SUCCESS if status < 300 else Input.FAILURE


class TransactionHost:
    """The side of the transaction layer that its transactions see: somewhere to send, to report and to wait."""

    __slots__ = ("deadlines", "events", "outgoing")

    def __init__(self) -> None:
        self.outgoing: list[tuple[bytes, Flow]] = []
        self.events: list[SipEvent] = []
        self.deadlines: Deadlines[Transaction] = Deadlines()

    def forget(self, transaction: Transaction) -> None:
        """Drop a transaction that has ended from every index."""
        raise NotImplementedError


class Transaction(Timed):
    """One SIP transaction: its state, its retransmission timer and the timer that ends the state."""

    __slots__ = ("end_at", "flow", "interval_s", "key", "method", "retransmit_at", "sent", "state", "timers")

    key: str
    """What messages of this transaction are matched by."""

    method: str
    """Method of the request."""

    flow: Flow
    """Where our messages of this transaction go."""

    sent: bytes
    """What is sent again: the request of a client, the last response of a server; empty for nothing yet."""

    def __init__(self, key: str, method: str, flow: Flow, timers: SipTimers, state: State) -> None:
        super().__init__()
        self.key = key
        self.method = method
        self.flow = flow
        self.timers = timers
        self.state = state
        self.sent = b""
        self.retransmit_at = math.inf
        self.end_at = math.inf
        self.interval_s = 0.0

    @property
    def is_finished(self) -> bool:
        """Whether the transaction has ended and absorbs nothing any more."""
        return self.state is State.TERMINATED

    def handle_deadline(self, host: TransactionHost, now: float) -> None:
        """React to the timer that is due: end the state, or send again and wait longer."""
        if self.state is State.TERMINATED:
            return
        if now >= self.end_at:
            self.expire(host, now)
        elif now >= self.retransmit_at:
            host.outgoing.append((self.sent, self.flow))
            self.interval_s = self.next_interval_s()
            self.retransmit_at = now + self.interval_s
            self.rearm(host)

    def next_interval_s(self) -> float:
        """The gap after the next retransmission: doubled, up to T2."""
        return min(self.interval_s * 2, self.timers.t2_s)

    def expire(self, host: TransactionHost, now: float) -> None:
        """The timer that ends the present state has fired."""
        raise NotImplementedError

    def rearm(self, host: TransactionHost) -> None:
        """Wait for whichever of both timers comes first."""
        host.deadlines.set(self, min(self.retransmit_at, self.end_at))

    def start_retransmitting(self, now: float) -> None:
        """Arm the retransmission timer (A, E or G) with T1."""
        self.interval_s = self.timers.t1_s
        self.retransmit_at = now + self.interval_s

    def terminate(self, host: TransactionHost) -> None:
        """End the transaction, whatever its state."""
        if self.state is not State.TERMINATED:
            self.state = State.TERMINATED
            host.deadlines.cancel(self)
            host.forget(self)
