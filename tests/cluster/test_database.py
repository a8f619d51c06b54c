"""The database: commits share flushes, a bad one fails alone, rows outlive a restart."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from emcc_emu.cluster.database import Database, DatabaseFailed, Statement
from emcc_emu.errors import LabError


def record(number: int) -> Statement:
    return "INSERT INTO call_records VALUES (?, ?)", (number, "{}")


async def test_what_was_committed_is_in_the_file(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.sqlite")
    await database.commit(record(1), record(2))
    with sqlite3.connect(tmp_path / "cluster.sqlite") as other:
        assert other.execute("SELECT count(*) FROM call_records").fetchone() == (2,)
    other.close()
    await database.close()


async def test_commits_that_wait_together_share_flushes(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.sqlite")
    await asyncio.gather(*(database.commit(record(number)) for number in range(200)))
    assert database.flush_count < 50
    await database.close()


async def test_a_bad_statement_fails_alone_and_whole(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.sqlite")
    outcomes = await asyncio.gather(
        database.commit(record(1)),
        database.commit(record(2), ("INSERT INTO nowhere VALUES (1)", ())),
        database.commit(record(3)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [type(None), DatabaseFailed, type(None)]
    assert database.read("SELECT id FROM call_records") == [(1,), (3,)]
    await database.close()


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.sqlite")
    waiting = database.commit(record(1))
    await database.close()
    await database.close()
    await waiting
    with pytest.raises(DatabaseFailed):
        await database.commit(record(2))


async def test_an_injected_failure_ends_when_it_is_taken_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.sqlite")
    database.fail("disk full")
    with pytest.raises(DatabaseFailed, match="disk full"):
        await database.commit(record(1))
    database.fail("")
    await database.commit(record(1))
    await database.close()


async def test_a_file_of_another_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cluster.sqlite"
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(LabError, match="another release"):
        Database(path)


async def test_a_path_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="nowhere"):
        Database(tmp_path / "nowhere" / "cluster.sqlite")
