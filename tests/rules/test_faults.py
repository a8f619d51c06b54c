import pytest

from emcc_emu.lab.faults import Fault
from emcc_emu.rules.faults import (
    FaultedMessage,
    Verdict,
    database_fails,
    draw,
    is_service_down,
    is_service_failing,
    service_delay_s,
    story_of,
    verdict,
)

LINK = ("sanjose", "tokyo")
INVITE = b"INVITE sip:3001@127.2.0.10 SIP/2.0\r\nCall-ID: a1b2@127.1.0.10\r\nContent-Length: 0\r\n\r\n"
HTTP = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n0123456789"


def message(payload=INVITE, **changes):
    return FaultedMessage("sip", "sanjose", "tokyo", "a1b2@127.1.0.10", 0, payload)._replace(**changes)


def link(kind, **fields):
    return Fault(name="wan", kind=kind, link=LINK, **fields)


def dropped(fault, passing):
    return verdict([fault], passing, seed=1).is_dropped


@pytest.mark.parametrize("kind", ["link_cut", "link_refused", "link_loss"])
def test_a_broken_link_drops_what_passes_in_both_directions_and_nothing_else(kind):
    assert dropped(link(kind), message())
    assert dropped(link(kind), message(source="tokyo", destination="sanjose"))
    assert not dropped(link(kind), message(destination="osaka"))
    assert not dropped(link(kind), message(source="tokyo", destination="tokyo"))
    assert not dropped(link(kind), message(destination=""))


def test_a_message_without_faults_passes_as_it_is():
    assert verdict([], message(), 1) == Verdict(INVITE)


def test_a_fault_of_one_protocol_leaves_the_others_alone():
    assert dropped(link("link_cut", protocol="sip"), message())
    assert not dropped(link("link_cut", protocol="http"), message())


def test_a_drop_is_told_with_the_name_of_its_fault_and_ends_what_faults_do():
    faults = [link("link_delay"), Fault(name="end", kind="link_cut", link=LINK), link("link_delay")]
    assert verdict(faults, message(), 1) == Verdict(INVITE, is_dropped=True, fault="dropped (end)")


def test_delays_add_up():
    faults = [link("link_delay", delay_s=0.2), Fault(name="slow", kind="link_delay", link=LINK, delay_s=1.0)]
    assert verdict(faults, message(), 1) == Verdict(
        INVITE, delay_s=1.2, fault="delayed 200 ms (wan), delayed 1000 ms (slow)"
    )


def test_about_so_many_messages_are_lost_as_the_fault_says_and_the_same_ones_each_time():
    loss = link("link_loss", percent=20)
    lost = [number for number in range(1000) if dropped(loss, message(number=number))]
    assert 150 < len(lost) < 250
    assert lost == [number for number in reversed(range(1000)) if dropped(loss, message(number=number))][::-1]


def test_seed_fault_direction_story_and_number_each_change_what_is_drawn():
    base = {"seed": 1, "fault": "wan", "link": "a>b", "story": "x", "number": 0}
    others = [{**base, **change} for change in (
        {"seed": 2}, {"fault": "lan"}, {"link": "b>a"}, {"story": "y"}, {"number": 1},
    )]  # fmt: skip
    draws = [draw(**arguments) for arguments in (base, *others)]
    assert len(set(draws)) == len(draws)
    assert all(0 <= drawn < 1 for drawn in draws)
    assert draw(**base) == draws[0]


def test_a_datagram_is_cut_in_the_middle():
    fault = Fault(name="cut", kind="message_truncated", cluster="sanjose")
    assert verdict([fault], message(b"0123456789"), 1) == Verdict(b"01234", fault="truncated (cut)")
    assert not verdict([fault], message(source="tokyo"), 1).fault


def test_an_http_message_loses_half_of_its_body_and_says_so_in_its_length():
    fault = link("message_truncated")
    assert verdict([fault], message(HTTP, protocol="http"), 1).payload == HTTP.replace(b": 10", b": 5")[:-5]
    head = HTTP.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert verdict([fault], message(head, protocol="http"), 1).payload == head


def test_junk_replaces_some_bytes_of_a_message_and_keeps_its_length():
    fault = link("message_junk")
    damaged = verdict([fault], message(INVITE * 4), 1).payload
    different = sum(old != new for old, new in zip(INVITE * 4, damaged, strict=True))
    assert 1 <= different <= 1 + len(INVITE) * 4 // 32
    assert damaged == verdict([fault], message(INVITE * 4), 1).payload
    assert damaged != verdict([fault], message(INVITE * 4, number=1), 1).payload
    assert verdict([fault], message(b""), 1).payload == b""


@pytest.mark.parametrize(
    ("protocol", "payload", "story"),
    [
        ("sip", INVITE, "a1b2@127.1.0.10"),
        ("sip", INVITE.replace(b"Call-ID", b"i"), "a1b2@127.1.0.10"),
        ("sip", b"junk", ""),
        ("tftp", b"\0\1SEP02AA00000001.cnf.xml\0octet\0", "SEP02AA00000001.cnf.xml"),
        ("tftp", b"\0\4\0\1", ""),
        ("http", b"GET /emapp/EMAppServlet?device=sep02aa00000001 HTTP/1.1\r\n\r\n", ""),
        ("http", b"GET /emapp/EMAppServlet?device=SEP02aa00000001 HTTP/1.1\r\n\r\n", "SEP02AA00000001"),
        ("http", HTTP, ""),
    ],
)
def test_a_message_tells_its_story(protocol, payload, story):
    assert story_of(protocol, payload) == story


def service(kind, **fields):
    return Fault(name=kind, kind=kind, cluster="tokyo", service="em_service", **fields)


def test_a_service_is_down_on_its_node_or_on_every_node():
    everywhere, here = service("service_down"), service("service_down", node="tokyo-sub")
    assert is_service_down([everywhere], "tokyo", "em_service", "tokyo-pub")
    assert is_service_down([here], "tokyo", "em_service", "tokyo-sub")
    assert not is_service_down([here], "tokyo", "em_service", "tokyo-pub")
    assert not is_service_down([everywhere], "tokyo", "em_app", "tokyo-pub")
    assert not is_service_down([everywhere], "sanjose", "em_service", "tokyo-pub")


def test_a_service_that_fails_or_is_slow_is_not_down():
    faults = [service("service_error"), service("service_slow", delay_s=0.25)]
    assert is_service_failing(faults, "tokyo", "em_service")
    assert service_delay_s([*faults, *faults], "tokyo", "em_service") == 0.5
    assert not is_service_down(faults, "tokyo", "em_service")


@pytest.mark.parametrize(
    ("declared", "failing"),
    [
        ("any", {"start", "user", "user_profile", "policy", "device", "login_status", "query", "login", "write",
                 "automatic_logout"}),
        ("write", {"write", "login"}),
        ("login", {"login"}),
        ("automatic_logout", {"automatic_logout"}),
        ("policy", {"policy"}),
    ],
)  # fmt: skip
def test_the_database_fails_at_what_the_fault_names(declared, failing):
    fault = Fault(name="disk", kind="database_error", cluster="tokyo", operation=declared)
    operations = ["start", "user", "user_profile", "policy", "device", "login_status", "query", "login", "write",
                  "automatic_logout"]  # fmt: skip
    assert {name for name in operations if database_fails([fault], "tokyo", name)} == failing
    assert not any(database_fails([fault], "sanjose", name) for name in operations)
