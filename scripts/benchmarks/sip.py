"""SIP throughput: OPTIONS beside Kamailio, SIPp and a bare socket; REGISTER beside our own OPTIONS.

Run it for itself: `python scripts/benchmarks/sip.py`.  Every server is alone on one core, the load on the other; rates
are per second of the server's own CPU time.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import common
import lab

FOLDER = Path(__file__).resolve().parent
OURS = "emcc-emu"
TRUNK_PEER = "127.1.0.90"
"""Where the load comes from: the destination of the lab's trunk, which a cluster answers."""

REGISTERS = ("refresh", "register")

KAMAILIO = """
#!KAMAILIO
debug=0
log_stderror=yes
fork=yes
children=1
listen=udp:{address}:{port}
disable_tcp=yes
loadmodule "sl.so"
request_route {{
    sl_send_reply("200", "OK");
}}
"""

SIPP_UAS = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="OPTIONS UAS">
<recv request="OPTIONS" crlf="true"></recv>
<send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[call_number]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

]]></send>
</scenario>
"""


class Server(NamedTuple):
    """A server under load."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]


def run(rounds: int = 7, seconds: float = 0.8) -> dict[str, common.Comparison]:
    """Measure all servers in turn, `rounds` times."""
    rates: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        ours = our_server(stack.enter_context(lab.running_lab("bench-lab.yaml", folder, core=common.SERVER_CORE)))
        servers = {OURS: ours} | peers(stack, folder)
        for _ in range(rounds):
            for name, server in servers.items():
                rates.setdefault(name, []).append(measure("options", server, seconds))
            for kind in REGISTERS:
                rates.setdefault(kind, []).append(measure(kind, ours, seconds))
    options = rates[OURS]
    result = {"OPTIONS": common.compare("requests/s", options, {name: rates[name] for name in servers if name != OURS})}
    for kind, label in zip(REGISTERS, ("REGISTER, refresh", "REGISTER, first"), strict=True):
        result[label] = common.compare("registrations/s", rates[kind], {"our OPTIONS": options})
    return result


def our_server(running: lab.Lab) -> Server:
    """The SIP port of a running cluster."""
    node = running.node("bench")
    return Server(running.process, (node["address"], node["sip"]))


def peers(stack: contextlib.ExitStack, folder: Path) -> dict[str, Server]:
    """The foreign servers that this machine has, and the bare socket."""
    servers: dict[str, Server] = {}

    def start(name: str, command: list[str], port: int) -> None:
        process = stack.enter_context(common.child(command))
        common.wait_for(lambda: answers(port), process)
        servers[name] = Server(process, ("127.0.0.1", port))

    port = common.free_udp_port()
    start("a bare socket", [sys.executable, str(Path(__file__)), "--bare", str(port)], port)
    if kamailio := shutil.which("kamailio", path="/usr/sbin:/usr/bin"):
        port = common.free_udp_port()
        config = folder / "kamailio.cfg"
        config.write_text(KAMAILIO.format(address="127.0.0.1", port=port))
        start("Kamailio", [kamailio, "-f", str(config), "-DD", "-E", "-Y", str(folder)], port)
    if sipp := shutil.which("sipp"):
        port = common.free_udp_port()
        scenario = folder / "uas.xml"
        scenario.write_text(SIPP_UAS)
        start("SIPp", [sipp, "-sf", str(scenario), "-i", "127.0.0.1", "-p", str(port), "-nostdin"], port)
    return servers


def answers(port: int) -> bool:
    """Whether a server answers OPTIONS on that port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect(("127.0.0.1", port))
        local = probe.getsockname()[1]
        probe.send(
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{local};branch=z9hG4bKprobe{local}\r\n"
            "From: <sip:probe@127.0.0.1>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: probe\r\nCSeq: 1 OPTIONS\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n".encode()
        )
        try:
            return bool(probe.recv(2048))
        except OSError:
            return False


def measure(kind: str, server: Server, seconds: float) -> float:
    """One round of load; answers per second of the server's CPU time."""
    ip, port = server.address
    command = [sys.executable, str(FOLDER / "sip_load.py"), kind, ip, str(port), TRUNK_PEER, str(seconds)]
    before = common.cpu_s(server.process)
    output = subprocess.run(
        command, preexec_fn=common.pin(common.LOAD_CORE), check=True, capture_output=True, timeout=seconds + 30
    )
    return int(output.stdout) / (common.cpu_s(server.process) - before)


def serve_bare(port: int) -> None:
    """A drained socket that answers with a response built from strings: what asyncio can do at most."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    receiver.setblocking(False)
    receiver.bind(("127.0.0.1", port))
    kept = ("Via:", "From:", "Call-ID:", "CSeq:")

    def drain() -> None:
        for _ in range(64):
            try:
                datagram, peer = receiver.recvfrom(65535)
            except BlockingIOError:
                return
            lines = datagram.decode().split("\r\n")
            head = "\r\n".join([line for line in lines if line.startswith(kept)])
            to = next(line for line in lines if line.startswith("To:"))
            receiver.sendto(f"SIP/2.0 200 OK\r\n{head}\r\n{to};tag=1\r\nContent-Length: 0\r\n\r\n".encode(), peer)

    loop = asyncio.new_event_loop()
    loop.add_reader(receiver, drain)
    loop.run_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        serve_bare(int(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=2))
