"""Calendar time can be moved, and the work that is due on the way is done before the move returns."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

import pytest

from emcc_emu.net.clock import Clock, RanWork


@pytest.fixture
async def clock() -> AsyncIterator[Clock]:
    clock = Clock()
    yield clock
    await clock.close()


async def test_advancing_runs_what_is_due_in_turn_and_says_so(clock: Clock) -> None:
    start_s = clock.time()
    seen: list[tuple[str, float]] = []

    async def note(name: str) -> None:
        await asyncio.sleep(0)
        seen.append((name, round(clock.time() - start_s)))

    clock.schedule(start_s + 7200, "second", lambda: note("second"))
    clock.schedule(start_s + 3600, "first", lambda: note("first"))
    clock.schedule(start_s + 9000, "later", lambda: note("later"))
    ran = await clock.advance(8000)
    assert ran == [RanWork("first", start_s + 3600), RanWork("second", start_s + 7200)]
    assert seen == [("first", 3600), ("second", 7200)]
    assert round(clock.time() - start_s) == 8000
    assert round(clock.offset_s) == 8000


async def test_work_scheduled_on_the_way_runs_too(clock: Clock) -> None:
    count = 0

    async def again() -> None:
        nonlocal count
        count += 1
        clock.schedule(clock.time() + 600, "again", again)

    clock.schedule(clock.time() + 600, "again", again)
    await clock.advance(3601)
    assert count == 6


async def test_cancelled_work_never_runs(clock: Clock) -> None:
    async def fail() -> None:
        raise AssertionError

    timer = clock.schedule(clock.time() + 1, "cancelled", fail)
    timer.cancel()
    assert await clock.advance(10) == []


async def test_due_work_starts_by_itself(clock: Clock) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    clock.schedule(clock.time() - 1, "overdue", work)
    await asyncio.wait_for(done.wait(), 2)


async def test_wire_time_does_not_move(clock: Clock) -> None:
    before = clock.now()
    await clock.advance(100_000)
    assert clock.now() - before < 5


async def test_closing_cancels_what_runs(clock: Clock) -> None:
    started = asyncio.Event()

    async def forever() -> None:
        started.set()
        await asyncio.Event().wait()

    clock.schedule(clock.time(), "forever", forever)
    await started.wait()
    await clock.close()


async def test_several_processes_move_to_the_same_offset_and_say_what_is_due_next(clock: Clock) -> None:
    ran: list[float] = []

    async def work() -> None:
        ran.append(clock.offset_s)

    assert clock.next_due_s() == math.inf
    clock.schedule(clock.time() + 5, "cancelled", work).cancel()
    due_s = clock.time() + 100
    clock.schedule(due_s, "work", work)
    assert clock.next_due_s() == due_s
    assert await clock.move_offset(99.0) == []
    assert [work.name for work in await clock.move_offset(101.0)] == ["work"]
    assert (ran, clock.offset_s) == ([101.0], 101.0)
    assert await clock.move_offset(50.0) == []
    assert clock.offset_s == 101.0


async def test_work_that_came_due_by_itself_between_two_moves_is_told_too() -> None:
    clock, done = Clock(), asyncio.Event()
    begin_s = clock.time()

    async def work() -> None:
        done.set()

    clock.schedule(begin_s + 10.0, "update", work)
    assert await clock.move_offset(9.999, begin_s) == []
    await done.wait()
    assert [ran.name for ran in await clock.move_offset(20.0, begin_s)] == ["update"]
    assert await clock.move_offset(30.0, begin_s) == []
    await clock.close()
