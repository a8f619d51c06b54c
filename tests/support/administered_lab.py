"""The ready-made lab in the test's own event loop, with its control API and a phone's way to the login page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import msgspec

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.control.api import ControlServer
from emcc_emu.host.in_process import LabInProcess
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import Lab, Node
from emcc_emu.wire.phone_objects import PhoneExecute, PhoneText
from emcc_emu.wire.phone_xml import parse_phone_object

__all__ = ["LAB_FILE", "PHONE", "AdministeredLab", "administered_lab", "with_second_node"]

LAB_FILE = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"
PHONE = "SEP02AA00000001"


class AdministeredLab:
    """A running lab: what an administrator asks of it, and what a phone's login shows."""

    def __init__(self, lab: LabInProcess, server: ControlServer, session: aiohttp.ClientSession) -> None:
        self.lab = lab
        self.url = server.url
        self._session = session

    def cluster(self, name: str) -> Cluster:
        return self.lab.clusters[name]

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and answer of one request to the control API."""
        async with self._session.request(method, self.url + path, json=body) as answer:
            return answer.status, await answer.json()

    async def get(self, path: str) -> Any:
        return await self._good("GET", path)

    async def change(self, path: str, **values: Any) -> Any:
        return await self._good("PATCH", f"/clusters/{path}", values)

    async def post(self, path: str, **values: Any) -> Any:
        return await self._good("POST", path, values)

    async def refusal(self, path: str, **values: Any) -> str:
        """Why a change is refused."""
        status, answer = await self.ask("PATCH", f"/clusters/{path}", values)
        assert status == 400, answer
        text: str = answer["error"]
        return text

    async def _good(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.ask(method, path, body)
        assert status == 200, answer
        return answer

    async def log_in(
        self, user: str = "ayamada", pin: str = "13579", *, phone: str = PHONE, at: str = "sanjose"
    ) -> str:
        """Log in from a phone's page: `ok`, or the text that the phone shows."""
        is_emcc = "&EMCC=true" if at == "sanjose" else ""
        query = f"device={phone}{is_emcc}&userid={quote(user)}&seq={pin}"
        node = self.lab.lab.by_name[at].publisher
        url = f"http://{node.address}:{node.ports.http}/emapp/EMAppServlet?{query}"
        async with self._session.get(url) as answer:
            page = parse_phone_object(await answer.read())
        if isinstance(page, PhoneExecute):
            return "ok"
        text = page.text if isinstance(page, PhoneText) else getattr(page, "prompt", "")
        return "ok" if text == "Login successful" else text


@contextlib.asynccontextmanager
async def administered_lab(
    directory: Path | None = None, *, change: Callable[[Lab], Lab] = lambda lab: lab
) -> AsyncIterator[AdministeredLab]:
    """Run the ready-made lab, or a changed one, and serve its control API."""
    lab = LabInProcess(change(load_lab(LAB_FILE)), directory=directory, records=False)
    async with lab, ControlServer(lab, ("127.0.0.1", 0)) as server, aiohttp.ClientSession() as session:
        yield AdministeredLab(lab, server, session)


def with_second_node(lab: Lab) -> Lab:
    """Each cluster with a subscriber beside its publisher."""

    def grown(config: Any) -> Any:
        node = config.nodes[0]
        host = node.address.rpartition(".")[0] + ".11"
        second = Node(name=f"{config.name}-sub", address=host, ils=False, bulk_provisioning=False)
        return msgspec.structs.replace(config, nodes=(node, second))

    return msgspec.structs.replace(lab, clusters=tuple(grown(config) for config in lab.clusters))
