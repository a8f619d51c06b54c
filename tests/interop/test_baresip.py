"""baresip as a third-party SIP phone of the lab: it registers, calls our phones and is called by them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from running_lab import PATIENCE_S, RunningLab, needs, running_lab, running_program

from phones.calls import CallState

pytestmark = needs("baresip")

DEVICE = "SEP02AA000000F1"
OUR_PHONE = "SEP02AA00000001"
CONTROL_PORT = 4444

CONFIG = """\
sip_listen {ip}:0
net_interface {ip}
audio_source aubridge,loop
audio_player aubridge,loop
audio_alert aubridge,loop
rtp_ports 20000-20100
ctrl_tcp_listen {ip}:{control_port}
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
"""
"""No sound hardware: what the phone hears is what it says."""


class Baresip:
    """A running baresip, ordered about over its control connection (netstrings of JSON)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    def order(self, command: str, parameters: str = "") -> None:
        document = json.dumps({"command": command, "params": parameters}).encode()
        self._writer.write(b"%d:%s," % (len(document), document))

    async def event(self, *types: str) -> dict[str, Any]:
        """The next event of one of these types."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                size = int((await self._reader.readuntil(b":"))[:-1])
                document: dict[str, Any] = json.loads((await self._reader.readexactly(size + 1))[:-1])
                if document.get("type") in types:
                    return document

    async def register(self, lab: RunningLab, transport: str, password: str = "dg-7410") -> dict[str, Any]:
        """Register line 2091 at sanjose; the event that says what became of it."""
        account = f"<sip:2091@{lab.node('sanjose')};transport={transport}>"
        self.order("uanew", f"{account};auth_user=bmiller;auth_pass={password};regint=120")
        return await self.event("REGISTER_OK", "REGISTER_FAIL")


async def ready(process: asyncio.subprocess.Process) -> None:
    """Wait until baresip says so."""
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(PATIENCE_S):
        while b"baresip is ready" not in said:
            line = await process.stdout.readline()
            said += line
            assert line, said.decode(errors="replace")


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path, "sanjose") as running:
        yield running


@pytest.fixture
async def baresip(lab: RunningLab, tmp_path: Path) -> AsyncIterator[Baresip]:
    folder = tmp_path / "baresip"
    folder.mkdir()
    ip = lab.address_of(DEVICE)
    (folder / "config").write_text(CONFIG.format(ip=ip, control_port=CONTROL_PORT))
    for name in ("accounts", "contacts"):
        (folder / name).touch()
    async with running_program("baresip", "-4", "-f", str(folder), folder=folder) as process:
        await ready(process)
        reader, writer = await asyncio.open_connection(ip, CONTROL_PORT)
        yield Baresip(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_registers_calls_one_of_our_phones_holds_and_hangs_up(
    lab: RunningLab, baresip: Baresip, transport: str
) -> None:
    phone = await lab.phone(OUR_PHONE, answers=True)
    assert (await baresip.register(lab, transport))["type"] == "REGISTER_OK"
    registration = lab.registration("sanjose", DEVICE)
    assert (registration.transport, registration.directory_numbers) == (transport, ("2091",))

    baresip.order("dial", "2001")
    await baresip.event("CALL_ESTABLISHED")
    await phone.wait_until(lambda: any(call.state is CallState.CONNECTED for call in phone.calls.all))
    call = phone.calls.all[0]
    assert (call.number, call.codec) == ("2091", "PCMU")
    baresip.order("hold")
    await phone.wait_until(lambda: call.is_on_hold)
    baresip.order("resume")
    await phone.wait_until(lambda: not call.is_on_hold)
    baresip.order("hangup")
    await phone.wait_until(lambda: call.state is CallState.ENDED)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_it_is_called_by_one_of_our_phones(lab: RunningLab, baresip: Baresip, transport: str) -> None:
    phone = await lab.phone(OUR_PHONE)
    await baresip.register(lab, transport)

    call = await phone.dial("2091")
    assert (await baresip.event("CALL_INCOMING"))["peeruri"].startswith("sip:2001@")
    await phone.wait_until(lambda: call.state is CallState.PROCEEDING)
    baresip.order("accept")
    await baresip.event("CALL_ESTABLISHED")
    await phone.wait_until(lambda: call.state is CallState.CONNECTED)
    assert call.codec == "PCMU"
    await phone.calls.hang_up(call)
    await baresip.event("CALL_CLOSED")


async def test_a_wrong_password_registers_nobody(lab: RunningLab, baresip: Baresip) -> None:
    told = await baresip.register(lab, "udp", password="wrong")
    assert (told["type"], told["param"]) == ("REGISTER_FAIL", "401 Unauthorized")
    assert lab.registration("sanjose", DEVICE) is None
