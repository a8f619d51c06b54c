"""Gives a record its meaning: what kind of message it is, a short label, and the keys that tie it to others.

A trace may hold anything, an imported capture above all, so reading is lenient: what cannot be understood becomes
a message of kind `other` with a label that shows its first bytes. Nothing here raises because of a payload.
"""

from __future__ import annotations

import re

from emcc_emu.errors import TftpRefused
from emcc_emu.trace.http_messages import read_http
from emcc_emu.trace.meaning import Meaning, Message
from emcc_emu.trace.record import Record
from emcc_emu.trace.sip_messages import read_sip
from emcc_emu.wire import tftp

__all__ = ["DEVICE_NAME", "read_message"]

DEVICE_NAME = re.compile(r"(?:SEP|ATA)[0-9A-Fa-f]{12}")
"""A device name inside a file name: `CTLSEP001122334455.tlv`, `SEP001122334455.cnf.xml.sgn`."""


def read_message(record: Record) -> Message:
    """Read one record."""
    match record.protocol:
        case "tftp":
            return Message(record, _read_tftp(record.payload))
        case "http":
            return Message(record, read_http(record.payload))
        case _:
            return Message(record, read_sip(record.payload))


def _read_tftp(payload: bytes) -> Meaning:
    try:
        packet = tftp.parse_packet(payload)
    except TftpRefused as error:
        return Meaning("other", f"not TFTP: {error}")
    match packet:
        case tftp.Data(block, content):
            return Meaning("data", f"DATA {block} ({len(content)} bytes)", sequence=block, size_bytes=len(content))
        case tftp.Ack(block):
            return Meaning("ack", f"ACK {block}", sequence=block)
        case tftp.ErrorPacket(code, text):
            return Meaning("error", f"ERROR {code} {text}".rstrip(), status=code)
        case tftp.OptionAck(options):
            return Meaning("options", f"OACK {_options(options)}".rstrip())
        case tftp.ReadRequest(filename, _, options) | tftp.WriteRequest(filename, _, options):
            verb = "RRQ" if isinstance(packet, tftp.ReadRequest) else "WRQ"
            return Meaning(
                "request",
                f"{verb} {filename}",
                method=verb,
                target=filename,
                device_names=tuple(DEVICE_NAME.findall(filename)),
            )


def _options(options: tftp.Options) -> str:
    return " ".join(f"{name}={value}" for name, value in options)
