"""SIPp and sipsak, programs of other people, against our endpoint."""

import asyncio
import random
import shutil
import socket

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.wire.sip import SipRequest, build_response

HOST = "127.0.0.1"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 20000 RTP/AVP 0\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
)


class Answerer:
    """A phone that rings, answers and hangs up politely."""

    def __init__(self):
        self.methods = []

    def request_received(self, endpoint, transaction, request, flow):
        self.methods.append(request.method)
        contact = ("Contact", f"<sip:answerer@{flow.local[0]}:{flow.local[1]}>")
        tag = transaction.local_tag
        if request.method == "INVITE":
            endpoint.respond(transaction, build_response(request, 100))
            endpoint.respond(transaction, build_response(request, 180, to_tag=tag, headers=[contact]))
            answer = [contact, ("Content-Type", "application/sdp")]
            endpoint.respond(transaction, build_response(request, 200, to_tag=tag, headers=answer, body=SDP))
        else:
            endpoint.respond(transaction, build_response(request, 200, to_tag=tag, headers=[contact]))

    def ack_received(self, endpoint, request, flow, transaction):
        self.methods.append("ACK" if transaction is not None else "stray ACK")

    def cancel_received(self, endpoint, transaction, request):
        endpoint.respond(transaction, build_response(transaction.request, 487))

    def ack_missing(self, endpoint, transaction, status):
        self.methods.append("ACK missing")

    def connection_lost(self, endpoint, flow): ...


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


async def run(*command, cwd=None):
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(40):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    return process.returncode, output.decode(errors="replace")


@pytest.fixture
async def answerer():
    return Answerer()


@pytest.fixture
async def endpoint(answerer):
    listen = [("udp", (HOST, 0)), ("tcp", (HOST, 0))]
    async with SipEndpoint(handler=answerer, rng=random.Random(1), listen=listen) as opened:
        yield opened


@needs("sipp")
@pytest.mark.parametrize("mode", ["u1", "t1", "tn"])
async def test_sipp_calls_us(endpoint, answerer, mode, tmp_path):
    address = endpoint.addresses["udp" if mode == "u1" else "tcp"]
    status, output = await run(
        *("sipp", "-sn", "uac", "-t", mode, "-i", HOST, "-m", "20", "-r", "50", "-d", "10", "-max_socket", "200"),
        *("-nostdin", "-timeout", "30", f"{address[0]}:{address[1]}"),
        cwd=tmp_path,
    )
    assert status == 0, output
    assert {method: answerer.methods.count(method) for method in set(answerer.methods)} == {
        "INVITE": 20,
        "ACK": 20,
        "BYE": 20,
    }


@needs("sipp")
async def test_sipp_calls_us_over_a_lossy_path(endpoint, answerer, tmp_path):
    address = endpoint.addresses["udp"]
    status, output = await run(
        *("sipp", "-sn", "uac", "-i", HOST, "-m", "10", "-r", "50", "-d", "10", "-lost", "10", "-nostdin"),
        *("-timeout", "30", f"{address[0]}:{address[1]}"),
        cwd=tmp_path,
    )
    assert status == 0, output
    assert answerer.methods.count("INVITE") == 10
    assert answerer.methods.count("BYE") == 10


@needs("sipsak")
@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipsak_gets_its_options_answered(endpoint, answerer, transport):
    address = endpoint.addresses[transport]
    status, output = await run("sipsak", "-v", "-E", transport, "-s", f"sip:test@{address[0]}:{address[1]}")
    assert status == 0, output
    assert answerer.methods == ["OPTIONS"]


class Call:
    """One call of ours, hung up as soon as it is answered."""

    def __init__(self, endpoint, destination, transport):
        self.endpoint = endpoint
        self.ended = asyncio.get_running_loop().create_future()
        flow = endpoint.flow_to(destination, transport)
        host, port = endpoint.sent_by(flow)
        self.invite = SipRequest(
            "INVITE",
            f"sip:service@{destination[0]}:{destination[1]}",
            [
                ("From", f"<sip:caller@{host}>;tag={id(self)}"),
                ("To", "<sip:service@example.test>"),
                ("Call-ID", f"{id(self)}@example.test"),
                ("CSeq", "101 INVITE"),
                ("Max-Forwards", "70"),
                ("Contact", f"<sip:caller@{host}:{port};transport={transport}>"),
                ("Content-Type", "application/sdp"),
            ],
            SDP,
        )
        self.transaction = endpoint.send_request(
            self.invite, destination, on_response=self.on_response, on_failure=self.fail, flow=flow
        )

    def on_response(self, response, flow):
        if response.status < 200:
            return
        dialog = Dialog.from_response(self.invite, response)
        self.endpoint.send_ack(dialog.ack(101), flow, self.transaction)
        self.endpoint.send_request(
            dialog.request("BYE"), flow.remote, on_response=self.on_bye, on_failure=self.fail, flow=flow
        )

    def on_bye(self, response, flow):
        self.ended.set_result(response.status)

    def fail(self, reason):
        self.ended.set_result(reason)


@needs("sipp")
@pytest.mark.parametrize(("mode", "transport"), [("u1", "udp"), ("t1", "tcp")])
async def test_we_call_sipp(endpoint, mode, transport, tmp_path):
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *("sipp", "-sn", "uas", "-t", mode, "-i", HOST, "-p", str(port), "-m", "10", "-nostdin", "-timeout", "30"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await listening(endpoint, (HOST, port), transport)
        calls = [Call(endpoint, (HOST, port), transport) for _ in range(10)]
        async with asyncio.timeout(30):
            assert await asyncio.gather(*(call.ended for call in calls)) == [200] * 10
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def listening(endpoint, address, transport):
    """Wait until SIPp has bound its port: over UDP its own retransmissions will do."""
    async with asyncio.timeout(10):
        while transport == "tcp":
            try:
                await endpoint.connect(address, transport)
                return
            except TransportError:
                continue
