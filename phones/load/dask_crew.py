"""Carries shards on the workers of a Dask cluster: each worker runs its shard on its own loop.

The scheduler only passes calls on to the workers. A shard is no Dask task, so nobody runs it again elsewhere when its
worker dies: the call that waits for its reports fails at once. A shard that nobody asks for reports any more switches
its phones off.
"""

from __future__ import annotations

import asyncio
import resource
import socket
import time
import uuid
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Self

import msgspec
from distributed import Client, Worker, WorkerPlugin

from emcc_emu.errors import EmccEmuError, LabError
from phones.load.messages import Done, Failed, Order, Report, ShardJob, Start, Stop
from phones.load.shard import Shard
from phones.load.worker import prepare_process

__all__ = ["DaskCarrier", "DaskCrew"]

CONNECT_TIMEOUT_S = 10.0
WORKERS_TIMEOUT_S = 30.0

COLLECT_S = 1.0
"""So long a worker waits for news before it says that there is none."""

ABANDONED_S = 30.0
"""A shard that nobody asked for so long ends."""

CLOCK_PROBES = 5
END_TIMEOUT_S = 10.0


class ShardPlugin(WorkerPlugin):
    """Lives on every worker of the cluster while a load runs, and owns the shard that the worker carries, if any."""

    def __init__(self) -> None:
        self._shard: Shard | None = None
        self._running: asyncio.Task[None] | None = None
        self._told: list[bytes] = []
        self._abandoning: asyncio.TimerHandle | None = None
        self._news: asyncio.Event | None = None

    def begin(self, job: ShardJob) -> None:
        """Let a shard boot its phones."""
        prepare_process()
        _raise_descriptor_limit()
        self._told, self._news = [], asyncio.Event()
        try:
            self._shard = Shard(job, self._tell)
        except (EmccEmuError, OSError) as error:
            self._tell(Failed(str(error)))
            return
        self._running = asyncio.get_running_loop().create_task(self._run(self._shard))
        self._expect_question(self._shard)

    def _expect_question(self, shard: Shard | None) -> None:
        """Let the shard end unless somebody asks for its reports in time; None expects nothing any more."""
        if self._abandoning is not None:
            self._abandoning.cancel()
        if shard is not None:
            loop = asyncio.get_running_loop()
            self._abandoning = loop.call_later(ABANDONED_S, shard.obey, Stop(at_once=True))

    async def _run(self, shard: Shard) -> None:
        try:
            await shard.run()
        except (EmccEmuError, OSError) as error:
            self._tell(Failed(str(error)))
        finally:
            self._expect_question(None)
            if self._news is not None:
                self._news.set()

    def _tell(self, report: Report) -> None:
        self._told.append(msgspec.json.encode(report))
        if self._news is not None:
            self._news.set()

    async def collect(self) -> tuple[list[bytes], bool]:
        """Reports since the last time, and whether there will be more."""
        if self._news is None:
            return [], False
        if self._running is not None and not self._running.done():
            self._expect_question(self._shard)
        try:
            async with asyncio.timeout(COLLECT_S):
                await self._news.wait()
        except TimeoutError:
            pass
        self._news.clear()
        told, self._told = self._told, []
        return told, self._running is not None and not self._running.done()

    def obey(self, order: Order) -> None:
        """Pass an order on to the shard."""
        if self._shard is not None:
            self._shard.obey(order)

    async def end(self) -> None:
        """Let the shard end at once, its phones unregistered."""
        running, self._shard, self._running = self._running, None, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def teardown(self, worker: Worker) -> None:
        """The worker or the load is over."""
        await self.end()


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# What is called on a worker; Dask hands each the worker that it runs on.


async def _begin(plugin: str, job: bytes, dask_worker: Worker) -> None:
    _plugin(dask_worker, plugin).begin(msgspec.json.decode(job, type=ShardJob))


async def _collect(plugin: str, dask_worker: Worker) -> tuple[list[bytes], bool]:
    return await _plugin(dask_worker, plugin).collect()


async def _obey(plugin: str, order: bytes, dask_worker: Worker) -> None:
    decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
    _plugin(dask_worker, plugin).obey(decoder.decode(order))


async def _end(plugin: str, dask_worker: Worker) -> None:
    await _plugin(dask_worker, plugin).end()


async def _now() -> float:
    return time.time()


def _plugin(worker: Worker, name: str) -> ShardPlugin:
    found = worker.plugins[name]
    assert isinstance(found, ShardPlugin)  # who else has its name
    return found


