"""What administrators decide about a cluster: its configuration, the PINs of its users, its jobs.

The lab file says how a cluster begins; what was changed since is kept in its database and done again at its next start.
"""

from __future__ import annotations

import asyncio
import collections
import hmac
from collections.abc import Callable, Collection, Sequence

import structlog

from emcc_emu.cluster.base_devices import BaseDevices
from emcc_emu.cluster.credentials import is_pin_of, new_credential
from emcc_emu.cluster.database import Database, DatabaseFailed, Statement
from emcc_emu.cluster.directory import Directory
from emcc_emu.cluster.records import BulkWork, CredentialChange, JobRecord
from emcc_emu.cluster.records_sql import (
    Rows,
    delete_bulk_work,
    put_base_devices,
    put_bulk_work,
    put_change,
    put_credential,
    put_job,
)
from emcc_emu.cluster.reservations import Reservations
from emcc_emu.errors import EmError, InputError
from emcc_emu.lab.changes import Change, apply_change, merge_changes
from emcc_emu.lab.faults import DatabaseOperation
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from emcc_emu.net.faults import FaultBoard

__all__ = ["ConfiguredState"]

log = structlog.get_logger()

MAX_JOB_RECORDS = 1_000
"""Jobs kept in memory for screens; the database keeps all."""

CODE_DATABASE_ERROR = 6

USERS = "users"


