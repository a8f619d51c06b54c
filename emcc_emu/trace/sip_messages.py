"""Reads a SIP message for its meaning, leniently: a broken message still shows its first line."""

from __future__ import annotations

import re

from emcc_emu.trace.meaning import Meaning
from emcc_emu.wire.sip_headers import header_key

__all__ = ["read_sip"]

_START = re.compile(
    r"(?:SIP/2\.0 (?P<status>\d{3}) ?(?P<reason>.*)|(?P<method>[A-Z][A-Za-z0-9_.!%*+`'~-]*) (?P<uri>\S+) SIP/2\.0)$"
)
_USER = re.compile(r"(?:sips?|tel):(?P<user>[^@;>?\s]+)(?P<at>@)?", re.IGNORECASE)
_DEVICE_PARAMETER = re.compile(r"\+u\.sip!devicename\.ccm(?:\.features)?\.cisco\.com=\"?([^\";,>\s]+)", re.IGNORECASE)
_INSTANCE = re.compile(r"\+sip\.instance=\"?<urn:uuid:0{8}-0{4}-0{4}-0{4}-([0-9a-f]{12})>", re.IGNORECASE)
_ALARM_NAME = re.compile(r"\bName=([A-Za-z]{3}[A-Za-z0-9._-]{1,64})")
_SERVICE_ACTION = re.compile(r"action=(\w[\w-]*)")
_NULL_SESSION_ID = "0" * 32
_MAX_LABEL_CHARS = 80


def read_sip(payload: bytes) -> Meaning:
    """Read one SIP message; keepalive line breaks and junk become kind `other`."""
    head, _, body = payload.partition(b"\r\n\r\n")
    lines = head.decode("utf-8", "replace").split("\r\n")
    start = _START.match(lines[0])
    if start is None:
        return Meaning("other", _describe_junk(payload))
    fields = _fields(lines[1:])
    sequence, _, sequence_method = fields.get("cseq", "").strip().partition(" ")
    contact = fields.get("contact", "")
    method = start["method"] or sequence_method.strip()
    devices = _device_names(contact, fields.get("reason", ""))
    uri = start["uri"] or ""
    return Meaning(
        "request" if start["method"] else "response",
        _request_label(method, uri, fields, body) if start["method"] else _response_label(start, method),
        method=method,
        status=int(start["status"] or 0),
        target=uri,
        device_names=devices,
        call_id=fields.get("call-id", ""),
        sequence=int(sequence) if sequence.isascii() and sequence.isdigit() else 0,
        session_ids=_session_ids(fields.get("session-id", "")),
        linked_call_id=fields.get("x-cid", "") or fields.get("x-call-id", ""),
        calling=_user(fields.get("from", "")),
        called=_user(uri or fields.get("to", "")),
        is_refresh=method == "REGISTER" and _is_refresh(fields, contact, body),
        size_bytes=len(body),
    )


def _fields(lines: list[str]) -> dict[str, str]:
    """First value of each header field; continuation lines are joined, repeated Contacts too."""
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        if line[:1] in (" ", "\t"):
            if last:
                fields[last] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon:
            continue
        last = header_key(name.strip())
        fields[last] = f"{fields[last]}, {value.strip()}" if last in fields else value.strip()
    return fields


def _request_label(method: str, uri: str, fields: dict[str, str], body: bytes) -> str:
    if method == "REGISTER":
        number = _user(fields.get("to", ""))
        return f"REGISTER {number} (off)" if _expires(fields) == "0" else f"REGISTER {number}"
    if method in ("NOTIFY", "SUBSCRIBE", "PUBLISH"):
        return f"{method} {_event(fields, body)}".rstrip()
    if method == "REFER":
        return f"REFER {_refer(fields, body)}".rstrip()
    if method in ("INVITE", "MESSAGE"):
        return f"{method} {_user(uri) or uri}"
    return method


def _event(fields: dict[str, str], body: bytes) -> str:
    event = fields.get("event", "").partition(";")[0].strip()
    action = _SERVICE_ACTION.search(body[:2048].decode("utf-8", "replace")) if event == "service-control" else None
    return f"{event} {action[1]}" if action else event


def _refer(fields: dict[str, str], body: bytes) -> str:
    if b"<x-cisco-alarm" in body[:512]:
        return "alarm"
    return "remotecc" if b"remotecc" in fields.get("content-type", "").encode() else _user(fields.get("refer-to", ""))


def _response_label(start: re.Match[str], method: str) -> str:
    label = f"{start['status']} {start['reason']}".strip()
    return label if method in ("INVITE", "") or start["status"] == "100" else f"{label} ({method})"


def _expires(fields: dict[str, str]) -> str:
    contact_expires = re.search(r";\s*expires=(\d+)", fields.get("contact", ""), re.IGNORECASE)
    return fields.get("expires", "") or (contact_expires[1] if contact_expires else "")


def _is_refresh(fields: dict[str, str], contact: str, body: bytes) -> bool:
    if "cisco-keep-alive" in contact:
        return True
    return not body.strip() and "reason" not in fields and _expires(fields) != "0"


def _device_names(contact: str, reason: str) -> tuple[str, ...]:
    """The device that a phone says it is: Contact parameter, else the MAC in its instance, else its alarm text."""
    if named := _DEVICE_PARAMETER.findall(contact):
        return tuple(named)
    if macs := _INSTANCE.findall(contact):
        return tuple(f"SEP{mac.upper()}" for mac in macs)
    return tuple(_ALARM_NAME.findall(reason)) if "cisco-alarm" in reason else ()


def _session_ids(value: str) -> tuple[str, ...]:
    local, _, parameters = value.partition(";")
    remote = re.search(r"remote=([0-9a-f]{32})", parameters, re.IGNORECASE)
    return tuple(part for part in (local.strip(), remote[1] if remote else "") if part and part != _NULL_SESSION_ID)


def _user(text: str) -> str:
    found = _USER.search(text)
    return found["user"] if found and (found["at"] or found[0].lower().startswith("tel:")) else ""


def _describe_junk(payload: bytes) -> str:
    if not payload.strip(b"\r\n\0"):
        return "keepalive (empty lines)"
    return f"not SIP: {payload[:_MAX_LABEL_CHARS]!r}"
