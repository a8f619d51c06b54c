"""Changes that an administrator makes to a cluster while it runs: read and checked as the lab file is.

A change is kept as it was given, so that it can be made again on the lab file when the cluster starts the next time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from emcc_emu.errors import InputError
from emcc_emu.lab.check import find_mistakes
from emcc_emu.lab.defaults import with_defaults
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.mistakes import Path, nearest_word, plain_error, show_value
from emcc_emu.settings.plans import KeyedPlan, RecordPlan, settings_of
from emcc_emu.settings.reading import read_changes, read_record

__all__ = ["Change", "Section", "apply_change", "find_entry", "merge_changes", "sections_of_a_cluster"]


@dataclasses.dataclass(frozen=True, slots=True)
class Section:
    """A part of a cluster's configuration that is changed as a whole or entry by entry."""

    field: str
    """Attribute of `ClusterConfig`."""

    settings_class: type[Settings]

    is_keyed: bool
    """Whether it holds several entries, each under its key."""

    @property
    def key_field(self) -> str:
        """Attribute that is the key of an entry; empty for a section that is one."""
        return self.settings_class.__keyed_by__ if self.is_keyed else ""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator did to one entry of one section."""

    section: str
    """Attribute of `ClusterConfig`."""

    name: str = ""
    """Key of the entry; empty for a section without entries."""

    action: Literal["change", "add", "remove"] = "change"

    values: dict[str, Any] = {}
    """New values by the names that a lab file uses; null puts a field back to its default."""


def sections_of_a_cluster() -> dict[str, Section]:
    """Every section of a cluster's configuration by its attribute."""
    sections = {}
    for setting in settings_of(ClusterConfig):
        if isinstance(setting.plan, RecordPlan | KeyedPlan):
            is_keyed = isinstance(setting.plan, KeyedPlan)
            sections[setting.field] = Section(setting.field, setting.plan.settings_class, is_keyed)
    return sections


def find_entry(config: ClusterConfig, section: Section, name: str) -> Settings:
    """The entry of that name, or the whole section.

    Raises:
        InputError: There is no such entry.
    """
    content = getattr(config, section.field)
    if not section.is_keyed:
        return _as_settings(content)
    entries = {getattr(entry, section.key_field): entry for entry in content}
    if name not in entries:
        nearest = nearest_word(name, entries)
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        raise InputError(f"{config.name} has no {show_value(name)} in {section.field}{hint}")
    return _as_settings(entries[name])


def apply_change(lab: Lab, cluster_name: str, change: Change) -> Lab:
    """The lab with a change made.

    Equal EMCC region parameters of the clusters are not asked for: they cannot change everywhere in one moment.

    Raises:
        InputError: The change is wrong; its text lists every mistake.
    """
    config = lab.by_name[cluster_name]
    section = sections_of_a_cluster()[change.section]
    changed = _changed_section(config, section, change)
    configs = (
        msgspec.structs.replace(config, **{section.field: changed}) if entry.name == cluster_name else entry
        for entry in lab.clusters
    )
    new_lab = with_defaults(msgspec.structs.replace(lab, clusters=tuple(configs)))
    mistakes = find_mistakes(msgspec.structs.replace(new_lab, allow_unequal_region_parameters=True, example=None))
    if mistakes:
        raise plain_error(mistakes)
    return new_lab


def merge_changes(before: Change | None, change: Change) -> Change:
    """One change that does what both did, for keeping."""
    if before is None or change.action != "change" or before.action == "remove":
        return change
    return msgspec.structs.replace(before, values=before.values | change.values)


def _changed_section(config: ClusterConfig, section: Section, change: Change) -> Any:
    path: Path = ("clusters", config.name, section.field)
    content = getattr(config, section.field)
    if not section.is_keyed:
        return msgspec.structs.replace(content, **read_changes(section.settings_class, change.values, path))
    key = section.key_field
    if change.action == "add":
        if any(getattr(entry, key) == change.name for entry in content):
            raise InputError(f"{config.name} has {show_value(change.name)} in {section.field} already")
        return (*content, _new_entry(section, change.name, change.values, (*path, change.name)))
    entry = find_entry(config, section, change.name)
    if change.action == "remove":
        return tuple(other for other in content if other is not entry)
    values = read_changes(section.settings_class, change.values, (*path, change.name))
    if key in values:
        raise InputError(f"{change.name}: {key} is the key of the entry and stays")
    changed = msgspec.structs.replace(entry, **values)
    return tuple(changed if other is entry else other for other in content)


def _new_entry(section: Section, name: str, values: Mapping[str, Any], path: Path) -> Settings:
    present = {key: value for key, value in values.items() if value is not None}
    return read_record(section.settings_class, {**present, section.key_field: name}, path)


def _as_settings(entry: Any) -> Settings:
    assert isinstance(entry, Settings)  # sections hold nothing else
    return entry
