"""The board of faults that sockets and services ask: whose message it is, how messages are counted, what changes."""

from __future__ import annotations

import asyncio

import pytest

from emcc_emu.lab.faults import Fault
from emcc_emu.lab.load import parse_lab
from emcc_emu.net.faults import FaultBoard

LAB = parse_lab("""
clusters:
  sanjose:
    nodes: {sj-pub: 127.1.0.10, sj-sub: 127.1.0.11}
    phones: {SEP02AA00000001: {address: 127.1.100.1}}
  tokyo:
    nodes: {tk-pub: 127.2.0.10}
    gateways: {pstn: {address: 127.2.0.50}}
""")
NODE, SUB, PHONE, THEIRS = ("127.1.0.10", 5060), ("127.1.0.11", 5060), ("127.1.100.1", 5060), ("127.2.0.10", 5060)
STRANGER = ("127.9.9.9", 5060)
INVITE = b"INVITE x SIP/2.0\r\nCall-ID: one\r\n\r\n"
CUT = Fault(name="wan", kind="link_cut", link=("sanjose", "tokyo"))
LOSS = Fault(name="wan", kind="link_loss", link=("sanjose", "tokyo"))


def board(cluster: str, *faults: Fault) -> FaultBoard:
    made = FaultBoard(cluster, LAB)
    for fault in faults:
        made.set(fault)
    return made


def test_nothing_is_looked_at_while_no_fault_concerns_messages() -> None:
    disk = Fault(name="disk", kind="database_error", cluster="sanjose")
    assert not board("sanjose").touches_messages
    assert not board("sanjose", disk).touches_messages
    assert board("sanjose", CUT).touches_messages
    assert board("tokyo", Fault(name="x", kind="service_down", cluster="tokyo", service="tftp")).touches_messages
    assert not board("sanjose", Fault(name="x", kind="service_down", cluster="tokyo", service="tftp")).touches_messages


def test_a_cut_link_is_cut_at_both_ends_and_for_phones_of_the_other_side() -> None:
    here, there = board("sanjose", CUT), board("tokyo", CUT)
    assert here.outgoing("sip", NODE, THEIRS, INVITE).is_dropped
    assert there.incoming("sip", THEIRS, NODE, INVITE).is_dropped
    assert there.incoming("sip", THEIRS, PHONE, INVITE).is_dropped
    assert there.outgoing("sip", THEIRS, PHONE, INVITE).is_dropped
    assert not here.incoming("sip", NODE, PHONE, INVITE).is_dropped
    assert not here.outgoing("sip", NODE, SUB, INVITE).is_dropped
    assert not here.outgoing("sip", NODE, STRANGER, INVITE).is_dropped
    assert not here.incoming("sip", NODE, STRANGER, INVITE).is_dropped


def test_what_passes_between_clusters_is_drawn_by_its_sender_alone() -> None:
    here, there = board("sanjose", LOSS), board("tokyo", LOSS)
    assert here.outgoing("sip", NODE, THEIRS, INVITE).is_dropped
    assert not there.incoming("sip", THEIRS, NODE, INVITE).is_dropped
    assert there.incoming("sip", THEIRS, PHONE, INVITE).is_dropped


def test_messages_are_counted_by_story_and_direction() -> None:
    half = Fault(name="wan", kind="link_loss", link=("sanjose", "tokyo"), percent=50)
    alone = board("sanjose", half)
    expected = [alone.outgoing("sip", NODE, THEIRS, INVITE).is_dropped for _ in range(20)]
    mixed = board("sanjose", half)
    drawn = []
    for number in range(20):
        mixed.outgoing("sip", NODE, THEIRS, INVITE.replace(b"one", b"other%d" % number))
        mixed.incoming("sip", NODE, THEIRS, INVITE)
        drawn.append(mixed.outgoing("sip", NODE, THEIRS, INVITE).is_dropped)
    assert drawn == expected
    assert True in drawn and False in drawn


def test_the_packets_of_a_transfer_belong_to_the_file_that_was_asked_for() -> None:
    half = Fault(name="wan", kind="link_loss", link=("sanjose", "tokyo"), percent=50)

    def transfer(port: int, other: bool) -> list[bool]:
        asked = board("tokyo", half)
        client = (PHONE[0], port)
        if other:
            asked.incoming("tftp", THEIRS, (PHONE[0], 9), b"\0\1other\0octet\0")
        dropped = [asked.incoming("tftp", THEIRS, client, b"\0\1file\0octet\0").is_dropped]
        return dropped + [asked.outgoing("tftp", THEIRS, client, b"\0\3\0\1data").is_dropped for _ in range(20)]

    assert transfer(40001, other=False) == transfer(40002, other=True)


