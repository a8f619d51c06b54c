"""The schema of the phone XML objects as a table: elements, attributes and limits of each dataclass.

One table serves reading, writing and checking. Limits are those of the phones' published schema; they are checked apart
from parsing, since phones differ in what they forgive.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

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
    PhoneResponse,
    PhoneStatus,
    PhoneStatusFile,
    PhoneText,
    ResponseItem,
    SoftKeyItem,
    TouchArea,
    TouchMenuItem,
)

__all__ = ["ITEM_SHAPES", "ROOT_SHAPES", "SHAPE_BY_ROOT", "Items", "Leaf", "Shape"]

Kind: TypeAlias = Literal["text", "number", "hex"]


@dataclasses.dataclass(frozen=True, slots=True)
class Leaf:
    """A child element with text, or an attribute.

    Limits are characters for text, the value for a number, bytes once decoded for hex digits.
    """

    element: str
    field: str
    low: int
    high: int
    kind: Kind = "text"
    is_mandatory: bool = False
    is_text_of_item: bool = False
    """May be missing and is empty then."""


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """Repeated child elements; `is_single` for one that stands at most once."""

    element: str
    field: str
    item: type
    high: int
    low: int = 0
    is_single: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """One element: its attributes and children, in the order in which they are written."""

    element: str
    attributes: tuple[Leaf, ...] = ()
    children: tuple[Leaf | Items, ...] = ()
    is_one_line: bool = True
    """Written on one line, as items are."""

    children_by_name: dict[str, Leaf | Items] = dataclasses.field(init=False, repr=False)
    mandatory: tuple[tuple[str, str], ...] = dataclasses.field(init=False, repr=False)
    """Fields without which an object is refused, with the names of their elements."""

    optional_texts: dict[str, str] = dataclasses.field(init=False, repr=False)
    """Texts of an item that are empty when missing; those of pages are None."""

    def __post_init__(self) -> None:
        entries = (*self.attributes, *self.children)
        mandatory = [
            (entry.field, entry.element)
            for entry in entries
            if (entry.is_mandatory if isinstance(entry, Leaf) else entry.low > 0)
        ]
        texts = [entry.field for entry in self.children if isinstance(entry, Leaf) and entry.is_text_of_item]
        object.__setattr__(self, "children_by_name", {child.element: child for child in self.children})
        object.__setattr__(self, "mandatory", tuple(mandatory))
        object.__setattr__(self, "optional_texts", dict.fromkeys(texts, ""))


def _text(element: str, field: str, high: int) -> Leaf:
    """A text of an item that may be missing."""
    return Leaf(element, field, 0, high, is_text_of_item=True)


_URL = Leaf("URL", "url", 1, 256, is_mandatory=True)
_ITEM_URL = _text("URL", "url", 256)


_PAGE_ATTRIBUTES = (
    Leaf("keypadTarget", "keypad_target", 1, 15),
    Leaf("appId", "app_id", 1, 64),
    Leaf("onAppFocusLost", "on_app_focus_lost", 1, 256),
    Leaf("onAppFocusGained", "on_app_focus_gained", 1, 256),
    Leaf("onAppMinimized", "on_app_minimized", 1, 256),
    Leaf("onAppClosed", "on_app_closed", 1, 256),
)
_PAGE_HEAD = (Leaf("Title", "title", 0, 32), Leaf("Prompt", "prompt", 0, 32))
_PAGE_KEYS = (Items("SoftKeyItem", "soft_keys", SoftKeyItem, 16), Items("KeyItem", "keys", KeyItem, 32))


def _page(element: str, *children: Leaf | Items, attributes: tuple[Leaf, ...] = ()) -> Shape:
    return Shape(element, (*attributes, *_PAGE_ATTRIBUTES), (*_PAGE_HEAD, *children, *_PAGE_KEYS), is_one_line=False)


def _location(high_x: int, high_y: int) -> tuple[Leaf, Leaf]:
    return (
        Leaf("LocationX", "location_x", -1, high_x, "number"),
        Leaf("LocationY", "location_y", -1, high_y, "number"),
    )


def _bitmap(high_width: int, high_height: int, high_bytes: int) -> tuple[Leaf, ...]:
    return (
        Leaf("Width", "width", 1, high_width, "number", is_mandatory=True),
        Leaf("Height", "height", 1, high_height, "number", is_mandatory=True),
        Leaf("Depth", "depth", 1, 2, "number", is_mandatory=True),
        Leaf("Data", "data", 0, high_bytes, "hex"),
    )


_PICTURE = (*_location(132, 64), *_bitmap(133, 65, 2162))
_STATUS_HEAD = (Leaf("Text", "text", 0, 32), Leaf("Timer", "timer_s", 0, 65535, "number"))

ROOT_SHAPES: dict[type, Shape] = {
    PhoneText: _page("CiscoIPPhoneText", Leaf("Text", "text", 0, 4000)),
    PhoneMenu: _page("CiscoIPPhoneMenu", Items("MenuItem", "items", MenuItem, 100)),
    PhoneInput: _page(
        "CiscoIPPhoneInput",
        _URL,
        Items("InputItem", "items", InputItem, 5),
        attributes=(Leaf("method", "method", 3, 4),),
    ),
    PhoneDirectory: _page("CiscoIPPhoneDirectory", Items("DirectoryEntry", "entries", DirectoryEntry, 32)),
    PhoneImage: _page("CiscoIPPhoneImage", *_PICTURE),
    PhoneImageFile: _page("CiscoIPPhoneImageFile", *_location(297, 167), _URL),
    PhoneGraphicMenu: _page("CiscoIPPhoneGraphicMenu", *_PICTURE, Items("MenuItem", "items", MenuItem, 12)),
    PhoneGraphicFileMenu: _page(
        "CiscoIPPhoneGraphicFileMenu",
        *_location(297, 167),
        _URL,
        Items("MenuItem", "items", TouchMenuItem, 32),
        attributes=(Leaf("WindowMode", "window_mode", 4, 6),),
    ),
    PhoneIconMenu: _page(
        "CiscoIPPhoneIconMenu",
        Items("MenuItem", "items", IconMenuItem, 32),
        Items("IconItem", "icons", IconItem, 10),
    ),
    PhoneIconFileMenu: _page(
        "CiscoIPPhoneIconFileMenu",
        Items("MenuItem", "items", IconMenuItem, 32),
        Items("IconItem", "icons", IconFileItem, 10),
    ),
    PhoneStatus: Shape(
        "CiscoIPPhoneStatus", (), (*_STATUS_HEAD, *_location(105, 20), *_bitmap(106, 21, 557)), is_one_line=False
    ),
    PhoneStatusFile: Shape("CiscoIPPhoneStatusFile", (), (*_STATUS_HEAD, *_location(261, 49), _URL), is_one_line=False),
    PhoneExecute: Shape(
        "CiscoIPPhoneExecute", (), (Items("ExecuteItem", "items", ExecuteItem, 3, low=1),), is_one_line=False
    ),
    PhoneResponse: Shape(
        "CiscoIPPhoneResponse", (), (Items("ResponseItem", "items", ResponseItem, 3),), is_one_line=False
    ),
    PhoneError: Shape("CiscoIPPhoneError", (Leaf("Number", "number", 0, 999, "number", is_mandatory=True),)),
}
"""Shape of each document."""

SHAPE_BY_ROOT: dict[str, tuple[type, Shape]] = {shape.element: (kind, shape) for kind, shape in ROOT_SHAPES.items()}
"""Dataclass and shape by the name of the root element."""

ITEM_SHAPES: dict[type, Shape] = {
    SoftKeyItem: Shape(
        "SoftKeyItem",
        (),
        (
            Leaf("Name", "name", 0, 32, is_mandatory=True),
            _ITEM_URL,
            Leaf("URLDown", "url_down", 1, 256),
            Leaf("Position", "position", 1, 16, "number", is_mandatory=True),
        ),
    ),
    KeyItem: Shape(
        "KeyItem",
        (),
        (
            Leaf("Key", "key", 1, 32, is_mandatory=True),
            Leaf("URL", "url", 1, 256),
            Leaf("URLDown", "url_down", 1, 256),
        ),
    ),
    MenuItem: Shape("MenuItem", (), (_text("Name", "name", 64), _ITEM_URL)),
    InputItem: Shape(
        "InputItem",
        (),
        (
            _text("DisplayName", "display_name", 32),
            Leaf("QueryStringParam", "query_string_param", 1, 32, is_mandatory=True),
            Leaf("DefaultValue", "default_value", 0, 32),
            Leaf("InputFlags", "input_flags", 1, 2),
        ),
        is_one_line=False,
    ),
    DirectoryEntry: Shape("DirectoryEntry", (), (_text("Name", "name", 32), _text("Telephone", "telephone", 32))),
    TouchArea: Shape(
        "TouchArea",
        tuple(Leaf(name, name.lower(), 0, 65535, "number", is_mandatory=True) for name in ("X1", "Y1", "X2", "Y2")),
    ),
    TouchMenuItem: Shape(
        "MenuItem",
        (),
        (_text("Name", "name", 32), _ITEM_URL, Items("TouchArea", "area", TouchArea, 1, is_single=True)),
    ),
    IconMenuItem: Shape(
        "MenuItem", (), (_text("Name", "name", 64), _ITEM_URL, Leaf("IconIndex", "icon_index", 0, 9, "number"))
    ),
    IconItem: Shape(
        "IconItem",
        (),
        (
            Leaf("Index", "index", 0, 9, "number", is_mandatory=True),
            Leaf("Height", "height", 1, 10, "number", is_mandatory=True),
            Leaf("Width", "width", 1, 16, "number", is_mandatory=True),
            Leaf("Depth", "depth", 1, 2, "number", is_mandatory=True),
            Leaf("Data", "data", 0, 40, "hex"),
        ),
    ),
    IconFileItem: Shape("IconItem", (), (Leaf("Index", "index", 0, 9, "number", is_mandatory=True), _URL)),
    ExecuteItem: Shape(
        "ExecuteItem",
        (
            Leaf("Priority", "priority", 0, 2, "number"),
            Leaf("URL", "url", 1, 256, is_mandatory=True),
        ),
    ),
    ResponseItem: Shape(
        "ResponseItem",
        (
            Leaf("URL", "url", 0, 256, is_mandatory=True),
            Leaf("Data", "data", 0, 256),
            Leaf("Status", "status", 0, 999, "number", is_mandatory=True),
        ),
    ),
}
"""Shape of each repeated element."""
