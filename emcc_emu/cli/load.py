"""`emcc-emu load`: drive a fleet of virtual phones by a scenario, and say what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console

from emcc_emu.cli.load_find_limit import FoundLimit, search_limit
from emcc_emu.cli.load_run import LoadRun, RunSettings, running_target
from emcc_emu.cli.load_summary import draw_limit, draw_summary
from emcc_emu.errors import InputError
from emcc_emu.host.lab_host import RunOptions
from phones.load.html_report import html_report
from phones.load.outcome import LoadOutcome, csv_text, junit_text, outcome_json
from phones.load.thresholds import parse_expectation
from phones.scenario import Scenario, load_scenario, one_by_one, scenario_schema_text

__all__ = ["command"]


@click.command("load")
@click.argument("scenario_file", metavar="SCENARIO", required=False, type=click.Path(path_type=Path))
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    metavar="READY_FILE",
    help="A running lab, instead of the scenario's own.",
)
@click.option("--once", is_flag=True, help="Run one phone slowly, one session of each kind, and tell every step.")
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="TEXT",
    help="What has to hold; repeat for more. Exit 1 when it does not.",
)
@click.option("--find-limit", is_flag=True, help="Search for the highest rate at which everything expected holds.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes for the phones; else as many as they need.")
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Spread the phones over the workers of this Dask scheduler, such as tcp://192.0.2.1:8786.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the figures to this file.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="Write them second by second.")
@click.option("--junit", "junit_file", type=click.Path(path_type=Path), help="Write every threshold as a test case.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write a report with plots, in one file.")
@click.option(
    "--metrics", "metrics_port", type=click.IntRange(0, 65535), help="Serve the figures to Prometheus on this port."
)
@click.option("--trace", type=click.Path(path_type=Path), help="Where the lab that is started records packets.")
@click.option("--no-trace", is_flag=True, help="Record nothing.")
@click.option(
    "--control", default="", metavar="URL", help="Control API of the clusters, when the ready file names none."
)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of scenario files.")
def command(
    scenario_file: Path | None,
    against: Path | None,
    once: bool,
    expected: tuple[str, ...],
    find_limit: bool,
    workers: int | None,
    scheduler: str | None,
    json_file: Path | None,
    csv_file: Path | None,
    junit_file: Path | None,
    html_file: Path | None,
    metrics_port: int | None,
    trace: Path | None,
    no_trace: bool,
    control: str,
    schema: bool,
) -> int:
    """Drive virtual phones by SCENARIO and judge what came of it.

    The scenario's own lab is started in a free block of addresses, unless --against names a running one. Latency counts
    from the instant at which a login was due to the phone's registration at home.

    \b
    Keys while it runs: p pauses and goes on, + and - change the rate, q stops cleanly.

    \b
    Examples:
      emcc-emu load fixtures/scenarios/concurrent-limit.yaml --html report.html
      emcc-emu load fixtures/scenarios/morning.yaml --expect "login p95 < 2s" --expect "errors < 1%"
      emcc-emu load fixtures/scenarios/morning.yaml --once
      emcc-emu load constant.yaml --find-limit
    """
    if schema:
        click.echo(scenario_schema_text(), nl=False)
        return 0
    if scenario_file is None:
        raise InputError("name a scenario file, for example fixtures/scenarios/concurrent-limit.yaml")
    scenario = load_scenario(scenario_file)
    scenario = msgspec.structs.replace(scenario, expect=scenario.expect + expected) if expected else scenario
    expectations = tuple(parse_expectation(text) for text in scenario.expect)
    if once:
        scenario, expectations = one_by_one(scenario), ()
    settings = RunSettings(expectations, workers, metrics_port, is_told=once, control=control)
    options = RunOptions(trace=trace, record=not no_trace, ephemeral=True)
    console = Console(highlight=False)
    if find_limit:
        found = asyncio.run(_find_limit(scenario, scenario_file, against, options, settings, scheduler, console))
        if json_file is not None:
            json_file.write_bytes(_json(dataclasses.asdict(found)))
        draw_limit(found, console)
        return 0 if found.rate_per_s else 1
    outcome, story = asyncio.run(_run(scenario, scenario_file, against, options, settings, scheduler, console))
    _write(outcome, json_file, csv_file, junit_file, html_file)
    draw_summary(outcome, console)
    if story:
        click.echo(story, nl=False)
    return 1 if outcome.verdict == "fail" else 0


@contextlib.asynccontextmanager
async def _carried(settings: RunSettings, scheduler: str | None) -> AsyncIterator[RunSettings]:
    """The settings with the Dask workers of the scheduler, if there is one.

    Raises:
        InputError: The extra that this needs is not installed.
    """
    if scheduler is None:
        yield settings
        return
    try:
        from phones.load.dask_crew import DaskCrew
    except ImportError:
        raise InputError("--scheduler needs the extra distributed: pip install distributed") from None
    async with DaskCrew(scheduler, settings.workers) as crew:
        yield dataclasses.replace(settings, crew=crew)


async def _run(
    scenario: Scenario,
    scenario_file: Path,
    against: Path | None,
    options: RunOptions,
    settings: RunSettings,
    scheduler: str | None,
    console: Console,
) -> tuple[LoadOutcome, str]:
    async with (
        _carried(settings, scheduler) as settings,
        running_target(scenario, scenario_file, against, options, console) as target,
    ):
        run = LoadRun(scenario, target, settings, console)
        outcome = await run.until_done()
        return outcome, run.story()


async def _find_limit(
    scenario: Scenario,
    scenario_file: Path,
    against: Path | None,
    options: RunOptions,
    settings: RunSettings,
    scheduler: str | None,
    console: Console,
) -> FoundLimit:
    async with (
        _carried(settings, scheduler) as settings,
        running_target(scenario, scenario_file, against, options, console) as target,
    ):
        return await search_limit(scenario, target, settings, console)


def _write(
    outcome: LoadOutcome, json_file: Path | None, csv_file: Path | None, junit_file: Path | None, html_file: Path | None
) -> None:
    if json_file is not None:
        json_file.write_bytes(_json(outcome_json(outcome)))
    if csv_file is not None:
        csv_file.write_text(csv_text(outcome))
    if junit_file is not None:
        junit_file.write_text(junit_text(outcome))
    if html_file is not None:
        html_file.write_text(html_report(outcome))


def _json(value: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
