"""The receiving end: asks until somebody answers, acknowledges once, and is fooled by nobody."""

from __future__ import annotations

import math

import pytest

from emcc_emu.protocol.tftp_events import GaveUp, Received, Refused
from emcc_emu.protocol.tftp_receive import ReceiveTransfer
from emcc_emu.wire.tftp import Options

SERVER = ("192.0.2.10", 69)
SOURCE = ("192.0.2.10", 40001)
SECOND_SOURCE = ("192.0.2.10", 40002)
STRANGER = ("192.0.2.99", 40001)
REQUEST = b"\x00\x01a.xml\x00octet\x00"


def data(block: int, payload: bytes) -> bytes:
    return b"\x00\x03" + block.to_bytes(2, "big") + payload


def ack(block: int) -> bytes:
    return b"\x00\x04" + block.to_bytes(2, "big")


def started(options: Options = (), **limits: float) -> ReceiveTransfer:
    transfer = ReceiveTransfer(SERVER, "a.xml", now=0.0, options=options, **limits)  # type: ignore[arg-type]
    transfer.take_outgoing()
    return transfer


def test_asks_for_the_file_and_acknowledges_each_block_at_the_port_that_answers() -> None:
    transfer = ReceiveTransfer(SERVER, "a.xml", now=0.0)
    assert transfer.take_outgoing() == [(REQUEST, SERVER)]
    transfer.receive(data(1, b"a" * 512), SOURCE, 0.1)
    transfer.receive(data(2, b"b"), SOURCE, 0.2)
    assert transfer.take_outgoing() == [(ack(1), SOURCE), (ack(2), SOURCE)]
    assert transfer.take_events() == [Received(b"a" * 512 + b"b")]
    assert transfer.next_deadline() == math.inf


def test_repeats_the_request_with_growing_gaps_then_gives_up() -> None:
    transfer = ReceiveTransfer(SERVER, "a.xml", now=0.0, retry_after_s=0.5, max_tries=3, back_off=2.0)
    for now in (0.5, 1.5, 3.5):
        assert transfer.next_deadline() == now
        transfer.handle_deadline(now - 0.1)
        transfer.handle_deadline(now)
    assert transfer.take_outgoing() == [(REQUEST, SERVER)] * 3
    assert transfer.take_events() == [GaveUp(block=1, tries=3)]
    transfer.receive(data(1, b"late"), SOURCE, 9.0)
    assert (transfer.take_outgoing(), transfer.take_events()) == ([], [])


def test_repeats_its_ack_when_the_next_block_does_not_come() -> None:
    transfer = started()
    transfer.receive(data(1, bytes(512)), SOURCE, 0.1)
    transfer.handle_deadline(1.1)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)] * 2


def test_a_duplicate_that_follows_at_once_gets_no_second_ack() -> None:
    transfer = started()
    transfer.receive(data(1, bytes(512)), SOURCE, 0.1)
    transfer.receive(data(1, bytes(512)), SOURCE, 0.2)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)]


def test_a_duplicate_after_a_while_gets_its_ack_again() -> None:
    transfer = started()
    transfer.receive(data(1, bytes(512)), SOURCE, 0.1)
    transfer.receive(data(1, bytes(512)), SOURCE, 0.7)
    transfer.receive(data(1, bytes(512)), SOURCE, 0.8)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)] * 2


def test_lingers_to_acknowledge_a_repeated_last_block() -> None:
    transfer = started(linger_s=5.0)
    transfer.receive(data(1, b"x"), SOURCE, 0.0)
    assert transfer.take_events() == [Received(b"x")]
    assert transfer.next_deadline() == 5.0
    transfer.receive(data(1, b"x"), SOURCE, 1.0)
    transfer.receive(b"\x00\x05\x00\x00\x00", SOURCE, 1.1)
    transfer.handle_deadline(4.9)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)] * 2
    transfer.handle_deadline(5.0)
    assert transfer.next_deadline() == math.inf
    transfer.receive(data(1, b"x"), SOURCE, 9.0)
    assert (transfer.take_outgoing(), transfer.take_events()) == ([], [])


def test_the_first_answer_fixes_the_port_and_others_get_error_5() -> None:
    transfer = started()
    transfer.receive(data(1, bytes(512)), SOURCE, 0.1)
    transfer.take_outgoing()
    transfer.receive(data(1, bytes(512)), SECOND_SOURCE, 0.2)
    assert transfer.take_outgoing() == [(b"\x00\x05\x00\x05Unknown transfer ID\x00", SECOND_SOURCE)]
    transfer.receive(b"\x00\x05\x00\x05\x00", SECOND_SOURCE, 0.3)
    assert transfer.take_outgoing() == []
    transfer.receive(data(2, b""), SOURCE, 0.4)
    assert transfer.take_events() == [Received(bytes(512))]


def test_another_host_cannot_answer_in_the_servers_place() -> None:
    transfer = started()
    transfer.receive(data(1, b"forged"), STRANGER, 0.1)
    transfer.receive(data(1, b"true"), SOURCE, 0.2)
    assert transfer.take_events() == [Received(b"true")]


def test_data_that_begins_no_transfer_does_not_fix_the_port() -> None:
    transfer = started()
    transfer.receive(data(7, b"old"), SECOND_SOURCE, 0.1)
    transfer.receive(data(0, b"old"), SECOND_SOURCE, 0.1)
    assert transfer.take_outgoing() == []
    transfer.receive(data(1, b"new"), SOURCE, 0.2)
    assert transfer.take_events() == [Received(b"new")]


