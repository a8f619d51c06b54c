"""JSON Schema of settings, so that editors complete keys and mark mistakes while a file is being written."""

from __future__ import annotations

from typing import Any

from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.documentation import class_text, field_texts
from emcc_emu.settings.plans import (
    AddressPlan,
    ChoicePlan,
    DurationPlan,
    FlagPlan,
    KeyedPlan,
    ListPlan,
    NumberPlan,
    OptionalPlan,
    Plan,
    RatePlan,
    RecordPlan,
    TextPlan,
    settings_of,
)

__all__ = ["json_schema"]

Schema = dict[str, Any]

DURATION_PATTERN = r"^(\d{1,4}:[0-5]\d|0|\d+(\.\d+)?\s*(ms|s|min|h|d))$"
RATE_PATTERN = r"^\d+(\.\d+)?\s*/\s*(ms|s|min|h|d)$"

_DURATION: Schema = {"type": ["string", "integer"], "pattern": DURATION_PATTERN}
_TEXT_TYPES = ["string", "number", "boolean"]
"""Editors guess a type for `2001` or `yes`; for us text is as it is written."""


def json_schema(settings_class: type[Settings], title: str) -> Schema:
    """The schema (draft 2020-12) of files that hold settings of a class."""
    writer = _Writer()
    top = writer.record(settings_class)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **top,
        "$defs": dict(sorted(writer.definitions.items())),
    }


class _Writer:
    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {}

    def record(self, settings_class: type[Settings], key_field: str = "") -> Schema:
        """The schema of one class as a mapping, without the field that is the key outside of it."""
        texts = field_texts(settings_class)
        properties: Schema = {}
        required = []
        for setting in settings_of(settings_class):
            if setting.field == key_field:
                continue
            properties[setting.key] = {**self.value(setting.plan), "description": texts[setting.field]}
            if setting.is_required:
                required.append(setting.key)
        schema: Schema = {"description": class_text(settings_class), "type": "object", "properties": properties}
        if required:
            schema["required"] = required
        return {**schema, "additionalProperties": False}

    def reference(self, settings_class: type[Settings]) -> Schema:
        """A reference to the definition of a class, which is made if it is not there."""
        name = settings_class.__name__
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self.definition(settings_class)
        return {"$ref": f"#/$defs/{name}"}

    def definition(self, settings_class: type[Settings]) -> Schema:
        schema = self.record(settings_class, settings_class.__keyed_by__)
        shorthand = settings_class.__shorthand__
        if not shorthand:
            return schema
        plan = next(setting.plan for setting in settings_of(settings_class) if setting.field == shorthand)
        return {"description": schema["description"], "anyOf": [self.value(plan), schema]}

    def value(self, plan: Plan) -> Schema:
        """The schema of one value."""
        match plan:
            case RecordPlan():
                return self.reference(plan.settings_class)
            case KeyedPlan():
                entry = self.reference(plan.settings_class)
                limits = _limits(minProperties=plan.min_length or None, maxProperties=plan.max_length)
                return {"type": "object", "additionalProperties": {"anyOf": [entry, {"type": "null"}]}, **limits}
            case ListPlan():
                limits = _limits(minItems=plan.min_length or None, maxItems=plan.max_length)
                return {"type": "array", "items": self.value(plan.item), **limits}
            case OptionalPlan():
                return {"anyOf": [self.value(plan.plan), {"type": "null"}]}
            case TextPlan():
                limits = _limits(minLength=plan.min_length or None, maxLength=plan.max_length)
                return {"type": _TEXT_TYPES, **limits, **_limits(pattern=_counted(plan.pattern) or None)}
            case AddressPlan():
                return {"type": "string", "pattern": r"^\d+\.\d+\.\d+\.(\d+|\{\d+\})$"}
            case DurationPlan():
                return _DURATION
            case RatePlan():
                return {"type": "string", "pattern": RATE_PATTERN}
            case FlagPlan():
                return {"enum": [True, False, "yes", "no", "on", "off"]}
            case NumberPlan():
                return {"type": "integer", **_limits(minimum=plan.minimum, maximum=plan.maximum)}
            case _:
                return {"enum": _choices(plan)}


def _choices(plan: ChoicePlan) -> list[str | int]:
    """The choices, and as numbers those that an editor takes for numbers."""
    numbers: list[str | int] = [int(choice) for choice in plan.choices if isinstance(choice, str) and choice.isdigit()]
    return [*plan.choices, *numbers]


def _counted(pattern: str) -> str:
    """A pattern that also lets a text with a counter in braces pass; it is checked when the file is read."""
    return f"{pattern}|\\{{" if pattern else ""


def _limits(**limits: int | str | None) -> Schema:
    return {name: limit for name, limit in limits.items() if limit is not None}
