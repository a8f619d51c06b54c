"""tshark reads our captures: every message is dissected as what it is, and nothing is malformed."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from emcc_emu.trace.pcapng import CaptureSummary, write_pcapng
from emcc_emu.trace.record import Record

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

spec = importlib.util.spec_from_file_location("trace_story", Path(__file__).parents[1] / "trace" / "story.py")
assert spec and spec.loader
story = importlib.util.module_from_spec(spec)
spec.loader.exec_module(story)


def export(records: list[Record], file: Path) -> CaptureSummary:
    with file.open("wb") as stream:
        return write_pcapng(records, stream, story.NODES)


def tshark(file: Path, summary: CaptureSummary, *arguments: str) -> list[str]:
    command = ["tshark", "-n", "-r", str(file), *summary.decode_as(), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def protocols(file: Path, summary: CaptureSummary) -> Counter[str]:
    layers = tshark(file, summary, "-T", "fields", "-e", "frame.protocols")
    return Counter(name for line in layers for name in ("sip", "http", "tftp") if name in line.split(":"))


def problems(file: Path, summary: CaptureSummary) -> list[str]:
    layers = ("ip", "tcp", "udp")
    wrong = " or ".join(["_ws.malformed", "tcp.analysis.flags", *(f"{layer}.checksum.status==0" for layer in layers)])
    checks = (f"{layer}.check_checksum:TRUE" for layer in layers)
    return tshark(file, summary, *(part for check in checks for part in ("-o", check)), "-Y", wrong)


def test_a_whole_story_is_dissected(tmp_path: Path) -> None:
    file = tmp_path / "story.pcapng"
    summary = export(story.record_story(), file)
    assert protocols(file, summary) == summary.records
    assert problems(file, summary) == []


def test_lab_ports_large_messages_and_keep_alive_are_dissected(tmp_path: Path) -> None:
    tape = story.Tape()
    phone = (story.PHONE, 45000)
    for server in ((story.VISITING, 18080), (story.VISITING, 6970)):
        for number in range(3):  # three exchanges on one connection, an answer longer than one segment
            tape.add("http", "tcp", phone, server, story.http_request(f"/file{number}"), f"{server}")
            body = f"<a>{'x' * 5000}</a>"
            tape.add("http", "tcp", server, phone, story.http_answer(body), f"{server}")
    for transport in ("udp", "tcp"):
        options = ("From: <sip:a>;tag=1", "To: <sip:b>", f"Subject: {'y' * 2000}")
        request = story.sip("OPTIONS sip:b SIP/2.0", *options, call_id=transport, sequence="1 OPTIONS")
        answer = story.sip("SIP/2.0 200 OK", *options, call_id=transport, sequence="1 OPTIONS")
        here, there = (story.VISITING, 15060), (story.HOME, 25060)
        tape.add("sip", transport, here, there, request, transport)
        tape.add("sip", transport, there, here, answer, transport)
    client = (story.PHONE, 40001)
    for name, server in ((b"a.xml", (story.HOME, 16969)), (b"b.xml", (story.HOME, 16969))):  # one client port, two TIDs
        tid = (story.HOME, 50000 + len(tape.records))
        negotiated = b"octet\0blksize\x001428\0tsize\x000\0windowsize\x002\0"
        tape.add("tftp", "udp", client, server, b"\0\1" + name + b"\0" + negotiated)
        tape.add("tftp", "udp", tid, client, b"\0\6blksize\x001428\0tsize\x001500\0windowsize\x002\0")
        tape.add("tftp", "udp", client, tid, b"\0\4\0\0")
        tape.add("tftp", "udp", tid, client, b"\0\3\0\1" + b"x" * 1428)
        tape.add("tftp", "udp", tid, client, b"\0\3\0\2" + b"x" * 72)
        tape.add("tftp", "udp", client, tid, b"\0\4\0\2")
    file = tmp_path / "lab.pcapng"
    summary = export(tape.records, file)
    assert protocols(file, summary) == summary.records
    assert problems(file, summary) == []


def test_comments_and_interfaces_name_the_record_and_the_node(tmp_path: Path) -> None:
    file = tmp_path / "story.pcapng"
    summary = export(story.record_story(), file)
    fields = ("-T", "fields", "-e", "frame.interface_name", "-e", "frame.comment")
    lines = tshark(file, summary, *fields)
    assert lines[0] == f"sanjose-pub\trecord 1, by lab, {story.DEVICE}"
    commented = [line for line in lines if line.split("\t")[1]]
    assert len(commented) == len(story.record_story())
