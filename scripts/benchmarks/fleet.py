"""A fleet of virtual phones in a process of its own, which does what it is told line by line on standard input.

`python scripts/benchmarks/fleet.py READY_FILE CLUSTER`, then `on N` (boot the next N phones of that cluster), `login`
and `logout` (on the phones of the last `on`) and `off`; each is answered by a line of JSON, a `Tally` without its
latencies.  The end of the input switches everything off.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import random
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import structlog

from emcc_emu.host.limits import raise_descriptor_limit
from emcc_emu.host.ready import ReadyFile, ReadyPhone, read_ready_file
from phones.downloads import FileServer
from phones.fleet import Fleet, Tally, UserLogin
from phones.identity import PhoneIdentity, find_model

CONCURRENCY = 64
USER_ID, PIN = "user{:04d}", "13579"
"""The users that the lab of the login benchmark counts."""


class Player:
    """Owns the fleets that were switched on."""

    def __init__(self, ready: ReadyFile, cluster: str) -> None:
        self._phones: Iterator[ReadyPhone] = (phone for phone in ready.phones if phone.cluster == cluster)
        self._servers = [FileServer(node.address, node.tftp, node.tftp_http) for node in ready.clusters[cluster].nodes]
        self._fleets: list[Fleet] = []
        self._orders: dict[str, Callable[..., Coroutine[Any, Any, Tally]]] = {
            "on": self._switch_on,
            "login": self._log_in,
            "logout": self._log_out,
            "off": self.switch_off,
        }

    async def obey(self, line: str) -> dict[str, object]:
        """Carry out one order; what came of it."""
        order, *arguments = line.split()
        tally = await self._orders[order](*arguments)
        gc.collect()
        return {
            "attempted": tally.attempted,
            "ok": tally.ok,
            "refused": tally.by_code,
            "no_answer": tally.no_answer,
            "duration_s": tally.duration_s,
            "median_s": tally.percentile_s(0.5),
            "p99_s": tally.percentile_s(0.99),
        }

    async def _switch_on(self, count: str) -> Tally:
        entries = [next(self._phones) for _ in range(int(count))]
        identities = [
            PhoneIdentity(entry.name, find_model(entry.model), entry.address or "127.0.0.1") for entry in entries
        ]
        self._fleets.append(Fleet(identities, self._servers, rng=random.Random(1)))
        return await self._fleets[-1].power_on(concurrency=CONCURRENCY)

    async def _log_in(self) -> Tally:
        fleet = self._fleets[-1]
        users = [UserLogin(USER_ID.format(number), PIN) for number, _ in enumerate(fleet.phones, start=1)]
        return await fleet.log_in(users, concurrency=CONCURRENCY)

    async def _log_out(self) -> Tally:
        return await self._fleets[-1].log_out(concurrency=CONCURRENCY)

    async def switch_off(self) -> Tally:
        """Unregister every phone."""
        while self._fleets:
            await self._fleets.pop().power_off(concurrency=CONCURRENCY)
        return Tally()


async def main(ready_file: str, cluster: str) -> None:
    """Read orders until there are no more."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    raise_descriptor_limit()
    player = Player(read_ready_file(Path(ready_file)), cluster)
    loop = asyncio.get_running_loop()
    try:
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(json.dumps(await player.obey(line)), flush=True)
    finally:
        await player.switch_off()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
