"""The sending end: one window per ACK that moves on, silence for anything else."""

from __future__ import annotations

import math

import pytest

from emcc_emu.protocol.tftp_events import Delivered, GaveUp, Refused
from emcc_emu.protocol.tftp_send import SendTransfer

PHONE = ("192.0.2.7", 49152)
STRANGER = ("192.0.2.8", 49152)


def ack(block: int) -> bytes:
    return b"\x00\x04" + block.to_bytes(2, "big")


def blocks_of(transfer: SendTransfer) -> list[int]:
    return [int.from_bytes(datagram[2:4], "big") for datagram, _ in transfer.take_outgoing()]


def test_resends_after_silence_then_gives_up() -> None:
    transfer = SendTransfer(b"<device/>", PHONE, now=0.0, retry_after_s=1.0, max_tries=3, back_off=1.0)
    sent = transfer.take_outgoing()
    for now in (1.0, 2.0, 3.0):
        transfer.handle_deadline(now)
        sent += transfer.take_outgoing()
    assert sent == [(b"\x00\x03\x00\x01<device/>", PHONE)] * 3
    assert transfer.take_events() == [GaveUp(block=1, tries=3)]
    assert transfer.next_deadline() == math.inf


def test_each_silence_is_longer_than_the_last_until_an_ack_comes() -> None:
    transfer = SendTransfer(bytes(600), PHONE, now=0.0, retry_after_s=1.0, back_off=2.0)
    assert transfer.next_deadline() == 1.0
    transfer.handle_deadline(1.0)
    assert transfer.next_deadline() == 3.0
    transfer.handle_deadline(2.9)
    assert transfer.next_deadline() == 3.0
    transfer.receive(ack(1), PHONE, 2.95)
    assert transfer.next_deadline() == 3.95


def test_sends_the_next_block_for_each_ack_and_ends_with_a_short_one() -> None:
    transfer = SendTransfer(b"a" * 512 + b"b" * 512 + b"c", PHONE, now=0.0)
    assert transfer.take_outgoing() == [(b"\x00\x03\x00\x01" + b"a" * 512, PHONE)]
    transfer.receive(ack(1), PHONE, 0.1)
    assert transfer.take_outgoing() == [(b"\x00\x03\x00\x02" + b"b" * 512, PHONE)]
    transfer.receive(ack(2), PHONE, 0.2)
    assert transfer.take_outgoing() == [(b"\x00\x03\x00\x03c", PHONE)]
    assert transfer.take_events() == []
    transfer.receive(ack(3), PHONE, 0.3)
    assert transfer.take_outgoing() == []
    assert transfer.take_events() == [Delivered(size_bytes=1025)]


@pytest.mark.parametrize(("size_bytes", "last_block"), [(0, 1), (512, 2), (1024, 3)])
def test_a_file_of_whole_blocks_ends_with_an_empty_one(size_bytes: int, last_block: int) -> None:
    transfer = SendTransfer(bytes(size_bytes), PHONE, now=0.0)
    for block in range(1, last_block):
        transfer.take_outgoing()
        transfer.receive(ack(block), PHONE, 0.0)
    assert transfer.take_outgoing() == [(b"\x00\x03" + last_block.to_bytes(2, "big"), PHONE)]


@pytest.mark.parametrize("number", [0, 1, 3, 9, 65535])
def test_duplicate_and_foreign_acks_are_answered_with_nothing(number: int) -> None:
    transfer = SendTransfer(bytes(2000), PHONE, now=0.0)
    transfer.receive(ack(1), PHONE, 0.1)
    transfer.take_outgoing()
    transfer.receive(ack(number), PHONE, 0.2)
    assert transfer.take_outgoing() == []
    assert transfer.next_deadline() == 1.1


def test_block_numbers_wrap_to_zero() -> None:
    transfer = SendTransfer(bytes(8 * 65537), PHONE, now=0.0, options=(("blksize", "8"),))
    transfer.receive(ack(0), PHONE, 0.0)
    for block in range(1, 65536):
        transfer.receive(ack(block), PHONE, 0.0)
    assert blocks_of(transfer)[-2:] == [65535, 0]
    transfer.receive(ack(0), PHONE, 0.0)
    transfer.receive(ack(1), PHONE, 0.0)
    assert blocks_of(transfer) == [1, 2]
    transfer.receive(ack(2), PHONE, 0.0)
    assert transfer.take_events() == [Delivered(8 * 65537)]