class DaskCarrier:
    """Carries one shard on one worker.

    Args:
        client: Connected to the scheduler.
        worker: Address of the worker.
        plugin: Name of the plugin on the workers.
    """

    order_delay_s = 1.0

    def __init__(self, client: Client, worker: str, plugin: str) -> None:
        self._client = client
        self._worker = worker
        self._plugin_name = plugin
        self._clock_ahead_s = 0.0
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._passing_on: asyncio.Task[None] | None = None
        self._is_gone = False
        self.ending = f"its Dask worker {worker} ended it"

    async def _call(self, function: Any, *arguments: Any) -> Any:
        """Call a function on the worker.

        Raises:
            LabError: The worker or the scheduler is gone, or the function failed.
        """
        try:
            answers = await self._client.run(function, *arguments, workers=[self._worker], on_error="return")
        except OSError as error:
            raise LabError(f"the Dask scheduler is gone: {error}") from None
        answer = answers.get(self._worker)
        if isinstance(answer, OSError):
            self._is_gone = True
            raise LabError(f"its Dask worker {self._worker} is gone")
        if isinstance(answer, Exception):
            raise LabError(f"its Dask worker {self._worker} failed: {answer!r}")
        return answer

    async def start(self, job: ShardJob) -> None:
        """Compare clocks, and let the shard boot its phones."""
        try:
            self._clock_ahead_s = min([await self._compare_clocks() for _ in range(CLOCK_PROBES)])[1]
            await self._call(_begin, self._plugin_name, msgspec.json.encode(job))
        except LabError as error:
            self.ending = str(error)
        self._passing_on = asyncio.get_running_loop().create_task(self._pass_orders_on())

    async def _compare_clocks(self) -> tuple[float, float]:
        """How long the answer took, and how far the worker's clock is ahead of ours, both in seconds."""
        asked_s = time.time()
        said_s = await self._call(_now)
        answered_s = time.time()
        return answered_s - asked_s, said_s - (asked_s + answered_s) / 2

    async def reports(self) -> AsyncIterator[Report]:
        """What the shard tells, until it is over or its worker is gone."""
        decoder: msgspec.json.Decoder[Report] = msgspec.json.Decoder(Report)
        is_going_on = True
        while is_going_on:
            try:
                told, is_going_on = await self._call(_collect, self._plugin_name)
            except LabError as error:
                self.ending = str(error)
                return
            for line in told:
                report = decoder.decode(line)
                yield report
                if isinstance(report, Done | Failed):
                    is_going_on = False

    def order(self, order: Order) -> None:
        """Pass an order on, an instant by the worker's clock."""
        if isinstance(order, Start):
            order = Start(order.at_s + self._clock_ahead_s)
        self._orders.put_nowait(order)

    async def _pass_orders_on(self) -> None:
        while True:
            order = await self._orders.get()
            try:
                await self._call(_obey, self._plugin_name, msgspec.json.encode(order))
            except LabError:
                return  # the call that waits for reports says why

    async def close(self) -> None:
        """End the shard."""
        if self._passing_on is not None:
            self._passing_on.cancel()
        if self._is_gone:
            return
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await self._call(_end, self._plugin_name)
        except (LabError, TimeoutError):
            return  # nothing of it is left to end, or it ends when nobody asks for it


class DaskCrew:
    """The workers of a Dask cluster; use it as `async with`.

    Args:
        address: Of the scheduler: `tcp://192.0.2.1:8786`.
        workers: How many workers are wanted; all that there are when None.
    """

    def __init__(self, address: str, workers: int | None = None) -> None:
        self._address = address
        self._wanted = workers
        self._plugin_name = f"emcc-emu-load-{uuid.uuid4().hex}"
        self._client: Any = None  # Dask's types know only its blocking methods
        self._workers: tuple[str, ...] = ()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            LabError: Nobody answers, or there are not enough workers.
        """
        try:
            self._client = await Client(  # type: ignore[no-untyped-call]
                self._address, asynchronous=True, timeout=CONNECT_TIMEOUT_S, set_as_default=False
            )
        except (OSError, ValueError, socket.gaierror) as error:
            raise LabError(f"--scheduler {self._address}: {error}") from None
        try:
            await self._find_workers(self._client)
        except BaseException:
            await self._client.close()
            raise
        return self

    async def _find_workers(self, client: Any) -> None:
        wanted = self._wanted or 1
        try:
            await client.wait_for_workers(wanted, timeout=WORKERS_TIMEOUT_S)
        except TimeoutError:
            raise LabError(f"--scheduler {self._address}: fewer than {wanted} workers are there") from None
        await client.register_plugin(ShardPlugin(), name=self._plugin_name)
        found = await client.run(_now)
        self._workers = tuple(sorted(found)[: self._wanted])

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            try:
                await self._client.unregister_worker_plugin(self._plugin_name)
            except OSError:
                pass  # the scheduler is gone
            await self._client.close()

    def __len__(self) -> int:
        return len(self._workers)

    def carriers(self) -> list[DaskCarrier]:
        """One for each worker, for one load."""
        return [DaskCarrier(self._client, worker, self._plugin_name) for worker in self._workers]
