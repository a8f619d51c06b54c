"""When sessions begin: a rate that changes over time, turned into the instants of single arrivals.

Every shape of load is a row of pieces in which the rate changes linearly, so that the number of arrivals until any
moment, and the moment of any arrival, are exact.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Sequence

from phones.scenario import LoadShape

__all__ = ["ArrivalPlan", "Piece", "RateProfile", "profile_of"]

MORNING_PIECES = 120
"""Linear pieces that a morning's bell is drawn with."""


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of time in which the rate changes linearly."""

    duration_s: float
    begin_per_s: float
    end_per_s: float

    @property
    def arrivals(self) -> float:
        """Arrivals in it."""
        return self.duration_s * (self.begin_per_s + self.end_per_s) / 2

    def arrivals_until(self, time_s: float) -> float:
        """Arrivals until so long after its begin."""
        slope = (self.end_per_s - self.begin_per_s) / self.duration_s
        return time_s * (self.begin_per_s + slope * time_s / 2)

    def time_of(self, arrivals: float) -> float:
        """How long after its begin so many have arrived; the inverse of `arrivals_until`."""
        slope = (self.end_per_s - self.begin_per_s) / self.duration_s
        if abs(slope) * self.duration_s < 1e-9 * (self.begin_per_s + self.end_per_s):
            return arrivals / self.begin_per_s
        root = math.sqrt(max(0.0, self.begin_per_s**2 + 2 * slope * arrivals))
        return (root - self.begin_per_s) / slope


class RateProfile:
    """The planned rate over time.

    Args:
        pieces: In order, from the start of the load.
    """

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = tuple(piece for piece in pieces if piece.duration_s > 0)
        self.duration_s = sum(piece.duration_s for piece in self.pieces)
        self.arrivals = sum(piece.arrivals for piece in self.pieces)

    def rate_at(self, time_s: float) -> float:
        """The rate at a moment, per second; 0 outside."""
        for piece in self.pieces:
            if 0 <= time_s <= piece.duration_s:
                return piece.begin_per_s + (piece.end_per_s - piece.begin_per_s) * time_s / piece.duration_s
            time_s -= piece.duration_s
        return 0.0

    def arrivals_until(self, time_s: float) -> float:
        """How many have arrived until a moment."""
        arrivals = 0.0
        for piece in self.pieces:
            if time_s <= piece.duration_s:
                return arrivals + piece.arrivals_until(max(0.0, time_s))
            arrivals += piece.arrivals
            time_s -= piece.duration_s
        return arrivals

    def time_of(self, arrivals: float) -> float:
        """The moment at which so many have arrived; infinite when there are never so many."""
        begin_s = 0.0
        for piece in self.pieces:
            if piece.arrivals > 0 and arrivals <= piece.arrivals:
                return begin_s + min(piece.duration_s, piece.time_of(arrivals))
            arrivals -= piece.arrivals
            begin_s += piece.duration_s
        return math.inf


def profile_of(load: LoadShape) -> RateProfile:
    """The rate that a scenario's load plans; none for the closed model, which has no rate of its own."""
    rate, duration_s = load.rate_per_s or 0.0, load.duration_s
    match load.shape:
        case "constant":
            return RateProfile([Piece(duration_s, rate, rate)])
        case "ramp":
            return RateProfile([Piece(duration_s, load.from_rate_per_s, rate)])
        case "steps":
            return RateProfile(_steps(load, rate))
        case "spike":
            spike = load.spike_rate_per_s or 0.0
            begin_s = (duration_s - load.spike_duration_s) / 2 if load.spike_at_s is None else load.spike_at_s
            after_s = duration_s - begin_s - load.spike_duration_s
            parts = ((begin_s, rate), (load.spike_duration_s, spike), (after_s, rate))
            return RateProfile([Piece(part_s, per_s, per_s) for part_s, per_s in parts])
        case "morning":
            return _morning(load)
        case _:
            return RateProfile([])


