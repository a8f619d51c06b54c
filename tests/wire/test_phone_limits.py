"""What a strict phone refuses."""

import pytest

from emcc_emu.wire.phone_limits import INPUT_FLAGS, find_limit_breaks
from emcc_emu.wire.phone_objects import (
    ExecuteItem,
    InputItem,
    KeyItem,
    MenuItem,
    PhoneExecute,
    PhoneGraphicFileMenu,
    PhoneImage,
    PhoneInput,
    PhoneMenu,
    PhoneText,
    SoftKeyItem,
    TouchArea,
    TouchMenuItem,
)


@pytest.mark.parametrize(
    ("screen", "part"),
    [
        (PhoneText(title="x" * 33), "CiscoIPPhoneText/Title: characters 33"),
        (PhoneText(text="x" * 4001), "Text: characters 4001"),
        (PhoneText(app_id=""), "appId"),
        (PhoneText(soft_keys=(SoftKeyItem("a", "SoftKey:Exit", 17),)), "Position: value 17"),
        (PhoneText(soft_keys=(SoftKeyItem("a", "b", 1, "http://x/"),)), "URLDown"),
        (PhoneText(keys=(KeyItem("Line1", "x"),)), "cannot be remapped"),
        (PhoneText(on_app_closed="Key:Info; https://x/"), "on_app_closed"),
        (PhoneText(keypad_target="other"), "keypadTarget"),
        (PhoneMenu(items=(MenuItem("a", "b"),) * 101), "101 MenuItem"),
        (PhoneMenu(items=(MenuItem("a" * 65, "b"),)), "MenuItem/Name"),
        (PhoneMenu(items=(MenuItem("a", "b" * 257),)), "MenuItem/URL"),
        (PhoneInput(url=""), "URL: characters 0, allowed 1"),
        (PhoneInput(url="u", items=(InputItem("a", "b"),) * 6), "6 InputItem"),
        (PhoneInput(url="u", items=(InputItem("a", "b", "PP"),)), "InputFlags"),
        (PhoneImage(width=134, height=1, depth=1), "Width"),
        (PhoneImage(width=1, height=1, depth=3), "Depth"),
        (PhoneImage(width=1, height=1, depth=1, data="0"), "pairs of hex digits"),
        (PhoneImage(width=1, height=1, depth=1, data="zz"), "pairs of hex digits"),
        (PhoneImage(width=1, height=1, depth=1, data="00" * 2163), "bytes 2163"),
        (PhoneGraphicFileMenu(url="u", items=(TouchMenuItem("a", "b", TouchArea(0, 0, 65536, 1)),)), "X2"),
        (PhoneExecute(()), "0 ExecuteItem"),
        (PhoneExecute((ExecuteItem("http://x/"), ExecuteItem("https://y/"))), "more than one"),
        (PhoneExecute((ExecuteItem("SoftKey:Exit"),)), "cannot be executed"),
        (PhoneExecute((ExecuteItem("Bogus:x"),)), "cannot be executed"),
        (PhoneExecute((ExecuteItem("Init:Services", 3),)), "Priority"),
    ],
)
def test_finds_each_break(screen, part):
    breaks = find_limit_breaks(screen)
    assert len(breaks) == 1
    assert part in breaks[0]


def test_input_flags_are_the_eighteen_tokens():
    assert INPUT_FLAGS == set("A T N E U L AP TP NP EP UP LP PA PT PN PE PU PL".split())


def test_a_touch_menu_entry_needs_no_area():
    assert find_limit_breaks(PhoneGraphicFileMenu(url="u", items=(TouchMenuItem("a", "b"),))) == []


def test_finds_all_breaks_at_once():
    assert len(find_limit_breaks(PhoneText(title="x" * 33, prompt="x" * 33, text="x" * 4001))) == 3
