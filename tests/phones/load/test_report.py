"""Reports say the verdict and why, need nothing from outside, and keep the contract of the JSON file."""

from __future__ import annotations

import csv
import io
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from phones.load.director import LostWorker
from phones.load.html_report import html_report
from phones.load.measure import Measurement
from phones.load.outcome import LoadOutcome, csv_text, junit_text, outcome_json
from phones.load.plots import POINTS_DRAWN, Axis, Line, line_plot
from phones.load.thresholds import check_expectations, parse_expectation
from phones.load.watch import INVARIANTS, ClusterSample
from phones.scenario import parse_scenario

SCENARIO = parse_scenario(
    """
name: small
about: A <small> one.
phones: {cluster: sanjose, count: 3}
users: {roaming: {user_id: "user{0001}", pin: "13579", people: 3}}
sessions: {roam: {users: roaming, do: [login]}}
load: {rate: 2/s, duration: 2 s}
"""
)


def measured() -> Measurement:
    measurement = Measurement()
    for second, outcome in enumerate(("ok", "busy", "ok", "silent")):
        measurement.arrived(second)
        measurement.attempted("login", float(second))
        is_ok = outcome == "ok"
        code = 26 if outcome == "busy" else None
        measurement.ended("login", second + 0.5, code=code, latency_s=0.5 if is_ok else None)
    measurement.displayed("Login is unavailable <26>")
    return measurement


def outcome_of(*texts: str, **fields: object) -> LoadOutcome:
    measurement = measured()
    expectations = tuple(parse_expectation(text) for text in texts)
    values: dict[str, object] = {
        "scenario": SCENARIO,
        "measurement": measurement,
        "duration_s": 4.0,
        "phones": 3,
        "boot_failures": 0,
        "boot_duration_s": 0.1,
        "outcomes": check_expectations(expectations, measurement.figures(4.0)),
        "limit": 5,
        "max_in_progress": {"sanjose": 3, "tokyo": 2},
        "samples": (ClusterSample(1.0, {"sanjose": 3, "tokyo": 2}, {}),),
    }
    return LoadOutcome(**(values | fields))  # type: ignore[arg-type]


def test_the_json_keeps_its_contract() -> None:
    told = outcome_json(outcome_of("login p95 < 2s"))
    logins = told["logins"]
    assert logins == {"attempted": 4, "ok": 2, "by_code": {"26": 1}, "no_answer": 1}
    assert logins["attempted"] == logins["ok"] + sum(logins["by_code"].values()) + logins["no_answer"]
    assert (told["phones"], told["rate_per_s"], told["duration_s"], told["limit"]) == (3, 0.5, 4.0, 5)
    assert (told["max_in_flight"], told["max_in_progress"]) == (1, {"sanjose": 3, "tokyo": 2})
    assert set(told["latency_ms"]) == {"p50", "p90", "p99", "p99_9", "max"}
    assert told["verdict"] == "pass"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"violation": "P1 is registered twice"}, "an invariant broke: P1 is registered twice"),
        ({"lost": (LostWorker(1, ("P1", "P2"), "killed"),)}, "worker 1 with 2 phones was lost: killed"),
        ({"boot_failures": 2}, "2 phones did not register before the load"),
    ],
)
def test_what_went_wrong_fails_the_run_and_is_named(fields: dict[str, object], reason: str) -> None:
    outcome = outcome_of(**fields)
    assert (outcome.verdict, outcome.failures) == ("fail", (reason,))
    assert reason in html_report(outcome)


def test_a_broken_threshold_fails_the_run() -> None:
    outcome = outcome_of("login p95 < 100ms", "errors < 1%")
    assert outcome.verdict == "fail"
    assert outcome.failures == ("expected login p95 < 100ms, measured 500 ms",)


def test_a_stopped_run_says_so() -> None:
    assert outcome_of(is_stopped=True).verdict == "stopped"


def test_the_table_has_a_row_for_every_second() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_text(outcome_of()))))
    assert [row["second"] for row in rows] == ["0", "1", "2", "3"]
    assert [(row["ok"], row["code_26"], row["no_answer"]) for row in rows][:2] == [("1", "0", "0"), ("0", "1", "0")]


def test_junit_counts_failures_and_what_could_not_be_checked() -> None:
    suite = ElementTree.fromstring(junit_text(outcome_of("login p95 < 100ms", unchecked=INVARIANTS[:1])))
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert suite.find("testcase[@name='login p95 < 100ms']/failure") is not None


class Links(HTMLParser):
    """Finds what a browser would fetch, and whether every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_html_report_is_one_file_with_all_plots() -> None:
    page = html_report(outcome_of("login p95 < 2s", is_watched=True))
    links = Links()
    links.feed(page)
    assert (links.fetched, links.open) == ([], [])
    assert "url(" not in page and "@import" not in page
    assert page.count("<figure>") == 5
    assert "A &lt;small&gt; one." in page and "unavailable &lt;26&gt;" in page
    assert "limit 5" in page and "@media print" in page


def test_a_report_of_nothing_is_still_a_page() -> None:
    assert "<figure>" in html_report(outcome_of(measurement=Measurement(), limit=None, max_in_progress={}))


def test_long_lines_are_thinned_and_keep_their_peak() -> None:
    points = [(float(number), 100.0 if number == 12345 else 1.0) for number in range(20_000)]
    plot = line_plot("long", [Line("x", points)], 20_000)
    path = re.search(r'<path d="([^"]*)"', plot)
    assert path is not None and path[1].count("L") < POINTS_DRAWN
    assert min(float(place) for place in re.findall(r" (\d+\.\d)", path[1])) < 40


def test_an_axis_has_round_ticks() -> None:
    assert Axis(0.0, 97.0, 0, 1).ticks() == [0, 20, 40, 60, 80]
    assert Axis(2.0, 2.0, 0, 1).ticks() == [2.0]
