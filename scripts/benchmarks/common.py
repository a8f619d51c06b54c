"""What the benchmarks share: cores, ports, child processes, and comparison inside a round."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

SERVER_CORE, LOAD_CORE = 0, 1
START_TIMEOUT_S = 30.0


class Comparison(TypedDict):
    """One figure of ours beside its peers, if it has any."""

    figure: float
    unit: str
    peers: dict[str, float]
    ratio: dict[str, float]
    """Ours to theirs, by peer."""
    notes: NotRequired[list[str]]
    """Lines that say more about the figure."""


def pin(core: int | None) -> Callable[[], None]:
    """A `preexec_fn` that puts a child in a group of its own and on one core, if it is to have one and it exists."""

    def in_child() -> None:
        os.setpgid(0, 0)
        if core is not None and core < (os.cpu_count() or 1):
            os.sched_setaffinity(0, {core})

    return in_child


@contextlib.contextmanager
def child(
    command: Sequence[str],
    core: int | None = SERVER_CORE,
    *,
    is_piped: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A child process; it and its own children are ended by their process group afterwards.

    Args:
        command: What to run.
        core: Where; None leaves that to the system.
        is_piped: Whether we write to it and read from it.
        environment: Its environment; None for ours.
    """
    stream = subprocess.PIPE if is_piped else subprocess.DEVNULL
    process = subprocess.Popen(
        command, preexec_fn=pin(core), stdin=stream, stdout=stream, stderr=subprocess.DEVNULL, env=environment
    )
    try:
        yield process
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
                break
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def group_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Process ids of a child of `child` and of all its descendants, whose groups may be others."""
    parents = {
        int(entry.name): int(fields[1]) for entry in Path("/proc").glob("[0-9]*") if (fields := _stat(int(entry.name)))
    }
    found = [process.pid]
    for member in found:  # it grows while we go through it
        found += [child for child, parent in parents.items() if parent == member]
    return found


def cpu_s(process: int | subprocess.Popen[bytes]) -> float:
    """CPU seconds that a process, or a child of `child` with all its own children, has used so far.

    A server's answers are counted per second of its own CPU time: what it would do alone on a core, whatever else
    runs on the machine meanwhile.
    """
    members = [process] if isinstance(process, int) else group_of(process)
    return sum(sum(map(int, _stat(member)[11:15])) for member in members) / os.sysconf("SC_CLK_TCK")


def _stat(process_id: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none when the process has ended."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def memory_kb(process_id: int) -> int:
    """Memory that a process shares with no other, kB."""
    rows = Path(f"/proc/{process_id}/smaps_rollup").read_text().splitlines()
    return sum(int(row.split()[1]) for row in rows if row.startswith("Private_"))


def free_udp_port(address: str = "127.0.0.1") -> int:
    """A UDP port that is free now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def compare(unit: str, ours: Sequence[float], peers: Mapping[str, Sequence[float]]) -> Comparison:
    """Compare best rounds: whatever else the machine does can only slow a round down."""
    return Comparison(
        figure=max(ours),
        unit=unit,
        peers={name: max(values) for name, values in peers.items()},
        ratio={name: max(ours) / max(values) for name, values in peers.items()},
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


def shown(figure: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{figure:,.0f}" if figure >= 1000 else f"{figure:.1f}"
