"""The transaction layer: matching, refusals, bounds, and two ends over a link that loses, doubles and delays."""

import heapq
import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcc_emu.protocol.sip_events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    Discarded,
    RequestReceived,
    ResponseReceived,
    TimedOut,
    TransportFailed,
)
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_timers import SipLimits, SipTimers
from emcc_emu.protocol.sip_transactions import TransactionLayer
from emcc_emu.wire.sip import SipRequest, build_response, parse_message

PEER = ("192.0.2.2", 5060)
UDP = Flow("udp", ("192.0.2.1", 5060), PEER)
TCP = Flow("tcp", ("192.0.2.1", 5060), PEER, 7)


def make_layer(**options):
    return TransactionLayer(random.Random(1), **options)


def request(method="OPTIONS", branch="1", number=1, call_id="c", from_tag="1", to_tag=None, **headers):
    lines = {
        "Via": f"SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK{branch}",
        "From": f"<sip:a@example.test>;tag={from_tag}",
        "To": "<sip:b@example.test>" + (f";tag={to_tag}" if to_tag else ""),
        "Call-ID": call_id,
        "CSeq": f"{number} {method}",
        "Contact": "<sip:a@192.0.2.2>",
        "Max-Forwards": "70",
    }
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    return SipRequest(method, "sip:b@example.test", [(name, value) for name, value in lines.items() if value])


def receive(layer, message, flow=UDP, now=0.0):
    layer.receive(message if isinstance(message, bytes) else message.encode(), flow, now)
    return layer.take_events()


def statuses(layer):
    return [parse_message(data).status for data, _ in layer.take_outgoing()]


# -- requests of peers --------------------------------------------------------------------------------------------


def test_a_request_is_reported_once_and_its_response_replayed():
    layer = make_layer()
    (event,) = receive(layer, request())
    assert isinstance(event, RequestReceived)
    assert receive(layer, request()) == []
    assert layer.take_outgoing() == []
    assert layer.open_count == 1
    assert layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    assert not layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    assert layer.open_count == 0
    (first,) = layer.take_outgoing()
    assert receive(layer, request(), now=1.0) == []
    assert layer.take_outgoing() == [first]
    assert layer.counters.repeated == 2
    assert layer.counters.requests == 1


def test_over_tcp_an_answered_request_leaves_nothing_behind():
    layer = make_layer()
    (event,) = receive(layer, request(), TCP)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    assert (layer.open_count, layer.transaction_count) == (0, 0)
    assert layer.next_deadline() == math.inf


def test_after_timer_j_everything_is_forgotten():
    layer = make_layer()
    (event,) = receive(layer, request())
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    assert layer.next_deadline() == 32.0
    layer.handle_deadline(32.0)
    assert layer.transaction_count == 0
    assert layer.next_deadline() == math.inf
    assert len(receive(layer, request(), now=33.0)) == 1


def test_a_request_that_is_never_answered_is_no_longer_open_in_the_end():
    layer = make_layer()
    receive(layer, request())
    layer.handle_deadline(32.0)
    assert (layer.open_count, layer.transaction_count) == (0, 0)


@pytest.mark.parametrize("status", [180, 200])
def test_a_missing_to_tag_is_put_in_and_stays_the_same(status):
    layer = make_layer()
    (event,) = receive(layer, request("INVITE"))
    layer.respond(event.transaction, build_response(event.request, 180), 0.0)
    layer.respond(event.transaction, build_response(event.request, status), 0.0)
    tags = {parse_message(data).to.tag for data, _ in layer.take_outgoing()}
    assert tags == {event.transaction.local_tag}


def test_a_tag_that_the_user_chose_stays_and_100_gets_none():
    layer = make_layer()
    (event,) = receive(layer, request("INVITE"))
    layer.respond(event.transaction, build_response(event.request, 100), 0.0)
    layer.respond(event.transaction, build_response(event.request, 180, to_tag="mine"), 0.0)
    assert [parse_message(data).to.tag for data, _ in layer.take_outgoing()] == [None, "mine"]
    assert event.transaction.local_tag == "mine"


def test_a_response_without_to_is_sent_as_it_is():
    layer = make_layer()
    (event,) = receive(layer, request())
    response = build_response(event.request, 200)
    response.remove("To")
    assert layer.respond(event.transaction, response, 0.0)


