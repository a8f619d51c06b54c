"""Arrivals follow the planned rate exactly, in one process or in several, whoever pauses or speeds them up."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phones.load.arrivals import ArrivalPlan, Piece, RateProfile, profile_of
from phones.scenario import LoadShape


def instants(plan: ArrivalPlan) -> list[float]:
    found = []
    while (due_s := plan.next_s()) < math.inf:
        found.append(due_s)
        plan.advance()
    return found


def test_a_constant_rate_spaces_arrivals_evenly() -> None:
    plan = ArrivalPlan(profile_of(LoadShape(rate_per_s=10.0, duration_s=1.0)))
    assert instants(plan) == pytest.approx([0.05 + 0.1 * number for number in range(10)])


def test_a_ramp_comes_faster_and_faster() -> None:
    found = instants(ArrivalPlan(profile_of(LoadShape(shape="ramp", rate_per_s=20.0, duration_s=10.0))))
    assert len(found) == 100
    assert sum(1 for moment in found if moment < 5) == 25


def test_steps_rise_from_the_first_rate_to_the_last() -> None:
    profile = profile_of(LoadShape(shape="steps", from_rate_per_s=1.0, rate_per_s=5.0, steps=3, duration_s=6.0))
    assert [profile.rate_at(moment) for moment in (1.0, 3.0, 5.0, 7.0)] == [1.0, 3.0, 5.0, 0.0]


def test_a_spike_stands_in_the_middle_unless_said() -> None:
    load = LoadShape(shape="spike", rate_per_s=1.0, spike_rate_per_s=50.0, spike_duration_s=2.0, duration_s=10.0)
    profile = profile_of(load)
    assert [profile.rate_at(moment) for moment in (3.9, 5.0, 6.1)] == [1.0, 50.0, 1.0]
    assert profile.arrivals == pytest.approx(108.0)


def test_a_morning_has_exactly_its_arrivals_and_peaks_in_the_middle() -> None:
    profile = profile_of(LoadShape(shape="morning", arrivals=1000, duration_s=600.0))
    assert profile.arrivals == pytest.approx(1000)
    assert profile.rate_at(300.0) == max(profile.rate_at(moment) for moment in range(600))
    assert profile.arrivals_until(300.0) == pytest.approx(500)


def test_the_closed_model_plans_no_arrivals() -> None:
    assert instants(ArrivalPlan(profile_of(LoadShape(shape="closed")))) == []


@given(
    st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=5),
    st.floats(0, 1),
)
def test_the_moment_of_an_arrival_and_the_arrivals_until_it_are_inverse(
    pieces: list[tuple[float, float, float]], share: float
) -> None:
    profile = RateProfile([Piece(*piece) for piece in pieces])
    wanted = profile.arrivals * share
    moment = profile.time_of(wanted)
    if moment < math.inf:
        assert profile.arrivals_until(moment) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_shards_together_keep_the_plan() -> None:
    profile = profile_of(LoadShape(shape="ramp", rate_per_s=20.0, duration_s=5.0))
    alone = instants(ArrivalPlan(profile))
    shared = [moment for shard in range(3) for moment in instants(ArrivalPlan(profile, shard=shard, shards=3))]
    assert sorted(shared) == pytest.approx(alone)


def test_a_limit_counts_over_all_shards() -> None:
    profile = profile_of(LoadShape(rate_per_s=10.0, duration_s=10.0))
    assert sum(len(instants(ArrivalPlan(profile, shard=shard, shards=3, limit=7))) for shard in range(3)) == 7


def test_random_arrivals_are_as_many_as_planned_and_follow_the_rate() -> None:
    profile = profile_of(LoadShape(shape="ramp", rate_per_s=200.0, duration_s=10.0))
    found = instants(ArrivalPlan(profile, rng=random.Random(1)))
    assert len(found) == 1000
    assert found == sorted(found)
    assert sum(1 for moment in found if moment < 5) == pytest.approx(250, abs=60)


def test_twice_the_rate_passes_the_rest_of_the_plan_in_half_the_time() -> None:
    plan = ArrivalPlan(profile_of(LoadShape(rate_per_s=1.0, duration_s=10.0)))
    for _ in range(4):
        plan.advance()
    plan.change_factor(2.0, 4.0)
    assert instants(plan) == pytest.approx([4.25, 4.75, 5.25, 5.75, 6.25, 6.75])


def test_a_pause_moves_everything() -> None:
    plan = ArrivalPlan(profile_of(LoadShape(rate_per_s=1.0, duration_s=3.0)))
    plan.skip_pause(10.0)
    assert instants(plan) == pytest.approx([10.5, 11.5, 12.5])
    assert plan.position_s(12.0) == pytest.approx(2.0)
