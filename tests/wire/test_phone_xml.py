"""Phone objects, byte for byte and there and back."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.phone_xml import (
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
    build_phone_object,
    find_limit_breaks,
    parse_phone_object,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"
LOGIN_FORM = PhoneInput(
    title="Extension Mobility",
    prompt="Please sign on",
    url="http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP001122334455&EMCC=true",
    items=(InputItem("User ID", "userid", "A"), InputItem("PIN", "seq", "NP")),
    soft_keys=(
        SoftKeyItem("Submit", "SoftKey:Submit", 1),
        SoftKeyItem("<<", "SoftKey:<<", 2),
        SoftKeyItem("Cancel", "SoftKey:Exit", 3),
    ),
)
OBJECTS = [
    LOGIN_FORM,
    PhoneInput(url="http://x/", method="post"),
    PhoneText(title="Extension Mobility", text="Login is\n unavailable (23)", prompt=""),
    PhoneText(
        text="<&>",
        app_id="Example/Lab",
        keypad_target="activeCall",
        on_app_focus_lost="Notify:http:h:80:p",
        on_app_focus_gained="Key:Info",
        on_app_minimized="Key:Mute",
        on_app_closed="RTPRx:Stop",
        keys=(KeyItem("NavLeft", "SoftKey:Exit"), KeyItem("NavUp", url_down="Key:VolUp")),
        soft_keys=(SoftKeyItem("Exit", "SoftKey:Exit", 3, "Key:Mute"),),
    ),
    PhoneMenu(title="Services", items=(MenuItem("One", "http://x/?a=1&b=2"), MenuItem("", ""))),
    PhoneDirectory(title="D", entries=(DirectoryEntry("Ann", "2001"), DirectoryEntry("Bob", "2002"))),
    PhoneImage(location_x=-1, location_y=0, width=4, height=2, depth=2, data="00FF"),
    PhoneImageFile(title="x", url="http://x/a.png", location_x=3),
    PhoneGraphicMenu(width=1, height=1, depth=1, data="01", items=(MenuItem("1", "http://x/1"),)),
    PhoneGraphicFileMenu(
        url="http://x/a.png",
        window_mode="Wide",
        items=(TouchMenuItem("a", "http://x/a", TouchArea(1, 2, 3, 4)), TouchMenuItem("b", "http://x/b")),
    ),
    PhoneIconMenu(items=(IconMenuItem("a", "u", 1), IconMenuItem("b", "v")), icons=(IconItem(1, 10, 16, 2, "00"),)),
    PhoneIconFileMenu(
        title="T", title_icon_index=0, items=(IconMenuItem("a", "u"),), icons=(IconFileItem(0, "Resource:Icon.Locked"),)
    ),
    PhoneIconFileMenu(title="T"),
    PhoneIconFileMenu(),
    PhoneStatus(text="busy", timer_s=10, location_x=-1, location_y=1, width=8, height=1, depth=1, data="ff"),
    PhoneStatusFile(text="busy", url="http://x/a.png"),
    PhoneExecute((ExecuteItem("Init:CallHistory"), ExecuteItem("http://x/?a=1&b=2", 2))),
    PhoneResponse((ResponseItem("Init:CallHistory"), ResponseItem("http://x/", "no", 6))),
    PhoneError(4),
]


@pytest.mark.parametrize("screen", OBJECTS, ids=lambda screen: type(screen).__name__)
def test_every_object_comes_back_as_it_was_written(screen):
    assert parse_phone_object(build_phone_object(screen)) == screen
    assert find_limit_breaks(screen) == []


def test_login_form_byte_for_byte():
    fixture = (FIXTURES / "em-login-form.xml").read_bytes()
    assert build_phone_object(LOGIN_FORM) == fixture
    assert parse_phone_object(fixture) == LOGIN_FORM


def test_execute_byte_for_byte():
    assert build_phone_object(PhoneExecute((ExecuteItem("Init:CallHistory"),))) == (
        b'<?xml version="1.0" encoding="utf-8"?>\n<CiscoIPPhoneExecute>\n'
        b'<ExecuteItem Priority="0" URL="Init:CallHistory"/>\n</CiscoIPPhoneExecute>\n'
    )


def test_error_byte_for_byte():
    assert build_phone_object(PhoneError(4)).endswith(b'\n<CiscoIPPhoneError Number="4"/>\n')


def test_touch_menu_byte_for_byte():
    menu = PhoneGraphicFileMenu(url="u", items=(TouchMenuItem("a", "b", TouchArea(1, 2, 3, 4)),))
    assert build_phone_object(menu).endswith(
        b"<CiscoIPPhoneGraphicFileMenu>\n<URL>u</URL>\n"
        b'<MenuItem><Name>a</Name><URL>b</URL><TouchArea X1="1" Y1="2" X2="3" Y2="4"/></MenuItem>\n'
        b"</CiscoIPPhoneGraphicFileMenu>\n"
    )


def test_children_may_come_in_any_order():
    assert parse_phone_object(
        b"<CiscoIPPhoneInput><SoftKeyItem><Position>1</Position><Name>Go</Name></SoftKeyItem><URL> http://x/ </URL>"
        b"<InputItem><InputFlags>A</InputFlags><DefaultValue/><QueryStringParam>q</QueryStringParam></InputItem>"
        b"<Prompt>P</Prompt><Title>T</Title></CiscoIPPhoneInput>"
    ) == PhoneInput(
        title="T",
        prompt="P",
        url="http://x/",
        items=(InputItem("", "q", "A"),),
        soft_keys=(SoftKeyItem("Go", "", 1),),
    )


def test_an_error_may_hold_a_text():
    assert parse_phone_object(b'<CiscoIPPhoneError Number="1">bad</CiscoIPPhoneError>') == PhoneError(1)


def test_old_phones_get_their_own_charset():
    page = build_phone_object(PhoneText(text="ログイン €"), "shift_jis")
    assert page.startswith(b'<?xml version="1.0" encoding="shift_jis"?>')
    assert "ログイン &#8364;".encode("shift_jis") in page
    assert parse_phone_object(page) == PhoneText(text="ログイン €")


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<html/>",
        "<CiscoIPPhoneText><Text>x</Text><Bogus/></CiscoIPPhoneText>",
        "<CiscoIPPhoneInput/>",
        "<CiscoIPPhoneInput><URL>u</URL><InputItem/></CiscoIPPhoneInput>",
        "<CiscoIPPhoneExecute/>",
        "<CiscoIPPhoneExecute><ExecuteItem/></CiscoIPPhoneExecute>",
        "<CiscoIPPhoneError/>",
        '<CiscoIPPhoneError Number="x"/>',
        "<CiscoIPPhoneMenu><SoftKeyItem><Name>x</Name></SoftKeyItem></CiscoIPPhoneMenu>",
        "<CiscoIPPhoneMenu><MenuItem><Name/><URL/><IconIndex>1</IconIndex></MenuItem></CiscoIPPhoneMenu>",
        "<CiscoIPPhoneStatus><Width>1</Width><Height>1</Height><Depth>-</Depth></CiscoIPPhoneStatus>",
        '<CiscoIPPhoneIconFileMenu><Title IconIndex="x">t</Title></CiscoIPPhoneIconFileMenu>',
    ],
)
def test_what_is_no_phone_object_is_refused(data):
    with pytest.raises(XmlInvalid):
        parse_phone_object(data.encode())


@given(st.text(alphabet='<>/= "&;TextMnuItemNaURL', max_size=100))
def test_reading_soup_returns_or_raises_our_error(text):
    try:
        parse_phone_object(f"<CiscoIPPhoneMenu>{text}</CiscoIPPhoneMenu>".encode())
    except XmlInvalid:
        pass


PRINTABLE = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=40)


@given(PRINTABLE, PRINTABLE, st.lists(st.tuples(PRINTABLE, PRINTABLE), max_size=5))
def test_any_menu_survives(title, prompt, entries):
    menu = PhoneMenu(title=title, prompt=prompt, items=tuple(MenuItem(name, url) for name, url in entries))
    assert parse_phone_object(build_phone_object(menu)) == menu
