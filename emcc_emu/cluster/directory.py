"""Look-ups over a cluster's configuration: users by what a person types, devices by name, lines by number."""

from __future__ import annotations

from collections.abc import Sequence

from emcc_emu.lab.model import ClusterConfig, DeviceProfile, PhoneConfig, User
from emcc_emu.wire.em_form import decode_user_id

__all__ = ["Directory"]

LineKey = tuple[str, str]
"""Directory number and partition."""


class Directory:
    """Indexes of one cluster's configuration. Names are compared without regard to case.

    Args:
        config: The cluster as configured; a changed configuration needs a new directory.
    """

    def __init__(self, config: ClusterConfig) -> None:
        self._phones = {phone.name.upper(): phone for phone in config.phones}
        self._profiles = {profile.name: profile for profile in config.device_profiles}
        self._users = {user.user_id.lower(): user for user in config.users}
        self._by_extension: dict[str, list[User]] = {}
        self._by_self_service: dict[str, list[User]] = {}
        self._phones_by_line: dict[LineKey, list[str]] = {}
        self._profiles_by_line: dict[LineKey, list[str]] = {}
        self._phones_by_logout_profile: dict[str, list[str]] = {}
        self._phones_by_logout_user: dict[str, list[str]] = {}
        for user in config.users:
            if user.primary_extension:
                self._by_extension.setdefault(user.primary_extension, []).append(user)
            if user.self_service_id:
                self._by_self_service.setdefault(user.self_service_id, []).append(user)
        for name, phone in self._phones.items():
            for line in phone.lines:
                self._phones_by_line.setdefault((line.directory_number, line.partition), []).append(name)
            if phone.logout_profile:
                self._phones_by_logout_profile.setdefault(phone.logout_profile, []).append(name)
            logout_user = self.logout_user(name)
            if logout_user is not None:
                self._phones_by_logout_user.setdefault(logout_user, []).append(name)
        for profile in config.device_profiles:
            for line in profile.lines:
                self._profiles_by_line.setdefault((line.directory_number, line.partition), []).append(profile.name)

    def phone(self, device_name: str) -> PhoneConfig | None:
        """The phone of that name."""
        return self._phones.get(device_name.upper())

    def profile(self, name: str) -> DeviceProfile | None:
        """The device profile of that name, which is compared with case."""
        return self._profiles.get(name)

    def user(self, user_id: str) -> User | None:
        """The user with exactly this ID, but for case."""
        return self._users.get(user_id.lower())

    def user_as_asked(self, text: str) -> User | None:
        """The user whom a request names: by the literal text, else by the percent-decoded text."""
        return self.user(text) or (self.user(decode_user_id(text)) if "%" in text or "+" in text else None)

    def users_as_typed(self, text: str, login_type: str | None) -> Sequence[User]:
        """The users whom a person means by what was typed: several when an extension is primary for several.

        Args:
            text: User ID, extension or self-service ID.
            login_type: `DN` for an extension, `SP` for a self-service ID, else a user ID.
        """
        if login_type == "DN":
            return self._by_extension.get(text, ())
        if login_type == "SP":
            return self._by_self_service.get(text, ())
        user = self.user_as_asked(text)
        return () if user is None else (user,)

    def profiles_of(self, user: User) -> list[DeviceProfile]:
        """The controlled profiles of a user, the default one first, then by name."""
        names = sorted(set(user.profiles), key=lambda name: (name != user.default_profile, name))
        return [profile for name in names if (profile := self._profiles.get(name)) is not None]

    def phones_with_line(self, number: str, partition: str) -> Sequence[str]:
        """Names of the phones whose own configuration has the line."""
        return self._phones_by_line.get((number, partition), ())

    def profiles_with_line(self, number: str, partition: str) -> Sequence[str]:
        """Names of the device profiles that have the line."""
        return self._profiles_by_line.get((number, partition), ())

    def phones_with_logout_profile(self, profile: str) -> Sequence[str]:
        """Names of the phones that show the profile while nobody is logged in."""
        return self._phones_by_logout_profile.get(profile, ())

    def logout_user(self, device_name: str) -> str | None:
        """Whom the phone belongs to while nobody logs in: the Login User Id of its logout profile (guide, table 1)."""
        phone = self.phone(device_name)
        profile = self._profiles.get(phone.logout_profile) if phone is not None and phone.logout_profile else None
        return profile.login_user_id or None if profile is not None else None

    def phones_of_logout_user(self, user_id: str) -> Sequence[str]:
        """Names of the phones that belong to the user while nobody logs in."""
        return self._phones_by_logout_user.get(user_id, ())
