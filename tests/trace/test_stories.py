"""Which story a packet belongs to, from packets alone."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from emcc_emu.trace.messages import read_message
from emcc_emu.trace.record import NodeLabel, Record
from emcc_emu.trace.stories import StoryTracker

spec = importlib.util.spec_from_file_location("trace_story", Path(__file__).with_name("story.py"))
assert spec and spec.loader
story = importlib.util.module_from_spec(spec)
spec.loader.exec_module(story)

OTHER = "SEP0011223344AA"


def names(records: list[Record], nodes: tuple[NodeLabel, ...] = story.NODES) -> list[tuple[str, ...]]:
    tracker = StoryTracker(nodes)
    return [tracker.names_of(read_message(record)) for record in records]


@pytest.mark.parametrize("nodes", [story.NODES, ()])
def test_tftp_http_and_sip_of_one_login_line_up(nodes: tuple[NodeLabel, ...]) -> None:
    records = story.record_story()
    for record, found in zip(records, names(records, nodes), strict=True):
        is_ping = b"OPTIONS" in record.payload
        assert found == (() if is_ping else (story.DEVICE,)), record


def test_phones_that_share_an_address_are_told_apart_by_port_and_call_id() -> None:
    tape = story.Tape()
    node = ("127.0.0.1", 5060)
    for port, device in ((51001, story.DEVICE), (51002, OTHER)):
        register = story.sip("REGISTER sip:a SIP/2.0", story.contact(device), call_id=f"r{port}", sequence="1 REGISTER")
        tape.add("sip", "tcp", ("127.0.0.1", port), node, register, str(port))
    for port in (51001, 51002):
        invite = story.sip("INVITE sip:1@a SIP/2.0", call_id=f"c{port}", sequence="1 INVITE")
        tape.add("sip", "tcp", ("127.0.0.1", port), node, invite, str(port))
        answer = story.sip("SIP/2.0 200 OK", call_id=f"c{port}", sequence="1 INVITE")
        tape.add("sip", "tcp", node, ("127.0.0.1", port), answer, str(port))
    found = names(tape.records, (NodeLabel("127.0.0.1", "pub", "a", port=5060),))
    assert found == [(story.DEVICE,), (OTHER,), (story.DEVICE,), (story.DEVICE,), (OTHER,), (OTHER,)]


def test_session_ids_and_linked_call_ids_tie_the_legs_of_a_call() -> None:
    tape = story.Tape()
    session = "Session-ID: " + "a" * 32 + ";remote=" + "0" * 32
    register = story.sip("REGISTER sip:a SIP/2.0", story.contact(), call_id="r", sequence="1 REGISTER")
    tape.add("sip", "tcp", (story.PHONE, 51000), (story.VISITING, 5060), register)
    invite = story.sip("INVITE sip:1@a SIP/2.0", session, call_id="c1", sequence="1 INVITE")
    tape.add("sip", "tcp", (story.PHONE, 51000), (story.VISITING, 5060), invite)
    for call_id, field in (("c2", session), ("c3", "X-CID: c1")):
        leg = story.sip("INVITE sip:9@b SIP/2.0", field, call_id=call_id, sequence="1 INVITE")
        tape.add("sip", "udp", ("127.9.9.9", 5060), (story.GATEWAY, 5060), leg)
    assert names(tape.records) == [(story.DEVICE,)] * 4


def test_a_call_between_two_phones_belongs_to_both() -> None:
    tape = story.Tape()
    phones = {story.DEVICE: ("127.1.100.7", 51000), OTHER: ("127.1.100.8", 51000)}
    node = (story.VISITING, 5060)
    for device, address in phones.items():
        register = story.sip("REGISTER sip:a SIP/2.0", story.contact(device), call_id=device, sequence="1 REGISTER")
        tape.add("sip", "tcp", address, node, register)
    caller = "From: <sip:2001@a>;tag=1"
    for source, destination, call_id in ((phones[story.DEVICE], node, "c1"), (node, phones[OTHER], "c2")):
        invite = story.sip("INVITE sip:2002@a SIP/2.0", caller, call_id=call_id, sequence="1 INVITE")
        tape.add("sip", "tcp", source, destination, invite)
    assert names(tape.records)[2:] == [(story.DEVICE,), (OTHER, story.DEVICE)]


def test_the_device_name_comes_from_the_instance_when_the_parameter_is_missing() -> None:
    contact = 'Contact: <sip:a@b>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-001122334455>"'
    register = story.sip("REGISTER sip:a SIP/2.0", contact, call_id="r", sequence="1 REGISTER")
    tape = story.Tape()
    tape.add("sip", "udp", (story.PHONE, 5060), (story.VISITING, 5060), register)
    assert names(tape.records) == [(story.DEVICE,)]


def test_labelled_phones_are_known_before_they_say_their_name() -> None:
    tape = story.Tape()
    tape.add("tftp", "udp", (story.PHONE, 40000), (story.VISITING, 69), b"\0\1ITLFile.tlv\0octet\0")
    assert names(tape.records, (NodeLabel(story.PHONE, OTHER, role="phone"),)) == [(OTHER,)]


def test_stories_count_their_packets() -> None:
    tracker = StoryTracker(story.NODES)
    records = story.record_story()
    for record in records:
        tracker.names_of(read_message(record))
    (found,) = tracker.stories.values()
    assert found.device_name == story.DEVICE
    assert found.packets == len(records) - 2
    assert (found.first_ns, found.last_ns) == (records[0].time_ns, records[-1].time_ns)
