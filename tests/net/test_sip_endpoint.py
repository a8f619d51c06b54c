"""SipEndpoint on real loopback sockets: UDP and TCP, both directions."""

import asyncio
import random
import socket

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_timers import SipLimits, SipTimers
from emcc_emu.wire.sip import SipRequest, SipResponse, build_response

HOST = "127.0.0.1"
QUICK = SipTimers(t1_s=0.05, t2_s=0.1, t4_s=0.1, timeout_s=0.3)


class Recording:
    """A handler that answers 200 to all but INVITE, and keeps what it hears."""

    def __init__(self, status=200):
        self.status = status
        self.heard = asyncio.Queue()

    def request_received(self, endpoint, transaction, request, flow):
        self.heard.put_nowait(("request", request.method, transaction, request, flow))
        if self.status:
            endpoint.respond(transaction, build_response(request, self.status))

    def ack_received(self, endpoint, request, flow, transaction):
        self.heard.put_nowait(("ack", request, transaction))

    def cancel_received(self, endpoint, transaction, request):
        self.heard.put_nowait(("cancel", transaction))
        endpoint.respond(transaction, build_response(transaction.request, 487))

    def ack_missing(self, endpoint, transaction, status):
        self.heard.put_nowait(("ack missing", status))

    def connection_lost(self, endpoint, flow):
        self.heard.put_nowait(("lost", flow))

    async def next(self):
        async with asyncio.timeout(5):
            return await self.heard.get()


