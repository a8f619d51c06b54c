"""What EMApp remembers between the PIN and the choice of a profile, so that no URL on a phone's screen holds a PIN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["PendingLogin", "PendingLogins"]

KEPT_S = 120.0
"""How long the user may look at the menu. Seconds."""

MAX_PENDING = 10_000
"""Users who are choosing a profile at once; the oldest is forgotten first."""


@dataclass(frozen=True, slots=True)
class PendingLogin:
    """A user whose PIN was right, at a phone that shows the profile menu."""

    since: float
    pin: str = field(repr=False)


class PendingLogins:
    """The users of one EMApp who are choosing a profile.

    Args:
        now: Gives monotonic seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._pending: dict[tuple[str, str, str, str], PendingLogin] = {}

    def add(self, device_name: str, user: str, peer_ip: str, session: str, pin: str) -> None:
        """Remember a user, bound to phone, address and session cookie."""
        while len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[device_name, user, peer_ip, session] = PendingLogin(self._now(), pin)

    def find(self, device_name: str, user: str, peer_ip: str, session: str) -> PendingLogin | None:
        """The user, once and in time; None otherwise. A phone that keeps no cookies is known by its address alone."""
        for key in list(self._pending):
            if self._now() - self._pending[key].since > KEPT_S:
                del self._pending[key]
            elif key[:3] == (device_name, user, peer_ip) and session in ("", key[3]):
                return self._pending.pop(key)
        return None
