"""`emcc-emu export`: a trace for other people's tools."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import BinaryIO

import click

from emcc_emu.errors import InputError
from emcc_emu.trace.har import write_har
from emcc_emu.trace.pcapng import CaptureSummary, write_pcapng
from emcc_emu.trace.reader import Trace, open_trace

__all__ = ["HINTS_SUFFIX", "command"]

HINTS_SUFFIX = ".tshark"
"""Added to the name of a pcapng file: the file beside it that holds the tshark command line."""


@click.command("export")
@click.argument("trace_path", metavar="TRACE", type=click.Path(path_type=Path))
@click.option("--pcapng", "pcapng_path", metavar="FILE", type=click.Path(path_type=Path), help="Write a capture file.")
@click.option("--har", "har_path", metavar="FILE", type=click.Path(path_type=Path), help="Write the HTTP exchanges.")
def command(trace_path: Path, pcapng_path: Path | None, har_path: Path | None) -> None:
    """Write a trace as pcapng (Wireshark, tshark, sngrep) or as HAR (browsers).

    TRACE is a trace file, the trace directory of a run, or a foreign capture. TLS connections are written as their
    plain text on the plain port (8443 as 8080, 5061 as 5060). Beside FILE, the file FILE.tshark holds the tshark
    command line with the decode-as hints for the ports of the lab.

    \b
    Example:
      emcc-emu export ./trace --pcapng login.pcapng --har login.har
      sh login.pcapng.tshark
    """
    if pcapng_path is None and har_path is None:
        raise InputError("nothing to write: name a file with --pcapng FILE or --har FILE")
    trace = open_trace(trace_path)
    if pcapng_path is not None:
        _export_pcapng(trace, pcapng_path)
    if har_path is not None:
        with _open(har_path) as stream:
            count = write_har(trace.records(), stream)
        click.echo(f"{har_path}: {count} HTTP exchanges")


def _export_pcapng(trace: Trace, path: Path) -> None:
    with _open(path) as stream:
        summary = write_pcapng(trace.records(), stream, trace.nodes)
    command_line = tshark_command(path, summary)
    path.with_name(path.name + HINTS_SUFFIX).write_text(f"{command_line}\n", encoding="utf-8")
    counts = ", ".join(f"{count} {protocol.upper()}" for protocol, count in sorted(summary.records.items()))
    click.echo(f"{path}: {counts or 'no'} messages in {summary.packets} packets")
    click.echo(f"read it with: {command_line}")


def tshark_command(path: Path, summary: CaptureSummary) -> str:
    """Return the shell command that prints the capture with every protocol dissected."""
    return shlex.join(["tshark", "-r", str(path), *summary.decode_as()])


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
