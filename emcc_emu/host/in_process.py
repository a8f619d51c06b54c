"""A lab in one event loop of this process: for tests, where processes of their own would only be in the way."""

from __future__ import annotations

import contextlib
import random
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.control.questions import cluster_questions
from emcc_emu.errors import InputError
from emcc_emu.host.certificates import CertificateStore
from emcc_emu.host.job import ClusterJob
from emcc_emu.host.lab_host import RunOptions, imported_clusters, lab_nodes, prepare_lab
from emcc_emu.host.ready import ReadyFile, describe_lab
from emcc_emu.host.worker import load_certificates, open_recorder
from emcc_emu.lab.model import Lab
from emcc_emu.net.clock import Clock

__all__ = ["LabInProcess"]


class LabInProcess:
    """All clusters of a lab in the running loop, on a free block of loopback addresses; use it as `async with`.

    Args:
        lab: The lab, as loaded or as built in Python.
        directory: Where databases, certificates and traces go; None makes a temporary one that disappears on exit.
        records: Whether packets are recorded, into `trace` below the directory.
        rng: Chooses the block of addresses; the clusters are seeded by the lab alone.
    """

    def __init__(
        self, lab: Lab, *, directory: Path | None = None, records: bool = True, rng: random.Random | None = None
    ) -> None:
        self.lab = prepare_lab(lab, RunOptions(ephemeral=True), rng or random.Random())
        self.clock = Clock()
        self.clusters: dict[str, Cluster] = {}
        self._directory = directory
        self._records = records
        self._exit = contextlib.AsyncExitStack()

    @property
    def directory(self) -> Path:
        """Where everything of this lab is kept."""
        assert self._directory is not None  # there from the start on
        return self._directory

    @property
    def trace_directory(self) -> Path | None:
        """Where packets are recorded."""
        return self.directory / "trace" if self._records else None

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as undo:
            if self._directory is None:
                self._directory = Path(undo.enter_context(tempfile.TemporaryDirectory(prefix="emcc-emu-")))
            store = CertificateStore(self.directory / "certificates")
            store.make(lab_nodes(self.lab), imported_clusters(self.lab))
            undo.push_async_callback(self.clock.close)
            for config in self.lab.clusters:
                await self._start(config.name, store, undo)
            for cluster in self.clusters.values():
                await cluster.settle()
            self._exit = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

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

    def describe(self) -> ReadyFile:
        """What a ready file would say of this lab."""
        databases = {name: self.directory / f"{name}.sqlite" for name in self.clusters}
        ca_file = CertificateStore(self.directory / "certificates").ca_file
        return describe_lab(self.lab, databases, trace=self.trace_directory, state=self.directory, ca_file=ca_file)

    async def _start(self, name: str, store: CertificateStore, undo: contextlib.AsyncExitStack) -> None:
        config = self.lab.by_name[name]
        job = ClusterJob(
            cluster=name,
            lab=self.lab,
            certificates=str(store.directory),
            database=str(self.directory / f"{name}.sqlite"),
            trace=str(self.trace_directory or ""),
            recorded=tuple(self.lab.by_name),
        )
        recorder = open_recorder(job)
        if recorder is not None:
            undo.callback(recorder.close)
        self.clusters[name] = await undo.enter_async_context(
            Cluster(
                config,
                self.lab,
                recorder=recorder,
                database_path=Path(job.database),
                certificates=load_certificates(store, config),
                clock=self.clock,
                rng=random.Random(f"{self.lab.seed} {name}"),
            )
        )
