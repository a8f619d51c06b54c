"""The SIP transaction layer: bytes and time go in, requests and responses of transactions come out.

RFC 3261 sections 17 and 18 (matching, Via, response routing), RFC 6026, RFC 3581. One layer serves one node or phone
whatever number of flows it has; a driver in `net` owns the sockets.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from emcc_emu.errors import SipInvalid, SipUnparsable
from emcc_emu.protocol.sip_client_transactions import (
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from emcc_emu.protocol.sip_events import AckReceived, CancelReceived, Discarded, RequestReceived, SipEvent
from emcc_emu.protocol.sip_matching import accepted_key, client_key, invite_key, note_source, server_key
from emcc_emu.protocol.sip_requests import via_value
from emcc_emu.protocol.sip_server_transactions import (
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)
from emcc_emu.protocol.sip_timers import SipLimits, SipTimers
from emcc_emu.protocol.sip_transaction_base import State, Transaction, TransactionHost
from emcc_emu.wire.sip import (
    BRANCH_COOKIE,
    CUCM_POLICY,
    RequestPolicy,
    SipRequest,
    SipResponse,
    WrittenResponse,
    build_error_response,
    build_response,
    is_keepalive,
    parse_message,
    validate_request,
    validate_response,
)

if TYPE_CHECKING:
    import random

    from emcc_emu.protocol.sip_events import FailureReason
    from emcc_emu.protocol.sip_flow import Address, Flow

__all__ = ["SipCounters", "TransactionLayer", "random_branch"]

_DEFAULT_TIMERS: Final = SipTimers()
_DEFAULT_LIMITS: Final = SipLimits()


def random_branch(rng: random.Random) -> str:
    """A Via branch that nobody else has."""
    return f"{BRANCH_COOKIE}{rng.getrandbits(64):016x}"


@dataclasses.dataclass(slots=True)
class SipCounters:
    """What one layer has seen since it was made."""

    requests: int = 0
    """New requests of peers (copies, ACK and CANCEL not counted)."""
    repeated: int = 0
    """Copies of requests that were absorbed or answered from memory."""
    responses: int = 0
    """Responses that belong to a request of ours."""
    invalid: int = 0
    """Requests refused for breaking a rule of RFC 3261."""
    discarded: int = 0
    """Messages dropped without an answer."""
    overloaded: int = 0
    """Requests answered 503 because too many wait for an answer."""
    forgotten: int = 0
    """Answered requests forgotten before timer J because too many were kept."""


class TransactionLayer(TransactionHost):
    """All SIP transactions of one node, gateway or phone.

    The peer of this machine is a `Flow`. Feed it with `receive`, `handle_deadline` and `connection_lost`; after each
    of these, and after each call that sends, take `take_outgoing` and `take_events`, and wake it at `next_deadline`.

    Args:
        rng: Source of branches and tags.
        timers: Default of every transaction.
        limits: How many transactions may live at once.
        policy: Methods, options and bodies that are let through; other requests get their 4xx or 5xx here.
        make_branch: Makes the Via branch of a request that has none; None for `random_branch`.
        make_tag: Makes the To tag of a transaction whose user gives none; None for ten decimal digits.
    """

    __slots__ = (
        "_accepted",
        "_by_connection",
        "_clients",
        "_limits",
        "_make_branch",
        "_make_tag",
        "_merged",
        "_open_count",
        "_policy",
        "_replayable",
        "_rng",
        "_servers",
        "counters",
        "timers",
    )

    def __init__(
        self,
        rng: random.Random,
        *,
        timers: SipTimers = _DEFAULT_TIMERS,
        limits: SipLimits = _DEFAULT_LIMITS,
        policy: RequestPolicy = CUCM_POLICY,
        make_branch: Callable[[random.Random], str] | None = None,
        make_tag: Callable[[random.Random], str] | None = None,
    ) -> None:
        super().__init__()
        self._rng = rng
        self.timers = timers
        self._limits = limits
        self._policy = policy
        self._make_branch = make_branch or random_branch
        self._make_tag = make_tag or _random_tag
        self._clients: dict[str, ClientTransaction] = {}
        self._servers: dict[str, ServerTransaction] = {}
        self._accepted: dict[tuple[object, ...], InviteServerTransaction] = {}
        self._merged: dict[str, ServerTransaction] = {}
        self._by_connection: dict[int, set[ClientTransaction]] = {}
        self._replayable: deque[ServerTransaction] | None = None  # made late: phones never need its 600 bytes
        self._open_count = 0
        self.counters = SipCounters()

    # -- the five verbs ------------------------------------------------------------------------------------------

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        """One datagram, or one framed message of a stream, has arrived over `flow`."""
        try:
            message = parse_message(data)
        except SipUnparsable as error:
            if flow.is_reliable or not is_keepalive(data):
                self._discard(str(error), data, flow)
            return
        if isinstance(message, SipResponse):
            self._receive_response(message, data, flow, now)
        else:
            self._receive_request(message, data, flow, now)

    def connection_lost(self, flow: Flow, now: float, reason: FailureReason = "closed") -> None:
        """A stream is gone (or could not be opened): requests of ours that wait for a response on it fail."""
        for transaction in list(self._by_connection.get(flow.connection_id, ())):
            transaction.fail(self, reason)

    def handle_deadline(self, now: float) -> None:
        """Time has passed: run the timers that are due."""
        for transaction in self.deadlines.take_due(now):
            transaction.handle_deadline(self, now)
        if self._replayable:
            self._prune_replayable(self._replayable)

    def take_outgoing(self) -> list[tuple[bytes, Flow]]:
        """What is to be sent; a second call returns nothing."""
        outgoing, self.outgoing = self.outgoing, []
        return outgoing

    def take_events(self) -> list[SipEvent]:
        """What the transaction user should know; a second call returns nothing."""
        events, self.events = self.events, []
        return events

    def next_deadline(self) -> float:
        """When `handle_deadline` is to be called, `math.inf` for never."""
        return self.deadlines.next_deadline()

    # -- what the transaction user does ------------------------------------------------------------------------

    def send_request(
        self,
        request: SipRequest,
        flow: Flow,
        now: float,
        token: Any = None,
        *,
        sent_by: Address | None = None,
        timers: SipTimers | None = None,
        timeout_s: float | None = None,
    ) -> ClientTransaction:
        """Start a client transaction (any method but ACK); it gets a Via on top if it has none.

        Args:
            request: Owned by the transaction from here on.
            flow: Where to send.
            now: Monotonic seconds.
            token: Found again in `transaction.token` of the events.
            sent_by: Address of the Via; None for the local address of the flow.
            timers: Other durations than the layer's.
            timeout_s: Timer B or F; None for `timers.timeout_s`.
        """
        branch = self._add_via(request, flow, sent_by)
        durations = timers or self.timers
        key = client_key(branch, request.method)
        kind, state = (
            (InviteClientTransaction, State.CALLING)
            if request.method == "INVITE"
            else (NonInviteClientTransaction, State.TRYING)
        )
        wait_s = durations.timeout_s if timeout_s is None else timeout_s
        transaction = kind(key, request, flow, durations, state, token, wait_s)
        if len(self._clients) >= self._limits.max_client_transactions or key in self._clients:
            transaction.fail(self, "overload")
            return transaction
        self._clients[key] = transaction
        if flow.connection_id:
            self._by_connection.setdefault(flow.connection_id, set()).add(transaction)
        transaction.start(self, now)
        return transaction

    def respond(self, transaction: ServerTransaction, response: SipResponse | WrittenResponse, now: float) -> bool:
        """Answer a request; False when it has had a final response.

        A missing To tag is put in, except into a 100. What is written already has to have it: that of the transaction,
        when the request is an INVITE.
        """
        if isinstance(response, SipResponse) and response.status > 100:
            self._settle_tag(transaction, response)
        if not transaction.respond(self, response, now):
            return False
        if transaction.is_open and transaction.state > State.PROCEEDING:  # an answer over TCP has ended it already
            self._note_answered(transaction)
        return True

    def cancel(self, transaction: ClientTransaction, now: float) -> bool:
        """Cancel an INVITE of ours, now or after its first 1xx; False when its final response has come."""
        if not isinstance(transaction, InviteClientTransaction) or not transaction.is_pending:
            return False
        transaction.want_cancel()
        self._send_wanted_cancel(transaction, now)
        return True

    def acknowledge(
        self, ack: SipRequest, flow: Flow, transaction: ClientTransaction | None = None, sent_by: Address | None = None
    ) -> None:
        """Send the ACK of a 2xx; given the INVITE's transaction, also whenever that 2xx is repeated."""
        self._add_via(ack, flow, sent_by)
        if isinstance(transaction, InviteClientTransaction):
            transaction.acknowledge(self, ack, flow)
        else:
            self.outgoing.append((ack.encode(), flow))

    def fail(self, transaction: ClientTransaction, reason: FailureReason) -> None:
        """The driver could not send for this transaction."""
        transaction.fail(self, reason)

    @property
    def open_count(self) -> int:
        """Requests of peers that wait for our final response."""
        return self._open_count

    @property
    def transaction_count(self) -> int:
        """All transactions alive, both sides."""
        return len(self._clients) + len(self._servers)

    # -- requests -------------------------------------------------------------------------------------------------

    def _receive_request(self, request: SipRequest, data: bytes, flow: Flow, now: float) -> None:
        try:
            key = server_key(request)
        except SipInvalid as error:
            self._refuse_unmatchable(request, error, data, flow)
            return
        known = self._servers.get(key)
        if known is not None:
            self.counters.repeated += 1
            known.receive_repeat(self, request, flow, now)
        elif request.method == "ACK":
            self._receive_ack(request, data, flow, now)
        elif self._open_count >= self._limits.max_open_server_transactions:
            self._refuse_overload(request, flow)
        else:
            self._open(key, request, flow, now)

    def _open(self, key: str, request: SipRequest, flow: Flow, now: float) -> None:
        invalid: SipInvalid | None = None
        try:
            validate_request(request, stream=flow.transport != "udp", policy=self._policy)
        except SipInvalid as error:
            invalid = error
        transaction = self._make_server(key, request, note_source(request, flow), now)
        if invalid is not None:
            self.counters.invalid += 1
            self._refuse(transaction, request, invalid, now)
        elif request.method == "CANCEL":
            self._receive_cancel(transaction, key, request, flow, now)
        elif self._is_merged(transaction, request):
            self._refuse(transaction, request, SipInvalid("Loop Detected", status=482), now)
        else:
            self.counters.requests += 1
            self.events.append(RequestReceived(transaction, request, flow))

    def _make_server(self, key: str, request: SipRequest, flow: Flow, now: float) -> ServerTransaction:
        tag = self._make_tag(self._rng)
        transaction: ServerTransaction
        if request.method == "INVITE":
            transaction = InviteServerTransaction(key, request, flow, self.timers, tag)
            transaction.start(self, now)
        else:
            transaction = NonInviteServerTransaction(key, request.method, flow, self.timers, State.TRYING, tag)
            transaction.end_at = now + self.timers.timeout_s
            self.deadlines.set(transaction, transaction.end_at)
        self._servers[key] = transaction
        self._open_count += 1
        return transaction

    def _is_merged(self, transaction: ServerTransaction, request: SipRequest) -> bool:
        _, from_, to, call_id, cseq = request.echoed()
        if "tag=" in to.lower():  # cheap, and errs only for a To that is odd on purpose
            return False
        merge_key = f"{call_id} {cseq} {from_.rpartition('tag=')[2]}"  # RFC 3261 section 8.2.2.2
        if merge_key in self._merged:
            return True
        self._merged[merge_key] = transaction
        transaction.merge_key = merge_key
        return False

    def _receive_ack(self, request: SipRequest, data: bytes, flow: Flow, now: float) -> None:
        try:
            validate_request(request, stream=flow.transport != "udp", policy=self._policy)
        except SipUnparsable as error:
            self._discard(str(error), data, flow)
            return
        invite = self._accepted.get(accepted_key(request))
        if invite is not None and invite.local_tag == request.to.tag:
            invite.receive_ack(self, request, flow, now)
        else:
            self.events.append(AckReceived(request, flow, None))

    def _receive_cancel(
        self, transaction: ServerTransaction, key: str, request: SipRequest, flow: Flow, now: float
    ) -> None:
        invite = self._servers.get(invite_key(key))
        if not isinstance(invite, InviteServerTransaction):
            self._refuse(transaction, request, SipInvalid("Call/Transaction Does Not Exist", status=481), now)
            return
        self.respond(transaction, build_response(request, 200, to_tag=invite.local_tag), now)
        if not invite.is_answered:
            self.events.append(CancelReceived(invite, request, flow))

    def _refuse(self, transaction: ServerTransaction, request: SipRequest, error: SipInvalid, now: float) -> None:
        self.respond(transaction, build_error_response(request, error, to_tag=transaction.local_tag), now)

    def _refuse_unmatchable(self, request: SipRequest, error: SipInvalid, data: bytes, flow: Flow) -> None:
        """Without a usable Via there is nobody to answer; without the rest of an old peer's key, answer once."""
        try:
            reply_flow = note_source(request, flow)
        except SipInvalid:
            self._discard(error.reason, data, flow)
            return
        if request.method == "ACK":
            self._discard(error.reason, data, flow)
            return
        self.counters.invalid += 1
        response = build_error_response(request, error, to_tag=self._make_tag(self._rng))
        self.outgoing.append((response.encode(), reply_flow))

    def _refuse_overload(self, request: SipRequest, flow: Flow) -> None:
        self.counters.overloaded += 1
        reply_flow = note_source(request, flow)
        retry_after = (("Retry-After", str(self._limits.overload_retry_after_s)),)
        response = build_response(request, 503, to_tag=self._make_tag(self._rng), headers=retry_after)
        self.outgoing.append((response.encode(), reply_flow))

    def _settle_tag(self, transaction: ServerTransaction, response: SipResponse) -> None:
        value = response.headers.get("To")
        if value is None:
            return
        if "tag=" not in value.lower():
            response.headers.set("To", f"{value};tag={transaction.local_tag}")
        elif isinstance(transaction, InviteServerTransaction):
            with contextlib.suppress(SipInvalid):  # the broken To of a request that is being refused
                transaction.local_tag = response.to.tag or transaction.local_tag

    def _note_answered(self, transaction: ServerTransaction) -> None:
        transaction.is_open = False
        self._open_count -= 1
        if isinstance(transaction, InviteServerTransaction):
            if transaction.state is State.ACCEPTED:
                transaction.accepted_key = accepted_key(transaction.request)
                self._accepted[transaction.accepted_key] = transaction
            return
        if self._replayable is None:
            self._replayable = deque()
        self._replayable.append(transaction)
        self._prune_replayable(self._replayable)

    def _prune_replayable(self, replayable: deque[ServerTransaction]) -> None:
        while replayable and replayable[0].state is State.TERMINATED:
            replayable.popleft()
        if len(replayable) > self._limits.max_replayable_transactions:
            self.counters.forgotten += 1
            replayable.popleft().terminate(self)

    # -- responses ------------------------------------------------------------------------------------------------

    def _receive_response(self, response: SipResponse, data: bytes, flow: Flow, now: float) -> None:
        try:
            validate_response(response)
        except SipUnparsable as error:
            self._discard(str(error), data, flow)
            return
        cseq = response.cseq
        transaction = self._clients.get(client_key(response.via.branch, cseq.method))
        if transaction is None or cseq.number != transaction.request.cseq.number:
            self._discard("response to no request of ours", data, flow, is_malformed=False)
            return
        self.counters.responses += 1
        transaction.receive_response(self, response, flow, now)
        if isinstance(transaction, InviteClientTransaction):
            self._send_wanted_cancel(transaction, now)

    def _send_wanted_cancel(self, transaction: InviteClientTransaction, now: float) -> None:
        cancel = transaction.take_cancel(self, now)
        if cancel is not None:
            self.send_request(cancel, transaction.flow, now, timers=transaction.timers)

    # -- bookkeeping ----------------------------------------------------------------------------------------------

    def forget(self, transaction: Transaction) -> None:
        if isinstance(transaction, ServerTransaction):
            self._forget_server(transaction)
        elif isinstance(transaction, ClientTransaction) and self._clients.get(transaction.key) is transaction:
            del self._clients[transaction.key]
            self._forget_connection(transaction)

    def _forget_server(self, transaction: ServerTransaction) -> None:
        del self._servers[transaction.key]
        if transaction.is_open:
            transaction.is_open = False
            self._open_count -= 1
        if transaction.merge_key is not None:
            del self._merged[transaction.merge_key]
        if isinstance(transaction, InviteServerTransaction) and transaction.accepted_key is not None:
            if self._accepted.get(transaction.accepted_key) is transaction:
                del self._accepted[transaction.accepted_key]

    def _forget_connection(self, transaction: ClientTransaction) -> None:
        waiting = self._by_connection.get(transaction.flow.connection_id)
        if waiting is not None:
            waiting.discard(transaction)
            if not waiting:
                del self._by_connection[transaction.flow.connection_id]

    def _add_via(self, request: SipRequest, flow: Flow, sent_by: Address | None) -> str | None:
        """Put a Via on top, unless there is one; its branch."""
        if "Via" in request.headers:
            return request.via.branch
        branch = self._make_branch(self._rng)
        request.headers.prepend("Via", via_value(flow.transport, sent_by or flow.local, branch))
        return branch

    def _discard(self, reason: str, data: bytes, flow: Flow, is_malformed: bool = True) -> None:
        self.counters.discarded += 1
        self.events.append(Discarded(reason, data, flow, is_malformed))


def _random_tag(rng: random.Random) -> str:
    return str(rng.getrandbits(32))
