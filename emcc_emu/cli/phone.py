"""`emcc-emu phone`: boot one virtual phone and do what it is told."""

from __future__ import annotations

import asyncio
import random
import shlex
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import click

from emcc_emu.errors import EmccEmuError, InputError
from emcc_emu.host.ready import ReadyFile, read_ready_file
from emcc_emu.trace.recorder import Recorder
from phones.calls import CallState
from phones.downloads import FileServer
from phones.identity import MODELS, PhoneIdentity, find_model
from phones.phone import Phone
from phones.services import displayed_code

__all__ = ["Orders", "command"]

ORDERS_HELP = "login USER [PIN], logout, dial N, answer, hangup, screen, press KEY, select ENTRY, wait registered, quit"


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
    "--timeout", "timeout_s", default=30.0, show_default=True, help="Longest wait for any one thing, seconds."
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
    identity, servers, ca_file = _find(name, against, tftp, model, address)
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    recorder = _recorder(trace, against)
    try:
        phone = Phone(identity, servers, rng=random.Random(), recorder=recorder, ssl_context=context)
        asyncio.run(_run(phone, orders, _Pin(pin_file), timeout_s, stay))
    except KeyboardInterrupt:
        raise click.Abort from None
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
        return PhoneIdentity(name, find_model(model or "7821"), address or "0.0.0.0"), [_file_server(tftp)], ""
    ready = read_ready_file(against)
    phone = next((phone for phone in ready.phones if phone.name == name), None)
    if phone is None:
        raise InputError(
            f"the lab has no phone {name}; it has {', '.join(entry.name for entry in ready.phones[:8])} ..."
        )
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


def _file_server(text: str) -> FileServer:
    host, _, port = text.partition(":")
    if not host or (port and not port.isdigit()):
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

    def read(self) -> str:
        if self._path is not None:
            try:
                return self._path.read_text().splitlines()[0].strip()
            except (OSError, IndexError):
                raise InputError(f"--pin-file {self._path}: no PIN could be read from it") from None
        if not sys.stdin.isatty():
            raise InputError("login: give the PIN in the order or with --pin-file")
        pin: str = click.prompt("PIN", hide_input=True)
        return pin


async def _run(phone: Phone, orders: tuple[str, ...], pin: _Pin, timeout_s: float, stay: bool) -> None:
    async with phone:
        taker = Orders(phone, pin.read, timeout_s)
        async for order in _listed(orders) if orders else _typed():
            if order.strip() in ("quit", "exit"):
                return
            if order.strip() and not order.lstrip().startswith("#"):
                await taker.obey(order)
        if stay:
            await asyncio.Event().wait()


async def _listed(orders: tuple[str, ...]) -> AsyncIterator[str]:
    for order in orders:
        yield order


async def _typed() -> AsyncIterator[str]:
    """Lines of standard input; the phone lives on while nothing is typed."""
    loop = asyncio.get_running_loop()
    if sys.stdin.isatty():
        click.echo(f"orders: {ORDERS_HELP}", err=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        yield line


class Orders:
    """Obeys the orders of one phone.

    Args:
        phone: The phone.
        read_pin: Gives the PIN when an order has none.
        timeout_s: Longest wait for any one thing.
    """

    def __init__(self, phone: Phone, read_pin: Callable[[], str], timeout_s: float) -> None:
        self._phone = phone
        self._read_pin = read_pin
        self._timeout_s = timeout_s
        self._orders: dict[str, Callable[[list[str]], Awaitable[None]]] = {
            "login": self._login,
            "logout": self._logout,
            "dial": self._dial,
            "answer": self._answer,
            "hangup": self._hangup,
            "screen": self._screen,
            "press": self._press,
            "select": self._select,
            "wait": self._wait,
        }

    async def obey(self, order: str) -> None:
        """Do one order.

        Raises:
            InputError: there is no such order, or its words are wrong.
            EmccEmuError: it could not be done.
        """
        verb, *words = shlex.split(order)
        action = self._orders.get(verb.lower())
        if action is None:
            raise InputError(f"no such order: {verb!r}; there are {ORDERS_HELP}")
        await action(words)

    async def _login(self, words: list[str]) -> None:
        if not 1 <= len(words) <= 2:
            raise InputError("write it as: login USER [PIN]")
        await self._registered()
        pin = words[1] if len(words) == 2 else self._read_pin()
        before = self._phone.registrations
        await self._phone.login(words[0], pin)
        await self._outcome("login", before)

    async def _logout(self, words: list[str]) -> None:
        await self._registered()
        before = self._phone.registrations
        await self._phone.logout()
        await self._outcome("logout", before)

    async def _outcome(self, what: str, before: int) -> None:
        """Say what the page said, and wait until the phone is back."""
        page = self._phone.browser.page
        code = displayed_code(page)
        if code is not None or page is None:
            raise OrderFailed(f"{what} failed:\n{self._phone.draw()}")
        await self._phone.wait_registered(after=before, timeout_s=self._timeout_s)
        node = self._phone.registered_at
        where = f"{node[0]}:{node[1]}" if node else "nowhere"
        click.echo(f"{what} ok: {self._phone.identity.name} has {', '.join(self._phone.directory_numbers)} at {where}")

    async def _dial(self, words: list[str]) -> None:
        if len(words) != 1:
            raise InputError("write it as: dial NUMBER")
        await self._registered()
        call = await self._phone.dial(words[0])
        await self._phone.wait_until(lambda: call.state in (CallState.CONNECTED, CallState.ENDED), self._timeout_s)
        if call.state is CallState.ENDED:
            raise OrderFailed(f"call to {words[0]} failed: {call.end_reason}")
        click.echo(f"connected: {call.describe()}")

    async def _answer(self, words: list[str]) -> None:
        await self._phone.wait_until(lambda: self._phone.calls.ringing is not None, self._timeout_s)
        call = self._phone.calls.ringing
        assert call is not None  # just waited for
        self._phone.calls.answer(call)
        await self._phone.wait_until(lambda: call.state is not CallState.RINGING, self._timeout_s)
        click.echo(f"answered: {call.describe()}")

    async def _hangup(self, words: list[str]) -> None:
        await self._phone.calls.hang_up_all()

    async def _screen(self, words: list[str]) -> None:
        click.echo(self._phone.draw())

    async def _press(self, words: list[str]) -> None:
        await self._phone.press(" ".join(words))
        click.echo(self._phone.draw())

    async def _select(self, words: list[str]) -> None:
        await self._phone.browser.select(" ".join(words))
        click.echo(self._phone.draw())

    async def _wait(self, words: list[str]) -> None:
        if words != ["registered"]:
            raise InputError("write it as: wait registered")
        await self._registered()
        node = self._phone.registered_at
        click.echo(f"registered: {', '.join(self._phone.directory_numbers)} at {node[0] if node else 'nowhere'}")

    async def _registered(self) -> None:
        await self._phone.wait_registered(timeout_s=self._timeout_s)


class OrderFailed(EmccEmuError):
    """An order was understood and could not be carried out."""
