"""What the host, and through it the control API, may ask a running cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.control.admin_questions import admin_questions
from emcc_emu.lab.faults import plain_fault

__all__ = ["cluster_questions"]

Question = Callable[[dict[str, Any]], Awaitable[Any]]


def cluster_questions(cluster: Cluster) -> dict[str, Question]:
    """The questions that a cluster answers, by name; each takes its parameters and gives something JSON can say."""

    async def status(_: dict[str, Any]) -> dict[str, Any]:
        """Addresses, registrations, sessions, trunks and counters."""
        return cluster.status()

    async def update_remote_clusters(_: dict[str, Any]) -> None:
        """Update every remote cluster now, and wait for the outcomes."""
        await cluster.update_remote_clusters()

    async def ping_trunks(_: dict[str, Any]) -> None:
        """Ping again what is not in full service, and wait for the outcomes."""
        await cluster.ping_trunks()

    async def call_records(_: dict[str, Any]) -> Any:
        """The newest call records, oldest first."""
        return msgspec.to_builtins(list(cluster.state.call_records))

    async def faults(_: dict[str, Any]) -> dict[str, Any]:
        """The faults in force by name, spelt as in a lab file."""
        return _faults(cluster)

    async def set_fault(params: dict[str, Any]) -> dict[str, Any]:
        """Put the fault `name` with the fields `values` in force; the faults that there are then."""
        cluster.set_fault(params["name"], params["values"])
        return _faults(cluster)

    async def clear_faults(params: dict[str, Any]) -> list[str]:
        """End the fault `name`, or all of them without a name; the names of those that there were."""
        return cluster.clear_faults(*([params["name"]] if params.get("name") else []))

    return {
        "status": status,
        "update_remote_clusters": update_remote_clusters,
        "ping_trunks": ping_trunks,
        "call_records": call_records,
        "faults": faults,
        "set_fault": set_fault,
        "clear_faults": clear_faults,
        **admin_questions(cluster),
    }


def _faults(cluster: Cluster) -> dict[str, Any]:
    return {fault.name: plain_fault(fault) for fault in cluster.faults}