def test_a_copy_that_came_another_way_is_482():
    layer = make_layer()
    receive(layer, request(branch="1"))
    assert receive(layer, request(branch="2")) == []
    assert statuses(layer) == [482]


@pytest.mark.parametrize("other", [{"from_tag": "2"}, {"call_id": "d"}, {"number": 2}, {"to_tag": "x"}])
def test_a_request_that_differs_is_no_copy(other):
    layer = make_layer()
    receive(layer, request(branch="1"))
    assert len(receive(layer, request(branch="2", **other))) == 1


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (request(CSeq="1 INVITE"), 400),
        (request(Require="nonsense"), 420),
        (SipRequest("OPTIONS", "nobodyKnows:x", request().headers), 416),
        (request(Via="SIP/2.0/UDP 192.0.2.2", CSeq="nonsense"), 400),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused_by_the_layer(message, status):
    layer = make_layer()
    assert receive(layer, message) == []
    assert statuses(layer) == [status]
    assert layer.counters.invalid == 1


@pytest.mark.parametrize(
    "message",
    [
        b"hello",
        request(Via=None),
        request(Via="nonsense"),
        request("ACK", Via="SIP/2.0/UDP 192.0.2.2", CSeq="nonsense"),
        request("ACK", CSeq="1 INVITE"),
        build_response(request(), 200),
        build_response(request(CSeq="1 X Y"), 200),
    ],
)
def test_what_nobody_could_be_answered_for_is_dropped(message):
    layer = make_layer()
    (event,) = receive(layer, message)
    assert isinstance(event, Discarded)
    assert layer.take_outgoing() == []
    assert layer.counters.discarded == 1


def test_a_request_whose_via_only_fails_the_strict_check_is_dropped_or_refused_but_never_reported():
    layer = make_layer()
    events = receive(layer, request(Via="SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1;;;=x"))
    assert not any(isinstance(event, RequestReceived) for event in events)


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\0", b"", b"jaK"])
def test_keepalives_are_no_news(data):
    layer = make_layer()
    assert receive(layer, data) == []
    assert layer.counters.discarded == 0


def test_too_many_open_requests_are_503_and_leave_nothing_behind():
    layer = make_layer(limits=SipLimits(max_open_server_transactions=1, overload_retry_after_s=9))
    receive(layer, request(branch="1"))
    assert receive(layer, request(branch="2", call_id="d")) == []
    ((data, flow),) = layer.take_outgoing()
    response = parse_message(data)
    assert (response.status, response.get("Retry-After"), flow) == (503, "9", UDP)
    assert response.to.tag is not None
    assert layer.transaction_count == 1


def test_an_overloaded_layer_drops_what_it_cannot_answer():
    layer = make_layer(limits=SipLimits(max_open_server_transactions=0))
    (event,) = receive(layer, request(Via="nonsense"))
    assert isinstance(event, Discarded)


def test_beyond_its_bound_the_oldest_answers_are_forgotten():
    layer = make_layer(limits=SipLimits(max_replayable_transactions=2))
    for branch in "123":
        (event,) = receive(layer, request(branch=branch, call_id=branch))
        layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    assert layer.counters.forgotten == 1
    assert layer.transaction_count == 2
    layer.handle_deadline(32.0)
    assert layer.transaction_count == 0


# -- INVITE, ACK, CANCEL --------------------------------------------------------------------------------------------


def invited(layer, **changes):
    (event,) = receive(layer, request("INVITE", **changes))
    return event


def test_the_ack_of_a_2xx_is_found_by_its_dialog():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    ack = request("ACK", branch="other", to_tag=event.transaction.local_tag)
    (acknowledged,) = receive(layer, ack)
    assert isinstance(acknowledged, AckReceived)
    assert acknowledged.transaction is event.transaction
    assert receive(layer, ack) == []
    layer.take_outgoing()
    layer.handle_deadline(1.0)
    assert layer.take_outgoing() == []


def test_an_ack_that_reuses_the_branch_counts_too():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    (acknowledged,) = receive(layer, request("ACK", to_tag=event.transaction.local_tag))
    assert acknowledged.transaction is event.transaction


