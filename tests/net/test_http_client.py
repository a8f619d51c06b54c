"""The HTTP client against a real aiohttp server, over TCP and TLS, and against servers that misbehave."""

import asyncio
import contextlib
import datetime
import ipaddress
import ssl

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from emcc_emu.errors import TransportError
from emcc_emu.net.http_client import MAX_IDLE_CONNECTIONS, MAX_SERVERS, HttpClient, HttpTransportError
from emcc_emu.trace.record import Record


class ListRecorder:
    """Keeps what the client reports."""

    def __init__(self):
        self.records = []

    def sent(self, protocol, transport, local, remote, payload, connection="", fault=""):
        self.records.append(("sent", protocol, transport, local, remote, payload, connection))

    def received(self, protocol, transport, local, remote, payload, connection="", fault=""):
        self.records.append(("received", protocol, transport, local, remote, payload, connection))


@contextlib.asynccontextmanager
async def running_server(handler, ssl_context=None):
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield f"{'http' if ssl_context is None else 'https'}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw_server(*answers):
    """Answers the n-th connection's requests with raw bytes, then closes it; b"" never answers."""
    remaining = list(answers)
    connections = []

    async def serve(reader, writer):
        connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for answer in remaining.pop(0) if remaining else ():
                await reader.readuntil(b"\r\n\r\n")
                if answer == b"":
                    await reader.read()
                writer.write(answer)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", connections
    finally:
        server.close()
        for writer in connections:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def echo(request):
    body = await request.read()
    peer = request.transport.get_extra_info("peername")
    headers = {"X-Peer": f"{peer[0]}:{peer[1]}", "X-Target": request.raw_path, "X-Host": request.headers["Host"]}
    return web.Response(body=body or b"nothing", headers=headers)


@pytest.fixture
async def client():
    async with HttpClient() as client:
        yield client


async def test_fetches_a_page(client):
    async with running_server(echo) as base:
        reply = await client.get(f"{base}/emapp/EMAppServlet?device=SEP001122334455&EMCC=true#part")
    assert (reply.status, reply.reason, reply.body) == (200, "OK", b"nothing")
    assert reply.get("x-target") == "/emapp/EMAppServlet?device=SEP001122334455&EMCC=true"
    assert reply.get("X-Host") == base.removeprefix("http://")
    assert reply.get("X-Other") is None


async def test_posts_a_form(client):
    async with running_server(echo) as base:
        reply = await client.request("POST", f"{base}/x", headers=[("X-A", "b")], body=b"xml=%3Ca%2F%3E")
    assert reply.body == b"xml=%3Ca%2F%3E"


async def test_understands_chunked_answers_and_errors(client):
    async def handler(request):
        if request.path == "/missing":
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"part ")
        await response.write_eof()
        return response

    async with running_server(handler) as base:
        assert (await client.get(f"{base}/")).body == b"part part part "
        assert (await client.get(f"{base}/missing")).status == 503
        assert (await client.request("HEAD", f"{base}/")).body == b""


async def test_uses_a_connection_again(client):
    async with running_server(echo) as base:
        peers = {(await client.get(f"{base}/{number}")).get("X-Peer") for number in range(5)}
    assert len(peers) == 1


async def test_without_keep_alive_each_request_has_its_connection():
    async with HttpClient(keep_alive=False) as client, running_server(echo) as base:
        peers = {(await client.get(f"{base}/{number}")).get("X-Peer") for number in range(3)}
    assert len(peers) == 3


async def test_comes_from_its_own_address():
    async with HttpClient(local_ip="127.4.5.6") as client, running_server(echo) as base:
        assert (await client.get(base)).get("X-Peer").startswith("127.4.5.6:")


async def test_many_requests_at_once_share_a_bounded_pool(client):
    async with running_server(echo) as base:
        replies = await asyncio.gather(*[client.request("POST", base, body=b"%d" % n) for n in range(30)])
        assert [reply.body for reply in replies] == [b"%d" % n for n in range(30)]
        again = await asyncio.gather(*[client.get(base) for _ in range(30)])
    kept = {reply.get("X-Peer") for reply in replies} & {reply.get("X-Peer") for reply in again}
    assert 0 < len(kept) <= MAX_IDLE_CONNECTIONS


