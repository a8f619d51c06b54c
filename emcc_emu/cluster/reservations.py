"""What is being changed at this moment: devices between two states, phones on their way, users who are logging in."""

from __future__ import annotations

import asyncio
import contextlib
import weakref
from collections.abc import Iterator

from emcc_emu.errors import EmError

__all__ = ["Reservations"]


class Reservations:
    """Keeps two requests from taking the same phone, and the logins of one user in a row; a base of `ClusterState`."""

    def __init__(self) -> None:
        self._in_transition: set[str] = set()
        self._leaving: set[str] = set()
        self._pointed_home: set[str] = set()
        self._user_locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    @contextlib.contextmanager
    def transition(self, device_name: str, code: int) -> Iterator[None]:
        """Hold a device while its login or logout is being written.

        Raises:
            EmError: `code`, when another login or logout of the device is under way.
        """
        if device_name in self._in_transition:
            raise EmError(code)
        self._in_transition.add(device_name)
        try:
            yield
        finally:
            self._in_transition.discard(device_name)

    def is_in_transition(self, device_name: str) -> bool:
        """Whether a login or logout of the device is being written."""
        return device_name in self._in_transition

    @contextlib.contextmanager
    def leaving(self, device_name: str) -> Iterator[None]:
        """Serve a phone its own configuration already while home is asked to end its EMCC session.

        Home resets the phone as soon as it has ended the session, and the phone may ask our TFTP service before our own
        record has gone.
        """
        self._leaving.add(device_name)
        try:
            yield
        finally:
            self._leaving.discard(device_name)

    def is_leaving(self, device_name: str) -> bool:
        """Whether home is being asked to end the EMCC session of our phone."""
        return device_name in self._leaving

    def note_pointed_home(self, device_name: str) -> None:
        """A phone of ours has been sent to the home cluster of the user who is on it."""
        self._pointed_home.add(device_name)

    def was_pointed_home(self, device_name: str) -> bool:
        """Whether the phone has been sent home since that user's login, as far as we know since our own start."""
        return device_name in self._pointed_home

    def forget_pointed_home(self, device_name: str) -> None:
        """The visit begins or is over."""
        self._pointed_home.discard(device_name)

    def user_lock(self, user_id: str) -> asyncio.Lock:
        """Serialises logins of one user, so that the multiple login rule sees them one after the other."""
        lock = self._user_locks.get(user_id)
        if lock is None:
            lock = self._user_locks[user_id] = asyncio.Lock()
        return lock
