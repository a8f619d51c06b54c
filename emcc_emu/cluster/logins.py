"""Carries logins and logouts out: commits them, sets and removes the automatic logout, has the phone reset.

Who may do what is decided before; everything here that can end a session (a request, a timer, an administrator, another
cluster) ends it the same way.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable

import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.devices import EffectiveDevice
from emcc_emu.cluster.records import DeviceLogin, EmccSession, Intent, RemoteLogin
from emcc_emu.errors import EmError
from emcc_emu.net.clock import CalendarTimer
from emcc_emu.wire.emcc_documents import LogoutReason

__all__ = ["LoginDesk", "TellVisiting"]

log = structlog.get_logger()

CODE_AUTOMATIC_LOGOUT = 7
CODE_ANOTHER_USER = 18
CODE_NO_USER = 19

AUTOMATIC_LOGOUT_RETRY_S = 60.0
"""An automatic logout that could not be written is tried again after this. Seconds of calendar time."""

TellVisiting = Callable[[Intent], Awaitable[None]]
"""Tells the visiting cluster that home has ended a session, as the intent says."""


class LoginDesk:
    """Begins and ends sessions of one cluster.

    Args:
        context: The cluster.
        tell_visiting: How the visiting cluster learns of a logout that home began.
    """

    def __init__(self, context: ServiceContext, tell_visiting: TellVisiting) -> None:
        self._context = context
        self._state = context.state
        self._tell_visiting = tell_visiting
        self._timers: dict[str, CalendarTimer] = {}
        self._reset_when_back: set[str] = set()

    def resume(self) -> None:
        """Set the automatic logouts of the sessions that the database remembers."""
        for login in self._state.logins():
            self._set_timer(login.device_name, login.login_time_s, login.login_duration_s)
        for session in self._state.home_sessions():
            self._set_timer(session.device_name, session.login_time_s, session.login_duration_s)

    # ------------------------------------------------------------------ inside the cluster

    async def log_in(self, device_name: str, user_id: str, profile: str, duration_s: float) -> None:
        """Log a user in on a phone of ours and have the phone restart.

        Raises:
            EmError: 6, 7.
        """
        before = self._state.device(device_name)
        self._require_timer(duration_s > 0)
        row = await self._state.log_in(device_name, user_id, profile, duration_s)
        self._set_timer(device_name, row.login_time_s, duration_s)
        self._restart(device_name, before)
        log.info("em_login", cluster=self._context.config.name, device=device_name, user=user_id, profile=profile)

    async def log_out(self, device_name: str, reason: LogoutReason) -> DeviceLogin:
        """Log out whoever is on a phone of ours and have the phone restart.

        Raises:
            EmError: 19 when nobody is on, 6, 7.
        """
        login = self._state.login(device_name)
        if login is None or login.user_id is None:
            raise EmError(CODE_NO_USER)
        self._require_timer(device_name in self._timers)
        device_before = self._state.device(device_name)
        with self._state.transition(device_name, CODE_NO_USER):
            before = await self._state.log_out(device_name)
        self._drop_timer(device_name)
        self._restart(device_name, device_before)
        log.info("em_logout", cluster=self._context.config.name, device=device_name, user=before.user_id, reason=reason)
        return before

    def _restart(self, device_name: str, before: EffectiveDevice | None) -> None:
        """Have the phone restart, and reset once it is back if its user locale has changed (guide, EM chapter)."""
        after = self._state.device(device_name)
        if before is not None and after is not None and before.user_locale != after.user_locale:
            self._reset_when_back.add(device_name)
        if not self._context.control.reset_device(device_name, "restart"):
            self._reset_when_back.discard(device_name)

    def phone_registered(self, device_name: str) -> None:
        """Take note that a phone has just registered here.

        A phone of ours that comes back although it is logged in at another cluster could not stay there; our record
        goes, while home keeps its own until the maintenance job finds the phone missing. One that has not even been
        there, because the order to restart was lost, gets it again.
        """
        if device_name in self._reset_when_back:
            self._reset_when_back.discard(device_name)
            self._context.control.reset_device(device_name, "reset")
        if self._state.visiting_session(device_name) is None or self._state.is_in_transition(device_name):
            return
        if not self._state.was_pointed_home(device_name) and self._context.control.reset_device(device_name, "restart"):
            self._state.note_pointed_home(device_name)  # once is enough: it may have no file server to go by
            return
        self._context.background.start(f"return of {device_name}", self._clear_after_return(device_name))

    async def _clear_after_return(self, device_name: str) -> None:
        try:
            await self.close_visiting_session(device_name, "maintenance")
        except EmError as error:
            log.error("return_not_written", device=device_name, code=error.code)

    # ------------------------------------------------------------------ home

    async def open_home_session(self, session: EmccSession) -> EmccSession:
        """Log our user in on a phone of another cluster; the phone is reset there.

        Raises:
            EmError: 6, 7.
        """
        self._require_timer(session.login_duration_s > 0)
        session = await self._state.open_home_session(session)
        self._set_timer(session.device_name, session.login_time_s, session.login_duration_s)
        log.info(
            "emcc_home_login",
            cluster=self._context.config.name,
            device=session.device_name,
            user=session.user_id,
            emcc_device=session.emcc_device,
            roaming_device_pool=session.roaming_device_pool,
            visiting_cluster=session.visiting_cluster_id,
        )
        return session

    async def close_home_session(
        self, device_name: str, reason: LogoutReason, *, is_asked_by_visiting: bool = False, resets: bool = True
    ) -> EmccSession:
        """End our user's session on a phone of another cluster.

        Unless the visiting cluster asked for it, it is told before the phone restarts, so that the phone finds its own
        configuration there and not the small file that would send it back here.

        Raises:
            EmError: 19 when there is no such session, 6.
        """
        session = self._state.home_session(device_name)
        if session is None:
            raise EmError(CODE_NO_USER)
        intent = None
        if not is_asked_by_visiting:
            intent = self._state.new_intent(
                "visitingLogout", device_name, session.user_id, session.visiting_cluster_id, reason=reason
            )
        with self._state.transition(device_name, CODE_NO_USER):
            await self._state.close_home_session(device_name, intent)
        self._drop_timer(device_name)
        log.info(
            "emcc_home_logout",
            cluster=self._context.config.name,
            device=device_name,
            user=session.user_id,
            emcc_device=session.emcc_device,
            reason=reason,
        )
        if intent is not None:
            self._context.background.start(f"visitingLogout {device_name}", self._tell_then_reset(intent, resets))
        elif resets:
            self._context.control.reset_device(device_name, "restart")
        return session

    async def _tell_then_reset(self, intent: Intent, resets: bool) -> None:
        try:
            await self._tell_visiting(intent)
        finally:
            if resets:
                self._context.control.reset_device(intent.device_name, "restart")

    # ------------------------------------------------------------------ visiting

    async def open_visiting_session(self, row: RemoteLogin, intent: Intent) -> None:
        """Note that a user of another cluster is on our phone, and have it restart towards its home.

        Raises:
            EmError: 6.
        """
        await self._state.open_visiting_session(row, intent)
        self._context.control.reset_device(row.device_name, "restart")
        log.info(
            "emcc_visiting_login",
            cluster=self._context.config.name,
            device=row.device_name,
            user=row.user_id,
            home_cluster=row.home_cluster_id,
        )

    async def close_visiting_session(
        self, device_name: str, reason: LogoutReason, intent: Intent | None = None
    ) -> RemoteLogin:
        """Note that the user of another cluster has left our phone; the phone itself is at home's command.

        Raises:
            EmError: 19 when there is no such session, 6.
        """
        if self._state.visiting_session(device_name) is None:
            raise EmError(CODE_NO_USER)
        row = await self._state.close_visiting_session(device_name, intent)
        log.info(
            "emcc_visiting_logout",
            cluster=self._context.config.name,
            device=device_name,
            user=row.user_id,
            home_cluster=row.home_cluster_id,
            reason=reason,
        )
        return row

    # ------------------------------------------------------------------ ends whatever is there

    async def end_user_session(self, device_name: str, reason: LogoutReason) -> None:
        """End our user's session on a device, here or at another cluster; nothing happens when it has just ended.

        Raises:
            EmError: 6.
        """
        try:
            if self._state.home_session(device_name) is not None:
                await self.close_home_session(device_name, reason)
            else:
                await self.log_out(device_name, reason)
        except EmError as error:
            if error.code != CODE_NO_USER:
                raise

    def _require_timer(self, is_concerned: bool) -> None:
        """Check that the automatic logout can be set or removed; it would be written together with the login.

        Raises:
            EmError: 7.
        """
        if is_concerned and self._state.faults.database_fails("automatic_logout"):
            raise EmError(CODE_AUTOMATIC_LOGOUT)

    def _set_timer(self, device_name: str, login_time_s: float, duration_s: float) -> None:
        self._drop_timer(device_name)
        if duration_s > 0:
            work = functools.partial(self._log_out_by_timer, device_name)
            self._timers[device_name] = self._context.clock.schedule(
                login_time_s + duration_s, f"automatic logout of {device_name} at {self._context.config.name}", work
            )

    def _drop_timer(self, device_name: str) -> None:
        timer = self._timers.pop(device_name, None)
        if timer is not None:
            timer.cancel()

    async def _log_out_by_timer(self, device_name: str) -> None:
        self._timers.pop(device_name, None)
        try:
            await self.end_user_session(device_name, "timer")
        except EmError as error:
            log.error("automatic_logout_failed", device=device_name, code=error.code)
            self._set_timer(device_name, self._context.clock.time(), AUTOMATIC_LOGOUT_RETRY_S)

    def close(self) -> None:
        """Forget the automatic logouts; the database still knows them."""
        for device_name in list(self._timers):
            self._drop_timer(device_name)
