"""The screen of a running load."""

from __future__ import annotations

import time

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from phones.load.arrivals import RateProfile
from phones.load.director import Director
from phones.load.watch import ClusterWatch
from phones.scenario import Scenario

__all__ = ["draw_progress"]

BAR_WIDTH = 40
RECENT_S = 5
"""Seconds over which the current rate is taken."""


def draw_progress(scenario: Scenario, profile: RateProfile, director: Director, watch: ClusterWatch) -> RenderableType:
    """What happens right now."""
    elapsed_s = max(0.0, time.time() - director.start_at_s) if director.start_at_s else 0.0
    duration_s = scenario.load.duration_s / director.factor
    left_s = max(0.0, duration_s - elapsed_s)
    phase = "paused" if director.is_paused else f"{left_s:.0f} s left" if left_s else "waiting for the last sessions"
    done = min(1.0, elapsed_s / duration_s) if duration_s else 1.0
    bar = "█" * round(BAR_WIDTH * done) + "░" * (BAR_WIDTH - round(BAR_WIDTH * done))
    head = Text.assemble((scenario.name, "bold"), f"  {bar}  {elapsed_s:.0f} s, {phase}")
    keys = Text("p pause   + faster   - slower   q stop (phones log out)", "dim")
    return Group(head, _figures(profile, director, watch, elapsed_s), keys)


def _figures(profile: RateProfile, director: Director, watch: ClusterWatch, elapsed_s: float) -> Table:
    measurement = director.measurement
    login = measurement.operations["login"]
    now = int(elapsed_s)
    recent = [measurement.seconds[second] for second in range(now - RECENT_S, now) if second in measurement.seconds]
    rate = sum(second.ok for second in recent) / RECENT_S
    planned = f"planned {profile.rate_at(elapsed_s) * director.factor:.1f}/s" if profile.pieces else "closed model"
    table = Table(show_header=False, box=None, padding=(0, 2))
    table.add_row("logins", f"{login.ok} done, {rate:.1f}/s now", f"{planned}, x {director.factor:.2f}")
    codes = "  ".join(f"{code}: {times}" for code, times in sorted(login.by_code.items())) or "none"
    table.add_row("refused", codes, f"no answer: {login.no_answer}")
    latency = login.latency
    shares = "  ".join(f"p{share}: {latency.percentile_s(share) * 1000:.0f} ms" for share in (50, 95, 99))
    table.add_row("latency", shares, f"max: {latency.max_s * 1000:.0f} ms")
    table.add_row("sessions", f"{director.sessions} under way", f"{director.waiting} waiting")
    if watch.samples:
        progress = "  ".join(f"{name}: {count}" for name, count in watch.samples[-1].in_progress.items())
        table.add_row("in progress", progress, f"limit: {watch.limit}")
    return table
