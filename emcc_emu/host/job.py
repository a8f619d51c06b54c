"""What the host tells the process of one cluster before it starts."""

from __future__ import annotations

import msgspec

from emcc_emu.lab.model import Lab
from emcc_emu.trace.record import NodeLabel

__all__ = ["ClusterJob", "node_labels"]


class ClusterJob(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cluster to run: the first line on its process's standard input, as JSON."""

    cluster: str
    """Name of the cluster in the lab."""

    lab: Lab
    """The lab as it runs: addresses and ports already those of this run."""

    certificates: str
    """Directory of the lab's certificates."""

    database: str
    """Path of the cluster's database file."""

    trace: str = ""
    """Trace directory; empty records nothing."""

    clock_offset_s: float = 0.0
    """Calendar time minus wall time at the start, seconds: that of the lab's other clusters."""

    recorded: tuple[str, ...] = ()
    """Clusters of this run that record: a packet between two of them is recorded by its sender alone."""


def node_labels(lab: Lab) -> tuple[NodeLabel, ...]:
    """Who lives at which address of the lab, for the columns of a ladder."""
    labels = []
    for cluster in lab.clusters:
        labels += [NodeLabel(node.address, node.name, cluster.name) for node in cluster.nodes]
        labels += [NodeLabel(gateway.address, gateway.name, cluster.name, "gateway") for gateway in cluster.gateways]
        labels += [
            NodeLabel(phone.address, phone.name, cluster.name, "phone") for phone in cluster.phones if phone.address
        ]
    return tuple(labels)
