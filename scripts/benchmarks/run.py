"""All benchmarks in one run: each figure of ours beside its peer, as ratios, with what has to be reached."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import common
import em_api
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
}
"""Least ratio to each peer."""

LIMITS: dict[str, tuple[str, float]] = {
    "whole EMCC logins": ("at least", 50.0),
    "memory of a registered phone, cluster side": ("at most", 10.0),
    "memory of a registered phone, fleet side": ("at most", 20.0),
}
"""Bounds of figures that have no peer."""

PARTS: dict[str, Callable[[], dict[str, common.Comparison]]] = {
    "sip": sip.run,
    "tftp": lambda: {f"TFTP, {name}": result for name, result in tftp.run().items()},  # type: ignore[misc]
    "em": em_api.run,
    "logins": logins.run,
    "memory": memory.run,
}


def verdict(name: str, result: common.Comparison) -> tuple[bool, list[str]]:
    """Whether a result reaches what it has to, and the lines that say so."""
    lines, is_ok = [], True
    for peer, ratio in result["ratio"].items():
        least = TARGETS.get(name, {}).get(peer)
        reached = least is None or ratio >= least
        is_ok = is_ok and reached
        wanted = f"  (at least {least:g} x: {'ok' if reached else 'NOT REACHED'})" if least is not None else ""
        lines.append(f"    {ratio:6.2f} x {peer} ({result['peers'][peer]:,.0f}){wanted}")
    if bound := LIMITS.get(name):
        word, limit = bound
        reached = result["figure"] >= limit if word == "at least" else result["figure"] <= limit
        is_ok = is_ok and reached
        lines.append(f"    {word} {limit:g}: {'ok' if reached else 'NOT REACHED'}")
    return is_ok, lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure each figure beside its peer and print ratios.")
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which benchmarks; all when none is named")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    print(f"machine: {common.describe_machine()}")
    results: dict[str, common.Comparison] = {}
    is_ok = True
    for part in arguments.parts or PARTS:
        print(f"measuring {part} ...", file=sys.stderr)
        for name, result in PARTS[part]().items():
            results[name] = result
            reached, lines = verdict(name, result)
            is_ok = is_ok and reached
            print(f"{name}: {result['figure']:,.1f} {result['unit']}", *lines, sep="\n", flush=True)
    if arguments.json:
        machine = common.describe_machine()
        arguments.json.write_text(json.dumps({"ok": is_ok, "machine": machine, "results": results}, indent=2) + "\n")
    return 0 if is_ok else 1


if __name__ == "__main__":
    sys.exit(main())
