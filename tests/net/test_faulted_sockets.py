"""Sockets that obey a board of faults: SIP by datagram and stream, TFTP, HTTP; the recorder is told of each."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.host.addresses import free_block
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.faults import Fault
from emcc_emu.lab.load import parse_lab
from emcc_emu.lab.model import Lab
from emcc_emu.net.faults import FaultBoard
from emcc_emu.net.http_client import HttpClient, HttpTransportError
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.net.tftp_server import TftpLimits, TftpServer
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.rules.faults import Verdict
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.sip import SipRequest, build_response

LINK = ("sanjose", "tokyo")
QUICK = SipTimers(t1_s=0.05, t2_s=0.1, t4_s=0.1, timeout_s=0.3)
TEXT = """
clusters:
  sanjose: {nodes: {sj: 127.1.0.10}, phones: {SEP02AA00000001: {address: 127.1.100.1}}}
  tokyo: {nodes: {tk: 127.2.0.10}}
"""


@pytest.fixture
def lab() -> Lab:
    lab = parse_lab(TEXT)
    block = free_block(["127.1.0.10", "127.1.100.1", "127.2.0.10"], random.Random())
    return with_addresses(lab, lambda address: block.get(address, address))


class WatchedBoard(FaultBoard):
    """Notes when a socket has asked about a message."""

    def __init__(self, cluster: str, lab: Lab) -> None:
        super().__init__(cluster, lab)
        self.was_asked = asyncio.Event()

    def incoming(self, *arguments: Any, **more: Any) -> Verdict:
        self.was_asked.set()
        return super().incoming(*arguments, **more)

    def outgoing(self, *arguments: Any, **more: Any) -> Verdict:
        self.was_asked.set()
        return super().outgoing(*arguments, **more)


@pytest.fixture
async def board(lab: Lab) -> WatchedBoard:
    """The faults of tokyo."""
    return WatchedBoard("tokyo", lab)


@pytest.fixture
def recorder(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "trace", recorder_name="tokyo", is_recorded_peer=lambda peer: False)


@pytest.fixture
def told(recorder: Recorder, tmp_path: Path) -> Callable[[], set[str]]:
    """What the trace says befell packets."""

    def faults() -> set[str]:
        recorder.flush()
        return {record.fault for record in open_trace(tmp_path / "trace").records()} - {""}

    return faults


def node_of(lab: Lab) -> str:
    return lab.by_name["tokyo"].publisher.address


def phone_of(lab: Lab) -> str:
    return lab.by_name["sanjose"].phones[0].address


def link(kind: Any, **fields: Any) -> Fault:
    return Fault(name="wan", kind=kind, link=LINK, **fields)


# ---------------------------------------------------------------------- SIP


class Answers:
    """Answers 200 and counts."""

    def __init__(self) -> None:
        self.requests = 0

    def request_received(self, endpoint: SipEndpoint, transaction: Any, request: SipRequest, flow: Any) -> None:
        self.requests += 1
        endpoint.respond(transaction, build_response(request, 200))

    def ack_received(self, *arguments: Any) -> None: ...

    def cancel_received(self, *arguments: Any) -> None: ...

    def ack_missing(self, *arguments: Any) -> None: ...

    def connection_lost(self, *arguments: Any) -> None: ...


class Pair:
    """A phone of sanjose and a node of tokyo."""

    def __init__(self, phone: SipEndpoint, node: SipEndpoint, handler: Answers) -> None:
        self.phone, self.node, self.handler = phone, node, handler

    async def ask(self, transport: Any) -> int | str:
        """Status of the node's answer to OPTIONS, or why there is none."""
        outcome: asyncio.Future[int | str] = asyncio.get_running_loop().create_future()
        lines = [
            ("From", "<sip:a@example.test>;tag=1"),
            ("To", "<sip:b@example.test>"),
            ("Call-ID", "one@example.test"),
            ("CSeq", "1 OPTIONS"),
            ("Max-Forwards", "70"),
        ]
        self.phone.send_request(
            SipRequest("OPTIONS", "sip:b@example.test", lines),
            self.node.addresses[transport],
            transport,
            on_response=lambda response, flow: outcome.set_result(response.status),
            on_failure=outcome.set_result,
            timers=QUICK,
        )
        return await asyncio.wait_for(outcome, 5)


@pytest.fixture
async def pair(lab: Lab, board: FaultBoard, recorder: Recorder) -> AsyncIterator[Pair]:
    handler, where = Answers(), (node_of(lab), 0)
    node = SipEndpoint(
        handler, rng=random.Random(1), listen=[("udp", where), ("tcp", where)], recorder=recorder, faults=board
    )
    async with node, SipEndpoint(Answers(), rng=random.Random(2), local_ip=phone_of(lab)) as phone:
        yield Pair(phone, node, handler)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sip_over_a_cut_link_reaches_nobody(pair: Pair, board: FaultBoard, told: Any, transport: str) -> None:
    board.set(link("link_cut"))
    assert await pair.ask(transport) == "timeout"
    assert (pair.handler.requests, told()) == (0, {"dropped (wan)"})
    board.clear()
    assert await pair.ask(transport) == 200


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sip_over_a_slow_link_comes_late(pair: Pair, board: FaultBoard, told: Any, transport: str) -> None:
    board.set(link("link_delay", delay_s=0.04))
    begin = asyncio.get_running_loop().time()
    assert await pair.ask(transport) == 200
    assert asyncio.get_running_loop().time() - begin >= 0.08
    assert told() == {"delayed 40 ms (wan)"}


