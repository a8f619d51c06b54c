"""What `show`, `set` and `job` share: finding the control API of a running lab, asking it, and drawing its answers."""

from __future__ import annotations

import asyncio
import functools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from emcc_emu.errors import InputError, LabError, TransportError
from emcc_emu.host.ready import read_ready_file
from emcc_emu.net.http_client import HttpClient
from emcc_emu.settings.mistakes import show_value
from emcc_emu.settings.yaml_tree import Branch, Leaf, Listing, Tree, parse_tree

__all__ = ["ControlClient", "control_options", "draw_entries", "draw_entry", "print_json", "read_assignments"]

TIMEOUT_S = 600.0
"""Moving the calendar by a year runs every job of that year."""

MAX_ANSWER_BYTES = 64 * 1024 * 1024

F = TypeVar("F", bound=Callable[..., Any])


class ControlClient:
    """Asks the control API of a running lab.

    Args:
        url: Its base URL.
        token: Bearer token; empty for none.
        cluster: Cluster that was chosen; empty to find it by what is asked.
    """

    def __init__(self, url: str, token: str = "", cluster: str = "") -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._cluster = cluster

    def ask(self, method: str, *path: str, body: Mapping[str, Any] | None = None, **query: Any) -> Any:
        """Ask for one path, given in parts.

        Raises:
            InputError: What was asked is wrong.
            LabError: No answer came, or the work failed.
        """
        target = f"{self.url}/{'/'.join(quote(part, safe='*') for part in path)}"
        if query:
            target += f"?{urlencode(query)}"
        reply = asyncio.run(self._send(method, target, body))
        answer = json.loads(reply[1]) if reply[1] else None
        if reply[0] == 200:
            return answer
        text = answer["error"] if isinstance(answer, dict) and "error" in answer else f"HTTP status {reply[0]}"
        raise InputError(text) if reply[0] < 500 else LabError(text)

    async def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        client = HttpClient(timeout_s=TIMEOUT_S, max_body_bytes=MAX_ANSWER_BYTES)
        headers = [("Authorization", f"Bearer {self._token}")] if self._token else []
        content = b"" if body is None else json.dumps(body).encode()
        try:
            reply = await client.request(method, url, headers=headers, body=content)
        except TransportError as error:
            raise LabError(f"{self.url}: {error}; is the lab running? emcc-emu up LAB starts it") from error
        finally:
            await client.close()
        return reply.status, reply.body

    @property
    def clusters(self) -> list[str]:
        """The clusters that were asked for: the chosen one, or all."""
        return [self._cluster] if self._cluster else list(self.ask("GET", "lab")["clusters"])

    def one_cluster(self) -> str:
        """The chosen cluster, or the only one.

        Raises:
            InputError: There are several.
        """
        clusters = self.clusters
        if len(clusters) == 1:
            return clusters[0]
        raise InputError(f"say which cluster: --cluster {' or --cluster '.join(clusters)}")

    def cluster_of(self, *path: str) -> str:
        """The chosen cluster, or the one that has what the path names.

        Raises:
            InputError: No cluster has it, or several have.
        """
        if self._cluster:
            return self._cluster
        found, errors = [], []
        for cluster in self.clusters:
            try:
                self.ask("GET", "clusters", cluster, *path)
                found.append(cluster)
            except InputError as error:
                errors.append(str(error))
        if not found:
            raise InputError("\n".join(errors))
        if len(found) > 1:
            raise InputError(f"{path[-1]} is in several clusters: --cluster {' or --cluster '.join(found)}")
        return found[0]


def control_options(function: F) -> F:
    """The options that say which lab is meant; the command gets a `client` and `as_json`."""

    @click.option("--against", type=click.Path(path_type=Path), metavar="READY_FILE", help="The lab that wrote it.")
    @click.option(
        "--control", default="", metavar="URL", help="The lab's control API; http://127.0.0.1:8090 if absent."
    )
    @click.option("--token", default="", envvar="EMCC_EMU_TOKEN", help="Token of a control API beyond loopback.")
    @click.option("--cluster", default="", metavar="NAME", help="Cluster; '*' changes something at every cluster.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
    @functools.wraps(function)
    def wrapped(against: Path | None, control: str, token: str, cluster: str, **others: Any) -> Any:
        if against is not None and control:
            raise InputError("give --against READY_FILE or --control URL, not both")
        url = read_ready_file(against).control if against is not None else control or "http://127.0.0.1:8090"
        return function(client=ControlClient(url, token, cluster), **others)

    return wrapped  # type: ignore[return-value]


def read_assignments(texts: Iterable[str]) -> dict[str, Any]:
    """`FIELD=VALUE` texts as values: plain text, or YAML where it begins with `[` or `{`; nothing is the default.

    Raises:
        InputError: One has another form.
    """
    values: dict[str, Any] = {}
    for text in texts:
        field, equals, value = text.partition("=")
        if not field or not equals:
            raise InputError(f"{show_value(text)}: write it as FIELD=VALUE")
        values[field.replace("-", "_")] = _value(field, value)
    return values


def _value(field: str, text: str) -> Any:
    if not text:
        return None
    if text[0] not in "[{":
        return text
    tree, mistake = parse_tree(text)
    if tree is None:
        raise InputError(f"{field}: {mistake.problem if mistake is not None else 'is no YAML'}")
    return _plain(tree)


def _plain(tree: Tree) -> Any:
    match tree:
        case Leaf():
            return None if tree.is_empty else tree.text
        case Listing():
            return [_plain(item) for item in tree.items]
        case Branch():
            return {entry.key.text: _plain(entry.value) for entry in tree.entries}


def print_json(answer: Any) -> None:
    """Print an answer as it came."""
    click.echo(json.dumps(answer, ensure_ascii=False, indent=2))


def draw_entries(entries: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str = "") -> None:
    """Draw a table with a row for each entry."""
    table = Table(title=title or None, title_justify="left")
    for column in columns:
        table.add_column(column.replace("_", " "), overflow="fold")
    for entry in entries:
        table.add_row(*(escape(_cell(entry.get(column))) for column in columns))
    Console().print(table)


def draw_entry(entry: Mapping[str, Any], title: str = "") -> None:
    """Draw one entry, a row for each field."""
    table = Table("field", "value", title=title or None, title_justify="left")
    for field, value in entry.items():
        table.add_row(field, escape(_cell(value)))
    Console().print(table)


def _cell(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_cell(entry) for entry in value) or "-"
        case dict():
            return ", ".join(f"{key}: {_cell(entry)}" for key, entry in value.items()) or "-"
        case _:
            return str(value)
