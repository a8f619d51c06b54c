"""`emcc-emu up`: start the clusters of a lab and keep them running."""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from emcc_emu.control.api import ControlServer, parse_control_address
from emcc_emu.host.lab_host import LabHost, RunOptions, prepare_lab
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import Lab

__all__ = ["command", "draw_status"]

REFRESH_S = 0.5
"""Gap between two looks at the clusters while the screen is live."""

MAX_PHONES_SHOWN = 20
TRUNK_STYLES = {"Full Service": "green", "Partial Service": "yellow", "No Service": "red"}


@click.command("up")
@click.argument("lab_file", metavar="LAB", type=click.Path(path_type=Path))
@click.option(
    "--ready-file", type=click.Path(path_type=Path), help="Write where everything is to this file, once ready."
)
@click.option("--only", multiple=True, metavar="CLUSTER", help="Run this cluster only; repeat for more than one.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep databases and certificates in this directory.")
@click.option("--trace", type=click.Path(path_type=Path), help="Record packets into this directory.")
@click.option("--no-trace", is_flag=True, help="Record nothing.")
@click.option("--ephemeral", is_flag=True, help="Use a free block of loopback addresses instead of the lab's own.")
@click.option("--tftp-port", type=click.IntRange(0, 65535), help="UDP port of TFTP; real phones need 69.")
@click.option("--address", "addresses", multiple=True, metavar="NODE=IP", help="Put a node on this address.")
@click.option(
    "--control", metavar="HOST:PORT", help="The control API; 127.0.0.1:8090 if absent, any free port if --ephemeral."
)
@click.option("--restart", is_flag=True, help="Start a cluster again when its process has died.")
@click.option("--plain", is_flag=True, help="Print lines instead of a live screen.")
def command(
    lab_file: Path,
    ready_file: Path | None,
    only: tuple[str, ...],
    state: Path | None,
    trace: Path | None,
    no_trace: bool,
    ephemeral: bool,
    tftp_port: int | None,
    addresses: tuple[str, ...],
    control: str | None,
    restart: bool,
    plain: bool,
) -> int:
    """Start the clusters of LAB and keep them running until Ctrl-C.

    \b
    Examples:
      emcc-emu up fixtures/labs/two-clusters.yaml
      emcc-emu up lab.yaml --state ./state --ready-file ready.json
      sudo .venv/bin/emcc-emu up lab.yaml --address sj-pub=192.0.2.10 --tftp-port 69
      emcc-emu up lab.yaml --only tokyo --state ./state      one cluster per machine
    """
    loaded = load_lab(lab_file)
    if trace is None and state is None and not no_trace:
        trace = Path(tempfile.mkdtemp(prefix="emcc-emu-trace-"))
    options = RunOptions(only, state, trace, not no_trace, ephemeral, tftp_port, addresses, restart)
    address = parse_control_address(control or ("127.0.0.1:0" if ephemeral else "127.0.0.1"))
    lab = prepare_lab(loaded, options, random.Random())
    run = _Run(lab, options, lab_file, ready_file, address, plain or not sys.stdout.isatty())
    return asyncio.run(run.until_stopped())


