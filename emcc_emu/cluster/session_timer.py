"""Session timers on trunk legs: a call whose other end has vanished ends by itself (RFC 4028)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster.sip_node import HeaderLine
from emcc_emu.cluster.wire_timers import WaitingItem, WireTimers
from emcc_emu.wire import sip

if TYPE_CHECKING:
    from emcc_emu.cluster.call_leg import Leg

__all__ = ["MIN_SESSION_S", "SESSION_EXPIRES_S", "SessionTimer"]

log = structlog.get_logger(__name__)

SESSION_EXPIRES_S = 1800
"""SIP Session Expires Timer and SIP Min-SE Value of Unified CM."""

LONGEST_LEAD_S = 32.0
"""How long before the end of the interval a session that was not refreshed is hung up, at most (section 10)."""

MIN_SESSION_S = 90
"""Least interval that is taken, the floor of section 5. The product's own Min-SE of 1800 would refuse testers."""


class SessionTimer(WaitingItem):
    """The timer of one leg: refreshes the session, or hangs up when the peer does not.

    Args:
        leg: The leg.
        timers: Wakes it.
    """

    __slots__ = ("_interval_s", "_is_refresher", "_leg", "_timers")

    def __init__(self, leg: Leg, timers: WireTimers) -> None:
        super().__init__()
        self._leg = leg
        self._timers = timers
        self._interval_s = 0
        self._is_refresher = False

    def read_answer(self, response: sip.SipResponse) -> None:
        """The 200 to a request of ours says whether and by whom the session is refreshed."""
        interval_s, refresher = _session_expires(response)
        if interval_s:
            self._begin(interval_s, is_refresher=refresher != "uas")

    def answer_lines(self, request: sip.SipRequest) -> list[HeaderLine]:
        """What our 200 to a request says; the one who asked refreshes, if he can."""
        interval_s, refresher = _session_expires(request)
        if not interval_s or not request.supports("timer"):
            return []
        is_peer = refresher != "uas"
        self._begin(interval_s, is_refresher=not is_peer)
        return [("Session-Expires", f"{interval_s};refresher={'uac' if is_peer else 'uas'}"), ("Require", "timer")]

    def stop(self) -> None:
        """The leg is over."""
        self._timers.cancel(self)

    def _begin(self, interval_s: int, *, is_refresher: bool) -> None:
        self._interval_s = interval_s
        self._is_refresher = is_refresher
        lead_s = interval_s / 2 if is_refresher else min(LONGEST_LEAD_S, interval_s / 3)
        self._timers.set_after(self, interval_s - lead_s)

    def deadline_reached(self, now: float) -> None:
        """Half the interval has passed (refresh now), or almost all of it without a refresh (hang up)."""
        if not self._is_refresher:
            log.info("call_session_expired", device=self._leg.device_name)
            self._leg.call.end(None, 408)
            return
        self._leg.request(
            "UPDATE",
            headers=(("Supported", "timer"), ("Session-Expires", f"{self._interval_s};refresher=uac")),
            on_response=lambda response, _: self._refreshed(response),
            on_failure=lambda _: self._leg.call.end(None, 408),
        )

    def _refreshed(self, response: sip.SipResponse) -> None:
        if response.status in (408, 481):
            self._leg.call.end(None, response.status)
        elif response.status >= 200:
            self._begin(self._interval_s, is_refresher=True)


def _session_expires(message: sip.SipMessage) -> tuple[int, str]:
    """Interval and refresher of a Session-Expires header; 0 for none that counts."""
    text, _, parameters = (message.get("Session-Expires") or "").partition(";")
    text = text.strip()
    interval_s = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0
    refresher = next((value for name, value in sip.split_params(parameters) if name.lower() == "refresher"), None)
    return (interval_s if interval_s >= MIN_SESSION_S else 0), (refresher or "").lower()
