"""Bad input gets a clear answer, and nothing else suffers: after each the cluster serves the next phone at once."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from running_lab import PATIENCE_S, RunningLab, running_lab

from emcc_emu.errors import TftpRefused
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.protocol.sip_flow import Address
from emcc_emu.wire.phone_objects import PhoneInput
from phones.identity import PhoneIdentity
from phones.phone import Phone, PhoneState
from phones.services import displayed_code

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = "SEP02AA00000001"
WITNESS = "SEP02AA00000002"
PHONE_PORT = 50_600
UNKNOWN = "SEP02FFFFFFFFFF"
AT_ONCE_S = 2.0
MEBIBYTE = 1024 * 1024


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningLab]:
    """sanjose alone, for all tests of this file: one cluster has to survive them all."""
    async with running_lab(tmp_path_factory.mktemp("lab"), "sanjose") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def lab(running: RunningLab) -> AsyncIterator[RunningLab]:
    """The lab; whatever a test did to it, in the end it serves a phone."""
    yield running
    await serves_at_once(running)


async def serves_at_once(lab: RunningLab) -> None:
    """A phone fetches its files by HTTP and TFTP, registers, opens Extension Mobility, calls the PSTN, and leaves."""
    async with asyncio.timeout(AT_ONCE_S), lab.make_phone(WITNESS) as witness:
        await witness.wait_registered()
        await witness.open_extension_mobility()
        assert isinstance(witness.browser.page, PhoneInput), witness.draw()
        call = await witness.dial("911")
        await witness.wait_until(lambda: call.codec != "")
        await witness.calls.hang_up(call)


# -- raw connections -------------------------------------------------------------------------------------------------


async def answer_to(lab: RunningLab, payload: bytes, destination: Address, then: bytes = b"") -> bytes:
    """The first datagram that comes back to one from a phone's address, or to another one right after it."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((lab.address_of(PHONE), PHONE_PORT))
        for datagram in filter(None, (payload, then)):
            await loop.sock_sendto(sock, datagram, destination)
        async with asyncio.timeout(PATIENCE_S):
            while (answer := await loop.sock_recv(sock, 65536)).startswith(b"SIP/2.0 100 "):
                pass
            return answer


def sip_request(lab: RunningLab, method: str, *more: str, call_id: str = "bad") -> bytes:
    node, ip = lab.node("sanjose"), lab.address_of(PHONE)
    lines = [
        f"{method} sip:{node} SIP/2.0",
        f"Via: SIP/2.0/UDP {ip}:{PHONE_PORT};branch=z9hG4bK{random.getrandbits(40):x}",
        f"From: <sip:2001@{node}>;tag=1",
        f"To: <sip:2001@{node}>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *more,
    ]
    return "".join(f"{line}\r\n" for line in (*lines, "Content-Length: 0", "")).encode()


async def over_tcp(lab: RunningLab, port: int, payload: bytes) -> bytes:
    """Everything that a server of sanjose says to a payload before it closes, or resets, the connection."""
    reader, writer = await asyncio.open_connection(lab.node("sanjose"), port, local_addr=(lab.address_of(PHONE), 0))
    said = bytearray()
    try:
        writer.write(payload)
        async with asyncio.timeout(PATIENCE_S):
            while part := await reader.read(65536):
                said += part
    except ConnectionResetError:
        pass
    finally:
        writer.transport.abort()
    return bytes(said)


async def cut_off(lab: RunningLab, port: int, payload: bytes) -> None:
    """Say this much, and be gone."""
    _, writer = await asyncio.open_connection(lab.node("sanjose"), port, local_addr=(lab.address_of(PHONE), 0))
    writer.write(payload)
    await writer.drain()
    writer.transport.abort()


