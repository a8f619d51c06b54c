"""Settings as plain values, spelt as a file spells them: what is written here reads back as the same settings."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.plans import (
    DurationPlan,
    KeyedPlan,
    ListPlan,
    OptionalPlan,
    Plan,
    RatePlan,
    RecordPlan,
    settings_of,
)
from emcc_emu.settings.scalars import duration_text, rate_text

__all__ = ["plain_settings"]


def plain_settings(settings: Settings, *, without: Collection[str] = ()) -> dict[str, Any]:
    """The settings by the names that a file uses.

    Args:
        settings: What to write.
        without: Attributes to leave out: secrets, or a key that is written elsewhere.
    """
    return {
        setting.key: _plain(setting.plan, getattr(settings, setting.field))
        for setting in settings_of(type(settings))
        if setting.field not in without
    }


def _plain(plan: Plan, value: Any) -> Any:
    match plan:
        case OptionalPlan():
            return None if value is None else _plain(plan.plan, value)
        case DurationPlan():
            return duration_text(value)
        case RatePlan():
            return rate_text(value)
        case RecordPlan():
            return plain_settings(value)
        case KeyedPlan():
            key = plan.settings_class.__keyed_by__
            return {getattr(entry, key): plain_settings(entry, without=(key,)) for entry in value}
        case ListPlan():
            return [_plain(plan.item, entry) for entry in value]
        case _:
            return value
