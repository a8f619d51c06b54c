"""YAML text into a plain tree: every scalar keeps its own text and line, nothing is guessed from how it looks.

The tree is built from parser events without recursion, and its size is bounded as it grows, so that neither deep
nesting nor aliases that multiply ("billion laughs") cost more than a message.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import yaml

from emcc_emu.settings.mistakes import Mistake

__all__ = [
    "MAX_DEPTH",
    "MAX_FILE_BYTES",
    "MAX_NODES",
    "Branch",
    "Entry",
    "Leaf",
    "Listing",
    "Tree",
    "parse_tree",
    "tree_of",
]

MAX_FILE_BYTES = 8_000_000
"""Longest file that is read."""

MAX_NODES = 400_000
"""Most scalars, lists and mappings of a file, aliases counted in full."""

MAX_DEPTH = 32
"""Deepest nesting."""

_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclasses.dataclass(slots=True)
class Leaf:
    """A scalar as it is written."""

    text: str
    line: int
    is_quoted: bool = False
    node_count: int = 1

    @property
    def is_empty(self) -> bool:
        """Whether nothing is written, or YAML's word for nothing."""
        return not self.is_quoted and self.text in ("", "~", "null")


@dataclasses.dataclass(slots=True)
class Entry:
    """A key of a mapping with its value."""

    key: Leaf
    value: Tree


@dataclasses.dataclass(slots=True)
class Branch:
    """A mapping; duplicate keys are still there."""

    line: int
    entries: list[Entry] = dataclasses.field(default_factory=list)
    node_count: int = 1


@dataclasses.dataclass(slots=True)
class Listing:
    """A list."""

    line: int
    items: list[Tree] = dataclasses.field(default_factory=list)
    node_count: int = 1


Tree = Leaf | Branch | Listing


class _Refused(Exception):
    """The file is no tree that we take."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(problem)
        self.mistake = Mistake((), problem, line)


def parse_tree(text: str) -> tuple[Tree, None] | tuple[None, Mistake]:
    """The tree of a YAML text, or the mistake that prevents it."""
    if len(text) > MAX_FILE_BYTES:
        return None, Mistake((), f"is longer than {MAX_FILE_BYTES} bytes", 1)
    try:
        return _build(text), None
    except _Refused as refused:
        return None, refused.mistake
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, Mistake((), f"is no YAML: {error.problem or error.context}", mark.line + 1 if mark else 1)
    except yaml.YAMLError as error:
        return None, Mistake((), f"is no YAML: {str(error).splitlines()[0]}", 1)


def tree_of(value: object) -> Tree:
    """The tree that a file would give for a plain value: None, truth values, numbers, texts, lists and mappings."""
    match value:
        case None:
            return Leaf("", 0)
        case bool():
            return Leaf(str(value).lower(), 0)
        case Mapping():
            return Branch(0, [Entry(Leaf(str(key), 0), tree_of(entry)) for key, entry in value.items()])
        case list() | tuple():
            return Listing(0, [tree_of(entry) for entry in value])
        case _:
            return Leaf(str(value), 0, is_quoted=True)


class _Builder:
    """Collects nodes; `open` holds the mappings and lists that are not complete yet."""

    def __init__(self) -> None:
        self.open: list[tuple[Branch | Listing, str | None, Leaf | None]] = []
        self.anchors: dict[str, Tree] = {}
        self.root: Tree | None = None
        self.node_total = 0

    def begin(self, node: Branch | Listing, anchor: str | None) -> None:
        if len(self.open) >= MAX_DEPTH:
            raise _Refused(f"is nested deeper than {MAX_DEPTH} levels", node.line)
        self.open.append((node, anchor, None))

    def end(self) -> None:
        node, anchor, _ = self.open.pop()
        self.add(node, anchor, node.line)

    def add(self, node: Tree, anchor: str | None, line: int, count: int = 1) -> None:
        self.node_total += count
        if self.node_total > MAX_NODES:
            raise _Refused(f"has more than {MAX_NODES} values", line)
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        parent, parent_anchor, key = self.open[-1]
        parent.node_count += node.node_count
        if isinstance(parent, Listing):
            parent.items.append(node)
        elif key is not None:
            parent.entries.append(Entry(key, node))
            self.open[-1] = (parent, parent_anchor, None)
        elif isinstance(node, Leaf):
            self.open[-1] = (parent, parent_anchor, node)
        else:
            raise _Refused("has a list or mapping as a key", line)

    def add_alias(self, anchor: str, line: int) -> None:
        node = self.anchors.get(anchor)
        if node is None:
            raise _Refused(f"uses the alias {anchor!r} before its anchor", line)
        self.add(node, None, line, node.node_count)


def _build(text: str) -> Tree:
    builder = _Builder()
    documents = 0
    for event in yaml.parse(text, Loader=_PARSER):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise _Refused(f"has a tag, {tag!r}; types are known without tags", line)
        if isinstance(event, yaml.ScalarEvent):
            builder.add(Leaf(event.value, line, event.style not in (None, "")), event.anchor, line)
        elif isinstance(event, yaml.MappingStartEvent):
            builder.begin(Branch(line), event.anchor)
        elif isinstance(event, yaml.SequenceStartEvent):
            builder.begin(Listing(line), event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            builder.end()
        elif isinstance(event, yaml.AliasEvent):
            builder.add_alias(event.anchor or "", line)
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise _Refused("has more than one document", line)
    if builder.root is None:
        raise _Refused("is empty", 1)
    return builder.root