# -- SIP -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"\0",
        b"\r\n\r\n",
        bytes(random.Random(1).randbytes(60_000)),
        b"REGISTER",
        b"REGISTER sip:127.1.0.10 SIP/2.0\r\n\r\n",
        b"\xff" * 1400,
        b"INVITE sip:x SIP/2.0\r\n" + b"A: b\r\n" * 8000,
        b"SIP/2.0 200 OK\r\nCSeq: 1 REGISTER\r\n\r\n",
    ],
    ids=["zero", "keepalive", "noise", "half a line", "no header", "no text", "many headers", "stray response"],
)
async def test_a_datagram_that_is_no_sip_is_dropped(lab: RunningLab, payload: bytes) -> None:
    ping = sip_request(lab, "OPTIONS", call_id="ping")
    assert b"Call-ID: ping\r\n" in await answer_to(lab, payload, lab.sip("sanjose"), then=ping)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("Contact: <sip:2001@[::1>", 400),
        ("Expires: never", 400),
        ("Require: time-travel", 420),
        ("CSeq: 1 INVITE", 400),
        (f'Contact: <sip:2001@127.0.0.1>;+u.sip!devicename.ccm.cisco.com="{UNKNOWN}"', 404),
        ("Content-Length: 99999", 400),
    ],
    ids=["uri", "expires", "extension", "two methods", "unknown device", "length"],
)
async def test_a_register_that_breaks_a_rule_gets_its_status(lab: RunningLab, line: str, status: int) -> None:
    answer = await answer_to(lab, sip_request(lab, "REGISTER", line), lab.sip("sanjose"))
    assert answer.startswith(b"SIP/2.0 %d " % status), answer


async def test_noise_on_a_sip_connection_closes_it(lab: RunningLab) -> None:
    said = await over_tcp(lab, 5060, random.Random(2).randbytes(200_000))
    assert said == b"" or said.startswith(b"SIP/2.0 400 ")


# -- files -----------------------------------------------------------------------------------------------------------

ESCAPES = ["../../etc/passwd", "/etc/passwd", "..\\..\\etc\\passwd", "a/../../../etc/passwd", "%2e%2e/etc/passwd"]


@pytest.mark.parametrize("name", ESCAPES)
async def test_tftp_serves_its_own_files_only(lab: RunningLab, name: str) -> None:
    with pytest.raises(TftpRefused, match=r"Access violation|File not found"):
        await tftp_fetch((lab.node("sanjose"), 6969), name, local_ip=lab.address_of(PHONE))


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\0\1\0octet\0",
        b"\0\1" + b"x" * 2000 + b"\0octet\0",
        b"\0\1SEP02AA00000001.cnf.xml\0mail\0",
        b"\0\1SEP02AA00000001.cnf.xml",
        b"\0\1SEP02AA00000001.cnf.xml\0octet\0" + b"blksize\0-1\0" * 50,
        b"\0\2SEP02AA00000001.cnf.xml\0octet\0",
        b"\0\3\0\1data of no transfer",
        b"\0\x09",
    ],
    ids=["no name", "long name", "mail", "no end", "options", "write", "data", "opcode 9"],
)
async def test_a_wrong_tftp_request_is_answered_by_an_error(lab: RunningLab, request_bytes: bytes) -> None:
    assert (await answer_to(lab, request_bytes, (lab.node("sanjose"), 6969))).startswith(b"\0\5")


@pytest.mark.parametrize("name", ESCAPES)
async def test_http_serves_its_own_files_only(lab: RunningLab, name: str) -> None:
    head = f"GET /{name} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    said = await over_tcp(lab, 6970, head.encode())
    assert said.split(b" ")[1] in (b"400", b"404", b"503") and b"root:" not in said


# -- XML -------------------------------------------------------------------------------------------------------------

BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>{}]><request>&z;</request>".format(
    "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(25))
)


