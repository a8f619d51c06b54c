"""The header lines of Unified CM's call messages that are more than a fixed text."""

from __future__ import annotations

import contextlib

from emcc_emu.cluster.call_parties import NumberIdentity
from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sip
from emcc_emu.wire.sip_identity import NULL_SESSION_ID, format_session_id, parse_session_id

__all__ = [
    "DEVICE_NAME_PARAMETER",
    "asserted_identity",
    "device_contact",
    "identity_in",
    "remote_party_id",
    "session_id_in",
    "session_id_line",
]

DEVICE_NAME_PARAMETER = "+u.sip!devicename.ccm.cisco.com"


def remote_party_id(identity: NumberIdentity, host: str, party: str) -> str:
    """A Remote-Party-ID; `party` is `calling` or `called`."""
    parameters = (("party", party), ("screen", "yes"), ("privacy", "off"))
    return sip.format_name_addr(f"sip:{identity.number}@{host}", identity.name, parameters)


def asserted_identity(identity: NumberIdentity, host: str) -> str:
    """A P-Asserted-Identity, RFC 3325."""
    return sip.format_name_addr(f"sip:{identity.number}@{host}", identity.name)


def device_contact(uri: str, device_name: str) -> str:
    """A Contact that names the device behind it, as on every INVITE over an EMCC trunk; no name gives none."""
    parameters = ((DEVICE_NAME_PARAMETER, f'"{device_name}"'),) if device_name else ()
    return sip.format_name_addr(uri, "", parameters)


def identity_in(message: sip.SipMessage, fallback: NumberIdentity) -> NumberIdentity:
    """Who sent a message: P-Asserted-Identity, else Remote-Party-ID, else the fallback."""
    for name in ("P-Asserted-Identity", "Remote-Party-ID"):
        with contextlib.suppress(SipInvalid):  # a broken one is worth nothing, but no reason to refuse a call
            for value in message.get_all(name):
                address = sip.parse_name_addr(value)
                if number := sip.parse_uri(address.uri).user:
                    return NumberIdentity(number, address.display)
    return fallback


def session_id_in(message: sip.SipMessage) -> str:
    """The sender's half of the Session-ID, RFC 7989; empty when there is none or it is broken."""
    value = message.get("Session-ID")
    try:
        local = NULL_SESSION_ID if value is None else parse_session_id(value)[0]
    except SipInvalid:
        return ""
    return "" if local == NULL_SESSION_ID else local


def session_id_line(local: str, remote: str) -> str:
    """A Session-ID header; an unknown half is 32 zeros."""
    return format_session_id(local or NULL_SESSION_ID, remote or NULL_SESSION_ID)
