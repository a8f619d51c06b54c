"""What came of a load: the verdict, and the figures as JSON, CSV and JUnit."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from phones.load.director import LostWorker
from phones.load.measure import Measurement, OperationCount
from phones.load.thresholds import Outcome
from phones.load.watch import INVARIANTS, ClusterSample
from phones.scenario import Scenario

__all__ = ["LoadOutcome", "csv_text", "junit_text", "outcome_json"]


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """One finished load."""

    scenario: Scenario
    measurement: Measurement
    duration_s: float
    """From the start to the end of the last session, without the logouts at the end."""
    phones: int
    """Phones that registered before the load."""
    boot_failures: int
    boot_duration_s: float
    outcomes: tuple[Outcome, ...]
    """How the thresholds fared."""
    start_at_s: float = 0.0
    """Wall time of the start."""
    limit: int | None = None
    """Maximum Concurrent Requests; None when no cluster says."""
    max_in_progress: Mapping[str, int] = field(default_factory=dict)
    """By cluster; empty when none says."""
    throttled: Mapping[str, int] = field(default_factory=dict)
    samples: tuple[ClusterSample, ...] = ()
    is_watched: bool = False
    """Whether the clusters could be asked."""
    unchecked: tuple[str, ...] = ()
    """Invariants that nobody could check."""
    violation: str = ""
    lost: tuple[LostWorker, ...] = ()
    is_stopped: bool = False
    """Whether somebody stopped it before its end."""
    workers: int = 1

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the run did not pass, one reason each."""
        reasons = [
            f"expected {outcome.expectation.text}, measured {outcome.shown_value}"
            for outcome in self.outcomes
            if not outcome.is_met
        ]
        if self.violation:
            reasons.insert(0, f"an invariant broke: {self.violation}")
        reasons += [f"worker {lost.shard} with {len(lost.phones)} phones was lost: {lost.reason}" for lost in self.lost]
        if self.boot_failures:
            reasons.append(f"{self.boot_failures} phones did not register before the load")
        return tuple(reasons)

    @property
    def verdict(self) -> str:
        """`pass`, `fail`, or `stopped` when somebody ended a run that would have passed."""
        if self.failures:
            return "fail"
        return "stopped" if self.is_stopped else "pass"

    @property
    def checked_invariants(self) -> tuple[str, ...]:
        """Those that were watched all the time."""
        return tuple(name for name in INVARIANTS if name not in self.unchecked)


def outcome_json(outcome: LoadOutcome) -> dict[str, Any]:
    """The figures as scripts read them; `attempted` is the sum of `ok`, all `by_code` and `no_answer`."""
    measurement, duration_s = outcome.measurement, outcome.duration_s
    login = measurement.operations["login"]
    latency = login.latency
    return {
        "scenario": outcome.scenario.name,
        "phones": outcome.phones,
        "logins": _count_json(login),
        "logouts": _count_json(measurement.operations["logout"]),
        "rate_per_s": round(login.ok / duration_s, 3) if duration_s else 0.0,
        "max_in_flight": measurement.max_in_flight(),
        "max_in_progress": dict(outcome.max_in_progress),
        "limit": outcome.limit,
        "latency_ms": {
            "p50": _ms(latency.percentile_s(50)),
            "p90": _ms(latency.percentile_s(90)),
            "p99": _ms(latency.percentile_s(99)),
            "p99_9": _ms(latency.percentile_s(99.9)),
            "max": _ms(latency.max_s),
        },
        "duration_s": round(duration_s, 3),
        "verdict": outcome.verdict,
        "failures": list(outcome.failures),
        "expectations": [
            {"text": entry.expectation.text, "value": entry.value, "met": entry.is_met} for entry in outcome.outcomes
        ],
        "operations": {
            name: {**_count_json(count), "failed": count.failed, "p95_ms": _ms(count.latency.percentile_s(95))}
            for name, count in measurement.operations.items()
            if count.attempted
        },
        "sessions": {
            "due": measurement.arrivals,
            "finished": measurement.finished,
            "unserved": measurement.unserved,
            "stranded": measurement.stranded,
        },
        "arrivals_late_ms": {"p99": _ms(measurement.lateness.percentile_s(99)), "max": _ms(measurement.lateness.max_s)},
        "throttled": dict(outcome.throttled),
        "displayed": dict(measurement.displays.most_common()),
        "boot": {"duration_s": round(outcome.boot_duration_s, 3), "failed": outcome.boot_failures},
        "invariants": {"checked": list(outcome.checked_invariants), "not_checked": list(outcome.unchecked)},
        "violation": outcome.violation,
        "lost_workers": [
            {"worker": lost.shard, "phones": list(lost.phones), "why": lost.reason} for lost in outcome.lost
        ],
        "workers": outcome.workers,
    }


def csv_text(outcome: LoadOutcome) -> str:
    """Second by second: arrivals due, logins by outcome, latency in milliseconds."""
    seconds = outcome.measurement.seconds
    codes = sorted({code for second in seconds.values() for code in second.by_code})
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    heads = ["second", "arrivals", "attempted", "ok", *(f"code_{code}" for code in codes), "no_answer"]
    writer.writerow([*heads, "p50_ms", "p95_ms", "max_ms"])
    for number in range(max(seconds, default=-1) + 1):
        second = seconds.get(number)
        if second is None:
            writer.writerow([number, *[0] * (len(heads) - 1), "", "", ""])
            continue
        row = [number, second.arrivals, second.attempted, second.ok, *(second.by_code[code] for code in codes)]
        latency = second.latency
        shown = (
            [_ms(latency.percentile_s(50)), _ms(latency.percentile_s(95)), _ms(latency.max_s)]
            if second.ok
            else [""] * 3
        )
        writer.writerow([*row, second.no_answer, *shown])
    return table.getvalue()


def junit_text(outcome: LoadOutcome) -> str:
    """Every threshold and every invariant as a test case."""
    cases = [
        (entry.expectation.text, "" if entry.is_met else f"measured {entry.shown_value}") for entry in outcome.outcomes
    ]
    cases += [(name, outcome.violation) for name in outcome.checked_invariants]
    cases.append(("every phone registers", f"{outcome.boot_failures} did not" if outcome.boot_failures else ""))
    cases.append(("every worker comes back", "; ".join(lost.reason for lost in outcome.lost)))
    skipped = "".join(f"  <testcase {_case(outcome, name)}><skipped/></testcase>\n" for name in outcome.unchecked)
    body = "".join(
        f"  <testcase {_case(outcome, name)}>"
        + (f"<failure message={quoteattr(problem)}>{escape(problem)}</failure>" if problem else "")
        + "</testcase>\n"
        for name, problem in cases
    )
    failed = sum(1 for _, problem in cases if problem)
    head = (
        f"<testsuite name={quoteattr('emcc-emu load ' + outcome.scenario.name)} "
        f'tests="{len(cases) + len(outcome.unchecked)}" failures="{failed}" skipped="{len(outcome.unchecked)}" '
        f'time="{outcome.duration_s:.3f}">'
    )
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head}\n{body}{skipped}</testsuite>\n'


def _case(outcome: LoadOutcome, name: str) -> str:
    return f"classname={quoteattr(outcome.scenario.name)} name={quoteattr(name)}"


def _count_json(count: OperationCount) -> dict[str, Any]:
    return {
        "attempted": count.attempted,
        "ok": count.ok,
        "by_code": {str(code): times for code, times in sorted(count.by_code.items())},
        "no_answer": count.no_answer,
    }


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
