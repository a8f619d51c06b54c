"""`emcc-emu show`: what a running lab is configured to do, and what it is doing."""

from __future__ import annotations

from typing import Any

import click

from emcc_emu.cli.control_client import ControlClient, control_options, draw_entries, draw_entry, print_json
from emcc_emu.control.sections import SECTIONS, PublicSection
from emcc_emu.errors import InputError
from emcc_emu.settings.mistakes import nearest_word, show_value

__all__ = ["REPORTS", "command"]

REPORTS = {
    "lab": "name, clusters, where traces and databases are",
    "clock": "calendar time",
    "sessions": "who is logged in",
    "faults": "what goes wrong on purpose",
    "counters": "counters as the performance monitor names them",
    "jobs": "the job scheduler",
    "validation": "what Validate says of the intercluster service profile",
    "phone-feature-list": "which phone models support EMCC",
}
"""What can be shown besides the parts of the configuration."""

SESSION_COLUMNS = ("cluster", "kind", "device", "user", "profile", "cluster_id", "emcc_device", "roaming_device_pool")
FAULT_COLUMNS = ("name", "kind", "cluster", "node", "service", "operation", "link", "protocol", "percent", "delay")
JOB_COLUMNS = ("cluster", "id", "name", "status", "result")


@click.command("show", epilog=f"WHAT: {', '.join([*REPORTS, *SECTIONS])}")
@click.argument("what", metavar="WHAT")
@click.argument("name", metavar="[NAME]", default="")
@click.option("--match", default="", metavar="TEXT", help="Only entries whose name contains this.")
@click.option("--limit", default=1000, show_default=True, help="At most so many entries of each cluster.")
@control_options
def command(client: ControlClient, what: str, name: str, match: str, limit: int, as_json: bool) -> None:
    """Show WHAT a running lab has, of every cluster or of one; with NAME one entry in full.

    \b
    Examples:
      emcc-emu show users --against ready.json
      emcc-emu show users ayamada
      emcc-emu show emcc-parameters --cluster tokyo
      emcc-emu show sessions --json
    """
    if what in REPORTS:
        _show_report(client, what, as_json)
        return
    public = SECTIONS.get(what)
    if public is None:
        nearest = nearest_word(what, [*SECTIONS, *REPORTS])
        hint = f"did you mean {nearest!r}?" if nearest else f"there are {', '.join([*REPORTS, *SECTIONS])}"
        raise InputError(f"{show_value(what)} cannot be shown; {hint}")
    if public.section.is_keyed and not name:
        _show_list(client, public, as_json, match, limit)
    elif name:
        cluster = client.cluster_of(what, name)
        answer = client.ask("GET", "clusters", cluster, what, name)
        print_json(answer) if as_json else draw_entry(answer, f"{cluster}: {name}")
    else:
        answers = {cluster: client.ask("GET", "clusters", cluster, what) for cluster in client.clusters}
        _print_by_cluster(answers, as_json)


def _show_list(client: ControlClient, public: PublicSection, as_json: bool, match: str, limit: int) -> None:
    answers = {
        cluster: client.ask("GET", "clusters", cluster, public.name, match=match, limit=limit)
        for cluster in client.clusters
    }
    if as_json:
        print_json(answers)
        return
    entries = [{"cluster": cluster, **entry} for cluster, answer in answers.items() for entry in answer["entries"]]
    columns = public.columns or tuple(dict.fromkeys(key for entry in entries for key in entry if key != "cluster"))
    draw_entries(entries, ("cluster", *columns))
    for cluster, answer in answers.items():
        if answer["count"] > len(answer["entries"]):
            click.echo(f"{cluster}: {len(answer['entries'])} of {answer['count']} shown; --limit shows more")


def _show_report(client: ControlClient, what: str, as_json: bool) -> None:
    if what in ("lab", "clock", "faults"):
        answer = client.ask("GET", what)
        if as_json:
            print_json(answer)
        elif what == "faults":
            draw_entries([{"name": name, **fault} for name, fault in answer.items()], FAULT_COLUMNS)
        elif what == "lab":
            draw_entry(answer)
        else:
            _print_by_cluster(answer, as_json)
        return
    path = ("intercluster-service-profile", "validation") if what == "validation" else (what,)
    answers = {cluster: client.ask("GET", "clusters", cluster, *path) for cluster in client.clusters}
    if as_json:
        print_json(answers)
        return
    match what:
        case "sessions":
            draw_entries(_rows(answers, "entries"), SESSION_COLUMNS)
        case "jobs":
            draw_entries(_rows(answers, "jobs"), JOB_COLUMNS)
        case "validation":
            draw_entries(_rows(answers, "checks"), ("cluster", "check", "ok", "detail"))
        case "counters":
            draw_entries(_counter_rows(answers), ("cluster", "node", "counter", "value"))
        case _:
            rows = [{"cluster": cluster, **row} for cluster, answer in answers.items() for row in answer]
            draw_entries(rows, ("cluster", "model", "protocol", "supports_emcc", "phones"))


def _rows(answers: dict[str, Any], field: str) -> list[dict[str, Any]]:
    return [{"cluster": cluster, **row} for cluster, answer in answers.items() for row in answer[field]]


def _counter_rows(answers: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for cluster, answer in answers.items():
        for node, counters in [*answer["nodes"].items(), ("", answer["cluster"])]:
            rows += [{"cluster": cluster, "node": node, "counter": key, "value": n} for key, n in counters.items()]
    return rows


def _print_by_cluster(answers: dict[str, Any], as_json: bool) -> None:
    """One column for each cluster."""
    if as_json:
        print_json(answers)
        return
    fields = dict.fromkeys(field for answer in answers.values() for field in answer)
    rows = [{"field": field, **{name: answer.get(field) for name, answer in answers.items()}} for field in fields]
    draw_entries(rows, ("field", *answers))