class Caller:
    """Collects the outcome of requests."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.outcomes = asyncio.Queue()

    def send(self, request, destination, transport="tcp", **options):
        return self.endpoint.send_request(
            request,
            destination,
            transport,
            on_response=lambda response, flow: self.outcomes.put_nowait((response.status, response, flow)),
            on_failure=lambda reason: self.outcomes.put_nowait((reason, None, None)),
            **options,
        )

    async def next(self):
        async with asyncio.timeout(5):
            return await self.outcomes.get()


def request(method="OPTIONS", number=1, call_id="a@example.test", **headers):
    lines = [
        ("From", "<sip:alice@example.test>;tag=1"),
        ("To", "<sip:bob@example.test>"),
        ("Call-ID", call_id),
        ("CSeq", f"{number} {method}"),
        ("Contact", "<sip:alice@127.0.0.1>"),
        ("Max-Forwards", "70"),
    ]
    return SipRequest(method, "sip:bob@example.test", lines + list(headers.items()))


def server(handler, **options):
    listen = options.pop("listen", [("udp", (HOST, 0)), ("tcp", (HOST, 0))])
    return SipEndpoint(handler=handler, rng=random.Random(1), listen=listen, **options)


def client(handler=None, **options):
    return SipEndpoint(handler=handler or Recording(), rng=random.Random(2), local_ip=HOST, **options)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_request_is_answered(transport):
    handler = Recording()
    async with server(handler) as node, client() as phone:
        caller = Caller(phone)
        transaction = caller.send(request(), node.addresses[transport], transport)
        assert caller.outcomes.empty()
        status, response, flow = await caller.next()
        assert status == 200
        assert response.via.branch == transaction.branch
        assert response.to.tag is not None
        assert flow.transport == transport
        _, _, _, received, source = await handler.next()
        assert received.via.port == source.remote[1]


async def test_tcp_connections_are_reused_and_reported_when_lost():
    handler = Recording()
    async with server(handler) as node:
        async with client() as phone:
            caller = Caller(phone)
            flow = await phone.connect(node.addresses["tcp"])
            assert phone.sent_by(flow) == flow.local
            for number in range(1, 4):
                caller.send(request(number=number), node.addresses["tcp"])
                assert (await caller.next())[2] == flow
                await handler.next()
            assert phone.open_flows() == [flow]
            assert len(node.open_flows()) == 1
        kind, lost = await handler.next()
        assert (kind, lost.remote) == ("lost", flow.local)
        assert node.open_flows() == []


async def test_a_node_sends_requests_on_the_connection_that_the_phone_opened():
    handler, phone_handler = Recording(), Recording()
    async with server(handler) as node, client(phone_handler) as phone:
        phone_side = await phone.connect(node.addresses["tcp"])
        Caller(phone).send(request(), node.addresses["tcp"])
        flow = (await handler.next())[4]
        caller = Caller(node)
        caller.send(request("NOTIFY"), flow.remote, flow=flow)
        assert (await caller.next())[0] == 200
        _, method, _, notify, received_on = await phone_handler.next()
        assert (method, received_on) == ("NOTIFY", phone_side)
        assert (notify.via.host, notify.via.port) == node.addresses["tcp"]


async def test_invite_is_answered_acknowledged_and_not_repeated():
    handler = Recording()
    async with server(handler) as node, client() as phone:
        caller = Caller(phone)
        transaction = caller.send(request("INVITE"), node.addresses["udp"], "udp")
        status, response, flow = await caller.next()
        assert status == 200
        ack = request("ACK")
        ack.set("To", response.get("To"))
        phone.send_ack(ack, flow, transaction)
        invite = (await handler.next())[2]
        kind, _, acknowledged = await handler.next()
        assert (kind, acknowledged) == ("ack", invite)


async def test_a_2xx_without_ack_is_repeated_and_then_reported():
    handler = Recording()
    async with server(handler, timers=QUICK) as node, client(timers=QUICK) as phone:
        caller = Caller(phone)
        caller.send(request("INVITE"), node.addresses["tcp"])
        assert [(await caller.next())[0] for _ in range(3)] == [200, 200, 200]
        await handler.next()
        assert await handler.next() == ("ack missing", 200)


async def test_cancel_ends_a_ringing_invite():
    handler = Recording(status=180)
    async with server(handler) as node, client() as phone:
        caller = Caller(phone)
        transaction = caller.send(request("INVITE"), node.addresses["udp"], "udp")
        assert phone.cancel(transaction)
        assert [(await caller.next())[0] for _ in range(2)] == [180, 487]
        assert not phone.cancel(transaction)
        await handler.next()
        assert (await handler.next())[0] == "cancel"


async def test_silence_is_a_timeout():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        async with client(timers=QUICK) as phone:
            caller = Caller(phone)
            caller.send(request(), silent.getsockname(), "udp")
            assert (await caller.next())[0] == "timeout"
        repeated = {silent.recv(4096) for _ in range(3)}
        assert len(repeated) == 1


async def test_a_refused_connection_fails_the_request_at_once():
    with socket.socket() as not_listening:
        not_listening.bind((HOST, 0))
        address = not_listening.getsockname()
        async with client() as phone:
            caller = Caller(phone)
            caller.send(request(), address)
            assert (await caller.next())[0] == "refused"
            assert phone.transaction_count == 0
            with pytest.raises(TransportError, match="refused"):
                await phone.connect(address)


async def test_closing_while_a_connection_is_being_opened_leaves_nothing_behind():
    async with server(Recording()) as node:
        async with client() as phone:
            phone.flow_to(node.addresses["tcp"])
        async with client() as phone:
            opening = asyncio.create_task(phone.connect(node.addresses["tcp"]))
            await asyncio.sleep(0)
        with pytest.raises(TransportError, match="closed"):
            await opening


async def test_a_connection_that_dies_fails_the_requests_that_wait_on_it():
    handler = Recording(status=0)
    async with server(handler) as node, client(phone_handler := Recording()) as phone:
        caller = Caller(phone)
        caller.send(request(), node.addresses["tcp"])
        flow = (await handler.next())[4]
        node.close_connection(flow)
        assert (await caller.next())[0] == "closed"
        assert (await phone_handler.next())[0] == "lost"


async def test_a_response_whose_connection_is_gone_takes_a_new_one_to_sent_by():
    handler = Recording(status=0)
    arrived = asyncio.get_running_loop().create_future()

    async def read(reader, writer):
        arrived.set_result(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    listener = await asyncio.start_server(read, HOST, 0)
    async with listener, server(handler) as node:
        sent_by = "{}:{}".format(*listener.sockets[0].getsockname())
        _, writer = await asyncio.open_connection(*node.addresses["tcp"])
        invite = request("INVITE")
        invite.headers.prepend("Via", f"SIP/2.0/TCP {sent_by};branch=z9hG4bK1")
        writer.write(invite.encode())
        _, _, transaction, received, _ = await handler.next()
        writer.close()
        assert (await handler.next())[0] == "lost"
        node.respond(transaction, build_response(received, 486))
        async with asyncio.timeout(5):
            assert (await arrived).startswith(b"SIP/2.0 486 ")


async def test_what_cannot_be_bound_is_said():
    async with server(Recording()) as node:
        for transport in ("udp", "tcp"):
            taken = server(Recording(), listen=[(transport, node.addresses[transport])])
            with pytest.raises(TransportError, match=str(node.addresses[transport][1])):
                await taken.start()
        with pytest.raises(TransportError, match="TLS context"):
            await server(Recording(), listen=[("tls", (HOST, 0))]).start()
        with pytest.raises(TransportError, match="TLS context"):
            node.flow_to((HOST, 1), "tls")
    with pytest.raises(TransportError, match="closed"):
        node.flow_to((HOST, 1))


async def test_too_many_open_requests_are_answered_503():
    handler = Recording(status=0)
    async with server(handler, limits=SipLimits(max_open_server_transactions=1)) as node, client() as phone:
        caller = Caller(phone)
        caller.send(request(call_id="one"), node.addresses["udp"], "udp")
        await handler.next()
        caller.send(request(call_id="two"), node.addresses["udp"], "udp")
        status, response, _ = await caller.next()
        assert status == 503
        assert response.get("Retry-After") == "5"
        assert node.counters.overloaded == 1


class Tape:
    """Stands in for a recorder."""

    def __init__(self):
        self.records = []

    def sent(self, protocol, transport, local, remote, payload, connection=""):
        self.records.append(("sent", protocol, transport, local, remote, payload[:7], bool(connection)))

    def received(self, protocol, transport, local, remote, payload, connection=""):
        self.records.append(("received", protocol, transport, local, remote, payload[:7], bool(connection)))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_every_message_is_recorded(transport):
    tape = Tape()
    async with server(Recording(), recorder=tape) as node, client() as phone:
        caller = Caller(phone)
        address = node.addresses[transport]
        caller.send(request(), address, transport)
        flow = (await caller.next())[2]
        is_stream = transport == "tcp"
        assert tape.records == [
            ("received", "sip", transport, address, flow.local, b"OPTIONS", is_stream),
            ("sent", "sip", transport, address, flow.local, b"SIP/2.0", is_stream),
        ]


async def test_closing_flushes_what_was_written():
    with socket.create_server((HOST, 0)) as listener:
        listener.setblocking(False)
        async with client() as phone:
            flow = await phone.connect(listener.getsockname())
            accepted, _ = await asyncio.get_running_loop().sock_accept(listener)
            phone.send_request(request("REGISTER"), flow.remote)
        with accepted:
            accepted.setblocking(True)
            assert accepted.recv(4096).startswith(b"REGISTER")


async def test_a_response_may_be_given_later():
    handler = Recording(status=0)
    async with server(handler) as node, client() as phone:
        caller = Caller(phone)
        caller.send(request(), node.addresses["udp"], "udp")
        _, _, transaction, received, _ = await handler.next()
        assert node.respond(transaction, SipResponse(202, headers=build_response(received, 202).headers))
        assert not node.respond(transaction, build_response(received, 200))
        assert (await caller.next())[0] == 202
