"""How long the EM services of a recorded trace took to answer, operation by operation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path

from emcc_emu.trace.messages import read_message
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.record import Address, Record

__all__ = ["answer_times", "read_answer_times"]

MAX_TIMES = 10_000
"""Answers of one operation that are kept, the first ones."""

MAX_OPEN_REQUESTS = 10_000

REQUESTS = {
    "POST em login": "login",
    "POST em logout": "logout",
    "POST emcc homeLogin": "home_login",
    "POST emcc homeLogout": "logout",
    "POST emcc checkUser": "check_user",
}
"""What an operation is called in a trace."""

PAGES = {"GET emapp userid": "login", "GET emapp doLogout": "logout"}
"""What stands for an operation where a trace has only what phones saw."""

REFUSALS = ("failure", "unavailable")


def read_answer_times(path: str) -> dict[str, tuple[float, ...]]:
    """The answer times in a trace; see `answer_times`.

    Raises:
        InputError: There is no trace.
    """
    return answer_times(open_trace(Path(path)).records())


def answer_times(records: Iterable[Record]) -> dict[str, tuple[float, ...]]:
    """Times from request to answer, seconds, by operation: `login`, `logout`, `home_login`, `check_user`.

    Requests that were refused do not count: a refusal is quick.

    Args:
        records: In the order of their times.
    """
    found: dict[str, list[float]] = {}
    seen_by_phones: dict[str, list[float]] = {}
    is_open: OrderedDict[tuple[Address, Address], tuple[str, bool, int]] = OrderedDict()
    for record in records:
        if record.protocol != "http":
            continue
        meaning = read_message(record).meaning
        if meaning.kind == "request":
            name = meaning.label.partition("=")[0]
            operation = REQUESTS.get(name) or PAGES.get(name)
            is_open.pop((record.source, record.destination), None)
            if operation is not None:
                is_open[record.source, record.destination] = (operation, name in PAGES, record.time_ns)
                if len(is_open) > MAX_OPEN_REQUESTS:
                    is_open.popitem(last=False)
        elif asked := is_open.pop((record.destination, record.source), None):
            operation, is_page, asked_ns = asked
            times = (seen_by_phones if is_page else found).setdefault(operation, [])
            is_done = meaning.status == 200 and not any(word in meaning.label for word in REFUSALS)
            if is_done and len(times) < MAX_TIMES:
                times.append((record.time_ns - asked_ns) / 1e9)
    return {operation: tuple(times) for operation, times in (seen_by_phones | found).items() if times}
