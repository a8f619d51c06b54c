"""How the records of `emcc_emu.cluster.records` become SQL statements and come back from rows."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import msgspec

from emcc_emu.cluster.database import Database, Statement
from emcc_emu.cluster.records import (
    CredentialChange,
    DeviceLogin,
    EmccSession,
    Intent,
    JobRecord,
    RemoteClusterStatus,
    RemoteLogin,
)

__all__ = [
    "Rows",
    "delete_emcc_session",
    "delete_intent",
    "insert_call_record",
    "insert_intent",
    "load_rows",
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
    )


def _read(database: Database, table: str, kind: type[S]) -> list[S]:
    return [kind(*row) for row in database.read(f"SELECT * FROM {table}")]


def _decode(database: Database, query: str, kind: type[S]) -> list[S]:
    return [msgspec.json.decode(str(row[0]), type=kind) for row in database.read(query)]


def _remote_login(row: tuple[Any, ...]) -> RemoteLogin:
    fields = list(row)
    fields[7] = tuple(str(row[7]).split())
    return RemoteLogin(*fields)
