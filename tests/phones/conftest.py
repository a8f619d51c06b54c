"""A small call manager on real loopback sockets: files over HTTP and TFTP, pages, and a registrar that takes orders."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from emcc_emu.errors import TftpRefused
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.net.tftp_server import TftpServer
from emcc_emu.protocol.sip_client_transactions import ClientTransaction
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.wire import sip
from emcc_emu.wire.device_config import CallManagerMember, DeviceConfig, LineConfig, PhoneService
from emcc_emu.wire.device_config_xml import build_device_config
from emcc_emu.wire.remotecc import build_service_control
from phones.downloads import FileServer
from phones.identity import PhoneIdentity
from phones.phone import Phone
from phones.timing import PhoneTiming

NAME = "SEP02AA00000001"
PHONE_ADDRESS = "127.81.0.101"
STAMP = "1700000000-aaaaaaaa-0000-4000-8000-000000000001"

QUICK = PhoneTiming(
    retry_s=0.05, tftp_timeout_s=0.1, tftp_tries=2, home_attempts_s=0.2, home_pause_s=0.05, unregister_s=0.2
)

Page = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Node:
    """One server of a cluster, at an address of its own."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.files: dict[str, bytes] = {}
        self.pages: dict[str, Page] = {}
        self.log: list[str] = []
        """What phones asked, in order: `HTTP name`, `TFTP name`, `REGISTER 3600`, `REFER`, ..."""
        self.requests: list[sip.SipRequest] = []
        self.responses: list[sip.SipResponse] = []
        self.flow: Flow | None = None
        """The connection of the phone that registered last."""
        self.contact_uri = ""
        self.register_call_id = ""
        self.expires_s = 120
        self.http_missing_status = 503
        self.registers_are_answered = True
        self.answers: list[tuple[int, list[tuple[str, str]]]] = []
        """What to say to the next REGISTERs instead of 200."""
        self.transactions: list[ServerTransaction] = []
        self.acks: list[sip.SipRequest] = []
        self.cancelled: list[sip.SipRequest] = []
        self._happened = asyncio.Event()
        self._stack = AsyncExitStack()

    async def start(self, file_server: FileServer | None = None, sip_port: int = 0) -> None:
        """Listen; on the same ports as another node when its `file_server` is given."""
        self.tftp = TftpServer((self.address, file_server.tftp_port if file_server else 0), self._find)
        await self._stack.enter_async_context(self.tftp)
        self._web = web.Server(self._answer_http, access_log=None)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(self._web, self.address, file_server.http_port if file_server else 0)
        self.http_port = server.sockets[0].getsockname()[1]
        self._listening = server
        self._stack.push_async_callback(self._web.shutdown, 0.0)
        self._stack.callback(server.close)
        self.endpoint = SipEndpoint(self, rng=random.Random(5), listen=[("tcp", (self.address, sip_port))])
        await self._stack.enter_async_context(self.endpoint)

    async def close(self) -> None:
        await self._stack.aclose()

    async def stop_serving_files(self) -> None:
        """Answer neither HTTP nor TFTP any more; SIP goes on."""
        self._listening.close()
        await self._web.shutdown(0.0)
        await self.tftp.close()

    @property
    def file_server(self) -> FileServer:
        return FileServer(self.address, self.tftp.address[1], self.http_port)

    @property
    def member(self) -> CallManagerMember:
        return CallManagerMember(self.address, sip_port=self.endpoint.addresses["tcp"][1])

    def serve_phone(self, *numbers: str, members: tuple[CallManagerMember, ...] = (), **changes: Any) -> None:
        """Put a configuration of the phone with these lines among the files."""
        lines = tuple(
            LineConfig(button=i, line_index=i, name=number, contact=f"contact-{number}", label=f"Line {number}")
            for i, number in enumerate(numbers, start=1)
        )
        url = f"http://{self.address}:{self.http_port}/emapp/EMAppServlet?device=#DEVICENAME#&EMCC=#EMCC#"
        values: dict[str, Any] = {
            "call_managers": members or (self.member,),
            "version_stamp": STAMP,
            "lines": lines,
            "phone_services": (PhoneService("Extension Mobility", url),),
        }
        self.files[f"{NAME}.cnf.xml"] = build_device_config(DeviceConfig(**(values | changes)))

    def serve_page(self, path: str, *bodies: str, headers: dict[str, str] | None = None) -> None:
        """Answer a path with these pages, one after the other, the last one for ever."""
        waiting = list(bodies)

        async def answer(request: web.BaseRequest) -> web.Response:
            body = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return web.Response(text=body, content_type="text/xml", headers=headers)

        self.pages[path] = answer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at whenever something has come in."""
        async with asyncio.timeout(5):
            while not condition():
                self._happened.clear()
                await self._happened.wait()

    def note(self, what: str) -> None:
        self.log.append(what)
        self._happened.set()

    def count(self, what: str) -> int:
        return self.log.count(what)

    # Files and pages.

    def _find(self, name: str, client: tuple[str, int]) -> bytes | TftpRefused | None:
        self.note(f"TFTP {name}")
        return self.files.get(name)

    async def _answer_http(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path
        page = self.pages.get(path.partition("?")[0])
        self.note(f"HTTP {path.removeprefix('/')}" if page is None else f"GET {path}")
        if page is not None:
            return await page(request)
        content = self.files.get(path.removeprefix("/"))
        if content is None:
            return web.Response(status=self.http_missing_status)
        return web.Response(body=content)

    # SIP.

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        self.requests.append(request)
        self.transactions.append(transaction)
        if request.method == "REGISTER":
            self.note(f"REGISTER {request.expires}")
            if self.registers_are_answered:
                self._register(transaction, request, flow)
        elif request.method == "REFER":
            self.note("REFER")
            self.respond(transaction, request, 202)
        else:
            self.note(request.method)
            if request.method == "BYE":
                self.respond(transaction, request, 200)

    def _register(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        self.endpoint.respond(transaction, sip.build_response(request, 100))
        if self.answers:
            status, headers = self.answers.pop(0)
            self.respond(transaction, request, status, headers)
            return
        contact = request.get("Contact") or ""
        self.contact_uri = request.contacts[0].uri
        if request.expires == 0:
            self.register_call_id, self.flow = "", None
            self.respond(transaction, request, 200, [("Expires", "0"), ("Contact", contact)])
            return
        is_new, self.register_call_id, self.flow = request.call_id != self.register_call_id, request.call_id, flow
        line = f"{contact};x-cisco-newreg" if is_new else contact
        self.respond(transaction, request, 200, [("Expires", str(self.expires_s)), ("Contact", line)])

    def respond(
        self,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        status: int,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> None:
        response = sip.build_response(request, status, headers=headers or [])
        if body:
            response.set_body("application/sdp", body)
        self.endpoint.respond(transaction, response)

    def send(
        self, method: str, headers: list[tuple[str, str]], body: bytes = b"", cseq: int = 101
    ) -> ClientTransaction:
        """Send a request to the registered phone; its responses join `responses`."""
        assert self.flow is not None, "no phone is registered"
        lines = [
            ("From", f"<sip:3333@{self.address}>;tag=1357924680"),
            ("To", f"<{self.contact_uri}>"),
            ("Call-ID", f"order-{len(self.responses)}@{self.address}"),
            ("CSeq", f"{cseq} {method}"),
            ("Max-Forwards", "70"),
        ]
        given = {name for name, _ in headers}
        request = sip.SipRequest(
            method, self.contact_uri, [line for line in lines if line[0] not in given] + headers, body
        )
        return self.endpoint.send_request(
            request, self.flow.remote, "tcp", flow=self.flow, on_response=self._responded, on_failure=self._failed
        )

    def order(self, action: str, *, call_id: str = "", **values: str) -> None:
        """Send a service-control order."""
        body = build_service_control(action, call_id or self.register_call_id, **values)  # type: ignore[arg-type]
        self.send("NOTIFY", [("Event", "service-control"), ("Content-Type", "text/plain")], body)

    def _responded(self, response: sip.SipResponse, flow: Flow) -> None:
        self.responses.append(response)
        self.note(f"response {response.status}")

    def _failed(self, reason: str) -> None:
        self.note(f"failed {reason}")

    def ack_received(
        self, endpoint: SipEndpoint, request: sip.SipRequest, flow: Flow, transaction: InviteServerTransaction | None
    ) -> None:
        self.acks.append(request)
        self.note("ACK")

    def cancel_received(
        self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: sip.SipRequest
    ) -> None:
        self.cancelled.append(request)
        self.respond(transaction, transaction.request, 487)
        self.note("CANCEL")

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        self.note("no ACK")

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        self.note("connection lost")


@pytest.fixture
async def visiting() -> AsyncIterator[Node]:
    """The node where the phone stands, with a configuration that has the line 2001."""
    node = Node("127.81.0.10")
    await node.start()
    node.serve_phone("2001")
    yield node
    await node.close()


@pytest.fixture
async def home(visiting: Node) -> AsyncIterator[Node]:
    """A node of another cluster, on the same ports, whose file gives the phone the line 3101."""
    node = Node("127.82.0.10")
    await node.start(visiting.file_server)
    node.serve_phone("3101")
    yield node
    await node.close()


@pytest.fixture
def timing() -> PhoneTiming:
    """A phone that waits for nothing long."""
    return QUICK


@pytest.fixture
async def phone(visiting: Node, timing: PhoneTiming) -> AsyncIterator[Phone]:
    """The phone, switched off, that boots from `visiting`."""
    identity = PhoneIdentity(NAME, address=PHONE_ADDRESS)
    made = Phone(identity, [visiting.file_server], rng=random.Random(7), timing=timing)
    yield made
    await made.power_off()
