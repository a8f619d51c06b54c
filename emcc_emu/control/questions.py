"""What the host, and through it the control API, may ask a running cluster."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from emcc_emu.cluster.cluster import Cluster
from emcc_emu.control.admin_questions import admin_questions

__all__ = ["cluster_questions"]

Question = Callable[[dict[str, Any]], Awaitable[Any]]


def cluster_questions(cluster: Cluster) -> dict[str, Question]:
    """The questions that a cluster answers, by name; each takes its parameters and gives something JSON can say."""

    async def status(_: dict[str, Any]) -> dict[str, Any]:
        """Addresses, registrations, sessions, trunks and counters."""
        return cluster.status()

    async def settle(_: dict[str, Any]) -> None:
        """Update every remote cluster and ping every trunk now, and wait for the outcomes."""
        await cluster.settle()

    async def call_records(_: dict[str, Any]) -> Any:
        """The newest call records, oldest first."""
        return msgspec.to_builtins(list(cluster.state.call_records))

    return {"status": status, "settle": settle, "call_records": call_records, **admin_questions(cluster)}
