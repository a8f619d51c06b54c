"""The process of one shard: takes its job and orders on standard input, reports on standard output."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys

import msgspec
import structlog

from emcc_emu.errors import EmccEmuError
from phones.load.messages import Failed, Order, Report, ShardJob, Stop
from phones.load.shard import Shard

__all__ = ["MAX_LINE_BYTES", "main", "prepare_process"]

MAX_LINE_BYTES = 64 * 1024 * 1024
GC_THRESHOLDS = (100_000, 50, 1000)


def main() -> None:
    """Entry point of `python -m phones.load.worker`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; who directs us decides
    prepare_process()
    asyncio.run(_run())


def prepare_process() -> None:
    """Keep phones quiet, and the garbage collector from walking over all of them again and again."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    gc.set_threshold(*GC_THRESHOLDS)


async def _run() -> None:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    job = msgspec.json.decode(await reader.readline(), type=ShardJob)
    try:
        shard = Shard(job, _write)
    except EmccEmuError as error:
        _write(Failed(str(error)))
        return
    listening = asyncio.ensure_future(_listen(shard, reader))
    try:
        await shard.run()
    finally:
        listening.cancel()


async def _listen(shard: Shard, reader: asyncio.StreamReader) -> None:
    """Pass orders on; the end of the pipe is the order to stop at once."""
    decoder: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
    while line := await reader.readline():
        shard.obey(decoder.decode(line))
    shard.obey(Stop(at_once=True))


def _write(report: Report) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.buffer.write(msgspec.json.encode(report) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
