"""What raw TCP peers may do to an endpoint: split, join, ping, stall, send garbage, not read."""

import asyncio
import random

import pytest

from emcc_emu.net import sip_connections, sip_tcp
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.wire.sip import build_response

HOST = "127.0.0.1"


class Answering:
    def __init__(self):
        self.lost = asyncio.Event()

    def request_received(self, endpoint, transaction, request, flow):
        endpoint.respond(transaction, build_response(request, 200))

    def ack_received(self, endpoint, request, flow, transaction): ...

    def cancel_received(self, endpoint, transaction, request): ...

    def ack_missing(self, endpoint, transaction, status): ...

    def connection_lost(self, endpoint, flow):
        self.lost.set()


def options(number, length="0"):
    return (
        "OPTIONS sip:bob@example.test SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bK{number}\r\n"
        "From: <sip:a@example.test>;tag=1\r\nTo: <sip:b@example.test>\r\n"
        f"Call-ID: {number}@example.test\r\nCSeq: 1 OPTIONS\r\nContact: <sip:a@127.0.0.1>\r\n"
        f"Max-Forwards: 70\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


@pytest.fixture
async def handler():
    return Answering()


@pytest.fixture
async def node(handler):
    async with SipEndpoint(handler=handler, rng=random.Random(1), listen=[("tcp", (HOST, 0))]) as endpoint:
        yield endpoint


@pytest.fixture
async def peer(node):
    reader, writer = await asyncio.open_connection(*node.addresses["tcp"])
    yield reader, writer
    writer.close()


async def status_of(reader):
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
    return head.split(b" ", 2)[1]


async def closes(reader):
    async with asyncio.timeout(5):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


async def test_several_messages_in_one_segment(peer):
    reader, writer = peer
    writer.write(options(1) + b"\r\n" + options(2) + options(3))
    assert [await status_of(reader) for _ in range(3)] == [b"200"] * 3


async def test_a_message_byte_by_byte(peer, node):
    reader, writer = peer
    for position in range(len(message := options(1))):
        writer.write(message[position : position + 1])
        await writer.drain()
    assert await status_of(reader) == b"200"


async def test_a_crlf_ping_gets_its_pong(peer):
    reader, writer = peer
    writer.write(b"\r\n\r\n")
    async with asyncio.timeout(5):
        assert await reader.readexactly(2) == b"\r\n"


async def test_garbage_closes_the_connection(peer, node, handler):
    reader, writer = peer
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await closes(reader) == b""
    async with asyncio.timeout(5):
        await handler.lost.wait()
    assert node.counters.discarded == 1


async def test_a_bad_content_length_gets_400_and_the_connection_closes(peer):
    reader, writer = peer
    writer.write(options(1, length="-5"))
    assert await status_of(reader) == b"400"
    assert await closes(reader) == b""


async def test_three_malformed_messages_close_the_connection(peer):
    reader, writer = peer
    malformed = options(1).replace(b"SIP/2.0/TCP", b"X")
    writer.write(malformed * 2 + options(2))
    assert await status_of(reader) == b"200"
    writer.write(malformed)
    assert await closes(reader) == b""


async def test_a_stray_response_is_no_offence(peer, node):
    reader, writer = peer
    stray = options(1).replace(b"OPTIONS sip:bob@example.test SIP/2.0", b"SIP/2.0 200 OK")
    writer.write(stray * 5 + options(2))
    assert await status_of(reader) == b"200"
    assert node.counters.discarded == 5


async def test_a_message_that_stays_incomplete_ends_the_connection(monkeypatch, peer, node):
    monkeypatch.setattr(sip_connections, "PARTIAL_MESSAGE_TIMEOUT_S", 0.05)
    reader, writer = peer
    writer.write(options(1)[:40])
    assert await closes(reader) == b""


async def test_each_incomplete_message_has_its_own_time(monkeypatch, peer, node):
    monkeypatch.setattr(sip_connections, "PARTIAL_MESSAGE_TIMEOUT_S", 0.1)
    reader, writer = peer
    message = options(1)
    writer.write(message[:40])
    await writer.drain()
    writer.write(message[40:])
    assert await status_of(reader) == b"200"
    began = asyncio.get_running_loop().time()
    writer.write(options(2)[:40])
    assert await closes(reader) == b""
    assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_peer_that_does_not_read_is_dropped(monkeypatch, peer, handler):
    monkeypatch.setattr(sip_tcp, "MAX_WRITE_BUFFER_BYTES", 2000)
    _, writer = peer
    transport = writer.transport
    transport.pause_reading()
    number = 0
    async with asyncio.timeout(10):
        while not handler.lost.is_set() and not transport.is_closing():
            writer.write(b"".join(options(number := number + 1) for _ in range(500)))
            await asyncio.sleep(0)


async def test_connections_beyond_the_bound_are_closed(handler):
    async with SipEndpoint(
        handler=handler, rng=random.Random(1), listen=[("tcp", (HOST, 0))], max_connections=1
    ) as endpoint:
        first_reader, first = await asyncio.open_connection(*endpoint.addresses["tcp"])
        first.write(options(1))
        assert await status_of(first_reader) == b"200"
        second_reader, second = await asyncio.open_connection(*endpoint.addresses["tcp"])
        assert await closes(second_reader) == b""
        first.write(options(2))
        assert await status_of(first_reader) == b"200"
        first.close()
        second.close()
