"""`emcc-emu phone`: boot one virtual phone and do what it is told."""

from __future__ import annotations

import asyncio
import difflib
import random
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import click

from emcc_emu.cli.phone_orders import ORDERS_HELP, Orders, check_order
from emcc_emu.cli.typed_lines import TypedLines, in_thread
from emcc_emu.errors import EmccEmuError, InputError, TransportError
from emcc_emu.host.ready import ReadyFile, read_ready_file
from emcc_emu.net.sip_tcp import local_ip_towards
from emcc_emu.trace.recorder import Recorder
from phones.downloads import FileServer
from phones.identity import MODELS, PhoneIdentity, find_model
from phones.phone import Phone

__all__ = ["command", "file_servers"]

DEFAULT_MODEL = "7821"


@click.command("phone")
@click.argument("name", metavar="NAME")
@click.option("--against", type=click.Path(path_type=Path), metavar="READY_FILE", help="The lab that wrote this file.")
@click.option("--tftp", metavar="HOST[:PORT]", help="The TFTP server to boot from, instead of a lab.")
@click.option(
    "--do", "orders", multiple=True, metavar="ORDER", help="Do this; repeat for more. Else read standard input."
)
@click.option("--pin-file", type=click.Path(path_type=Path), help="File whose first line is the PIN.")
@click.option("--model", default="", help=f"Phone model: {', '.join(model.name for model in MODELS)}.")
@click.option("--address", default="", help="Source address of the phone.")
@click.option("--trace", type=click.Path(path_type=Path), help="Record what the phone sends and receives.")
@click.option("--stay", is_flag=True, help="Stay registered after the last order, until Ctrl-C.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    help="Longest wait for any one thing, seconds.",
)
def command(
    name: str,
    against: Path | None,
    tftp: str | None,
    orders: tuple[str, ...],
    pin_file: Path | None,
    model: str,
    address: str,
    trace: Path | None,
    stay: bool,
    timeout_s: float,
) -> None:
    """Boot the phone NAME and do what it is told.

    \b
    Orders: login USER [PIN], logout, dial N, answer, hangup, screen, press KEY,
            select ENTRY, wait registered, quit

    \b
    Examples:
      emcc-emu phone SEP001122334455 --against ready.json --do "wait registered" --do screen
      emcc-emu phone SEP001122334455 --tftp 192.0.2.10:69 --do "login ayamada" --pin-file pin.txt
    """
    for order in orders:
        check_order(order)
    identity, servers, ca_file = _find(name.upper(), against, tftp, model, address)
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    recorder = _recorder(trace, against)
    try:
        phone = Phone(identity, servers, rng=random.Random(), recorder=recorder, ssl_context=context)
        asyncio.run(_run(phone, orders, _Pin(pin_file), timeout_s, stay))
    finally:
        if recorder is not None:
            recorder.close()


def _find(
    name: str, against: Path | None, tftp: str | None, model: str, address: str
) -> tuple[PhoneIdentity, list[FileServer], str]:
    """Who the phone is, where it boots, and which certificates it trusts.

    Raises:
        InputError: neither or both ways were given, or the lab has no such phone.
    """
    if (against is None) == (tftp is None):
        raise InputError("say where to boot from: --against READY_FILE, or --tftp HOST[:PORT]")
    if against is None:
        assert tftp is not None  # one of the two is given
        server = _file_server(tftp)
        identity = PhoneIdentity(name, find_model(model or DEFAULT_MODEL), address or _own_address(server.address))
        return identity, [server], ""
    ready = read_ready_file(against)
    phone = next((phone for phone in ready.phones if phone.name == name), None)
    if phone is None:
        raise InputError(f"the lab has no phone {name}; {_nearest_phones(name, ready)}")
    servers = file_servers(ready, phone.cluster)
    identity = PhoneIdentity(name, find_model(model or phone.model), address or phone.address or "127.0.0.1")
    return identity, servers, ready.ca_file


def file_servers(ready: ReadyFile, cluster: str) -> list[FileServer]:
    """The TFTP servers of a cluster, as DHCP option 150 would give them.

    Raises:
        InputError: the cluster does not run here.
    """
    if cluster not in ready.clusters:
        raise InputError(f"cluster {cluster} does not run here; {', '.join(ready.clusters)} do")
    return [FileServer(node.address, node.tftp, node.tftp_http) for node in ready.clusters[cluster].nodes]


def _nearest_phones(name: str, ready: ReadyFile) -> str:
    names = [entry.name for entry in ready.phones]
    nearest = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {nearest[0]}?" if nearest else f"it has {', '.join(names[:8])}"


def _own_address(server: str) -> str:
    """The address from which this machine reaches a server."""
    try:
        return local_ip_towards((socket.gethostbyname(server), 1))
    except (OSError, TransportError) as error:
        raise InputError(f"--tftp {server!r}: {error}") from None


def _file_server(text: str) -> FileServer:
    host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 65536)):
        raise InputError(f"--tftp {text!r}: write it as HOST or HOST:PORT, for example 192.0.2.10:69")
    return FileServer(host, int(port or 69))


def _recorder(trace: Path | None, against: Path | None) -> Recorder | None:
    """Records the phone's packets; a lab of ours records them itself."""
    if trace is None:
        return None
    if against is not None:
        raise InputError("--trace: the lab records this phone's packets already; see its own trace directory")
    return Recorder(trace, recorder_name="phone", is_recorded_peer=lambda _: False)


class _Pin:
    """Where the PIN comes from when an order leaves it out: a file, or a prompt."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def read(self) -> str:
        """The PIN.

        Raises:
            InputError: There is no terminal to ask at, or the file cannot be read.
        """
        if self._path is not None:
            try:
                return self._path.read_text().splitlines()[0].strip()
            except (OSError, IndexError, UnicodeDecodeError):
                raise InputError(f"--pin-file {self._path}: no PIN could be read from it") from None
        if not sys.stdin.isatty():
            raise InputError("login: give the PIN in the order or with --pin-file")
        return await in_thread(lambda: str(click.prompt("PIN", hide_input=True, err=True)))


async def _run(phone: Phone, orders: tuple[str, ...], pin: _Pin, timeout_s: float, stay: bool) -> None:
    """Do all orders, then leave or stay; SIGINT and SIGTERM end either, and the phone unregisters in any case."""
    loop = asyncio.get_running_loop()
    work = loop.create_task(_work(phone, orders, pin, timeout_s, stay))
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        if not stay:
            raise click.Abort from None
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _work(phone: Phone, orders: tuple[str, ...], pin: _Pin, timeout_s: float, stay: bool) -> None:
    async with phone:
        taker = Orders(phone, pin.read, timeout_s)
        async for order in _listed(orders) if orders else _typed():
            if order in ("quit", "exit"):
                return
            try:
                await taker.obey(order)
            except EmccEmuError as error:
                if orders or not sys.stdin.isatty():
                    raise
                click.echo(f"error: {error}", err=True)
        if stay:
            await asyncio.Event().wait()


async def _listed(orders: tuple[str, ...]) -> AsyncIterator[str]:
    for order in orders:
        yield order.strip()


async def _typed() -> AsyncIterator[str]:
    """Lines of standard input without comments and empty ones; the phone lives on while nothing is typed."""
    if sys.stdin.isatty():
        click.echo(f"orders: {ORDERS_HELP}", err=True)
    lines = TypedLines(sys.stdin.fileno())
    while (line := await lines.read()) is not None:
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()
