"""What fits into a cluster: phones and EMCC base devices."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

__all__ = [
    "MAX_PHONES",
    "base_device_names",
    "free_base_device_capacity",
    "phones_counted",
]

MAX_PHONES = 60000
"""Phones of a cluster."""

_BASE_DEVICE = re.compile(r"EMCC([1-9]\d{0,8})")


def phones_counted(phone_count: int, base_device_count: int) -> int:
    """What phones and base devices take of MaxPhones: an EMCC session is a base device and a temporary device."""
    return phone_count + 2 * base_device_count


def free_base_device_capacity(phone_count: int, base_device_count: int, max_phones: int = MAX_PHONES) -> int:
    """How many base devices can still be inserted."""
    return max(0, (max_phones - phones_counted(phone_count, base_device_count)) // 2)


def base_device_names(existing: Iterable[str], count: int, taken: Collection[str] = ()) -> tuple[list[str], list[str]]:
    """Names that inserting `count` base devices makes, and those it fails to make.

    Numbers continue after the highest one in use: 27 devices after EMCC123 are EMCC124 to EMCC150.

    Args:
        existing: Names of the base devices there are.
        taken: Names that other devices, profiles or templates have; those are not made, the rest is.
    """
    numbers = [int(match[1]) for name in existing if (match := _BASE_DEVICE.fullmatch(name))]
    first = max(numbers, default=0) + 1
    names = [f"EMCC{number}" for number in range(first, first + count)]
    return [name for name in names if name not in taken], [name for name in names if name in taken]
