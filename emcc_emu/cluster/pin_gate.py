"""Checks the PINs that people type: counts wrong ones, locks users out, believes a good one for two minutes.

The counts live in memory, as the product's do in its authentication service; a restart forgets them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from emcc_emu.cluster.credentials import is_pin_of, new_credential

if TYPE_CHECKING:
    from emcc_emu.cluster.records import CredentialChange
    from emcc_emu.cluster.state import ClusterState
    from emcc_emu.lab.model import ClusterConfig

__all__ = ["PinGate"]

BELIEVED_S = 120.0
"""How long the PIN of a login is good for another one, even if it was changed meanwhile (guide, EM restrictions)."""

MAX_BELIEVED = 10_000
"""Users whose PIN is believed; the oldest is forgotten first."""


@dataclass(slots=True)
class _WrongPins:
    """Wrong PINs of one user in a row."""

    count: int = 0
    last_s: float = 0.0


class PinGate:
    """The PIN checks of one cluster.

    Args:
        state: The cluster.
    """

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._wrong: dict[str, _WrongPins] = {}
        self._believed: dict[str, tuple[float, CredentialChange]] = {}
        state.config_listeners.append(self._configuration_changed)

    def accepts(self, user_id: str, pin: str) -> bool:
        """Whether this PIN lets one of our users in now; a wrong one is counted.

        Args:
            user_id: The user, as configured.
            pin: What was typed.
        """
        if self.is_locked(user_id):
            return False
        if self._is_believed(user_id, pin) or self._state.is_pin_right(user_id, pin):
            self._wrong.pop(user_id, None)
            return True
        self._count(user_id)
        return False

    def accepts_for_change(self, user_id: str, pin: str) -> bool:
        """Whether this is the PIN as it is now, which is what changing it takes."""
        if self.is_locked(user_id):
            return False
        if self._state.is_pin_right(user_id, pin):
            return True
        self._count(user_id)
        return False

    def is_locked(self, user_id: str) -> bool:
        """Whether the user is locked out: by an administrator, or by too many wrong PINs."""
        user = self._state.directory.user(user_id)
        if user is not None and user.locked:
            return True
        policy, wrong = self._state.config.credential_policy, self._wrong.get(user_id)
        if wrong is None or not policy.failed_logons or wrong.count < policy.failed_logons:
            return False
        return not policy.lockout_duration_s or self._age_s(wrong) < policy.lockout_duration_s

    def believe(self, user_id: str, pin: str) -> None:
        """Take note that the user has just logged in with this PIN."""
        self._believed.pop(user_id, None)
        while len(self._believed) >= MAX_BELIEVED:
            del self._believed[next(iter(self._believed))]
        self._believed[user_id] = (self._state.clock.time() + BELIEVED_S, new_credential(user_id, pin))

    def _is_believed(self, user_id: str, pin: str) -> bool:
        until_s, credential = self._believed.get(user_id, (0.0, None))
        return credential is not None and self._state.clock.time() < until_s and is_pin_of(credential, pin)

    def _count(self, user_id: str) -> None:
        policy = self._state.config.credential_policy
        wrong = self._wrong.setdefault(user_id, _WrongPins())
        if self._age_s(wrong) >= policy.reset_failed_logons_after_s or wrong.count >= (policy.failed_logons or 1):
            wrong.count = 0
        wrong.count += 1
        wrong.last_s = self._state.clock.time()

    def _age_s(self, wrong: _WrongPins) -> float:
        return self._state.clock.time() - wrong.last_s

    def _configuration_changed(self, before: ClusterConfig) -> None:
        """An administrator who edits users also resets their counts of wrong PINs, and no old PIN is believed."""
        if before.users is not self._state.config.users:
            self._wrong.clear()
            self._believed.clear()
