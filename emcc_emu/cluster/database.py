"""The cluster's database: SQLite behind one writer thread that groups commits.

Reads never come here: memory is the truth while the cluster runs, the file is the truth after a crash. A login
waits until its rows are on the disk, but not alone: whatever queues up while one flush runs goes into the next
one, so a thousand logins a second do not cost a thousand flushes.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from emcc_emu.errors import EmccEmuError, LabError

__all__ = ["Database", "DatabaseFailed", "SqlValue", "Statement"]

SqlValue: TypeAlias = str | int | float | bytes | None
Statement: TypeAlias = tuple[str, tuple[SqlValue, ...]]
"""One SQL statement and its parameters."""

MAX_STATEMENTS_PER_FLUSH = 1000
"""Requests that share one flush at most, so that the first of them does not wait for an endless group."""

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS extensionmobilitydynamic (
    device TEXT PRIMARY KEY, user TEXT, last_user TEXT, profile TEXT,
    login_time_s REAL NOT NULL, login_duration_s REAL NOT NULL, stamp_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS emremotedynamic (
    device TEXT PRIMARY KEY, user TEXT, last_user TEXT, login_time_s REAL NOT NULL,
    home_cluster_id TEXT, home_url TEXT, emcc_device TEXT, tftp_servers TEXT, stamp_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS emccdynamic (
    device TEXT PRIMARY KEY, emcc_device TEXT NOT NULL UNIQUE, session TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS intents (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, device TEXT NOT NULL, user TEXT NOT NULL,
    cluster_id TEXT NOT NULL, url TEXT NOT NULL, reason TEXT NOT NULL, created_s REAL NOT NULL,
    session_stamp_s REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS credentials (
    user TEXT PRIMARY KEY, salt BLOB NOT NULL, pin_digest BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS remotecluster (
    cluster_id TEXT PRIMARY KEY, status TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS jobs (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, due_s REAL NOT NULL, started_s REAL, finished_s REAL,
    result TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS configuration (
    section TEXT NOT NULL, name TEXT NOT NULL, number INTEGER NOT NULL, change TEXT NOT NULL,
    PRIMARY KEY (section, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bulk_jobs (id INTEGER PRIMARY KEY, work TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS base_devices (first INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS call_records (id INTEGER PRIMARY KEY, record TEXT NOT NULL);
"""


class DatabaseFailed(EmccEmuError):
    """A statement could not be committed; nothing of its request is in the file."""


class _Request:
    __slots__ = ("future", "statements")

    def __init__(self, statements: Sequence[Statement], future: asyncio.Future[None]) -> None:
        self.statements = statements
        self.future = future


class Database:
    """One SQLite file, opened at once, written by its own thread.

    Args:
        path: The file; made when missing.

    Raises:
        LabError: The file cannot be opened or is not ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection = _open(path)
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._is_closed = False
        self._failure = ""
        self.flush_count = 0
        """Flushes since the file was opened; fewer than commits when many wait at once."""
        self._thread = threading.Thread(target=self._write, name=f"database {path.name}", daemon=True)
        self._thread.start()

    def fail(self, reason: str) -> None:
        """Make every following commit fail with `reason`, as a full disk or a lost volume would; "" ends it."""
        self._failure = reason

    def read(self, sql: str) -> list[tuple[SqlValue, ...]]:
        """All rows of a query; meant for the start, before the first commit."""
        return self._connection.execute(sql).fetchall()

    def commit(self, *statements: Statement) -> asyncio.Future[None]:
        """Write the statements together; the future is done when they are on the disk.

        The future may be dropped by callers who need no word of it. It fails with `DatabaseFailed`, and then none of
        the statements took effect.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        future.add_done_callback(_mark_seen)
        if self._is_closed or self._failure:
            future.set_exception(DatabaseFailed(self._failure or "the database is closed"))
        else:
            self._queue.put(_Request(statements, future))
        return future

    async def close(self) -> None:
        """Write what is queued, then close the file. May be called again."""
        if self._is_closed:
            return
        self._is_closed = True
        done = self._loop.create_future()
        self._queue.put(_Request((), done))
        self._queue.put(None)
        await done
        self._thread.join()
        self._connection.close()

    def _write(self) -> None:
        while (request := self._queue.get()) is not None:
            group = [request]
            is_last = False
            with contextlib.suppress(queue.Empty):
                while len(group) < MAX_STATEMENTS_PER_FLUSH:
                    following = self._queue.get_nowait()
                    if following is None:
                        is_last = True
                        break
                    group.append(following)
            self._report(self._commit_group(group))
            if is_last:
                return

    def _commit_group(self, group: list[_Request]) -> list[tuple[asyncio.Future[None], Exception | None]]:
        statements = [statement for request in group for statement in request.statements]
        error = self._try_commit(statements)
        if error is None or len(group) == 1:
            return [(request.future, error) for request in group]
        # One bad request must not fail the others that happened to share its flush.
        return [(request.future, self._try_commit(request.statements)) for request in group]

    def _try_commit(self, statements: Sequence[Statement]) -> Exception | None:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            for sql, parameters in statements:
                connection.execute(sql, parameters)
            connection.execute("COMMIT")
            self.flush_count += 1
            return None
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            return DatabaseFailed(str(error))

    def _report(self, outcomes: list[tuple[asyncio.Future[None], Exception | None]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed without closing us
            self._loop.call_soon_threadsafe(_resolve, outcomes)


def _resolve(outcomes: list[tuple[asyncio.Future[None], Exception | None]]) -> None:
    for future, error in outcomes:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _mark_seen(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


def _open(path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, SCHEMA_VERSION):
            connection.close()
            raise LabError(f"{path} was written by another release (schema {version}, this one has {SCHEMA_VERSION})")
        connection.executescript(f"BEGIN;{SCHEMA}COMMIT;")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    except sqlite3.Error as error:
        raise LabError(f"cannot open the database {path}: {error}") from error
    return connection
