"""A lab in one event loop of this process: for tests, where processes of their own would only be in the way."""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from emcc_emu.cluster.cluster import Cluster, settle
from emcc_emu.control.questions import cluster_questions
from emcc_emu.errors import InputError
from emcc_emu.host.certificates import CertificateStore
from emcc_emu.host.job import ClusterJob
from emcc_emu.host.job_cluster import make_cluster, open_recorder
from emcc_emu.host.lab_host import RunOptions, imported_clusters, lab_nodes, prepare_lab
from emcc_emu.host.ready import ReadyFile, describe_lab
from emcc_emu.lab.model import Lab
from emcc_emu.net.clock import Clock
from emcc_emu.trace.recorder import Recorder

__all__ = ["LabInProcess"]


class LabInProcess:
    """Clusters of a lab in the running loop, on a free block of loopback addresses; use it as `async with`.

    Args:
        lab: The lab, as loaded or as built in Python.
        directory: Where databases, certificates and traces go; None makes a temporary one that disappears on exit.
        records: Whether packets are recorded, into `trace` below the directory.
        rng: Chooses the block of addresses; the clusters are seeded by the lab alone.
        change: Changes the lab when its addresses are already those of this run; None leaves it alone.
        only: Clusters to start; None means all.
    """

    def __init__(
        self,
        lab: Lab,
        *,
        directory: Path | None = None,
        records: bool = True,
        rng: random.Random | None = None,
        change: Callable[[Lab], Lab] | None = None,
        only: Sequence[str] | None = None,
    ) -> None:
        moved = prepare_lab(lab, RunOptions(ephemeral=True), rng or random.Random())
        self.lab = change(moved) if change is not None else moved
        self.clock = Clock()
        self.clusters: dict[str, Cluster] = {}
        self._directory = directory
        self._records = records
        self._only = only
        self._exit = contextlib.AsyncExitStack()
        self._running: dict[str, contextlib.AsyncExitStack] = {}
        self._recorders: dict[str, Recorder] = {}

    @property
    def directory(self) -> Path:
        """Where everything of this lab is kept."""
        assert self._directory is not None  # there from the start on
        return self._directory

    @property
    def trace_directory(self) -> Path | None:
        """Where packets are recorded."""
        return self.directory / "trace" if self._records else None

    @property
    def certificates(self) -> CertificateStore:
        """The keys and certificates of its nodes."""
        return CertificateStore(self.directory / "certificates")

    async def __aenter__(self) -> Self:
        try:
            await self._begin()
        except BaseException:
            await self._exit.aclose()
            raise
        return self

    async def _begin(self) -> None:
        if self._directory is None:
            self._directory = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="emcc-emu-")))
        self.certificates.make(lab_nodes(self.lab), imported_clusters(self.lab))
        self._exit.push_async_callback(self.clock.close)
        await self.start(*(self.lab.by_name if self._only is None else self._only))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    async def start(self, *names: str) -> None:
        """Start these clusters, and let all that run see each other.

        Raises:
            EmccEmuError: one cannot start; those before it run.
        """
        for name in names:
            async with contextlib.AsyncExitStack() as undo:
                job = self._job(name)
                recorder = undo.enter_context(open_recorder(job))
                self.clusters[name] = await undo.enter_async_context(make_cluster(job, self.clock, recorder))
                if recorder is not None:
                    self._recorders[name] = recorder
                self._running[name] = undo.pop_all()
            self._exit.push_async_callback(self.stop, name)
        await settle(self.clusters.values())

    async def stop(self, name: str) -> None:
        """Stop one cluster; nothing happens when it does not run."""
        if name in self.clusters:
            del self.clusters[name]
            self._recorders.pop(name, None)
            await self._running.pop(name).aclose()

    @property
    def state_directory(self) -> Path:
        """Where databases and certificates are."""
        return self.directory

    @property
    def cluster_names(self) -> tuple[str, ...]:
        """The clusters that run here."""
        return tuple(self.clusters)

    async def status(self) -> dict[str, Any]:
        """What each cluster says of itself."""
        return {name: cluster.status() for name, cluster in self.clusters.items()}

    async def ask(self, cluster: str, method: str, **params: Any) -> Any:
        """Ask a cluster something, as the host of a lab of processes does; the answer is plain data.

        Raises:
            InputError: There is no such cluster or question, or the question was wrong.
            LabError: The work failed.
        """
        if cluster not in self.clusters:
            raise InputError(f"no cluster {cluster!r} runs here; there are {', '.join(self.clusters)}")
        questions = cluster_questions(self.clusters[cluster])
        if method not in questions:
            raise InputError(f"no such question: {method}")
        return msgspec.to_builtins(await questions[method](params))

    def flush_trace(self) -> None:
        """Have every packet up to now in the trace when this returns."""
        for recorder in self._recorders.values():
            recorder.flush()

    def describe(self) -> ReadyFile:
        """What a ready file would say of this lab."""
        databases = {name: self.directory / f"{name}.sqlite" for name in self.clusters}
        ca_file = self.certificates.ca_file
        return describe_lab(self.lab, databases, trace=self.trace_directory, state=self.directory, ca_file=ca_file)

    def _job(self, name: str) -> ClusterJob:
        return ClusterJob(
            cluster=name,
            lab=self.lab,
            certificates=str(self.certificates.directory),
            database=str(self.directory / f"{name}.sqlite"),
            trace=str(self.trace_directory or ""),
            recorded=tuple(self.lab.by_name),
        )
