"""Decides who gets a column of a ladder, in which order, and under which heading."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from emcc_emu.trace.record import Address, NodeLabel
from emcc_emu.trace.steps import Scene, Step

__all__ = ["Column", "ColumnKind", "cast_columns"]

ColumnKind: TypeAlias = Literal["phone", "cluster", "gateway", "host"]
_HOME_ASKS = ("emcc homeLogin", "emcc homeLogout")


@dataclasses.dataclass(slots=True)
class Column:
    """One lifeline."""

    kind: ColumnKind
    name: str
    caption: str
    """Second line of the heading: phone, visiting, home, cluster, gateway, or nothing."""


class _Cast:
    """Finds the column of an address: all nodes of a cluster share one."""

    def __init__(self, nodes: Iterable[NodeLabel], scene: Scene) -> None:
        self._labels = {(node.address, node.port): node for node in nodes}
        self._stories = scene.stories

    def key_of(self, address: Address) -> tuple[ColumnKind, str]:
        label = self._labels.get(address) or self._labels.get((address[0], 0))
        if label is None:
            device = self._stories.device_at(address)
            return ("phone", device) if device else ("host", address[0])
        if label.role == "node":
            return "cluster", label.cluster or label.name
        return label.role, label.name


def cast_columns(
    scene: Scene, nodes: Sequence[NodeLabel], story: str = ""
) -> tuple[list[Column], list[tuple[int, int]]]:
    """Return the columns from left to right, and for every step its source and destination column.

    The phone of the story stands left, then clusters (and unknown hosts) in order of appearance, then gateways,
    then the other phones. Without a story all phones stand left.
    """
    cast = _Cast(nodes, scene)
    ends = [(cast.key_of(step.source), cast.key_of(step.destination)) for step in scene.steps]
    keys = list(dict.fromkeys(key for pair in ends for key in pair))
    order = sorted(keys, key=lambda key: _rank(key, story))
    captions = _roles(scene.steps, ends)
    columns = [Column(kind, name, captions.get((kind, name), _plain_caption(kind))) for kind, name in order]
    places = {key: place for place, key in enumerate(order)}
    return columns, [(places[source], places[destination]) for source, destination in ends]


def _rank(key: tuple[ColumnKind, str], story: str) -> int:
    kind, name = key
    if kind == "phone":
        return 0 if not story or name.lower() == story.lower() else 3
    return 2 if kind == "gateway" else 1


def _plain_caption(kind: ColumnKind) -> str:
    return "" if kind == "host" else kind


def _roles(
    steps: list[Step], ends: list[tuple[tuple[ColumnKind, str], tuple[ColumnKind, str]]]
) -> dict[tuple[ColumnKind, str], str]:
    """Who is visiting and who is home: the visiting cluster asks, and home is the one that is asked to log in."""
    roles: dict[tuple[ColumnKind, str], str] = {}
    clashes: set[tuple[ColumnKind, str]] = set()
    for step, (asker, asked) in zip(steps, ends, strict=True):
        if asker == asked or step.message.meaning.kind != "request":
            continue
        if not any(words in step.label for words in _HOME_ASKS):
            continue
        for key, role in ((asker, "visiting"), (asked, "home")):
            if roles.setdefault(key, role) != role:
                clashes.add(key)
    return {key: role for key, role in roles.items() if key not in clashes}
