"""Client transactions, row by row against figures 5 and 6 of RFC 3261 and figure 2 of RFC 6026."""

import math

import pytest

from emcc_emu.protocol.sip_client_transactions import (
    INVITE_CLIENT,
    MAX_FORKS,
    NON_INVITE_CLIENT,
    ClientTransaction,
    InviteClientTransaction,
    NonInviteClientTransaction,
)
from emcc_emu.protocol.sip_events import ResponseReceived, TimedOut, TransportFailed
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.protocol.sip_transaction_base import Input, State, TransactionHost
from emcc_emu.wire.sip import SipRequest, build_response

UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.2", 5060))
TCP = Flow("tcp", ("192.0.2.1", 40000), ("192.0.2.2", 5060), 1)
TIMERS = SipTimers()


class Host(TransactionHost):
    def __init__(self):
        super().__init__()
        self.forgotten = []

    def forget(self, transaction):
        self.forgotten.append(transaction)

    def run_until(self, now):
        """Fire timers in order; return (time, method) of what was sent."""
        sent = []
        while (due := self.deadlines.next_deadline()) <= now:
            for transaction in self.deadlines.take_due(due):
                transaction.handle_deadline(self, due)
            sent += [(due, data.split(b" ")[0].decode()) for data, _ in self.outgoing]
            self.outgoing.clear()
        return sent


def request(method):
    return SipRequest(
        method,
        "sip:bob@example.test",
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1"),
            ("From", "<sip:a@example.test>;tag=1"),
            ("To", "<sip:b@example.test>"),
            ("Call-ID", "c"),
            ("CSeq", f"1 {method}"),
            ("Max-Forwards", "70"),
            ("Route", "<sip:proxy.example.test;lr>"),
        ],
    )


def start(method, flow=UDP, timeout_s=32.0):
    host = Host()
    kind, state = (
        (InviteClientTransaction, State.CALLING) if method == "INVITE" else (NonInviteClientTransaction, State.TRYING)
    )
    transaction = kind(f"z9hG4bK1 {method}", request(method), flow, TIMERS, state, "token", timeout_s)
    transaction.start(host, 0.0)
    assert host.outgoing == [(transaction.request.encode(), flow)]
    host.outgoing.clear()
    return host, transaction


def hear(host, transaction, status, now, tag="2"):
    response = build_response(transaction.request, status, to_tag=tag)
    transaction.receive_response(host, response, transaction.flow, now)
    return response


STATUS = {Input.PROVISIONAL: 180, Input.SUCCESS: 200, Input.FAILURE: 404}
REACH = {State.CALLING: [], State.TRYING: [], State.PROCEEDING: [100], State.COMPLETED: [486], State.ACCEPTED: [200]}
INPUTS = [Input.PROVISIONAL, Input.SUCCESS, Input.FAILURE, Input.EXPIRED]


@pytest.mark.parametrize("what", INPUTS)
@pytest.mark.parametrize(
    ("method", "table", "state"),
    [
        *(("INVITE", INVITE_CLIENT, s) for s in (State.CALLING, State.PROCEEDING, State.COMPLETED, State.ACCEPTED)),
        *(("OPTIONS", NON_INVITE_CLIENT, s) for s in (State.TRYING, State.PROCEEDING, State.COMPLETED)),
    ],
)
def test_every_state_and_input_follows_the_figures(method, table, state, what):
    host, transaction = start(method)
    for status in REACH[state]:
        hear(host, transaction, status, 0.0)
    assert transaction.state is state
    if what is Input.EXPIRED:
        transaction.handle_deadline(host, math.inf)
    else:
        hear(host, transaction, STATUS[what], 1.0)
    assert transaction.state is table.get((state, what), state)


def test_timer_e_doubles_up_to_t2_and_timer_f_ends_it():
    host, transaction = start("OPTIONS")
    times = [time for time, _ in host.run_until(100.0)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert host.events == [TimedOut(transaction)]
    assert transaction.is_finished
    assert host.forgotten == [transaction]


def test_a_provisional_response_slows_timer_e_to_t2():
    host, transaction = start("OPTIONS")
    hear(host, transaction, 100, 0.25)
    assert [time for time, _ in host.run_until(10.0)] == [0.5, 4.5, 8.5]


def test_timer_a_doubles_without_a_cap():
    host, transaction = start("INVITE")
    assert [time for time, _ in host.run_until(100.0)] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert host.events == [TimedOut(transaction)]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_over_tcp_nothing_is_repeated_but_the_time_out_is_the_same(method):
    host, transaction = start(method, TCP)
    assert host.run_until(31.9) == []
    assert transaction.is_pending
    host.run_until(32.0)
    assert host.events == [TimedOut(transaction)]


def test_the_time_out_can_be_chosen():
    host, transaction = start("OPTIONS", timeout_s=19.5)
    assert [time for time, _ in host.run_until(100.0)] == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5]
    assert transaction.is_finished


