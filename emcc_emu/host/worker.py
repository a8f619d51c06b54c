"""The process of one cluster: starts it, answers the host's questions, ends when the host's pipe ends."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec

from emcc_emu.control.questions import cluster_questions
from emcc_emu.errors import EmccEmuError
from emcc_emu.host.channel import MAX_LINE_BYTES, Answer, serve
from emcc_emu.host.job import ClusterJob
from emcc_emu.host.job_cluster import make_cluster, open_recorder
from emcc_emu.host.limits import raise_descriptor_limit
from emcc_emu.host.logs import BoundedLog, configure_logs
from emcc_emu.net.clock import Clock

__all__ = ["HELLO", "main"]

GC_THRESHOLDS = (100_000, 50, 1000)

HELLO = 0
"""Number of the answer that a process gives, unasked, once its cluster listens or could not start."""


def main() -> None:
    """Entry point of `python -m emcc_emu.host.worker`; the job comes on standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the host decides when we stop
    raise_descriptor_limit()
    asyncio.run(_run())


async def _run() -> None:
    reader = await _standard_input()
    job = msgspec.json.decode(await reader.readline(), type=ClusterJob)
    log = BoundedLog(Path(job.database).with_suffix(".log"))
    configure_logs(log)
    try:
        async with contextlib.AsyncExitStack() as stack:
            clock = Clock(offset_s=job.clock_offset_s)
            stack.push_async_callback(clock.close)
            recorder = stack.enter_context(open_recorder(job))
            cluster = await stack.enter_async_context(make_cluster(job, clock, recorder))
            _spare_the_collector()
            _write(msgspec.json.encode(Answer(HELLO, result="listening")) + b"\n")
            await _until_told_to_stop(serve(cluster_questions(cluster), reader, _write))
    except EmccEmuError as error:
        _write(msgspec.json.encode(Answer(HELLO, error=str(error))) + b"\n")
        raise SystemExit(1) from None
    finally:
        log.close()


def _spare_the_collector() -> None:
    """Take what lives as long as the process out of the cyclic collector's sight, and let it look less often.

    A server that answers tens of thousands of small requests a second makes hardly any cycles; the default thresholds
    cost it a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def _until_told_to_stop(serving: Any) -> None:
    """Serve until the pipe ends or SIGTERM comes."""
    task = asyncio.ensure_future(serving)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return


async def _standard_input() -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
