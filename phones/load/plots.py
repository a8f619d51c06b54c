"""Plots as inline SVG: lines, stacked bars and a heat map over the seconds of a load."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

__all__ = ["COLOURS", "Axis", "Line", "bar_plot", "heat_map", "line_plot"]

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 14, 34
COLOURS = ("#0b6e99", "#c2410c", "#4d7c0f", "#7e22ce", "#b45309", "#be123c", "#0f766e", "#475569")
"""Told apart in print and by most colour-blind readers; lines also differ in their dashes."""

DASHES = ("", "6 3", "2 3", "8 3 2 3")
TICKS = 5
POINTS_DRAWN = 2000
"""Longer lines are thinned, keeping the highest value of each stretch."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a plot."""

    name: str
    points: Sequence[tuple[float, float]]
    """Seconds and values."""
    is_step: bool = False
    """Whether a value holds until the next one."""


@dataclass(frozen=True, slots=True)
class Axis:
    """From values to places."""

    least: float
    most: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Where a value is."""
        span = self.most - self.least or 1.0
        return self.begin + (self.end - self.begin) * (min(self.most, max(self.least, value)) - self.least) / span

    def ticks(self) -> list[float]:
        """Round values along the axis."""
        span = self.most - self.least
        if span <= 0:
            return [self.least]
        power: float = 10.0 ** math.floor(math.log10(span / TICKS))
        step = next(power * factor for factor in (1, 2, 5, 10) if span / (power * factor) <= TICKS)
        first = math.ceil(self.least / step)
        return [number * step for number in range(first, math.floor(self.most / step + 1e-9) + 1)]


def line_plot(title: str, lines: Sequence[Line], duration_s: float, *, mark: float | None = None) -> str:
    """Lines over time.

    Args:
        title: Says what is seen and in which unit, for those who cannot see it too.
        lines: With at most as many as there are colours.
        duration_s: End of the time axis.
        mark: A value marked by a line from side to side, such as a limit.
    """
    highest = max((value for line in lines for _, value in line.points), default=1.0)
    x, y = _axes(duration_s, max(highest, mark or 0.0) * 1.05 or 1.0)
    body = _grid(x, y)
    if mark is not None:
        place = y.place(mark)
        body += f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" class="mark"/>'
    for number, line in enumerate(lines):
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        body += f'<path d="{_path(line, x, y)}" fill="none" stroke="{colour}" stroke-width="1.6"{dashes}/>'
    names = [line.name for line in lines]
    return _figure(title, body, names, is_dashed=True, mark=f"limit {mark:g}" if mark is not None else "")


def bar_plot(title: str, bars: Mapping[str, Mapping[int, float]], duration_s: float) -> str:
    """Stacked bars, one for each second, by name."""
    seconds = sorted({second for values in bars.values() for second in values})
    highest = max((sum(values.get(second, 0) for values in bars.values()) for second in seconds), default=1.0)
    x, y = _axes(duration_s, highest * 1.05 or 1.0)
    width = max(0.5, x.place(1) - x.place(0) - 0.5)
    body = _grid(x, y)
    for second in seconds:
        bottom = 0.0
        for number, values in enumerate(bars.values()):
            if value := values.get(second, 0):
                top, base = y.place(bottom + value), y.place(bottom)
                body += (
                    f'<rect x="{x.place(second):.1f}" y="{top:.1f}" width="{width:.1f}" height="{base - top:.1f}" '
                    f'fill="{COLOURS[number % len(COLOURS)]}"/>'
                )
                bottom += value
    return _figure(title, body, list(bars))


def heat_map(title: str, counts: Mapping[int, Sequence[tuple[float, int]]], duration_s: float) -> str:
    """How many latencies of each size there were in each second; the size on a logarithmic axis.

    Args:
        title: Says what is seen.
        counts: By second: latency in seconds with its count.
        duration_s: End of the time axis.
    """
    values = [value for pairs in counts.values() for value, _ in pairs]
    least = math.floor(math.log10(max(1e-4, min(values, default=0.01))))
    most = max(least + 1, math.ceil(math.log10(max(1e-3, max(values, default=1.0)))))
    rows = 8 * (most - least)
    x = Axis(0.0, max(1.0, duration_s), LEFT, WIDTH - RIGHT)
    y = Axis(least, most, HEIGHT - BOTTOM, TOP)
    cells: dict[tuple[int, int], int] = {}
    for second, pairs in counts.items():
        for value, count in pairs:
            row = min(rows - 1, int((math.log10(max(1e-4, value)) - least) / (most - least) * rows))
            cells[second, row] = cells.get((second, row), 0) + count
    highest = max(cells.values(), default=1)
    height = (HEIGHT - BOTTOM - TOP) / rows
    width = max(0.5, x.place(1) - x.place(0))
    body = "".join(
        f'<rect x="{x.place(second):.1f}" y="{HEIGHT - BOTTOM - (row + 1) * height:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" fill="{_heat(count / highest)}"><title>{count}</title></rect>'
        for (second, row), count in cells.items()
    )
    for power in range(least, most + 1):
        label = f"{10.0**power:g} s" if power >= 0 else f"{10.0 ** (power + 3):g} ms"
        body += _label(LEFT - 6, y.place(power) + 4, label, "end")
    body += _time_labels(x)
    return _figure(title, body, [])


def _axes(duration_s: float, highest: float) -> tuple[Axis, Axis]:
    return Axis(0.0, max(1.0, duration_s), LEFT, WIDTH - RIGHT), Axis(0.0, highest, HEIGHT - BOTTOM, TOP)


def _grid(x: Axis, y: Axis) -> str:
    body = ""
    for value in y.ticks():
        place = y.place(value)
        body += f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place:.1f}" y2="{place:.1f}" class="grid"/>'
        body += _label(LEFT - 6, place + 4, f"{value:g}", "end")
    return body + _time_labels(x)


def _time_labels(x: Axis) -> str:
    return "".join(_label(x.place(value), HEIGHT - 10, f"{value:g} s", "middle") for value in x.ticks())


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _path(line: Line, x: Axis, y: Axis) -> str:
    path, before = "", None
    for second, value in _thinned(line.points):
        if before is None:
            path += f"M{x.place(second):.1f} {y.place(value):.1f}"
        elif line.is_step:
            path += f"H{x.place(second):.1f}V{y.place(value):.1f}"
        else:
            path += f"L{x.place(second):.1f} {y.place(value):.1f}"
        before = value
    return path


def _thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    if len(points) <= POINTS_DRAWN:
        return points
    stretch = -(-len(points) // POINTS_DRAWN)
    return [max(points[i : i + stretch], key=lambda point: point[1]) for i in range(0, len(points), stretch)]


def _heat(share: float) -> str:
    """From light to dark blue, by the square root, so that single counts are seen beside thousands."""
    root = math.sqrt(share)
    red, green, blue = (round(light + (dark - light) * root) for light, dark in ((222, 8), (235, 48), (247, 107)))
    return f"#{red:02x}{green:02x}{blue:02x}"


def _figure(title: str, body: str, names: Sequence[str], *, is_dashed: bool = False, mark: str = "") -> str:
    """A plot with its caption and legend.

    Args:
        title: The caption.
        body: What is drawn.
        names: Of the colours, in order.
        is_dashed: Whether the colours belong to lines, which also differ in their dashes.
        mark: Name of the marked value, if there is one.
    """
    entries = [
        _key(name, COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)] if is_dashed else "")
        for number, name in enumerate(names)
    ]
    if mark:
        entries.append(_key(mark, "#111", "3 3"))
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}">{body}</svg><div class="legend">{"".join(entries)}</div></figure>'
    )


def _key(name: str, colour: str, dash: str) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    line = f'<line x1="0" x2="26" y1="4" y2="4" stroke="{colour}" stroke-width="3"{dashes}/>'
    return f'<span><svg width="26" height="8" aria-hidden="true">{line}</svg> {escape(name)}</span>'
