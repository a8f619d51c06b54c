"""A web server of a node whose phones stand in another cluster: requests and answers that faults hold up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from emcc_emu.cluster.web import WebServer
from emcc_emu.host.addresses import free_block
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.faults import Fault
from emcc_emu.lab.load import parse_lab
from emcc_emu.net.faults import FaultBoard
from emcc_emu.net.http_client import HttpClient, HttpTransportError
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.recorder import Recorder

TEXT = """
clusters:
  sanjose: {nodes: {sj: 127.1.0.10}, phones: {SEP02AA00000001: {address: 127.1.100.1}}}
  tokyo: {nodes: {tk: 127.2.0.10}}
"""


class Web:
    """The server, a client at a phone's address, the faults, and the trace."""

    def __init__(self, server: WebServer, client: HttpClient, board: FaultBoard, recorder: Recorder) -> None:
        self.server, self.client, self.board, self.recorder = server, client, board, recorder
        self.requests = 0

    def set(self, kind: Any, **fields: Any) -> None:
        self.board.set(Fault(name="wan", kind=kind, link=("sanjose", "tokyo"), **fields))

    async def get(self, timeout_s: float = 2.0) -> bytes:
        url = f"http://{self.server.address[0]}:{self.server.address[1]}/file"
        return (await self.client.get(url, timeout_s=timeout_s)).body

    def told(self) -> set[str]:
        self.recorder.flush()
        return {record.fault for record in open_trace(self.recorder.path.parent).records()} - {""}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Web]:
    lab = parse_lab(TEXT)
    block = free_block(["127.1.0.10", "127.1.100.1", "127.2.0.10"], random.Random())
    lab = with_addresses(lab, lambda address: block.get(address, address))
    board = FaultBoard("tokyo", lab)

    async def answer(request: web.BaseRequest) -> web.Response:
        served.requests += 1
        return web.Response(body=b"0123456789")

    recorder = Recorder(tmp_path / "trace", recorder_name="tokyo", is_recorded_peer=lambda peer: False)
    node = (lab.by_name["tokyo"].publisher.address, 0)
    server = WebServer(node, {"/file": answer}, recorder=recorder, faults=board)
    await server.start()
    async with HttpClient(local_ip=lab.by_name["sanjose"].phones[0].address) as client:
        served = Web(server, client, board, recorder)
        yield served
    await server.close()


async def test_a_request_over_a_cut_link_does_not_arrive(served: Web) -> None:
    served.set("link_cut")
    with pytest.raises(HttpTransportError) as silence:
        await served.get(timeout_s=0.05)
    assert (silence.value.kind, served.requests, served.told()) == ("timeout", 0, {"dropped (wan)"})
    served.board.clear()
    assert await served.get() == b"0123456789"


async def test_a_refused_phone_is_cut_off_at_once(served: Web) -> None:
    served.set("link_refused")
    with pytest.raises(HttpTransportError) as refusal:
        await served.get()
    assert (refusal.value.kind, served.requests) == ("closed", 0)


async def test_request_and_answer_are_late_over_a_slow_link(served: Web) -> None:
    served.set("link_delay", delay_s=0.03)
    begin = asyncio.get_running_loop().time()
    assert await served.get() == b"0123456789"
    assert asyncio.get_running_loop().time() - begin >= 0.06
    assert served.told() == {"delayed 30 ms (wan)"}


async def test_an_answer_loses_its_second_half_and_a_kept_connection_goes_on(served: Web) -> None:
    served.set("message_truncated")
    assert await served.get() == b"01234"
    assert await served.get() == b"01234"
    served.board.clear()
    assert await served.get() == b"0123456789"
    assert served.told() == {"truncated (wan)"}


async def test_answers_of_the_cluster_alone_are_damaged_where_the_fault_says_so(served: Web) -> None:
    served.board.set(Fault(name="half", kind="message_truncated", cluster="tokyo", protocol="http"))
    assert await served.get() == b"01234"


async def test_without_recorder_faults_work_too(served: Web) -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(body=b"0123456789")

    server = WebServer((served.server.address[0], 0), {"/file": answer}, faults=served.board)
    await server.start()
    url = f"http://{server.address[0]}:{server.address[1]}/file"
    assert (await served.client.get(url)).body == b"0123456789"
    served.set("message_truncated")
    assert (await served.client.get(url)).body == b"01234"
    await server.close()
