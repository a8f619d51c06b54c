"""`emcc-emu demo`: the whole EMCC story on two clusters, checked from the packets and drawn as a ladder."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import msgspec
from rich.console import Console

from emcc_emu.cli.demo_story import CLIENT_ADDRESS, STEPS, Evidence, Step, StepFailed, Story
from emcc_emu.errors import EmccEmuError
from emcc_emu.host.addresses import all_free
from emcc_emu.host.job import node_labels
from emcc_emu.host.lab_host import LabHost, RunOptions, prepare_lab
from emcc_emu.lab.examples import two_clusters_path
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import Lab
from emcc_emu.trace.ladder import MIN_WIDTH, LadderStyle, draw_ladder
from emcc_emu.trace.meaning import Message
from emcc_emu.trace.messages import read_message
from emcc_emu.trace.reader import open_trace

__all__ = ["command"]

PIPED_WIDTH = 150
"""Characters of a ladder's line when the output is no terminal."""


@dataclass(slots=True)
class StepResult:
    """How one step went."""

    step: str
    ok: bool
    ms: float
    detail: str
    begin_ns: int
    end_ns: int
    story: Story


@click.command("demo")
@click.argument("lab_file", metavar="[LAB]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--json", "json_file", type=click.Path(path_type=Path), help="Write the outcome of every step to this file."
)
@click.option("--trace", type=click.Path(path_type=Path), help="Keep the packets in this directory.")
@click.option("--options", "with_options", is_flag=True, help="Draw OPTIONS keepalives too.")
@click.option("--no-ladder", is_flag=True, help="Print the steps only.")
def command(
    lab_file: Path | None, json_file: Path | None, trace: Path | None, with_options: bool, no_ladder: bool
) -> int:
    """Run the whole EMCC story on LAB (two clusters by default) and draw it as one ladder.

    A user of one cluster logs in on a phone of the other, gets the home lines, calls an extension, the PSTN and an
    emergency number, and logs out. Every step is checked from what the packets said.

    \b
    Examples:
      emcc-emu demo
      emcc-emu demo --json outcome.json --trace ./trace
    """
    lab = load_lab(lab_file or two_clusters_path())
    is_taken = not all_free({label.address for label in node_labels(lab) if label.role != "phone"})
    kept = trace or Path(tempfile.mkdtemp(prefix="emcc-emu-demo-"))
    options = RunOptions(trace=kept, ephemeral=is_taken)
    lab = prepare_lab(lab, options, random.Random())
    console = Console(highlight=False)
    results, phone_name = asyncio.run(_tell(lab, options))
    _look_at_packets(results, kept, console)
    if not no_ladder:
        _draw(kept, phone_name, console, with_options)
    is_ok = len(results) == len(STEPS) and all(result.ok for result in results)
    if json_file is not None:
        steps = [{"step": r.step, "ok": r.ok, "ms": round(r.ms, 1), "detail": r.detail} for r in results]
        json_file.write_bytes(msgspec.json.encode({"ok": is_ok, "steps": steps, "trace": str(kept)}))
    console.print(f"trace: {kept}  (draw it again: emcc-emu ladder {kept} --story {phone_name})", soft_wrap=True)
    return 0 if is_ok else 1


async def _tell(lab: Lab, options: RunOptions) -> tuple[list[StepResult], str]:
    """Run the lab and the story; stop at the first step that fails."""
    results: list[StepResult] = []
    begin_ns = time.time_ns()
    async with LabHost(lab, options) as host:
        story = Story(lab, host, host.describe())
        try:
            for step in STEPS:
                result = await _act(step, story, begin_ns)
                results.append(result)
                begin_ns = result.end_ns
                if not result.ok:
                    break
        finally:
            await story.power_off()
    return results, story.phone.identity.name


async def _act(step: Step, story: Story, begin_ns: int) -> StepResult:
    started_ns = time.time_ns()
    try:
        detail, ok = await step.act(story), True
    except EmccEmuError as error:
        detail, ok = str(error), False
    end_ns = time.time_ns()
    return StepResult(step.title, ok, (end_ns - started_ns) / 1e6, detail, begin_ns, end_ns, story)


def _look_at_packets(results: list[StepResult], trace: Path, console: Console) -> None:
    """Check every step that seemed to go well from its packets, and print the outcomes."""
    messages = [read_message(record) for record in open_trace(trace).records()]
    for number, (step, result) in enumerate(zip(STEPS, results, strict=False), start=1):
        begin_ns = min(result.begin_ns, results[step.since].begin_ns) if step.since else result.begin_ns
        evidence = Evidence(_between(messages, begin_ns, result.end_ns))
        if result.ok:
            try:
                step.check(result.story, evidence)
            except StepFailed as error:
                result.ok, result.detail = False, str(error)
        mark = "[green]✓[/green]" if result.ok else "[red]✗[/red]"
        console.print(
            f"{mark} {number} {result.step}  [dim]{result.ms:.0f} ms, {len(evidence.messages)} packets[/dim]",
            soft_wrap=True,
        )
        console.print(f"    {result.detail}", markup=False, soft_wrap=True)


def _between(messages: Sequence[Message], begin_ns: int, end_ns: int) -> list[Message]:
    return [message for message in messages if begin_ns <= message.record.time_ns < end_ns]


def _draw(trace_path: Path, phone_name: str, console: Console, with_options: bool) -> None:
    """The ladder of the visiting phone, without what the demo itself asked the EM API."""
    trace = open_trace(trace_path)
    width = console.width if console.is_terminal else PIPED_WIDTH
    style = LadderStyle(width=max(MIN_WIDTH, width), story=phone_name, shows_options=with_options)
    records = (record for record in trace.records() if CLIENT_ADDRESS not in (record.source[0], record.destination[0]))
    click.echo()
    click.echo(draw_ladder(records, trace.nodes, style, lab=trace.lab), nl=False)
