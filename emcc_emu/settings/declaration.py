"""How a setting is declared: once, as an annotated field of a `Settings` class.

From that one declaration come the key in a YAML file, the check of its value, the JSON Schema for editors and the
line of the reference page. The docstring below a field is its documentation.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import msgspec

__all__ = ["Address", "Duration", "Rate", "Settings"]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that a YAML file can say: immutable, compared by value, cheap to copy and to pickle."""

    __keyed_by__: ClassVar[str] = ""
    """Field that a file writes as the key of a mapping, so that `phones: {SEP…: {…}}` reads as a tuple of phones."""

    __shorthand__: ClassVar[str] = ""
    """Field that a plain scalar or list stands for, so that `lines: [2001]` reads as a line with that number."""


Duration = Annotated[float, msgspec.Meta(ge=0, extra={"text": "duration"})]
"""Seconds. Written as `H:MM`, or as a number with its unit: `500 ms`, `15 s`, `30 min`, `8 h`, `1 d`."""

Rate = Annotated[float, msgspec.Meta(ge=0, extra={"text": "rate"})]
"""How often, per second. Written as a number per `s`, `min`, `h` or `d`: `20/s`, `75/min`."""

Address = Annotated[str, msgspec.Meta(extra={"text": "address"})]
"""An IPv4 address as text, for example `127.1.0.10`; empty where the field allows none."""
