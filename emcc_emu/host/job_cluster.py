"""The cluster that a job describes, and its recorder: the same in a process of its own and in a shared loop."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from emcc_emu.cluster.cluster import Cluster, ClusterCertificates
from emcc_emu.host.certificates import CertificateStore
from emcc_emu.host.job import ClusterJob, node_labels
from emcc_emu.lab.model import ClusterConfig
from emcc_emu.net.clock import Clock
from emcc_emu.trace.record import Address
from emcc_emu.trace.recorder import Recorder

__all__ = ["make_cluster", "open_recorder"]


def make_cluster(job: ClusterJob, clock: Clock, recorder: Recorder | None) -> Cluster:
    """The cluster, not started; neither clock nor recorder are closed by it."""
    config = job.lab.by_name[job.cluster]
    return Cluster(
        config,
        job.lab,
        recorder=recorder,
        database_path=Path(job.database),
        certificates=_load_certificates(CertificateStore(Path(job.certificates)), config),
        clock=clock,
        rng=random.Random(f"{job.lab.seed} {job.cluster}"),
    )


@contextlib.contextmanager
def open_recorder(job: ClusterJob) -> Iterator[Recorder | None]:
    """The cluster's recorder, or None when this run records nothing; it is closed with the block."""
    if not job.trace:
        yield None
        return
    recorder = Recorder(
        job.trace,
        recorder_name=job.cluster,
        is_recorded_peer=_recorded_peers(job),
        lab=job.lab.name,
        nodes=node_labels(job.lab),
    )
    with contextlib.closing(recorder):
        yield recorder


def _recorded_peers(job: ClusterJob) -> Callable[[Address], bool]:
    addresses = frozenset(
        label.address for label in node_labels(job.lab) if label.role != "phone" and label.cluster in job.recorded
    )
    return lambda peer: peer[0] in addresses


def _load_certificates(store: CertificateStore, config: ClusterConfig) -> ClusterCertificates:
    """TLS settings of the cluster's nodes and of its calls to others."""
    return ClusterCertificates(
        server_contexts={node.name: store.server_context(config.name, node.name) for node in config.nodes},
        client_context=store.client_context(config.name),
    )
