"""Entries declared by count: `count: 5000` makes 5000 of one, with a number in braces that counts up."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

from emcc_emu.settings.declaration import Settings

__all__ = ["counted_copies", "has_counter", "without_braces"]

Copy = TypeVar("Copy", bound=Settings)

_COUNTER = re.compile(r"\{([0-9A-Fa-f]+)\}")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\{\d+\}")
_DEVICE_NAME = re.compile(r"SEP[0-9A-F]*\{[0-9A-F]+\}[0-9A-F]*")


def has_counter(text: str) -> bool:
    """Whether a text has a number in braces."""
    return _COUNTER.search(text) is not None


def without_braces(text: str) -> str:
    """The text of the first copy: `user{0001}` is `user0001`."""
    return _COUNTER.sub(r"\1", text)


def counted_copies(template: Copy, count: int) -> tuple[Copy, ...]:
    """`count` copies of `template`, each with its numbers in braces one higher; their own `count` is 1.

    Raises:
        ValueError: A number is not decimal outside of a device name, or an address counts beyond the last one.
    """
    single = msgspec.structs.replace(template, **{"count": 1})
    make = _maker(single)
    if make is None:
        return (single,) * count
    return tuple([make(index) for index in range(count)])  # type: ignore[misc]


def _maker(value: object) -> Callable[[int], object] | None:
    """A function from an index to that copy of `value`; None if all copies are alike."""
    if isinstance(value, str):
        return _text_maker(value)
    if isinstance(value, tuple):
        item_makers = [(item, _maker(item)) for item in value]
        if any(make for _, make in item_makers):
            return lambda index: tuple([make(index) if make else item for item, make in item_makers])
    if isinstance(value, msgspec.Struct):
        field_makers = {name: make for name in value.__struct_fields__ if (make := _maker(getattr(value, name)))}
        if field_makers:
            return lambda index: msgspec.structs.replace(
                value, **{name: make(index) for name, make in field_makers.items()}
            )
    return None


def _text_maker(text: str) -> Callable[[int], str] | None:
    match = _COUNTER.search(text)
    if match is None:
        return None
    if _ADDRESS.fullmatch(text):
        first = ipaddress.IPv4Address(without_braces(text))
        return lambda index: str(first + index)
    before, digits, after = text[: match.start()], match[1], text[match.end() :]
    base, form = (16, "X") if _DEVICE_NAME.fullmatch(text) else (10, "d")
    start = int(digits, base)
    return lambda index: f"{before}{start + index:0{len(digits)}{form}}{after}"
