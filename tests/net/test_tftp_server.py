"""The server over real sockets: transfers, refusals, bounds, and clients that misbehave."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator

import pytest

from emcc_emu.errors import TftpRefused, TransportError
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.net.tftp_server import TftpLimits, TftpServer
from emcc_emu.net.udp import DatagramSocket
from emcc_emu.trace.recorder import Recorder

Address = tuple[str, int]

FILES = {"a.xml": b"<device/>", "long.bin": bytes(range(256)) * 300, "dir/empty": b"", "text": b"one\ntwo\n"}
LOCAL = ("127.0.0.1", 0)


def look_up(filename: str, client: Address) -> bytes | TftpRefused | None:
    return FILES.get(filename)


class RawClient:
    """Sends whatever it is told to, and waits for answers."""

    def __init__(self) -> None:
        self._socket = DatagramSocket(LOCAL, self._receive)
        self._answers: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()

    def _receive(self, datagram: bytes, peer: Address) -> None:
        self._answers.put_nowait((datagram, peer))

    def send(self, datagram: bytes, peer: Address) -> None:
        self._socket.send(datagram, peer)

    async def answer(self) -> tuple[bytes, Address]:
        return await asyncio.wait_for(self._answers.get(), 5)

    async def ask(self, datagram: bytes, peer: Address) -> tuple[bytes, Address]:
        self.send(datagram, peer)
        return await self.answer()

    @property
    def has_answer(self) -> bool:
        return not self._answers.empty()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
async def client() -> AsyncIterator[RawClient]:
    raw = RawClient()
    yield raw
    raw.close()


@pytest.fixture
async def server() -> AsyncIterator[TftpServer]:
    async with TftpServer(LOCAL, look_up) as running:
        yield running


def read(filename: str, mode: str = "octet", options: str = "") -> bytes:
    return f"\0\1{filename}\0{mode}\0{options}".encode()


async def test_serves_many_clients_at_once_from_pooled_ports(server: TftpServer) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(tftp_fetch(server.address, "long.bin")) for _ in range(40)]
    assert {task.result() for task in tasks} == {FILES["long.bin"]}
    assert server.counters.requests == 40
    assert server.active_count <= 40


async def test_each_transfer_has_its_own_port_apart_from_the_listening_one(
    server: TftpServer, client: RawClient
) -> None:
    _, first = await client.ask(read("a.xml"), server.address)
    _, second = await client.ask(read("text"), server.address)
    assert len({first, second, server.address}) == 3


async def test_delivered_files_are_counted_once_the_last_ack_has_come(server: TftpServer, client: RawClient) -> None:
    _, port = await client.ask(read("a.xml"), server.address)
    client.send(b"\0\4\0\1", port)
    await client.ask(read("nothing"), server.address)
    await client.ask(b"\0\3\0\1", port)
    assert (server.counters.delivered, server.active_count) == (1, 0)


async def test_a_request_from_a_port_whose_last_ack_is_still_unread_is_served(
    server: TftpServer, client: RawClient
) -> None:
    _, port = await client.ask(read("a.xml"), server.address)
    client.send(b"junk", server.address)  # makes the listening socket the first to be read
    client.send(b"\0\4\0\1", port)
    client.send(read("a.xml"), server.address)
    assert (await client.answer())[0][:4] == b"\0\5\0\4"
    assert (await client.answer())[0] == b"\0\3\0\1<device/>"
    assert (server.counters.delivered, server.counters.aborted) == (1, 0)


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    [
        (read("missing.xml"), 1),
        (read("A.XML"), 1),
        (read("../../etc/passwd"), 2),
        (read("/etc/passwd"), 2),
        (read("dir/../a.xml"), 2),
        (read("a.xml", "mail"), 4),
        (read("a.xml", ""), 4),
        (b"\0\2a.xml\0octet\0", 2),
        (b"\0\4\0\1", 5),
        (b"\0\11\0\1", 4),
        (b"junk", 4),
        (b"", 4),
    ],
)
async def test_refusals_carry_the_code_that_fits(
    server: TftpServer, client: RawClient, request_bytes: bytes, code: int
) -> None:
    answer, _ = await client.ask(request_bytes, server.address)
    assert answer[:4] == bytes((0, 5, 0, code))
    assert answer.endswith(b"\0")
    assert server.counters.refused == 1


async def test_a_missing_file_is_refused_with_the_products_text(server: TftpServer, client: RawClient) -> None:
    assert (await client.ask(read("missing.xml"), server.address))[0] == b"\0\5\0\1File not found\0"


async def test_an_error_packet_is_never_answered(server: TftpServer, client: RawClient) -> None:
    client.send(b"\0\5\0\0no\0", server.address)
    assert (await client.ask(read("missing"), server.address))[0][:4] == b"\0\5\0\1"
    assert not client.has_answer


async def test_the_lookup_knows_the_client_and_can_refuse_in_its_own_words(client: RawClient) -> None:
    asked: list[tuple[str, Address]] = []

    def refuse(filename: str, peer: Address) -> TftpRefused:
        asked.append((filename, peer))
        return TftpRefused(0, "TFTP service is down")

    async with TftpServer(LOCAL, refuse) as server:
        answer, _ = await client.ask(read("a.xml"), server.address)
    assert answer == b"\0\5\0\0TFTP service is down\0"
    assert asked[0][0] == "a.xml" and asked[0][1][0] == "127.0.0.1"


async def test_netascii_is_converted(server: TftpServer, client: RawClient) -> None:
    assert (await client.ask(read("text", "NetASCII"), server.address))[0] == b"\0\3\0\1one\r\ntwo\r\n"


async def test_odd_option_values_are_ignored_as_py3tftp_needs_it(server: TftpServer, client: RawClient) -> None:
    answer, _ = await client.ask(read("a.xml", options="timeout\0003.0\0BLKSIZE\x001024\0"), server.address)
    assert answer == b"\0\6blksize\x001024\0"


async def test_above_the_maximum_serving_count_clients_are_told_to_come_back(client: RawClient) -> None:
    async with TftpServer(LOCAL, look_up, limits=TftpLimits(max_transfers=1)) as server:
        await client.ask(read("a.xml"), server.address)
        other = RawClient()
        answer, _ = await other.ask(read("a.xml"), server.address)
        assert answer == b"\0\5\0\0Maximum serving count reached, try again later\0"
        assert (await client.ask(read("text"), server.address))[0] == b"\0\3\0\1one\ntwo\n"
        other.close()


async def test_a_doubled_request_starts_one_transfer(server: TftpServer, client: RawClient) -> None:
    client.send(read("a.xml"), server.address)
    client.send(read("a.xml"), server.address)
    await client.answer()
    assert (await client.ask(b"junk", server.address))[0][:4] == b"\0\5\0\4"
    assert (server.counters.requests, server.active_count) == (1, 1)


async def test_a_client_that_asks_again_after_a_silence_is_answered_from_the_same_port(client: RawClient) -> None:
    limits = TftpLimits(retry_after_s=0.0, max_tries=1000)
    async with TftpServer(LOCAL, look_up, limits=limits) as server:
        _, first = await client.ask(read("a.xml"), server.address)
        _, second = await client.ask(read("a.xml"), server.address)
        assert first == second
        assert server.active_count == 1


async def test_an_unanswered_packet_is_repeated_and_then_given_up(client: RawClient) -> None:
    limits = TftpLimits(retry_after_s=0.02, max_tries=3, back_off=1.0)
    async with TftpServer(LOCAL, look_up, limits=limits) as server:
        first, port = await client.ask(read("a.xml"), server.address)
        assert [await client.answer() for _ in range(2)] == [(first, port)] * 2
        async with asyncio.timeout(5):
            while server.active_count:
                await asyncio.get_running_loop().run_in_executor(None, lambda: None)
        assert server.counters.gave_up == 1


async def test_a_repeated_packet_comes_in_time_after_progress(client: RawClient) -> None:
    limits = TftpLimits(retry_after_s=0.05, back_off=1000.0)
    async with TftpServer(LOCAL, look_up, limits=limits) as server:
        _, port = await client.ask(read("long.bin"), server.address)
        await client.answer()  # the second try; a third would come after 50 s
        block_two, _ = await client.ask(b"\0\4\0\1", port)
        assert (await client.answer())[0] == block_two


async def test_another_client_cannot_touch_a_transfer(server: TftpServer, client: RawClient) -> None:
    _, port = await client.ask(read("long.bin"), server.address)
    stranger = RawClient()
    stranger.send(b"\0\4\0\1", port)
    stranger.send(b"\0\5\0\0stop\0", port)
    answer, _ = await stranger.ask(b"\0\3\0\1", port)
    assert answer == b"\0\5\0\5Unknown transfer ID\0"
    assert (await client.ask(b"\0\4\0\1", port))[0][:4] == b"\0\3\0\2"
    stranger.close()


async def test_an_aborted_transfer_is_forgotten(server: TftpServer, client: RawClient) -> None:
    _, port = await client.ask(read("long.bin"), server.address)
    client.send(b"\0\5\0\3disk full\0", port)
    await client.ask(b"\0\3\0\1", port)
    assert (server.active_count, server.counters.aborted) == (0, 1)


async def test_every_datagram_is_recorded_once(tmp_path: object) -> None:
    records: list[tuple[str, Address, Address, bytes]] = []

    class Listener:
        def sent(self, protocol: str, transport: str, local: Address, remote: Address, payload: bytes) -> None:
            records.append(("sent", local, remote, payload))

        def received(self, protocol: str, transport: str, local: Address, remote: Address, payload: bytes) -> None:
            records.append(("received", local, remote, payload))

    async with TftpServer(LOCAL, look_up, recorder=Listener()) as server:  # type: ignore[arg-type]
        client = RawClient()
        _, port = await client.ask(read("a.xml"), server.address)
        client.send(b"\0\4\0\1", port)
        await client.ask(b"\0\3\0\1", port)
        await client.ask(read("missing"), server.address)
        client.close()
    directions = [(direction, local, payload[:4]) for direction, local, _, payload in records[:4]]
    assert directions == [
        ("received", server.address, b"\0\1a."),
        ("sent", port, b"\0\3\0\1"),
        ("received", port, b"\0\4\0\1"),
        ("received", port, b"\0\3\0\1"),
    ]
    assert [record[3][:4] for record in records[-2:]] == [b"\0\1mi", b"\0\5\0\1"]


async def test_a_real_recorder_takes_the_packets(tmp_path: object) -> None:
    with Recorder(str(tmp_path), recorder_name="tokyo", is_recorded_peer=lambda address: False) as recorder:
        async with TftpServer(LOCAL, look_up, recorder=recorder) as server:
            assert await tftp_fetch(server.address, "a.xml") == FILES["a.xml"]
    assert FILES["a.xml"] in recorder.path.read_bytes()


async def test_stops_at_once_and_leaves_nothing_behind() -> None:
    server = TftpServer(LOCAL, look_up)
    await server.start()
    client = RawClient()
    await client.ask(read("long.bin"), server.address)
    await server.close()
    await server.close()
    client.close()
    gc.collect()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(server.address)


async def test_a_taken_address_is_a_transport_error_and_nothing_stays_open(server: TftpServer) -> None:
    with pytest.raises(TransportError, match="cannot bind"):
        await TftpServer(server.address, look_up).start()
    gc.collect()
