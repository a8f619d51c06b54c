"""The EMCC base devices of a home cluster: placeholders `EMCC1`, `EMCC2`, … of which each login consumes one."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

__all__ = ["BaseDevices", "base_device_name", "base_device_number"]

PREFIX = "EMCC"


def base_device_name(number: int) -> str:
    """`EMCC` and the number, as the bulk job names them."""
    return f"{PREFIX}{number}"


def base_device_number(name: str) -> int:
    """The number of a base device, 0 for a name that is none."""
    digits = name.removeprefix(PREFIX)
    return int(digits) if digits != name and digits.isascii() and digits.isdigit() else 0


class BaseDevices:
    """Which base devices exist and which are free; the lowest free number is taken first.

    Args:
        numbers: Which exist at the start.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._free = sorted(numbers)
        self._in_use: set[int] = set()
        self._all = set(self._free)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def has_free(self) -> bool:
        """Whether a login would find one."""
        return bool(self._free)

    @property
    def in_use_count(self) -> int:
        """How many are consumed by logins."""
        return len(self._in_use)

    def has(self, name: str) -> bool:
        """Whether a base device of that name exists."""
        return base_device_number(name) in self._all

    def take(self) -> str | None:
        """Consume the free base device with the lowest number; None when all are in use."""
        if not self._free:
            return None
        number = heapq.heappop(self._free)
        self._in_use.add(number)
        return base_device_name(number)

    def take_named(self, name: str) -> None:
        """Consume a particular one, for a session that was loaded from the database; adds it when it is missing."""
        number = base_device_number(name)
        if number in self._free:
            self._free.remove(number)
            heapq.heapify(self._free)
        self._all.add(number)
        self._in_use.add(number)

    def free(self, name: str) -> None:
        """Give one back; a name that is not in use is left alone."""
        number = base_device_number(name)
        if number in self._in_use:
            self._in_use.remove(number)
            heapq.heappush(self._free, number)

    def numbers(self) -> set[int]:
        """The numbers of all that exist."""
        return set(self._all)

    def free_numbers(self) -> list[int]:
        """The numbers of those that are free, the lowest first."""
        return sorted(self._free)

    def insert(self, numbers: Iterable[int]) -> None:
        """Add base devices; a number that exists is left alone."""
        for number in set(numbers) - self._all:
            self._all.add(number)
            heapq.heappush(self._free, number)

    def delete(self, numbers: Iterable[int]) -> None:
        """Take base devices away; one that is in use stays."""
        gone = set(numbers) - self._in_use
        self._all -= gone
        self._free = [number for number in self._free if number not in gone]
        heapq.heapify(self._free)
