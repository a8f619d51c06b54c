"""The limits of the phones' schema: what a strict phone refuses with `XML Error [4]`.

Parsing does not check them, because phones differ; a server that wants to be understood by every phone checks its pages
before it sends them, and a virtual phone may be as strict as the real one.
"""

from __future__ import annotations

from emcc_emu.wire.phone_objects import InputItem, PhoneExecute, PhoneInput, PhoneObject, PhonePage
from emcc_emu.wire.phone_shapes import ITEM_SHAPES, ROOT_SHAPES, Items, Leaf, Shape
from emcc_emu.wire.phone_uri import is_fetched, recognise_uri

__all__ = ["INPUT_FLAGS", "KEY_NAMES", "find_limit_breaks"]

INPUT_FLAGS = frozenset(flag for base in "ATNEUL" for flag in (base, f"{base}P", f"P{base}"))
"""Every value of `InputFlags`."""

KEY_NAMES = frozenset(
    {*(f"KeyPad{digit}" for digit in range(10)), "KeyPadStar", "KeyPadPound"}
    | {"NavUp", "NavDown", "NavLeft", "NavRight", "NavSelect", "NavBack", "PushToTalk"}
)
"""Hard keys that a page may remap."""

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_CHOICES = {
    "keypad_target": ("application", "applicationCall", "activeCall"),
    "method": ("get", "post"),
    "window_mode": ("Normal", "Wide"),
}
_EVENT_FIELDS = ("on_app_focus_lost", "on_app_focus_gained", "on_app_minimized", "on_app_closed")


def find_limit_breaks(screen: PhoneObject) -> list[str]:
    """Every rule of the schema that an object breaks, in words; empty for a good one."""
    breaks = _check(ROOT_SHAPES[type(screen)], screen)
    if isinstance(screen, PhonePage):
        breaks += _check_page(screen)
    if isinstance(screen, PhoneInput):
        breaks += _check_input_items(screen.items)
    if isinstance(screen, PhoneExecute):
        breaks += _check_execute(screen)
    return breaks


def _check(shape: Shape, value: object) -> list[str]:
    breaks: list[str] = []
    for entry in (*shape.attributes, *shape.children):
        content = getattr(value, entry.field)
        if isinstance(entry, Leaf):
            if content is not None:
                breaks += _check_leaf(shape, entry, content)
        elif not entry.is_single:
            breaks += _check_items(shape, entry, content)
        elif content is not None:
            breaks += _check(ITEM_SHAPES[entry.item], content)
    return breaks


def _check_items(shape: Shape, entry: Items, items: tuple[object, ...]) -> list[str]:
    breaks = (
        []
        if entry.low <= len(items) <= entry.high
        else [f"{shape.element}: {len(items)} {entry.element}, allowed {entry.low} to {entry.high}"]
    )
    for item in items:
        breaks += _check(ITEM_SHAPES[entry.item], item)
    return breaks


def _check_leaf(shape: Shape, leaf: Leaf, content: str | int) -> list[str]:
    where = f"{shape.element}/{leaf.element}"
    if isinstance(content, int):
        size, unit = content, "value"
    elif leaf.kind == "hex":
        if len(content) % 2 or not _HEX_DIGITS.issuperset(content):
            return [f"{where}: not pairs of hex digits"]
        size, unit = len(content) // 2, "bytes"
    else:
        size, unit = len(content), "characters"
    if not leaf.low <= size <= leaf.high:
        return [f"{where}: {unit} {size}, allowed {leaf.low} to {leaf.high}"]
    choices = _CHOICES.get(leaf.field)
    if choices is not None and content not in choices:
        return [f"{where}: {content!r} is none of {', '.join(choices)}"]
    return []


def _check_page(page: PhonePage) -> list[str]:
    breaks = [f"KeyItem/Key: {key.key[:32]!r} cannot be remapped" for key in page.keys if key.key not in KEY_NAMES]
    breaks += [
        f"SoftKeyItem/URLDown: {key.url_down[:64]!r} is no internal URI"
        for key in page.soft_keys
        if key.url_down is not None and is_fetched(key.url_down)
    ]
    for field in _EVENT_FIELDS:
        uris = getattr(page, field)
        if uris is not None and any(is_fetched(uri.strip()) for uri in uris.split(";")):
            breaks.append(f"{field}: holds an http URL")
    return breaks


def _check_input_items(items: tuple[InputItem, ...]) -> list[str]:
    return [
        f"InputItem/InputFlags: unknown {item.input_flags[:16]!r}"
        for item in items
        if item.input_flags not in INPUT_FLAGS
    ]


def _check_execute(execute: PhoneExecute) -> list[str]:
    breaks = []
    if sum(is_fetched(item.url) for item in execute.items) > 1:
        breaks.append("CiscoIPPhoneExecute: more than one http URL")
    for item in execute.items:
        if not is_fetched(item.url) and not _is_executable(item.url):
            breaks.append(f"ExecuteItem/URL: {item.url[:64]!r} cannot be executed")
    return breaks


def _is_executable(url: str) -> bool:
    uri = recognise_uri(url)
    return uri is not None and uri.is_executable
