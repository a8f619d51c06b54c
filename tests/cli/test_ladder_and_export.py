"""`emcc-emu ladder` and `emcc-emu export`, from a trace on disk."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from emcc_emu.cli import export, ladder
from emcc_emu.errors import InputError
from emcc_emu.trace.store import StoreLimits, TraceWriter

spec = importlib.util.spec_from_file_location("trace_story", Path(__file__).parents[1] / "trace" / "story.py")
assert spec and spec.loader
story = importlib.util.module_from_spec(spec)
spec.loader.exec_module(story)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    directory = tmp_path / "trace"
    writer = TraceWriter(directory, recorder_name="lab", lab="two", nodes=story.NODES, limits=StoreLimits())
    for record in story.record_story():
        writer.append(record)
    writer.close()
    return directory


def run(module: object, *arguments: object) -> Result:
    result = CliRunner().invoke(module.command, [str(each) for each in arguments], catch_exceptions=False)  # type: ignore[attr-defined]
    assert result.exit_code == 0, result.output
    return result


def test_draws_a_directory_and_a_file(trace: Path) -> None:
    whole = run(ladder, trace, "--width", 120).output
    assert "lab two" in whole
    assert "INVITE 911" in whole
    (file,) = trace.iterdir()
    assert run(ladder, file, "--width", 120).output == whole


def test_options_are_shown_on_request(trace: Path) -> None:
    assert "━ OPTIONS" in run(ladder, trace, "--options", "--story", "").output
    assert "━ OPTIONS" not in run(ladder, trace).output


def test_lists_stories(trace: Path) -> None:
    (line,) = run(ladder, trace, "--list").output.splitlines()
    assert line.startswith(story.DEVICE)


def test_an_unknown_story_is_refused_with_the_known_ones(trace: Path) -> None:
    with pytest.raises(InputError, match=f"no packets of SEP999999999999; it holds {story.DEVICE}"):
        run(ladder, trace, "--story", "SEP999999999999")


def test_too_many_phones_ask_for_a_choice(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, recorder_name="lab", limits=StoreLimits())
    tape = story.Tape()
    for number in range(7):
        request = b"\0\1SEP%012d.cnf.xml\0octet\0" % number
        tape.add("tftp", "udp", (f"127.1.100.{number}", 40000), (story.VISITING, 6969), request)
    for record in tape.records:
        writer.append(record)
    writer.close()
    with pytest.raises(InputError, match="holds 7 phones; choose one with --story"):
        run(ladder, tmp_path)


def test_exports_pcapng_with_hints_and_har(trace: Path, tmp_path: Path) -> None:
    capture, har = tmp_path / "my login.pcapng", tmp_path / "login.har"
    output = run(export, trace, "--pcapng", capture, "--har", har).output
    command_line = f"tshark -r '{capture}' -d udp.port==6969,tftp"
    assert command_line in output
    assert Path(f"{capture}.tshark").read_text() == f"{command_line}\n"
    assert "10 HTTP, 22 SIP, 24 TFTP messages" in output
    assert len(json.loads(har.read_text())["log"]["entries"]) == 5
    assert "INVITE 911" in run(ladder, capture, "--width", 120).output


def test_an_export_needs_a_place_to_go(trace: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--pcapng FILE or --har FILE"):
        run(export, trace)
    with pytest.raises(InputError, match="cannot be written"):
        run(export, trace, "--har", tmp_path / "missing" / "x.har")
