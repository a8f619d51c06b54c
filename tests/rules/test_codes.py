"""What a code means and what a phone shows."""

import re

import pytest

from emcc_emu.rules.codes import CODES, PIN_CHANGE_CODE, display, displays, find_code, message_of

ENGLISH_LOGIN = {
    25: "Multi-Login Not Allowed (25)",
    39: "Please try to login again (201)",
    40: "Please try to login again (23)",
    41: "PIN change is required",
    44: "Please try to login again (201)",
    45: "Login is unsuccessful (45)",
    46: "Login is unsuccessful (46)",
    47: "DN has multiple users (47)",
    201: "Please try to login again (201)",
    202: "Please try to login again (202)",
    215: "LoginType invalid (215)",
    216: "DN has multiple users (216)",
}


@pytest.mark.parametrize("number", CODES)
def test_a_failed_login_shows(number):
    assert display(number, "login") == ENGLISH_LOGIN.get(number, f"Login is unavailable ({number})")


@pytest.mark.parametrize("number", [0, 1, 6, 19, 26, 28, 42, 205, 208])
def test_a_failed_logout_shows(number):
    assert display(number, "logout") == f"Logout is unavailable ({number})"
    assert display(number, "logout", "ja") == f"ログアウトできません ({number})"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (23, "ログインできません (23)"),
        (25, "マルチログインは許可されていません (25)"),
        (40, "再度ログインしてください (23)"),
        (41, "PIN 変更が必要です"),
        (45, "ログインに失敗しました (45)"),
        (47, "DN に複数のユーザが存在します (47)"),
        (201, "再度ログインしてください (201)"),
        (202, "再度ログインしてください (202)"),
        (215, "loginType が無効です (215)"),
        (216, "DN に複数のユーザが存在します (216)"),
    ],
)
def test_a_japanese_phone_shows(number, text):
    assert display(number, "login", "ja") == text


def test_code_25_had_no_text_of_its_own_before_12_5():
    assert display(25, "login", version="12.0.1.21900-7") == "Login is unavailable (25)"
    assert display(25, "login", version="12.5.1.14900-11") == "Multi-Login Not Allowed (25)"
    assert displays(CODES[25], "en", "11.5") == "Login is unavailable (25)"


def test_a_version_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no release"):
        display(25, version="twelve")


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2, "Login is unavailable (2)"),
        (7, ""),
        (8, "Login is unavailable (8) / Logout is unavailable (8)"),
        (12, "Login is unavailable (12)"),
        (18, "Login is unavailable (18)"),
        (19, "Logout is unavailable (19)"),
        (23, "Login is unavailable (23) / Logout is unavailable (23)"),
        (27, ""),
        (28, "Login is unavailable (28) / Logout is unavailable (28)"),
        (41, "PIN change is required"),
        (205, "Login is unavailable (205) / Logout is unavailable (205)"),
        (212, "Login is unavailable (212)"),
    ],
)
def test_all_texts_of_a_code(number, text):
    assert displays(CODES[number]) == text


def test_misprinted_numbers_are_set_right():
    assert "28" in displays(CODES[28])
    assert "42" in displays(CODES[42])
    assert 54 not in CODES
    assert CODES[36].meaning == "No Remote Cluster"
    assert "cannot be asked" in CODES[29].cause


def test_shown_number_is_the_code_except_for_the_disguised_ones():
    for code in CODES.values():
        shown = {int(number) for number in re.findall(r"\((\d+)\)", displays(code))}
        assert shown <= {code.number} or code.number in (39, 40, 44)


def test_services_are_told_apart():
    assert CODES[47].service == "EMService"
    assert CODES[201].service == "EMApp"
    assert CODES[26].operations == ("login", "logout")
    assert CODES[42].operations == ("login", "logout", "update")


def test_messages_of_answers():
    assert message_of(1) == "Error on Parsing"
    assert message_of(2) == "Cannot authorize App user"
    assert message_of(23) == "User not found"
    assert message_of(33) == "No free EMCC dummy device"
    assert message_of(9999) == "Unknown Error"
    assert find_code(9999).number == 0
    assert PIN_CHANGE_CODE == 41
