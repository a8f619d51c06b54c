"""The pipe between the host and a cluster's process."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from emcc_emu.errors import EmccEmuError, InputError, LabError
from emcc_emu.host.channel import Answer, Asker, serve


class Writer:
    """Stands for a pipe's writing end: what is written comes out of a reader."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader

    def write(self, line: bytes) -> None:
        self.reader.feed_data(line)

    async def drain(self) -> None:
        """Nothing is ever held back."""


class Pair:
    """Host and cluster joined by two pipes, in one loop."""

    def __init__(self, **methods: Any) -> None:
        self.to_cluster = asyncio.StreamReader()
        self.to_host = asyncio.StreamReader()
        self.asker = Asker("tokyo", Writer(self.to_cluster))  # type: ignore[arg-type]
        self.methods = methods

    async def __aenter__(self) -> Asker:
        self.serving = asyncio.create_task(serve(self.methods, self.to_cluster, self.to_host.feed_data))
        self.reading = asyncio.create_task(self.asker.read(self.to_host))
        return self.asker

    async def __aexit__(self, *_: object) -> None:
        self.to_cluster.feed_eof()
        await self.serving
        self.to_host.feed_eof()
        await self.reading


async def test_an_answer_reaches_the_one_who_asked_even_when_later_questions_finish_first() -> None:
    first_may_go = asyncio.Event()

    async def slow(params: dict[str, Any]) -> str:
        await first_may_go.wait()
        return f"slow {params['number']}"

    async def quick(_: dict[str, Any]) -> str:
        first_may_go.set()
        return "quick"

    async with Pair(slow=slow, quick=quick) as asker:
        assert await asyncio.gather(asker.ask("slow", number=1), asker.ask("quick")) == ["slow 1", "quick"]


@pytest.mark.parametrize("failure", [InputError, LabError])
async def test_a_failure_crosses_the_pipe_as_what_it_was(failure: type[EmccEmuError]) -> None:
    async def fails(_: dict[str, Any]) -> None:
        raise failure("no phone is called SEP00")

    async with Pair(fails=fails) as asker:
        with pytest.raises(failure, match="no phone is called SEP00"):
            await asker.ask("fails")


async def test_an_unknown_question_is_refused_by_name() -> None:
    async with Pair() as asker:
        with pytest.raises(InputError, match="no such question: fly"):
            await asker.ask("fly")


async def test_questions_in_flight_fail_when_the_process_dies() -> None:
    reader, output = asyncio.StreamReader(), asyncio.StreamReader()
    asker = Asker("tokyo", Writer(reader))  # type: ignore[arg-type]
    reading = asyncio.create_task(asker.read(output))
    question = asyncio.create_task(asker.ask("status"))
    await reader.readline()
    output.feed_eof()
    with pytest.raises(LabError, match="cluster tokyo has stopped"):
        await question
    await reading


async def test_an_answer_to_a_question_given_up_is_ignored() -> None:
    output = asyncio.StreamReader()
    asker = Asker("tokyo", Writer(asyncio.StreamReader()))  # type: ignore[arg-type]
    output.feed_data(msgspec.json.encode(Answer(99, result=1)) + b"\n")
    output.feed_eof()
    await asker.read(output)


async def test_whoever_asks_after_the_end_hears_so_at_once() -> None:
    async with Pair() as asker:
        pass
    with pytest.raises(LabError, match="tokyo is not running"):
        await asker.ask("status")
