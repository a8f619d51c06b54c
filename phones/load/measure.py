"""What a load measured: counts and latencies that add up, second by second and process by process, without loss."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from phones.load.histogram import COARSE, FINE, LatencyHistogram

__all__ = ["IN_TIME_S", "OPERATIONS", "Delta", "Measurement", "OperationCount", "OperationDelta", "SecondCount"]

OPERATIONS = ("login", "wrong_pin", "call", "emergency_call", "logout")
"""What phones do and is measured."""

MAX_DISPLAYS = 200
"""Different texts of phones' screens that are told apart; further ones are counted together."""

OTHER_DISPLAYS = "(other texts)"

IN_TIME_S = 0.010
"""An arrival that begins so much after its planned instant is late."""


@dataclass(slots=True)
class OperationCount:
    """What came of one operation: `attempted = ok + by_code + no_answer`, submission by submission."""

    attempted: int = 0
    ok: int = 0
    by_code: Counter[int] = field(default_factory=Counter)
    """Refusals by the number that the phone displayed."""
    no_answer: int = 0
    """Neither done nor refused."""
    failed: int = 0
    """Operations that did not come right in the end, tries included; what was refused on purpose is not among them."""
    latency: LatencyHistogram = field(default_factory=LatencyHistogram)
    """Of those that came right: from the intended start to the end."""


@dataclass(slots=True)
class SecondCount:
    """What happened to logins within one second of the load."""

    arrivals: int = 0
    attempted: int = 0
    ok: int = 0
    by_code: Counter[int] = field(default_factory=Counter)
    no_answer: int = 0
    latency: LatencyHistogram = field(default_factory=lambda: LatencyHistogram(COARSE))


class OperationDelta(msgspec.Struct, omit_defaults=True):
    """An `OperationCount` or a `SecondCount` on its way between processes."""

    attempted: int = 0
    ok: int = 0
    by_code: dict[int, int] = {}
    no_answer: int = 0
    failed: int = 0
    arrivals: int = 0
    latency: str = ""


class Delta(msgspec.Struct, omit_defaults=True):
    """A measurement on its way between processes."""

    operations: dict[str, OperationDelta] = {}
    seconds: dict[int, OperationDelta] = {}
    displays: dict[str, int] = {}
    lateness: str = ""
    late: int = 0
    arrivals: int = 0
    finished: int = 0
    unserved: int = 0
    stranded: int = 0
    flights: list[tuple[float, int]] = []


