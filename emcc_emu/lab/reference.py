"""The reference page of lab files: every setting with its form, default and meaning, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from emcc_emu.lab.model import Lab
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
    Setting,
    TextPlan,
    settings_of,
)
from emcc_emu.settings.scalars import duration_text

__all__ = ["lab_reference"]


def lab_reference() -> str:
    """The page."""
    sections = ["# Lab file reference\n", *(_section(entry) for entry in _classes(Lab, set()))]
    return "\n".join(sections)


def _classes(settings_class: type[Settings], seen: set[type[Settings]]) -> Iterator[type[Settings]]:
    """A class and all that its settings lead to, each once, outermost first."""
    if settings_class in seen:
        return
    seen.add(settings_class)
    yield settings_class
    for setting in settings_of(settings_class):
        inner = _inner_class(setting.plan)
        if inner is not None:
            yield from _classes(inner, seen)


def _inner_class(plan: Plan) -> type[Settings] | None:
    match plan:
        case RecordPlan() | KeyedPlan():
            return plan.settings_class
        case ListPlan():
            return _inner_class(plan.item)
        case OptionalPlan():
            return _inner_class(plan.plan)
        case _:
            return None


def _section(settings_class: type[Settings]) -> str:
    texts = field_texts(settings_class)
    rows = "".join(
        f"| `{setting.key}` | {_form(setting.plan)} | {_default(setting)} | {_cell(texts[setting.field])} |\n"
        for setting in settings_of(settings_class)
    )
    heads = "| setting | form | default | meaning |\n| --- | --- | --- | --- |\n"
    notes = _notes(settings_class)
    return f"## {settings_class.__name__}\n\n{class_text(settings_class)}{notes}\n\n{heads}{rows}"


def _notes(settings_class: type[Settings]) -> str:
    notes = ""
    if settings_class.__keyed_by__:
        notes += f" Written in a mapping, `{settings_class.__keyed_by__}` as the key."
    if settings_class.__shorthand__:
        notes += f" Its `{settings_class.__shorthand__}` alone may stand for it."
    return notes


def _form(plan: Plan) -> str:
    match plan:
        case TextPlan():
            return "text"
        case AddressPlan():
            return "IPv4 address"
        case FlagPlan():
            return "true or false"
        case NumberPlan(minimum=minimum, maximum=maximum):
            return f"{minimum} to {maximum}" if minimum is not None and maximum is not None else "number"
        case DurationPlan(minimum_s=minimum_s, maximum_s=maximum_s):
            is_bounded = maximum_s is not None
            return f"{duration_text(minimum_s)} to {duration_text(maximum_s or 0)}" if is_bounded else "duration"
        case RatePlan():
            return "rate"
        case ChoicePlan(choices=choices):
            return ", ".join(f"`{choice}`" if choice != "" else "empty" for choice in choices)
        case ListPlan(item=item):
            return f"list of {_form(item)}"
        case RecordPlan(settings_class=settings_class):
            return _link(settings_class)
        case KeyedPlan(settings_class=settings_class):
            return f"mapping of {_link(settings_class)}"
        case OptionalPlan(plan=inner):
            return f"{_form(inner)}, or nothing"


def _link(settings_class: type[Settings]) -> str:
    return f"[{settings_class.__name__}](#{settings_class.__name__.lower()})"


def _default(setting: Setting) -> str:
    if setting.is_required:
        return "required"
    match setting.plan, setting.default:
        case DurationPlan(), float() | int() as duration_s:
            return duration_text(duration_s)
        case FlagPlan(), bool() as flag:
            return str(flag).lower()
        case ((RecordPlan() | KeyedPlan() | ListPlan()), default):
            return "see there" if default else "none"
        case _, default:
            return f"`{default}`" if default not in ("", None) else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
