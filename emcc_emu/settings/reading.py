"""A YAML file into settings: strict, typed, and with all mistakes found in one go."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any, Final, Generic, TypeVar, cast

from emcc_emu.errors import InputError
from emcc_emu.settings.counting import counted_copies, has_counter, without_braces
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.mistakes import Mistake, Path, nearest_word, plain_error, show_value
from emcc_emu.settings.plans import (
    AddressPlan,
    KeyedPlan,
    ListPlan,
    OptionalPlan,
    Plan,
    RecordPlan,
    Setting,
    TextPlan,
    settings_of,
)
from emcc_emu.settings.scalars import ScalarPlan, ScalarRefused, scalar_value
from emcc_emu.settings.yaml_tree import MAX_FILE_BYTES, Branch, Entry, Leaf, Listing, Tree, parse_tree, tree_of

__all__ = ["Reading", "read_changes", "read_record", "read_settings", "read_text_file"]

Top = TypeVar("Top", bound=Settings)

_WRONG: Final = object()
"""Stands for a value that could not be read; the mistake has been noted."""


@dataclasses.dataclass(frozen=True, slots=True)
class Reading(Generic[Top]):
    """What came out of a file."""

    settings: Top | None
    """The settings; None if there are mistakes."""

    mistakes: tuple[Mistake, ...]
    """Everything that is wrong."""

    lines: dict[Path, int]
    """Line of every field that the file has, for mistakes that are found later."""

    def line_of(self, path: Path) -> int:
        """The line of a field, or of the nearest thing around it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_text_file(file: FilePath) -> str:
    """The text of a settings file.

    Raises:
        InputError: It is missing, unreadable, too long or not UTF-8.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror or error}") from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{file}: is longer than {MAX_FILE_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not UTF-8 at byte {error.start}") from error


def read_settings(text: str, settings_class: type[Top]) -> Reading[Top]:
    """Reads `text` as settings of a class."""
    tree, refusal = parse_tree(text)
    if tree is None:
        return Reading(None, (cast(Mistake, refusal),), {})
    reader = _Reader()
    value = reader.record(RecordPlan(settings_class), tree, ())
    settings = cast(Top, value) if not reader.mistakes else None
    return Reading(settings, tuple(reader.mistakes), reader.lines)


def read_record(settings_class: type[Top], values: Mapping[str, Any], path: Path = ()) -> Top:
    """Settings from values that did not come from a file, such as the body of a request.

    Args:
        settings_class: Its class.
        values: By the names that a file uses, spelt as in a file; numbers and truth values may be what JSON has.
        path: What messages call the whole.

    Raises:
        InputError: They have mistakes; its text lists all of them.
    """
    reader = _Reader()
    value = reader.record(RecordPlan(settings_class), tree_of(dict(values)), path)
    if reader.mistakes:
        raise plain_error(reader.mistakes)
    return cast(Top, value)


def read_changes(settings_class: type[Settings], values: Mapping[str, Any], path: Path = ()) -> dict[str, object]:
    """New values of some fields of settings, by attribute; `None` puts a field back to its default.

    Args:
        settings_class: Their class.
        values: By the names that a file uses, spelt as in a file; numbers and truth values may be what JSON has.
        path: What messages call the settings.

    Raises:
        InputError: There are mistakes; its text lists all of them.
    """
    settings = {setting.key: setting for setting in settings_of(settings_class)}
    reader = _Reader()
    changes: dict[str, object] = {}
    for name, value in values.items():
        setting = settings.get(name)
        if value is None and setting is not None and not setting.is_required:
            changes[setting.field] = _default(setting)
        else:
            reader.field(settings, Entry(Leaf(name, 0), tree_of(value)), path, changes)
    if reader.mistakes:
        raise plain_error(reader.mistakes)
    return changes


def _default(setting: Setting) -> object:
    return setting.default() if callable(setting.default) else setting.default


class _Reader:
    """Walks a tree by its plan and collects mistakes and lines."""

    def __init__(self) -> None:
        self.mistakes: list[Mistake] = []
        self.lines: dict[Path, int] = {}
        self.is_counted = False

    def wrong(self, path: Path, line: int, problem: str, nearest: str = "") -> object:
        self.mistakes.append(Mistake(path, problem, line, nearest))
        return _WRONG

    def value(self, plan: Plan, node: Tree, path: Path) -> object:
        """The value of a node, or `_WRONG`."""
        self.lines[path] = node.line
        match plan:
            case RecordPlan():
                return self.record(plan, node, path)
            case KeyedPlan():
                return self.keyed(plan, node, path)
            case ListPlan():
                return self.listing(plan, node, path)
            case OptionalPlan():
                is_nothing = isinstance(node, Leaf) and node.is_empty
                return None if is_nothing else self.value(plan.plan, node, path)
            case _:
                return self.scalar(plan, node, path)

    def scalar(self, plan: ScalarPlan, node: Tree, path: Path) -> object:
        if not isinstance(node, Leaf):
            return self.wrong(path, node.line, f"{_describe(node)} stands where one value is expected")
        if node.is_empty:
            return self.wrong(path, node.line, "has no value")
        is_pattern = self.is_counted and isinstance(plan, TextPlan | AddressPlan) and has_counter(node.text)
        try:
            value = scalar_value(plan, without_braces(node.text) if is_pattern else node.text)
        except ScalarRefused as refused:
            return self.wrong(path, node.line, refused.problem, refused.nearest)
        return node.text if is_pattern else value

    def listing(self, plan: ListPlan, node: Tree, path: Path) -> object:
        if not isinstance(node, Listing):
            return self.wrong(path, node.line, f"{_describe(node)} stands where a list is expected")
        values = [self.value(plan.item, item, (*path, index)) for index, item in enumerate(node.items)]
        self.check_length(plan, len(values), path, node.line)
        return _WRONG if any(value is _WRONG for value in values) else tuple(values)

    def check_length(self, plan: ListPlan | KeyedPlan, length: int, path: Path, line: int) -> None:
        if length < plan.min_length:
            self.wrong(path, line, f"has {length} entries; at least {plan.min_length} needed")
        if plan.max_length is not None and length > plan.max_length:
            self.wrong(path, line, f"has {length} entries; at most {plan.max_length} allowed")

    def keyed(self, plan: KeyedPlan, node: Tree, path: Path) -> object:
        if not isinstance(node, Branch):
            key = plan.settings_class.__keyed_by__
            return self.wrong(path, node.line, f"{_describe(node)} stands where a mapping by {key} is expected")
        values: list[object] = []
        for entry in self.unique(node, path):
            values.extend(self.keyed_entry(plan, entry, path))
        self.check_length(plan, len(values), path, node.line)
        return _WRONG if any(value is _WRONG for value in values) else tuple(values)

    def keyed_entry(self, plan: KeyedPlan, entry: Entry, path: Path) -> tuple[object, ...]:
        """The settings under one key: one, or as many as their `count` says."""
        key_field = plan.settings_class.__keyed_by__
        entry_path = (*path, entry.key.text)
        self.lines[entry_path] = entry.key.line
        node = Branch(entry.key.line) if isinstance(entry.value, Leaf) and entry.value.is_empty else entry.value
        outer, self.is_counted = self.is_counted, self.is_counted or _has_count(node)
        record = self.record(RecordPlan(plan.settings_class), node, entry_path, (key_field, entry.key))
        self.is_counted = outer
        if not isinstance(record, Settings) or getattr(record, "count", 1) == 1:
            return (record,)
        return self.copies(record, key_field, entry_path, entry.key)

    def copies(self, record: Settings, key_field: str, path: Path, key: Leaf) -> tuple[object, ...]:
        if not has_counter(key.text):
            return (self.wrong(path, key.line, "is counted, so its name needs a number in braces, such as user{001}"),)
        try:
            copies = counted_copies(record, getattr(record, "count"))  # noqa: B009
        except ValueError:
            return (self.wrong(path, key.line, "has a number in braces that cannot count up that far"),)
        for copy in copies:
            self.lines[(*path[:-1], getattr(copy, key_field))] = key.line
        return copies

    def record(self, plan: RecordPlan, node: Tree, path: Path, key: tuple[str, Leaf] | None = None) -> object:
        """Settings of a class; `key` is the field that the file wrote as a key, with its text."""
        self.lines.setdefault(path, node.line)
        settings = {setting.key: setting for setting in settings_of(plan.settings_class)}
        values: dict[str, object] = {}
        if key is not None:
            values[key[0]] = self.scalar(cast(ScalarPlan, settings.pop(key[0]).plan), key[1], path)
        shorthand = plan.settings_class.__shorthand__
        if isinstance(node, Branch):
            for entry in self.unique(node, path):
                self.field(settings, entry, path, values)
        elif shorthand and (isinstance(node, Leaf) or isinstance(settings[shorthand].plan, ListPlan)):
            values[shorthand] = self.value(settings[shorthand].plan, node, path)
        else:
            return self.wrong(path, node.line, f"{_describe(node)} stands where a mapping is expected")
        for setting in settings.values():
            if setting.is_required and setting.field not in values:
                self.wrong(path, node.line, f"has no {setting.key}")
                values[setting.field] = _WRONG
        is_wrong = any(value is _WRONG for value in values.values())
        return _WRONG if is_wrong else plan.settings_class(**values)

    def field(self, settings: dict[str, Setting], entry: Entry, path: Path, values: dict[str, object]) -> None:
        name = entry.key.text
        setting = settings.get(name)
        if setting is None:
            nearest = nearest_word(name, settings)
            problem = f"{show_value(name)} is no setting here"
            values[name] = self.wrong((*path, name), entry.key.line, problem, nearest)
            return
        values[setting.field] = self.value(setting.plan, entry.value, (*path, name))

    def unique(self, node: Branch, path: Path) -> list[Entry]:
        """The entries of a mapping without repeated keys, which are mistakes."""
        first: dict[str, Entry] = {}
        for entry in node.entries:
            if entry.key.text in first:
                line = first[entry.key.text].key.line
                self.wrong((*path, entry.key.text), entry.key.line, f"is there already, in line {line}")
            else:
                first[entry.key.text] = entry
        return list(first.values())


def _has_count(node: Tree) -> bool:
    return isinstance(node, Branch) and any(entry.key.text == "count" for entry in node.entries)


def _describe(node: Tree) -> str:
    match node:
        case Leaf() if node.is_empty:
            return "nothing"
        case Leaf():
            return show_value(node.text)
        case Branch():
            return "a mapping"
        case _:
            return "a list"
