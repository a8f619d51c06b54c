"""Cisco's remote call control bodies: bulk registration, capabilities, and settings after registration.

`application/x-cisco-remotecc-request+xml` and `-response+xml` in REGISTER, its 200 and REFER. The byte layout follows
published messages of a 7800 series phone and of Unified CM 11.5 and 12.0: tests pin its lengths (1313, 381, 367).
Alarms and service-control orders, the phone's other Cisco bodies, are re-exported here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from emcc_emu.errors import SipInvalid, XmlInvalid
from emcc_emu.wire.cisco_alarm import (
    ALARM_TYPE,
    LAST_ALARMS,
    Alarm,
    AlarmReason,
    build_alarm,
    parse_alarm,
    parse_alarm_reason,
)
from emcc_emu.wire.mime import Part, build_multipart, multipart_type, split_body
from emcc_emu.wire.service_control import NULL_STAMP, ServiceControl, build_service_control, parse_service_control
from emcc_emu.wire.xml import Element, escape, parse_xml

__all__ = [
    "ALARM_TYPE",
    "LAST_ALARMS",
    "NULL_STAMP",
    "PHONE_OPTIONS",
    "REQUEST_TYPE",
    "RESPONSE_TYPE",
    "Alarm",
    "AlarmReason",
    "LineSettings",
    "OptionsInd",
    "PhoneSettings",
    "RegisterBody",
    "ServiceControl",
    "build_alarm",
    "build_optionsind",
    "build_optionsind_answer",
    "build_register_body",
    "build_response_body",
    "build_service_control",
    "build_settings_refer",
    "parse_alarm",
    "parse_alarm_reason",
    "parse_optionsind_answer",
    "parse_response_code",
    "parse_service_control",
    "parse_settings_refer",
    "read_register_body",
]

REQUEST_TYPE: Final = "application/x-cisco-remotecc-request+xml"
RESPONSE_TYPE: Final = "application/x-cisco-remotecc-response+xml"
MAX_BODY_BYTES: Final = 32768
"""Longest remotecc document read."""
MAX_COMBINED: Final = 6
"""Bodies that a phone takes in one message, `<combine max="6">`."""

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_DISPOSITION: Final = (("Content-Disposition", "session;handling=optional"),)
_SUBSCRIPTIONS: Final = (("dialog", "hook status"), ("dialog", "shared line"), ("presence", "blf speed dial"))
_ECHOED: Final = (("joinreq", "<joinreq></joinreq>"), ("ix", "<ix/>"), ("bfcp", "<bfcp/>"))

PHONE_OPTIONS: Final = (
    "joinreq",
    "cfwdall-anyline",
    "coaching",
    "oosalarm",
    "rpid-orig-called",
    "x-cisco-number",
    "bfcp",
    "ix",
    "gatewayrecording",
    "conferenceDisplayInstance",
)
"""Plain capabilities of a 7800 series phone, in its order; they follow combine, the two dialogs and presence."""


@dataclasses.dataclass(frozen=True, slots=True)
class OptionsInd:
    """The capabilities that a phone announces, or those that Unified CM echoes."""

    options: tuple[str, ...] = PHONE_OPTIONS
    """Plain capabilities, in order."""
    combine_max: int | None = MAX_COMBINED
    """How many bodies may be combined in one message; None when the element is missing."""
    has_subscriptions: bool = True
    """Whether hook status, shared line and BLF by unsolicited NOTIFY are announced."""


@dataclasses.dataclass(frozen=True, slots=True)
class RegisterBody:
    """What the body of a REGISTER says; all empty for a refresh and for a third-party phone."""

    is_bulk: bool = False
    """`bulkregisterreq` for all lines: this one REGISTER registers every configured line."""
    options: OptionsInd | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class LineSettings:
    """State of one line, sent to the phone after registration."""

    line: int
    """Line button, from 1."""
    message_waiting: bool = False
    forward_all: str | None = None
    """Number to which all calls are forwarded; None or empty for none."""
    forward_to_voicemail: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneSettings:
    """What a settings REFER says."""

    lines: tuple[LineSettings, ...]
    is_dnd: bool = False
    dnd_option: str = "ringeroff"
    """`ringeroff` or `callreject`."""
    is_hunt_logged_in: bool = True


def build_optionsind(options: OptionsInd | None = None) -> bytes:
    """The capability part of a REGISTER: indented two spaces a level, no line end after the last tag."""
    told = OptionsInd() if options is None else options
    lines: list[str] = []
    if told.combine_max is not None:
        lines += [f'<combine max="{told.combine_max}">', "  <remotecc>", "    <status></status>", "  </remotecc>"]
        lines += ["  <service-control></service-control>", "</combine>"]
    if told.has_subscriptions:
        for tag, usage in _SUBSCRIPTIONS:
            lines += [f'<{tag} usage="{usage}">', "  <unot></unot>", "  <sub></sub>", f"</{tag}>"]
    lines += [f"<{name}></{name}>" for name in told.options]
    inner = "".join(f"    {line}\n" for line in lines)
    return (
        f"{_DECLARATION}<x-cisco-remotecc-request>\n  <optionsind>\n{inner}  </optionsind>\n</x-cisco-remotecc-request>"
    ).encode()


def build_register_body(options: OptionsInd | None = None) -> tuple[str, bytes]:
    """Content-Type and body of a full REGISTER: register all lines, and these capabilities."""
    bulk = (
        f"{_DECLARATION}<x-cisco-remotecc-request>\n<bulkregisterreq>\n"
        '<contact all="true">\n<register></register>\n</contact>\n</bulkregisterreq>\n</x-cisco-remotecc-request>\n'
    ).encode()
    parts = (Part(REQUEST_TYPE, bulk, _DISPOSITION), Part(REQUEST_TYPE, build_optionsind(options), _DISPOSITION))
    return multipart_type(), build_multipart(parts)


def read_register_body(content_type: str | None, body: bytes) -> RegisterBody:
    """What a REGISTER asks for beside its header fields.

    Parts that are not remotecc are skipped, for their handling is optional.

    Raises:
        SipInvalid: Status 400: the multipart body or a remotecc document is malformed.
    """
    is_bulk = False
    options: OptionsInd | None = None
    for part in split_body(content_type, body):
        if part.media_type != REQUEST_TYPE:
            continue
        root = _parse(part.content, "x-cisco-remotecc-request")
        contact = root.find("bulkregisterreq/contact")
        is_bulk = is_bulk or (contact is not None and contact.get("all") == "true")
        found = root.find("optionsind")
        if found is not None:
            options = _read_options(found)
    return RegisterBody(is_bulk, options)


def _parse(document: bytes, root_tag: str) -> Element:
    try:
        root = parse_xml(document.strip(), max_bytes=MAX_BODY_BYTES, max_depth=12, max_elements=1000)
    except XmlInvalid as error:
        raise SipInvalid(f"Bad remotecc body: {error}") from error
    if root.tag != root_tag:
        raise SipInvalid(f"Bad remotecc body: no {root_tag}")
    return root


def _read_options(optionsind: Element) -> OptionsInd:
    combine = optionsind.find("combine")
    maximum = "" if combine is None else combine.get("max") or ""
    plain = tuple(str(child.tag) for child in optionsind if child.tag not in ("combine", "dialog", "presence"))
    return OptionsInd(
        plain, int(maximum) if maximum in "123456" and maximum else None, optionsind.find("dialog") is not None
    )


def build_optionsind_answer(options: OptionsInd, *, is_sharing_supported: bool = True) -> bytes:
    """The body of the 200 to a REGISTER with capabilities: Unified CM echoes those that it will use.

    Hook status, shared line and BLF come back as `unot` only, so the phone need not subscribe.

    Args:
        is_sharing_supported: Whether `ix` and `bfcp` are echoed to a phone that announced them.
    """
    lines: list[str] = []
    if options.combine_max is not None:
        lines += [f'<combine max="{options.combine_max}">', "<remotecc><status/></remotecc>", "<service-control/>"]
        lines.append("</combine>")
    if options.has_subscriptions:
        lines += [f'<{tag} usage="{usage}"><unot/></{tag}>' for tag, usage in _SUBSCRIPTIONS]
    for name, element in _ECHOED:
        if name in options.options and (is_sharing_supported or name == "joinreq"):
            lines.append(element)
    return _response_document(200, ["<optionsind>", *lines, "</optionsind>"])


def build_response_body(code: int) -> bytes:
    """The body by which a phone or Unified CM reports the result of a remotecc request."""
    return _response_document(code, [])


def _response_document(code: int, lines: Sequence[str]) -> bytes:
    wrapped = ["<x-cisco-remotecc-response>", "<response>", f"<code>{code}</code>", *lines, "</response>"]
    return ("\n".join([*wrapped, "</x-cisco-remotecc-response>"]) + "\n\r\n").encode()


def parse_response_code(body: bytes) -> int:
    """The result code of a remotecc response body.

    Raises:
        SipInvalid: Status 400.
    """
    text = (_parse(body, "x-cisco-remotecc-response").findtext("response/code") or "").strip()
    if not (text.isascii() and text.isdigit() and len(text) == 3):
        raise SipInvalid("Remotecc response without a code")
    return int(text)


def parse_optionsind_answer(body: bytes) -> OptionsInd | None:
    """The capabilities that Unified CM echoed in its 200; None when it sent none.

    Raises:
        SipInvalid: Status 400.
    """
    found = _parse(body, "x-cisco-remotecc-response").find("response/optionsind")
    return None if found is None else _read_options(found)


def build_settings_refer(
    lines: Iterable[LineSettings],
    *,
    is_dnd: bool = False,
    dnd_option: Literal["ringeroff", "callreject"] = "ringeroff",
    is_hunt_logged_in: bool = True,
) -> tuple[str, bytes]:
    """Content-Type and body of the REFER that follows a Cisco phone's registration.

    Do not disturb, hunt group log-in and, for each line, message lamp and call forwarding.
    """
    state = "enable" if is_dnd else "disable"
    dnd = f"<dndupdate>\n<state>{state}</state>\n<option>{dnd_option}</option>\n</dndupdate>\n"
    hunt = f"<hlogupdate>\n<status>{'on' if is_hunt_logged_in else 'off'}</status>\n</hlogupdate>\n"
    bulk = f"<bulkupdate>\n{''.join(_line_update(line) for line in lines)}</bulkupdate>\n"
    parts = [
        Part(REQUEST_TYPE, f"{_DECLARATION}<x-cisco-remotecc-request>\n{inner}</x-cisco-remotecc-request>\n".encode())
        for inner in (dnd, hunt, bulk)
    ]
    return multipart_type().replace("; ", ";"), build_multipart(parts)


def _line_update(line: LineSettings) -> str:
    return (
        f'<contact line="{line.line}">\n<mwi>{"yes" if line.message_waiting else "no"}</mwi>\n<cfwdallupdate>\n'
        f"<fwdaddress>{escape(line.forward_all or '')}</fwdaddress>\n"
        f"<tovoicemail>{'on' if line.forward_to_voicemail else 'off'}</tovoicemail>\n</cfwdallupdate>\n</contact>\n"
    )


def parse_settings_refer(content_type: str | None, body: bytes) -> PhoneSettings:
    """Read a settings REFER; parts that are missing leave their defaults.

    Raises:
        SipInvalid: Status 400.
    """
    settings = PhoneSettings(())
    for part in split_body(content_type, body):
        if part.media_type != REQUEST_TYPE:
            continue
        root = _parse(part.content, "x-cisco-remotecc-request")
        if (dnd := root.find("dndupdate")) is not None:
            state, option = dnd.findtext("state") or "", dnd.findtext("option") or settings.dnd_option
            settings = dataclasses.replace(settings, is_dnd=state == "enable", dnd_option=option)
        if (hunt := root.findtext("hlogupdate/status")) is not None:
            settings = dataclasses.replace(settings, is_hunt_logged_in=hunt == "on")
        if (bulk := root.find("bulkupdate")) is not None:
            settings = dataclasses.replace(settings, lines=tuple(_read_line(item) for item in bulk.iterfind("contact")))
    return settings


def _read_line(contact: Element) -> LineSettings:
    number = contact.get("line") or ""
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        raise SipInvalid("Bad remotecc body: contact without a line number")
    return LineSettings(
        int(number),
        contact.findtext("mwi") == "yes",
        contact.findtext("cfwdallupdate/fwdaddress") or None,
        contact.findtext("cfwdallupdate/tovoicemail") == "on",
    )
