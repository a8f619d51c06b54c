"""TFTP throughput beside atftpd and tftpd-hpa: an 8 kB file, 50 clients at a time, the server alone on one core.

Run it for itself: `python scripts/benchmarks/tftp.py`.  The two foreign servers are Debian packages that exclude each
other, so they are downloaded and unpacked into a temporary directory, never installed.  Rates are per second of the
clock: tftpd-hpa starts a process for every file and nobody counts their CPU time.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import common

from emcc_emu.net.tftp_server import TftpServer

FILENAME = "SEP001122334455.cnf.xml"
SIZE_BYTES = 8192
CLIENTS = 50
SETTINGS = {
    "blksize 512": {},
    "blksize 1428": {"blksize": 1428},
}
OURS = "emcc-emu"
PACKAGES = ("atftpd", "tftpd-hpa", "libwrap0")


def run(rounds: int = 5, seconds: float = 0.6, has_peers: bool = True) -> dict[str, common.Comparison]:
    """Measure all servers in turn, `rounds` times.

    Args:
        rounds: How often.
        seconds: How long each time.
        has_peers: Whether to download the foreign servers; one that cannot be had is missing from the comparison.
    """
    rates: dict[str, dict[str, list[float]]] = {setting: {} for setting in SETTINGS}
    with contextlib.ExitStack() as stack:
        servers = _start_servers(stack, has_peers)
        for _ in range(rounds):
            for setting, options in SETTINGS.items():
                for name, port in servers.items():
                    rates[setting].setdefault(name, []).append(_measure(port, options, seconds))
    return {
        f"TFTP, {setting}": common.compare("files/s", by_server.pop(OURS), by_server)
        for setting, by_server in rates.items()
    }


def _measure(port: int, options: dict[str, int], seconds: float) -> float:
    command = [sys.executable, __file__, "--load", str(port), "--seconds", str(seconds)]
    command += ["--options", json.dumps(options)]
    finished = subprocess.run(
        command, check=True, capture_output=True, text=True, preexec_fn=common.pin(common.LOAD_CORE)
    )
    return float(finished.stdout)


# --- servers ---------------------------------------------------------------------------------------------------------


def _start_servers(stack: contextlib.ExitStack, has_peers: bool) -> dict[str, int]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="emcc-emu-tftp-")))
    served = folder / "served"
    served.mkdir()
    (served / FILENAME).write_bytes(_content())
    folder.chmod(0o755)
    commands = {OURS: [sys.executable, __file__, "--serve", "PORT"]}
    commands |= _foreign_commands(folder, served) if has_peers else {}
    environment = os.environ | {"LD_LIBRARY_PATH": str(folder / "usr/lib/x86_64-linux-gnu")}
    servers = {}
    for name, command in commands.items():
        port = common.free_udp_port()
        stack.enter_context(
            common.child([part.replace("PORT", str(port)) for part in command], environment=environment)
        )
        if _answers(port):
            servers[name] = port
        elif name == OURS:
            raise RuntimeError("our own server did not start")
    return servers


def _foreign_commands(folder: Path, served: Path) -> dict[str, list[str]]:
    """Unpack the packages; an empty result where there is no Debian, no network or no way to run them."""
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return {}
    for package in PACKAGES:
        got = subprocess.run(["apt-get", "download", package], cwd=folder, capture_output=True)
        if got.returncode:
            return {}
    for archive in folder.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)
    for library in (folder / "lib").glob("*/*"):
        target = folder / "usr/lib" / library.parent.name
        target.mkdir(parents=True, exist_ok=True)
        library.rename(target / library.name)
    atftpd = ["--daemon", "--no-fork", "--port", "PORT", "--bind-address", "127.0.0.1", "--maxthread", "500"]
    return {
        "atftpd": [str(folder / "usr/sbin/atftpd"), *atftpd, "--verbose=0", "--user", "root.root", str(served)],
        "tftpd-hpa": [
            str(folder / "usr/sbin/in.tftpd"), "-L", "-a", "127.0.0.1:PORT", "-u", "root", "-s", str(served),
        ],
    }  # fmt: skip


def _answers(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        for _ in range(25):
            probe.sendto(_request({}), ("127.0.0.1", port))
            with contextlib.suppress(TimeoutError):
                datagram, peer = probe.recvfrom(2048)
                probe.sendto(b"\0\5\0\0enough\0", peer)
                return datagram[:4] == b"\0\3\0\1"
    return False


async def serve(port: int) -> None:
    """Serve the file until killed."""
    files = {FILENAME: _content()}
    async with TftpServer(("127.0.0.1", port), lambda name, _: files.get(name)):
        await asyncio.Event().wait()


def _content() -> bytes:
    return bytes(range(256)) * (SIZE_BYTES // 256)


# --- load ------------------------------------------------------------------------------------------------------------


def load(port: int, options: dict[str, int], seconds: float) -> float:
    """Fetch the file over and over with all clients; return whole files per second."""
    clients = {client.fileno(): client for client in _clients(port, options)}
    poll = select.epoll()
    for number, client in clients.items():
        poll.register(number, select.EPOLLIN)
        client.start()
    begin = time.perf_counter()
    end = begin + seconds
    next_check = begin + 0.5
    while (now := time.perf_counter()) < end:
        for number, _ in poll.poll(0.1):
            clients[number].receive()
        if now >= next_check:  # whoever got nothing for half a second asks again
            next_check = now + 0.5
            for client in clients.values():
                client.restart_if_stuck()
    return sum(client.files for client in clients.values()) / (time.perf_counter() - begin)


def _clients(port: int, options: dict[str, int]) -> Iterator[_Client]:
    request = _request(options)
    blocks = SIZE_BYTES // options.get("blksize", 512) + 1
    for _ in range(CLIENTS):
        yield _Client(port, request, blocks)


class _Client:
    """One client that knows what to expect, so that it costs as little as can be."""

    def __init__(self, port: int, request: bytes, blocks: int) -> None:
        self._server = ("127.0.0.1", port)
        self._request = request
        self._blocks = blocks
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.fileno = self._socket.fileno
        self.files = 0
        self._seen = (-1, -1)

    def start(self) -> None:
        self._source: tuple[str, int] | None = None
        self._block = 1
        self._socket.sendto(self._request, self._server)

    def restart_if_stuck(self) -> None:
        seen = (self.files, self._block)
        if seen == self._seen:
            self.start()
        self._seen = seen

    def receive(self) -> None:
        datagram, peer = self._socket.recvfrom(2048)
        if self._source is None:
            self._source = peer
        elif peer != self._source:
            return
        if datagram[1] == 6:
            self._socket.sendto(b"\0\4\0\0", peer)
        elif datagram[1] == 3 and datagram[3] == self._block:
            self._socket.sendto(b"\0\4" + datagram[2:4], peer)
            self._block += 1
            if self._block > self._blocks:
                self.files += 1
                self.start()


def _request(options: dict[str, int]) -> bytes:
    return b"\0\1" + "".join(f"{part}\0" for part in [FILENAME, "octet", *_pairs(options)]).encode()


def _pairs(options: dict[str, int]) -> list[str]:
    return [str(part) for pair in options.items() for part in pair]


def main() -> None:
    parser = argparse.ArgumentParser(description="TFTP throughput beside atftpd and tftpd-hpa.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--serve", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--load", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--options", default="{}", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.serve))
    elif arguments.load:
        print(load(arguments.load, json.loads(arguments.options), arguments.seconds))
    else:
        print(json.dumps(run(arguments.rounds, arguments.seconds), indent=2))


if __name__ == "__main__":
    main()
