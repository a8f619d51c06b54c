"""tshark reads what a running lab has recorded: the whole EMCC story, with the hints that the export writes."""

from __future__ import annotations

import random
import shlex
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner
from running_lab import LAB_FILE, PATIENCE_S, needs

from emcc_emu.cli.export import command as export
from emcc_emu.cli.phone import file_servers
from emcc_emu.host.lab_host import LabHost, RunOptions, prepare_lab
from emcc_emu.host.ready import ReadyFile
from emcc_emu.lab.load import load_lab
from emcc_emu.trace.messages import read_message
from emcc_emu.trace.reader import open_trace
from phones.calls import CallState
from phones.identity import PhoneIdentity
from phones.phone import Phone

pytestmark = needs("tshark")

FIELDS = ("sip.Method", "sip.Status-Code", "http.request.method", "http.response.code", "tftp.opcode")


def phone_of(ready: ReadyFile, name: str) -> Phone:
    entry = next(entry for entry in ready.phones if entry.name == name)
    identity = PhoneIdentity(name, address=entry.address)
    return Phone(identity, file_servers(ready, entry.cluster), rng=random.Random(name))


async def call(phone: Phone, number: str) -> None:
    """Call a number and hang up once it is answered."""
    placed = await phone.dial(number)
    await phone.wait_until(lambda: placed.state is CallState.CONNECTED, PATIENCE_S)
    await phone.calls.hang_up(placed)


async def live_through_the_story(ready: ReadyFile) -> None:
    """Boot, EMCC login, calls to an extension and to the emergency number, logout."""
    example = ready.example
    assert example is not None
    async with phone_of(ready, "SEP02BB00000001") as callee, phone_of(ready, example.visiting_phone) as phone:
        callee.calls.is_auto_answer = True
        await callee.wait_registered()
        await phone.wait_registered()
        await phone.login(example.home_user, example.pin)
        await phone.wait_registered(after=1)
        await call(phone, example.extension)
        await call(phone, example.emergency_number)
        await phone.logout()
        await phone.wait_registered(after=2)


@pytest.fixture
async def trace(tmp_path: Path) -> Path:
    """The trace directory of a lab in processes of its own that has stopped again."""
    directory = tmp_path / "trace"
    options = RunOptions(ephemeral=True, trace=directory)
    async with LabHost(prepare_lab(load_lab(LAB_FILE), options, random.Random()), options) as host:
        await live_through_the_story(host.describe())
    return directory


def recorded(trace: Path) -> Counter[tuple[str, str]]:
    """Every message of the trace by protocol and by method, status or opcode."""
    found: Counter[tuple[str, str]] = Counter()
    for record in open_trace(trace).records():
        meaning = read_message(record).meaning
        if record.protocol == "tftp":
            label = str(record.payload[1])
        else:
            label = str(meaning.status) if meaning.status else meaning.method
        found[record.protocol, label] += 1
    return found


def dissected(command: list[str]) -> Counter[tuple[str, str]]:
    """The same as tshark sees it."""
    arguments = [part for field in FIELDS for part in ("-e", field)]
    lines = run(*command, "-n", "-Y", "sip || http || tftp", "-T", "fields", *arguments).splitlines()
    found: Counter[tuple[str, str]] = Counter()
    for line in lines:
        for field, value in zip(FIELDS, line.split("\t"), strict=True):
            if value:
                found[field.partition(".")[0], value] += 1
    return found


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def test_tshark_sees_the_messages_of_the_story_and_none_is_malformed(trace: Path, tmp_path: Path) -> None:
    capture = tmp_path / "story.pcapng"
    done = CliRunner().invoke(export, [str(trace), "--pcapng", str(capture)])
    assert done.exit_code == 0, done.output
    command = shlex.split(capture.with_name(f"{capture.name}.tshark").read_text())

    messages = recorded(trace)
    assert {"NOTIFY", "INVITE", "REGISTER", "REFER", "OPTIONS"} <= {label for kind, label in messages if kind == "sip"}
    assert {kind for kind, _ in messages} == {"sip", "http", "tftp"}
    assert dissected(command) == messages
    assert run(*command, "-n", "-Y", "_ws.malformed || tcp.analysis.flags") == ""
