"""SIPp at a running lab: phones that register, a trunk's peer that pings and calls, and the gateway to the PSTN."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from running_lab import (
    PATIENCE_S,
    RunningLab,
    changed,
    finished,
    needs,
    running_lab,
    running_program,
    spare_address,
)

from emcc_emu.lab.devices import Line
from emcc_emu.lab.model import Lab, TrunkConfig
from phones.calls import Call, CallState
from phones.phone import Phone

pytestmark = needs("sipp")

SCENARIOS = Path(__file__).parent / "sipp"
OUR_PHONE = "SEP02AA00000001"
THIRD_PARTY = "SEP02AA000000F1"
PHONES = 200
MODES = {"udp": "u1", "tcp": "t1"}


def with_many_third_party_phones(lab: Lab) -> Lab:
    """The lab with `PHONES` third-party phones more at sanjose, each with a digest user and a number of its own."""
    sanjose = lab.by_name["sanjose"]
    sample = sanjose.phones_by_name[THIRD_PARTY]
    more = tuple(
        msgspec.structs.replace(
            sample,
            name=f"SEP02AA0001{number:04X}",
            address="",
            digest_user=f"user{number}",
            digest_password=f"secret{number}",
            lines=(Line(directory_number=str(40000 + number), partition="internal"),),
        )
        for number in range(PHONES)
    )
    return changed(lab, "sanjose", phones=(*sanjose.phones, *more))


def with_trunk(lab: Lab) -> Lab:
    """The lab with an ordinary trunk at sanjose to an address outside it."""
    trunk = TrunkConfig(
        name="to-sipp",
        service_type="none",
        destinations=(spare_address(lab, 1),),
        device_pool="sanjose",
        css="from-pstn",
    )
    return changed(lab, "sanjose", trunks=(*lab.by_name["sanjose"].trunks, trunk))


def with_foreign_gateway(lab: Lab, transport: str) -> Lab:
    """The lab whose gateway at sanjose is a program of somebody else."""
    gateways = tuple(
        msgspec.structs.replace(gateway, external=True, transport=transport)
        for gateway in lab.by_name["sanjose"].gateways
    )
    return changed(lab, "sanjose", gateways=gateways)


async def sipp(folder: Path, ip: str, target: str, *arguments: str) -> None:
    """Run SIPp from an address until all its calls have succeeded."""
    common = ("-i", ip, "-nostdin", "-timeout", "20", "-timeout_error", "-max_socket", "500")
    done = await finished("sipp", *common, *arguments, f"{target}:5060", folder=folder, timeout_s=30)
    assert done.status == 0, done.output[-3000:]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_many_phones_register_with_digest(tmp_path: Path, transport: str) -> None:
    users = tmp_path / "users.csv"
    rows = (f"{40000 + n};[authentication username=user{n} password=secret{n}]\n" for n in range(PHONES))
    users.write_text("SEQUENTIAL\n" + "".join(rows))
    async with running_lab(tmp_path, "sanjose", change=with_many_third_party_phones) as lab:
        await sipp(
            tmp_path,
            *(spare_address(lab.lab, 1), lab.node("sanjose"), "-sf", str(SCENARIOS / "register.xml")),
            *("-inf", str(users), "-t", MODES[transport], "-m", str(PHONES), "-r", "400"),
        )
        registrations = lab.call_processing("sanjose")["registrations"]
        assert len(registrations) == PHONES
        assert {entry["transport"] for entry in registrations} == {transport}
        assert {entry["lines"][0] for entry in registrations} == {str(40000 + n) for n in range(PHONES)}


@pytest.fixture
async def trunk_lab(tmp_path: Path) -> AsyncIterator[RunningLab]:
    async with running_lab(tmp_path, "sanjose", change=with_trunk) as running:
        yield running


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunks_peer_pings_us(trunk_lab: RunningLab, tmp_path: Path, transport: str) -> None:
    scenario = ("-sf", str(SCENARIOS / "options.xml"), "-t", MODES[transport], "-m", "200", "-r", "400")
    await sipp(tmp_path, spare_address(trunk_lab.lab, 1), trunk_lab.node("sanjose"), *scenario)


async def test_a_strangers_ping_is_refused(trunk_lab: RunningLab, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="503"):
        await sipp(
            tmp_path,
            *(spare_address(trunk_lab.lab, 2), trunk_lab.node("sanjose")),
            *("-sf", str(SCENARIOS / "options.xml"), "-m", "1"),
        )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunks_peer_calls_one_of_our_phones(trunk_lab: RunningLab, tmp_path: Path, transport: str) -> None:
    phone = await trunk_lab.phone(OUR_PHONE, answers=True)
    await sipp(
        tmp_path,
        *(spare_address(trunk_lab.lab, 1), trunk_lab.node("sanjose"), "-sn", "uac", "-s", "2001"),
        *("-t", MODES[transport], "-m", "10", "-r", "50", "-l", "1", "-d", "20"),
    )
    await phone.wait_until(lambda: not phone.calls.all)
    assert trunk_lab.call_processing("sanjose")["calls"] == []


@contextlib.asynccontextmanager
async def sipp_answers(folder: Path, ip: str, transport: str, calls: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """SIPp as a gateway that answers so many calls and then ends with status 0."""
    where = ("-t", MODES[transport], "-i", ip, "-p", "5060", "-mi", ip)
    command = ("sipp", "-sf", str(SCENARIOS / "gateway.xml"), *where, "-m", str(calls), "-nostdin")
    async with running_program(*command, folder=folder) as process:
        if transport == "tcp":  # over UDP the INVITE's own retransmissions will do
            await listening(ip)
        yield process


async def listening(ip: str) -> None:
    """Wait until SIPp takes connections."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                _, writer = await asyncio.open_connection(ip, 5060)
                writer.close()
                await writer.wait_closed()
                return


async def called(phone: Phone, number: str) -> Call:
    """A call that was answered."""
    call = await phone.dial(number)
    await phone.wait_until(lambda: call.state in (CallState.CONNECTED, CallState.ENDED), PATIENCE_S)
    assert call.state is CallState.CONNECTED, call.end_reason
    return call


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipp_in_place_of_our_gateway_answers_pstn_and_emergency_calls(tmp_path: Path, transport: str) -> None:
    change: Callable[[Lab], Lab] = partial(with_foreign_gateway, transport=transport)
    async with running_lab(tmp_path, "sanjose", change=change) as lab:
        gateway = lab.config("sanjose").gateways[0].address
        phone = await lab.phone(OUR_PHONE)
        async with sipp_answers(tmp_path, gateway, transport, calls=2) as process:
            for number in ("914085550100", "911"):
                call = await called(phone, number)
                assert call.codec == "PCMU"
                await phone.calls.hang_up(call)
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


async def test_sipp_answers_the_emergency_call_of_a_user_from_the_other_cluster(tmp_path: Path) -> None:
    async with running_lab(tmp_path, change=partial(with_foreign_gateway, transport="udp")) as lab:
        gateway = lab.config("sanjose").gateways[0].address
        phone = await lab.phone(OUR_PHONE)
        await phone.login("ayamada", "13579")
        await phone.wait_registered(after=1)
        assert phone.registered_at == lab.sip("tokyo")
        async with sipp_answers(tmp_path, gateway, "udp", calls=1) as process:
            call = await called(phone, "911")
            assert call.codec == "G729"  # "EMCC Region Max Audio Bit Rate" is 8 kbit/s
            await phone.calls.hang_up(call)
            assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
