"""Draws a trace as a ladder: time runs down, phones, clusters and gateways are lifelines, packets are arrows.

    0.012       ├┄ RRQ SEP001122334455.cnf.xml ┄┄▶│                     │
    0.431       │                                 ├─ POST emcc homeLogin ─▶│

The line tells the protocol: dotted TFTP, thin HTTP, thick SIP. The text is plain and as wide as asked for.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import re
from collections.abc import Iterable, Sequence

from emcc_emu.trace.cast import Column, cast_columns
from emcc_emu.trace.record import NodeLabel, Record
from emcc_emu.trace.steps import Scene, Step, read_scene

__all__ = ["MIN_WIDTH", "LadderStyle", "draw_ladder", "draw_scene"]

MIN_WIDTH = 60
"""A narrower ladder cannot be read; it is drawn this wide. Characters."""

_TIME_WIDTH = 11
_MIN_GAP = 12
_ARROW_CHARS = 7
_PAUSE_NS = 1_000_000_000
_MAC_NAME = re.compile(r"(SEP|ATA)[0-9A-Fa-f]{8}([0-9A-Fa-f]{4})")


@dataclasses.dataclass(frozen=True, slots=True)
class LadderStyle:
    """How a ladder looks and what it shows."""

    width: int = 100
    """Characters of a line; at least `MIN_WIDTH`, more where many columns need it."""

    story: str = ""
    """Device whose packets are shown; empty for all."""

    shows_options: bool = False
    shows_keepalives: bool = False

    utc_offset_s: int = 0
    """Time zone of the heading. Seconds east of Greenwich."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Stroke:
    """The characters of one protocol's arrows."""

    line: str
    from_left: str
    from_right: str
    crossing: str


_STROKES = {
    "tftp": _Stroke("┄", "├", "┤", "┼"),
    "http": _Stroke("─", "├", "┤", "┼"),
    "sip": _Stroke("━", "┝", "┥", "┿"),
}


def draw_ladder(
    records: Iterable[Record], nodes: Sequence[NodeLabel] = (), style: LadderStyle | None = None, *, lab: str = ""
) -> str:
    """Read records and draw them; the text ends with a line feed."""
    style = style or LadderStyle()
    scene = read_scene(
        records,
        nodes,
        story=style.story,
        shows_options=style.shows_options,
        shows_keepalives=style.shows_keepalives,
    )
    return draw_scene(scene, nodes, style, lab=lab)


