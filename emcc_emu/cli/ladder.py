"""`emcc-emu ladder`: a trace as a drawing."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from emcc_emu.errors import InputError
from emcc_emu.trace.ladder import MIN_WIDTH, LadderStyle, draw_scene
from emcc_emu.trace.reader import Trace, open_trace
from emcc_emu.trace.steps import read_scene
from emcc_emu.trace.stories import StoryTracker

__all__ = ["command"]

MAX_PHONES_TOGETHER = 6
"""More phones than this do not fit side by side; one must be chosen."""

_NAMES_SHOWN = 5


@click.command("ladder")
@click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--story", metavar="DEVICE", default="", help="Only the packets of this phone, say SEP001122334455.")
@click.option("--list", "lists_stories", is_flag=True, help="List the phones of the trace instead of drawing.")
@click.option("--options", "shows_options", is_flag=True, help="Show OPTIONS pings and their answers.")
@click.option("--keepalives", "shows_keepalives", is_flag=True, help="Show registration refreshes.")
@click.option("--width", type=click.IntRange(min=MIN_WIDTH), help="Characters of a line; default: your terminal.")
def command(
    trace_path: Path, story: str, lists_stories: bool, shows_options: bool, shows_keepalives: bool, width: int | None
) -> None:
    """Draw a trace as a ladder across TFTP, HTTP/XML and SIP.

    TRACE is a trace file, the trace directory of a run, or a pcap or pcapng capture. The line tells the protocol:
    dotted TFTP, thin HTTP, thick SIP. Packets are put together by what they say: device name, connection, Call-ID.

    \b
    Examples:
      emcc-emu ladder ./trace --list
      emcc-emu ladder ./trace --story SEP001122334455
      emcc-emu ladder capture.pcapng --options --width 140
    """
    trace = open_trace(trace_path)
    if lists_stories:
        click.echo(_story_list(trace))
        return
    width = width or max(MIN_WIDTH, shutil.get_terminal_size().columns)
    scene = read_scene(
        trace.records(), trace.nodes, story=story, shows_options=shows_options, shows_keepalives=shows_keepalives
    )
    names = list(scene.stories.stories)
    if story and not scene.packets:
        raise InputError(f"{trace_path}: no packets of {story}; it holds {_some(names)} (see --list)")
    if not story and len(names) > MAX_PHONES_TOGETHER:
        raise InputError(
            f"{trace_path}: holds {len(names)} phones; choose one with --story: {_some(names)} (see --list)"
        )
    style = LadderStyle(width=width, story=story, shows_options=shows_options, shows_keepalives=shows_keepalives)
    click.echo(draw_scene(scene, trace.nodes, style, lab=trace.lab), nl=False)
    _warn(trace)


def _some(names: list[str]) -> str:
    if not names:
        return "no phone at all"
    return ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")


def _story_list(trace: Trace) -> str:
    # The same reading as for a ladder, without keeping a step.
    tracker: StoryTracker = read_scene(trace.records(), trace.nodes, story="(none)").stories
    lines = [
        f"{story.device_name:<16}  {story.packets:>7} packets  {(story.last_ns - story.first_ns) / 1e9:>10.3f} s"
        for story in tracker.stories.values()
    ]
    return "\n".join(lines) or "No phone appears in this trace."


def _warn(trace: Trace) -> None:
    if trace.damaged_lines:
        click.echo(f"note: {trace.damaged_lines} unreadable lines were skipped", err=True)
    if trace.dropped:
        click.echo(f"note: {trace.dropped} packets are missing: the recorder had to drop them", err=True)
