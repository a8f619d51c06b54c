"""Applies Multiple Login Behavior: says what happens to a user who is on other devices, and ends those sessions."""

from __future__ import annotations

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.lab.model import User
from emcc_emu.rules.login_policy import MultipleLoginOutcome, multiple_login_outcome
from emcc_emu.rules.versions import parse_version

__all__ = ["MultipleLoginRule"]


class MultipleLoginRule:
    """What one login means for the user's other sessions; made while the user's lock is held.

    Args:
        context: The user's cluster.
        user: Who logs in; None when there is no such user.
        device_name: Where.
        is_emcc: Whether that is a phone of another cluster.
    """

    def __init__(self, context: ServiceContext, user: User | None, device_name: str, *, is_emcc: bool) -> None:
        self.outcome: MultipleLoginOutcome = "allow"
        """What happens to this login: the strictest of what its other sessions ask for."""
        self._others: list[str] = []
        state, config = context.state, context.config
        for other in state.devices_of_user(user.user_id) if user is not None else ():
            if other == device_name:
                continue
            outcome = multiple_login_outcome(
                config.service_parameters.multiple_login_behavior,
                parse_version(config.version),
                is_logged_in_elsewhere=True,
                is_emcc=is_emcc or state.home_session(other) is not None,
            )
            if outcome == "log_out_other":
                self._others.append(other)
            if outcome != "allow":
                self.outcome = outcome

    async def end_other_sessions(self, desk: LoginDesk) -> None:
        """Log the user out where the rule says so.

        Raises:
            EmError: 6.
        """
        for other in self._others:
            await desk.end_user_session(other, "multiLogin")
