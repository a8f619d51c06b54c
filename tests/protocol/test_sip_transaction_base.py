"""What transactions share: classes of responses, and what a subclass has to bring."""

import math

import pytest

from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.protocol.sip_transaction_base import Input, State, Transaction, TransactionHost, classify

FLOW = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.2", 5060))


class Host(TransactionHost):
    def forget(self, transaction):
        self.events.append("forgotten")


class Ending(Transaction):
    __slots__ = ()

    def expire(self, host, now):
        self.terminate(host)


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (100, Input.PROVISIONAL),
        (199, Input.PROVISIONAL),
        (200, Input.SUCCESS),
        (299, Input.SUCCESS),
        (300, Input.FAILURE),
        (699, Input.FAILURE),
    ],
)
def test_statuses_fall_into_three_classes(status, what):
    assert classify(status) is what


def test_sends_again_and_then_ends_once():
    host = Host()
    transaction = Ending("k", "OPTIONS", FLOW, SipTimers(), State.TRYING)
    transaction.sent = b"x"
    transaction.end_at = 2.0
    transaction.start_retransmitting(0.0)
    transaction.rearm(host)
    transaction.handle_deadline(host, 0.25)
    assert host.outgoing == []
    transaction.handle_deadline(host, 0.5)
    assert host.outgoing == [(b"x", FLOW)]
    assert host.deadlines.next_deadline() == 1.5
    assert not transaction.is_finished
    transaction.handle_deadline(host, 2.0)
    transaction.handle_deadline(host, 2.0)
    transaction.terminate(host)
    assert transaction.is_finished
    assert host.events == ["forgotten"]
    assert host.deadlines.next_deadline() == math.inf


def test_the_base_classes_leave_the_decisions_to_others():
    transaction = Transaction("k", "OPTIONS", FLOW, SipTimers(), State.TRYING)
    with pytest.raises(NotImplementedError):
        transaction.expire(TransactionHost(), 0.0)
    with pytest.raises(NotImplementedError):
        TransactionHost().forget(transaction)
