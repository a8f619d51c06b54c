"""Latencies as a histogram that merges exactly, however many processes measured."""

from __future__ import annotations

from collections.abc import Iterator

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

__all__ = ["COARSE", "FINE", "LatencyHistogram"]

UNITS_PER_S = 10_000
"""A latency is counted in tenths of a millisecond."""

LONGEST_UNITS = 3600 * UNITS_PER_S
"""Longer latencies count as an hour."""

FINE, COARSE = 3, 2
"""Significant digits: of a whole run, and of one second of it."""


class LatencyHistogram:
    """Counts of latencies, precise to `digits` significant digits.

    Args:
        digits: `FINE` or `COARSE`.
        encoded: What another one's `encode` gave.
    """

    __slots__ = ("_histogram", "digits")

    def __init__(self, digits: int = FINE, encoded: str = "") -> None:
        self.digits = digits
        self._histogram = HdrHistogram(1, LONGEST_UNITS, digits)
        if encoded:
            self._histogram.decode_and_add(encoded)

    def __len__(self) -> int:
        return int(self._histogram.get_total_count())

    def record(self, latency_s: float) -> None:
        """Count a latency."""
        self._histogram.record_value(min(LONGEST_UNITS, max(1, round(latency_s * UNITS_PER_S))))

    def add(self, other: LatencyHistogram) -> None:
        """Add another one's counts."""
        self._histogram.add(other._histogram)

    def percentile_s(self, percent: float) -> float:
        """The latency that this percentage did not exceed, seconds; 0 when there are none."""
        return float(self._histogram.get_value_at_percentile(percent)) / UNITS_PER_S if len(self) else 0.0

    @property
    def max_s(self) -> float:
        """The longest latency, seconds; 0 when there are none."""
        return float(self._histogram.get_max_value()) / UNITS_PER_S if len(self) else 0.0

    @property
    def mean_s(self) -> float:
        """The mean latency, seconds; 0 when there are none."""
        return float(self._histogram.get_mean_value()) / UNITS_PER_S if len(self) else 0.0

    def counts(self) -> Iterator[tuple[float, int]]:
        """Every latency that was counted, seconds, with its count."""
        for item in self._histogram.get_recorded_iterator():
            yield item.value_iterated_to / UNITS_PER_S, item.count_added_in_this_iter_step

    def encode(self) -> str:
        """The counts as text, compressed."""
        encoded: bytes = self._histogram.encode()
        return encoded.decode("ascii")
