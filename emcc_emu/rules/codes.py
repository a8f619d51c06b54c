"""Every error code of Extension Mobility and EMCC: what the phone shows, what it means, how to provoke it here.

EMService codes (0 to 47) travel in answers; EMApp codes (201 to 216) appear on phones only, and in the answer to a
remote cluster update. The facts follow the error tables of the *Feature Configuration Guide for Cisco Unified CM,
Release 12.5(1)SU3*, chapter "Extension Mobility Cross Cluster", and the response codes of the Extension Mobility API.
Where editions of the guide contradict each other or misprint a number, this table rules:

* "Login is unavailable (N)" everywhere with a space and a small letter;
* the row between 26 and 29 is 28 (printed 36 in one edition), the one between 41 and 43 is 42 (printed 54);
* 12 shows "Login is unavailable (12)" (a cause text is printed there);
* 205 shows (205), not (204); 40 shows (23), not (202);
* 29 means that RIS *is* down; the "-1" of the login type table is a dash and a 1.
"""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Literal, TypeAlias

from emcc_emu.rules.code_table import CODE_ROWS
from emcc_emu.rules.versions import FIRST_MULTIPLE_LOGIN_FOR_EMCC, parse_version

__all__ = [
    "CODES",
    "PIN_CHANGE_CODE",
    "Code",
    "Locale",
    "Operation",
    "Service",
    "display",
    "displays",
    "find_code",
    "message_of",
]

Operation: TypeAlias = Literal["login", "logout", "query", "update"]
Service: TypeAlias = Literal["EMApp", "EMService"]
Locale: TypeAlias = Literal["en", "ja"]

PIN_CHANGE_CODE = 41
"""The user has to choose a new PIN first: EMApp shows the form for it."""

_FIRST_EMAPP_CODE = 200
_OPERATIONS: dict[str, Operation] = {"L": "login", "O": "logout", "Q": "query", "U": "update"}

_TEXTS: dict[Locale, dict[str, str]] = {
    "en": {
        "login": "Login is unavailable ({})",
        "logout": "Logout is unavailable ({})",
        "again": "Please try to login again ({})",
        "unsuccessful": "Login is unsuccessful ({})",
        "multiple": "Multi-Login Not Allowed ({})",
        "dn": "DN has multiple users ({})",
        "login_type": "LoginType invalid ({})",
        "pin": "PIN change is required",
    },
    "ja": {
        "login": "ログインできません ({})",
        "logout": "ログアウトできません ({})",
        "again": "再度ログインしてください ({})",
        "unsuccessful": "ログインに失敗しました ({})",
        "multiple": "マルチログインは許可されていません ({})",
        "dn": "DN に複数のユーザが存在します ({})",
        "login_type": "loginType が無効です ({})",
        "pin": "PIN 変更が必要です",
    },
}

_SPECIAL_TEXTS = {
    25: ("multiple", 25),
    39: ("again", 201),
    40: ("again", 23),
    41: ("pin", 41),
    44: ("again", 201),
    45: ("unsuccessful", 45),
    46: ("unsuccessful", 46),
    47: ("dn", 47),
    201: ("again", 201),
    202: ("again", 202),
    215: ("login_type", 215),
    216: ("dn", 216),
}
"""Codes with a text of their own, and the number that it shows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Code:
    """One error code."""

    number: int
    service: Service
    """Who raises it."""

    operations: tuple[Operation, ...]
    """What can fail with it."""

    meaning: str
    """The guide's short description."""

    message: str
    """Text of the answer that carries it."""

    cause: str
    """What is wrong."""

    provoke: str
    """What to do in a lab to get it."""

    is_displayed: bool = True
    """Whether a phone ever shows it; False for codes that only applications see."""


def _build_codes() -> dict[int, Code]:
    codes = {}
    for row in CODE_ROWS:
        codes[row.number] = Code(
            number=row.number,
            service="EMApp" if row.number >= _FIRST_EMAPP_CODE else "EMService",
            operations=tuple([_OPERATIONS[letter] for letter in row.operations]),
            meaning=row.meaning,
            message=row.message or row.meaning,
            cause=row.cause,
            provoke=row.provoke,
            is_displayed=row.is_displayed,
        )
    return codes


CODES = MappingProxyType(_build_codes())
"""All codes by number, EMService first."""


def find_code(number: int) -> Code:
    """The code of that number; one that the tables do not know is an unknown error (0)."""
    return CODES.get(number, CODES[0])


def message_of(number: int) -> str:
    """Text that an answer carries beside the code; clients act on the code alone."""
    return find_code(number).message


def display(
    number: int, operation: Literal["login", "logout"] = "login", locale: Locale = "en", version: str = "12.5"
) -> str:
    """What the phone shows.

    Args:
        number: EMApp or EMService code.
        operation: What the user wanted.
        locale: Language of the phone's user.
        version: Release of the cluster whose EMApp speaks; before 12.5 code 25 has no text of its own.

    Raises:
        ValueError: The version is no release.
    """
    texts = _TEXTS[locale]
    kind, shown = _SPECIAL_TEXTS.get(number, (operation, number))
    if kind == "multiple" and parse_version(version) < FIRST_MULTIPLE_LOGIN_FOR_EMCC:
        kind = operation
    return texts[kind].format(shown)


def displays(code: Code, locale: Locale = "en", version: str = "12.5") -> str:
    """Every text that a phone may show for a code, separated by a slash; empty for codes that phones never show."""
    if not code.is_displayed:
        return ""
    operations: list[Literal["login", "logout"]] = []
    if "login" in code.operations or "logout" not in code.operations:
        operations.append("login")
    if "logout" in code.operations:
        operations.append("logout")
    if "query" in code.operations and len(code.operations) == 1:
        operations.append("logout")  # EMApp asks before either
    return " / ".join(dict.fromkeys(display(code.number, operation, locale, version) for operation in operations))
