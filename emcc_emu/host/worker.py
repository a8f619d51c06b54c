"""The process of one cluster: starts it, answers the host's questions, ends when the host's pipe ends."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from emcc_emu.cluster.cluster import Cluster, ClusterCertificates
from emcc_emu.control.questions import cluster_questions
from emcc_emu.errors import EmccEmuError
from emcc_emu.host.certificates import CertificateStore
from emcc_emu.host.channel import MAX_LINE_BYTES, Answer, serve
from emcc_emu.host.job import ClusterJob, node_labels
from emcc_emu.host.limits import raise_descriptor_limit
from emcc_emu.host.logs import BoundedLog, configure_logs
from emcc_emu.lab.model import ClusterConfig
from emcc_emu.net.clock import Clock
from emcc_emu.trace.record import Address
from emcc_emu.trace.recorder import Recorder

__all__ = ["HELLO", "load_certificates", "main", "open_recorder"]

GC_THRESHOLDS = (100_000, 50, 1000)

HELLO = 0
"""Number of the answer that a process gives, unasked, once its cluster listens or could not start."""


def main() -> None:
    """Entry point of `python -m emcc_emu.host.worker`; the job comes on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the host decides when we stop
    raise_descriptor_limit()
    asyncio.run(_run())


async def _run() -> None:
    reader = await _standard_input()
    job = msgspec.json.decode(await reader.readline(), type=ClusterJob)
    log = BoundedLog(Path(job.database).with_suffix(".log"))
    configure_logs(log)
    try:
        async with _started(job) as cluster:
            _spare_the_collector()
            _write(msgspec.json.encode(Answer(HELLO, result="listening")) + b"\n")
            await _until_told_to_stop(serve(cluster_questions(cluster), reader, _write))
    except EmccEmuError as error:
        _write(msgspec.json.encode(Answer(HELLO, error=str(error))) + b"\n")
        raise SystemExit(1) from None
    finally:
        log.close()


def _spare_the_collector() -> None:
    """Take what lives as long as the process out of the cyclic collector's sight, and let it look less often.

    A server that answers tens of thousands of small requests a second makes hardly any cycles; the default thresholds
    cost it a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _until_told_to_stop(serving: Any) -> None:
    """Serve until the pipe ends or SIGTERM comes."""
    task = asyncio.ensure_future(serving)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


class _started:
    """A running cluster with its recorder and clock."""

    def __init__(self, job: ClusterJob) -> None:
        self._job = job
        self._config = next(config for config in job.lab.clusters if config.name == job.cluster)

    async def __aenter__(self) -> Cluster:
        job = self._job
        self._recorder = open_recorder(job)
        self._clock = Clock(offset_s=job.clock_offset_s)
        self._cluster = Cluster(
            self._config,
            job.lab,
            recorder=self._recorder,
            database_path=Path(job.database),
            certificates=load_certificates(CertificateStore(Path(job.certificates)), self._config),
            clock=self._clock,
            rng=random.Random(f"{job.lab.seed} {job.cluster}"),
        )
        return await self._cluster.__aenter__()

    async def __aexit__(self, *failure: Any) -> None:
        await self._cluster.__aexit__(*failure)
        await self._clock.close()
        if self._recorder is not None:
            self._recorder.close()


def open_recorder(job: ClusterJob) -> Recorder | None:
    """The cluster's recorder, or None when this run records nothing."""
    if not job.trace:
        return None
    return Recorder(
        job.trace,
        recorder_name=job.cluster,
        is_recorded_peer=_recorded_peers(job),
        lab=job.lab.name,
        nodes=node_labels(job.lab),
    )


def _recorded_peers(job: ClusterJob) -> Callable[[Address], bool]:
    addresses = frozenset(
        label.address for label in node_labels(job.lab) if label.role != "phone" and label.cluster in job.recorded
    )
    return lambda peer: peer[0] in addresses


def load_certificates(store: CertificateStore, config: ClusterConfig) -> ClusterCertificates:
    """TLS settings of the cluster's nodes and of its calls to others."""
    return ClusterCertificates(
        server_contexts={node.name: store.server_context(config.name, node.name) for node in config.nodes},
        client_context=store.client_context(config.name),
    )


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
