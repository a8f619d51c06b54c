"""SIP on the wire, in one import: `from emcc_emu.wire import sip`.

`parse_message` splits bytes, `validate_request` judges a request, `StreamFramer` cuts a TCP stream, `build_response`
and `encode()` write. `wire/sdp.py`, `wire/mime.py`, `wire/remotecc.py` and `wire/pidf_lo.py` do the bodies;
`wire/sip_identity.py` makes Call-IDs, tags and branches in Cisco's forms.
"""

from __future__ import annotations

from emcc_emu.wire.sip_fields import BRANCH_COOKIE, CSeq, Via, parse_cseq, parse_via
from emcc_emu.wire.sip_framer import StreamFramer
from emcc_emu.wire.sip_headers import LIST_HEADERS, Headers, header_key
from emcc_emu.wire.sip_message import (
    SIP_VERSION,
    SipMessage,
    SipRequest,
    SipResponse,
    WrittenResponse,
    build_error_response,
    build_response,
)
from emcc_emu.wire.sip_parse import MAX_HEADER_LINES, MAX_LINE_CHARS, MAX_MESSAGE_BYTES, is_keepalive, parse_message
from emcc_emu.wire.sip_reasons import REASON_PHRASES, reason_phrase
from emcc_emu.wire.sip_text import (
    Parameters,
    format_params,
    is_token,
    quote,
    split_comma_list,
    split_params,
    unquote,
)
from emcc_emu.wire.sip_uri import NameAddr, SipUri, format_name_addr, host_port, parse_name_addr, parse_uri, same_uri
from emcc_emu.wire.sip_validate import (
    CUCM_ALLOW,
    CUCM_POLICY,
    KNOWN_METHODS,
    RequestPolicy,
    validate_request,
    validate_response,
)

__all__ = [
    "BRANCH_COOKIE",
    "CUCM_ALLOW",
    "CUCM_POLICY",
    "KNOWN_METHODS",
    "LIST_HEADERS",
    "MAX_HEADER_LINES",
    "MAX_LINE_CHARS",
    "MAX_MESSAGE_BYTES",
    "REASON_PHRASES",
    "SIP_VERSION",
    "CSeq",
    "Headers",
    "NameAddr",
    "Parameters",
    "RequestPolicy",
    "SipMessage",
    "SipRequest",
    "SipResponse",
    "SipUri",
    "StreamFramer",
    "Via",
    "WrittenResponse",
    "build_error_response",
    "build_response",
    "format_name_addr",
    "format_params",
    "header_key",
    "host_port",
    "is_keepalive",
    "is_token",
    "parse_cseq",
    "parse_message",
    "parse_name_addr",
    "parse_uri",
    "parse_via",
    "quote",
    "reason_phrase",
    "same_uri",
    "split_comma_list",
    "split_params",
    "unquote",
    "validate_request",
    "validate_response",
]
