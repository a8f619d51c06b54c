"""A running lab: one process per cluster under one host, which starts, watches and stops them."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from emcc_emu.errors import InputError, LabError
from emcc_emu.host.addresses import free_block, parse_overrides, require_bindable
from emcc_emu.host.certificates import CertificateStore, NodeNames
from emcc_emu.host.channel import MAX_LINE_BYTES, Answer, Asker
from emcc_emu.host.job import ClusterJob, node_labels
from emcc_emu.host.ready import ReadyFile, describe_lab
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.model import Lab, Ports

__all__ = ["LabHost", "RunOptions", "imported_clusters", "lab_nodes", "prepare_lab"]

START_TIMEOUT_S = 30.0
"""A cluster process that has not answered by then is taken for dead."""

SETTLING = ("update_remote_clusters", "ping_trunks")
"""What every cluster does before a lab is ready; each step begins when all have finished the one before."""

STOP_TIMEOUT_S = 4.0
"""Time that a cluster gets to stop cleanly before it is killed."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run a lab, as the command line says it."""

    only: tuple[str, ...] = ()
    """Clusters to run here; none named means all."""

    state: Path | None = None
    """Directory that keeps databases and certificates; None uses a temporary one."""

    trace: Path | None = None
    """Trace directory; None puts it into the state directory."""

    record: bool = True
    """Whether packets are recorded."""

    ephemeral: bool = False
    """Move the lab into a free block of loopback addresses."""

    tftp_port: int | None = None
    """UDP port of TFTP at every node."""

    addresses: tuple[str, ...] = ()
    """`NODE=IP` overrides."""

    restart: bool = False
    """Start a cluster again when its process has died."""


def prepare_lab(lab: Lab, options: RunOptions, rng: random.Random) -> Lab:
    """The lab as it will run: addresses moved, ports overridden.

    Raises:
        InputError: an override names what is not there, or an address that this machine lacks.
        LabError: no free block of addresses.
    """
    unknown = [name for name in options.only if name not in lab.by_name]
    if unknown:
        raise InputError(f"--only {unknown[0]}: the lab has the clusters {', '.join(lab.by_name)}")
    mapping: dict[str, str] = {}
    if options.ephemeral:
        mapping = free_block({label.address for label in node_labels(lab)}, rng)
    mapping |= parse_overrides(
        options.addresses,
        {node.name: node.address for cluster in lab.clusters for node in cluster.nodes},
        here={node.name for name in options.only or lab.by_name for node in lab.by_name[name].nodes},
    )
    if mapping:
        lab = with_addresses(lab, lambda address: mapping.get(address, address))
    if options.tftp_port is not None:
        lab = _with_tftp_port(lab, options.tftp_port)
    return lab


def _with_tftp_port(lab: Lab, port: int) -> Lab:
    def moved(ports: Ports) -> Ports:
        return msgspec.structs.replace(ports, tftp=port)

    clusters = tuple(
        msgspec.structs.replace(
            cluster,
            ports=moved(cluster.ports),
            nodes=tuple(msgspec.structs.replace(node, ports=moved(node.ports)) for node in cluster.nodes),
        )
        for cluster in lab.clusters
    )
    return msgspec.structs.replace(lab, clusters=clusters)


@dataclass(slots=True)
class _Process:
    """One cluster's process and the pipe to it."""

    job: ClusterJob
    process: asyncio.subprocess.Process
    asker: Asker
    reading: asyncio.Task[None]