async def test_a_truncated_answer_is_no_answer(pair: Pair, board: FaultBoard, told: Any) -> None:
    board.set(Fault(name="half", kind="message_truncated", cluster="tokyo"))
    assert await pair.ask("udp") == "timeout"
    assert pair.handler.requests == 1  # the phone asked again, and got what was left of the same answer
    assert told() == {"truncated (half)"}


async def test_a_call_manager_that_is_down_closes_connections_and_ignores_datagrams(
    pair: Pair, board: FaultBoard, told: Any
) -> None:
    board.set(Fault(name="x", kind="service_down", cluster="tokyo", service="call_manager"))
    assert await pair.ask("udp") == "timeout"
    assert await pair.ask("tcp") == "closed"
    assert told() == {"dropped (call_manager is down)"}


async def test_a_late_request_to_an_endpoint_that_has_closed_is_forgotten(pair: Pair, board: WatchedBoard) -> None:
    board.set(link("link_delay", delay_s=0.02, protocol="sip"))
    asking = asyncio.create_task(pair.ask("udp"))
    await board.was_asked.wait()
    await pair.node.close()
    assert await asking == "timeout"


# ---------------------------------------------------------------------- TFTP


@pytest.fixture
async def files(lab: Lab, board: FaultBoard, recorder: Recorder) -> AsyncIterator[TftpServer]:
    server = TftpServer(
        (node_of(lab), 0),
        lambda name, client: b"x" * 1500,
        recorder=recorder,
        limits=TftpLimits(retry_after_s=0.05, max_tries=2),
        faults=board,
    )
    async with server:
        yield server


async def fetch(server: TftpServer, lab: Lab) -> bytes:
    return await tftp_fetch(server.address, "f", local_ip=phone_of(lab), timeout_s=0.05, tries=3)


async def test_a_file_does_not_come_over_a_cut_link(files: TftpServer, lab: Lab, board: FaultBoard, told: Any) -> None:
    board.set(link("link_cut", protocol="tftp"))
    with pytest.raises(TransportError):
        await fetch(files, lab)
    assert told() == {"dropped (wan)"}
    board.clear()
    assert len(await fetch(files, lab)) == 1500


async def test_a_file_comes_late_over_a_slow_link(files: TftpServer, lab: Lab, board: FaultBoard, told: Any) -> None:
    board.set(link("link_delay", delay_s=0.01))
    assert len(await fetch(files, lab)) == 1500
    assert told() == {"delayed 10 ms (wan)"}


async def test_a_request_that_comes_after_the_server_closed_is_forgotten(
    files: TftpServer, lab: Lab, board: WatchedBoard
) -> None:
    board.set(link("link_delay", delay_s=0.02))
    asking = asyncio.create_task(fetch(files, lab))
    await board.was_asked.wait()
    await files.close()
    with pytest.raises(TransportError):
        await asking


# ---------------------------------------------------------------------- HTTP


@pytest.fixture
async def peer(lab: Lab) -> AsyncIterator[str]:
    """URL of a server in the other cluster that says how long the body was."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        await reader.readexactly(length)
        body = str(length).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    address = lab.by_name["sanjose"].publisher.address
    server = await asyncio.start_server(answer, address, 0)
    yield f"http://{address}:{server.sockets[0].getsockname()[1]}/"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def client(lab: Lab, board: FaultBoard, recorder: Recorder) -> AsyncIterator[HttpClient]:
    async with HttpClient(local_ip=node_of(lab), recorder=recorder, faults=board, timeout_s=2.0) as client:
        yield client


async def post(client: HttpClient, url: str, timeout_s: float = 2.0) -> bytes:
    return (await client.request("POST", url, body=b"0123456789", timeout_s=timeout_s)).body


async def test_a_request_over_a_cut_link_is_never_answered(
    client: HttpClient, peer: str, board: FaultBoard, told: Any
) -> None:
    board.set(link("link_cut"))
    with pytest.raises(HttpTransportError) as silence:
        await post(client, peer, timeout_s=0.05)
    assert (silence.value.kind, told()) == ("timeout", {"dropped (wan)"})
    board.clear()
    assert await post(client, peer) == b"10"


async def test_a_refused_connection_is_refused_at_once(client: HttpClient, peer: str, board: FaultBoard) -> None:
    board.set(link("link_refused"))
    with pytest.raises(HttpTransportError) as refusal:
        await post(client, peer)
    assert refusal.value.kind == "refused"


async def test_a_request_can_come_late_and_damaged(client: HttpClient, peer: str, board: FaultBoard, told: Any) -> None:
    board.set(link("link_delay", delay_s=0.03))
    board.set(Fault(name="half", kind="message_truncated", cluster="tokyo"))
    begin = asyncio.get_running_loop().time()
    assert await post(client, peer) == b"5"
    assert asyncio.get_running_loop().time() - begin >= 0.03
    assert told() == {"delayed 30 ms (wan), truncated (half)"}


async def test_an_answer_is_dropped_when_the_link_is_cut_in_the_meantime(
    client: HttpClient, peer: str, board: WatchedBoard, told: Any
) -> None:
    board.set(link("link_delay", delay_s=0.02))
    asking = asyncio.create_task(post(client, peer, timeout_s=0.2))
    await board.was_asked.wait()
    board.set(link("link_cut"))
    with pytest.raises(HttpTransportError):
        await asking
    assert told() == {"delayed 20 ms (wan)", "dropped (wan)"}
