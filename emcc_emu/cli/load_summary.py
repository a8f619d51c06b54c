"""What the terminal says when a load is over."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from emcc_emu.cli.load_find_limit import FoundLimit
from phones.load.measure import OperationCount
from phones.load.outcome import LoadOutcome

__all__ = ["draw_limit", "draw_summary"]

DISPLAYS_SHOWN = 8


def draw_summary(outcome: LoadOutcome, console: Console) -> None:
    """The figures and the verdict."""
    table = Table(
        title=f"{outcome.scenario.name}: {outcome.phones} phones, {outcome.duration_s:.1f} s", title_justify="left"
    )
    for heading in ("", "sent", "ok", "refused", "no answer", "p50", "p95", "p99", "max"):
        table.add_column(heading, justify="left" if heading in ("", "refused") else "right")
    for name, count in outcome.measurement.operations.items():
        if count.attempted:
            table.add_row(name.replace("_", " "), *_cells(count))
    console.print(table)
    if outcome.limit is not None:
        highest = ", ".join(f"{name} {count}" for name, count in outcome.max_in_progress.items())
        console.print(
            f"in flight at most {outcome.measurement.max_in_flight()}; in progress at most {highest}; "
            f"Maximum Concurrent Requests {outcome.limit}"
        )
    for text, times in outcome.measurement.displays.most_common(DISPLAYS_SHOWN):
        console.print(f"  {times:6d} x {text}", markup=False)
    for entry in outcome.outcomes:
        mark = "[green]✓[/green]" if entry.is_met else "[red]✗[/red]"
        console.print(f"{mark} {entry.expectation.text}  [dim]{entry.shown_value}[/dim]")
    for name in outcome.unchecked:
        console.print(f"[yellow]?[/yellow] not checked: {name}")
    for failure in outcome.failures:
        console.print(f"[red]{failure}[/red]")
    console.print(f"verdict: {outcome.verdict}")


def _cells(count: OperationCount) -> list[str]:
    codes = ", ".join(f"{code}: {times}" for code, times in sorted(count.by_code.items()))
    shares = [count.latency.percentile_s(share) for share in (50, 95, 99)]
    times = [_time(seconds) if count.ok else "" for seconds in (*shares, count.latency.max_s)]
    return [str(count.attempted), str(count.ok), codes, str(count.no_answer), *times]


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def draw_limit(found: FoundLimit, console: Console) -> None:
    """The highest rate that held, and what gave way above it."""
    for probe in found.probes:
        mark = "[green]✓[/green]" if probe.is_met else "[red]✗[/red]"
        console.print(f"{mark} {probe.rate_per_s:.2f}/s  [dim]{probe.gave_way or 'everything held'}[/dim]")
    if not found.rate_per_s:
        console.print(f"no rate held; at the lowest one this gave way: {found.gave_way}")
        return
    console.print(
        f"limit: {found.rate_per_s:.2f}/s; above it this gave way: {found.gave_way or 'nothing, up to the highest'}"
    )
