"""`emcc-emu set`: change a running lab."""

from __future__ import annotations

from typing import Any

import click

from emcc_emu.cli.control_client import ControlClient, control_options, draw_entry, print_json, read_assignments
from emcc_emu.control.routes import EVERY_CLUSTER
from emcc_emu.control.sections import SECTIONS, find_section
from emcc_emu.errors import InputError

__all__ = ["command"]


@click.command(
    "set", epilog=f"WHAT: clock, faults, {', '.join(name for name in SECTIONS if not SECTIONS[name].is_read_only)}"
)
@click.argument("what", metavar="WHAT")
@click.argument("rest", metavar="[NAME] [FIELD=VALUE]...", nargs=-1)
@click.option("--add", "is_new", is_flag=True, help="Add the entry instead of changing it.")
@click.option("--remove", "is_gone", is_flag=True, help="Remove the entry.")
@control_options
def command(
    client: ControlClient, what: str, rest: tuple[str, ...], is_new: bool, is_gone: bool, as_json: bool
) -> None:
    """Change the entry NAME of WHAT in a running lab; parameters have no NAME.

    A value is written as in a lab file; a list as [a, b]. FIELD= puts a field back to its default. The change takes
    effect at once, and stays for the next start of a lab with --state.

    \b
    Examples:
      emcc-emu set users ayamada enable_emcc=false
      emcc-emu set users ayamada pin=24680 pin_must_change=yes
      emcc-emu set service-parameters maximum_concurrent_requests=10 --cluster tokyo
      emcc-emu set emcc-parameters region_max_audio_kbps=64 --cluster '*'
      emcc-emu set remote-clusters paris fully_qualified_name=192.0.2.10 --add --cluster tokyo
      emcc-emu set clock advance=10:00
      emcc-emu set faults wan kind=link_cut 'link=[sanjose, tokyo]'
      emcc-emu set faults wan --remove
    """
    if what == "clock":
        _advance(client, rest, as_json)
        return
    if what == "faults":
        _set_fault(client, rest, is_gone, as_json)
        return
    public = find_section(what)
    if public.is_read_only:
        raise InputError(f"{what} are read when the lab starts; change the lab file")
    if is_new and is_gone:
        raise InputError("--add and --remove: choose one")
    if (is_new or is_gone) and not public.section.is_keyed:
        raise InputError(f"{what} can only be changed")
    path: tuple[str, ...] = (what,)
    if public.section.is_keyed:
        if not rest or "=" in rest[0]:
            raise InputError(f"{what}: say which one, as in: emcc-emu set {what} NAME FIELD=VALUE")
        path, rest = (what, rest[0]), rest[1:]
    values = read_assignments(rest)
    if not values and not is_new and not is_gone:
        raise InputError("nothing to change: give FIELD=VALUE")
    cluster = client.one_cluster() if is_new or len(path) == 1 else client.cluster_of(*path)
    method = "PUT" if is_new else "DELETE" if is_gone else "PATCH"
    answer = client.ask(method, "clusters", cluster, *path, body=None if is_gone else values)
    _print(answer, cluster, path[-1], as_json)


def _print(answer: Any, cluster: str, name: str, as_json: bool) -> None:
    if as_json:
        print_json(answer)
    elif answer is None:
        click.echo(f"{cluster}: {name} removed")
    elif cluster == EVERY_CLUSTER:
        for each, entry in answer.items():
            draw_entry(entry, f"{each}: {name}")
    else:
        draw_entry(answer, f"{cluster}: {name}")


def _set_fault(client: ControlClient, rest: tuple[str, ...], is_gone: bool, as_json: bool) -> None:
    if not rest or "=" in rest[0]:
        raise InputError("faults: say which one, as in: emcc-emu set faults NAME kind=link_cut 'link=[A, B]'")
    body = None if is_gone else read_assignments(rest[1:])
    answer = client.ask("DELETE" if is_gone else "PUT", "faults", rest[0], body=body)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"ended: {', '.join(answer) or 'nothing'}" if is_gone else f"in force: {', '.join(answer)}")


def _advance(client: ControlClient, rest: tuple[str, ...], as_json: bool) -> None:
    values = read_assignments(rest)
    if list(values) != ["advance"]:
        raise InputError("write it as: emcc-emu set clock advance=10:00")
    answer = client.ask("POST", "clock", "advance", body={"by": values["advance"]})
    if as_json:
        print_json(answer)
        return
    for work in answer["ran"]:
        click.echo(f"ran: {work['work']}")
    click.echo(f"calendar time is {answer['offset_s']:.0f} s ahead of the wall clock")
