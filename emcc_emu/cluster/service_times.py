"""Extra time that an emulated service takes, so that limits of concurrency can be reached on purpose."""

from __future__ import annotations

import asyncio

__all__ = ["spend"]


async def spend(seconds: float) -> None:
    """Let the time pass; 0 costs nothing, not even a turn of the loop."""
    if seconds > 0:
        await asyncio.sleep(seconds)
