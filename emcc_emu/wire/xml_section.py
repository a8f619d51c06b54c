"""Looking things up in an element by name: quick for elements with many children, and content with missing ones."""

from __future__ import annotations

from lxml import etree

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.xml import Element, parse_xml

__all__ = ["Section", "parse_section"]


class Section:
    """An element whose children are looked up by name; a missing child is empty text, or an empty section.

    One pass over the children makes the look-ups, which for a phone's configuration is many times as fast as paths.
    """

    __slots__ = ("_children", "element")

    def __init__(self, element: Element) -> None:
        self.element = element
        self._children: dict[object, Element] = {}
        for child in element:
            self._children.setdefault(child.tag, child)

    def __contains__(self, name: str) -> bool:
        return name in self._children

    def text(self, name: str, default: str = "") -> str:
        """Text of a child without surrounding white space; `default` when the child is missing or empty."""
        child = self._children.get(name)
        found = None if child is None else child.text
        return found.strip() or default if found else default

    def number(self, name: str, default: int) -> int:
        """Number in a child; `default` when the child is missing or empty.

        Raises:
            XmlInvalid: The text is not a number of at most nine digits.
        """
        found = self.text(name)
        return _number(name, found) if found else default

    def section(self, name: str) -> Section:
        """The first child of that name."""
        child = self._children.get(name)
        return Section(etree.Element(name) if child is None else child)

    def sections(self, name: str) -> list[Section]:
        """All children of that name."""
        if name not in self._children:
            return []
        return [Section(child) for child in self.element if child.tag == name]

    def attribute(self, name: str, default: str = "") -> str:
        """Value of an attribute."""
        return self.element.get(name, default)

    def attribute_number(self, name: str, default: int = 0) -> int:
        """Number in an attribute; `default` when the attribute is missing.

        Raises:
            XmlInvalid: The value is not a number of at most nine digits.
        """
        found = self.element.get(name)
        return default if found is None else _number(name, found)


def _number(name: str, found: str) -> int:
    if not (found.isascii() and found.isdigit() and len(found) <= 9):
        raise XmlInvalid(f"{name} {found[:32]!r} is not a number")
    return int(found)


def parse_section(data: bytes, root_name: str) -> Section:
    """Read a document whose root has a known name.

    Raises:
        XmlInvalid: Not well-formed, out of bounds, or another root.
    """
    root = parse_xml(data)
    if root.tag != root_name:
        raise XmlInvalid(f"{str(root.tag)[:64]!r} instead of {root_name}")
    return Section(root)