def test_the_sockets_of_a_service_that_is_down_are_deaf_and_dumb_on_its_node_only() -> None:
    down = board(
        "sanjose", Fault(name="x", kind="service_down", cluster="sanjose", service="call_manager", node="sj-pub")
    )
    assert down.is_down_at("sip", NODE) and not down.is_down_at("sip", SUB) and not down.is_down_at("http", NODE)
    assert down.incoming("sip", NODE, PHONE, INVITE).fault == "dropped (call_manager is down)"
    assert down.outgoing("sip", NODE, PHONE, INVITE).is_dropped
    assert not down.incoming("sip", SUB, PHONE, INVITE).is_dropped
    assert not down.incoming("tftp", NODE, PHONE, b"\0\1f\0octet\0").is_dropped


def test_a_slow_service_and_a_slow_link_add_up() -> None:
    slow = Fault(name="x", kind="service_slow", cluster="sanjose", service="call_manager", delay_s=0.25)
    link = Fault(name="wan", kind="link_delay", link=("sanjose", "tokyo"), delay_s=1.0)
    assert board("sanjose", slow).outgoing("sip", NODE, PHONE, INVITE)[2:] == (
        0.25,
        "delayed 250 ms (call_manager is slow)",
    )
    told = board("sanjose", slow, link).outgoing("sip", NODE, THEIRS, INVITE)
    assert (told.delay_s, told.fault) == (1.25, "delayed 250 ms (call_manager is slow), delayed 1000 ms (wan)")


def test_http_is_refused_by_its_fault_alone() -> None:
    refused = Fault(name="wan", kind="link_refused", link=("sanjose", "tokyo"))
    assert board("sanjose", refused).refuses(THEIRS[0])
    assert not board("sanjose", refused).refuses(PHONE[0])
    assert not board("sanjose", CUT).refuses(THEIRS[0])
    assert not board("sanjose", Fault(name="w", kind="link_refused", link=refused.link, protocol="sip")).refuses(
        THEIRS[0]
    )
    assert not board("sanjose").refuses(THEIRS[0])


def test_a_phone_that_is_added_later_belongs_to_its_cluster() -> None:
    faults = board("tokyo", CUT)
    assert not faults.incoming("sip", THEIRS, STRANGER, INVITE).is_dropped
    phones = "phones: {SEP02AA00000009: {address: 127.9.9.9}}"
    faults.take_lab(parse_lab(f"clusters: {{sanjose: {{nodes: {{sj: 127.1.0.10}}, {phones}}}}}"))
    assert faults.incoming("sip", THEIRS, STRANGER, INVITE).is_dropped
    assert faults.faults == (CUT,)


async def test_services_are_told_what_is_wrong_with_them() -> None:
    faults = board(
        "tokyo",
        Fault(name="a", kind="service_error", cluster="tokyo", service="em_app"),
        Fault(name="b", kind="service_slow", cluster="tokyo", service="em_app", delay_s=0.01),
        Fault(name="c", kind="database_error", cluster="tokyo", operation="policy"),
    )
    assert faults.is_failing("em_app", "tk-pub") and not faults.is_down("em_app", "tk-pub")
    assert faults.unreadable() == {"policy"} and board("tokyo").unreadable() == frozenset()
    assert faults.database_fails("policy") and not faults.database_fails("login")
    begin = asyncio.get_running_loop().time()
    await faults.spend("em_service")
    await faults.spend("em_app", "tk-pub")
    assert asyncio.get_running_loop().time() - begin >= 0.01


def test_setting_and_clearing_tell_the_listeners() -> None:
    faults, told = board("sanjose"), []
    faults.listeners.append(lambda: told.append(faults.touches_messages))
    faults.set(CUT)
    faults.set(LOSS)
    assert faults.faults == (LOSS,)
    assert faults.clear("wan", "lan") == ["wan"]
    faults.set(CUT)
    assert faults.clear() == ["wan"]
    assert told == [True, True, False, True, False]


@pytest.mark.parametrize("limit", [3])
def test_the_books_are_bounded(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    monkeypatch.setattr("emcc_emu.net.faults.MAX_STORIES", limit)
    faults = board("tokyo", LOSS)
    for port in range(10):
        faults.incoming("tftp", THEIRS, (PHONE[0], port), b"\0\1file%d\0octet\0" % port)
        faults.incoming("sip", THEIRS, PHONE, INVITE.replace(b"one", b"%d" % port))
    assert faults.story_count <= 2 * limit
