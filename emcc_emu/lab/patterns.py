r"""The syntax of route and translation patterns: `9.1[2-9]XXXXXXXXX`, `9.011!#`, `\+81!`."""

from __future__ import annotations

import dataclasses
import functools
import math

__all__ = ["ANY_DIGITS", "DialPattern", "parse_pattern", "pattern_problem"]

DIALLED = frozenset("0123456789*#+ABCD")
"""Everything that can be dialled."""

ANY_DIGITS = frozenset("0123456789*#")
"""What `!` stands for, once or more often."""

_DECIMAL = frozenset("0123456789")
_DIGIT_ORDER = "0123456789"


@dataclasses.dataclass(frozen=True, slots=True)
class DialPattern:
    """A parsed pattern."""

    before: tuple[frozenset[str], ...]
    """What each position takes, up to `!` or the end."""

    has_any_digits: bool
    """Whether `!` follows."""

    after: tuple[frozenset[str], ...]
    """What each position after `!` takes."""

    dot_position: int | None
    """How many digits stand before the dot; None without a dot."""

    def weight(self, digits: str) -> int | None:
        """How many numbers of that length match as well; fewer is closer. None if `digits` does not match."""
        any_count = len(digits) - len(self.before) - len(self.after)
        if any_count < 0 or self.has_any_digits != (any_count > 0):
            return None
        tail_start = len(digits) - len(self.after)
        middle = digits[len(self.before) : tail_start]
        if not all(digit in taken for digit, taken in zip(digits, self.before, strict=False)):
            return None
        if not ANY_DIGITS.issuperset(middle):
            return None
        if not all(digit in taken for digit, taken in zip(digits[tail_start:], self.after, strict=True)):
            return None
        fixed_count: int = math.prod(map(len, self.before + self.after))
        return fixed_count * int(len(ANY_DIGITS) ** any_count)

    def can_grow(self, digits: str) -> bool:
        """Whether a longer number that begins with `digits` matches."""
        if not all(digit in taken for digit, taken in zip(digits, self.before, strict=False)):
            return False
        if len(digits) < len(self.before):
            return True
        return self.has_any_digits and ANY_DIGITS.issuperset(digits[len(self.before) :])


@functools.lru_cache(maxsize=65536)
def parse_pattern(text: str) -> DialPattern:
    """The pattern that a text describes.

    Raises:
        ValueError: It describes none.
    """
    parts: tuple[list[frozenset[str]], list[frozenset[str]]] = ([], [])
    has_any_digits = False
    dot_position: int | None = None
    position = 0
    while position < len(text):
        symbol = text[position]
        if symbol == ".":
            if dot_position is not None or has_any_digits:
                raise ValueError(f"{text!r} has a second dot, or a dot after '!'")
            dot_position = len(parts[0])
        elif symbol == "!":
            if has_any_digits:
                raise ValueError(f"{text!r} has more than one '!'")
            has_any_digits = True
        else:
            taken, length = _position(text, position)
            parts[has_any_digits].append(taken)
            position += length - 1
        position += 1
    if not has_any_digits and not parts[0]:
        raise ValueError(f"{text!r} matches no number")
    return DialPattern(tuple(parts[0]), has_any_digits, tuple(parts[1]), dot_position)


def pattern_problem(text: str) -> str:
    """What is wrong with a pattern, empty if nothing."""
    try:
        parse_pattern(text)
    except ValueError as error:
        return str(error)
    return ""


def _position(text: str, start: int) -> tuple[frozenset[str], int]:
    """What the position at `start` takes, and how many characters describe it."""
    symbol = text[start]
    if symbol in "Xx":
        return _DECIMAL, 1
    if symbol == "[":
        return _bracket(text, start)
    if text.startswith("\\+", start):
        return frozenset("+"), 2
    if symbol in DIALLED and symbol != "+":
        return frozenset(symbol), 1
    raise ValueError(f"{text!r} has {symbol!r}, which is no digit, X, !, [ ], dot or \\+")


def _bracket(text: str, start: int) -> tuple[frozenset[str], int]:
    end = text.find("]", start)
    if end < 0:
        raise ValueError(f"{text!r} has '[' without ']'")
    inside = text[start + 1 : end]
    is_negated = inside.startswith("^")
    taken: set[str] = set()
    rest = inside.removeprefix("^")
    while rest:
        if len(rest) >= 3 and rest[1] == "-":
            taken |= _range(text, rest[0], rest[2])
            rest = rest[3:]
        elif rest[0] in ANY_DIGITS:
            taken.add(rest[0])
            rest = rest[1:]
        else:
            raise ValueError(f"{text!r} has {rest[0]!r} in brackets")
    if not taken:
        raise ValueError(f"{text!r} has empty brackets")
    return frozenset(_DECIMAL - taken if is_negated else taken), end - start + 1


def _range(text: str, first: str, last: str) -> frozenset[str]:
    if first not in _DECIMAL or last not in _DECIMAL or first > last:
        raise ValueError(f"{text!r} has the range {first}-{last}, which does not count up")
    return frozenset(_DIGIT_ORDER[int(first) : int(last) + 1])
