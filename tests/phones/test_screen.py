"""The screen as text."""

from __future__ import annotations

from emcc_emu.wire.phone_objects import (
    DirectoryEntry,
    InputItem,
    MenuItem,
    PhoneDirectory,
    PhoneImageFile,
    PhoneInput,
    PhoneMenu,
    PhoneText,
    SoftKeyItem,
)
from phones.screen import default_soft_keys, draw_page, draw_screen, page_text, text_width

FORM = PhoneInput(
    url="u",
    title="Extension Mobility",
    prompt="Please sign on",
    items=(InputItem("User ID", "userid"), InputItem("PIN", "seq", "NP")),
)


def test_draws_a_form_and_hides_the_pin() -> None:
    drawn = draw_screen(FORM, heading="SEP001122334455", typed={"userid": "ayamada", "seq": "13579"})
    assert drawn.splitlines() == [
        "┌──────────────────────────────────────────────┐",
        "│ SEP001122334455  Extension Mobility          │",
        "├──────────────────────────────────────────────┤",
        "│ User ID:                                     │",
        "│   [ayamada_____________]                     │",
        "│ PIN:                                         │",
        "│   [•••••_______________]                     │",
        "│                                              │",
        "│ Please sign on                               │",
        "├──────────────────────────────────────────────┤",
        "│  [Submit]     [<<]     [Cancel]              │",
        "└──────────────────────────────────────────────┘",
    ]


def test_draws_the_idle_screen_with_its_lines_and_calls() -> None:
    drawn = draw_screen(None, heading="SEP001122334455", lines=["2001"], status=["connected to 3001 (G729)"])
    assert "│ ☎ 2001 " in drawn and "│ connected to 3001 (G729) " in drawn and "[Services]" in drawn


def test_marks_the_selected_entry() -> None:
    menu = PhoneMenu(title="Services", items=(MenuItem("One", "a"), MenuItem("Two", "b")))
    assert draw_page(menu, selected=1) == ["  1 One", "▸ 2 Two"]
    directory = PhoneDirectory(entries=(DirectoryEntry("Ken", "3102"),))
    assert draw_page(directory) == ["▸ 1 Ken  3102"]


def test_wraps_long_texts_and_keeps_line_breaks() -> None:
    lines = draw_page(PhoneText(text="word " * 20 + "\n\nend"))
    assert max(map(len, lines)) <= 44 and lines[-2:] == ["", "end"]


def test_keeps_the_box_straight_for_japanese() -> None:
    drawn = draw_screen(PhoneText(title="内線", text="ログインに成功しました" * 5), heading="電話")
    assert {text_width(row) for row in drawn.splitlines()} == {48}


def test_puts_the_pages_own_softkeys_in_order() -> None:
    page = PhoneText(text="x", soft_keys=(SoftKeyItem("No", "SoftKey:Exit", 2), SoftKeyItem("Yes", "http://x/", 1)))
    row = draw_screen(page, heading="h").splitlines()[-2]
    assert row.index("[Yes]") < row.index("[No]")


def test_has_default_keys_for_every_kind_of_page() -> None:
    assert default_soft_keys(FORM) == ("Submit", "<<", "Cancel")
    assert default_soft_keys(PhoneMenu()) == ("Select", "Exit")
    assert default_soft_keys(PhoneDirectory()) == ("Dial", "EditDial", "Cancel")
    assert default_soft_keys(PhoneText()) == ("Update", "Exit")


def test_names_what_it_cannot_draw() -> None:
    assert draw_page(PhoneImageFile(url="http://x/a.png")) == ["(imagefile)"]


def test_says_what_a_page_says() -> None:
    assert page_text(PhoneText(text="Login successful", prompt="p")) == "Login successful"
    assert page_text(FORM) == "Please sign on"
    assert page_text(None) == ""
