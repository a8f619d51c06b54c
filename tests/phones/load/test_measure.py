"""What several processes measured adds up to what one would have measured."""

from __future__ import annotations

import random

import msgspec
import pytest

from phones.load.histogram import LatencyHistogram
from phones.load.measure import MAX_DISPLAYS, Delta, Measurement

KINDS = ("ok", "code", "silent")


def carried(measured: Measurement) -> Delta:
    """A measurement after its way between two processes."""
    return msgspec.json.decode(msgspec.json.encode(measured.delta()), type=Delta)


def submit(measured: Measurement, rng: random.Random, now_s: float) -> None:
    measured.attempted("login", now_s)
    end_s, kind = now_s + rng.random(), rng.choice(KINDS)
    measured.ended(
        "login",
        end_s,
        code=26 if kind == "code" else None,
        latency_s=end_s - now_s if kind == "ok" else None,
    )


def test_merged_shares_are_exactly_the_whole() -> None:
    whole, parts, total = Measurement(), [Measurement(), Measurement()], Measurement()
    for number in range(400):
        submit(whole, random.Random(number), number / 50)
        submit(parts[number % 2], random.Random(number), number / 50)
    for part in parts:
        total.add(carried(part))
    assert msgspec.structs.replace(total.delta(), flights=[]) == msgspec.structs.replace(whole.delta(), flights=[])
    assert total.max_in_flight() == whole.max_in_flight()
    assert total.figures(8.0) == whole.figures(8.0)


def test_every_submission_has_one_outcome() -> None:
    measured = Measurement()
    rng = random.Random(1)
    for number in range(100):
        submit(measured, rng, number / 10)
    login = measured.operations["login"]
    assert login.attempted == login.ok + login.by_code.total() + login.no_answer == 100
    assert sum(second.ok for second in measured.seconds.values()) == login.ok == len(login.latency)


def test_outcomes_reported_after_their_submission_are_not_lost() -> None:
    before, after, total = Measurement(), Measurement(), Measurement()
    before.attempted("login", 0.9)
    after.ended("login", 1.1, latency_s=0.2)
    total.add(carried(before))
    total.add(carried(after))
    login = total.operations["login"]
    assert (login.attempted, login.ok, total.max_in_flight()) == (1, 1, 1)


def test_a_late_start_is_counted() -> None:
    measured = Measurement()
    measured.began(0.001)
    measured.began(0.5)
    assert measured.figures(1.0)["late"] == 0.5


def test_errors_are_what_never_came_right() -> None:
    measured = Measurement()
    measured.attempted("login", 0.0)
    measured.ended("login", 0.1, code=26)
    measured.attempted("login", 0.5)
    measured.ended("login", 0.7, latency_s=0.7)
    figures = measured.figures(1.0)
    assert (figures["errors"], figures["throttled"]) == (0.0, 0.5)
    assert figures["login p50"] == pytest.approx(0.7, rel=0.01)


def test_displays_are_bounded() -> None:
    measured = Measurement()
    for number in range(MAX_DISPLAYS + 5):
        measured.displayed(f"text {number}")
    assert len(measured.displays) == MAX_DISPLAYS + 1
    assert measured.displays["(other texts)"] == 5


def test_an_empty_histogram_says_zero() -> None:
    latency = LatencyHistogram()
    assert (latency.percentile_s(99), latency.max_s, latency.mean_s, list(latency.counts())) == (0.0, 0.0, 0.0, [])


def test_a_histogram_travels_as_text() -> None:
    latency = LatencyHistogram()
    for moment in (0.001, 0.2, 0.2, 5.0):
        latency.record(moment)
    other = LatencyHistogram(encoded=latency.encode())
    assert [count for _, count in other.counts()] == [1, 2, 1]
    assert other.max_s == latency.max_s
    assert other.mean_s == latency.mean_s
