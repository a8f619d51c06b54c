"""How a Cisco phone says what happened to it: the Reason header of its REGISTER and the alarm body of a REFER.

Both forms are known from published traces of 7800 series phones; nothing about them is in an RFC.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import shown, split_params, unquote
from emcc_emu.wire.xml import escape, escape_attribute, parse_xml

__all__ = ["ALARM_TYPE", "LAST_ALARMS", "Alarm", "AlarmReason", "build_alarm", "parse_alarm", "parse_alarm_reason"]

ALARM_TYPE: Final = "application/x-cisco-alarm+xml"
MAX_ALARM_BYTES: Final = 16384
LAST_ALARMS: Final[dict[str, int]] = {
    "initialized": 25,
    "reset-restart": 23,
    "cm-closed-tcp": 14,
    "Device-Initiated-Reset": 25,
    "Application-Requested-Destroy": 111,
}
"""Alarm numbers seen on the wire beside the words of `Last=`."""

_ALARM_TEXT: Final = re.compile(r"cisco-alarm:([0-9]{1,6})((?: +[^ =]+=[^ ]*)*) *")


@dataclasses.dataclass(frozen=True, slots=True)
class AlarmReason:
    """The Reason of a phone's first REGISTER after a start, restart or fail-over."""

    number: int
    device_name: str
    active_load: str
    """Firmware in use without `.loads`; empty when not said."""
    inactive_load: str = ""
    """The other firmware partition; empty on older phones, which write `Load=` alone."""
    last: str = "initialized"
    """Why it starts: `initialized`, `reset-restart`, `cm-closed-tcp`, …"""

    def format(self) -> str:
        """Text of the Reason header as a newer phone writes it."""
        active, inactive = _load(self.active_load), _load(self.inactive_load)
        words = [f"cisco-alarm:{self.number}", f"Name={self.device_name}"]
        words.append(f"ActiveLoad={active}.loads InactiveLoad={f'{inactive}.loads' if inactive else ''}".rstrip())
        words.append(f"Last={self.last}")
        return f'SIP;cause=200;text="{" ".join(words)}"'


def _load(name: str) -> str:
    return name.removesuffix(".loads")


def parse_alarm_reason(value: str) -> AlarmReason:
    """Read a Reason header value whose text is a Cisco alarm.

    Raises:
        SipInvalid: Status 400: another protocol than SIP, or its text is no Cisco alarm.
    """
    protocol, _, params = value.partition(";")
    text = next((unquote(text) for name, text in split_params(params) if name.lower() == "text" and text), "")
    found = _ALARM_TEXT.fullmatch(text)
    if protocol.strip().upper() != "SIP" or found is None:
        raise SipInvalid(f"Reason {shown(value)} is no Cisco alarm")
    words: dict[str, str] = {}
    for word in found[2].split():
        name, _, content = word.partition("=")
        words.setdefault(name.lower(), content)
    return AlarmReason(
        number=int(found[1]),
        device_name=words.get("name", ""),
        active_load=_load(words.get("activeload", words.get("load", ""))),
        inactive_load=_load(words.get("inactiveload", "")),
        last=words.get("last", ""),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm that a phone stored and reports before it registers."""

    name: str
    """`DeviceTLInfo` for the trust list, `LastOutOfServiceInformation`, …"""
    values: tuple[tuple[str, str], ...]
    """Parameter names and texts in order."""

    def get(self, name: str) -> str | None:
        """Text of one parameter."""
        return next((text for known, text in self.values if known == name), None)


def build_alarm(name: str, values: Iterable[tuple[str, str]]) -> bytes:
    """The body of an alarm REFER."""
    lines = "".join(f'<String name="{escape_attribute(key)}">{escape(text)}</String>\n' for key, text in values)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-alarm>\n'
        f'<Alarm Name="{escape_attribute(name)}">\n<ParameterList>\n{lines}</ParameterList>\n</Alarm>\n'
        "</x-cisco-alarm>\n"
    ).encode()


def parse_alarm(body: bytes) -> Alarm:
    """Read the body of an alarm REFER.

    Raises:
        XmlInvalid: Not XML, or too large.
        SipInvalid: Status 400: XML without an alarm.
    """
    root = parse_xml(body, max_bytes=MAX_ALARM_BYTES, max_depth=8, max_elements=200)
    alarm = root.find("Alarm")
    if root.tag != "x-cisco-alarm" or alarm is None:
        raise SipInvalid("Body holds no x-cisco-alarm")
    values = tuple((item.get("name") or "", item.text or "") for item in alarm.iterfind("ParameterList/*"))
    return Alarm(alarm.get("Name") or "", values)