@dataclass(slots=True)
class LabHost:
    """Runs the clusters of a lab, each in its own process; use it as `async with`.

    On entry every service accepts, every trunk has been pinged and every remote cluster of this run has been
    updated once. On exit every process has ended and what was temporary is gone.

    Args:
        lab: The lab as it will run, see `prepare_lab`.
        options: How to run it.
        lab_file: Where the lab came from, for error texts.
        on_death: Called with a cluster's name when its process dies by itself.
        on_restart: Called with a cluster's name once it is ready again after that, or with the reason why it is not;
            the reason is empty when it is.
    """

    lab: Lab
    options: RunOptions
    lab_file: str = "LAB"
    on_death: Callable[[str], None] = lambda name: None
    on_restart: Callable[[str, str], None] = lambda name, failure: None
    _processes: dict[str, _Process] = field(default_factory=dict)
    _watchers: set[asyncio.Task[None]] = field(default_factory=set)
    _temporary: Path | None = None
    _stopping: bool = False
    _clock_offset_s: float = 0.0
    """How far the lab's calendar was moved; a cluster that is started again begins there."""

    @property
    def state_directory(self) -> Path:
        """Where databases and certificates are."""
        directory = self.options.state or self._temporary
        if directory is None:
            raise LabError("the lab has not been started")
        return directory

    @property
    def trace_directory(self) -> Path | None:
        """Where packets are recorded, None when they are not."""
        if not self.options.record:
            return None
        return self.options.trace or self.state_directory / "trace"

    @property
    def certificates(self) -> CertificateStore:
        """The lab's keys and trust stores."""
        return CertificateStore(self.state_directory / "certificates")

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """The clusters that run here."""
        return self.options.only or tuple(self.lab.by_name)

    @property
    def running(self) -> tuple[str, ...]:
        """The clusters whose process is alive."""
        return tuple(name for name, entry in self._processes.items() if entry.process.returncode is None)

    async def __aenter__(self) -> Self:
        self._prepare_directories()
        try:
            self._prepare_certificates()
            async with asyncio.TaskGroup() as starting:
                for name in self.cluster_names:
                    starting.create_task(self._start(name))
            for step in SETTLING:
                await asyncio.gather(*(self.ask(name, step) for name in self.cluster_names))
        except BaseException as error:
            await self._stop()
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def ask(self, cluster: str, method: str, **params: Any) -> Any:
        """Ask a cluster's process something.

        Raises:
            InputError: no such cluster runs here, or the question was wrong.
            LabError: the work failed or the process has died.
        """
        entry = self._processes.get(cluster)
        if entry is None:
            raise InputError(f"no cluster {cluster!r} runs here; there are {', '.join(self.cluster_names)}")
        answer = await entry.asker.ask(method, **params)
        if method == "move_clock":
            self._clock_offset_s = max(self._clock_offset_s, params["offset_s"])
        return answer

    async def status(self) -> dict[str, Any]:
        """What each cluster says of itself; None for one whose process has died."""
        names = self.cluster_names
        answers = await asyncio.gather(*(self.ask(name, "status") for name in names), return_exceptions=True)
        return {
            name: None if isinstance(answer, LabError) else answer for name, answer in zip(names, answers, strict=True)
        }

    def process_id(self, cluster: str) -> int:
        """Process id of a running cluster."""
        return self._processes[cluster].process.pid

    def describe(self, control: str = "") -> ReadyFile:
        """What the ready file says."""
        databases = {name: self._database(name) for name in self.cluster_names}
        return describe_lab(
            self.lab,
            databases,
            trace=self.trace_directory,
            state=self.state_directory,
            ca_file=self.certificates.ca_file,
            control=control,
        )

    def _database(self, cluster: str) -> Path:
        return self.state_directory / f"{cluster}.sqlite"

    def _prepare_directories(self) -> None:
        if self.options.state is None:
            self._temporary = Path(tempfile.mkdtemp(prefix="emcc-emu-"))
        else:
            self.options.state.mkdir(parents=True, exist_ok=True)

    def _prepare_certificates(self) -> None:
        nodes = lab_nodes(self.lab)
        for cluster in self.cluster_names:
            for node in self.lab.by_name[cluster].nodes:
                require_bindable(node.name, node.address)
        if self.options.only:
            self.certificates.require(nodes, self.lab_file)
        else:
            self.certificates.make(nodes, imported_clusters(self.lab))

    async def _start(self, name: str) -> None:
        trace = self.trace_directory
        job = ClusterJob(
            cluster=name,
            lab=self.lab,
            certificates=str(self.certificates.directory),
            database=str(self._database(name)),
            trace=str(trace) if trace else "",
            recorded=self.cluster_names if trace else (),
            clock_offset_s=self._clock_offset_s,
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "emcc_emu.host.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
            process_group=0,  # Ctrl-C in a terminal is for the host, which then closes the pipe
        )
        assert process.stdin is not None and process.stdout is not None  # both were asked for
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        try:
            await self._hear_hello(name, process.stdout)
        except BaseException:  # another cluster failed, or this one: no process may stay behind
            await _end(process)
            raise
        asker = Asker(name, process.stdin)
        reading = asyncio.create_task(asker.read(process.stdout))
        self._processes[name] = _Process(job, process, asker, reading)
        self._watch(name, process)

    async def _hear_hello(self, name: str, output: asyncio.StreamReader) -> None:
        """Wait until the cluster listens."""
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                line = await output.readline()
        except TimeoutError:
            line = b""
        answer = msgspec.json.decode(line, type=Answer) if line else Answer(0, error="its process ended")
        if answer.error:
            reason = answer.error.removeprefix(f"cluster {name}: ")
            hint = "; if another lab runs, stop it or add --ephemeral" if "already in use" in reason else ""
            raise LabError(f"cluster {name} did not start: {reason}{hint}")

    def _watch(self, name: str, process: asyncio.subprocess.Process) -> None:
        watcher = asyncio.create_task(self._report_death(name, process))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def _report_death(self, name: str, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if self._stopping:
            return
        self.on_death(name)
        if self.options.restart:
            await self._restart(name)

    async def _restart(self, name: str) -> None:
        try:
            await self._start(name)
            for step in SETTLING:
                await self.ask(name, step)
        except LabError as error:
            self.on_restart(name, str(error))
        else:
            self.on_restart(name, "")

    async def _stop(self) -> None:
        self._stopping = True
        for watcher in self._watchers:  # one may be starting a process again
            watcher.cancel()
        await asyncio.gather(*self._watchers, return_exceptions=True)
        await asyncio.gather(*(_end(entry.process) for entry in self._processes.values()))
        await asyncio.gather(*(entry.reading for entry in self._processes.values()), return_exceptions=True)
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def lab_nodes(lab: Lab) -> list[NodeNames]:
    """Every node of the lab, as its certificate names it."""
    return [NodeNames(cluster.name, node.name, node.address) for cluster in lab.clusters for node in cluster.nodes]


def imported_clusters(lab: Lab) -> Mapping[str, Iterable[str]]:
    """For each cluster, the clusters of the lab whose certificates it has imported: all but those it says no to.

    Certificates are exchanged in bulk, by way of one server, whether a remote cluster is configured or not.
    """
    refused = {
        cluster.name: {remote.cluster_id for remote in cluster.remote_clusters if not remote.certificates_imported}
        for cluster in lab.clusters
    }
    return {
        cluster.name: [
            other.name
            for other in lab.clusters
            if other is not cluster and other.cluster_id not in refused[cluster.name]
        ]
        for cluster in lab.clusters
    }


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close the pipe, which is the order to stop; kill what does not obey in time."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        process.send_signal(signal.SIGKILL)
        await process.wait()
