"""Extra time that an emulated service takes, so that limits of concurrency can be reached on purpose."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import structlog

from emcc_emu.cluster.recorded_times import read_answer_times
from emcc_emu.errors import InputError
from emcc_emu.lab.parameters import ServiceTimes

__all__ = ["Operation", "ServiceTimer", "varied"]

log = structlog.get_logger()

Operation: TypeAlias = Literal["login", "logout", "home_login", "check_user"]


def varied(given_s: float, times: ServiceTimes, rng: random.Random) -> float:
    """How long one operation takes extra, seconds: what is given, or a draw with that as its median."""
    if times.spread == "fixed" or not given_s:
        return given_s
    return given_s * rng.lognormvariate(0.0, times.spread_percent / 100)


class ServiceTimer:
    """Lets the time of operations pass; a trace that times are drawn from is read once, when it is first needed.

    Args:
        rng: Draws times.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._traces: dict[str, asyncio.Future[Mapping[str, Sequence[float]]]] = {}

    async def spend(self, operation: Operation, times: ServiceTimes) -> None:
        """Let the time of one operation pass; 0 costs nothing, not even a turn of the loop."""
        seconds = await self.draw(operation, times)
        if seconds > 0:
            await asyncio.sleep(seconds)

    async def draw(self, operation: Operation, times: ServiceTimes) -> float:
        """How long one operation takes this time, seconds."""
        recorded = (await self._recorded(times.from_trace)).get(operation) if times.from_trace else None
        given_s: float = getattr(times, f"{operation}_s")
        return self._rng.choice(recorded) if recorded else varied(given_s, times, self._rng)

    async def _recorded(self, path: str) -> Mapping[str, Sequence[float]]:
        if path not in self._traces:
            self._traces = {path: asyncio.ensure_future(asyncio.to_thread(_read, path))}
        return await asyncio.shield(self._traces[path])


def _read(path: str) -> Mapping[str, Sequence[float]]:
    try:
        times = read_answer_times(path)
    except InputError as error:
        log.error("service_times_not_read", error=str(error))
        return {}
    log.info("service_times_read", trace=path, answers={name: len(found) for name, found in times.items()})
    return times
