"""All benchmarks in one run: each figure of ours beside its peer, as ratios, with what has to be reached."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common
import em_api
import load
import logins
import memory
import sip
import tftp

TARGETS: dict[str, dict[str, float]] = {
    "OPTIONS": {"Kamailio": 1.3, "a bare socket": 0.35},
    "REGISTER, refresh": {"our OPTIONS": 0.5},
    "REGISTER, first": {"our OPTIONS": 0.25},
    "TFTP, blksize 512": {"atftpd": 1.3, "tftpd-hpa": 4.0},
    "TFTP, blksize 1428": {"atftpd": 1.3, "tftpd-hpa": 4.0},
    "EMService deviceUserQuery": {"aiohttp's hello": 0.40},
    "registrations by the fleet": {"SIPp": 0.5},
}
"""Least ratio to each peer."""

LIMITS: dict[str, tuple[str, float]] = {
    "whole EMCC logins": ("at least", 50.0),
    "memory of a registered phone, cluster side": ("at most", 10.0),
    "memory of a registered phone, fleet side": ("at most", 20.0),
    "boot storm": ("at least", 400.0),
    "20000 phones kept alive, cluster side": ("at most", 10.0),
    "20000 phones kept alive, fleet side": ("at most", 10.0),
    "EM logins through the EM API": ("at least", 2000.0),
    "arrivals later than planned, 99 %": ("at most", 10.0),
}
"""Bounds of the figures themselves."""


@dataclass(frozen=True, slots=True)
class Part:
    """A benchmark, and how much of it `--quick` runs."""

    run: Callable[..., dict[str, common.Comparison]]
    subject: str
    quick: Mapping[str, Any] = field(default_factory=dict)


PARTS: dict[str, Part] = {
    "sip": Part(sip.run, "OPTIONS and REGISTER over UDP", {"rounds": 1, "seconds": 0.3}),
    "tftp": Part(tftp.run, "an 8 kB file for 50 clients", {"rounds": 1, "seconds": 0.3, "has_peers": False}),
    "em": Part(em_api.run, "deviceUserQuery over HTTP", {"rounds": 1, "seconds": 0.3}),
    "logins": Part(logins.run, "whole logins between two clusters", {"rounds": 1, "phones": 40}),
    "memory": Part(memory.run, "what a registered phone takes", {"phones": 200}),
    "load": Part(
        load.run,
        "boots, refreshes, EM logins, arrivals, the generator beside SIPp",
        {"phones": 50, "rounds": 1, "seconds": 0.3, "watched_s": 1.0, "settled_s": 0.0, "arrivals_s": 1.0},
    ),
}


def verdict(name: str, result: common.Comparison) -> tuple[bool, list[str]]:
    """Whether a result reaches what it has to, and the lines that say so."""
    lines, is_ok = [], True
    for peer, ratio in result["ratio"].items():
        least = TARGETS.get(name, {}).get(peer)
        reached = least is None or ratio >= least
        is_ok = is_ok and reached
        wanted = f"  (at least {least:g} x: {'ok' if reached else 'NOT REACHED'})" if least is not None else ""
        lines.append(f"    {ratio:6.2f} x {peer} ({common.shown(result['peers'][peer])}){wanted}")
    if bound := LIMITS.get(name):
        word, limit = bound
        reached = result["figure"] >= limit if word == "at least" else result["figure"] <= limit
        is_ok = is_ok and reached
        lines.append(f"    {word} {limit:g}: {'ok' if reached else 'NOT REACHED'}")
    return is_ok, lines + [f"    {note}" for note in result.get("notes", [])]


def report_text(results: Mapping[str, common.Comparison], *, is_quick: bool) -> str:
    """The figures as a Markdown table, with the machine they were measured on."""
    lines = ["# Benchmarks", "", f"Written by `scripts/bench` on {common.describe_machine()}.", ""]
    if is_quick:
        lines += ["One short round of each: this shows that everything runs, not how fast.", ""]
    lines += ["| work | figure | beside | must reach | |", "| --- | ---: | --- | --- | --- |"]
    for name, result in results.items():
        targets = TARGETS.get(name, {})
        beside = "; ".join(f"{ratio:.2f} x {peer}" for peer, ratio in result["ratio"].items())
        wanted = [f"{least:g} x {peer}" for peer, least in targets.items()]
        wanted += ["{} {:g} {}".format(*LIMITS[name], result["unit"])] if name in LIMITS else []
        mark = ("yes" if verdict(name, result)[0] else "**no**") if wanted else ""
        figure = f"{common.shown(result['figure'])} {result['unit']}"
        lines.append(f"| {name} | {figure} | {beside} | {'; '.join(wanted)} | {mark} |")
    notes = [f"* {name}: {note}" for name, result in results.items() for note in result.get("notes", [])]
    return "\n".join([*lines, "", *notes, *([""] if notes else [])])


def read_arguments() -> argparse.Namespace:
    """What to measure, how thoroughly, and where to write it."""
    parts = "\n".join(f"  {name:8}{part.subject}" for name, part in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measure each figure beside its peer and print ratios; exit 1 when one is not what it has to be.",
        epilog=f"parts:\n{parts}\n\nexample:\n  scripts/bench sip memory --json figures.json",
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help="which benchmarks; all when none is named")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round of each, in seconds instead of minutes: shows that everything runs, not how fast; "
        "exit 0 whatever the figures",
    )
    parser.add_argument("--profile", action="store_true", help="logins: say which modules use the CPU")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write the figures as a table in Markdown, such as BENCHMARKS.md"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file, too")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.parts if name not in PARTS]
    if unknown:
        parser.error(f"no benchmark {unknown[0]!r}; there are {', '.join(PARTS)}")
    return arguments


def main() -> int:
    arguments = read_arguments()
    print(f"machine: {common.describe_machine()}")
    results: dict[str, common.Comparison] = {}
    is_ok = True
    for name in arguments.parts or PARTS:
        print(f"measuring {name} ...", file=sys.stderr)
        options = dict(PARTS[name].quick) if arguments.quick else {}
        if name == "logins":
            options["is_profiled"] = arguments.profile
        for label, result in PARTS[name].run(**options).items():
            results[label] = result
            reached, lines = verdict(label, result)
            is_ok = is_ok and reached
            print(f"{label}: {common.shown(result['figure'])} {result['unit']}", *lines, sep="\n", flush=True)
    if arguments.report:
        arguments.report.write_text(report_text(results, is_quick=arguments.quick))
    if arguments.json:
        report = {"ok": is_ok, "quick": arguments.quick, "machine": common.describe_machine(), "results": results}
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if is_ok or arguments.quick else 1


if __name__ == "__main__":
    sys.exit(main())
