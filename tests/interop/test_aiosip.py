"""aiosip, a second SIP stack: as a third-party phone of the lab, and as the peer of an ordinary trunk."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiosip_shim import load_aiosip
from multidict import CIMultiDict
from running_lab import PATIENCE_S, RunningLab, changed, running_lab, spare_address

from emcc_emu.lab.model import Lab, TrunkConfig
from phones.calls import CallState

aiosip = load_aiosip()

pytestmark = pytest.mark.skipif(aiosip is None, reason="not installed: aiosip, from the extra `interop`")

DEVICE = "SEP02AA000000F1"
OUR_PHONE = "SEP02AA00000001"
LINE, PASSWORD = "2091", "dg-7410"
TRUNK = "to-aiosip"

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class AiosipAgent:
    """An aiosip application on an address of its own, port 5060, that talks to one node."""

    def __init__(self, ip: str, node: str) -> None:
        self.ip = ip
        self.node = node
        self.app = aiosip.Application()
        self.heard: asyncio.Queue[Any] = asyncio.Queue()
        self._protocols: set[Any] = set()
        for method in ("OPTIONS", "NOTIFY"):
            self.app.router.add_route(method, self._answer)

    async def listen(self) -> None:
        protocol = await self.app.create_connection(aiosip.UDP, (self.ip, 5060), (self.node, 5060))
        self._protocols.add(protocol)

    async def _answer(self, dialog: Any, request: Any) -> None:
        """A request outside any dialog: aiosip makes a dialog for it, and that one answers 200."""
        self._protocols.add(dialog.protocol)
        dialog.receive_message(request)
        self.heard.put_nowait(request)

    async def dialog(self, number: str) -> Any:
        """A dialog from line 2091 with a number at the node."""
        dialog = await self.app.start_dialog(
            from_uri=f"sip:{LINE}@{self.ip}:5060",
            to_uri=f"sip:{number}@{self.node}:5060",
            contact_uri=f"sip:{LINE}@{self.ip}:5060",
            password=PASSWORD,
            dialog=aiosip.Dialog,
        )
        self._protocols.add(dialog.protocol)
        return dialog

    async def register(self) -> Any:
        """REGISTER, the challenge answered; the final response."""
        dialog = await self.dialog(LINE)
        return await asyncio.wait_for(dialog.register(expires=120), PATIENCE_S)

    async def ping(self) -> Any:
        """OPTIONS; the final response."""
        dialog = await self.dialog(LINE)
        return await asyncio.wait_for(dialog.send_message("OPTIONS"), PATIENCE_S)

    async def call(self, number: str) -> Any:
        """INVITE somebody; the call, once it was answered."""
        headers = CIMultiDict({"Content-Type": "application/sdp"})
        dialog = await self.dialog(number)
        calling = aiosip.Call.invite(dialog, headers=headers, sdp=OFFER.format(ip=self.ip))
        return await asyncio.wait_for(calling, PATIENCE_S)

    def close(self) -> None:
        for protocol in self._protocols:
            protocol.transport.close()


def with_third_party_phone(lab: Lab) -> Lab:
    """aiosip registers with the line's number as user name, and knows no other."""
    sanjose = lab.by_name["sanjose"]
    phones = tuple(
        msgspec.structs.replace(phone, digest_user=LINE) if phone.name == DEVICE else phone for phone in sanjose.phones
    )
    return changed(lab, "sanjose", phones=phones)


def with_trunk(lab: Lab) -> Lab:
    """The lab with an ordinary trunk at sanjose, watched by OPTIONS, to an address outside it."""
    trunk = TrunkConfig(
        name=TRUNK,
        service_type="none",
        destinations=(f"{spare_address(lab, 1)}:5060",),
        transport="udp",
        device_pool="sanjose",
        css="from-pstn",
        options_ping=True,
        ping_retry_timer_s=0.1,
        ping_tries=1,
    )
    return changed(lab, "sanjose", trunks=(*lab.by_name["sanjose"].trunks, trunk))


@pytest.fixture
async def lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path, "sanjose", change=with_third_party_phone) as running:
        yield running


@pytest.fixture
async def phone(lab: RunningLab) -> AsyncIterator[AiosipAgent]:
    agent = AiosipAgent(lab.address_of(DEVICE), lab.node("sanjose"))
    yield agent
    agent.close()


async def test_an_aiosip_phone_registers_and_is_told_of_waiting_messages(lab: RunningLab, phone: AiosipAgent) -> None:
    assert (await phone.register()).status_code == 200
    registration = lab.registration("sanjose", DEVICE)
    assert (registration.transport, registration.address) == ("udp", (phone.ip, 5060))
    told = await asyncio.wait_for(phone.heard.get(), PATIENCE_S)
    assert (told.method, told.headers["Event"]) == ("NOTIFY", "message-summary")


async def test_an_aiosip_phone_pings_once_it_is_known(lab: RunningLab, phone: AiosipAgent) -> None:
    assert (await phone.ping()).status_code == 503
    await phone.register()
    assert (await phone.ping()).status_code == 200


async def test_an_aiosip_phone_calls_one_of_our_phones(lab: RunningLab, phone: AiosipAgent) -> None:
    ours = await lab.phone(OUR_PHONE, answers=True)
    await phone.register()
    call = await phone.call("2001")
    await ours.wait_until(lambda: any(call.state is CallState.CONNECTED for call in ours.calls.all))
    connected = ours.calls.all[0]
    assert (connected.number, connected.codec) == (LINE, "PCMU")
    await call.close()
    await ours.wait_until(lambda: connected.state is CallState.ENDED)


@pytest.fixture
async def trunk_lab(tmp_path: Path) -> AsyncIterator[tuple[RunningLab, AiosipAgent]]:
    """A lab with an ordinary trunk, and aiosip at its other end, there before the first ping."""
    async with contextlib.AsyncExitStack() as stack:
        lab = await stack.enter_async_context(running_lab(tmp_path, change=with_trunk, is_started=False))
        peer = AiosipAgent(spare_address(lab.lab, 1), lab.node("sanjose"))
        stack.callback(peer.close)
        yield lab, peer


async def test_an_aiosip_trunk_peer_is_pinged_and_in_service(trunk_lab: tuple[RunningLab, AiosipAgent]) -> None:
    lab, peer = trunk_lab
    await peer.listen()
    await lab.start("sanjose")
    trunk = lab.trunk("sanjose", TRUNK)
    assert (trunk["status"], trunk["peers"][0]["nodes"]) == ("Full Service", {"sanjose-pub": "up"})
    ping = peer.heard.get_nowait()
    assert (ping.method, ping.headers["Max-Forwards"]) == ("OPTIONS", "0")
    assert (await peer.ping()).status_code == 200


async def test_an_aiosip_trunk_peer_calls_in(trunk_lab: tuple[RunningLab, AiosipAgent]) -> None:
    lab, peer = trunk_lab
    await peer.listen()
    await lab.start("sanjose")
    ours = await lab.phone(OUR_PHONE, answers=True)
    call = await peer.call("2001")
    await ours.wait_until(lambda: any(call.state is CallState.CONNECTED for call in ours.calls.all))
    await call.close()
    await ours.wait_until(lambda: not ours.calls.all)


async def test_a_trunk_whose_peer_does_not_answer_is_out_of_service(
    trunk_lab: tuple[RunningLab, AiosipAgent],
) -> None:
    lab, _ = trunk_lab
    await lab.start("sanjose")
    assert lab.trunk("sanjose", TRUNK)["status"] == "No Service"
