"""A sampling profiler for every Python process that starts with this folder on its PYTHONPATH.

`EMCC_EMU_SAMPLES` names a folder.  Each process counts, every 2 ms of its CPU time, which module runs, and writes
the counts into the file PID.json there when it ends.
"""

from __future__ import annotations

import atexit
import collections
import json
import os
import signal
from pathlib import Path
from types import FrameType

INTERVAL_S = 0.002

_counts: collections.Counter[str] = collections.Counter()


def _sample(_: int, frame: FrameType | None) -> None:
    """Count for the innermost module that is ours, with the package that works for it, if another one does."""
    worker = ""
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        package = module.partition(".")[0]
        if package in ("emcc_emu", "phones"):
            _counts[f"{module} in {worker}" if worker else module] += 1
            return
        worker = worker or package
        frame = frame.f_back
    _counts[worker] += 1


def _write(folder: str) -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    Path(folder, f"{os.getpid()}.json").write_text(json.dumps(_counts.most_common()))


if folder := os.environ.get("EMCC_EMU_SAMPLES"):
    atexit.register(_write, folder)
    signal.signal(signal.SIGPROF, _sample)
    signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)
