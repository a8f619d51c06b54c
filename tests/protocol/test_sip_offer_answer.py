"""Offer/answer: whose turn it is."""

import itertools

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_offer_answer import TURNS, NegotiationState, OfferAnswer, Step


def test_an_early_offer_in_the_invite_is_answered_in_the_2xx():
    caller, callee = OfferAnswer(), OfferAnswer()
    assert caller.sent(b"offer") is Step.SEND_OFFER
    assert callee.received_in_request(b"offer") is Step.RECEIVE_OFFER
    assert callee.pending_offer == b"offer"
    assert callee.sent(b"answer") is Step.SEND_ANSWER
    assert caller.received(b"answer") is Step.RECEIVE_ANSWER
    assert (caller.local, caller.remote) == (b"offer", b"answer") == (callee.remote, callee.local)
    assert caller.state is callee.state is NegotiationState.STABLE
    assert caller.pending_offer is None


def test_a_delayed_offer_travels_in_the_2xx_and_its_answer_in_the_ack():
    caller, callee = OfferAnswer(), OfferAnswer()
    callee.sent(b"offer")
    assert caller.received(b"offer") is Step.RECEIVE_OFFER
    assert caller.sent(b"answer") is Step.SEND_ANSWER
    assert callee.received(b"answer") is Step.RECEIVE_ANSWER
    assert callee.local == b"offer"


def test_crossing_offers_are_491():
    session = OfferAnswer()
    session.sent(b"mine")
    with pytest.raises(SipInvalid) as refused:
        session.received_in_request(b"theirs")
    assert refused.value.status == 491


@pytest.mark.parametrize("receive", ["received", "received_in_request"])
def test_a_second_offer_before_the_answer_is_500_with_retry_after(receive):
    session = OfferAnswer()
    session.received(b"one")
    with pytest.raises(SipInvalid) as refused:
        getattr(session, receive)(b"two")
    assert refused.value.status == 500
    assert refused.value.headers[0][0] == "Retry-After"


def test_a_second_offer_of_our_own_is_a_mistake_of_ours():
    session = OfferAnswer()
    session.sent(b"one")
    with pytest.raises(ValueError, match="waits"):
        session.sent(b"two")


def test_a_failed_exchange_leaves_the_session_as_it_was():
    session = OfferAnswer()
    session.sent(b"one")
    session.withdraw()
    assert session.state is NegotiationState.EMPTY
    session.sent(b"two")
    session.received(b"answer")
    session.received_in_request(b"hold")
    session.withdraw()
    session.withdraw()
    assert session.state is NegotiationState.STABLE
    assert (session.local, session.remote) == (b"two", b"answer")


def test_the_table_gives_each_end_its_turn():
    allowed = {state: {step for known, step in TURNS if known is state} for state in NegotiationState}
    settled = {Step.SEND_OFFER, Step.RECEIVE_OFFER}
    assert allowed[NegotiationState.EMPTY] == allowed[NegotiationState.STABLE] == settled
    assert allowed[NegotiationState.LOCAL_OFFER] == {Step.RECEIVE_ANSWER}
    assert allowed[NegotiationState.REMOTE_OFFER] == {Step.SEND_ANSWER}
    assert len(TURNS) == 6 < len(list(itertools.product(NegotiationState, Step)))
