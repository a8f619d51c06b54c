"""`emcc-emu codes`: what does that number on the phone mean, and how do I get it?"""

from __future__ import annotations

import json
from typing import cast

import click
from rich.console import Console
from rich.table import Table

from emcc_emu.errors import InputError
from emcc_emu.rules.codes import CODES, Code, Locale, displays
from emcc_emu.rules.versions import parse_version

__all__ = ["command"]


@click.command("codes")
@click.argument("numbers", metavar="[CODE]...", nargs=-1, type=int)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list instead of a table.")
@click.option(
    "--locale", type=click.Choice(["en", "ja"]), default="en", show_default=True, help="Language of the texts."
)
@click.option(
    "--version",
    default="12.5",
    show_default=True,
    metavar="RELEASE",
    help="Release whose texts are shown, such as 11.5.",
)
def command(numbers: tuple[int, ...], as_json: bool, locale: str, version: str) -> None:
    """Print the error codes of Extension Mobility and EMCC: all, or those given.

    Every code comes with what the phone shows, what is wrong, and what to do in a lab to provoke it.

    \b
    Example:
      emcc-emu codes 26
      emcc-emu codes --locale ja
      emcc-emu codes --json
    """
    codes = _select(numbers)
    try:
        parse_version(version)
    except ValueError as error:
        raise InputError(f"--version: {error}") from None
    if as_json:
        click.echo(json.dumps([_as_record(code, version) for code in codes], ensure_ascii=False, indent=2))
    elif numbers:
        click.echo("\n\n".join([_describe(code, cast("Locale", locale), version) for code in codes]))
    else:
        Console().print(_table(codes, cast("Locale", locale), version))
        click.echo("`emcc-emu codes CODE` tells the cause of a code and how to provoke it.")


def _select(numbers: tuple[int, ...]) -> list[Code]:
    """The codes of these numbers, or all."""
    for number in numbers:
        if number not in CODES:
            nearest = min(CODES, key=lambda known: abs(known - number))
            raise InputError(f"there is no error code {number}; the nearest is {nearest}")
    return [CODES[number] for number in numbers] or list(CODES.values())


def _as_record(code: Code, version: str) -> dict[str, object]:
    return {
        "code": code.number,
        "service": code.service,
        "display_en": displays(code, "en", version),
        "display_ja": displays(code, "ja", version),
        "meaning": code.meaning,
        "cause": code.cause,
        "provoke": code.provoke,
    }


def _describe(code: Code, locale: Locale, version: str) -> str:
    shown = displays(code, locale, version) or "never shown on a phone"
    return (
        f"{code.number}  {code.meaning}  ({code.service}: {', '.join(code.operations)})\n"
        f"  phone    {shown}\n  cause    {code.cause}\n  provoke  {code.provoke}"
    )


def _table(codes: list[Code], locale: Locale, version: str) -> Table:
    table = Table("Code", "Raised by", "Phone shows", "Meaning")
    table.columns[0].justify = "right"
    table.columns[2].overflow = "fold"
    for code in codes:
        shown = displays(code, locale, version).replace(" / ", "\n")
        table.add_row(str(code.number), code.service, shown, code.meaning)
    return table