async def test_keeps_connections_to_a_bounded_number_of_servers(client):
    async with contextlib.AsyncExitStack() as stack:
        bases = [await stack.enter_async_context(running_server(echo)) for _ in range(MAX_SERVERS + 1)]
        peers = [(await client.get(base)).get("X-Peer") for base in bases]
        assert (await client.get(bases[-1])).get("X-Peer") == peers[-1]
        assert (await client.get(bases[0])).get("X-Peer") != peers[0]


async def test_rubbish_on_a_kept_connection_is_an_answer_and_not_asked_again(client):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"
    async with raw_server([answer + b"1", b"close me"], [answer + b"2"]) as (base, _):
        assert (await client.get(base)).body == b"1"
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base)
        assert caught.value.kind in ("invalid", "closed")
        assert (await client.get(base)).body == b"2"


async def test_a_silently_closed_connection_is_replaced_once(client):
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    closing = asyncio.Event()

    async def serve(reader, writer):
        number = len(seen)
        seen.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ok + b"%02d" % number)
        if number == 0:
            await reader.readuntil(b"\r\n\r\n")  # takes the second request, and closes instead of answering
            closing.set()
        else:
            await reader.read()
        writer.close()

    seen = []
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert (await client.get(base)).body == b"00"
        assert (await client.request("POST", base, body=b"x")).body == b"01"
        assert closing.is_set()
        await client.close()
        for writer in seen:
            writer.close()
            await writer.wait_closed()


async def test_a_lost_copy_is_never_reported_as_refused(client):
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        server.close()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await client.get(base)
    with pytest.raises(HttpTransportError) as caught:
        await client.get(base)
    assert caught.value.kind == "closed"


async def test_a_new_connection_that_closes_is_not_tried_again(client):
    async with raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]) as (base, connections):
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base)
        assert caught.value.kind == "closed"
        assert len(connections) == 1


async def test_an_answer_may_end_with_the_connection(client):
    async with raw_server([b"HTTP/1.0 200 OK\r\n\r\nuntil the end"]) as (base, _):
        reply = await client.get(base)
    assert reply.body == b"until the end"


@pytest.mark.parametrize(
    "answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n", b"x" * 40000]
)
async def test_what_is_no_answer_is_invalid(client, answer):
    async with raw_server([answer]) as (base, _):
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base)
    assert caught.value.kind == "invalid"


async def test_more_than_was_asked_for_ends_the_connection(client):
    twice = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1" * 2
    async with raw_server([twice, b""], [twice]) as (base, connections):
        assert (await client.get(base)).body == b"1"
        assert (await client.get(base)).body == b"1"
        assert len(connections) == 2


async def test_words_that_nobody_asked_for_end_the_connection(client):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
    async with raw_server([answer], [answer]) as (base, connections):
        await client.get(base)
        connections[0].write(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        assert (await client.get(base)).body == b"1"
        assert len(connections) == 2


async def test_silence_is_a_timeout(client):
    async with raw_server([b""]) as (base, _):
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base, timeout_s=0.05)
    assert caught.value.kind == "timeout"
    assert isinstance(caught.value, TransportError)


async def test_nobody_there_is_refused(client):
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    with pytest.raises(HttpTransportError) as caught:
        await client.get(f"http://127.0.0.1:{port}/")
    assert caught.value.kind == "refused"


@pytest.mark.parametrize(
    "url", ["", "/path", "ftp://h/", "http://", "http:///x", "http://h:0/", "http://h:99999/", "http://h:x/"]
)
async def test_a_bad_url_is_told(client, url):
    with pytest.raises(HttpTransportError) as caught:
        await client.get(url)
    assert caught.value.kind == "url"


