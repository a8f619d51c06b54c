"""What a cluster knows: its configuration, who is logged in where, and what it has learned about other clusters.

Memory answers every question; each change is committed to the database first, so nothing that a client was told is
lost by a crash. A change therefore has three steps: reserve (at once, so that two requests cannot take the same
phone or base device), commit (awaited), apply. `EmError` 6 is what a failed commit becomes.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Iterator

import msgspec

from emcc_emu.cluster.configured_state import ConfiguredState
from emcc_emu.cluster.database import Database, Statement
from emcc_emu.cluster.devices import EffectiveDevice, LineAppearance, build_device
from emcc_emu.cluster.records import (
    DeviceLogin,
    EmccSession,
    Intent,
    RemoteClusterStatus,
    RemoteLogin,
)
from emcc_emu.cluster.records_sql import (
    Rows,
    delete_emcc_session,
    delete_intent,
    insert_call_record,
    insert_intent,
    load_rows,
    put_device_login,
    put_emcc_session,
    put_remote_cluster,
    put_remote_login,
)
from emcc_emu.cluster.user_places import UserPlaces
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock

__all__ = ["ClusterState"]

MAX_CALL_RECORDS = 10_000
"""Call records kept in memory for screens; the database keeps all."""


class ClusterState(ConfiguredState):
    """The whole knowledge of one cluster.

    Args:
        config: The cluster as configured.
        lab: The lab that it belongs to.
        database: Where changes are committed; its rows are loaded now.
        clock: Gives calendar time for version stamps.
    """

    def __init__(self, config: ClusterConfig, lab: Lab, *, database: Database, clock: Clock) -> None:
        rows = load_rows(database)
        super().__init__(config, lab, rows, database=database, clock=clock)
        self.remote_clusters: dict[str, RemoteClusterStatus] = {}
        """By cluster ID: what the last update of each remote cluster said."""
        self.call_records: collections.deque[object] = collections.deque(maxlen=MAX_CALL_RECORDS)
        self.device_listeners: list[Callable[[str], None]] = []
        """Called with a device name whenever what `device` answers for it has changed."""
        self._logins: dict[str, DeviceLogin] = {}
        self._remote_logins: dict[str, RemoteLogin] = {}
        self._sessions: dict[str, EmccSession] = {}
        self._intents: dict[int, Intent] = {}
        self._places = UserPlaces()
        self._effective: dict[str, EffectiveDevice] = {}
        self._next_intent = 1
        self._load(rows)

    # ------------------------------------------------------------------ devices and numbers

    def device(self, name: str) -> EffectiveDevice | None:
        """The device as it is now: a phone as configured, overlaid by a login, or a visitor's temporary device.

        Args:
            name: Device name, compared without regard to case.

        Returns:
            None when no such device can register here. A phone of ours that is logged in to another cluster is still
            its own configured self; `visiting_session` tells.
        """
        name = name.upper()
        effective = self._effective.get(name)
        if effective is None:
            effective = self._build(name)
            if effective is not None:
                self._effective[name] = effective
        return effective

    def find_directory_number(self, number: str, partition: str) -> list[LineAppearance]:
        """Every line of a device, as it is now, that carries the number in the partition ("" is no partition)."""
        names = set(self.directory.phones_with_line(number, partition))
        for profile in self.directory.profiles_with_line(number, partition):
            names.update(self._places.devices_with(profile))
            names.update(self.directory.phones_with_logout_profile(profile))
        found = []
        for name in sorted(names):
            device = self.device(name)
            if device is None:
                continue
            found += [
                LineAppearance(device.name, line.index)
                for line in device.lines
                if line.directory_number == number and line.partition == partition
            ]
        return found

    def _build(self, name: str) -> EffectiveDevice | None:
        session = self._sessions.get(name)
        login = self._logins.get(name)
        return build_device(self.config, self.directory, name, login=login, session=session, stamp_s=self.stamp_s(name))

    def stamp_s(self, device_name: str) -> int:
        """The number in the version stamp of the device's configuration file."""
        rows = (self._logins.get(device_name), self._remote_logins.get(device_name), self._sessions.get(device_name))
        return int(max([self.configured_s, *(row.stamp_s for row in rows if row is not None)]))

    def _next_stamp(self, device_name: str) -> float:
        stamp_s = max(int(self.clock.time()), self.stamp_s(device_name) + 1)
        self.newest_stamp_s = max(self.newest_stamp_s, stamp_s)
        return float(stamp_s)

    def _config_replaced(self) -> None:
        self._effective.clear()

    def _changed(self, device_name: str) -> None:
        self._effective.pop(device_name, None)
        for listener in self.device_listeners:
            listener(device_name)

    # ------------------------------------------------------------------ who is where

    def login(self, device_name: str) -> DeviceLogin | None:
        """Who is, or was last, on a device of this cluster or on an EMCC base device; None when nobody ever was."""
        return self._logins.get(device_name)

    def visiting_session(self, device_name: str) -> RemoteLogin | None:
        """The user of another cluster who is on our phone; None when there is none."""
        row = self._remote_logins.get(device_name)
        return row if row is not None and row.user_id is not None else None

    def last_user(self, device_name: str) -> str | None:
        """Who was on a device of ours before whoever is on it now, be it our user or another cluster's."""
        rows = [row for row in (self._logins.get(device_name), self._remote_logins.get(device_name)) if row is not None]
        return max(rows, key=lambda row: row.stamp_s).last_user_id if rows else None

    def home_session(self, device_name: str) -> EmccSession | None:
        """Our user's session on this phone of another cluster."""
        return self._sessions.get(device_name)

    def user_on(self, device_name: str) -> str | None:
        """Whoever is logged in on the device, in whatever way; None when nobody is."""
        session = self._sessions.get(device_name) or self.visiting_session(device_name) or self._logins.get(device_name)
        return session.user_id if session is not None else None

    def is_in_use(self, device_name: str) -> bool:
        """Whether somebody is on the device, or a login or logout of it is being written."""
        return device_name in self._in_transition or self.user_on(device_name) is not None

    def logins(self) -> Iterator[DeviceLogin]:
        """Everybody who is logged in at a device of this cluster, base devices left out."""
        return (
            row for row in list(self._logins.values()) if row.user_id and not self.base_devices.has(row.device_name)
        )

    def remote_logins(self) -> Iterator[RemoteLogin]:
        """Every phone of ours with a user of another cluster."""
        return (row for row in list(self._remote_logins.values()) if row.user_id)

    def home_sessions(self) -> Iterator[EmccSession]:
        """Every session of our users at other clusters."""
        return iter(list(self._sessions.values()))

    def devices_of_user(self, user_id: str) -> list[str]:
        """Names of the devices, here or at other clusters, on which our user is logged in, sorted."""
        return self._places.devices_of(user_id)

    def devices_with_profile(self, profile: str) -> list[str]:
        """Names of the devices that show a device profile because somebody is logged in, sorted."""
        return sorted(self._places.devices_with(profile))

    # ------------------------------------------------------------------ changes: in-cluster logins

    async def log_in(self, device_name: str, user_id: str, profile: str, duration_s: float) -> DeviceLogin:
        """Write that a user is on a device of this cluster.

        Raises:
            EmError: 6, the database failed.
        """
        row = self._new_login(device_name, user_id, profile, duration_s)
        await self._commit(put_device_login(row), operation="login")
        self._apply_login(row)
        return row

    async def log_out(self, device_name: str) -> DeviceLogin:
        """Write that nobody is on a device of this cluster any more; returns the row as it was.

        Raises:
            EmError: 6, the database failed.
        """
        before = self._logins[device_name]
        row = self._ended_login(before)
        await self._commit(put_device_login(row), operation="login")
        self._apply_login(row)
        return before

    def _new_login(self, device_name: str, user_id: str, profile: str, duration_s: float) -> DeviceLogin:
        return DeviceLogin(
            device_name=device_name,
            user_id=user_id,
            last_user_id=self.last_user(device_name),
            profile=profile,
            login_time_s=float(int(self.clock.time())),
            login_duration_s=duration_s,
            stamp_s=self._next_stamp(device_name),
        )

    def _ended_login(self, before: DeviceLogin) -> DeviceLogin:
        return DeviceLogin(
            device_name=before.device_name,
            last_user_id=before.user_id,
            stamp_s=self._next_stamp(before.device_name),
        )

    def _apply_login(self, row: DeviceLogin) -> None:
        before = self._logins.get(row.device_name)
        if before is not None and before.user_id is not None:
            self._places.forget(before.user_id, before.profile, row.device_name)
        self._logins[row.device_name] = row
        if row.user_id is not None and not self.base_devices.has(row.device_name):
            self._places.note(row.user_id, row.profile, row.device_name)
        self._changed(row.device_name)

    # ------------------------------------------------------------------ changes: EMCC sessions at home

    async def open_home_session(self, session: EmccSession) -> EmccSession:
        """Write that our user is on a phone of another cluster; the base device is already taken.

        Raises:
            EmError: 6, the database failed.
        """
        last = self._logins.get(session.emcc_device)
        session = msgspec.structs.replace(session, stamp_s=self._next_stamp(session.device_name))
        base = DeviceLogin(
            device_name=session.emcc_device,
            user_id=session.user_id,
            last_user_id=last.last_user_id if last is not None else None,
            profile=session.profile,
            login_time_s=session.login_time_s,
            login_duration_s=session.login_duration_s,
            stamp_s=session.stamp_s,
        )
        await self._commit(put_emcc_session(session), put_device_login(base), operation="login")
        self._sessions[session.device_name] = session
        self._places.note(session.user_id, session.profile, session.device_name)
        self._apply_login(base)
        self._changed(session.device_name)
        return session

    async def close_home_session(self, device_name: str, intent: Intent | None = None) -> EmccSession:
        """Write that the session is over and free its base device; with the intent to tell the visiting cluster.

        Raises:
            EmError: 6, the database failed.
        """
        session = self._sessions[device_name]
        base = self._ended_login(self._logins[session.emcc_device])
        statements = [delete_emcc_session(device_name), put_device_login(base)]
        if intent is not None:
            statements.append(insert_intent(intent))
        await self._commit(*statements, operation="login")
        if intent is not None:
            self._intents[intent.id] = intent
        del self._sessions[device_name]
        self._places.forget(session.user_id, session.profile, device_name)
        self._apply_login(base)
        self.base_devices.free(session.emcc_device)
        self._changed(device_name)
        return session

    # ------------------------------------------------------------------ changes: remote logins at visiting

    async def open_visiting_session(self, row: RemoteLogin, intent: Intent | None = None) -> RemoteLogin:
        """Write that a user of another cluster is on our phone, and that the intent was carried out.

        Raises:
            EmError: 6, the database failed.
        """
        row = msgspec.structs.replace(
            row,
            last_user_id=self.last_user(row.device_name),
            stamp_s=self._next_stamp(row.device_name),
        )
        await self._commit(put_remote_login(row), *_deletions(intent), operation="login")
        self._remote_logins[row.device_name] = row
        self.forget_pointed_home(row.device_name)
        self._forget_intent(intent)
        self._changed(row.device_name)
        return row

    async def close_visiting_session(self, device_name: str, intent: Intent | None = None) -> RemoteLogin:
        """Write that nobody of another cluster is on our phone any more, and that the intent was carried out.

        Raises:
            EmError: 6, the database failed.
        """
        before = self._remote_logins[device_name]
        row = RemoteLogin(device_name, last_user_id=before.user_id, stamp_s=self._next_stamp(device_name))
        await self._commit(put_remote_login(row), *_deletions(intent), operation="login")
        self._remote_logins[device_name] = row
        self.forget_pointed_home(device_name)
        self._forget_intent(intent)
        self._changed(device_name)
        return before

    # ------------------------------------------------------------------ intents

    def new_intent(
        self,
        kind: str,
        device_name: str,
        user_id: str,
        cluster_id: str,
        *,
        url: str = "",
        reason: str = "",
        session_stamp_s: float = 0.0,
    ) -> Intent:
        """An intent with its own number, not yet written."""
        self._next_intent += 1
        number, now_s = self._next_intent - 1, float(self.clock.time())
        return Intent(number, kind, device_name, user_id, cluster_id, url, reason, now_s, session_stamp_s)

    async def add_intent(self, intent: Intent) -> None:
        """Write an intent before the other cluster is asked.

        Raises:
            EmError: 6, the database failed.
        """
        await self._commit(insert_intent(intent))
        self._intents[intent.id] = intent

    async def remove_intent(self, intent: Intent) -> None:
        """Write that both clusters agree about the outcome.

        Raises:
            EmError: 6, the database failed.
        """
        if intent.id in self._intents:
            await self._commit(delete_intent(intent.id))
            self._forget_intent(intent)

    def intents(self) -> list[Intent]:
        """Intents of which the outcome is not known at both clusters."""
        return list(self._intents.values())

    def is_open(self, intent: Intent) -> bool:
        """Whether the outcome of an intent is still unknown somewhere."""
        return intent.id in self._intents

    def _forget_intent(self, intent: Intent | None) -> None:
        if intent is not None:
            self._intents.pop(intent.id, None)

    # ------------------------------------------------------------------ remote clusters, calls

    def remote_cluster(self, cluster_id: str) -> RemoteClusterStatus | None:
        """What we know about another cluster; None when it is not configured here."""
        return self.remote_clusters.get(cluster_id)

    async def put_remote_cluster(self, status: RemoteClusterStatus) -> None:
        """Write what an update said about a remote cluster.

        Raises:
            EmError: 6, the database failed.
        """
        await self._commit(put_remote_cluster(status))
        self.remote_clusters[status.cluster_id] = status

    def write_call_record(self, record: object) -> asyncio.Future[None]:
        """Write a call record (any dataclass or Struct); the future is done when it is on the disk."""
        self.call_records.append(record)
        return self.database.commit(insert_call_record(record))

    # ------------------------------------------------------------------ inside

    def _load(self, rows: Rows) -> None:
        self._logins = {row.device_name: row for row in rows.logins}
        self._remote_logins = {row.device_name: row for row in rows.remote_logins}
        self._sessions = {row.device_name: row for row in rows.sessions}
        self._intents = {row.id: row for row in rows.intents}
        self.remote_clusters.update({row.cluster_id: row for row in rows.remote_clusters})
        self._next_intent = max(self._intents, default=0) + 1
        for login in self.logins():
            if login.user_id is not None:
                self._places.note(login.user_id, login.profile, login.device_name)
        for session in self._sessions.values():
            self.base_devices.take_named(session.emcc_device)
            self._places.note(session.user_id, session.profile, session.device_name)


def _deletions(intent: Intent | None) -> list[Statement]:
    return [] if intent is None else [delete_intent(intent.id)]
