"""Deadlines hand things back on time, in order, once."""

import math
import random

from emcc_emu.protocol.deadlines import TICK_S, Deadlines, Timed


def test_an_empty_set_never_wants_waking():
    deadlines = Deadlines[Timed]()
    assert deadlines.next_deadline() == math.inf
    assert deadlines.take_due(1e9) == []
    assert len(deadlines) == 0


def test_hands_back_at_the_deadline_and_not_before():
    deadlines, item = Deadlines[Timed](), Timed()
    deadlines.set(item, 100.5)
    assert deadlines.next_deadline() == 100.5
    assert deadlines.take_due(100.49) == []
    assert item.is_waiting
    assert deadlines.take_due(100.5) == [item]
    assert not item.is_waiting


def test_fires_at_most_one_tick_late():
    deadlines, item = Deadlines[Timed](), Timed()
    deadlines.set(item, 100.501)
    assert 100.501 <= deadlines.next_deadline() < 100.501 + TICK_S


def test_a_new_deadline_replaces_the_old_one():
    deadlines, item = Deadlines[Timed](), Timed()
    deadlines.set(item, 5.0)
    deadlines.set(item, 9.0)
    deadlines.set(item, 9.0)
    assert len(deadlines) == 1
    assert deadlines.take_due(8.0) == []
    deadlines.set(item, 3.0)
    assert deadlines.next_deadline() == 3.0
    deadlines.set(item, math.inf)
    assert deadlines.next_deadline() == math.inf


def test_a_cancelled_item_is_gone_and_may_be_cancelled_again():
    deadlines, item, other = Deadlines[Timed](), Timed(), Timed()
    deadlines.set(item, 5.0)
    deadlines.set(other, 6.0)
    deadlines.cancel(item)
    deadlines.cancel(item)
    assert deadlines.next_deadline() == 6.0
    assert deadlines.take_due(10.0) == [other]


def test_deadline_zero_is_a_deadline():
    deadlines, item = Deadlines[Timed](), Timed()
    deadlines.set(item, 0.0)
    assert item.is_waiting
    assert deadlines.take_due(0.0) == [item]


def test_many_random_changes_agree_with_a_plain_table():
    rng = random.Random(7)
    deadlines = Deadlines[Timed]()
    items = [Timed() for _ in range(50)]
    table: dict[Timed, float] = {}
    now = 1000.0
    for _ in range(5000):
        item, action = rng.choice(items), rng.random()
        if action < 0.6:
            table[item] = now + rng.randrange(0, 4000) / 64
            deadlines.set(item, table[item])
        elif action < 0.8:
            table.pop(item, None)
            deadlines.cancel(item)
        else:
            now += rng.randrange(0, 200) / 64
            due = deadlines.take_due(now)
            assert set(due) == {item for item, when in table.items() if when <= now}
            times = [table.pop(item) for item in due]
            assert times == sorted(times)
        assert deadlines.next_deadline() == min(table.values(), default=math.inf)
