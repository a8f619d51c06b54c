"""The errors of emcc-emu: one short tree.

Two families matter. A `PeerError` was caused by what a peer sent and carries the answer that the peer's
protocol asks for; the owner of the socket sends that answer. An `InputError` was caused by the person who
runs the program; the command line prints it and exits with status 2.
"""

from __future__ import annotations

__all__ = [
    "EmError",
    "EmccEmuError",
    "InputError",
    "LabError",
    "PeerError",
    "SipInvalid",
    "SipUnparsable",
    "TftpRefused",
    "TransportError",
    "XmlInvalid",
]


class EmccEmuError(Exception):
    """Base of every error that emcc-emu raises on purpose."""


class InputError(EmccEmuError):
    """A file, option or argument given by the user is wrong; the text says what, where and what would be right."""


class LabError(EmccEmuError):
    """The lab cannot do what was asked (an address is missing, a port is taken, a process died)."""


class TransportError(EmccEmuError):
    """No answer came, or no connection could be made: the peer is silent or unreachable."""


class PeerError(EmccEmuError):
    """A peer sent something that breaks a rule of its protocol."""


class SipUnparsable(PeerError):
    """Bytes that cannot be framed as a SIP message; dropped, counted and traced, never answered."""


class SipInvalid(PeerError):
    """A SIP request that parses but breaks a rule, with the answer it deserves.

    Args:
        reason: What is wrong, fit for a reason phrase or a Warning header.
        status: The response status that the RFC asks for, 400 to 699.
        headers: Header fields which that response must carry (`Unsupported` for 420, `Accept` for 415, ...).
    """

    def __init__(self, reason: str, status: int = 400, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.headers = headers


class TftpRefused(PeerError):
    """A TFTP transfer ended by an ERROR packet, sent or received.

    Args:
        code: TFTP error code, RFC 1350 section 5 (8 from RFC 2347).
        message: The text of the packet.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"TFTP error {code}: {message}")
        self.code = code
        self.message = message


class XmlInvalid(PeerError):
    """An XML document that is not well-formed, is too large or too deep, or does not follow its grammar."""


class EmError(PeerError):
    """An Extension Mobility request that is answered by an error code.

    Args:
        code: EMApp or EMService code, as in the feature guide's tables.
        text: The message of the answer; empty for the table's own text.
    """

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(f"EM error {code}: {text}" if text else f"EM error {code}")
        self.code = code
        self.text = text