@pytest.mark.parametrize(
    "document",
    [
        BOMB,
        "<!DOCTYPE x [<!ENTITY f SYSTEM 'file:///etc/passwd'>]><request><appInfo><appID>&f;</appID></appInfo></request>",
        "<!DOCTYPE x SYSTEM 'http://127.0.0.1:9/x.dtd'><request/>",
        "<request>" * 20_000,
        "<request {}/>".format(" ".join(f"a{n}='1'" for n in range(10_000))),
        "<request>\ud800</request>",
    ],
    ids=["entities", "file", "external", "deep", "attributes", "surrogate"],
)
async def test_a_hostile_document_is_code_1_at_once(lab: RunningLab, document: str) -> None:
    async with asyncio.timeout(AT_ONCE_S):
        answer = await lab.post("sanjose", document.encode("utf-8", "surrogatepass"))
    assert '<error code="1">' in answer and "root:" not in answer


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_of_more_than_a_mebibyte_is_code_1(lab: RunningLab, is_chunked: bool) -> None:
    body = b"xml=" + b"%3Ca%3E" * (MEBIBYTE // 7 + 1000)
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(body)}"
    head = (
        f"POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{framing}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    if is_chunked:
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    said = await over_tcp(lab, 8080, head.encode() + body)
    assert said.startswith(b"HTTP/1.1 200 ") and b'<error code="1">' in said


async def test_a_request_line_without_end_is_refused(lab: RunningLab) -> None:
    said = await over_tcp(lab, 8080, b"GET /emapp/EMAppServlet?device=" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.") and said.split(b" ")[1] in (b"400", b"414")


# -- devices ---------------------------------------------------------------------------------------------------------


async def test_an_unknown_phone_gets_no_file_and_waits(lab: RunningLab) -> None:
    identity = PhoneIdentity(UNKNOWN, address=lab.address_of(PHONE))
    async with Phone(identity, lab.file_servers("sanjose"), rng=random.Random(1)) as phone:
        await phone.wait_until(lambda: phone.state is PhoneState.REJECTED)
    assert lab.registration("sanjose", UNKNOWN) is None


async def test_a_page_for_an_unknown_phone_is_code_11(lab: RunningLab) -> None:
    async with lab.make_phone(PHONE) as phone:
        await phone.browser.open(f"http://{lab.node('sanjose')}:8080/emapp/EMAppServlet?device={UNKNOWN}&EMCC=true")
        assert displayed_code(phone.browser.page) == 11


# -- a request that breaks off ---------------------------------------------------------------------------------------

HALVES = [
    (6970, b"GET /SEP02AA00000001.cnf.xml HTTP/1.1\r\nHo"),
    (8080, b"GET /emapp/EMAppServlet?device=SEP02AA00000001&EMC"),
    (8080, b"POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nxml=%3Crequest"),
    (8080, b"POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\nxml=%3C"),
    (8443, b"\x16\x03\x01\x02\x00\x01\x00"),
    (5060, b"REGISTER sip:127.1.0.10 SIP/2.0\r\nVia: SIP/2.0/TCP 127."),
    (5060, b"REGISTER sip:127.1.0.10 SIP/2.0\r\nContent-Length: 4000\r\n\r\n<half>"),
]


@pytest.mark.parametrize(("port", "half"), HALVES, ids=[f"{port}-{len(half)}" for port, half in HALVES])
async def test_half_a_request_harms_nobody(lab: RunningLab, port: int, half: bytes) -> None:
    await cut_off(lab, port, half)


@pytest.mark.parametrize("port", [6970, 8080, 8443, 5060])
async def test_a_hundred_silent_connections_harm_nobody(lab: RunningLab, port: int) -> None:
    opened = await asyncio.gather(*(asyncio.open_connection(lab.node("sanjose"), port) for _ in range(100)))
    await serves_at_once(lab)
    for _, writer in opened:
        writer.transport.abort()


# -- logins ----------------------------------------------------------------------------------------------------------


async def test_a_login_while_the_home_cluster_is_down_shows_208(tmp_path: Path) -> None:
    async with running_lab(tmp_path) as lab:
        phone = await lab.phone(PHONE)
        await lab.stop("tokyo")
        async with asyncio.timeout(AT_ONCE_S):
            assert displayed_code(await phone.login("ayamada", "13579")) == 208
        await serves_at_once(lab)
        assert displayed_code(await phone.login("bmiller", "00000")) == 201
        await phone.login("bmiller", "86420")
        await phone.wait_registered(after=1)
        assert phone.directory_numbers == ("2101",)


async def test_a_wrong_pin_of_a_remote_user_shows_2_and_the_right_one_works(tmp_path: Path) -> None:
    async with running_lab(tmp_path) as lab:
        phone = await lab.phone(PHONE)
        assert displayed_code(await phone.login("ayamada", "99999")) == 2
        await serves_at_once(lab)
        assert lab.clusters["tokyo"].state.base_devices.in_use_count == 0
        await phone.login("ayamada", "13579")
        await phone.wait_registered(after=1)
        assert phone.registered_at == lab.sip("tokyo")
