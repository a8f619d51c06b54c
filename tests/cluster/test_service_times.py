"""Extra service times are as given, or vary around it as those of a real node do."""

from __future__ import annotations

import random
import statistics

import pytest

from emcc_emu.cluster.service_times import varied
from emcc_emu.lab.parameters import ServiceTimes


def test_fixed_times_are_as_given() -> None:
    assert varied(1.5, ServiceTimes(), random.Random(1)) == 1.5


def test_log_normal_times_have_what_is_given_as_their_median() -> None:
    rng = random.Random(1)
    drawn = [varied(2.0, ServiceTimes(spread="log_normal", spread_percent=50), rng) for _ in range(2001)]
    assert statistics.median(drawn) == pytest.approx(2.0, rel=0.05)
    assert sum(time_s > 2.0 * 1.65 for time_s in drawn) / len(drawn) == pytest.approx(1 / 6, abs=0.03)


def test_what_takes_no_time_takes_none() -> None:
    assert varied(0.0, ServiceTimes(spread="log_normal"), random.Random(1)) == 0.0
