"""Answers the queries of the EM API from memory: who is on a device, where is a user, which profiles, is he local."""

from __future__ import annotations

from emcc_emu.cluster.em_access import Principal
from emcc_emu.cluster.state import ClusterState
from emcc_emu.errors import EmError
from emcc_emu.wire.em_documents import (
    CheckUserQuery,
    CheckUserResult,
    DeviceProfileQuery,
    DeviceUserQuery,
    DeviceUserResult,
    ProfileEntry,
    UserDevicesQuery,
    UserDevicesResult,
    UserProfilesResult,
)
from emcc_emu.wire.em_responses import (
    build_check_user_results,
    build_device_user_results,
    build_profile_results,
    build_user_devices_results,
)

__all__ = ["EmQueries"]

CODE_USER_UNKNOWN = 23
CODE_SEVERAL_USERS = 47


class EmQueries:
    """Reads a cluster's state for EMService.

    Args:
        state: The cluster.
    """

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    def device_users(self, query: DeviceUserQuery, principal: Principal) -> bytes:
        """Who is on these devices, and who was before? Open to every authenticated caller."""
        return build_device_user_results([self.device_user(name) for name in query.device_names])

    def device_user(self, name: str) -> DeviceUserResult:
        """Who is on one device; the name comes back as it was asked."""
        state = self._state
        device_name = name.upper()
        home = state.home_session(device_name)
        if home is not None:
            return DeviceUserResult(name, True, home.user_id, home.last_user_id, is_emcc_device=True)
        if state.directory.phone(device_name) is None:
            return DeviceUserResult(name, does_exist=False)
        user_id = state.user_on(device_name) or state.directory.logout_user(device_name)
        return DeviceUserResult(name, True, user_id, state.last_user(device_name))

    def user_devices(self, query: UserDevicesQuery, principal: Principal) -> bytes:
        """On which devices are these users?

        Raises:
            EmError: 10, an end user asked for somebody else.
        """
        results = []
        for user_id in query.user_ids:
            user = self._state.directory.user_as_asked(user_id)
            principal.require_right_for(user_id if user is None else user.user_id)
            if user is None:
                results.append(UserDevicesResult(user_id, does_exist=False))
            else:
                results.append(UserDevicesResult(user.user_id, True, self._devices_of(user.user_id)))
        return build_user_devices_results(results)

    def _devices_of(self, user_id: str) -> tuple[str, ...]:
        """Where the user is logged in, and the phones that fall to him while nobody is."""
        state = self._state
        fallen = [name for name in state.directory.phones_of_logout_user(user_id) if state.user_on(name) is None]
        return (*state.devices_of_user(user_id), *fallen)

    def user_profiles(self, query: DeviceProfileQuery, principal: Principal) -> bytes:
        """Which profiles do these users control?

        Raises:
            EmError: 10, an end user asked for somebody else.
        """
        results = []
        for user_id in query.user_ids:
            user = self._state.directory.user_as_asked(user_id)
            principal.require_right_for(user_id if user is None else user.user_id)
            if user is None:
                results.append(UserProfilesResult(user_id, does_exist=False))
                continue
            profiles = self._state.directory.profiles_of(user)
            entries = tuple(ProfileEntry(profile.name, profile.name == user.default_profile) for profile in profiles)
            results.append(UserProfilesResult(user.user_id, True, entries))
        return build_profile_results(results)

    def check_users(self, query: CheckUserQuery, principal: Principal) -> bytes:
        """Are these users local?

        Raises:
            EmError: 23, one of them is not; 47, an extension belongs to several; 10.
        """
        results = []
        for typed in query.user_ids:
            users = self._state.directory.users_as_typed(typed, query.login_type)
            if not users:
                raise EmError(CODE_USER_UNKNOWN)
            if len(users) > 1:
                raise EmError(CODE_SEVERAL_USERS)
            principal.require_right_for(users[0].user_id)
            is_other_key = query.login_type in ("SP", "DN")
            results.append(CheckUserResult(typed if is_other_key else users[0].user_id, users[0].user_id))
        return build_check_user_results(results)
