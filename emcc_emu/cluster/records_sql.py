"""How the records of `emcc_emu.cluster.records` become SQL statements and come back from rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from emcc_emu.cluster.database import Database, Statement
from emcc_emu.cluster.records import (
    BulkWork,
    CredentialChange,
    DeviceLogin,
    EmccSession,
    Intent,
    JobRecord,
    RemoteClusterStatus,
    RemoteLogin,
)
from emcc_emu.lab.changes import Change

__all__ = [
    "Rows",
    "delete_bulk_work",
    "delete_emcc_session",
    "delete_intent",
    "insert_call_record",
    "insert_intent",
    "load_rows",
    "put_base_devices",
    "put_bulk_work",
    "put_change",
    "put_credential",
    "put_device_login",
    "put_emcc_session",
    "put_job",
    "put_remote_cluster",
    "put_remote_login",
]

S = TypeVar("S", bound=msgspec.Struct)


@dataclasses.dataclass(frozen=True, slots=True)
class Rows:
    """Everything that the database holds, call records left out."""

    logins: list[DeviceLogin]
    remote_logins: list[RemoteLogin]
    sessions: list[EmccSession]
    intents: list[Intent]
    credentials: list[CredentialChange]
    remote_clusters: list[RemoteClusterStatus]
    jobs: list[JobRecord]
    changes: list[Change]
    """What administrators changed, in the order in which it was first changed."""
    bulk_work: list[BulkWork]
    base_devices: list[int] | None
    """Numbers of the base devices; None before the first bulk job."""


def put_device_login(row: DeviceLogin) -> Statement:
    """Write who is on a device."""
    return "INSERT OR REPLACE INTO extensionmobilitydynamic VALUES (?,?,?,?,?,?,?)", msgspec.structs.astuple(row)


def put_remote_login(row: RemoteLogin) -> Statement:
    """Write who of another cluster is on our phone."""
    fields = list(msgspec.structs.astuple(row))
    fields[7] = " ".join(row.tftp_servers)
    return "INSERT OR REPLACE INTO emremotedynamic VALUES (?,?,?,?,?,?,?,?,?)", tuple(fields)


def put_emcc_session(session: EmccSession) -> Statement:
    """Write a session of our user at another cluster."""
    encoded = msgspec.json.encode(session).decode()
    return "INSERT OR REPLACE INTO emccdynamic VALUES (?,?,?)", (session.device_name, session.emcc_device, encoded)


def delete_emcc_session(device_name: str) -> Statement:
    """Remove a session."""
    return "DELETE FROM emccdynamic WHERE device = ?", (device_name,)


def insert_intent(intent: Intent) -> Statement:
    """Write an intent."""
    return "INSERT INTO intents VALUES (?,?,?,?,?,?,?,?,?)", msgspec.structs.astuple(intent)


def delete_intent(intent_id: int) -> Statement:
    """Remove an intent."""
    return "DELETE FROM intents WHERE id = ?", (intent_id,)


def put_credential(change: CredentialChange) -> Statement:
    """Write a changed PIN."""
    return "INSERT OR REPLACE INTO credentials VALUES (?,?,?)", msgspec.structs.astuple(change)


def put_remote_cluster(status: RemoteClusterStatus) -> Statement:
    """Write what we know about a remote cluster."""
    return "INSERT OR REPLACE INTO remotecluster VALUES (?,?)", (
        status.cluster_id,
        msgspec.json.encode(status).decode(),
    )


def put_job(job: JobRecord) -> Statement:
    """Write one run of a job."""
    return "INSERT OR REPLACE INTO jobs VALUES (?,?,?,?,?,?)", msgspec.structs.astuple(job)


def put_change(change: Change, number: int) -> Statement:
    """Write everything that administrators changed in one entry of the configuration.

    Args:
        change: All changes of the entry in one.
        number: Place in the order in which entries were first changed.
    """
    encoded = msgspec.json.encode(change).decode()
    return "INSERT OR REPLACE INTO configuration VALUES (?,?,?,?)", (change.section, change.name, number, encoded)


def put_bulk_work(work: BulkWork) -> Statement:
    """Write what a job is to do."""
    return "INSERT OR REPLACE INTO bulk_jobs VALUES (?,?)", (work.id, msgspec.json.encode(work).decode())


def delete_bulk_work(job_id: int) -> Statement:
    """Remove what a job was to do."""
    return "DELETE FROM bulk_jobs WHERE id = ?", (job_id,)


def put_base_devices(numbers: Iterable[int]) -> list[Statement]:
    """Write which base devices there are, in place of those written before."""
    ranges: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return [("DELETE FROM base_devices", ()), *(("INSERT INTO base_devices VALUES (?,?)", pair) for pair in ranges)]


def insert_call_record(record: object) -> Statement:
    """Write a call record, whatever its fields are."""
    return "INSERT INTO call_records (record) VALUES (?)", (msgspec.json.encode(record).decode(),)


def load_rows(database: Database) -> Rows:
    """Read everything, at the start of a cluster."""
    return Rows(
        logins=_read(database, "extensionmobilitydynamic", DeviceLogin),
        remote_logins=[_remote_login(row) for row in database.read("SELECT * FROM emremotedynamic")],
        sessions=_decode(database, "SELECT session FROM emccdynamic", EmccSession),
        intents=_read(database, "intents", Intent),
        credentials=_read(database, "credentials", CredentialChange),
        remote_clusters=_decode(database, "SELECT status FROM remotecluster", RemoteClusterStatus),
        jobs=_read(database, "jobs", JobRecord),
        changes=_decode(database, "SELECT change FROM configuration ORDER BY number", Change),
        bulk_work=_decode(database, "SELECT work FROM bulk_jobs ORDER BY id", BulkWork),
        base_devices=_base_devices(database),
    )


def _base_devices(database: Database) -> list[int] | None:
    ranges = [(int(str(first)), int(str(last))) for first, last in database.read("SELECT * FROM base_devices")]
    return [number for first, last in ranges for number in range(first, last + 1)] or None


def _read(database: Database, table: str, kind: type[S]) -> list[S]:
    return [kind(*row) for row in database.read(f"SELECT * FROM {table}")]


def _decode(database: Database, query: str, kind: type[S]) -> list[S]:
    return [msgspec.json.decode(str(row[0]), type=kind) for row in database.read(query)]


def _remote_login(row: tuple[Any, ...]) -> RemoteLogin:
    fields = list(row)
    fields[7] = tuple(str(row[7]).split())
    return RemoteLogin(*fields)
