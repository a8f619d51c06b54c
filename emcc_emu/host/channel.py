"""How the host talks with the process of a cluster: one JSON object a line over its standard input and output.

The host asks `{"id": 7, "method": "status", "params": {}}`; the cluster answers `{"id": 7, "result": ...}` or
`{"id": 7, "error": "..."}`.  The pipe's end is the order to stop, so a cluster never outlives its host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from emcc_emu.errors import EmccEmuError, InputError, LabError

__all__ = ["Answer", "Ask", "Asker", "serve"]

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Bound of one message: the status of a lab of 60,000 phones stays far below it."""


class Ask(msgspec.Struct, omit_defaults=True):
    """One question to a cluster process."""

    id: int
    method: str
    params: dict[str, Any] = {}


class Answer(msgspec.Struct, omit_defaults=True):
    """Its answer: a result, or what went wrong."""

    id: int
    result: Any = None
    error: str = ""
    is_input_error: bool = False
    """True when the question was wrong, as opposed to work that failed."""


Method = Callable[[dict[str, Any]], Awaitable[Any]]


class Asker:
    """The host's end: questions in flight by number."""

    def __init__(self, name: str, writer: asyncio.StreamWriter) -> None:
        self.name = name
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._next_id = 1
        self._has_ended = False

    async def ask(self, method: str, **params: Any) -> Any:
        """Ask and wait for the answer.

        Raises:
            InputError: the question was wrong.
            LabError: the work failed, or the process has died.
        """
        if self._has_ended:
            raise LabError(f"cluster {self.name} is not running")
        number, self._next_id = self._next_id, self._next_id + 1
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            self._writer.write(msgspec.json.encode(Ask(number, method, params)) + b"\n")
            await self._writer.drain()
            return await future
        except (ConnectionError, RuntimeError):
            raise LabError(f"cluster {self.name} is not running") from None
        finally:
            del self._waiting[number]

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Hand answers to those who wait, until the process closes its output."""
        decoder = msgspec.json.Decoder(Answer)
        try:
            while line := await reader.readline():
                self._hand_over(decoder.decode(line))
        finally:
            self._has_ended = True
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(LabError(f"cluster {self.name} has stopped"))

    def _hand_over(self, answer: Answer) -> None:
        future = self._waiting.get(answer.id)
        if future is None or future.done():
            return
        if answer.error:
            failure = InputError if answer.is_input_error else LabError
            future.set_exception(failure(answer.error))
        else:
            future.set_result(answer.result)


async def serve(methods: dict[str, Method], reader: asyncio.StreamReader, write: Callable[[bytes], None]) -> None:
    """The cluster's end: answer questions, each in its own task, until the pipe ends."""
    decoder = msgspec.json.Decoder(Ask)
    async with asyncio.TaskGroup() as tasks:
        while line := await reader.readline():
            tasks.create_task(_answer(methods, decoder.decode(line), write))


async def _answer(methods: dict[str, Method], ask: Ask, write: Callable[[bytes], None]) -> None:
    method = methods.get(ask.method)
    if method is None:
        answer = Answer(ask.id, error=f"no such question: {ask.method}", is_input_error=True)
    else:
        try:
            answer = Answer(ask.id, result=await method(ask.params))
        except EmccEmuError as error:
            answer = Answer(
                ask.id, error=str(error) or type(error).__name__, is_input_error=isinstance(error, InputError)
            )
    write(msgspec.json.encode(answer) + b"\n")
