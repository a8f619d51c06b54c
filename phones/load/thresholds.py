"""What has to hold for a run to pass: `login p95 < 2s`, `errors < 1%`."""

from __future__ import annotations

import dataclasses
import operator
import re
from collections.abc import Callable, Mapping

from emcc_emu.errors import InputError
from emcc_emu.settings.mistakes import nearest_word

__all__ = ["Expectation", "Outcome", "check_expectations", "parse_expectation"]

OPERATIONS = ("login", "logout", "call", "emergency_call", "wrong_pin")
LATENCIES = ("p50", "p75", "p90", "p95", "p99", "p99.9", "max", "mean")
COUNTS = ("rate", "ok", "refused", "no_answer", "attempted")
SHARES = ("errors", "throttled", "late")
TOTALS = ("unserved", "stranded", "violations")

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
}
_FORM = re.compile(r"([a-z_]+)(?:\s+([a-z_0-9.]+))?\s*(<=|>=|<|>|=)\s*(\d+(?:\.\d+)?)\s*(ms|s|min|%|/s|/min)?")
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "%": 0.01, "/s": 1.0, "/min": 1 / 60}


@dataclasses.dataclass(frozen=True, slots=True)
class Expectation:
    """One threshold."""

    text: str
    """As it was written."""
    figure: str
    """Name of the figure, such as `login p95` or `errors`."""
    comparison: str
    bound: float
    """Seconds, a share from 0 to 1, per second, or a number."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a threshold held."""

    expectation: Expectation
    value: float | None
    """What was measured; None when there was nothing to measure."""

    @property
    def is_met(self) -> bool:
        """Whether it held; what was not measured did not hold."""
        wanted = self.expectation
        return self.value is not None and _COMPARISONS[wanted.comparison](self.value, wanted.bound)

    @property
    def shown_value(self) -> str:
        """The value in the unit of its figure."""
        if self.value is None:
            return "not measured"
        figure = self.expectation.figure
        word = figure.rpartition(" ")[2]
        if word in LATENCIES:
            return f"{self.value * 1000:.0f} ms" if self.value < 1 else f"{self.value:.2f} s"
        if figure in SHARES:
            return f"{self.value:.2%}"
        return f"{self.value:.2f}/s" if word == "rate" else f"{self.value:g}"


def parse_expectation(text: str) -> Expectation:
    """Read a threshold: OPERATION FIGURE COMPARISON VALUE, or FIGURE COMPARISON VALUE.

    Raises:
        InputError: It is none; the text names what there is, and the nearest word.
    """
    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        raise InputError(f"{text!r} is no expectation such as 'login p95 < 2s', 'errors < 1%' or 'login rate >= 10/s'")
    first, second, comparison, number, unit = found.groups()
    figure = f"{first} {second}" if second else first
    _check_figure(text, first, second)
    word = second or first
    wanted = "a time" if word in LATENCIES else "a share" if word in SHARES else "a number"
    given = {"ms": "a time", "s": "a time", "min": "a time", "%": "a share", None: "a number"}.get(unit, "a number")
    if wanted != given and not (wanted == "a share" and unit is None):
        raise InputError(f"{text!r}: {figure} is {wanted}, not {given}")
    return Expectation(text.strip(), figure, comparison, float(number) * _UNITS.get(unit or "", 1.0))


def _check_figure(text: str, first: str, second: str | None) -> None:
    words = (*SHARES, *TOTALS) if second is None else OPERATIONS
    if first not in words:
        nearest = nearest_word(first, (*words, *OPERATIONS))
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        raise InputError(f"{text!r}: {first!r} is none of {', '.join(words)}{hint}")
    if second is not None and second not in LATENCIES + COUNTS:
        nearest = nearest_word(second, LATENCIES + COUNTS)
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        raise InputError(f"{text!r}: {second!r} is none of {', '.join(LATENCIES + COUNTS)}{hint}")


def check_expectations(expectations: tuple[Expectation, ...], figures: Mapping[str, float]) -> tuple[Outcome, ...]:
    """How the thresholds fared.

    Args:
        expectations: The thresholds.
        figures: What was measured, by the names that thresholds use.
    """
    return tuple(Outcome(expectation, figures.get(expectation.figure)) for expectation in expectations)
