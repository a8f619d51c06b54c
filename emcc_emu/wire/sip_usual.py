"""The form that nearly all SIP requests have, recognised in one pass; every other request is judged rule by rule.

What is recognised here keeps the rules of RFC 3261 by construction: each pattern is narrower than the grammar. So the
few microseconds of one look replace the many of `sip_validate`, for requests that would pass there anyway.
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.wire.sip_fields import USUAL_VIA
from emcc_emu.wire.sip_message import SIP_VERSION, SipRequest

__all__ = ["USUAL_ADDRESS", "USUAL_REQUEST_URI", "has_usual_form"]

_TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]++"
_HOST: Final = r"[A-Za-z0-9][A-Za-z0-9.\-]*+(?::(?:[1-5][0-9]{4}|[1-9][0-9]{0,3}))?"
_URI: Final = rf"sips?:(?:[A-Za-z0-9\-._+*]++@)?{_HOST}(?:;(?:transport|user)=[a-z]++)*+"

USUAL_REQUEST_URI: Final = re.compile(_URI)
USUAL_ADDRESS: Final = re.compile(
    rf'(?:"[^"\\<>]*+" ?|[A-Za-z0-9\-._]++ ?)?<{_URI}>(?:;tag={_TOKEN}|;\+[a-z0-9.!]++="[^"\\]*+")*+'
)
"""The form nearly every From, To and Contact has."""

_MANDATORY: Final = (
    ("via", USUAL_VIA.fullmatch),
    ("from", USUAL_ADDRESS.fullmatch),
    ("to", USUAL_ADDRESS.fullmatch),
    ("call-id", re.compile(rf"{_TOKEN}(?:@{_TOKEN})?").fullmatch),
)
_OPTIONAL: Final = (
    ("contact", USUAL_ADDRESS.fullmatch),
    ("max-forwards", re.compile(r"[0-9]{1,2}").fullmatch),
    ("expires", re.compile(r"[0-9]{1,9}").fullmatch),
)
_UNUSUAL: Final = frozenset(("route", "record-route"))


def has_usual_form(request: SipRequest) -> bool:
    """Whether the request is well formed in the usual way, each field there once; False says nothing against it.

    It then has a Content-Length, which is right.
    """
    keys, _, values = request.headers.columns()
    fields = dict(zip(keys, values))  # noqa: B905 (hot, equal by construction)
    if len(fields) != len(keys) or request.defects or request.version != SIP_VERSION:
        return False
    for name, form in _MANDATORY:
        if name not in fields or form(fields[name]) is None:
            return False
    for name, form in _OPTIONAL:
        if name in fields and form(fields[name]) is None:
            return False
    number, _, method = fields.get("cseq", "").partition(" ")
    return (
        method == request.method
        and number.isdecimal()
        and number.isascii()
        and len(number) < 10
        and fields.get("content-length") == str(len(request.body))
        and fields.keys().isdisjoint(_UNUSUAL)
        and USUAL_REQUEST_URI.fullmatch(request.uri) is not None
    )
