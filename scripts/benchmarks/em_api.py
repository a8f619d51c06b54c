"""EM API throughput beside an aiohttp application that says hello, both over kept-alive connections.

Run it for itself: `python scripts/benchmarks/em_api.py`.  Rates are per second of the server's own CPU time.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote_plus

import common
import lab
import sip_load
from aiohttp import web

CONNECTIONS = 64
QUERY = (
    "<query><appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"
    "<deviceUserQuery><deviceName>SEP02CC00000001</deviceName></deviceUserQuery></query>"
)


def run(rounds: int = 5, seconds: float = 1.0) -> dict[str, common.Comparison]:
    """Measure both servers in turn, `rounds` times."""
    ours: list[float] = []
    hello: list[float] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(lab.running_lab("bench-lab.yaml", folder, core=common.SERVER_CORE))
        node = running.node("bench")
        port = common.free_udp_port()
        peer = stack.enter_context(common.child([sys.executable, str(Path(__file__)), "--hello", str(port)]))
        common.wait_for(lambda: accepts(port), peer)
        for _ in range(rounds):
            ours.append(measure("query", running.process, node["address"], node["http"], seconds))
            hello.append(measure("hello", peer, "127.0.0.1", port, seconds))
    return {"EMService deviceUserQuery": common.compare("requests/s", ours, {"aiohttp's hello": hello})}


def accepts(port: int) -> bool:
    """Whether something listens on the port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def measure(kind: str, server: subprocess.Popen[bytes], address: str, port: int, seconds: float) -> float:
    """One round of load on its own core; answers per second of the server's CPU time."""
    command = [sys.executable, str(Path(__file__)), "--load", kind, address, str(port), str(seconds)]
    before = common.cpu_s(server)
    output = subprocess.run(command, preexec_fn=common.pin(common.LOAD_CORE), check=True, capture_output=True)
    return int(output.stdout) / (common.cpu_s(server) - before)


def load(kind: str, address: str, port: int, seconds: float) -> int:
    """Ask over and over on every connection; the number of answers.

    It looks once a tick, for the reasons that `sip_load` has.
    """
    body = f"xml={quote_plus(QUERY)}".encode()
    query = (
        f"POST /emservice/EMServiceServlet HTTP/1.1\r\nHost: {address}:{port}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    request = query if kind == "query" else f"GET / HTTP/1.1\r\nHost: {address}:{port}\r\n\r\n".encode()
    expected = b"deviceUserResults" if kind == "query" else b"hello"
    connections = {}
    poll = select.epoll()
    for _ in range(CONNECTIONS):
        connection = socket.create_connection((address, port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[connection.fileno()] = connection
        poll.register(connection, select.EPOLLIN)
        connection.send(request)
    answered = 0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        time.sleep(sip_load.TICK_S)
        for number, _ in poll.poll(0):
            connection = connections[number]
            if expected not in connection.recv(65536):
                raise SystemExit("a wrong answer")
            answered += 1
            connection.send(request)
    return answered


async def _hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def serve_hello(port: int) -> None:
    """The peer: aiohttp as in its own documentation."""
    app = web.Application()
    app.add_routes([web.get("/", _hello)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--hello"]:
        serve_hello(int(sys.argv[2]))
    elif sys.argv[1:2] == ["--load"]:
        print(load(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
    else:
        print(json.dumps(run(), indent=2))