def test_an_ack_for_nothing_is_reported_without_a_transaction():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    for stray in (request("ACK", branch="9", to_tag="other"), request("ACK", branch="8", to_tag="x", call_id="d")):
        (reported,) = receive(layer, stray)
        assert isinstance(reported, AckReceived)
        assert reported.transaction is None


def test_an_invite_without_ack_is_forgotten_after_timer_l():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    layer.handle_deadline(32.0)
    assert layer.take_events() == [AckMissing(event.transaction, 200)]
    assert layer.transaction_count == 0
    (reported,) = receive(layer, request("ACK", branch="9", to_tag=event.transaction.local_tag))
    assert reported.transaction is None


def test_of_two_invites_with_one_number_the_later_gets_the_ack():
    layer = make_layer()
    first, second = (invited(layer, branch=branch, to_tag="x") for branch in "ab")
    for event in (first, second):
        layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    (acknowledged,) = receive(layer, request("ACK", branch="c", to_tag="x"))
    assert acknowledged.transaction is second.transaction
    layer.handle_deadline(32.0)
    assert layer.transaction_count == 0


def test_cancel_is_answered_with_the_tag_of_the_invite_and_reported():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 180, to_tag="mine"), 0.0)
    layer.take_outgoing()
    (cancelled,) = receive(layer, request("CANCEL"))
    assert isinstance(cancelled, CancelReceived)
    assert cancelled.transaction is event.transaction
    ((data, _),) = layer.take_outgoing()
    assert (parse_message(data).status, parse_message(data).to.tag) == (200, "mine")
    assert layer.respond(event.transaction, build_response(event.transaction.request, 487), 0.0)


def test_cancel_after_the_answer_has_no_effect():
    layer = make_layer()
    event = invited(layer)
    layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    layer.take_outgoing()
    assert receive(layer, request("CANCEL")) == []
    assert statuses(layer) == [200]


def test_cancel_for_nothing_is_481():
    layer = make_layer()
    assert receive(layer, request("CANCEL")) == []
    assert statuses(layer) == [481]


# -- requests of ours -----------------------------------------------------------------------------------------------


def ours(method="OPTIONS", **headers):
    return request(method, Via=None, **headers)


def test_a_request_of_ours_gets_a_via_and_its_response_comes_back():
    layer = make_layer()
    transaction = layer.send_request(ours(), UDP, 0.0, token="token")
    ((data, flow),) = layer.take_outgoing()
    sent = parse_message(data)
    assert flow == UDP
    assert (sent.via.host, sent.via.port, sent.via.branch) == ("192.0.2.1", 5060, transaction.branch)
    response = build_response(sent, 200, to_tag="2")
    (event,) = receive(layer, response)
    assert isinstance(event, ResponseReceived)
    assert event.transaction.token == "token"
    assert layer.counters.responses == 1
    layer.handle_deadline(5.0)
    assert layer.transaction_count == 0


def test_via_names_what_it_is_told_and_a_present_one_is_kept():
    layer = make_layer(make_branch=lambda rng: "z9hG4bKabc", make_tag=lambda rng: "tag")
    layer.send_request(ours(), TCP, 0.0, sent_by=("198.51.100.1", 5060))
    layer.send_request(request(branch="kept"), TCP, 0.0)
    vias = [parse_message(data).get("Via") for data, _ in layer.take_outgoing()]
    assert vias == ["SIP/2.0/TCP 198.51.100.1:5060;branch=z9hG4bKabc", "SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKkept"]


def test_a_response_with_another_number_or_branch_is_a_stray():
    layer = make_layer()
    layer.send_request(request(branch="a", number=5), UDP, 0.0)
    for stray in (request(branch="a", number=6), request(branch="b", number=5)):
        (event,) = receive(layer, build_response(stray, 200, to_tag="2"))
        assert isinstance(event, Discarded)
        assert not event.is_malformed


def test_silence_times_out():
    layer = make_layer()
    transaction = layer.send_request(ours(), UDP, 0.0, timeout_s=2.0)
    layer.handle_deadline(0.5)
    assert len(layer.take_outgoing()) == 2
    layer.handle_deadline(2.0)
    assert layer.take_events() == [TimedOut(transaction)]


