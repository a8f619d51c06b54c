"""The Contact of a Cisco phone's REGISTER: instance, device name and model in feature parameters.

Unknown parameters are left alone: Unified CM echoes the Contact as received.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final

from emcc_emu.wire.sip_identity import sip_instance
from emcc_emu.wire.sip_text import quote
from emcc_emu.wire.sip_uri import NameAddr, format_name_addr

__all__ = ["NEW_REGISTRATION", "CiscoContact", "build_contact", "mark_new_registration", "read_contact"]

NEW_REGISTRATION: Final = "x-cisco-newreg"
"""Parameter that Unified CM adds to the Contact of a registration that is new to it."""

_DEVICE_NAMES: Final = ("+u.sip!devicename.ccm.cisco.com", "+u.sip!devicename.ccm.features.cisco.com")
_MODEL: Final = "+u.sip!model.ccm.cisco.com"
_INSTANCE_MAC: Final = re.compile(r"<?urn:uuid:[0-9a-f-]{24}([0-9a-f]{12})>?", re.IGNORECASE)
_MAX_DEVICE_NAME_CHARS: Final = 128


@dataclasses.dataclass(frozen=True, slots=True)
class CiscoContact:
    """What a registrar learns from one Contact value."""

    uri: str
    device_name: str | None
    """`SEP` and the MAC; from the device name parameter, else from the instance; None for a third-party phone."""
    model: int | None
    """Numeric model: 621 is a 7821, 592 a 3905, 503 a CSF client."""
    instance: str | None
    """`+sip.instance` without quotes."""
    is_video: bool
    is_keepalive: bool
    """`cisco-keep-alive`: this REGISTER only keeps a standby connection up."""
    expires_s: int | None


def read_contact(contact: NameAddr) -> CiscoContact:
    """Take a parsed Contact value apart."""
    params = contact.params
    instance = params.get("+sip.instance")
    device_name = next((params[name] for name in _DEVICE_NAMES if params.get(name)), None)
    if device_name is None and instance is not None and (found := _INSTANCE_MAC.fullmatch(instance)) is not None:
        device_name = f"SEP{found[1].upper()}"
    return CiscoContact(
        uri=contact.uri,
        device_name=None if device_name is None else device_name[:_MAX_DEVICE_NAME_CHARS],
        model=_number(params.get(_MODEL)),
        instance=instance,
        is_video="video" in params,
        is_keepalive="cisco-keep-alive" in params,
        expires_s=_number(params.get("expires")),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 11 else None


def build_contact(uri: str, mac: str, device_name: str, model: int) -> str:
    """Text of a Contact as a phone writes it: instance, device name, model, in this order."""
    parameters = (
        ("+sip.instance", quote(sip_instance(mac))),
        (_DEVICE_NAMES[0], quote(device_name)),
        (_MODEL, quote(str(model))),
    )
    return format_name_addr(uri, parameters=parameters)


def mark_new_registration(contact_value: str) -> str:
    """The received Contact text, unchanged, with `;x-cisco-newreg` behind."""
    return f"{contact_value};{NEW_REGISTRATION}"
