"""Which number or pattern a dialled number reaches: closest match over the partitions of a calling search space.

As in Unified CM the closest pattern over all partitions wins, wherever its partition stands; the order of partitions
breaks ties only, and what is in no partition comes last.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Sequence

from emcc_emu.lab.model import RoutePattern, TranslationPattern
from emcc_emu.lab.patterns import parse_pattern
from emcc_emu.rules.transformations import Numbers, transform

__all__ = [
    "MAX_TRANSLATIONS",
    "DialPlan",
    "DirectoryNumberFound",
    "Found",
    "NotFound",
    "PatternFound",
    "Reason",
    "line_partitions",
]

MAX_TRANSLATIONS = 10
"""Translation patterns that one call may pass; more is a loop."""

NO_PARTITION = ""
"""Partition of numbers that every calling search space reaches."""

DirectoryNumberTest = Callable[[str, str], bool]
"""Whether a directory number exists, from number and partition."""


class Reason(enum.Enum):
    """Why a number reaches nothing."""

    UNALLOCATED = "unallocated"
    BLOCKED = "blocked"
    INCOMPLETE = "incomplete"
    TRANSLATION_LOOP = "translation loop"


@dataclasses.dataclass(frozen=True, slots=True)
class DirectoryNumberFound:
    """A line of this cluster."""

    directory_number: str
    partition: str
    numbers: Numbers
    """Calling and called number after translation patterns."""


@dataclasses.dataclass(frozen=True, slots=True)
class PatternFound:
    """A route pattern; its own transformations are applied when the call goes out."""

    pattern: RoutePattern
    numbers: Numbers
    """Calling and called number after translation patterns."""


@dataclasses.dataclass(frozen=True, slots=True)
class NotFound:
    """Nothing that the caller may call."""

    reason: Reason


Found = DirectoryNumberFound | PatternFound | NotFound


class DialPlan:
    """The patterns of one cluster, ready to be searched."""

    def __init__(self, route_patterns: Iterable[RoutePattern], translation_patterns: Iterable[TranslationPattern] = ()):
        self._patterns: dict[str, list[RoutePattern | TranslationPattern]] = {}
        patterns: list[RoutePattern | TranslationPattern] = [*route_patterns, *translation_patterns]
        for pattern in patterns:
            self._patterns.setdefault(pattern.partition, []).append(pattern)

    def find(
        self,
        numbers: Numbers,
        partitions: Sequence[str],
        is_directory_number: DirectoryNumberTest,
        partitions_of: Callable[[str], Sequence[str]] = lambda _: (),
    ) -> Found:
        """What `numbers.called` reaches, all translation patterns followed.

        Args:
            partitions: The caller's partitions in order; numbers in none are reachable too.
            partitions_of: Partitions of a calling search space, for translation patterns that name one.
        """
        for _ in range(MAX_TRANSLATIONS + 1):
            match = self._closest(numbers.called, partitions, is_directory_number)
            if match is None:
                grows = self.can_grow(numbers.called, partitions)
                return NotFound(Reason.INCOMPLETE if grows else Reason.UNALLOCATED)
            if isinstance(match, str):
                return DirectoryNumberFound(numbers.called, match, numbers)
            if match.block:
                return NotFound(Reason.BLOCKED)
            if isinstance(match, RoutePattern):
                return PatternFound(match, numbers)
            numbers = transform(numbers, match, match.pattern)
            partitions = partitions_of(match.css) if match.css else partitions
        return NotFound(Reason.TRANSLATION_LOOP)

    def can_grow(self, digits: str, partitions: Sequence[str]) -> bool:
        """Whether a longer number that begins with `digits` matches some pattern."""
        return any(
            parse_pattern(pattern.pattern).can_grow(digits)
            for partition in (*partitions, NO_PARTITION)
            for pattern in self._patterns.get(partition, ())
        )

    def is_complete(self, digits: str, partitions: Sequence[str], is_directory_number: DirectoryNumberTest) -> bool:
        """Whether digits dialled one by one are sent on at once: nothing longer matches, or the match is urgent."""
        match = self._closest(digits, partitions, is_directory_number)
        if match is None:
            return False
        return (not isinstance(match, str) and match.urgent) or not self.can_grow(digits, partitions)

    def _closest(
        self, digits: str, partitions: Sequence[str], is_directory_number: DirectoryNumberTest
    ) -> RoutePattern | TranslationPattern | str | None:
        """The closest pattern, or the partition of a directory number, or None."""
        best: RoutePattern | TranslationPattern | str | None = None
        best_weight: int | None = None
        for partition in (*partitions, NO_PARTITION):
            if is_directory_number(digits, partition) and best_weight != 1:
                best, best_weight = partition, 1
            for pattern in self._patterns.get(partition, ()):
                weight = parse_pattern(pattern.pattern).weight(digits)
                if weight is not None and (best_weight is None or weight < best_weight):
                    best, best_weight = pattern, weight
        return best


def line_partitions(line: Sequence[str], device: Sequence[str], adjunct: Sequence[str] = ()) -> tuple[str, ...]:
    """What a line may call, in order.

    Args:
        line: Partitions of the line's CSS.
        device: Partitions of the device's CSS; for an EMCC phone at home those of the device profile's EMCC CSS.
        adjunct: Partitions of the roaming device pool's adjunct CSS, which only an EMCC phone has.
    """
    return tuple(dict.fromkeys((*adjunct, *line, *device)))
