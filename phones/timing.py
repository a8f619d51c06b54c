"""How long a phone waits for what."""

from __future__ import annotations

import dataclasses

from emcc_emu.protocol.sip_timers import SipTimers

__all__ = ["DEFAULT_TIMING", "PhoneTiming"]


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneTiming:
    """Durations of one phone's life, seconds. Where no source is named, Cisco publishes none and the value is ours."""

    retry_s: float = 10.0
    """Pause after a failed boot; a refusal that says `Retry-After` has its own."""

    http_timeout_s: float = 5.0
    """For one file by HTTP."""

    page_timeout_s: float = 30.0
    """For one page of a service. Longer than a cluster waits for other clusters before it answers the page."""

    tftp_timeout_s: float = 0.5
    """First silence before a TFTP packet is repeated."""

    tftp_tries: int = 4
    """How often a TFTP packet is sent."""

    home_attempts_s: float = 60.0
    """How long a phone in EMCC mode tries the servers of its home cluster before it goes back to where it stands."""

    home_pause_s: float = 5.0
    """Between one round over the home cluster's servers and the next."""

    unregister_s: float = 2.0
    """How long a phone waits for the answer when it unregisters."""

    refresh_delta_s: float = 5.0
    """`timerRegisterDelta`: how long before its end a registration is refreshed."""

    sip: SipTimers = dataclasses.field(default_factory=SipTimers)
    """Timers of its SIP transactions; the phone gives a silent node up after its `timeout_s`."""

    max_retry_after_s: float = 300.0
    """Longest `Retry-After` that is obeyed."""


DEFAULT_TIMING = PhoneTiming()