def test_a_refusal_is_reported_without_an_answer() -> None:
    transfer = started()
    transfer.receive(b"\x00\x05\x00\x01File not found\x00", SOURCE, 0.1)
    assert transfer.take_events() == [Refused(1, "File not found", is_by_peer=True)]
    assert transfer.take_outgoing() == []
    assert transfer.next_deadline() == math.inf


def test_accepted_options_are_acknowledged_with_block_zero_and_hold() -> None:
    transfer = ReceiveTransfer(SERVER, "a.xml", now=0.0, options=(("blksize", "1428"), ("tsize", "0")))
    assert transfer.take_outgoing() == [(REQUEST + b"blksize\x001428\x00tsize\x000\x00", SERVER)]
    transfer.receive(b"\x00\x06blksize\x001024\x00tsize\x001025\x00", SOURCE, 0.1)
    transfer.receive(b"\x00\x06blksize\x001024\x00tsize\x001025\x00", SOURCE, 0.2)
    assert transfer.take_outgoing() == [(ack(0), SOURCE)]
    transfer.receive(data(1, bytes(1024)), SOURCE, 0.3)
    transfer.receive(data(2, b"x"), SOURCE, 0.4)
    assert transfer.take_events() == [Received(bytes(1024) + b"x")]


def test_a_server_without_options_is_served_with_the_defaults() -> None:
    transfer = started((("blksize", "1428"),))
    transfer.receive(data(1, bytes(512)), SOURCE, 0.1)
    transfer.receive(data(2, b""), SOURCE, 0.2)
    assert transfer.take_events() == [Received(bytes(512))]


def test_an_answer_that_was_not_asked_for_is_refused_with_error_8() -> None:
    transfer = started((("blksize", "512"),))
    transfer.receive(b"\x00\x06blksize\x001024\x00", SOURCE, 0.1)
    assert transfer.take_outgoing() == [(b"\x00\x05\x00\x08Option blksize=1024 refused\x00", SOURCE)]
    assert transfer.take_events() == [Refused(8, "Option blksize=1024 refused", is_by_peer=False)]


@pytest.mark.parametrize("datagram", [b"\x00", ack(1), b"\x00\x09\x00\x00", data(1, bytes(513))])
def test_nonsense_ends_the_transfer_as_an_illegal_operation(datagram: bytes) -> None:
    transfer = started()
    transfer.receive(datagram, SOURCE, 0.1)
    ((answer, peer),) = transfer.take_outgoing()
    assert answer.startswith(b"\x00\x05\x00\x04Illegal TFTP operation") and peer == SOURCE
    (event,) = transfer.take_events()
    assert isinstance(event, Refused) and event.code == 4


def test_a_file_that_is_too_large_is_refused_when_it_says_so_or_when_it_is() -> None:
    told = started((("tsize", "0"),), max_size_bytes=1000)
    told.receive(b"\x00\x06tsize\x001001\x00", SOURCE, 0.1)
    untold = started(max_size_bytes=1000)
    untold.receive(data(1, bytes(512)), SOURCE, 0.1)
    untold.take_outgoing()
    untold.receive(data(2, bytes(489)), SOURCE, 0.1)
    for transfer in (told, untold):
        assert transfer.take_outgoing() == [(b"\x00\x05\x00\x03File larger than 1000 bytes\x00", SOURCE)]
        assert transfer.take_events() == [Refused(3, "File larger than 1000 bytes", is_by_peer=False)]


def windowed() -> ReceiveTransfer:
    transfer = started((("blksize", "8"), ("windowsize", "3")))
    transfer.receive(b"\x00\x06blksize\x008\x00windowsize\x003\x00", SOURCE, 0.0)
    transfer.take_outgoing()
    return transfer


def test_a_window_gets_one_ack() -> None:
    transfer = windowed()
    for block in (1, 2, 3, 4):
        transfer.receive(data(block, bytes(8)), SOURCE, 0.1)
    assert transfer.take_outgoing() == [(ack(3), SOURCE)]
    transfer.receive(data(5, b""), SOURCE, 0.2)
    assert transfer.take_outgoing() == [(ack(5), SOURCE)]
    assert transfer.take_events() == [Received(bytes(32))]


def test_a_gap_in_a_window_is_reported_once() -> None:
    transfer = windowed()
    transfer.receive(data(1, bytes(8)), SOURCE, 0.1)
    transfer.receive(data(3, bytes(8)), SOURCE, 0.1)
    transfer.receive(data(4, bytes(8)), SOURCE, 0.1)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)]


def test_a_window_that_breaks_off_is_acknowledged_as_far_as_it_came() -> None:
    transfer = windowed()
    transfer.receive(data(1, bytes(8)), SOURCE, 0.1)
    transfer.handle_deadline(1.1)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)]
    transfer.handle_deadline(2.1)
    assert transfer.take_outgoing() == [(ack(1), SOURCE)]


def test_block_numbers_wrap_to_zero() -> None:
    transfer = started((("blksize", "8"),))
    transfer.receive(b"\x00\x06blksize\x008\x00", SOURCE, 0.0)
    for block in range(1, 65538):
        transfer.receive(data(block & 0xFFFF, bytes(8)), SOURCE, 0.0)
    transfer.receive(data(2, b""), SOURCE, 0.0)
    assert [datagram for datagram, _ in transfer.take_outgoing()[-4:]] == [ack(65535), ack(0), ack(1), ack(2)]
    assert transfer.take_events() == [Received(bytes(8 * 65537))]


def test_a_lost_connection_means_nothing_to_datagrams() -> None:
    transfer = started()
    transfer.connection_lost(SERVER, 0.1)
    assert transfer.next_deadline() == 1.0