class Measurement:
    """Everything that one or more processes measured so far."""

    def __init__(self) -> None:
        self.operations: dict[str, OperationCount] = {name: OperationCount() for name in OPERATIONS}
        self.seconds: dict[int, SecondCount] = defaultdict(SecondCount)
        """Logins by the second of the load in which they ended, arrivals by the second in which they were due."""
        self.displays: Counter[str] = Counter()
        """What phones showed, by text."""
        self.lateness = LatencyHistogram()
        """How much after its planned instant each session began, while a phone was free for it."""
        self.late = 0
        self.arrivals = 0
        """Sessions that were due."""
        self.finished = 0
        """Sessions that were done."""
        self.unserved = 0
        """Sessions that never found a free phone and user."""
        self.stranded = 0
        """Phones whose user could not log out."""
        self.flights: list[tuple[float, int]] = []
        """Logins in flight: +1 and -1 with their moment, seconds from the start."""

    def arrived(self, second: int) -> None:
        """A session is due."""
        self.arrivals += 1
        self.seconds[second].arrivals += 1

    def began(self, late_s: float) -> None:
        """A session began, so long after it was due."""
        self.lateness.record(late_s)
        self.late += late_s > IN_TIME_S

    def attempted(self, operation: str, now_s: float) -> None:
        """A submission is on its way."""
        self.operations[operation].attempted += 1
        if operation == "login":
            self.seconds[int(now_s)].attempted += 1
            self.flights.append((now_s, 1))

    def ended(self, operation: str, now_s: float, *, code: int | None = None, latency_s: float | None = None) -> None:
        """A submission has come to its end: done (with its latency), refused with a code, or neither."""
        count = self.operations[operation]
        second = self.seconds[int(now_s)] if operation == "login" else SecondCount()
        for entry in (count, second):
            if latency_s is not None:
                entry.ok += 1
                entry.latency.record(latency_s)
            elif code is not None:
                entry.by_code[code] += 1
            else:
                entry.no_answer += 1
        if operation == "login":
            self.flights.append((now_s, -1))

    def displayed(self, text: str) -> None:
        """A phone showed a text."""
        self.displays[text if text in self.displays or len(self.displays) < MAX_DISPLAYS else OTHER_DISPLAYS] += 1

    def max_in_flight(self) -> int:
        """Most logins that were on their way at the same time, over all processes."""
        return max((flying for _, flying in self.in_flight()), default=0)

    def in_flight(self) -> Iterable[tuple[float, int]]:
        """How many logins were on their way after each change."""
        flying = 0
        for moment_s, change in sorted(self.flights):
            flying += change
            yield moment_s, flying

    def delta(self) -> Delta:
        """Everything measured, ready to travel."""
        operations = {name: _packed(count) for name, count in self.operations.items()}
        return Delta(
            operations={name: packed for name, packed in operations.items() if packed != OperationDelta()},
            seconds={second: _packed(count) for second, count in self.seconds.items()},
            displays=dict(self.displays),
            lateness=self.lateness.encode() if len(self.lateness) else "",
            late=self.late,
            arrivals=self.arrivals,
            finished=self.finished,
            unserved=self.unserved,
            stranded=self.stranded,
            flights=self.flights,
        )

    def add(self, delta: Delta) -> None:
        """Add what another process measured."""
        for name, packed in delta.operations.items():
            count = self.operations[name]
            count.failed += packed.failed
            _unpack(count, packed, FINE)
        for second, packed in delta.seconds.items():
            self.seconds[second].arrivals += packed.arrivals
            _unpack(self.seconds[second], packed, COARSE)
        for text, times in delta.displays.items():
            self.displays[text] += times
        if delta.lateness:
            self.lateness.add(LatencyHistogram(FINE, delta.lateness))
        self.late += delta.late
        self.arrivals += delta.arrivals
        self.finished += delta.finished
        self.unserved += delta.unserved
        self.stranded += delta.stranded
        self.flights += delta.flights

    def figures(self, duration_s: float) -> dict[str, float]:
        """Every figure by the name that thresholds use; those without anything to measure are missing."""
        figures: dict[str, float] = {
            "late": self.late / max(1, len(self.lateness)),
            "unserved": self.unserved,
            "stranded": self.stranded,
        }
        done = sum(count.ok for count in self.operations.values())
        failed = sum(count.failed for count in self.operations.values())
        if done + failed:
            figures["errors"] = failed / (done + failed)
        attempted = sum(self.operations[name].attempted for name in ("login", "logout"))
        if attempted:
            busy = sum(self.operations[name].by_code[26] for name in ("login", "logout"))
            figures["throttled"] = busy / attempted
        for name, count in self.operations.items():
            if count.attempted:
                figures |= {f"{name} {word}": value for word, value in _operation_figures(count, duration_s).items()}
        return figures


def _operation_figures(count: OperationCount, duration_s: float) -> dict[str, float]:
    figures: dict[str, float] = {
        "attempted": count.attempted,
        "ok": count.ok,
        "refused": count.by_code.total(),
        "no_answer": count.no_answer,
        "rate": count.ok / duration_s if duration_s else 0.0,
    }
    if count.ok:
        figures |= {f"p{share:g}": count.latency.percentile_s(share) for share in (50, 75, 90, 95, 99, 99.9)}
        figures |= {"max": count.latency.max_s, "mean": count.latency.mean_s}
    return figures


def _packed(count: OperationCount | SecondCount) -> OperationDelta:
    return OperationDelta(
        attempted=count.attempted,
        ok=count.ok,
        by_code=dict(count.by_code),
        no_answer=count.no_answer,
        failed=count.failed if isinstance(count, OperationCount) else 0,
        arrivals=count.arrivals if isinstance(count, SecondCount) else 0,
        latency=count.latency.encode() if len(count.latency) else "",
    )


def _unpack(count: OperationCount | SecondCount, packed: OperationDelta, digits: int) -> None:
    count.attempted += packed.attempted
    count.ok += packed.ok
    count.no_answer += packed.no_answer
    for code, times in packed.by_code.items():
        count.by_code[code] += times
    if packed.latency:
        count.latency.add(LatencyHistogram(digits, packed.latency))
