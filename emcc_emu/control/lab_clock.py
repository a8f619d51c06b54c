"""Calendar time of a whole lab: every cluster's process moves to each due moment in turn, all by the same offset."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from emcc_emu.errors import LabError

__all__ = ["advance_lab_clock", "ask_running"]

Ask = Callable[..., Awaitable[Any]]


async def ask_running(ask: Ask, clusters: Sequence[str], question: str, **params: Any) -> dict[str, Any]:
    """The answers of all clusters but those that are down."""
    answers = await asyncio.gather(*(ask(name, question, **params) for name in clusters), return_exceptions=True)
    found = {}
    for name, answer in zip(clusters, answers, strict=True):
        if isinstance(answer, BaseException) and not isinstance(answer, LabError):
            raise answer
        if not isinstance(answer, BaseException):
            found[name] = answer
    return found


async def advance_lab_clock(ask: Ask, clusters: Sequence[str], seconds: float) -> dict[str, Any]:
    """Move calendar time forward and wait for all work that is due on the way.

    Args:
        ask: Asks a cluster.
        clusters: The lab's clusters.
        seconds: How far, 0 or more.

    Returns:
        `time_s`, `offset_s`, and what ran, in the order of its due moments.
    """
    clocks = await ask_running(ask, clusters, "clock")
    offset_s = max((clock["offset_s"] for clock in clocks.values()), default=0.0)
    target_s = offset_s + seconds
    since_s = time.time() + offset_s
    ran: list[dict[str, Any]] = []
    while True:
        due_s = [clock["next_due_s"] for clock in clocks.values() if clock["next_due_s"] is not None]
        offset_s = min(target_s, max(offset_s, min(due_s) - time.time())) if due_s else target_s
        moved = await ask_running(ask, clusters, "move_clock", offset_s=offset_s, since_s=since_s)
        ran += (work for works in moved.values() for work in works)
        if offset_s >= target_s:
            return {"time_s": time.time() + offset_s, "offset_s": offset_s, "ran": ran}
        clocks = await ask_running(ask, clusters, "clock")
