"""A drained UDP socket delivers everything that arrives, keeps order, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.net.udp import DRAIN_LIMIT, DatagramSocket

Address = tuple[str, int]

LOCAL = ("127.0.0.1", 0)


class Inbox:
    """Collects datagrams and can wait for a number of them."""

    def __init__(self) -> None:
        self.datagrams: list[tuple[bytes, Address]] = []
        self._changed = asyncio.Event()

    def __call__(self, datagram: bytes, peer: Address) -> None:
        self.datagrams.append((datagram, peer))
        self._changed.set()

    async def wait_for(self, count: int) -> list[bytes]:
        async with asyncio.timeout(5):
            while len(self.datagrams) < count:
                self._changed.clear()
                await self._changed.wait()
        return [datagram for datagram, _ in self.datagrams]


async def test_datagrams_arrive_in_order_with_their_sender() -> None:
    inbox = Inbox()
    receiver, sender = DatagramSocket(LOCAL, inbox, receive_buffer_bytes=1 << 20), DatagramSocket(LOCAL, Inbox())
    sent = [str(number).encode() for number in range(2 * DRAIN_LIMIT)]
    for datagram in sent:
        sender.send(datagram, receiver.address)
    assert await inbox.wait_for(len(sent)) == sent
    assert {peer for _, peer in inbox.datagrams} == {sender.address}
    receiver.close()
    sender.close()


async def test_one_wake_up_takes_a_bounded_number() -> None:
    inbox = Inbox()
    receiver, sender = DatagramSocket(LOCAL, inbox), DatagramSocket(LOCAL, Inbox())
    for _ in range(DRAIN_LIMIT + 1):
        sender.send(b"x", receiver.address)
    receiver.drain()
    assert len(inbox.datagrams) == DRAIN_LIMIT
    receiver.close()
    sender.close()


async def test_the_largest_and_the_empty_datagram_pass() -> None:
    inbox = Inbox()
    receiver, sender = DatagramSocket(LOCAL, inbox), DatagramSocket(LOCAL, Inbox())
    sender.send(bytes(65507), receiver.address)
    sender.send(b"", receiver.address)
    assert await inbox.wait_for(2) == [bytes(65507), b""]
    receiver.close()
    sender.close()


async def test_what_cannot_be_sent_is_counted_as_dropped() -> None:
    sender = DatagramSocket(LOCAL, Inbox())
    sender.send(bytes(65508), ("127.0.0.1", 9))
    assert sender.dropped_count == 1
    sender.close()
    sender.send(b"x", ("127.0.0.1", 9))
    assert sender.dropped_count == 2


class FullSocket(socket.socket):
    """A socket whose send buffer is full until told otherwise."""

    is_full = True
    is_broken = False

    def sendto(self, *arguments: Any) -> int:
        if self.is_full:
            raise BlockingIOError
        if self.is_broken:
            raise OSError("broken")
        return super().sendto(*arguments)


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> type[FullSocket]:
    """Sockets made from now on are full until ``is_full`` of the returned class is set to false."""

    class Full(FullSocket):
        pass

    monkeypatch.setattr("emcc_emu.net.udp.socket.socket", Full)
    return Full


async def test_a_full_send_buffer_queues_in_order_up_to_a_bound(full: type[FullSocket]) -> None:
    inbox = Inbox()
    receiver, sender = DatagramSocket(LOCAL, inbox), DatagramSocket(LOCAL, Inbox(), max_queued=3)
    for number in range(4):
        sender.send(str(number).encode(), receiver.address)
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)  # the loop finds the buffer still full
    assert (sender.dropped_count, inbox.datagrams) == (1, [])
    full.is_full = False
    assert await inbox.wait_for(3) == [b"0", b"1", b"2"]
    sender.send(b"after", receiver.address)
    assert await inbox.wait_for(4) == [b"0", b"1", b"2", b"after"]
    receiver.close()
    sender.close()


async def test_what_waited_and_then_fails_is_dropped(full: type[FullSocket]) -> None:
    sender = DatagramSocket(LOCAL, Inbox())
    sender.send(b"lost", ("127.0.0.1", 9))
    full.is_full, full.is_broken = False, True
    async with asyncio.timeout(5):
        while not sender.dropped_count:
            await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    sender.close()


async def test_what_still_waits_at_the_end_is_dropped(full: type[FullSocket]) -> None:
    sender = DatagramSocket(LOCAL, Inbox())
    sender.send(b"x", ("127.0.0.1", 9))
    sender.close()
    assert sender.dropped_count == 1


async def test_the_callback_may_close_the_socket() -> None:
    closed = asyncio.Event()

    def close(datagram: bytes, peer: Address) -> None:
        receiver.close()
        closed.set()

    receiver, sender = DatagramSocket(LOCAL, close), DatagramSocket(LOCAL, Inbox())
    sender.send(b"1", receiver.address)
    sender.send(b"2", receiver.address)
    await asyncio.wait_for(closed.wait(), 5)
    assert receiver.is_closed
    sender.close()


async def test_closing_twice_releases_the_port_once() -> None:
    first = DatagramSocket(LOCAL, Inbox())
    first.close()
    first.close()
    second = DatagramSocket(first.address, Inbox())
    assert second.address == first.address
    second.close()


async def test_an_address_in_use_or_of_another_machine_is_a_transport_error() -> None:
    taken = DatagramSocket(LOCAL, Inbox())
    for address in (taken.address, ("203.0.113.1", 0)):
        with pytest.raises(TransportError, match=f"cannot bind UDP {address[0]}:{address[1]}"):
            DatagramSocket(address, Inbox())
    taken.close()


def test_closing_after_the_loop_is_gone_still_releases_the_port() -> None:
    loop = asyncio.new_event_loop()
    opened = DatagramSocket(LOCAL, lambda datagram, peer: None, loop=loop)
    loop.close()
    opened.close()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(opened.address)
