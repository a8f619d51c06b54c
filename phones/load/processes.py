"""Carries a shard in a process of this machine, with orders and reports as lines on its pipes."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator

import msgspec

from phones.load.messages import Order, Report, ShardJob
from phones.load.worker import MAX_LINE_BYTES

__all__ = ["ProcessCarrier"]

END_TIMEOUT_S = 10.0
"""A process that has not ended so long after its pipe was closed is killed."""


class ProcessCarrier:
    """Runs `python -m phones.load.worker`."""

    order_delay_s = 0.3

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None

    @property
    def ending(self) -> str:
        """Why there are no more reports."""
        return f"its process ended with status {self._process.returncode if self._process else None}"

    async def start(self, job: ShardJob) -> None:
        """Let the shard boot its phones."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "phones.load.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=MAX_LINE_BYTES,
        )
        self._write(msgspec.json.encode(job))

    async def reports(self) -> AsyncIterator[Report]:
        """What the shard tells, until its process ends."""
        assert self._process is not None and self._process.stdout is not None  # it has been started
        decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
        while line := await self._process.stdout.readline():
            yield decoder.decode(line)
        await self._process.wait()

    def order(self, order: Order) -> None:
        """Pass an order on."""
        self._write(msgspec.json.encode(order))

    def _write(self, line: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(line + b"\n")

    async def close(self) -> None:
        """Close the pipe, which is the order to end; kill what does not obey in time."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
