"""What the `loginType` of a service URL does between clusters of different releases: the guide's table 5."""

from __future__ import annotations

from emcc_emu.rules.versions import FIRST_WITH_LOGIN_TYPES, Version

__all__ = ["LOGIN_TYPES", "PARSE_ERROR", "is_login_type", "login_type_refusal", "understood_login_type"]

LOGIN_TYPES = ("UID", "SP", "DN")
"""User ID, self-service user ID, or primary extension; each with PIN."""

PARSE_ERROR = 1
"""Code of an EMService that does not know an element of the request."""


def is_login_type(text: str) -> bool:
    """Whether a `loginType` is allowed; empty is none, anything else gives code 215."""
    return text == "" or text in LOGIN_TYPES


def understood_login_type(version: Version, login_type: str) -> str:
    """The `loginType` that a cluster acts on and sends to others: before release 12 it is ignored."""
    return login_type if version >= FIRST_WITH_LOGIN_TYPES else ""


def login_type_refusal(home: Version, login_type: str) -> int | None:
    """Code with which a home cluster answers a request that carries `login_type`; None if it understands it."""
    return PARSE_ERROR if login_type and home < FIRST_WITH_LOGIN_TYPES else None
