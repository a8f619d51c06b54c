"""The ready-made lab, or a changed one, in the test's own event loop, on loopback addresses that nobody else uses."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emcc_emu.cli.lab_phones import file_servers, make_phone
from emcc_emu.host.in_process import LabInProcess
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.http_client import HttpClient
from emcc_emu.protocol.sip_flow import Address
from emcc_emu.wire.em_form import FORM_CONTENT_TYPE, encode_form
from phones.downloads import FileServer
from phones.phone import Phone

__all__ = [
    "LAB_FILE",
    "PATIENCE_S",
    "Finished",
    "RunningLab",
    "changed",
    "finished",
    "needs",
    "running_lab",
    "running_program",
    "spare_address",
]

LAB_FILE = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"
PATIENCE_S = 10.0


class RunningLab(LabInProcess):
    """Clusters of a lab that run here, and the way to them for phones and foreign programs.

    Args:
        lab: The lab.
        stack: Ends the phones, before the lab.
        options: As of `LabInProcess`.
    """

    def __init__(self, lab: Lab, stack: contextlib.AsyncExitStack, **options: Any) -> None:
        super().__init__(lab, records=False, **options)
        self._stack = stack

    def config(self, cluster: str) -> ClusterConfig:
        return self.lab.by_name[cluster]

    def node(self, cluster: str) -> str:
        """Address of a cluster's first node."""
        return self.lab.by_name[cluster].publisher.address

    def sip(self, cluster: str) -> Address:
        """Where a cluster's first node takes SIP."""
        return (self.node(cluster), 5060)

    def address_of(self, phone: str) -> str:
        """Source address of a phone of the lab."""
        cluster = self.lab.cluster_of_phone(phone)
        assert cluster is not None
        return cluster.phones_by_name[phone].address

    def file_servers(self, cluster: str) -> list[FileServer]:
        """A cluster's TFTP servers, as DHCP option 150 would give them to its phones."""
        return file_servers(self.describe(), cluster)

    def make_phone(self, name: str) -> Phone:
        """A phone of the lab, switched off."""
        return make_phone(self.describe(), name, random.Random())

    async def phone(self, name: str, *, answers: bool = False) -> Phone:
        """A phone of the lab that has booted and registered."""
        phone = await self._stack.enter_async_context(self.make_phone(name))
        phone.calls.is_auto_answer = answers
        await phone.wait_registered(timeout_s=PATIENCE_S)
        return phone

    async def api(self, cluster: str, action: str) -> str:
        """EMService's answer to a request of the lab's application user."""
        app = "<appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
        return await self.post(cluster, f"<request>{app}{action}</request>")

    async def post(self, cluster: str, document: str | bytes) -> str:
        """EMService's answer to a document."""
        async with HttpClient() as client:
            reply = await client.request(
                "POST",
                f"http://{self.node(cluster)}:8080/emservice/EMServiceServlet",
                headers=[("Content-Type", FORM_CONTENT_TYPE)],
                body=encode_form(document),
            )
        assert reply.status == 200
        return reply.body.decode()

    def registration(self, cluster: str, device: str) -> Any:
        """What a cluster knows of a phone's registration, None when it is not registered."""
        return self.clusters[cluster].call_manager.registration(device)

    def trunk(self, cluster: str, name: str) -> dict[str, Any]:
        """A trunk as screens show it."""
        return next(entry for entry in self.call_processing(cluster)["trunks"] if entry["name"] == name)

    def call_processing(self, cluster: str) -> dict[str, Any]:
        """A cluster's call processing as screens show it."""
        return self.clusters[cluster].call_manager.status()


@contextlib.asynccontextmanager
async def running_lab(
    folder: Path, *names: str, change: Callable[[Lab], Lab] | None = None, is_started: bool = True
) -> AsyncIterator[RunningLab]:
    """Run clusters of the ready-made lab, all of them when none is named; everything ends with the block.

    Args:
        folder: For certificates and databases.
        names: Clusters to start.
        change: Changes the lab when its addresses are already those of this run.
        is_started: False leaves starting to the test.
    """
    only = (names or None) if is_started else ()
    async with contextlib.AsyncExitStack() as stack:
        lab = RunningLab(load_lab(LAB_FILE), stack, directory=folder, change=change, only=only)
        yield await stack.enter_async_context(lab)


def spare_address(lab: Lab, last_octet: int) -> str:
    """An address in the first cluster's block that nobody in the lab has."""
    return ".".join([*lab.clusters[0].publisher.address.split(".")[:2], "200", str(last_octet)])


def changed(lab: Lab, cluster: str, **changes: Any) -> Lab:
    """The lab with fields of one cluster replaced."""
    clusters = (
        msgspec.structs.replace(config, **changes) if config.name == cluster else config for config in lab.clusters
    )
    return msgspec.structs.replace(lab, clusters=tuple(clusters))


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skips a test, with the reason, where a foreign program is missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


@dataclass(frozen=True)
class Finished:
    """What a foreign program left behind."""

    status: int
    output: str


@contextlib.asynccontextmanager
async def running_program(*command: str, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a foreign program, its standard error among its output; it is killed if it outlives the block."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def finished(*command: str, folder: Path, timeout_s: float = PATIENCE_S) -> Finished:
    """Run a foreign program to its end."""
    async with running_program(*command, folder=folder) as process, asyncio.timeout(timeout_s):
        output, _ = await process.communicate()
    return Finished(process.returncode or 0, output.decode(errors="replace"))