async def test_a_header_with_a_line_break_is_never_sent(client):
    with pytest.raises(HttpTransportError) as caught:
        await client.get("http://127.0.0.1:1/", headers=[("X", "a\r\nb: c")])
    assert caught.value.kind == "url"


async def test_spaces_and_umlauts_in_a_url_are_encoded(client):
    async with running_server(echo) as base:
        assert (await client.get(f"{base}/a b?c=ä&d=%20")).get("X-Target") == "/a%20b?c=%C3%A4&d=%20"
        assert (await client.get(f"{base}?x=1")).get("X-Target") == "/?x=1"


async def test_a_cancelled_request_leaves_no_connection_behind(client):
    arrived = asyncio.Event()

    async def handler(request):
        arrived.set()
        await asyncio.Event().wait()

    async with running_server(handler) as base:
        task = asyncio.create_task(client.get(base))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_closing_ends_requests_under_way():
    arrived = asyncio.Event()

    async def handler(request):
        arrived.set()
        await asyncio.Event().wait()

    client = HttpClient()
    async with running_server(handler) as base:
        task = asyncio.create_task(client.get(base))
        await arrived.wait()
        await client.close()
        with pytest.raises(HttpTransportError) as caught:
            await task
    assert caught.value.kind == "closed"


async def test_every_message_is_recorded_with_its_connection():
    recorder = ListRecorder()
    async with HttpClient(recorder=recorder, local_ip="127.4.5.7") as client, running_server(echo) as base:
        await client.request("POST", f"{base}/a", body=b"one")
        await client.get(f"{base}/b")
        port = int(base.rpartition(":")[2])
    assert [record[0] for record in recorder.records] == ["sent", "received", "sent", "received"]
    assert {record[1:3] for record in recorder.records} == {("http", "tcp")}
    assert {record[4] for record in recorder.records} == {("127.0.0.1", port)}
    assert {record[3][0] for record in recorder.records} == {"127.4.5.7"}
    assert len({record[6] for record in recorder.records}) == 1
    assert recorder.records[0][5].startswith(b"POST /a HTTP/1.1\r\n")
    assert recorder.records[1][5].endswith(b"\r\n\r\none")
    assert Record(0, *recorder.records[0][1:]).protocol == "http"


async def test_a_part_of_an_answer_is_recorded_too():
    recorder = ListRecorder()
    async with (
        HttpClient(recorder=recorder) as client,
        raw_server([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"]) as (base, _),
    ):
        with pytest.raises(HttpTransportError):
            await client.get(base)
    assert recorder.records[1][5].endswith(b"short")


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """Server context with a certificate of its own, and a client context that trusts it."""
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "node.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


async def test_talks_tls_to_a_server_it_trusts(tls):
    server_context, client_context = tls
    recorder = ListRecorder()
    async with (
        running_server(echo, server_context) as base,
        HttpClient(ssl_context=client_context, recorder=recorder) as client,
    ):
        first = await client.request("POST", base, body=b"hello")
        second = await client.request("POST", base, body=b"again")
        assert (first.body, second.body) == (b"hello", b"again")
        assert first.get("X-Peer") == second.get("X-Peer")
    assert {record[2] for record in recorder.records} == {"tls"}
    assert recorder.records[1][5].endswith(b"hello")


async def test_an_untrusted_server_is_a_tls_failure(tls):
    async with running_server(echo, tls[0]) as base, HttpClient() as client:
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base)
    assert caught.value.kind == "tls"


async def test_a_server_without_tls_is_a_tls_failure(tls):
    async with running_server(echo) as base, HttpClient(ssl_context=tls[1]) as client:
        with pytest.raises(HttpTransportError) as caught:
            await client.get(base.replace("http:", "https:"))
    assert caught.value.kind == "tls"


async def test_a_server_that_hangs_up_during_the_handshake_is_a_tls_failure(tls):
    async def serve(reader, writer):
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server, HttpClient(ssl_context=tls[1]) as client:
        with pytest.raises(HttpTransportError) as caught:
            await client.get(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert caught.value.kind == "tls"
