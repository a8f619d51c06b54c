"""The form that nearly all SIP requests have, recognised in one pass; every other request is judged rule by rule.

What is recognised here keeps the rules of RFC 3261 by construction: each pattern is narrower than the grammar. So the
few microseconds of one look replace the many of `sip_validate`, for requests that would pass there anyway.
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.wire.sip_fields import BRANCH_COOKIE
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

_NEVER: Final = re.compile(r"(?!)").fullmatch
_FORMS: Final = {
    "via": re.compile(rf"SIP/2\.0/(?:UDP|TCP|TLS) {_HOST};branch={BRANCH_COOKIE}{_TOKEN}(?:;rport)?").fullmatch,
    "from": USUAL_ADDRESS.fullmatch,
    "to": USUAL_ADDRESS.fullmatch,
    "contact": USUAL_ADDRESS.fullmatch,
    "call-id": re.compile(rf"{_TOKEN}(?:@{_TOKEN})?").fullmatch,
    "cseq": re.compile(r"[0-9]{1,9} [A-Z]++").fullmatch,
    "max-forwards": re.compile(r"[0-9]{1,2}").fullmatch,
    "expires": re.compile(r"[0-9]{1,9}").fullmatch,
    "content-length": re.compile(r"[0-9]{1,9}").fullmatch,
    "route": _NEVER,
    "record-route": _NEVER,
}
"""By lower-case name, what a header field has to look like; fields that are not listed may hold anything."""
_MANDATORY: Final = frozenset(("via", "from", "to", "call-id", "cseq"))


def has_usual_form(request: SipRequest) -> bool:
    """Whether the request is well formed in the usual way, each field there once; False says nothing against it."""
    keys, _, values = request.headers.columns()
    fields = set(keys)
    if len(fields) != len(keys) or not fields >= _MANDATORY or request.defects or request.version != SIP_VERSION:
        return False
    form_of = _FORMS.get
    for key, value in zip(keys, values):  # noqa: B905 (hot, equal by construction)
        form = form_of(key)
        if form is not None and form(value) is None:
            return False
    is_same_method = values[keys.index("cseq")].endswith(f" {request.method}")
    return is_same_method and USUAL_REQUEST_URI.fullmatch(request.uri) is not None
