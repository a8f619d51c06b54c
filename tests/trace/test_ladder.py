"""Ladders: who stands where, what is drawn, what is left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from emcc_emu.trace.ladder import LadderStyle, draw_ladder
from emcc_emu.trace.record import NodeLabel, Record

spec = importlib.util.spec_from_file_location("trace_story", Path(__file__).with_name("story.py"))
assert spec and spec.loader
story = importlib.util.module_from_spec(spec)
spec.loader.exec_module(story)


def draw(records: list[Record] | None = None, *, nodes: tuple[NodeLabel, ...] = story.NODES, **style: object) -> str:
    records = story.record_story() if records is None else records
    return draw_ladder(records, nodes, LadderStyle(**{"width": 120, **style}), lab="two-clusters")  # type: ignore[arg-type]


def lines_with(text: str, words: str) -> list[str]:
    return [line for line in text.splitlines() if words in line]


def test_columns_are_phone_visiting_home_gateway() -> None:
    names, captions = draw(story=story.DEVICE).splitlines()[2:4]
    assert names.split() == [story.DEVICE, "sanjose", "tokyo", "sanjose-gw"]
    assert captions.split() == ["phone", "visiting", "home", "gateway"]


def test_the_story_of_a_login_reads_from_tftp_to_the_call() -> None:
    text = draw(story=story.DEVICE.lower())
    told = [
        "RRQ CTLSEP001122334455.tlv",
        "ERROR 1 File not found",
        "RRQ SEP001122334455.cnf.xml",
        "DATA ×3, 1,033 bytes",
        "REGISTER 2001",
        "GET emapp",
        "200 CiscoIPPhoneInput “Please sign on”",
        "GET emapp userid=ayamada",
        "POST em query checkUser",
        "200 em failure 23",
        "POST emcc checkUser",
        "200 emcc checkUser exists",
        "POST emcc homeLogin",
        "200 emcc homeLogin",
        "200 CiscoIPPhoneText “Login successful”",
        "NOTIFY service-control",
        "REGISTER 81000",
        "INVITE 911",
        "200 OK",
    ]
    position = 0
    for words in told:
        position = text.find(words, position)
        assert position >= 0, words


def test_an_emergency_call_leaves_through_the_visiting_gateway() -> None:
    invites = lines_with(draw(), "INVITE 911")
    assert len(invites) == 3
    home_to_visiting, visiting_to_gateway = invites[1:]
    assert "◀" in home_to_visiting
    assert visiting_to_gateway.index("┝") == home_to_visiting.index("◀") - 1
    assert visiting_to_gateway.rstrip().endswith("▶│")


@pytest.mark.parametrize(("option", "hidden"), [("shows_options", "2 OPTIONS"), ("shows_keepalives", "6 keepalives")])
def test_noise_is_hidden_and_counted_unless_asked_for(option: str, hidden: str) -> None:
    assert hidden in draw()
    assert hidden not in draw(**{option: True})
    assert len(draw(**{option: True}).splitlines()) > len(draw().splitlines())


def test_a_datagram_sent_again_is_marked() -> None:
    assert len(lines_with(draw(), "↻ RRQ CTLSEP001122334455.tlv")) == 2


def test_resent_blocks_are_counted() -> None:
    tape = story.Tape()
    client, server = (story.PHONE, 40001), (story.VISITING, 52001)
    tape.add("tftp", "udp", client, (story.VISITING, 6969), b"\0\1SK1.xml\0octet\0")
    for _ in range(3):
        tape.add("tftp", "udp", server, client, b"\0\3\0\1abc")
    assert "DATA ×1, 3 bytes, 2 resent" in draw(tape.records)


def test_an_injected_fault_is_shown() -> None:
    tape = story.Tape()
    request = story.http_request("/emapp/EMAppServlet?device=SEP001122334455")
    tape.add("http", "tcp", (story.PHONE, 1), (story.VISITING, 8080), request, fault="dropped")
    text = draw(tape.records)
    assert "✗ dropped: GET emapp" in text
    assert "✗│" in text


def test_a_long_silence_is_one_dotted_line() -> None:
    assert len(lines_with(draw(), "⋮ 6.0 s")) == 1


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_lines_are_as_wide_as_asked_for(width: int) -> None:
    text = draw(width=width)
    assert max(map(len, text.splitlines()[2:-1])) <= width
    assert max(map(len, lines_with(text, "▶"))) > width * 0.85


def test_every_arrow_ends_at_a_lifeline() -> None:
    for width in (60, 97, 120):
        for line in draw(width=width).splitlines():
            assert "▶" not in line or line[line.index("▶") + 1] == "│"
            assert "◀" not in line or line[line.index("◀") - 1] == "│"


def test_without_labels_phones_are_known_by_name_and_others_by_address() -> None:
    header = draw(nodes=(), story=story.DEVICE, width=160).splitlines()[2]
    assert header.split()[0] == story.DEVICE
    assert story.VISITING in header
    assert story.HOME in header


def test_nothing_to_show_is_said() -> None:
    assert draw([]) == "No packets to show.\n"


def test_junk_is_drawn_not_refused() -> None:
    tape = story.Tape()
    for protocol in ("sip", "http", "tftp"):
        tape.add(protocol, "udp", (story.PHONE, 1), (story.VISITING, 2), b"\xff\xfe\0junk")
    text = draw(tape.records)
    assert "not SIP" in text
    assert "not HTTP" in text
    assert "not TFTP" in text


def test_ports_tell_apart_nodes_that_share_an_address() -> None:
    nodes = (
        NodeLabel("127.0.0.1", "sanjose-pub", "sanjose", port=5060),
        NodeLabel("127.0.0.1", "tokyo-pub", "tokyo", port=5070),
    )
    tape = story.Tape()
    options = story.sip("OPTIONS sip:a SIP/2.0", call_id="o", sequence="1 OPTIONS")
    tape.add("sip", "udp", ("127.0.0.1", 5060), ("127.0.0.1", 5070), options)
    assert draw(tape.records, nodes=nodes, shows_options=True).splitlines()[2].split() == ["sanjose", "tokyo"]