def test_options_are_offered_again_until_block_zero_is_acknowledged() -> None:
    options = (("blksize", "8"), ("tsize", "0"), ("timeout", "2"))
    transfer = SendTransfer(b"0123456789", PHONE, now=0.0, options=options)
    option_ack = (b"\x00\x06blksize\x008\x00tsize\x0010\x00timeout\x002\x00", PHONE)
    assert transfer.take_outgoing() == [option_ack]
    assert transfer.next_deadline() == 2.0
    transfer.receive(ack(1), PHONE, 0.5)
    assert transfer.take_outgoing() == []
    transfer.handle_deadline(2.0)
    assert transfer.take_outgoing() == [option_ack]
    transfer.receive(ack(0), PHONE, 2.1)
    assert transfer.take_outgoing() == [(b"\x00\x03\x00\x0101234567", PHONE)]


def test_gives_up_on_block_zero_when_the_options_are_never_acknowledged() -> None:
    transfer = SendTransfer(b"x", PHONE, now=0.0, options=(("tsize", "0"),), max_tries=1)
    transfer.handle_deadline(1.0)
    assert transfer.take_events() == [GaveUp(block=0, tries=1)]


def windowed(size_bytes: int) -> SendTransfer:
    transfer = SendTransfer(bytes(size_bytes), PHONE, now=0.0, options=(("blksize", "8"), ("windowsize", "4")))
    transfer.take_outgoing()
    transfer.receive(ack(0), PHONE, 0.0)
    return transfer


def test_a_window_is_sent_per_ack() -> None:
    transfer = windowed(50)
    assert blocks_of(transfer) == [1, 2, 3, 4]
    transfer.receive(ack(4), PHONE, 0.1)
    assert blocks_of(transfer) == [5, 6, 7]
    transfer.receive(ack(7), PHONE, 0.2)
    assert transfer.take_events() == [Delivered(50)]


def test_an_ack_inside_the_window_moves_the_window() -> None:
    transfer = windowed(80)
    assert blocks_of(transfer) == [1, 2, 3, 4]
    transfer.receive(ack(2), PHONE, 0.1)
    assert blocks_of(transfer) == [3, 4, 5, 6]
    transfer.receive(ack(2), PHONE, 0.2)
    transfer.receive(ack(1), PHONE, 0.2)
    assert blocks_of(transfer) == []
    transfer.handle_deadline(1.1)
    assert blocks_of(transfer) == [3, 4, 5, 6]


def test_a_stranger_gets_error_5_and_changes_nothing() -> None:
    transfer = SendTransfer(bytes(600), PHONE, now=0.0)
    transfer.take_outgoing()
    transfer.receive(ack(1), STRANGER, 0.1)
    assert transfer.take_outgoing() == [(b"\x00\x05\x00\x05Unknown transfer ID\x00", STRANGER)]
    transfer.receive(b"\x00\x05\x00\x05\x00", STRANGER, 0.1)
    assert transfer.take_outgoing() == []
    transfer.receive(ack(1), PHONE, 0.2)
    assert blocks_of(transfer) == [2]


def test_an_error_of_the_client_ends_the_transfer_without_an_answer() -> None:
    transfer = SendTransfer(b"x", PHONE, now=0.0, options=(("blksize", "100"),))
    transfer.take_outgoing()
    transfer.receive(b"\x00\x05\x00\x08No such options\x00", PHONE, 0.1)
    assert transfer.take_outgoing() == []
    assert transfer.take_events() == [Refused(8, "No such options", is_by_peer=True)]
    transfer.receive(ack(0), PHONE, 0.2)
    transfer.handle_deadline(99.0)
    assert (transfer.take_outgoing(), transfer.take_events()) == ([], [])


@pytest.mark.parametrize("datagram", [b"\x00", b"\x00\x04\x00\x01\x00", b"\x00\x03\x00\x01x", b"\x00\x09\x00\x00"])
def test_nonsense_from_the_client_is_an_illegal_operation(datagram: bytes) -> None:
    transfer = SendTransfer(b"x", PHONE, now=0.0)
    transfer.take_outgoing()
    transfer.receive(datagram, PHONE, 0.1)
    ((answer, peer),) = transfer.take_outgoing()
    assert answer.startswith(b"\x00\x05\x00\x04Illegal TFTP operation") and peer == PHONE
    (event,) = transfer.take_events()
    assert isinstance(event, Refused) and (event.code, event.is_by_peer) == (4, False)


def test_a_lost_connection_means_nothing_to_datagrams() -> None:
    transfer = SendTransfer(b"x", PHONE, now=0.0)
    transfer.connection_lost(PHONE, 0.1)
    assert transfer.next_deadline() == 1.0
