"""The body of a service-control NOTIFY: Unified CM orders a phone to reset, restart or re-read its files.

Plain text, one `key=value` per CRLF line, values in braces except `action`. Keys are read in any case and order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import shown

__all__ = ["ACTIONS", "NULL_STAMP", "ServiceControl", "build_service_control", "parse_service_control"]

ACTIONS: Final = frozenset(("reset", "restart", "check-version", "apply-config", "call-preservation", "prt-report"))
NULL_STAMP: Final = "00000000-0000-0000-0000-000000000000"
"""Version stamp of a file that does not exist."""
MAX_LINES: Final = 32
_ALIASES: Final = {"loadid": "firmwareloadid", "inactiveloadid": "firmwareinactiveloadid"}
"""Public readings disagree on the prefix `Firmware`; both are accepted and the long form is sent."""


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceControl:
    """One order to a phone."""

    action: str
    """One of `ACTIONS`."""
    register_call_id: str
    """Call-ID of the REGISTER that the order belongs to; a phone refuses (400) any other."""
    config_stamp: str | None = None
    dialplan_stamp: str | None = None
    softkey_stamp: str | None = None
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Other keys in lower case, braces removed: `cucmresult`, `firmwareloadid`, `loadserver`, …"""

    @property
    def cucm_result(self) -> str | None:
        """What apply-config found: `no_change`, `config_applied` or `reregister_needed`."""
        return self.others.get("cucmresult")


def build_service_control(
    action: str,
    register_call_id: str,
    *,
    config_stamp: str = NULL_STAMP,
    dialplan_stamp: str = NULL_STAMP,
    softkey_stamp: str = NULL_STAMP,
    extra: Mapping[str, str] | None = None,
) -> bytes:
    """Write an order; `prt-report` carries no stamps.

    Args:
        extra: Further lines for apply-config (`CUCMResult`, `FirmwareLoadId`, …). Send none with reset and restart:
            firmware 14.1 of the 8861 is reported to answer 400 to a fourth stamp.

    Raises:
        ValueError: An unknown action, or a value that would break its line.
    """
    if action not in ACTIONS:
        raise ValueError(f"unknown service-control action {action!r}")
    values = {"RegisterCallId": register_call_id}
    if action != "prt-report":
        values["ConfigVersionStamp"] = config_stamp
        values["DialplanVersionStamp"] = dialplan_stamp
        values["SoftkeyVersionStamp"] = softkey_stamp
    values.update(extra or {})
    if any(character in text for text in values.values() for character in "\r\n{}"):
        raise ValueError("a service-control value cannot hold a line break or a brace")
    lines = [f"action={action}", *(f"{key}={{{text}}}" for key, text in values.items())]
    return "".join(f"{line}\r\n" for line in lines).encode()


def parse_service_control(body: bytes) -> ServiceControl:
    """Read an order.

    Raises:
        SipInvalid: Status 400: no known action, no RegisterCallId, a line that is not `key=value`, too many lines.
    """
    values = _read_lines(body)
    action = values.pop("action", "").lower()
    if action not in ACTIONS:
        raise SipInvalid(f"Service-control action {shown(action)}")
    call_id = values.pop("registercallid", "")
    if not call_id:
        raise SipInvalid("Service-control body without RegisterCallId")
    return ServiceControl(
        action,
        call_id,
        values.pop("configversionstamp", None),
        values.pop("dialplanversionstamp", None),
        values.pop("softkeyversionstamp", None),
        values,
    )


def _read_lines(body: bytes) -> dict[str, str]:
    lines = body.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_LINES:
        raise SipInvalid(f"Service-control body of more than {MAX_LINES} lines")
    values: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        key, equals, text = line.partition("=")
        if not equals:
            raise SipInvalid(f"Service-control line {shown(line)}")
        lowered = key.strip().lower()
        text = text.strip()
        if text.startswith("{") and text.endswith("}"):
            text = text[1:-1]
        values.setdefault(_ALIASES.get(lowered, lowered), text)
    return values
