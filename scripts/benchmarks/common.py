"""What the benchmarks share: cores, ports, child processes, and comparison inside a round."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypedDict

SERVER_CORE, LOAD_CORE = 0, 1
START_TIMEOUT_S = 30.0


class Comparison(TypedDict):
    """One figure of ours beside its peers."""

    figure: float
    unit: str
    peers: dict[str, float]
    ratio: dict[str, float]
    """Ours to theirs, by peer: the median of the rounds' ratios."""


def pin(core: int) -> Callable[[], None]:
    """A `preexec_fn` that puts a child on one core, when the machine has it, and in a group of its own."""

    def in_child() -> None:
        os.setpgid(0, 0)
        if core < (os.cpu_count() or 1):
            os.sched_setaffinity(0, {core})

    return in_child


@contextlib.contextmanager
def child(command: Sequence[str], core: int = SERVER_CORE) -> Iterator[subprocess.Popen[bytes]]:
    """A child process on one core; it and its own children are ended by their process group afterwards."""
    process = subprocess.Popen(
        command, preexec_fn=pin(core), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
                break


def free_udp_port(address: str = "127.0.0.1") -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def compare(unit: str, ours: Sequence[float], peers: Mapping[str, Sequence[float]]) -> Comparison:
    """Compare rounds pair by pair: the machine's drift cancels out inside a round."""
    return Comparison(
        figure=statistics.median(ours),
        unit=unit,
        peers={name: statistics.median(values) for name, values in peers.items()},
        ratio={
            name: statistics.median(mine / theirs for mine, theirs in zip(ours, values, strict=True))
            for name, values in peers.items()
            if min(values) > 0
        },
    )


def describe_machine() -> str:
    """The machine in a line."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.release()}, CPython {platform.python_version()}"


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    """Wait until a condition holds.

    Raises:
        RuntimeError: it does not within half a minute, or the process that should bring it about has ended.
    """
    end = time.monotonic() + START_TIMEOUT_S
    while not condition():
        if time.monotonic() > end or (process is not None and process.poll() is not None):
            raise RuntimeError("a server of the benchmark did not start")
        time.sleep(0.05)
