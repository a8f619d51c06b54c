"""Single keys pressed at a terminal while a load runs."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TextIO

__all__ = ["Keys"]


class Keys:
    """Passes every key on; use it as `with`. It does nothing where the input is no terminal.

    Args:
        on_key: Told each key.
        stream: The terminal.
    """

    def __init__(self, on_key: Callable[[str], None], stream: TextIO) -> None:
        self._on_key = on_key
        self._stream = stream
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if self._stream.isatty():
            descriptor = self._stream.fileno()
            self._before = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor)
            asyncio.get_running_loop().add_reader(descriptor, self._read, descriptor)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            descriptor = self._stream.fileno()
            asyncio.get_running_loop().remove_reader(descriptor)
            termios.tcsetattr(descriptor, termios.TCSADRAIN, self._before)

    def _read(self, descriptor: int) -> None:
        for key in os.read(descriptor, 64).decode("utf-8", "ignore"):
            self._on_key(key)
