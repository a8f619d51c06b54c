"""The web server: bounded bodies, whole raw messages for the recorder, a clean stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.cluster.web import MAX_BODY_BYTES, WebServer, read_body
from emcc_emu.cluster.web_tap import MAX_RECORDED_MESSAGE_BYTES, MessageCutter
from emcc_emu.errors import TransportError

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n0\r\n\r\n2\r\nab\r\n0\r\nTrailer: 1\r\n\r\n"


class Noted:
    """A recorder that keeps what it was told."""

    def __init__(self) -> None:
        self.packets: list[tuple[str, str, bytes]] = []
        self.happened = asyncio.Event()

    def sent(
        self, protocol: str, transport: str, local: Any, remote: Any, payload: bytes, connection: str, fault: str
    ) -> None:
        self.packets.append(("sent", transport, payload))
        self.connection = connection

    def received(
        self, protocol: str, transport: str, local: Any, remote: Any, payload: bytes, connection: str, fault: str
    ) -> None:
        self.packets.append(("received", transport, payload))
        self.happened.set()
        self.connection = connection


async def echo(request: web.BaseRequest) -> web.Response:
    body = await read_body(request)
    return web.Response(text="too long" if body is None else f"{len(body)}")


@pytest.fixture
async def server() -> AsyncIterator[WebServer]:
    server = WebServer(("127.0.0.1", 0), {"/echo": echo})
    await server.start()
    yield server
    await server.close()


async def talk(server: WebServer, data: bytes) -> bytes:
    """Send bytes, read until the first answer is complete."""
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0)
    body = await reader.readexactly(length)
    writer.close()
    await writer.wait_closed()
    return head + body


@pytest.mark.parametrize("size", [0, 5, MAX_BODY_BYTES])
async def test_a_body_within_the_bound_is_read_whole(server: WebServer, size: int) -> None:
    answer = await talk(server, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size)
    assert answer.endswith(b"\r\n\r\n%d" % size)


async def test_a_body_that_says_it_is_too_long_is_not_read(server: WebServer) -> None:
    answer = await talk(server, b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
    assert answer.endswith(b"too long")


async def test_a_chunked_body_that_grows_too_long_is_given_up(server: WebServer) -> None:
    chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
    answer = await talk(server, b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 6)
    assert answer.endswith(b"too long")


async def test_what_is_not_http_gets_400(server: WebServer) -> None:
    assert (await talk(server, b"\x16\x03\x01nonsense\r\n\r\n")).startswith(b"HTTP/1.0 400")


async def test_a_taken_port_is_named(server: WebServer) -> None:
    second = WebServer(server.address, {})
    with pytest.raises(TransportError, match=f"127.0.0.1:{server.address[1]}"):
        await second.start()
    await second.close()


async def test_the_recorder_sees_raw_messages_of_one_connection() -> None:
    noted = Noted()
    server = WebServer(("127.0.0.1", 0), {"/echo": echo}, recorder=noted)  # type: ignore[arg-type]
    await server.start()
    request = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
    answer = await talk(server, request)
    await server.close()
    assert noted.packets == [("received", "tcp", request), ("sent", "tcp", answer)]
    assert noted.connection


async def test_a_request_cut_short_is_recorded_when_the_connection_ends() -> None:
    noted = Noted()
    server = WebServer(("127.0.0.1", 0), {"/echo": echo}, recorder=noted)  # type: ignore[arg-type]
    await server.start()
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    await reader.read()
    await noted.happened.wait()
    await server.close()
    assert noted.packets[0] == ("received", "tcp", b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe")


async def test_closing_waits_for_nobody_who_is_idle() -> None:
    server = WebServer(("127.0.0.1", 0), {"/echo": echo})
    await server.start()
    reader, writer = await asyncio.open_connection(*server.address)
    async with asyncio.timeout(0.5):
        await server.close()
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


def test_pipelined_messages_are_cut_apart() -> None:
    assert MessageCutter().feed(GET + POST + CHUNKED + GET) == [GET, POST, CHUNKED, GET]


@given(st.lists(st.sampled_from([GET, POST, CHUNKED]), max_size=4), st.integers(1, 9))
def test_pieces_of_any_size_give_the_same_messages(messages: list[bytes], size: int) -> None:
    cutter = MessageCutter()
    stream = b"".join(messages)
    cut = [message for at in range(0, len(stream), size) for message in cutter.feed(stream[at : at + size])]
    assert (cut, cutter.rest()) == (messages, b"")


def test_an_endless_message_is_recorded_in_pieces() -> None:
    cutter = MessageCutter()
    assert [len(piece) for piece in cutter.feed(b"x" * (MAX_RECORDED_MESSAGE_BYTES + 1))] == [
        MAX_RECORDED_MESSAGE_BYTES + 1
    ]
