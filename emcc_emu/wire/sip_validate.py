"""Does a parsed SIP request keep the rules, and which answer does it get if not?

RFC 3261 sections 8.1.1, 8.2, 16.3 and 21.4; RFC 4475 tests every branch. The first failing check decides, in the
order: start line, mandatory fields, version, CSeq method, numbers, Content-Length, method, URI scheme, Require,
body. What needs state comes after, elsewhere: hops, merged requests, credentials, dialogs.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from emcc_emu.errors import SipInvalid, SipUnparsable
from emcc_emu.wire.sip_fields import BRANCH_COOKIE
from emcc_emu.wire.sip_message import SIP_VERSION, SipRequest, SipResponse
from emcc_emu.wire.sip_parse import MAX_MESSAGE_BYTES
from emcc_emu.wire.sip_text import shown, split_comma_list, split_params
from emcc_emu.wire.sip_uri import parse_uri, split_name_addr, uri_scheme
from emcc_emu.wire.sip_usual import USUAL_ADDRESS, USUAL_REQUEST_URI, UsualMessage

__all__ = ["CUCM_ALLOW", "CUCM_POLICY", "KNOWN_METHODS", "RequestPolicy", "validate_request", "validate_response"]

KNOWN_METHODS: Final = frozenset(
    "ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)
"""Methods of the IANA registry: another one is 501, a known one that is not allowed 405."""
CUCM_ALLOW: Final = "INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY"
"""Allow as Unified CM writes it: REGISTER and PUBLISH are handled on the line side but not listed."""

_SINGLE_FIELDS: Final = ("from", "to", "call-id", "cseq", "max-forwards", "content-type", "expires")
_TOKEN: Final = r"[A-Za-z0-9\-.!%*_+`'~]++"
_VALUE: Final = r"(?:\"(?:[^\"\\]|\\.)*+\"|[^\s;,\"<>]++)"
_PARAMS: Final = rf"(?:\s*+;\s*+{_TOKEN}(?:\s*+=\s*+{_VALUE}?)?)*+\s*+"
_STRICT_PARAMS: Final = re.compile(_PARAMS, re.DOTALL)
_STRICT_VIA: Final = re.compile(
    rf"SIP\s*+/\s*+[0-9]++\.[0-9]++\s*+/\s*+{_TOKEN}\s++(?:\[[0-9A-Fa-f:.]++\]|[A-Za-z0-9._\-]++)(?:\s*+:\s*+[0-9]++)?{_PARAMS}",
    re.IGNORECASE | re.DOTALL,
)
_ADDRESS_LISTS: Final = frozenset(("contact", "route", "record-route"))
_SCHEMES: Final = frozenset(("sip", "sips", "tel"))
_CALL_ID: Final = re.compile(r"[^\s\x00-\x1f\x7f]++")
_ACCEPTS_SDP: Final = frozenset(("application/sdp", "application/*", "*/*", "multipart/mixed", "multipart/*"))


@dataclasses.dataclass(frozen=True, slots=True)
class RequestPolicy:
    """What one element (a call manager, a phone) is able to do."""

    allowed_methods: frozenset[str]
    """Methods it handles; other known ones get 405."""
    allow: str
    """Text of the Allow header in a 405 or 501."""
    supported_options: frozenset[str]
    """Option tags, lower case, that Require may list; others get 420."""
    accepted_types: frozenset[str]
    """Media types, lower case, it takes as a body; others get 415 unless their handling is optional."""
    accept: str = "application/sdp, multipart/mixed"
    """Text of the Accept header in a 415."""
    accepts_wildcard_contact: bool = False
    """Whether `Contact: *` may unregister all. Unified CM answers it 400."""
    max_body_bytes: int = MAX_MESSAGE_BYTES
    """A longer body gets 413."""


CUCM_POLICY: Final = RequestPolicy(
    allowed_methods=frozenset((*CUCM_ALLOW.split(", "), "REGISTER", "PUBLISH")),
    allow=CUCM_ALLOW,
    supported_options=frozenset(
        "100rel timer replaces join norefersub extended-refer resource-priority sdp-anat path outbound gruu "
        "geolocation geolocation-sip histinfo from-change precondition eventlist tdialog".split()
    ),
    accepted_types=frozenset(
        "application/sdp multipart/mixed multipart/related multipart/alternative text/plain message/sipfrag "
        "application/pidf+xml application/xpidf+xml application/dialog-info+xml application/simple-message-summary "
        "application/x-cisco-remotecc-request+xml application/x-cisco-remotecc-response+xml "
        "application/x-cisco-remotecc-cm+xml application/x-cisco-alarm+xml application/dtmf-relay application/dtmf "
        "application/media_control+xml application/kpml-request+xml application/kpml-response+xml "
        "application/conference-info+xml application/qsig application/resource-lists+xml".split()
    ),
)
"""What an emulated Unified CM node handles."""


def validate_request(request: SipRequest, *, stream: bool = False, policy: RequestPolicy = CUCM_POLICY) -> None:
    """Check a parsed request; silence means that it may be processed.

    Args:
        stream: It came over TCP or TLS, where Content-Length is mandatory when there is a body.

    Raises:
        SipInvalid: The request is answered with `status` and `headers` of the error.
        SipUnparsable: The request is dropped: its Via cannot carry an answer, or it is an ACK.
    """
    try:
        is_usual = isinstance(request, UsualMessage) and request.is_untouched
        if not is_usual:
            _check_form(request, policy)
            _check_length(request, stream)
        _check_ability(request, policy, is_usual)
    except SipInvalid as error:
        if request.method == "ACK":
            raise SipUnparsable(f"ACK: {error}") from error
        raise


def validate_response(response: SipResponse) -> None:
    """Check a parsed response before it is matched with a request of ours.

    Raises:
        SipUnparsable: It is dropped: a mandatory field is missing, doubled or unparsable, or there is more than one
            Via, so it was meant for somebody else (RFC 3261 section 8.1.3.3).
    """
    if isinstance(response, UsualMessage) and response.is_untouched:
        return
    try:
        _check_defects(response.defects)
        _check_mandatory(response)
        if len(response.vias) > 1:
            raise SipInvalid("More than one Via in a response")
    except SipInvalid as error:
        raise SipUnparsable(f"response {response.status}: {error}") from error


def _check_form(request: SipRequest, policy: RequestPolicy) -> None:
    """Every rule about how the start line and the header fields are written, one by one."""
    try:
        via = request.via
    except SipInvalid as error:
        raise SipUnparsable(f"{request.method}: {error}") from error
    _check_defects(request.defects)
    if USUAL_REQUEST_URI.fullmatch(request.uri) is None:
        _check_request_uri(request.uri)
    method = _check_mandatory(request)
    if request.version != SIP_VERSION:
        raise SipInvalid(f"Version {shown(request.version)}", status=505)
    if method != request.method:
        raise SipInvalid(f"CSeq method {shown(method)} differs from {shown(request.method)}")
    _ = request.max_forwards, request.expires
    _check_routing_fields(request, policy)
    if via.branch == BRANCH_COOKIE:
        raise SipInvalid("Via branch is only the magic cookie")


def _check_request_uri(uri: str) -> None:
    """A well-written URI without header fields (RFC 3261 table 1); another scheme is judged later."""
    if uri_scheme(uri) in _SCHEMES and parse_uri(uri).headers:
        raise SipInvalid("Header fields in the Request-URI")


def _check_defects(defects: tuple[str, ...]) -> None:
    if defects:
        raise SipInvalid(defects[0])


def _check_mandatory(message: SipRequest | SipResponse) -> str:
    """Via, From, To, Call-ID and CSeq are there once and parse; the CSeq method is returned."""
    headers = message.headers
    keys, _, values = headers.columns()
    if len(set(keys)) != len(keys):
        for key in _SINGLE_FIELDS:
            if keys.count(key) > 1:
                raise SipInvalid(f"More than one {key} header")
    for key, value in zip(keys, values):  # noqa: B905 (hot, equal by construction)
        if key == "via":
            for via in split_comma_list(value) if "," in value else (value,):
                if _STRICT_VIA.fullmatch(via) is None:
                    raise SipInvalid(f"Bad Via {shown(via)}")
    for name in ("From", "To"):
        _check_address(headers.get(name), name)
    if _CALL_ID.fullmatch(message.call_id) is None:
        raise SipInvalid(f"Bad Call-ID {shown(message.call_id)}")
    return message.cseq.method


def _check_address(value: str | None, name: str) -> None:
    """An address with a URI of any scheme and strictly written parameters (no `;;`)."""
    if not value:
        raise SipInvalid(f"Missing {name}")
    if USUAL_ADDRESS.fullmatch(value) is not None:
        return
    _, uri, tail = split_name_addr(value)
    if uri_scheme(uri) in _SCHEMES:
        parse_uri(uri)
    if _STRICT_PARAMS.fullmatch(tail) is None:
        raise SipInvalid(f"Bad parameters in {name} {shown(value)}")


def _check_routing_fields(request: SipRequest, policy: RequestPolicy) -> None:
    keys, _, lines = request.headers.columns()
    for key, line in zip(keys, lines):  # noqa: B905 (hot, equal by construction)
        if key in _ADDRESS_LISTS and (key != "contact" or line != "*"):
            for value in split_comma_list(line):
                _check_address(value, key)
        elif key == "contact" and (request.method != "REGISTER" or not policy.accepts_wildcard_contact):
            raise SipInvalid("Wildcard Contact is not supported")


def _check_length(request: SipRequest, stream: bool) -> None:
    """Content-Length against what was read (RFC 3261 section 18.3); the parser has cut a longer body already."""
    declared = request.content_length
    if declared is None:
        if stream and "Content-Type" in request.headers:
            raise SipInvalid("Missing Content-Length")
    elif declared > len(request.body):
        if stream:  # a framer delivers a head without its body only when the message is over its bound
            raise SipInvalid(f"Content-Length {declared} is over the limit", status=513)
        raise SipInvalid(f"Content-Length {declared} is more than the body")


def _check_ability(request: SipRequest, policy: RequestPolicy, is_usual: bool) -> None:
    """Method, URI scheme, options and body against what this element handles."""
    method = request.method
    if method not in policy.allowed_methods:
        status = 405 if method in KNOWN_METHODS else 501
        raise SipInvalid(f"Method {shown(method)}", status, (("Allow", policy.allow),))
    if not is_usual:  # a usual one has a SIP URI, requires nothing and is not encoded
        scheme = request.uri.partition(":")[0]
        if scheme.lower() not in _SCHEMES:
            raise SipInvalid(f"URI scheme {shown(scheme)}", status=416)
        if method not in ("ACK", "CANCEL"):
            _check_options(request, policy)
        if request.body:
            _check_encoding(request)
    if request.body:
        _check_body(request, policy)
    if method == "INVITE" and "Accept" in request.headers:
        _check_accept(request)


def _check_options(request: SipRequest, policy: RequestPolicy) -> None:
    """Proxy-Require counts like Require: a back-to-back user agent is the end of the request."""
    options = [*request.require, *request.get_all("Proxy-Require")]
    unsupported = [option for option in options if option.lower() not in policy.supported_options]
    if unsupported:
        text = ", ".join(unsupported)
        raise SipInvalid(f"Unsupported option {shown(text)}", 420, (("Unsupported", text),))


def _check_encoding(request: SipRequest) -> None:
    encodings = request.get_all("Content-Encoding")
    if any(encoding.lower() != "identity" for encoding in encodings):
        raise SipInvalid(f"Content-Encoding {shown(encodings[0])}", 415, (("Accept-Encoding", "identity"),))


def _check_body(request: SipRequest, policy: RequestPolicy) -> None:
    if len(request.body) > policy.max_body_bytes:
        raise SipInvalid(f"Body longer than {policy.max_body_bytes} bytes", status=413)
    content_type = request.content_type
    if not content_type:
        raise SipInvalid("Missing Content-Type")
    if content_type not in policy.accepted_types and not _is_optional(request):
        raise SipInvalid(f"Content-Type {shown(content_type)}", 415, (("Accept", policy.accept),))


def _is_optional(request: SipRequest) -> bool:
    """Content-Disposition says `handling=optional` (RFC 3261 section 20.11)."""
    params = split_params((request.get("Content-Disposition") or "").lower())
    return ("handling", "optional") in params


def _check_accept(request: SipRequest) -> None:
    """An INVITE whose Accept leaves no room for a session description gets 406 (RFC 4475 section 3.3.13)."""
    accepted = {"".join(value.partition(";")[0].split()).lower() for value in request.get_all("Accept")}
    if not accepted & _ACCEPTS_SDP:
        raise SipInvalid("Accept excludes application/sdp", status=406)
