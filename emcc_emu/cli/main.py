"""The command line's front door: finds the sub-command, and turns errors into exit codes.

Each sub-command lives in its own file of this package and is imported only when it is used, so that
`emcc-emu --help` and short commands start quickly.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Sequence

import click
import structlog

from emcc_emu import __version__
from emcc_emu.errors import EmccEmuError, InputError

__all__ = ["COMMANDS", "command", "main"]

COMMANDS: dict[str, str] = {
    "demo": "Run the whole EMCC story on two clusters and draw it as a ladder.",
    "up": "Start the clusters of a lab and keep them running.",
    "load": "Drive a fleet of virtual phones by a scenario, and judge what came of it.",
    "phone": "Boot one virtual phone and do what it is told.",
    "show": "Show what a running lab has and does.",
    "set": "Change a running lab.",
    "job": "Run jobs of a running lab: bulk jobs, logouts, resets.",
    "check": "Say everything that is wrong with a lab file.",
    "codes": "Print the table of error codes.",
    "ladder": "Draw a trace as a ladder across TFTP, HTTP/XML and SIP.",
    "export": "Write a trace as pcapng or HAR.",
    "certificates": "Make the keys and trust stores of a lab.",
}
"""Sub-commands in the order in which the help lists them."""

EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that imports a sub-command's module when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"emcc_emu.cli.{cmd_name}")
        found: click.Command = module.command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="emcc-emu")
def command() -> None:
    """Run, break, load-test and understand Extension Mobility Cross Cluster.

    \b
    Examples:
      emcc-emu demo                                  the whole story in a few seconds
      emcc-emu up fixtures/labs/two-clusters.yaml    two clusters to point phones at
      emcc-emu COMMAND --help                        each command's options, with an example
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 success, 1 the work failed, 2 the input was wrong."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit status."""
    try:
        result = command.main(args=arguments, prog_name="emcc-emu", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
    except InputError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_INPUT
    except EmccEmuError as error:
        click.echo(f"error: {error}", err=True)
        return EXIT_FAILED
    except OSError as error:
        if error.filename is None:
            raise
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        return EXIT_INPUT
    return result if isinstance(result, int) else 0
