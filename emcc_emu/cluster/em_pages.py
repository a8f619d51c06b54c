"""The pages that EMApp and Change Credential send to phones: login form, logout question, profile menu, result, PIN
change.

No page body of the product is public. These are the emulator's own, built from the phone's published objects; only
the parameter names `userid`, `seq`, `doLogout` and those of the PIN change are known from client code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from emcc_emu.wire.phone_objects import (
    ExecuteItem,
    InputItem,
    MenuItem,
    PhoneExecute,
    PhoneInput,
    PhoneMenu,
    PhoneText,
    SoftKeyItem,
)
from emcc_emu.wire.phone_uri import append_query

__all__ = [
    "Language",
    "change_pin_form",
    "clear_call_logs",
    "login_form",
    "logout_question",
    "message_page",
    "profile_menu",
    "translate",
]

Language = Literal["en", "ja"]

MAX_MENU_ITEMS = 100
"""Entries that a CiscoIPPhoneMenu may have."""

_JAPANESE = {
    "Extension Mobility": "エクステンションモビリティ",
    "Please sign on": "ログインしてください",
    "User ID": "ユーザID",
    "Self Service User ID": "セルフサービスユーザID",
    "Primary Extension": "プライマリ内線",
    "PIN": "PIN",
    "Log out?": "ログアウトしますか?",
    "is logged in. Do you want to log out?": "がログインしています。ログアウトしますか?",
    "Select a profile": "プロファイルを選択",
    "Login successful": "ログインしました",
    "Logout successful": "ログアウトしました",
    "Submit": "送信",
    "Cancel": "キャンセル",
    "Exit": "終了",
    "Yes": "はい",
    "No": "いいえ",
    "Change Credential": "PIN の変更",
    "Old PIN": "現在の PIN",
    "New PIN": "新しい PIN",
    "Confirm New PIN": "新しい PIN の確認",
    "PIN change is complete": "PIN の変更が完了しました",
    "New PIN does not match": "新しい PIN が一致しません",
    "Invalid credentials": "ユーザ ID または PIN が違います",
    "PIN not acceptable": "この PIN は使用できません",
    "Contact system administrator": "システム管理者に連絡してください",
}

TITLE = "Extension Mobility"
CHANGE_TITLE = "Change Credential"


def translate(text: str, language: Language) -> str:
    """A text of the pages in the phone's language; the English text where there is no other."""
    return _JAPANESE.get(text, text) if language == "ja" else text


def login_form(
    url: str, language: Language, *, login_type: str = "", flags: str = "A", last_user: str = "", prompt: str = ""
) -> PhoneInput:
    """P1: asks for the user and the PIN.

    Args:
        url: Where Submit goes, with `device`, `EMCC` and `loginType` as they came.
        login_type: Decides the label of the first field.
        flags: Input flags of the first field.
        last_user: Its default value.
        prompt: Replaces "Please sign on", after 201 and 202.
    """
    label = {"SP": "Self Service User ID", "DN": "Primary Extension"}.get(login_type, "User ID")
    return PhoneInput(
        title=translate(TITLE, language),
        prompt=prompt or translate("Please sign on", language),
        url=url,
        items=(
            InputItem(translate(label, language), "userid", flags, last_user),
            InputItem(translate("PIN", language), "seq", "NP"),
        ),
        soft_keys=_form_keys(language),
    )


def _form_keys(language: Language) -> tuple[SoftKeyItem, ...]:
    return (
        SoftKeyItem(translate("Submit", language), "SoftKey:Submit", 1),
        SoftKeyItem("<<", "SoftKey:<<", 2),
        SoftKeyItem(translate("Cancel", language), "SoftKey:Exit", 3),
    )


def logout_question(url: str, user_id: str, language: Language) -> PhoneText:
    """P2: somebody is on the phone; Yes logs out."""
    sentence = translate("is logged in. Do you want to log out?", language)
    return PhoneText(
        title=translate(TITLE, language),
        prompt=translate("Log out?", language),
        text=f"{user_id} {sentence}",
        soft_keys=(
            SoftKeyItem(translate("Yes", language), append_query(url, [("doLogout", "true")]), 1),
            SoftKeyItem(translate("No", language), "SoftKey:Exit", 2),
        ),
    )


def profile_menu(url: str, user_id: str, profiles: Sequence[str], language: Language) -> PhoneMenu:
    """P3: the user has several profiles; the PIN is not in the URLs, EMApp remembers that it was right."""
    return PhoneMenu(
        title=translate(TITLE, language),
        prompt=translate("Select a profile", language),
        items=tuple(
            MenuItem(name, append_query(url, [("userid", user_id), ("deviceProfile", name)]))
            for name in profiles[:MAX_MENU_ITEMS]
        ),
    )


def message_page(text: str, language: Language, *, title: str = TITLE, prompt: str | None = None) -> PhoneText:
    """P4 and P5: a result."""
    return PhoneText(
        title=translate(title, language),
        prompt=prompt,
        text=text,
        soft_keys=(SoftKeyItem(translate("Exit", language), "SoftKey:Exit", 1),),
    )


def clear_call_logs(url: str) -> PhoneExecute:
    """The first answer where call logs have to be cleared; the phone then fetches the result page."""
    return PhoneExecute((ExecuteItem("Init:CallHistory"), ExecuteItem(append_query(url, [("refresh", "true")]))))


def change_pin_form(url: str, language: Language, *, user_id: str = "", prompt: str = "") -> PhoneInput:
    """P6: asks for the old and the new PIN.

    Args:
        url: The Change Credential servlet with `changePin=true` and the device.
        user_id: Filled in where it is known.
        prompt: What was wrong the last time, or why the page is shown.
    """
    return PhoneInput(
        title=translate(CHANGE_TITLE, language),
        prompt=prompt or translate(CHANGE_TITLE, language),
        url=url,
        items=(
            InputItem(translate("User ID", language), "userid", "A", user_id),
            InputItem(translate("Old PIN", language), "oldpin", "NP"),
            InputItem(translate("New PIN", language), "newpin", "NP"),
            InputItem(translate("Confirm New PIN", language), "confirmnewpin", "NP"),
        ),
        soft_keys=_form_keys(language),
    )
