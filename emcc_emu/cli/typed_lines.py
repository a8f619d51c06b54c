"""Lines typed at a terminal or piped in, read one at a time while the event loop goes on."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import TypeVar

__all__ = ["TypedLines", "in_thread"]

T = TypeVar("T")

MAX_LINE_BYTES = 65536
"""A longer line is cut into several."""


async def in_thread(work: Callable[[], T]) -> T:
    """Run something that blocks in a thread of its own, which does not keep the program from ending."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failure = None, None
        try:
            result = work()
        except BaseException as error:
            failure = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, failure)

    threading.Thread(target=run, daemon=True).start()
    return await outcome


class TypedLines:
    """Reads a file descriptor by lines, and only when it is asked, so that a prompt may read from it in between.

    Args:
        descriptor: Open for reading: a terminal, a pipe, a file.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = b""

    async def read(self) -> str | None:
        """The next line without its line end; None at the end of the input."""
        return await in_thread(self._read)

    def _read(self) -> str | None:
        while b"\n" not in self._buffer and len(self._buffer) < MAX_LINE_BYTES:
            more = os.read(self._descriptor, 4096)
            if not more:
                rest, self._buffer = self._buffer, b""
                return rest.decode("utf-8", "replace") if rest else None
            self._buffer += more
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "replace")
