"""Unified CM releases: parsing and comparing."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = [
    "FIRST_MULTIPLE_LOGIN_FOR_EMCC",
    "FIRST_SECURE_EMCC",
    "FIRST_WITH_FIRM_ENFORCEMENT",
    "FIRST_WITH_LOGIN_TYPES",
    "Version",
    "parse_version",
]

_FORM = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,4}(?:-\d{1,9})?")


class Version(NamedTuple):
    """A release such as 12.5.1.14900-11; parts that are not given are 0. Compares as a tuple."""

    major: int
    minor: int = 0
    maintenance: int = 0
    build: int = 0
    revision: int = 0
    respin: int = 0

    def is_at_least(self, text: str) -> bool:
        """Whether this release is `text` or later, for example `version.is_at_least("12.0")`."""
        return self >= parse_version(text)


def parse_version(text: str) -> Version:
    """The release that a text such as `9.1`, `12.5.1.14900-11` or `14.0.1` names.

    Raises:
        ValueError: It names none.
    """
    if _FORM.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is no release such as 12.5.1.14900-11")
    dotted, _, respin = text.partition("-")
    major, minor, maintenance, build, revision = (*map(int, dotted.split(".")), 0, 0, 0, 0)[:5]
    return Version(major, minor, maintenance, build, revision, int(respin or 0))


FIRST_SECURE_EMCC = Version(9)
"""First release with secure EMCC (guide, tables 6 to 8)."""

FIRST_WITH_LOGIN_TYPES = Version(12)
"""First release that understands `loginType` between clusters (guide, table 5)."""

FIRST_MULTIPLE_LOGIN_FOR_EMCC = Version(12, 5)
"""First release whose Multiple Login Behavior covers EMCC logins; before it they were always allowed."""

FIRST_WITH_FIRM_ENFORCEMENT = Version(14)
"""First release that leaves Enforce Intra-cluster Maximum Login Time off when a maximum time is set; up to 12.5 setting
one switched it on (guides of 12.5 and 14, chapter Extension Mobility)."""
