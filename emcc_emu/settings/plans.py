"""From a declared type to a plan: what a value has to be, in a form that reading, schema and reference page share."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec

from emcc_emu.settings.declaration import Settings

__all__ = [
    "AddressPlan",
    "ChoicePlan",
    "DurationPlan",
    "FlagPlan",
    "KeyedPlan",
    "ListPlan",
    "NumberPlan",
    "OptionalPlan",
    "Plan",
    "RatePlan",
    "RecordPlan",
    "Setting",
    "TextPlan",
    "settings_of",
]


@dataclasses.dataclass(frozen=True, slots=True)
class TextPlan:
    """Any text, as it is written."""

    min_length: int = 0
    max_length: int = 1024
    pattern: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class NumberPlan:
    """A whole number."""

    minimum: int | None = None
    maximum: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DurationPlan:
    """A time span in seconds."""

    minimum_s: float = 0.0
    maximum_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RatePlan:
    """How often something happens, per second."""

    minimum_per_s: float = 0.0
    maximum_per_s: float | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class FlagPlan:
    """True or false."""


@dataclasses.dataclass(frozen=True, slots=True)
class AddressPlan:
    """An IPv4 address."""


@dataclasses.dataclass(frozen=True, slots=True)
class ChoicePlan:
    """One of some words or numbers."""

    choices: tuple[str | int, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ListPlan:
    """Values of one kind, in order."""

    item: Plan
    min_length: int = 0
    max_length: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RecordPlan:
    """Settings of a class."""

    settings_class: type[Settings]


@dataclasses.dataclass(frozen=True, slots=True)
class KeyedPlan:
    """Settings of a class, several of them, each under its key."""

    settings_class: type[Settings]
    min_length: int = 0
    max_length: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class OptionalPlan:
    """A value, or nothing."""

    plan: Plan


Plan = (
    TextPlan
    | NumberPlan
    | DurationPlan
    | RatePlan
    | FlagPlan
    | AddressPlan
    | ChoicePlan
    | ListPlan
    | RecordPlan
    | KeyedPlan
    | OptionalPlan
)


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One field of a `Settings` class."""

    field: str
    """Name of the attribute; a duration's ends in `_s`, a rate's in `_per_s`."""

    key: str
    """Name in a file; without the unit, since a duration is written with one."""

    plan: Plan
    """What its value has to be."""

    default: object
    """Its default; `msgspec.NODEFAULT` if it has to be given."""

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.default is msgspec.NODEFAULT


@functools.cache
def settings_of(settings_class: type[Settings]) -> tuple[Setting, ...]:
    """The settings that a class declares, in order.

    Raises:
        TypeError: A field is annotated with a type that settings files cannot express.
    """
    hints = typing.get_type_hints(settings_class, include_extras=True)
    settings = []
    for field in msgspec.structs.fields(settings_class):
        plan = _plan(hints[field.name])
        inner = plan.plan if isinstance(plan, OptionalPlan) else plan
        settings.append(Setting(field.name, _key(field.encode_name, inner), plan, field.default))
    return tuple(settings)


def _key(name: str, plan: Plan) -> str:
    """The name in a file: without the unit, where the value is written with one."""
    match plan:
        case DurationPlan():
            return name.removesuffix("_s")
        case RatePlan():
            return name.removesuffix("_per_s")
        case _:
            return name


def _plan(hint: Any) -> Plan:
    """The plan of an annotation, `Annotated` limits included."""
    if get_origin(hint) is Annotated:
        base, *metadata = get_args(hint)
        limits = next((entry for entry in metadata if isinstance(entry, msgspec.Meta)), msgspec.Meta())
        return _limited_plan(base, limits)
    return _limited_plan(hint, msgspec.Meta())


def _limited_plan(hint: Any, limits: msgspec.Meta) -> Plan:
    kind = (limits.extra or {}).get("text")
    if hint is bool:
        return FlagPlan()
    if hint is str and kind == "address":
        return AddressPlan()
    if hint is str:
        return TextPlan(limits.min_length or 0, limits.max_length or 1024, limits.pattern or "")
    if hint is float and kind == "duration":
        return DurationPlan(float(limits.ge or 0), None if limits.le is None else float(limits.le))
    if hint is float and kind == "rate":
        return RatePlan(float(limits.ge or 0), None if limits.le is None else float(limits.le))
    if hint is int:
        return NumberPlan(_whole(limits.ge), _whole(limits.le))
    if isinstance(hint, type) and issubclass(hint, Settings):
        return RecordPlan(hint)
    return _compound_plan(hint, limits)


def _compound_plan(hint: Any, limits: msgspec.Meta) -> Plan:
    arguments = get_args(hint)
    if get_origin(hint) is Literal:
        return ChoicePlan(arguments)
    if get_origin(hint) is tuple and len(arguments) == 2 and arguments[1] is Ellipsis:
        item = _plan(arguments[0])
        if isinstance(item, RecordPlan) and item.settings_class.__keyed_by__:
            return KeyedPlan(item.settings_class, limits.min_length or 0, limits.max_length)
        return ListPlan(item, limits.min_length or 0, limits.max_length)
    if get_origin(hint) in (types.UnionType, typing.Union) and len(arguments) == 2 and arguments[1] is type(None):
        return OptionalPlan(_plan(arguments[0]))
    raise TypeError(f"a settings file cannot express {hint!r}")


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)
