"""Whole EMCC logins per second: two recording clusters and the fleet, each in a process of its own, on this machine.

Run it for itself: `python scripts/benchmarks/logins.py [--profile]`.  A login begins with the Services key and ends
when the phone is registered at home with the user's lines: pages, PIN, the clusters' talk, restart, the files of both
clusters, alarms, registration.  Afterwards all log out again.
"""

from __future__ import annotations

import collections
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import common
import lab

REAL_PAIR_PER_S = 75 / 60
"""What is published for a real pair of clusters: about 75 a minute."""

VISITING, HOME = "visiting", "home"
ROWS = 12


def run(phones: int = 400, rounds: int = 3, is_profiled: bool = False) -> dict[str, common.Comparison]:
    """Log that many phones in and out, `rounds` times.

    Args:
        phones: At most the 2000 of the lab.
        rounds: The figure is the best of them.
        is_profiled: Say which modules use the CPU; sampling takes a few percent of it itself.
    """
    rates: list[float] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        environment = _sampling(folder) if is_profiled else None
        with (
            lab.running_lab(
                "two-cluster-bench-lab.yaml", folder, core=None, is_recorded=True, environment=environment
            ) as running,
            lab.fleet_of(running, VISITING, environment) as fleet,
        ):
            processes = {
                "the visiting cluster": running.worker(VISITING),
                "the home cluster": running.worker(HOME),
                "the fleet": fleet.process.pid,
            }
            fleet.do(f"on {phones}")
            used = dict.fromkeys(processes, 0.0)
            for _ in range(rounds):
                before = {name: common.cpu_s(process) for name, process in processes.items()}
                outcome = fleet.do("login")
                rates.append(outcome["ok"] / outcome["duration_s"])
                for name, process in processes.items():
                    used[name] += common.cpu_s(process) - before[name]
                last = outcome
                fleet.do("logout")
            if is_profiled:
                fleet.end()
        notes = _split(used, phones * rounds, last)
        if is_profiled:
            notes += _modules(folder / "samples", {str(process): name for name, process in processes.items()})
    result = common.compare("logins/s", rates, {"a real pair": [REAL_PAIR_PER_S] * rounds})
    result["notes"] = notes
    return {"whole EMCC logins": result}


def _split(used: Mapping[str, float], logins: int, last: Mapping[str, Any]) -> list[str]:
    """Where the time goes, by process."""
    total = sum(used.values())
    parts = [f"{1000 * seconds / logins:.1f} ms ({seconds / total:.0%}) in {name}" for name, seconds in used.items()]
    return [
        f"CPU of a login: {1000 * total / logins:.1f} ms, of which {', '.join(parts)}",
        f"a login under this load took {last['median_s']:.2f} s (median), {last['p99_s']:.2f} s (99 in 100)",
    ]


def _sampling(folder: Path) -> dict[str, str]:
    """The environment in which every Python process samples itself."""
    (folder / "samples").mkdir()
    return {
        **os.environ,
        "PYTHONPATH": str(lab.FOLDER / "sampling"),
        "EMCC_EMU_SAMPLES": str(folder / "samples"),
    }


def _modules(folder: Path, names: Mapping[str, str]) -> list[str]:
    """Where the time goes, by process and module, booting and logging out included."""
    lines = []
    for process, name in names.items():
        counts: collections.Counter[str] = collections.Counter(
            dict(json.loads((folder / f"{process}.json").read_text()))
        )
        total = counts.total()
        lines.append(f"{name}, {total} samples:")
        lines += [f"    {count / total:6.1%}  {module}" for module, count in counts.most_common(ROWS)]
    return lines


if __name__ == "__main__":
    print(json.dumps(run(is_profiled="--profile" in sys.argv), indent=2))
