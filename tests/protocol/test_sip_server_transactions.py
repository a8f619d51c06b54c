"""Server transactions, row by row against figures 7 and 8 of RFC 3261 and figure 1 of RFC 6026."""

import math

import pytest

from emcc_emu.protocol.sip_events import AckMissing, AckReceived
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import (
    INVITE_SERVER,
    NON_INVITE_SERVER,
    InviteServerTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.protocol.sip_transaction_base import Input, State, TransactionHost
from emcc_emu.wire.sip import SipRequest, build_response

UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
TCP = Flow("tcp", ("192.0.2.1", 5060), ("192.0.2.2", 40000), 1)
TIMERS = SipTimers()


class Host(TransactionHost):
    def __init__(self):
        super().__init__()
        self.forgotten = []

    def forget(self, transaction):
        self.forgotten.append(transaction)

    def run_until(self, now):
        """Fire timers in order; return (time, start of what was sent)."""
        sent = []
        while (due := self.deadlines.next_deadline()) <= now:
            for transaction in self.deadlines.take_due(due):
                transaction.handle_deadline(self, due)
            sent += [(due, data.split(b" ")[1]) for data, _ in self.outgoing]
            self.outgoing.clear()
        return sent


def request(method):
    return SipRequest(
        method,
        "sip:bob@example.test",
        [
            ("Via", "SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1"),
            ("From", "<sip:a@example.test>;tag=1"),
            ("To", "<sip:b@example.test>"),
            ("Call-ID", "c"),
            ("CSeq", f"1 {method}"),
        ],
    )


def start(method, flow=UDP):
    host = Host()
    if method == "INVITE":
        transaction = InviteServerTransaction("k", request("INVITE"), flow, TIMERS, "tag")
        transaction.start(host, 0.0)
    else:
        transaction = NonInviteServerTransaction("k", method, flow, TIMERS, State.TRYING, "tag")
        transaction.end_at = TIMERS.timeout_s
        host.deadlines.set(transaction, transaction.end_at)
    return host, transaction


def answer(host, transaction, status, now=0.0):
    return transaction.respond(host, build_response(request(transaction.method), status, to_tag="tag"), now)


REACH = {  # how to bring a transaction into a state
    State.TRYING: [],
    State.PROCEEDING: [180],
    State.ACCEPTED: [200],
    State.COMPLETED: [486],
    State.CONFIRMED: [486, "ACK"],
}
STATUS = {Input.PROVISIONAL: 183, Input.SUCCESS: 200, Input.FAILURE: 404}


def act(host, transaction, what, now):
    if what == "ACK":
        transaction.receive_repeat(host, request("ACK"), UDP, now)
    elif what is Input.ACK:
        act(host, transaction, "ACK", now)
    elif what is Input.EXPIRED:
        transaction.handle_deadline(host, math.inf)
    else:
        answer(host, transaction, STATUS.get(what, what), now)


@pytest.mark.parametrize("what", list(Input))
@pytest.mark.parametrize("state", [State.TRYING, State.PROCEEDING, State.COMPLETED])
def test_non_invite_follows_figure_8(state, what):
    if what is Input.ACK:
        return
    host, transaction = start("OPTIONS")
    for step in REACH[state]:
        act(host, transaction, step, 0.0)
    assert transaction.state is state
    act(host, transaction, what, 1.0)
    assert transaction.state is NON_INVITE_SERVER.get((state, what), state)


@pytest.mark.parametrize("what", list(Input))
@pytest.mark.parametrize("state", [State.PROCEEDING, State.COMPLETED, State.CONFIRMED, State.ACCEPTED])
def test_invite_follows_figure_7_and_rfc_6026(state, what):
    host, transaction = start("INVITE")
    for step in REACH[state]:
        act(host, transaction, step, 0.0)
    assert transaction.state is state
    act(host, transaction, what, 1.0)
    assert transaction.state is INVITE_SERVER.get((state, what), state)


def test_a_repeated_request_is_ignored_before_and_replayed_after_the_response():
    host, transaction = start("OPTIONS")
    transaction.receive_repeat(host, request("OPTIONS"), UDP, 0.1)
    assert host.outgoing == []
    answer(host, transaction, 200)
    (first,) = host.outgoing
    transaction.receive_repeat(host, request("OPTIONS"), UDP, 0.5)
    assert host.outgoing == [first, first]


def test_timer_j_ends_an_answered_request_after_32_s_over_udp():
    host, transaction = start("OPTIONS")
    answer(host, transaction, 200, now=1.0)
    assert transaction.is_answered
    assert host.deadlines.next_deadline() == 33.0
    host.run_until(33.0)
    assert transaction.is_finished
    assert host.forgotten == [transaction]
    transaction.handle_deadline(host, 99.0)
    assert host.forgotten == [transaction]


def test_over_tcp_an_answered_request_ends_at_once():
    host, transaction = start("OPTIONS", TCP)
    answer(host, transaction, 200)
    assert transaction.is_finished
    assert host.deadlines.next_deadline() == math.inf
    assert not answer(host, transaction, 200)


def test_a_request_that_the_user_never_answers_is_forgotten_in_silence():
    host, transaction = start("OPTIONS")
    assert host.run_until(40.0) == []
    assert transaction.is_finished


def test_an_invite_is_answered_100_after_200_ms():
    host, transaction = start("INVITE")
    assert host.run_until(10.0) == [(pytest.approx(0.2, abs=0.016), b"100")]
    assert transaction.status == 100
    assert not transaction.is_answered


def test_no_100_follows_a_quicker_180():
    host, transaction = start("INVITE")
    answer(host, transaction, 180, now=0.1)
    host.outgoing.clear()
    assert host.run_until(10.0) == []


def test_a_refusal_is_repeated_over_udp_until_timer_h():
    host, transaction = start("INVITE")
    answer(host, transaction, 486)
    host.outgoing.clear()
    assert [time for time, _ in host.run_until(100.0)] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert transaction.is_finished
    assert host.events == [AckMissing(transaction, 486)]


def test_a_refusal_is_sent_once_over_tcp_and_ends_with_its_ack():
    host, transaction = start("INVITE", TCP)
    answer(host, transaction, 486)
    assert len(host.outgoing) == 1
    act(host, transaction, "ACK", 1.0)
    assert transaction.is_finished
    assert host.events == []


def test_the_ack_of_a_refusal_is_absorbed_for_timer_i():
    host, transaction = start("INVITE")
    answer(host, transaction, 486)
    transaction.receive_repeat(host, request("INVITE"), UDP, 0.25)
    assert len(host.outgoing) == 2
    act(host, transaction, "ACK", 1.0)
    act(host, transaction, "ACK", 1.5)
    transaction.receive_repeat(host, request("INVITE"), UDP, 2.0)
    host.outgoing.clear()
    assert host.run_until(100.0) == []
    assert host.events == []
    assert transaction.is_finished


@pytest.mark.parametrize("flow", [UDP, TCP])
def test_a_2xx_is_repeated_on_every_transport_until_its_ack(flow):
    host, transaction = start("INVITE", flow)
    answer(host, transaction, 200)
    host.outgoing.clear()
    assert [time for time, _ in host.run_until(4.0)] == [0.5, 1.5, 3.5]
    ack = request("ACK")
    transaction.receive_ack(host, ack, flow, 4.0)
    transaction.receive_ack(host, ack, flow, 4.1)
    assert host.events == [AckReceived(ack, flow, transaction)]
    transaction.receive_repeat(host, request("INVITE"), flow, 5.0)
    assert host.run_until(31.9) == []
    assert not transaction.is_finished
    host.run_until(33.0)
    assert transaction.is_finished
    assert len(host.events) == 1


def test_a_2xx_without_ack_is_reported_at_timer_l():
    host, transaction = start("INVITE")
    answer(host, transaction, 200)
    host.run_until(32.0)
    assert host.events == [AckMissing(transaction, 200)]


def test_endless_ringing_ends_with_408():
    host, transaction = start("INVITE")
    answer(host, transaction, 180)
    host.outgoing.clear()
    sent = host.run_until(TIMERS.timer_c_s + TIMERS.timeout_s)
    assert [status for _, status in sent] == [b"408"]
    assert transaction.state is State.COMPLETED


def test_what_a_response_does_depends_on_the_kind():
    transaction = ServerTransaction("k", "OPTIONS", UDP, TIMERS, State.TRYING, "tag")
    with pytest.raises(NotImplementedError):
        answer(Host(), transaction, 200)