class ConfiguredState(Reservations):
    """The part of a cluster's knowledge that administrators change; a base of `ClusterState`.

    Args:
        config: The cluster as the lab file has it.
        lab: The lab that it belongs to.
        rows: What the database holds.
        database: Where changes are committed.
        clock: Gives calendar time for version stamps.
    """

    def __init__(self, config: ClusterConfig, lab: Lab, rows: Rows, *, database: Database, clock: Clock) -> None:
        super().__init__()
        self.database = database
        self.clock = clock
        self.lab = _lab_with_changes(lab, config.name, rows.changes)
        self.config = self.lab.by_name[config.name] if rows.changes else config
        self.directory = Directory(self.config)
        self.faults = FaultBoard(config.name, self.lab)
        """What goes wrong on purpose."""
        self.own_addresses = frozenset(node.address for node in config.nodes)
        """Addresses of the cluster's nodes."""
        numbers = rows.base_devices
        self.base_devices = BaseDevices(range(1, self.config.base_devices.count + 1) if numbers is None else numbers)
        self.configured_s = int(clock.time())
        """Calendar time of the last change that phones may notice; part of every version stamp."""
        stamps = [row.stamp_s for row in rows.logins] + [row.stamp_s for row in rows.remote_logins]
        stamps += [row.stamp_s for row in rows.sessions]
        self.newest_stamp_s = max(self.configured_s, int(max(stamps, default=0)))
        """Newest version stamp of any device."""
        self.config_listeners: list[Callable[[ClusterConfig], None]] = []
        """Called with the configuration as it was, after each change of it."""
        self.jobs: collections.deque[JobRecord] = collections.deque(rows.jobs, maxlen=MAX_JOB_RECORDS)
        self.bulk_work: dict[int, BulkWork] = {work.id: work for work in rows.bulk_work}
        """What the bulk jobs that have not run yet are to do, by job."""
        self._next_job = max((job.id for job in rows.jobs), default=0) + 1
        self._credentials: dict[str, CredentialChange] = {row.user_id: row for row in rows.credentials}
        self._changes: dict[tuple[str, str], tuple[int, Change]] = {}
        self._must_change_pin: dict[str, bool] = {}
        """By user: what an administrator said of it, which a change of the PIN settles."""
        for number, change in enumerate(rows.changes):
            self._note_change(number, change)

    # ------------------------------------------------------------------ credentials

    def is_pin_right(self, user_id: str, pin: str) -> bool:
        """Whether this is the PIN of one of our users, changed ones included."""
        user = self.directory.user(user_id)
        if user is not None and user.locked:
            return False
        change = self._credentials.get(user_id)
        if change is not None:
            return is_pin_of(change, pin)
        return user is not None and hmac.compare_digest(user.pin.encode(), pin.encode())

    def must_change_pin(self, user_id: str) -> bool:
        """Whether the user has to change the PIN before the next login."""
        said = self._must_change_pin.get(user_id)
        if said is not None:
            return said
        user = self.directory.user(user_id)
        return user is not None and user.pin_must_change and user_id not in self._credentials

    async def change_pin(self, user_id: str, pin: str) -> None:
        """Write a new PIN.

        Raises:
            EmError: 6, the database failed.
        """
        credential = new_credential(user_id, pin)
        if not self._must_change_pin.get(user_id):
            await self._commit(put_credential(credential))
        else:
            settled = Change(section=USERS, name=user_id, values={"pin_must_change": False})
            await self.keep_change(settled, put_credential(credential))
        self._credentials[user_id] = credential

    # ------------------------------------------------------------------ configuration

    async def reconfigure(self, change: Change, lab: Lab, *, pin: str | None = None) -> None:
        """Write an administrator's change and let it take effect.

        Args:
            change: What was changed, without a PIN.
            lab: The lab as it is with the change.
            pin: The user's new PIN, if that is part of the change; only a salted digest of it is kept.

        Raises:
            EmError: 6, the database failed.
        """
        credential = None if pin is None else new_credential(change.name, pin)
        await self.keep_change(change, *([] if credential is None else [put_credential(credential)]))
        if credential is not None:
            self._credentials[change.name] = credential
        self._replace_config(lab, is_of_devices=change.section != USERS)

    async def keep_change(self, change: Change, *statements: Statement) -> None:
        """Write a change, with what belongs to it, for the next start of the cluster.

        Raises:
            EmError: 6, the database failed.
        """
        key = change.section, change.name
        number, before = self._changes.get(key, (len(self._changes), None))
        merged = merge_changes(before, change)
        await self._commit(put_change(merged, number), *statements)
        self._note_change(number, merged)

    def _note_change(self, number: int, change: Change) -> None:
        self._changes[change.section, change.name] = (number, change)
        if change.section == USERS and "pin_must_change" in change.values:
            self._must_change_pin[change.name] = change.values["pin_must_change"] is True

    def _replace_config(self, lab: Lab, *, is_of_devices: bool) -> None:
        before = self.config
        self.lab = lab
        self.config = lab.by_name[before.name]
        self.directory = Directory(self.config)
        self.faults.take_lab(lab)
        if is_of_devices:
            self.configured_s = max(int(self.clock.time()), self.newest_stamp_s + 1)
            self.newest_stamp_s = self.configured_s
        self._config_replaced()
        for listener in self.config_listeners:
            listener(before)

    def _config_replaced(self) -> None:
        """Forget what was derived from the configuration before."""

    async def change_base_devices(
        self, job: JobRecord, lab: Lab, *, insert: Collection[int] = (), delete: Collection[int] = ()
    ) -> None:
        """Write which base devices there are now, and the job that changed it.

        Raises:
            EmError: 6, the database failed.
        """
        numbers = self.base_devices.numbers() - set(delete) | set(insert)
        count = Change(section="base_devices", values={"count": len(numbers)})
        self.base_devices.delete(delete)  # at once, so that no login takes one meanwhile
        try:
            await self.keep_change(count, *put_base_devices(numbers), put_job(job), delete_bulk_work(job.id))
        except EmError:
            self.base_devices.insert(delete)
            raise
        self.base_devices.insert(insert)
        self._replace_config(lab, is_of_devices=False)
        self._note_job(job)

    # ------------------------------------------------------------------ jobs

    async def write_job(self, name: str, due_s: float, started_s: float, result: str) -> JobRecord:
        """Write one finished run of a job."""
        job = JobRecord(self.next_job_id(), name, due_s, started_s, self.clock.time(), result)
        await self.put_job(job)
        return job

    def next_job_id(self) -> int:
        """A number that no job has."""
        self._next_job += 1
        return self._next_job - 1

    async def put_job(self, job: JobRecord, work: BulkWork | None = None) -> None:
        """Write a job in place of what was written of it before, with what it is to do while it has not run.

        Raises:
            EmError: 6, the database failed.
        """
        await self._commit(put_job(job), delete_bulk_work(job.id) if work is None else put_bulk_work(work))
        self._note_job(job)
        if work is not None:
            self.bulk_work[job.id] = work

    def _note_job(self, job: JobRecord) -> None:
        self.bulk_work.pop(job.id, None)
        for index, entry in enumerate(self.jobs):
            if entry.id == job.id:
                self.jobs[index] = job
                return
        self.jobs.append(job)

    async def _commit(self, *statements: Statement, operation: DatabaseOperation = "write") -> None:
        if self.faults.database_fails(operation):
            raise EmError(CODE_DATABASE_ERROR)
        try:
            await asyncio.shield(self.database.commit(*statements))
        except DatabaseFailed as error:
            raise EmError(CODE_DATABASE_ERROR) from error


def _lab_with_changes(lab: Lab, cluster_name: str, changes: Sequence[Change]) -> Lab:
    """The lab with kept changes made again; one that no longer fits the lab file is left out."""
    for change in changes:
        try:
            lab = apply_change(lab, cluster_name, change)
        except InputError as error:
            log.warning(
                "change_left_out", cluster=cluster_name, section=change.section, name=change.name, why=str(error)
            )
    return lab