def draw_scene(scene: Scene, nodes: Sequence[NodeLabel], style: LadderStyle, *, lab: str = "") -> str:
    """Draw what `read_scene` has read."""
    if not scene.steps:
        return f"No packets to show. {_hidden_note(scene)}".rstrip() + "\n"
    columns, ends = cast_columns(scene, nodes, style.story)
    sheet = _Sheet(columns, max(style.width, MIN_WIDTH), _needs(scene.steps, ends, len(columns)))
    lines = [_title(scene, style, lab), "", *sheet.heading()]
    first_ns = previous_ns = scene.steps[0].time_ns
    for step, (source, destination) in zip(scene.steps, ends, strict=True):
        if step.time_ns - previous_ns >= _PAUSE_NS:
            lines.append(sheet.pause((step.time_ns - previous_ns) / 1e9))
        lines.append(sheet.arrow(step, source, destination, (step.time_ns - first_ns) / 1e9))
        previous_ns = step.time_ns
    lines += [sheet.ending(), "", _legend(scene)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _title(scene: Scene, style: LadderStyle, lab: str) -> str:
    zone = datetime.timezone(datetime.timedelta(seconds=style.utc_offset_s))
    start = datetime.datetime.fromtimestamp(scene.steps[0].time_ns / 1e9, zone)
    duration_s = (scene.steps[-1].time_ns - scene.steps[0].time_ns) / 1e9
    names = (name for name in scene.stories.stories if name.lower() == style.story.lower())
    parts = [next(names, style.story) or "All phones"]
    if lab:
        parts.append(f"lab {lab}")
    parts += [f"{start:%Y-%m-%d %H:%M:%S} {start.tzname()}", f"{duration_s:.3f} s", f"{scene.packets} packets"]
    return " · ".join(parts)


def _legend(scene: Scene) -> str:
    used = {step.protocol for step in scene.steps}
    strokes = [f"{_STROKES[name].line * 3} {name.upper()}" for name in ("tftp", "http", "sip") if name in used]
    if any(step.is_repeat for step in scene.steps):
        strokes.append("↻ sent again")
    if any(step.fault for step in scene.steps):
        strokes.append("✗ injected fault")
    note = _hidden_note(scene)
    return " " * _TIME_WIDTH + "   ".join(strokes) + (f"  {note}" if note else "")


def _hidden_note(scene: Scene) -> str:
    if not scene.hidden:
        return ""
    return f"(hidden: {', '.join(f'{count} {reason}' for reason, count in sorted(scene.hidden.items()))})"


def _needs(steps: Iterable[Step], ends: Iterable[tuple[int, int]], columns: int) -> list[int]:
    """Characters that each gap between neighbours would like to have for the labels that must fit into it."""
    needs = [_MIN_GAP] * max(0, columns - 1)
    for step, (source, destination) in zip(steps, ends, strict=True):
        left = min(source, destination)
        if abs(source - destination) <= 1 and left < len(needs):
            needs[left] = max(needs[left], len(_label(step)) + _ARROW_CHARS)
    return needs


def _share(needs: list[int], width: int) -> list[int]:
    """Divide the width among the gaps: each its need while that fits, the rest or the lack spread evenly."""
    gaps = [min(need, _MIN_GAP) for need in needs]
    left = width - sum(gaps)
    while left > 0 and needs:
        wanting = [index for index, need in enumerate(needs) if gaps[index] < need] or range(len(gaps))
        # One character at a time to the narrowest: the widest label gives way first.
        gaps[min(wanting, key=lambda index: gaps[index])] += 1
        left -= 1
    return gaps


class _Sheet:
    """Lifelines at fixed places, and the lines that are drawn between them."""

    def __init__(self, columns: list[Column], width: int, needs: list[int]) -> None:
        self._columns = columns
        margin = _TIME_WIDTH + min(8, max(len(columns[0].name), len(columns[0].caption)) // 2)
        right = min(8, max(len(columns[-1].name), len(columns[-1].caption)) // 2)
        gaps = _share(needs, width - 1 - margin - right)
        self._places = [margin + sum(gaps[:index]) for index in range(len(columns))]
        self._right_edge = max(width, self._places[-1] + right + 1)

    def heading(self) -> list[str]:
        names = self._centred([column.name for column in self._columns])
        captions = self._centred([column.caption for column in self._columns])
        return [names, *([captions] if captions.strip() else []), self._lifelines("┬")]

    def ending(self) -> str:
        return self._lifelines("┴")

    def pause(self, seconds: float) -> str:
        text = f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
        return f"{'⋮ ' + text:>{_TIME_WIDTH - 2}}" + self._lifelines("┊")[_TIME_WIDTH - 2 :]

    def arrow(self, step: Step, source: int, destination: int, seconds: float) -> str:
        cells = list(self._lifelines("│").ljust(self._right_edge))
        label = _label(step)
        if source == destination:
            self._draw_within(cells, label, source)
        else:
            self._draw_between(cells, step, label, source, destination)
        return f"{seconds:>{_TIME_WIDTH - 2}.3f}" + "".join(cells)[_TIME_WIDTH - 2 :]

    def _draw_between(self, cells: list[str], step: Step, label: str, source: int, destination: int) -> None:
        stroke = _STROKES[step.protocol]
        left, right = sorted((self._places[source], self._places[destination]))
        is_rightward = source < destination
        for place in range(left + 1, right):
            cells[place] = stroke.crossing if place in self._places else stroke.line
        cells[left if is_rightward else right] = stroke.from_left if is_rightward else stroke.from_right
        head = ("▶" if is_rightward else "◀") if not step.fault.startswith("dropped") else "✗"
        cells[right - 1 if is_rightward else left + 1] = head
        start = left + (2 if is_rightward else 3)
        _write(cells, start, f" {_fit(label, right - start - (3 if is_rightward else 2))} ")

    def _draw_within(self, cells: list[str], label: str, column: int) -> None:
        """A message between two services of one cluster, drawn at its side."""
        place = self._places[column]
        if column + 1 < len(self._places) or self._right_edge - place > _MIN_GAP:
            limit = self._places[column + 1] if column + 1 < len(self._places) else self._right_edge
            cells[place : place + 2] = "├╮"
            _write(cells, place + 3, _fit(label, limit - place - 4))
        else:
            start = self._places[column - 1] if column else _TIME_WIDTH
            text = _fit(label, place - start - 5)
            cells[place - 1 : place + 1] = "╭┤"
            _write(cells, place - 2 - len(text), text)

    def _lifelines(self, character: str) -> str:
        cells = [" "] * (self._places[-1] + 1)
        for place in self._places:
            cells[place] = character
        return "".join(cells)

    def _centred(self, texts: list[str]) -> str:
        cells = [" "] * self._right_edge
        middles = [(left + right) // 2 for left, right in itertools.pairwise(self._places)]
        borders = zip([_TIME_WIDTH - 1, *middles], [*middles, self._right_edge], strict=True)
        for place, text, (left, right) in zip(self._places, texts, borders, strict=True):
            text = _fit(text, right - left - 1)
            _write(cells, max(left, min(place - len(text) // 2, right - len(text))), text)
        return "".join(cells)


def _label(step: Step) -> str:
    marks = f"✗ {step.fault}: " if step.fault else ""
    return f"{marks}{'↻ ' if step.is_repeat else ''}{step.label}"


def _fit(text: str, width: int) -> str:
    """Shorten a text: device names lose their middle first, then phone objects their first words, then the end goes."""
    if len(text) > width:
        text = _MAC_NAME.sub(r"\1…\2", text)
    if len(text) > width:
        text = text.replace("CiscoIPPhone", "")
    if len(text) <= width:
        return text
    return f"{text[: width - 1]}…" if width > 1 else ""


def _write(cells: list[str], start: int, text: str) -> None:
    cells[start : start + len(text)] = text
