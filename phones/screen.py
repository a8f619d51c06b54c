"""Draws what a phone shows as text: the page in the middle, softkeys below, lines at the right."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Sequence

from emcc_emu.wire.phone_objects import (
    PhoneDirectory,
    PhoneGraphicFileMenu,
    PhoneGraphicMenu,
    PhoneIconFileMenu,
    PhoneIconMenu,
    PhoneInput,
    PhoneMenu,
    PhoneObject,
    PhonePage,
    PhoneText,
    SoftKeyItem,
)

__all__ = ["default_soft_keys", "draw_page", "draw_screen", "page_text", "text_width"]

WIDTH_COLUMNS = 46
"""Inside width of the drawing, in terminal columns."""

KEY_COLUMNS = 10
MASK = "•"

_MENUS = (PhoneMenu, PhoneIconMenu, PhoneIconFileMenu, PhoneGraphicMenu, PhoneGraphicFileMenu)


def text_width(text: str) -> int:
    """Terminal columns that a text takes; East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def page_text(page: PhoneObject | None) -> str:
    """What a page says in words: a text page's text, any other page's prompt; nothing for no page."""
    if isinstance(page, PhoneText):
        return page.text
    return (page.prompt or "") if isinstance(page, PhonePage) else ""


def default_soft_keys(page: PhoneObject) -> tuple[str, ...]:
    """The keys that a phone supplies itself when a page brings none."""
    if isinstance(page, PhoneInput):
        return ("Submit", "<<", "Cancel")
    if isinstance(page, PhoneDirectory):
        return ("Dial", "EditDial", "Cancel")
    if isinstance(page, _MENUS):
        return ("Select", "Exit")
    return ("Update", "Exit")


def draw_page(page: PhoneObject, typed: dict[str, str] | None = None, selected: int = 0) -> list[str]:
    """The lines of a page between its title and its softkeys.

    Args:
        page: What the phone shows.
        typed: What has been typed so far, by `QueryStringParam`; masked fields show dots.
        selected: Index of the highlighted entry of a menu or directory.
    """
    if isinstance(page, PhoneText):
        return [line for text in page.text.splitlines() or [""] for line in _wrapped(text)]
    if isinstance(page, PhoneInput):
        return _draw_form(page, typed or {})
    if isinstance(page, PhoneDirectory):
        rows = [f"{entry.name}  {entry.telephone}" for entry in page.entries]
        return _draw_list(rows, selected)
    if isinstance(page, _MENUS):
        return _draw_list([item.name for item in page.items], selected)
    return [f"({type(page).__name__.removeprefix('Phone').lower()})"]


def _draw_form(page: PhoneInput, typed: dict[str, str]) -> list[str]:
    lines = []
    for item in page.items:
        value = typed.get(item.query_string_param, item.default_value)
        shown = MASK * len(value) if item.is_masked else value
        lines += [f"{item.display_name}:", f"  [{shown.ljust(20, '_')}]"]
    return lines


def _draw_list(rows: Sequence[str], selected: int) -> list[str]:
    return [f"{'▸' if index == selected else ' '} {index + 1} {row}" for index, row in enumerate(rows)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH_COLUMNS - 2) or [""]


def _soft_key_names(page: PhoneObject) -> list[str]:
    keys: tuple[SoftKeyItem, ...] = page.soft_keys if isinstance(page, PhonePage) else ()
    if not keys:
        return list(default_soft_keys(page))
    return [key.name for key in sorted(keys, key=lambda key: key.position)]


def draw_screen(
    page: PhoneObject | None,
    *,
    heading: str,
    lines: Sequence[str] = (),
    status: Sequence[str] = (),
    typed: dict[str, str] | None = None,
    selected: int = 0,
) -> str:
    """The whole screen as a box of text.

    Args:
        page: The page on the screen, or None for the idle screen with the lines.
        heading: Left half of the top line, for example the device name.
        lines: Line labels, shown on the idle screen.
        status: What the phone says about itself or its calls, shown above the page.
        typed: See `draw_page`.
        selected: See `draw_page`.
    """
    title = (page.title or "") if isinstance(page, PhonePage) else ""
    prompt = (page.prompt or "") if isinstance(page, PhonePage) else ""
    keys = _soft_key_names(page) if page is not None else ["Redial", "NewCall", "Services"]
    body = list(status)
    body += draw_page(page, typed, selected) if page is not None else [f"☎ {label}" for label in lines]
    rows = [_row(f"{heading}  {title}".rstrip()), _rule("├", "┤")]
    rows += [_row(line) for line in body] or [_row("")]
    if prompt:
        rows += [_row(""), _row(prompt)]
    key_row = " ".join(f"[{name}]".center(KEY_COLUMNS) for name in keys)
    rows += [_rule("├", "┤"), _row(key_row)]
    return "\n".join([_rule("┌", "┐"), *rows, _rule("└", "┘")])


def _rule(left: str, right: str) -> str:
    return left + "─" * WIDTH_COLUMNS + right


def _row(text: str) -> str:
    while text_width(text) > WIDTH_COLUMNS - 2:
        text = text[:-1]
    return f"│ {text}{' ' * (WIDTH_COLUMNS - 2 - text_width(text))} │"
