"""On which devices users and device profiles are, looked up by user and by profile."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["UserPlaces"]


class UserPlaces:
    """The devices of every user who is logged in, and of every profile in use."""

    def __init__(self) -> None:
        self._by_user: dict[str, set[str]] = {}
        self._by_profile: dict[str, set[str]] = {}

    def note(self, user_id: str, profile: str | None, device_name: str) -> None:
        """A user has arrived on a device with a profile."""
        self._by_user.setdefault(user_id, set()).add(device_name)
        if profile is not None:
            self._by_profile.setdefault(profile, set()).add(device_name)

    def forget(self, user_id: str, profile: str | None, device_name: str) -> None:
        """The user has left the device."""
        for places, key in ((self._by_user, user_id), (self._by_profile, profile)):
            if key is not None and (names := places.get(key)) is not None:
                names.discard(device_name)
                if not names:
                    del places[key]

    def devices_of(self, user_id: str) -> list[str]:
        """Names of the user's devices, sorted."""
        return sorted(self._by_user.get(user_id, ()))

    def devices_with(self, profile: str) -> Collection[str]:
        """Names of the devices that show the profile."""
        return self._by_profile.get(profile, ())
