"""Reading and writing the XML objects of a phone's screen, and checking them against the limits of the schema.

`parse_phone_object` takes the children in any order, since servers differ and phones accept it; `build_phone_object`
writes them in one order: title, prompt, the object's own children, softkeys, keys. `find_limit_breaks` says what a
strict phone would refuse.
"""

from __future__ import annotations

from typing import Any, cast

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.phone_limits import find_limit_breaks
from emcc_emu.wire.phone_objects import (
    DirectoryEntry,
    ExecuteItem,
    IconFileItem,
    IconItem,
    IconMenuItem,
    InputItem,
    KeyItem,
    MenuItem,
    PhoneDirectory,
    PhoneError,
    PhoneExecute,
    PhoneGraphicFileMenu,
    PhoneGraphicMenu,
    PhoneIconFileMenu,
    PhoneIconMenu,
    PhoneImage,
    PhoneImageFile,
    PhoneInput,
    PhoneMenu,
    PhoneObject,
    PhonePage,
    PhoneResponse,
    PhoneStatus,
    PhoneStatusFile,
    PhoneText,
    ResponseItem,
    SoftKeyItem,
    TouchArea,
    TouchMenuItem,
)
from emcc_emu.wire.phone_shapes import ITEM_SHAPES, ROOT_SHAPES, SHAPE_BY_ROOT, Items, Leaf, Shape
from emcc_emu.wire.phone_uri import (
    append_query,
    expand_tokens,
    recognise_uri,
    submit_url,
)
from emcc_emu.wire.xml import Element, escape, escape_attribute, parse_xml

__all__ = [
    "DirectoryEntry",
    "ExecuteItem",
    "IconFileItem",
    "IconItem",
    "IconMenuItem",
    "InputItem",
    "KeyItem",
    "MenuItem",
    "PhoneDirectory",
    "PhoneError",
    "PhoneExecute",
    "PhoneGraphicFileMenu",
    "PhoneGraphicMenu",
    "PhoneIconFileMenu",
    "PhoneIconMenu",
    "PhoneImage",
    "PhoneImageFile",
    "PhoneInput",
    "PhoneMenu",
    "PhoneObject",
    "PhonePage",
    "PhoneResponse",
    "PhoneStatus",
    "PhoneStatusFile",
    "PhoneText",
    "ResponseItem",
    "SoftKeyItem",
    "TouchArea",
    "TouchMenuItem",
    "append_query",
    "build_phone_object",
    "expand_tokens",
    "find_limit_breaks",
    "parse_phone_object",
    "recognise_uri",
    "submit_url",
]

"""Content type of every object in UTF-8."""

_DECLARATION = '<?xml version="1.0" encoding="{}"?>\n'


def build_phone_object(screen: PhoneObject, charset: str = "utf-8") -> bytes:
    """Write an object; characters that the charset lacks become character references.

    Args:
        screen: The object.
        charset: Encoding, named in the declaration; the HTTP header has to agree.
    """
    shape = ROOT_SHAPES[type(screen)]
    text = _DECLARATION.format(charset) + _write(shape, screen) + "\n"
    return text.encode(charset, "xmlcharrefreplace")


def _write(shape: Shape, value: object) -> str:
    attributes = "".join([_write_attribute(leaf, getattr(value, leaf.field)) for leaf in shape.attributes])
    opening = f"<{shape.element}{attributes}"
    if not shape.children:
        return f"{opening}/>"
    break_ = "" if shape.is_one_line else "\n"
    parts = [f"{opening}>"]
    for child in shape.children:
        content = getattr(value, child.field)
        if isinstance(child, Items):
            items = (content,) if child.is_single else content
            parts.extend([_write(ITEM_SHAPES[child.item], item) for item in items if item is not None])
        elif content is not None:
            parts.append(f"<{child.element}{_title_icon(child, value)}>{_leaf_text(content)}</{child.element}>")
    parts.append(f"</{shape.element}>")
    return break_.join(parts)


def _write_attribute(leaf: Leaf, content: str | int | None) -> str:
    return "" if content is None else f' {leaf.element}="{escape_attribute(str(content))}"'


def _leaf_text(content: str | int) -> str:
    return escape(content) if isinstance(content, str) else str(content)


def _title_icon(leaf: Leaf, value: object) -> str:
    """The attribute that only the title of an IconFileMenu has."""
    if leaf.element != "Title" or not isinstance(value, PhoneIconFileMenu) or value.title_icon_index is None:
        return ""
    return f' IconIndex="{value.title_icon_index}"'


def parse_phone_object(data: bytes) -> PhoneObject:
    """Read an object, whatever the order of its children.

    Raises:
        XmlInvalid: Not well-formed, no phone object, an unknown child, a missing mandatory one, or no number where one
            must be.
    """
    root = parse_xml(data)
    found = SHAPE_BY_ROOT.get(str(root.tag))
    if found is None:
        raise XmlInvalid(f"{str(root.tag)[:64]!r} is no phone object")
    kind, shape = found
    values = _read(shape, root)
    if kind is PhoneIconFileMenu:
        title = root.find("Title")
        icon = None if title is None else title.get("IconIndex")
        values["title_icon_index"] = None if icon is None else _number("IconIndex", icon)
    return cast("PhoneObject", kind(**values))


def _read(shape: Shape, element: Element) -> dict[str, Any]:
    """Arguments for the dataclass of an element."""
    values: dict[str, Any] = dict(shape.optional_texts)
    for leaf in shape.attributes:
        text = element.get(leaf.element)
        if text is not None:
            values[leaf.field] = _convert(leaf, text)
    for child in element:
        entry = shape.children_by_name.get(str(child.tag))
        if entry is None:
            raise XmlInvalid(f"{shape.element} holds an unknown element {str(child.tag)[:64]!r}")
        if isinstance(entry, Leaf):
            values[entry.field] = _convert(entry, child.text or "")
            continue
        item = entry.item(**_read(ITEM_SHAPES[entry.item], child))
        values[entry.field] = item if entry.is_single else (*values.get(entry.field, ()), item)
    for field, name in shape.mandatory:
        if field not in values:
            raise XmlInvalid(f"{shape.element} has no {name}")
    return values


def _convert(leaf: Leaf, text: str) -> str | int:
    if leaf.kind == "number":
        return _number(leaf.element, text)
    if leaf.kind == "hex":
        return "".join(text.split())
    return text if leaf.field == "text" else text.strip()


def _number(name: str, text: str) -> int:
    text = text.strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise XmlInvalid(f"{name} {text[:32]!r} is not a number")
    return int(text)
