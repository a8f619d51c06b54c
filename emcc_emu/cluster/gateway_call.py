"""One call through a gateway: who called whom, when, and how the other side is reached."""

from __future__ import annotations

import dataclasses

from emcc_emu.cluster.call_leg import is_ip_address
from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.protocol.sip_flow import Address, Flow
from emcc_emu.wire import sdp, sip

__all__ = ["GatewayCall"]


@dataclasses.dataclass(slots=True, eq=False)
class GatewayCall:
    """One call through the gateway."""

    called: str
    """Digits that the cluster sent, or that a PSTN caller dialled."""
    calling: str
    calling_name: str
    call_id: str
    is_inbound: bool
    """True for a call from the PSTN into the cluster."""
    session_id: str = ""
    started_at: float = 0.0
    answered_at: float | None = None
    ended_at: float | None = None
    status: int = 0
    """Final SIP status of its INVITE; 0 before."""
    media: sdp.SessionDescription | None = None
    """What the other side said last about its media."""
    dialog: Dialog | None = None
    flow: Flow | None = None

    @property
    def is_up(self) -> bool:
        """Whether it has been answered and not ended."""
        return self.answered_at is not None and self.ended_at is None

    @property
    def target(self) -> Address | None:
        """Where the other side takes requests: its Contact, or whence it came when that names no address."""
        if self.dialog is None or self.flow is None:
            return None
        try:
            contact = sip.parse_uri(self.dialog.remote_target)
        except SipInvalid:
            return self.flow.remote
        return (contact.host, contact.port or 5060) if is_ip_address(contact.host) else self.flow.remote
