"""The report that people read: one HTML file without anything from outside, for phones, screens and paper."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from html import escape

from phones.load.arrivals import profile_of
from phones.load.measure import OperationCount
from phones.load.outcome import LoadOutcome
from phones.load.plots import Line, bar_plot, heat_map, line_plot

__all__ = ["html_report"]

DISPLAYS_SHOWN = 20
PLANNED_POINTS = 200

STYLE = """
:root { color-scheme: light; font: 16px/1.45 system-ui, sans-serif; color: #111; background: #fff; }
body { max-width: 54rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .2rem 0; } h2 { font-size: 1.15rem; margin: 1.6rem 0 .4rem; }
p { margin: .4rem 0; } .about { color: #444; }
.verdict { display: inline-block; padding: .15rem .7rem; border-radius: .4rem; font-weight: 600; color: #fff; }
.pass { background: #166534; } .fail { background: #b91c1c; } .stopped { background: #92400e; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .6rem; margin: 1rem 0; }
.cards div { border: 1px solid #ccc; border-radius: .4rem; padding: .5rem .7rem; }
.cards b { display: block; font-size: 1.3rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .5rem; text-align: right; border-bottom: 1px solid #ddd; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
figure { margin: 1rem 0; break-inside: avoid; } figcaption { font-weight: 600; }
figure > svg { width: 100%; height: auto; } text { font-size: 13px; fill: #333; }
@media (max-width: 600px) { text { font-size: 20px; } }
.grid { stroke: #e3e3e3; } .mark { stroke: #111; stroke-width: 1.5; stroke-dasharray: 3 3; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1rem; font-size: .85rem; }
.bad { color: #b91c1c; font-weight: 600; } .good { color: #166534; }
@media print { body { max-width: none; padding: 0; } .cards div, th, td { border-color: #888; } }
"""


def html_report(outcome: LoadOutcome) -> str:
    """The report."""
    scenario = outcome.scenario
    began = datetime.fromtimestamp(outcome.start_at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    parts = [
        f"<h1>{escape(scenario.name)}</h1>",
        f'<p><span class="verdict {outcome.verdict}">{outcome.verdict}</span> {began}</p>',
        f'<p class="about">{escape(" ".join(scenario.about.split()))}</p>' if scenario.about else "",
        "".join(f'<p class="bad">{escape(reason)}</p>' for reason in outcome.failures),
        _cards(outcome),
        _expectations(outcome),
        _plots(outcome),
        _operations(outcome),
        _displays(outcome),
        _invariants(outcome),
        _conditions(outcome),
    ]
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    title = f"<title>{escape(scenario.name)}: {outcome.verdict}</title>"
    top = f'<!doctype html>\n<html lang="en"><head>{head}{title}<style>{STYLE}</style></head>'
    return f"{top}<body>{''.join(parts)}</body></html>\n"


def _cards(outcome: LoadOutcome) -> str:
    measurement = outcome.measurement
    login = measurement.operations["login"]
    rate = login.ok / outcome.duration_s if outcome.duration_s else 0.0
    cards = [
        ("phones", f"{outcome.phones}"),
        ("logins", f"{login.ok}"),
        ("logins a second", f"{rate:.1f}"),
        ("busy (26)", f"{login.by_code[26]}"),
        ("login p95", _time(login.latency.percentile_s(95), login.ok)),
        ("in flight at most", f"{measurement.max_in_flight()}"),
    ]
    return '<div class="cards">' + "".join(f"<div><b>{value}</b>{name}</div>" for name, value in cards) + "</div>"


def _expectations(outcome: LoadOutcome) -> str:
    if not outcome.outcomes:
        return ""
    rows = "".join(
        f"<tr><td>{escape(entry.expectation.text)}</td><td>{escape(entry.shown_value)}</td>"
        f'<td class="{"good" if entry.is_met else "bad"}">{"holds" if entry.is_met else "broken"}</td></tr>'
        for entry in outcome.outcomes
    )
    return f"<h2>What had to hold</h2>{_table(('expected', 'measured', ''), rows)}"


def _plots(outcome: LoadOutcome) -> str:
    measurement = outcome.measurement
    seconds = measurement.seconds
    last_s = max([*seconds, 0]) + 1.0
    profile = profile_of(outcome.scenario.load)
    steps = [profile.duration_s * number / PLANNED_POINTS for number in range(PLANNED_POINTS + 1)]
    span = range(int(last_s))
    rates = [
        Line("planned", [(step, profile.rate_at(step)) for step in steps] if profile.pieces else []),
        Line("accepted", [(second + 0.5, seconds[second].ok if second in seconds else 0) for second in span]),
        Line("busy (26)", [(second + 0.5, seconds[second].by_code[26] if second in seconds else 0) for second in span]),
    ]
    answered = [second for second in sorted(seconds) if seconds[second].ok]
    latencies = [
        Line(name, [(second + 0.5, seconds[second].latency.percentile_s(share)) for second in answered])
        for name, share in (("p50", 50.0), ("p95", 95.0), ("max", 100.0))
    ]
    codes: dict[str, Counter[int]] = {"ok": Counter()}
    for second in sorted(seconds):
        codes["ok"][second] = seconds[second].ok
        for code, times in seconds[second].by_code.items():
            codes.setdefault(f"code {code}", Counter())[second] = times
        if seconds[second].no_answer:
            codes.setdefault("no answer", Counter())[second] = seconds[second].no_answer
    sizes = {second: list(seconds[second].latency.counts()) for second in answered}
    return "<h2>Over time</h2>" + "".join(
        [
            line_plot("Sessions planned, logins accepted, logins refused as busy, a second", rates, last_s),
            _flight_plot(outcome, last_s),
            line_plot("Login latency in seconds, from the intended start to the registration", latencies, last_s),
            bar_plot("What became of submitted logins, a second", codes, last_s),
            heat_map("Login latency: how many of each size in each second", sizes, last_s),
        ]
    )


def _flight_plot(outcome: LoadOutcome, last_s: float) -> str:
    lines = [Line("logins in flight at the phones", list(outcome.measurement.in_flight()), is_step=True)]
    for name in outcome.max_in_progress:
        points = [(sample.at_s - outcome.start_at_s, sample.in_progress.get(name, 0)) for sample in outcome.samples]
        lines.append(Line(f"in progress at {name}", [point for point in points if 0 <= point[0] <= last_s]))
    return line_plot("Logins in flight against Maximum Concurrent Requests", lines, last_s, mark=outcome.limit)


def _operations(outcome: LoadOutcome) -> str:
    rows = "".join(
        f"<tr><td>{name.replace('_', ' ')}</td>{_operation(count)}</tr>"
        for name, count in outcome.measurement.operations.items()
        if count.attempted
    )
    heads = ("", "submitted", "ok", "refused", "no answer", "p50", "p95", "p99", "p99.9", "max")
    return f"<h2>What was done</h2>{_table(heads, rows)}"


def _operation(count: OperationCount) -> str:
    codes = ", ".join(f"{code}: {times}" for code, times in sorted(count.by_code.items())) or "0"
    shares = [count.latency.percentile_s(share) for share in (50, 95, 99, 99.9)]
    cells = [str(count.attempted), str(count.ok), codes, str(count.no_answer)]
    cells += [_time(seconds, count.ok) for seconds in (*shares, count.latency.max_s)]
    return "".join(f"<td>{escape(cell)}</td>" for cell in cells)


def _displays(outcome: LoadOutcome) -> str:
    shown = outcome.measurement.displays.most_common(DISPLAYS_SHOWN)
    rows = "".join(f"<tr><td>{escape(text)}</td><td>{times}</td></tr>" for text, times in shown)
    return f"<h2>What phones displayed</h2>{_table(('text', 'times'), rows)}" if shown else ""


def _invariants(outcome: LoadOutcome) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="good">watched</td></tr>' for name in outcome.checked_invariants
    )
    rows += "".join(
        f'<tr><td>{escape(name)}</td><td class="bad">could not be checked</td></tr>' for name in outcome.unchecked
    )
    return f"<h2>What must never break</h2>{_table(('invariant', ''), rows)}"


def _conditions(outcome: LoadOutcome) -> str:
    measurement, load = outcome.measurement, outcome.scenario.load
    late = measurement.lateness
    facts = [
        f"Load: {load.shape}, {load.duration_s:g} s; {measurement.arrivals} sessions were due, "
        f"{measurement.finished} done, {measurement.unserved} never found a phone.",
        f"Sessions began at most {_time(late.max_s, len(late))} after they were due; 99 in 100 within "
        f"{_time(late.percentile_s(99), len(late))}.",
        f"{outcome.phones} phones booted in {outcome.boot_duration_s:.1f} s, carried by {outcome.workers} "
        f"process{'es' if outcome.workers > 1 else ''}.",
        "Latency counts from the instant at which a login was due, waiting and tries included.",
    ]
    facts += [f"Worker {lost.shard} was lost with {len(lost.phones)} phones: {lost.reason}." for lost in outcome.lost]
    return "<h2>Conditions</h2>" + "".join(f"<p>{escape(fact)}</p>" for fact in facts)


def _table(heads: tuple[str, ...], rows: str) -> str:
    cells = "".join(f"<th>{escape(head)}</th>" for head in heads)
    return f'<div class="scroll"><table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>'


def _time(seconds: float, count: int) -> str:
    if not count:
        return ""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"