def test_a_lost_connection_fails_only_its_own_requests():
    layer = make_layer()
    first = layer.send_request(ours(), TCP, 0.0)
    second = layer.send_request(ours(), TCP, 0.0)
    other = layer.send_request(ours(), TCP._replace(connection_id=8), 0.0)
    receive(layer, build_response(parse_message(layer.take_outgoing()[1][0]), 200, to_tag="2"), TCP)
    layer.connection_lost(TCP, 1.0)
    assert layer.take_events() == [TransportFailed(first, "closed")]
    assert second.is_finished
    assert other.is_pending
    layer.fail(other, "unreachable")
    assert layer.take_events() == [TransportFailed(other, "unreachable")]
    assert layer.transaction_count == 0
    layer.connection_lost(TCP, 2.0)
    assert layer.take_events() == []


def test_requests_beyond_the_bound_and_doubled_branches_fail():
    layer = make_layer(limits=SipLimits(max_client_transactions=1))
    layer.send_request(request(branch="a"), UDP, 0.0)
    second = layer.send_request(ours(), UDP, 0.0)
    assert layer.take_events() == [TransportFailed(second, "overload")]
    roomy = make_layer()
    roomy.send_request(request(branch="a"), UDP, 0.0)
    double = roomy.send_request(request(branch="a"), UDP, 0.0)
    assert roomy.take_events() == [TransportFailed(double, "overload")]
    assert roomy.transaction_count == 1


def test_cancel_is_sent_after_the_first_provisional_response():
    layer = make_layer()
    transaction = layer.send_request(ours("INVITE"), UDP, 0.0)
    assert layer.cancel(transaction, 0.0)
    ((data, _),) = layer.take_outgoing()
    receive(layer, build_response(parse_message(data), 100))
    ((cancel, _),) = layer.take_outgoing()
    assert cancel.startswith(b"CANCEL sip:b@example.test SIP/2.0\r\n")
    assert receive(layer, build_response(parse_message(cancel), 200, to_tag="2"))[0].transaction.token is None
    receive(layer, build_response(parse_message(data), 487, to_tag="2"))
    assert not layer.cancel(transaction, 1.0)


def test_only_an_invite_can_be_cancelled():
    layer = make_layer()
    assert not layer.cancel(layer.send_request(ours(), UDP, 0.0), 0.0)


def test_the_ack_of_a_2xx_gets_a_via_of_its_own():
    layer = make_layer()
    transaction = layer.send_request(ours("INVITE"), UDP, 0.0)
    ((data, _),) = layer.take_outgoing()
    response = build_response(parse_message(data), 200, to_tag="2")
    receive(layer, response)
    layer.acknowledge(ours("ACK", to_tag="2"), UDP, transaction)
    ((ack, _),) = layer.take_outgoing()
    assert parse_message(ack).via.branch != transaction.branch
    assert receive(layer, response) == []
    assert layer.take_outgoing() == [(ack, UDP)]
    layer.acknowledge(ours("ACK", to_tag="3"), UDP)
    assert len(layer.take_outgoing()) == 1


# -- two ends over a bad link ----------------------------------------------------------------------------------------


class Link:
    """Two layers and a network between them that loses, doubles and delays, all by one seed."""

    def __init__(self, seed, loss, timers=None):
        self.rng = random.Random(seed)
        self.loss = loss
        self.now = 0.0
        self.order = itertools.count()
        self.flying = []
        flows = [Flow("udp", ("192.0.2.1", 5060), PEER), Flow("udp", PEER, ("192.0.2.1", 5060))]
        self.flows = flows
        options = {"timers": timers or SipTimers()}
        self.layers = [TransactionLayer(random.Random(seed + end), **options) for end in (0, 1)]
        self.users = [None, None]

    def collect(self):
        for end, layer in enumerate(self.layers):
            while True:
                for data, _ in layer.take_outgoing():
                    for _ in range(2 if self.rng.random() < 0.1 else 1):
                        if self.rng.random() >= self.loss:
                            arrival = self.now + self.rng.random() * 0.4
                            heapq.heappush(self.flying, (arrival, next(self.order), 1 - end, data))
                events = layer.take_events()
                if not events and not layer.outgoing:
                    break
                for event in events:
                    self.users[end](layer, event, self.now)

    def run(self):
        """Until nothing is in flight and no timer waits."""
        self.collect()
        while True:
            timer = min(layer.next_deadline() for layer in self.layers)
            arrival = self.flying[0][0] if self.flying else math.inf
            if (now := min(timer, arrival)) == math.inf:
                return
            self.now = max(self.now, now)
            if arrival <= timer:
                _, _, end, data = heapq.heappop(self.flying)
                self.layers[end].receive(data, self.flows[end], self.now)
            else:
                for layer in self.layers:
                    layer.handle_deadline(self.now)
            self.collect()


