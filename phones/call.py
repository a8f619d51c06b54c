"""One call of a phone: who with, where it stands, what was agreed about its media."""

from __future__ import annotations

import contextlib
import enum

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_client_transactions import ClientTransaction
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_offer_answer import OfferAnswer
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction
from emcc_emu.wire import sip
from emcc_emu.wire.sip_identity import NULL_SESSION_ID, format_session_id, parse_session_id
from phones import media

__all__ = ["Call", "CallState"]


class CallState(enum.Enum):
    """Where a call stands, as the phone's user sees it."""

    CALLING = "calling"
    PROCEEDING = "proceeding"
    """The far end rings, or early media comes."""
    RINGING = "ringing"
    """It rings here."""
    CONNECTED = "connected"
    ENDED = "ended"


class Call:
    """One call of one phone.

    Args:
        number: The other party's number.
        is_incoming: Whether the other party called.
        session: Our half of its Session-ID.
        port: Local RTP port named in our descriptions.
        description_id: Session id of our `o=` lines.
    """

    __slots__ = (
        "description_id",
        "dialog",
        "end_reason",
        "incoming",
        "invite",
        "is_cancelled",
        "is_challenged",
        "is_incoming",
        "is_on_hold",
        "number",
        "offer_answer",
        "outgoing",
        "port",
        "remote_session",
        "session",
        "state",
        "status",
        "version",
    )

    def __init__(self, number: str, *, is_incoming: bool, session: str, port: int, description_id: int) -> None:
        self.number = number
        self.is_incoming = is_incoming
        self.session = session
        self.remote_session = NULL_SESSION_ID
        self.port = port
        self.description_id = description_id
        self.version = -1
        """Version of our last session description."""
        self.state = CallState.RINGING if is_incoming else CallState.CALLING
        self.status = 0
        """The last response's status."""
        self.end_reason = ""
        self.is_on_hold = False
        """Whether the far end holds us."""
        self.is_cancelled = False
        """Whether our user gave up before it was answered."""
        self.is_challenged = False
        """Whether the INVITE has been sent again with credentials."""
        self.dialog: Dialog | None = None
        self.offer_answer = OfferAnswer()
        self.invite: sip.SipRequest | None = None
        self.outgoing: ClientTransaction | None = None
        self.incoming: InviteServerTransaction | None = None

    @property
    def remote_media(self) -> tuple[str, int] | None:
        """Where our audio goes, as the far end's description says; None before there is one."""
        remote = self.offer_answer.remote
        return media.audio_address(remote) if remote is not None else None

    @property
    def codec(self) -> str:
        """The codec in use, `G729`, or nothing before there is one."""
        local, remote = self.offer_answer.local, self.offer_answer.remote
        return media.agreed_codec(local, remote) if local is not None and remote is not None else ""

    def describe(self) -> str:
        """The call in a line for the screen."""
        arrow = "from" if self.is_incoming else "to"
        details = self.end_reason if self.state is CallState.ENDED else self.codec
        hold = ", on hold" if self.is_on_hold else ""
        return f"{self.state.value} {arrow} {self.number}{f' ({details})' if details else ''}{hold}"

    def session_line(self) -> tuple[str, str]:
        """Its Session-ID header (RFC 7989)."""
        return ("Session-ID", format_session_id(self.session, self.remote_session))

    def note_session(self, message: sip.SipMessage) -> None:
        """Learn the far end's half of the Session-ID; a message without a readable one changes nothing."""
        with contextlib.suppress(SipInvalid):
            self.remote_session = parse_session_id(message.get("Session-ID") or "")[0]
