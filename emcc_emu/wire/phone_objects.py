"""The objects that a phone's screen understands: `CiscoIPPhoneText`, `CiscoIPPhoneMenu`, and the rest of the family.

Plain dataclasses; `emcc_emu.wire.phone_xml` reads and writes them, and checks the limits of the phone's schema.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

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
]


@dataclasses.dataclass(frozen=True, slots=True)
class SoftKeyItem:
    """A key under the screen."""

    name: str
    """Label."""

    url: str
    """Run on release: `SoftKey:Submit`, an http(s) URL, or another internal URI."""

    position: int
    """1-based, left to right; 1 to 16."""

    url_down: str | None = None
    """Run on press; internal URI only."""


@dataclasses.dataclass(frozen=True, slots=True)
class KeyItem:
    """A hard key remapped while the page has the focus."""

    key: str
    url: str | None = None
    url_down: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhonePage:
    """What every page that takes the screen has in common."""

    title: str | None = None
    """At most 32 characters."""

    prompt: str | None = None
    """At most 32 characters; not shown by 78xx and 88xx."""

    soft_keys: tuple[SoftKeyItem, ...] = ()
    """When any is given the phone's own keys disappear."""

    keys: tuple[KeyItem, ...] = ()
    keypad_target: Literal["application", "applicationCall", "activeCall"] | None = None
    """Where digits go during a call; None means application."""

    app_id: str | None = None
    on_app_focus_lost: str | None = None
    on_app_focus_gained: str | None = None
    on_app_minimized: str | None = None
    on_app_closed: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneText(PhonePage):
    """A page of text."""

    text: str = ""
    """At most 4000 characters; line breaks are kept."""


@dataclasses.dataclass(frozen=True, slots=True)
class MenuItem:
    """One entry of a menu."""

    name: str
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneMenu(PhonePage):
    """A list to select from; at most 100 entries."""

    items: tuple[MenuItem, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class InputItem:
    """One field of a form."""

    display_name: str
    query_string_param: str
    """Name of the parameter in the submitted URL."""

    input_flags: str = "A"
    """`A`, `T`, `N`, `E`, `U` or `L`, with `P` before or behind for a masked field."""

    default_value: str = ""

    @property
    def is_masked(self) -> bool:
        """Whether the field is a password field."""
        return "P" in self.input_flags


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneInput(PhonePage):
    """A form of at most 5 fields."""

    url: str
    """Where the values go; see `emcc_emu.wire.phone_uri.submit_url`."""

    items: tuple[InputItem, ...] = ()
    method: Literal["get", "post"] | None = None
    """None means get."""


@dataclasses.dataclass(frozen=True, slots=True)
class DirectoryEntry:
    """A name with a number to dial."""

    name: str
    telephone: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneDirectory(PhonePage):
    """A list to dial from; at most 32 entries."""

    entries: tuple[DirectoryEntry, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneImage(PhonePage):
    """A picture of packed pixels."""

    location_x: int | None = None
    """Pixels from the left edge; -1 centres."""

    location_y: int | None = None
    width: int
    height: int
    depth: int
    """Bits per pixel, 1 or 2."""

    data: str = ""
    """Hex digits; four pixels a byte at depth 2, the leftmost in the low-order bits."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneImageFile(PhonePage):
    """A PNG picture fetched from a URL."""

    location_x: int | None = None
    location_y: int | None = None
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneGraphicMenu(PhonePage):
    """A picture of packed pixels whose digits select entries; at most 12."""

    location_x: int | None = None
    location_y: int | None = None
    width: int
    height: int
    depth: int
    data: str = ""
    items: tuple[MenuItem, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class TouchArea:
    """A rectangle of the screen, in pixels, 0 to 65535."""

    x1: int
    y1: int
    x2: int
    y2: int


@dataclasses.dataclass(frozen=True, slots=True)
class TouchMenuItem:
    """An entry that is selected by touching its area."""

    name: str
    url: str
    area: TouchArea | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneGraphicFileMenu(PhonePage):
    """A PNG picture with touch areas; at most 32."""

    location_x: int | None = None
    location_y: int | None = None
    url: str
    items: tuple[TouchMenuItem, ...] = ()
    window_mode: Literal["Normal", "Wide"] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class IconMenuItem:
    """A menu entry with an icon."""

    name: str
    url: str
    icon_index: int | None = None
    """0 to 9, the `index` of an icon of the same page."""


@dataclasses.dataclass(frozen=True, slots=True)
class IconItem:
    """An icon of packed pixels, at most 16 by 10."""

    index: int
    height: int
    width: int
    depth: int
    data: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class IconFileItem:
    """An icon from a PNG of at most 18 by 18 pixels, or a built-in one (`Resource:Icon.Locked`)."""

    index: int
    url: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneIconMenu(PhonePage):
    """A menu with icons; at most 32 entries and 10 icons."""

    items: tuple[IconMenuItem, ...] = ()
    icons: tuple[IconItem, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneIconFileMenu(PhonePage):
    """A menu with icons from files; at most 32 entries and 10 icons."""

    items: tuple[IconMenuItem, ...] = ()
    icons: tuple[IconFileItem, ...] = ()
    title_icon_index: int | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneStatus:
    """A strip on the call screen, pushed only."""

    text: str | None = None
    timer_s: int | None = None
    """Seconds until it disappears; 0 or None to stay until cleared."""

    location_x: int | None = None
    location_y: int | None = None
    width: int
    height: int
    depth: int
    data: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PhoneStatusFile:
    """A strip on the call screen with a PNG picture, pushed only."""

    text: str | None = None
    timer_s: int | None = None
    location_x: int | None = None
    location_y: int | None = None
    url: str


@dataclasses.dataclass(frozen=True, slots=True)
class ExecuteItem:
    """One command to a phone."""

    url: str
    """An internal URI or an http(s) URL."""

    priority: int = 0
    """0 at once, 1 when the phone becomes idle, 2 only if it is idle now."""


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneExecute:
    """Commands to a phone, 1 to 3, at most one of them an http(s) URL."""

    items: tuple[ExecuteItem, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class ResponseItem:
    """What became of one command."""

    url: str
    data: str = "Success"
    status: int = 0
    """0 success, 1 not understood or not supported, 6 internal error."""


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneResponse:
    """What became of the commands; in any order, matched by URL."""

    items: tuple[ResponseItem, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneError:
    """The commands were not run."""

    number: int
    """1 not parsed, 2 response failed, 3 file error, 4 not authorised."""


PhoneObject: TypeAlias = (
    PhoneText
    | PhoneMenu
    | PhoneInput
    | PhoneDirectory
    | PhoneImage
    | PhoneImageFile
    | PhoneGraphicMenu
    | PhoneGraphicFileMenu
    | PhoneIconMenu
    | PhoneIconFileMenu
    | PhoneStatus
    | PhoneStatusFile
    | PhoneExecute
    | PhoneResponse
    | PhoneError
)
"""Any document that a phone shows or runs, or answers."""