class Caller:
    def __init__(self):
        self.finals, self.ends, self.acked = [], [], 0

    def __call__(self, layer, event, now):
        if isinstance(event, ResponseReceived) and event.response.status >= 200:
            if event.transaction.method == "CANCEL":
                return
            self.finals.append(event.response.status)
            if event.transaction.method == "INVITE" and event.response.status < 300:
                layer.acknowledge(ours("ACK", to_tag=event.response.to.tag), event.flow, event.transaction)
        elif isinstance(event, TimedOut) and event.transaction.method != "CANCEL":
            self.ends.append(event)


class Callee:
    def __init__(self, script):
        self.script, self.requests, self.ends = script, 0, []

    def __call__(self, layer, event, now):
        if isinstance(event, RequestReceived):
            self.requests += 1
            for status in self.script:
                layer.respond(event.transaction, build_response(event.request, status), now)
        elif isinstance(event, CancelReceived):
            layer.respond(event.transaction, build_response(event.transaction.request, 487), now)
        elif isinstance(event, AckReceived | AckMissing):
            self.ends.append(event)


@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]),
    script=st.sampled_from([[], [180], [100, 180, 200], [200], [486], [180, 503]]),
    is_cancelled=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_every_invite_ends_on_both_sides_whatever_the_link_does(seed, loss, script, is_cancelled):
    link = Link(seed, loss)
    caller, callee = link.users = [Caller(), Callee(script)]
    transaction = link.layers[0].send_request(ours("INVITE"), link.flows[0], 0.0)
    if is_cancelled:
        link.layers[0].cancel(transaction, 0.0)
    link.run()
    assert transaction.is_finished
    assert [layer.transaction_count for layer in link.layers] == [0, 0]
    assert link.layers[1].open_count == 0
    assert callee.requests <= 1
    assert bool(caller.finals) != bool(caller.ends)
    assert len(callee.ends) <= 1
    assert link.now < 600
    if script and script[-1] == 200 and callee.requests:
        assert len(callee.ends) == 1


@given(seed=st.integers(0, 2**32), loss=st.sampled_from([0.0, 0.2, 0.5, 1.0]))
@settings(max_examples=100, deadline=None)
def test_every_other_request_is_handled_once_and_ends(seed, loss):
    link = Link(seed, loss)
    caller, callee = link.users = [Caller(), Callee([200])]
    for number in range(1, 6):
        link.layers[0].send_request(ours(number=number), link.flows[0], 0.0)
    link.run()
    assert len(caller.finals) + len(caller.ends) == 5
    assert callee.requests <= 5
    assert [layer.transaction_count for layer in link.layers] == [0, 0]
    if loss == 0.0:
        assert caller.finals == [200] * 5


def test_the_same_seed_gives_the_same_story():
    def story():
        link = Link(42, 0.4)
        link.users = [Caller(), Callee([180, 200])]
        link.layers[0].send_request(ours("INVITE"), link.flows[0], 0.0)
        link.run()
        return link.now, link.users[0].finals, [type(end) for end in link.users[1].ends]

    assert story() == story()


@given(
    st.binary(max_size=200)
    | st.sampled_from([request().encode(), request("INVITE").encode()]).flatmap(
        lambda whole: st.tuples(st.integers(0, len(whole)), st.binary(max_size=8)).map(
            lambda cut: whole[: cut[0]] + cut[1] + whole[cut[0] :]
        )
    )
)
@settings(max_examples=300, deadline=None)
def test_no_datagram_breaks_the_layer(data):
    layer = make_layer()
    for flow in (UDP, TCP):
        for event in receive(layer, data, flow):
            if isinstance(event, RequestReceived):
                layer.respond(event.transaction, build_response(event.request, 200), 0.0)
    while (deadline := layer.next_deadline()) < math.inf:
        layer.handle_deadline(deadline)
    assert layer.transaction_count == 0