def test_a_final_response_is_reported_once_and_its_copies_are_absorbed_for_timer_k():
    host, transaction = start("OPTIONS")
    response = hear(host, transaction, 200, 1.0)
    hear(host, transaction, 200, 1.5)
    assert host.events == [ResponseReceived(transaction, response, UDP)]
    assert host.run_until(5.9) == []
    assert not transaction.is_finished
    host.run_until(6.0)
    assert transaction.is_finished


def test_over_tcp_a_final_response_ends_it_at_once():
    host, transaction = start("OPTIONS", TCP)
    hear(host, transaction, 200, 1.0)
    assert transaction.is_finished
    assert transaction.branch == "z9hG4bK1"


def test_each_copy_of_a_refusal_is_acknowledged_within_the_transaction():
    host, transaction = start("INVITE")
    hear(host, transaction, 486, 1.0)
    hear(host, transaction, 486, 1.5)
    (ack, flow), repeated = host.outgoing
    assert repeated == (ack, flow)
    assert flow == UDP
    assert ack == (
        b"ACK sip:bob@example.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
        b"From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>;tag=2\r\nCall-ID: c\r\nCSeq: 1 ACK\r\n"
        b"Max-Forwards: 70\r\nRoute: <sip:proxy.example.test;lr>\r\nContent-Length: 0\r\n\r\n"
    )
    assert len(host.events) == 1
    host.run_until(33.0)
    assert transaction.is_finished


def test_over_tcp_a_refusal_ends_it_at_once():
    host, transaction = start("INVITE", TCP)
    hear(host, transaction, 486, 1.0)
    assert len(host.outgoing) == 1
    assert transaction.is_finished


def test_copies_of_an_acknowledged_2xx_are_acknowledged_again_and_not_reported():
    host, transaction = start("INVITE")
    hear(host, transaction, 200, 1.0)
    hear(host, transaction, 200, 1.25)
    assert len(host.events) == 2
    ack = request("ACK")
    ack.set("To", "<sip:b@example.test>;tag=2")
    transaction.acknowledge(host, ack, UDP)
    hear(host, transaction, 200, 1.5)
    assert host.outgoing == [(ack.encode(), UDP)] * 2
    assert len(host.events) == 2
    hear(host, transaction, 200, 2.0, tag="another fork")
    assert len(host.events) == 3
    host.run_until(33.0)
    assert transaction.is_finished


def test_acks_of_endless_forks_are_sent_but_not_kept():
    host, transaction = start("INVITE")
    hear(host, transaction, 200, 1.0)
    for fork in range(MAX_FORKS + 1):
        ack = request("ACK")
        ack.set("To", f"<sip:b@example.test>;tag={fork}")
        transaction.acknowledge(host, ack, UDP)
    host.events.clear()
    hear(host, transaction, 200, 1.0, tag="0")
    assert host.events == []
    hear(host, transaction, 200, 1.0, tag=str(MAX_FORKS))
    assert len(host.events) == 1


def test_ringing_stops_repetition_and_each_1xx_restarts_timer_c():
    host, transaction = start("INVITE")
    hear(host, transaction, 180, 1.0)
    hear(host, transaction, 180, 150.0)
    assert host.run_until(349.0) == []
    host.run_until(350.0)
    assert host.events[-1] == TimedOut(transaction)


def test_cancel_waits_for_a_provisional_response_and_then_for_the_end():
    host, transaction = start("INVITE")
    assert transaction.take_cancel(host, 0.0) is None
    transaction.want_cancel()
    assert transaction.is_cancelled
    assert transaction.take_cancel(host, 0.1) is None
    hear(host, transaction, 100, 1.0)
    cancel = transaction.take_cancel(host, 1.0)
    assert cancel is not None
    assert (cancel.method, cancel.get("Via"), cancel.get("CSeq")) == (
        "CANCEL",
        transaction.request.get("Via"),
        "1 CANCEL",
    )
    assert transaction.take_cancel(host, 1.0) is None
    hear(host, transaction, 180, 20.0)
    host.run_until(33.0)
    assert host.events[-1] == TimedOut(transaction)


def test_a_failed_transport_is_reported_while_the_final_response_is_missing():
    host, transaction = start("OPTIONS", TCP)
    transaction.fail(host, "closed")
    transaction.fail(host, "closed")
    assert host.events == [TransportFailed(transaction, "closed")]
    assert host.forgotten == [transaction]


def test_a_failed_transport_after_the_response_is_no_news():
    host, transaction = start("INVITE", TCP)
    hear(host, transaction, 200, 1.0)
    transaction.fail(host, "closed")
    assert len(host.events) == 1


def test_what_a_response_does_depends_on_the_kind():
    transaction = ClientTransaction("b OPTIONS", request("OPTIONS"), UDP, TIMERS, State.TRYING, None, 32.0)
    with pytest.raises(NotImplementedError):
        hear(Host(), transaction, 200, 0.0)
