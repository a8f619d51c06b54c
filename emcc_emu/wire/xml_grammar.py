"""Content models as a DTD writes them: which children an element has, how often, in which order.

`ContentModel("deviceName, userID, deviceProfile?")` reads like the published DTD of the EM API. It becomes one regular
expression over the names of the children, so a strict check of order and number costs about a microsecond.
"""

from __future__ import annotations

import re

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.xml import Element

__all__ = ["ContentModel", "leaf_text"]

_NAME = re.compile(r"[A-Za-z_][\w.\-]*")


class ContentModel:
    """The children that an element must have.

    Args:
        model: A DTD content model: names with `?`, `+`, `*`, sequences with `,`, choices with `|` in parentheses.
            An empty text means an empty element.
    """

    __slots__ = ("_pattern", "_positions", "model")

    def __init__(self, model: str) -> None:
        self.model = model
        self._positions = {name: position for position, name in enumerate(_NAME.findall(model))}
        self._pattern = re.compile(_NAME.sub(r"(?:\g<0>;)", model).replace(",", "").replace(" ", ""))

    def children(self, element: Element, *, is_lenient: bool = False) -> list[Element]:
        """The children of an element, in the order of the model.

        Args:
            element: The element whose children are checked.
            is_lenient: Accept them in any order; names and numbers still count.

        Raises:
            XmlInvalid: They do not conform to the model, or text stands between them.
        """
        children = list(element)
        if is_lenient:
            positions = self._positions
            children.sort(key=lambda child: positions.get(str(child.tag), 0))
        tags = "".join([f"{child.tag};" for child in children])
        if self._pattern.fullmatch(tags) is None:
            raise XmlInvalid(f"{str(element.tag)[:64]} holds {tags[:200]!r} instead of ({self.model})")
        if has_stray_text(element, children):
            raise XmlInvalid(f"text stands between the elements of {str(element.tag)[:64]}")
        return children

    def texts(self, element: Element, *, is_lenient: bool = False) -> dict[str, str]:
        """Texts of the children by name; of a repeated name the last one.

        Raises:
            XmlInvalid: The children do not conform to the model, or one of them has children.
        """
        return {str(child.tag): leaf_text(child) for child in self.children(element, is_lenient=is_lenient)}


def has_stray_text(element: Element, children: list[Element]) -> bool:
    """Whether anything but white space stands outside of the children."""
    text = element.text
    if text and not text.isspace():
        return True
    for child in children:  # a loop costs half of what `any` with a generator does
        tail = child.tail
        if tail and not tail.isspace():
            return True
    return False


def leaf_text(element: Element) -> str:
    """Text of an element that must not have children, without surrounding white space.

    Raises:
        XmlInvalid: It has children.
    """
    if len(element):
        raise XmlInvalid(f"{str(element.tag)[:64]} holds elements instead of text")
    text = element.text
    return text.strip() if text else ""
