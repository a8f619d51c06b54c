"""Memory of one registered phone over TCP, at the cluster and in the fleet, both the real ones.

Run it for itself: `python scripts/benchmarks/memory.py`.  A first batch of phones fills caches and pools; the figure
is what the second batch adds, registered and quiet, shared by its number.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path

import common
import lab

FIRST_PHONES = 300


def run(phones: int = 2000) -> dict[str, common.Comparison]:
    """Register that many phones and look at both processes before and after."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = stack.enter_context(lab.running_lab("bench-lab.yaml", folder, core=None))
        fleet = stack.enter_context(lab.fleet_of(running, "bench"))
        processes = {"cluster side": running.worker("bench"), "fleet side": fleet.process.pid}
        fleet.do(f"on {FIRST_PHONES}")
        before = {side: common.memory_kb(process) for side, process in processes.items()}
        fleet.do(f"on {phones}")
        after = {side: common.memory_kb(process) for side, process in processes.items()}
    return {
        f"memory of a registered phone, {side}": common.Comparison(
            figure=(after[side] - before[side]) / phones, unit="kB", peers={}, ratio={}
        )
        for side in processes
    }


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
