"""Searches for the highest rate at which everything that is expected holds."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from rich.console import Console

from emcc_emu.cli.load_run import LoadRun, LoadTarget, RunSettings
from emcc_emu.errors import InputError
from phones.scenario import LoadShape, Scenario

__all__ = ["FoundLimit", "Probe", "search_limit"]

MAX_PROBES = 10
PRECISION = 0.1
"""The search ends when the highest rate that held is so close to the lowest that did not."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One rate that was tried."""

    rate_per_s: float
    is_met: bool
    gave_way: str
    """What did not hold first; empty when all held."""
    login_rate_per_s: float
    login_p95_ms: float


@dataclass(frozen=True, slots=True)
class FoundLimit:
    """What came of the search."""

    rate_per_s: float
    """The highest rate that held; 0 when none did."""
    gave_way: str
    """What gave way at the lowest rate that did not hold."""
    probes: tuple[Probe, ...]


async def search_limit(scenario: Scenario, target: LoadTarget, settings: RunSettings, console: Console) -> FoundLimit:
    """Double the rate until something gives way, then halve the gap.

    Raises:
        InputError: The scenario has no rate to change, or nothing that is expected.
    """
    rate = scenario.load.rate_per_s
    if scenario.load.shape != "constant" or not rate:
        raise InputError("--find-limit needs a scenario with the shape constant and a rate, at which the search begins")
    if not settings.expectations:
        raise InputError("--find-limit needs something to hold: --expect 'login p95 < 2s', or expect in the scenario")
    probes: list[Probe] = []
    held, gave_way = 0.0, 0.0
    while len(probes) < MAX_PROBES and (not gave_way or gave_way - held > PRECISION * gave_way):
        probe = await _probe(scenario, rate, target, settings, console)
        probes.append(probe)
        if probe.is_met:
            held = rate
        else:
            gave_way = rate
        rate = (held + gave_way) / 2 if gave_way else rate * 2
    broken = [probe for probe in probes if not probe.is_met]
    lowest = min(broken, key=lambda probe: probe.rate_per_s) if broken else None
    return FoundLimit(held, lowest.gave_way if lowest else "", tuple(probes))


async def _probe(
    scenario: Scenario, rate_per_s: float, target: LoadTarget, settings: RunSettings, console: Console
) -> Probe:
    load: LoadShape = msgspec.structs.replace(scenario.load, rate_per_s=rate_per_s)
    run = LoadRun(msgspec.structs.replace(scenario, load=load, log_out_at_end=True), target, settings, console)
    outcome = await run.until_done()
    login = outcome.measurement.operations["login"]
    gave_way = outcome.failures[0] if outcome.failures else ""
    console.print(f"{rate_per_s:.2f}/s: {gave_way or 'held'}", markup=False)
    achieved = login.ok / outcome.duration_s if outcome.duration_s else 0.0
    return Probe(rate_per_s, not gave_way, gave_way, achieved, login.latency.percentile_s(95) * 1000)