class _Run:
    """One `emcc-emu up` from start to Ctrl-C."""

    def __init__(
        self,
        lab: Lab,
        options: RunOptions,
        lab_file: Path,
        ready_file: Path | None,
        control: tuple[str, int],
        is_plain: bool,
    ) -> None:
        self.lab = lab
        self.ready_file = ready_file
        self.is_plain = is_plain
        self.console = Console()
        self.host = LabHost(lab, options, str(lab_file), on_death=self.report_death, on_restart=self.report_restart)
        self.control = ControlServer(self.host, control)
        if not self.control.is_loopback:
            self.control.token = secrets.token_urlsafe(24)
        self.dead: list[str] = []
        self.is_announced = False

    async def until_stopped(self) -> int:
        """Run until SIGINT or SIGTERM; the exit status."""
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with self.console.status("Starting ...") if not self.is_plain else _nothing():
            starting = asyncio.ensure_future(self.host.__aenter__())
            stopped = asyncio.ensure_future(stop.wait())
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
                return 0
            stopped.cancel()
            starting.result()
        try:
            async with self.control:
                self.announce()
                await self.show_until(stop)
        finally:
            trace = self.host.trace_directory
            await self.host.__aexit__(None, None, None)
            if self.ready_file is not None and self.is_announced:
                self.ready_file.unlink(missing_ok=True)
            if trace is not None and self.is_announced:
                self.console.print(f"trace kept: emcc-emu ladder {trace}", soft_wrap=True)
        return 1 if self.dead else 0

    def announce(self) -> None:
        """Say that the lab is ready, and where."""
        ready = self.host.describe(self.control.url)
        if self.ready_file is not None:
            ready.write(self.ready_file)
        self.is_announced = True
        self.console.print(f"ready: {', '.join(self.host.cluster_names)}; control {self.control.url}")
        if self.control.token:
            self.console.print(f"control token: {self.control.token}")
        if ready.trace:
            self.console.print(f"trace: {ready.trace}")

    async def show_until(self, stop: asyncio.Event) -> None:
        """The live screen, or nothing when output is no terminal, until it is time to stop."""
        if self.is_plain:
            await stop.wait()
            return
        with Live(console=self.console, refresh_per_second=4, screen=False) as live:
            while not stop.is_set():
                live.update(draw_status(await self.host.status()))
                try:
                    async with asyncio.timeout(REFRESH_S):
                        await stop.wait()
                except TimeoutError:
                    continue

    def report_death(self, name: str) -> None:
        """A cluster died by itself."""
        self.dead.append(name)
        remedy = "starting it again" if self.host.options.restart else "it stays down; --restart would start it again"
        self.console.print(f"[red]cluster {name}: its process has died; {remedy}[/red]")

    def report_restart(self, name: str, failure: str) -> None:
        """A cluster that died runs again, or could not be started."""
        if failure:
            self.console.print(f"[red]cluster {name}: stays down: {failure}[/red]")
        else:
            self.console.print(f"cluster {name}: runs again")


def draw_status(status: dict[str, Any]) -> RenderableType:
    """The screen: one table per cluster."""
    return Group(*(_draw_cluster(name, entry) for name, entry in status.items()), Text("Ctrl-C stops the lab", "dim"))


def _draw_cluster(name: str, status: dict[str, Any] | None) -> RenderableType:
    if status is None:
        return Text(f"{name}: down", "bold red")
    calls = status["call_processing"]
    title = f"{name}  Cluster ID {status['cluster_id']}  release {status['version']}  {_in_numbers(status)}"
    table = Table(title=title, title_justify="left", expand=True)
    for heading in ("phone", "lines", "user", "node", "from"):
        table.add_column(heading)
    users = _users(status)
    phones = calls["registrations"]
    for phone in sorted(phones, key=lambda phone: str(phone["device"]))[:MAX_PHONES_SHOWN]:
        lines = " ".join(phone["lines"])
        table.add_row(phone["device"], lines, users.get(phone["device"], ""), phone["node"], phone["address"])
    parts: list[RenderableType] = [table]
    if len(phones) > MAX_PHONES_SHOWN:
        parts.append(Text(f"  … and {len(phones) - MAX_PHONES_SHOWN} more phones", "dim"))
    return Group(_draw_nodes(status), *parts, _draw_trunks(calls["trunks"]))


def _in_numbers(status: dict[str, Any]) -> str:
    base, calls = status["base_devices"], status["call_processing"]
    return (
        f"{calls['registered']} registered, {len(calls['calls'])} calls, "
        f"{base['in_use']} of {base['count']} EMCC base devices in use"
    )


def _users(status: dict[str, Any]) -> dict[str, str]:
    """Who is on which device, as far as the status lists them."""
    users = {login["device"]: login["user"] for login in status["logins"]["listed"]}
    for session in status["home_sessions"]["listed"]:
        users[session["device"]] = f"{session['user']} (EMCC from {session['visiting_cluster']})"
    return users


def _draw_nodes(status: dict[str, Any]) -> RenderableType:
    text = Text()
    for node in status["nodes"]:
        text.append(f"  {node['name']} ", "bold")
        text.append(f"{node['address']}  EM {node['http']} {node['https']}  TFTP {node['tftp']} {node['tftp_http']}\n")
    for gateway in status["call_processing"]["gateways"]:
        text.append(f"  {gateway['name']} ", "bold")
        text.append(f"{gateway['address']}  PSTN gateway, {gateway['up']} calls up\n")
    return text


def _draw_trunks(trunks: list[dict[str, Any]]) -> RenderableType:
    text = Text()
    for trunk in trunks:
        text.append(f"  trunk {trunk['name']} ", "bold")
        text.append(trunk["status"], TRUNK_STYLES.get(trunk["status"], "dim"))
        for peer in trunk["peers"]:
            states = ", ".join(f"{state} from {node}" for node, state in peer["nodes"].items())
            text.append(f"  {peer['cluster']} {peer['address']} {states}")
        text.append("\n")
    return text


class _nothing:
    """A context that does nothing."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...
