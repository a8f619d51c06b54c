"""The control API: who gets in, and what the answers look like."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from running_lab import LAB_FILE

from emcc_emu.control.api import ControlServer, parse_control_address
from emcc_emu.errors import InputError, LabError
from emcc_emu.lab.load import load_lab


class TwoClusters:
    """A lab of one cluster that runs and one that has died."""

    lab = load_lab(LAB_FILE)
    cluster_names = ("tokyo", "sanjose")
    trace_directory = None
    state_directory = Path("state")

    async def status(self) -> dict[str, Any]:
        return {"tokyo": {"registered": []}, "sanjose": None}

    async def ask(self, cluster: str, method: str, **params: Any) -> Any:
        if cluster == "sanjose":
            raise LabError("cluster sanjose is not running")
        if cluster != "tokyo":
            raise InputError(f"no cluster {cluster!r} runs here")
        return {"asked": method}


async def get(server: ControlServer, path: str, **headers: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(server.url + path, headers=headers) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/status", 200, {"tokyo": {"registered": []}, "sanjose": None}),
        ("/clusters/tokyo/status", 200, {"asked": "status"}),
        ("/clusters/sanjose/status", 503, {"error": "cluster sanjose is not running"}),
        ("/clusters/paris/status", 400, {"error": "no cluster 'paris' runs here"}),
    ],
)
async def test_each_question_has_its_answer(path: str, status: int, body: Any) -> None:
    async with ControlServer(TwoClusters(), ("127.0.0.1", 0)) as server:
        assert await get(server, path) == (status, body)


async def test_a_token_keeps_out_who_does_not_have_it() -> None:
    async with ControlServer(TwoClusters(), ("127.0.0.1", 0), token="open-sesame") as server:
        assert (await get(server, "/status"))[0] == 401
        assert (await get(server, "/status", Authorization="Bearer guess"))[0] == 401
        assert (await get(server, "/status", Authorization="Bearer open-sesame"))[0] == 200


@pytest.mark.parametrize(("host", "status"), [("evil.example", 403), ("evil.example:80", 403), ("localhost:1", 200)])
async def test_a_page_under_another_name_cannot_reach_it(host: str, status: int) -> None:
    async with ControlServer(TwoClusters(), ("127.0.0.1", 0)) as server:
        assert (await get(server, "/status", Host=host))[0] == status


async def test_beyond_loopback_it_does_not_start_without_a_token() -> None:
    with pytest.raises(InputError, match="needs a token"):
        async with ControlServer(TwoClusters(), ("0.0.0.0", 0)):
            pass


async def test_a_taken_port_names_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LabError, match="choose another port"):
        async with ControlServer(TwoClusters(), ("127.0.0.1", taken.getsockname()[1])):
            pass


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9000", ("127.0.0.1", 9000)),
        ("localhost", ("127.0.0.1", 8090)),
        ("192.0.2.1", ("192.0.2.1", 8090)),
        ("::1", ("::1", 8090)),
    ],
)
def test_an_address_may_leave_out_its_port(text: str, address: tuple[str, int]) -> None:
    assert parse_control_address(text) == address


@pytest.mark.parametrize("text", ["here", "127.0.0.1:x", "127.0.0.1:99999"])
def test_a_wrong_address_shows_the_form(text: str) -> None:
    with pytest.raises(InputError, match="--control"):
        parse_control_address(text)