def _steps(load: LoadShape, last_per_s: float) -> list[Piece]:
    rise = (last_per_s - load.from_rate_per_s) / (load.steps - 1)
    rates = [load.from_rate_per_s + rise * number for number in range(load.steps)]
    return [Piece(load.duration_s / load.steps, per_s, per_s) for per_s in rates]


def _morning(load: LoadShape) -> RateProfile:
    """A bell, cut off at the ends of the duration, with exactly the arrivals asked for."""
    peak_s = load.duration_s / 2 if load.peak_at_s is None else load.peak_at_s
    spread_s = load.spread_s or load.duration_s / 6
    step_s = load.duration_s / MORNING_PIECES
    heights = [math.exp(-0.5 * ((number * step_s - peak_s) / spread_s) ** 2) for number in range(MORNING_PIECES + 1)]
    area = sum(step_s * (begin + end) / 2 for begin, end in itertools.pairwise(heights))
    scale = (load.arrivals or 0) / area
    return RateProfile([Piece(step_s, begin * scale, end * scale) for begin, end in itertools.pairwise(heights)])


class ArrivalPlan:
    """The instants of one shard's arrivals, which can be paused, sped up and slowed down while it runs.

    Arrival number n of the whole fleet belongs to the shard `n mod shards`, so shards together keep the plan exactly.

    Args:
        profile: The planned rate.
        shard: Number of this shard, from 0.
        shards: How many shards there are.
        limit: Most arrivals of all shards together; None for as many as the profile has.
        rng: Draws every instant by itself, as a Poisson process has them, their number being as planned; None makes the
            gaps as even as the rate allows.
    """

    def __init__(
        self,
        profile: RateProfile,
        *,
        shard: int = 0,
        shards: int = 1,
        limit: int | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.profile = profile
        self.factor = 1.0
        """How much faster than planned arrivals come."""
        self._shards = shards
        self._rng = rng
        self._limit = math.inf if limit is None else limit
        self._number = shard
        self._left = len(range(shard, round(profile.arrivals), shards))
        self._mark = 0.0 if rng is not None else shard - shards + 0.5  # arrivals of the whole fleet up to the next one
        self._step()
        self._real_s = 0.0  # since the start, without pauses, at the last change of the factor
        self._plan_s = 0.0  # the same moment on the profile's axis
        self._paused_s = 0.0

    def _step(self) -> None:
        """Go to the next arrival of this shard."""
        if self._rng is None:
            self._mark += self._shards
        elif self._left:
            # the least of so many points that lie anywhere in what is left of the plan
            share = 1.0 - (1.0 - self._rng.random()) ** (1.0 / self._left)
            self._mark += (self.profile.arrivals - self._mark) * share
            self._left -= 1
        else:
            self._mark = math.inf

    def next_s(self) -> float:
        """When the next session begins, seconds after the start; infinite when there is none."""
        if self._number >= self._limit or self.factor <= 0:
            return math.inf
        return self._real_s + (self.profile.time_of(self._mark) - self._plan_s) / self.factor + self._paused_s

    def advance(self) -> None:
        """The next arrival has begun."""
        self._number += self._shards
        self._step()

    def change_factor(self, factor: float, now_s: float) -> None:
        """From now on arrivals come `factor` times as fast as planned, along the same plan.

        A rate that is doubled at half time ends after three quarters: the plan is passed through faster.
        """
        real_s = now_s - self._paused_s
        self._plan_s += (real_s - self._real_s) * self.factor
        self._real_s = real_s
        self.factor = factor

    def skip_pause(self, pause_s: float) -> None:
        """The load stood still for so long: everything comes that much later."""
        self._paused_s += pause_s

    def position_s(self, now_s: float) -> float:
        """Where on the profile's axis the load is now."""
        return self._plan_s + (now_s - self._paused_s - self._real_s) * self.factor
