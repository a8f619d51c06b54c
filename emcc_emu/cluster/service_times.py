"""Extra time that an emulated service takes, so that limits of concurrency can be reached on purpose."""

from __future__ import annotations

import asyncio
import random

from emcc_emu.lab.parameters import ServiceTimes

__all__ = ["spend", "varied"]


def varied(given_s: float, times: ServiceTimes, rng: random.Random) -> float:
    """How long one operation takes extra, seconds: what is given, or a draw with that as its median."""
    if times.spread == "fixed" or not given_s:
        return given_s
    return given_s * rng.lognormvariate(0.0, times.spread_percent / 100)


async def spend(given_s: float, times: ServiceTimes, rng: random.Random) -> None:
    """Let the time of one operation pass; 0 costs nothing, not even a turn of the loop."""
    seconds = varied(given_s, times, rng)
    if seconds > 0:
        await asyncio.sleep(seconds)
