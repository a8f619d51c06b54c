"""Fetching a file over real sockets, from our server and from odd ones."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from emcc_emu.errors import TftpRefused, TransportError
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.net.tftp_server import TftpServer
from emcc_emu.net.udp import DatagramSocket

Address = tuple[str, int]

LOCAL = ("127.0.0.1", 0)
LONG = bytes(range(251)) * 400


@pytest.mark.parametrize(
    "options", [{}, {"blksize": 8}, {"blksize": 1428, "tsize": True}, {"blksize": 65464}, {"windowsize": 8}]
)
async def test_fetches_with_and_without_options(options: dict[str, int]) -> None:
    async with TftpServer(LOCAL, lambda name, peer: LONG) as server:
        assert await tftp_fetch(server.address, "f", **options) == LONG  # type: ignore[arg-type]


async def test_asks_from_the_address_it_is_given() -> None:
    clients: list[Address] = []

    def look_up(name: str, peer: Address) -> bytes:
        clients.append(peer)
        return b""

    async with TftpServer(LOCAL, look_up) as server:
        assert await tftp_fetch(server.address, "f", local_ip="127.0.0.77") == b""
    assert clients[0][0] == "127.0.0.77"


async def test_a_refusal_has_the_servers_code_and_text() -> None:
    async with TftpServer(LOCAL, lambda name, peer: None) as server:
        with pytest.raises(TftpRefused) as refusal:
            await tftp_fetch(server.address, "missing")
    assert (refusal.value.code, refusal.value.message) == (1, "File not found")


async def test_a_file_that_is_too_large_is_refused() -> None:
    async with TftpServer(LOCAL, lambda name, peer: LONG) as server:
        for tsize in (False, True):
            with pytest.raises(TftpRefused) as refusal:
                await tftp_fetch(server.address, "f", tsize=tsize, max_size_bytes=1000)
            assert refusal.value.code == 3


@pytest.fixture
def silent() -> Iterator[Callable[[int], Address]]:
    """Makes servers that leave the first datagrams unanswered and then send the one block of the file."""
    opened: list[DatagramSocket] = []

    def make(ignored: int) -> Address:
        seen: list[bytes] = []

        def receive(datagram: bytes, peer: Address) -> None:
            seen.append(datagram)
            if len(seen) > ignored:
                sockets.send(b"\0\3\0\1late", peer)

        sockets = DatagramSocket(LOCAL, receive)
        opened.append(sockets)
        return sockets.address

    yield make
    for each in opened:
        each.close()


async def test_a_lost_first_packet_is_repeated(silent: Callable[[int], Address]) -> None:
    assert await tftp_fetch(silent(2), "f", timeout_s=0.01) == b"late"


async def test_a_silent_server_is_a_transport_error_that_says_which(silent: Callable[[int], Address]) -> None:
    host, port = silent(99)
    with pytest.raises(TransportError, match=f"TFTP {host}:{port} 'f': no block 1 in 2 tries"):
        await tftp_fetch((host, port), "f", timeout_s=0.01, tries=2)


async def test_an_address_that_is_not_ours_is_a_transport_error() -> None:
    with pytest.raises(TransportError, match="cannot bind"):
        await tftp_fetch(("127.0.0.1", 9), "f", local_ip="203.0.113.1")


async def test_a_cancelled_fetch_leaves_no_socket_open(silent: Callable[[int], Address]) -> None:
    fetch = asyncio.create_task(tftp_fetch(silent(99), "f"))
    await asyncio.get_running_loop().run_in_executor(None, lambda: None)
    fetch.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetch


async def test_every_datagram_is_recorded() -> None:
    records: list[tuple[str, bytes]] = []

    class Listener:
        def sent(self, protocol: str, transport: str, local: Address, remote: Address, payload: bytes) -> None:
            records.append(("sent", payload))

        def received(self, protocol: str, transport: str, local: Address, remote: Address, payload: bytes) -> None:
            records.append(("received", payload))

    async with TftpServer(LOCAL, lambda name, peer: b"x") as server:
        await tftp_fetch(server.address, "f", recorder=Listener())  # type: ignore[arg-type]
    assert records == [("sent", b"\0\1f\0octet\0"), ("received", b"\0\3\0\1x"), ("sent", b"\0\4\0\1")]
