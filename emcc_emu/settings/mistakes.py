"""What is wrong in a settings file: every mistake with its line, field, value, rule and the nearest valid word."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable

from emcc_emu.errors import InputError

__all__ = [
    "MAX_MISTAKES_SHOWN",
    "Mistake",
    "Path",
    "input_error",
    "nearest_word",
    "path_text",
    "plain_error",
    "show_value",
]

MAX_MISTAKES_SHOWN = 50
"""Mistakes listed in one error; the rest is only counted."""

MAX_VALUE_SHOWN = 60
"""Characters of a wrong value that a message repeats."""

Path = tuple[str | int, ...]
"""Where a value is: keys of mappings and indices of lists, from the top of the file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    path: Path
    """The field."""

    problem: str
    """The value and the rule that it breaks, as a clause."""

    line: int = 0
    """Line of the file, from 1; 0 lets the path decide."""

    nearest: str = ""
    """The nearest valid word, empty for none."""

    def text(self) -> str:
        """`field: problem; did you mean …?`"""
        field = f"{path_text(self.path)}: " if self.path else ""
        return f"{field}{self.problem}" + (f"; did you mean {self.nearest!r}?" if self.nearest else "")


def path_text(path: Path) -> str:
    """A path as people write it: `clusters.tokyo.route_patterns[2].partition`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def show_value(value: str) -> str:
    """A value for a message: escaped, in quotes, cut short."""
    return repr(value if len(value) <= MAX_VALUE_SHOWN else value[:MAX_VALUE_SHOWN] + "…")


def nearest_word(word: str, valid: Iterable[str]) -> str:
    """The valid word that looks most like `word`, whatever its case; empty if none is close."""
    by_folded = {candidate.casefold(): candidate for candidate in valid}
    close = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[close[0]] if close else ""


def input_error(file_name: str, mistakes: Iterable[Mistake]) -> InputError:
    """The error that lists `mistakes`, one per line as `file:line: field: problem`, in the order of the file."""
    ordered = sorted(mistakes, key=lambda mistake: mistake.line)
    lines = [f"{file_name}:{mistake.line}: {mistake.text()}" for mistake in ordered[:MAX_MISTAKES_SHOWN]]
    if len(ordered) > MAX_MISTAKES_SHOWN:
        lines.append(f"{file_name}: and {len(ordered) - MAX_MISTAKES_SHOWN} more mistakes")
    return InputError("\n".join(lines))


def plain_error(mistakes: Iterable[Mistake]) -> InputError:
    """The error that lists mistakes which are in no file, one per line as `field: problem`."""
    lines = [mistake.text() for mistake in mistakes]
    shown = lines[:MAX_MISTAKES_SHOWN]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown)} more mistakes")
    return InputError("\n".join(shown))
