"""One run of a load from the command line: the lab or its ready file, the fleet, the watch, the screen, the outcome."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from emcc_emu.cli.load_keys import Keys
from emcc_emu.cli.load_metrics import LoadMetrics
from emcc_emu.cli.load_screen import draw_progress
from emcc_emu.control.api import ControlServer
from emcc_emu.errors import EmccEmuError, InputError, TransportError
from emcc_emu.host.lab_host import LabHost, RunOptions, prepare_lab
from emcc_emu.host.limits import SPARE_DESCRIPTORS, raise_descriptor_limit
from emcc_emu.host.ready import ReadyFile, read_ready_file
from emcc_emu.lab.load import load_lab
from emcc_emu.net.sip_tcp import local_ip_towards
from emcc_emu.settings.counting import counted_copies
from emcc_emu.settings.declaration import Settings
from emcc_emu.trace.ladder import LadderStyle, draw_ladder
from emcc_emu.trace.reader import open_trace
from phones.load.arrivals import profile_of
from phones.load.director import Director, split_job
from phones.load.messages import FileServerJob, PhoneJob, Progress, ShardJob
from phones.load.outcome import LoadOutcome
from phones.load.thresholds import Expectation, check_expectations
from phones.load.watch import INVARIANTS, ClusterWatch
from phones.scenario import PhonePool, Scenario

if TYPE_CHECKING:
    from phones.load.dask_crew import DaskCrew

__all__ = ["LoadRun", "LoadTarget", "RunSettings", "running_target"]

DESCRIPTORS_PER_PHONE = 2
"""Its SIP connection, and now and then a page or a file."""

PHONES_PER_WORKER = 5_000
"""One process carries so many phones well; more get further processes."""

RATE_STEP = 1.25
REFRESH_S = 0.25
DEFAULT_TFTP_PORT, DEFAULT_TFTP_HTTP_PORT = 69, 6970


@dataclass(frozen=True, slots=True)
class RunSettings:
    """How a run was asked for, besides its scenario."""

    expectations: tuple[Expectation, ...] = ()
    workers: int | None = None
    metrics_port: int | None = None
    is_told: bool = False
    """Whether every step of the phones is printed."""
    control: str = ""
    crew: DaskCrew | None = None
    """Workers on other machines; None for processes of this one."""


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """What a load is driven against."""

    phones: tuple[PhoneJob, ...]
    file_servers: tuple[FileServerJob, ...]
    ca_pem: str = ""
    control: str = ""
    """URL of the control API; empty against clusters that have none."""
    trace: str = ""


class _NamedPhone(Settings, frozen=True, kw_only=True):
    name: str
    count: int = 1


@contextlib.asynccontextmanager
async def running_target(
    scenario: Scenario, scenario_file: Path, against: Path | None, options: RunOptions, console: Console
) -> AsyncIterator[LoadTarget]:
    """The clusters of a run: those of a ready file, those of others, or the scenario's lab, started for it.

    Raises:
        InputError: There are none, or they do not have the phones.
    """
    if against is not None:
        yield _target_of_lab(scenario, read_ready_file(against))
    elif scenario.phones.tftp:
        yield _target_of_others(scenario.phones)
    elif not scenario.lab:
        raise InputError(f"{scenario_file}: names no lab; add one, or run it --against READY_FILE")
    else:
        lab = prepare_lab(load_lab(scenario_file.parent / scenario.lab), options, random.Random())
        with console.status("Starting the lab ..."):
            host = await LabHost(lab, options, scenario.lab).__aenter__()
        try:
            async with ControlServer(host, ("127.0.0.1", 0)) as control:
                yield _target_of_lab(scenario, host.describe(control.url))
        finally:
            await host.__aexit__(None, None, None)


def _target_of_lab(scenario: Scenario, ready: ReadyFile) -> LoadTarget:
    wanted = scenario.phones
    if wanted.cluster not in ready.clusters:
        raise InputError(f"phones.cluster {wanted.cluster!r}: the clusters that run are {', '.join(ready.clusters)}")
    found = [phone for phone in ready.phones if phone.cluster == wanted.cluster and phone.model != "Third-party SIP"]
    if len(found) < wanted.count:
        raise InputError(f"phones.count {wanted.count}: cluster {wanted.cluster} of the lab has {len(found)} phones")
    return LoadTarget(
        tuple(PhoneJob(phone.name, phone.model, phone.address) for phone in found[: wanted.count]),
        tuple(FileServerJob(node.address, node.tftp, node.tftp_http) for node in ready.clusters[wanted.cluster].nodes),
        _read_certificates(ready.ca_file),
        ready.control,
        ready.trace,
    )


def _target_of_others(wanted: PhonePool) -> LoadTarget:
    names = counted_copies(_NamedPhone(name=wanted.name), wanted.count)
    servers = []
    for text in wanted.tftp:
        host, _, port = text.partition(":")
        if port and not port.isdecimal():
            raise InputError(f"phones.tftp {text!r}: write it as HOST or HOST:PORT")
        servers.append(FileServerJob(host, int(port or DEFAULT_TFTP_PORT), DEFAULT_TFTP_HTTP_PORT))
    try:
        local_ip_towards((socket.gethostbyname(servers[0].address), 1))
    except (OSError, TransportError) as error:
        raise InputError(f"phones.tftp {wanted.tftp[0]!r}: {error}") from None
    return LoadTarget(tuple(PhoneJob(phone.name, wanted.model, "") for phone in names), tuple(servers))


def _read_certificates(ca_file: str) -> str:
    """What the phones trust; they may be on machines that do not have the file."""
    try:
        return Path(ca_file).read_text()
    except OSError:
        return ""


def workers_needed(phones: int, asked: int | None) -> int:
    """How many processes carry the phones: as many as asked, but at least as many as the descriptor limit needs.

    Raises:
        InputError: Those asked for are too few; the text names the number.
    """
    limit = raise_descriptor_limit()
    each = PHONES_PER_WORKER
    if limit > 0:  # RLIM_INFINITY is negative
        each = min(each, max(1, (limit - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_PHONE))
        most = max(1, (limit - SPARE_DESCRIPTORS) // DESCRIPTORS_PER_PHONE)
        if asked is not None and asked * most < phones:
            raise InputError(
                f"--workers {asked}: a process may open {limit} descriptors, which is enough for {most} phones; "
                f"{phones} phones need --workers {-(-phones // most)}, or a higher limit: ulimit -Hn"
            )
    return asked if asked is not None else -(-phones // each)


def _carriers_word(count: int, crew: DaskCrew | None) -> str:
    if crew is not None:
        return "Dask workers" if count > 1 else "Dask worker"
    return "processes" if count > 1 else "process"


class LoadRun:
    """One run.

    Args:
        scenario: What happens.
        target: Against whom.
        settings: How it was asked for.
        console: Where it is told.
    """

    def __init__(self, scenario: Scenario, target: LoadTarget, settings: RunSettings, console: Console) -> None:
        self.scenario = scenario
        self.target = target
        self.settings = settings
        self.console = console
        self.profile = profile_of(scenario.load)
        job = ShardJob(scenario, target.phones, target.file_servers, target.ca_pem, journal=settings.is_told)
        crew = settings.crew
        self.shards = split_job(job, len(crew) if crew else workers_needed(len(target.phones), settings.workers))
        self.director = Director(self.shards, crew.carriers() if crew else (), on_progress=self._tell)
        phones = frozenset(phone.name for phone in target.phones)
        self.watch = ClusterWatch(
            settings.control or target.control, self.director.violate, phones, scenario.phones.cluster
        )
        self.is_stopped = False
        self._stops = 0

    async def until_done(self) -> LoadOutcome:
        """Boot, run, stop, judge.

        Raises:
            LabError: No phone registered.
        """
        metrics = LoadMetrics(self.settings.metrics_port) if self.settings.metrics_port is not None else None
        if metrics is not None:
            self.console.print(f"metrics: http://127.0.0.1:{metrics.port}/metrics")
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        try:
            async with self.director:
                if self.watch.is_possible:
                    await self.watch.look_first()
                with self.console.status(f"Booting {len(self.target.phones)} phones ..."):
                    await self.director.wait_booted()
                self.console.print(
                    f"{self.director.booted} phones registered in {self.director.boot_duration_s:.1f} s, "
                    f"carried by {len(self.shards)} {_carriers_word(len(self.shards), self.settings.crew)}"
                )
                await self._drive(metrics)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            if metrics is not None:
                metrics.close()
        return self._outcome()

    async def _drive(self, metrics: LoadMetrics | None) -> None:
        watching = asyncio.ensure_future(self.watch.keep_watching()) if self.watch.is_possible else None
        showing = asyncio.ensure_future(self._show(metrics))
        try:
            self.director.start()
            with Keys(self.press, sys.stdin):
                await self.director.wait_done()
            if self.watch.is_possible:
                await self.watch.look_last(self.director.logged_in, self.director.emergencies)
        finally:
            tasks = [task for task in (watching, showing) if task is not None]
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended

    async def _show(self, metrics: LoadMetrics | None) -> None:
        is_live = self.console.is_terminal and not self.settings.is_told
        with (
            Live(console=self.console, transient=True, auto_refresh=False)
            if is_live
            else contextlib.nullcontext() as live
        ):
            while True:
                if live is not None:
                    live.update(draw_progress(self.scenario, self.profile, self.director, self.watch), refresh=True)
                if metrics is not None:
                    metrics.update(self.director, self.watch)
                await asyncio.sleep(REFRESH_S)

    def press(self, key: str) -> None:
        """Obey a key: `p` pauses and goes on, `+` and `-` change the rate, `q` stops."""
        director = self.director
        if key in "p ":
            if director.is_paused:
                director.resume()
            else:
                director.pause()
        elif key in "+=":
            director.change_rate(director.factor * RATE_STEP)
        elif key == "-":
            director.change_rate(director.factor / RATE_STEP)
        elif key == "q":
            self.stop()

    def stop(self) -> None:
        """Stop cleanly: sessions finish and phones log out; the second time, at once."""
        self.is_stopped = True
        self._stops += 1
        self.director.stop(at_once=self._stops > 1)

    def _tell(self, progress: Progress) -> None:
        for line in progress.journal:
            self.console.print(line, markup=False, soft_wrap=True)

    def _outcome(self) -> LoadOutcome:
        director, watch = self.director, self.watch
        figures = director.measurement.figures(director.duration_s)
        figures["violations"] = float(bool(director.violation))
        return LoadOutcome(
            scenario=self.scenario,
            measurement=director.measurement,
            duration_s=director.duration_s,
            phones=director.booted,
            boot_failures=director.boot_failures[0],
            boot_duration_s=director.boot_duration_s,
            outcomes=check_expectations(self.settings.expectations, figures),
            start_at_s=director.start_at_s,
            limit=watch.limit,
            max_in_progress=watch.max_in_progress,
            throttled=watch.throttled(),
            samples=tuple(watch.samples),
            is_watched=watch.is_possible,
            unchecked=tuple(sorted(watch.unchecked)) if watch.is_possible else INVARIANTS,
            violation=director.violation,
            lost=tuple(director.lost),
            is_stopped=self.is_stopped,
            workers=len(self.shards),
        )

    def story(self) -> str:
        """The packets of the phone that broke an invariant, as a ladder; empty when none did or none was recorded."""
        phone = self.director.violation_phone
        if not phone or not self.target.trace:
            return ""
        try:
            trace = open_trace(Path(self.target.trace))
            return draw_ladder(trace.records(), trace.nodes, LadderStyle(story=phone), lab=trace.lab)
        except (EmccEmuError, OSError) as error:
            return f"{phone}: its story could not be drawn: {error}{os.linesep}"
