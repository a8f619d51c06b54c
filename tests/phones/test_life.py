"""A phone boots, registers, obeys, fails over, and moves home and back."""

from __future__ import annotations

import asyncio
import dataclasses
import random
from typing import Any

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.protocol.sip_digest import digest_response, parse_credentials
from emcc_emu.wire import remotecc
from emcc_emu.wire.device_config import CallManagerMember, LineConfig
from emcc_emu.wire.phone_files import EmccMiniConfig, build_mini_config
from phones.downloads import FileServer
from phones.identity import PhoneIdentity
from phones.phone import Phone, PhoneState
from phones.timing import PhoneTiming

Node = Any  # tests/phones/conftest.py

NAME = "SEP02AA00000001"


def enter_emcc(visiting: Node, home: Node, *others: str) -> None:
    """Let the visiting cluster send the phone home."""
    mini = EmccMiniConfig(
        visiting_em_address=visiting.address,
        visiting_em_port=visiting.http_port,
        tftp_servers=(*others, home.address),
        version_stamp="1700000500-dddddddd-0000-4000-8000-000000000004",
    )
    visiting.files[f"{NAME}.cnf.xml"] = build_mini_config(mini)


async def settled(phone: Phone, registrations: int) -> None:
    await phone.wait_registered(after=registrations - 1, timeout_s=5)


def refreshing_often(phone: Phone, visiting: Node, timing: PhoneTiming) -> Phone:
    """A phone like this one that refreshes after half of the granted interval."""
    often = dataclasses.replace(timing, refresh_delta_s=0.95)
    return Phone(phone.identity, [visiting.file_server], rng=random.Random(1), timing=often)


async def moved_home(phone: Phone, visiting: Node, home: Node) -> None:
    """Boot at the visiting cluster, then let it order the phone home."""
    phone.power_on()
    await settled(phone, 1)
    enter_emcc(visiting, home)
    visiting.order("restart")
    await settled(phone, 2)
    assert phone.registered_at == (home.address, home.member.sip_port)


async def test_asks_for_its_files_in_the_order_of_a_real_phone_and_falls_back_to_tftp(
    phone: Phone, visiting: Node
) -> None:
    visiting.serve_phone("2001", soft_key_file="SKabc.xml", dial_template_file="DRabc.xml")
    visiting.files["SKabc.xml"] = b"<softKeyCfg/>"
    phone.power_on()
    await settled(phone, 1)
    assert visiting.log == [
        f"HTTP CTL{NAME}.tlv",
        f"TFTP CTL{NAME}.tlv",
        f"HTTP ITL{NAME}.tlv",
        f"TFTP ITL{NAME}.tlv",
        "HTTP ITLFile.tlv",
        "TFTP ITLFile.tlv",
        f"HTTP {NAME}.cnf.xml",
        "HTTP SKabc.xml",
        "HTTP DRabc.xml",
        "TFTP DRabc.xml",
        "HTTP AppDialRules.xml",
        "TFTP AppDialRules.xml",
        "REFER",
        "REGISTER 3600",
    ]


async def test_an_http_404_is_final(phone: Phone, visiting: Node) -> None:
    visiting.http_missing_status = 404
    phone.power_on()
    await settled(phone, 1)
    assert not [line for line in visiting.log if line.startswith("TFTP")]


async def test_takes_everything_by_tftp_where_nobody_listens_for_http(phone: Phone, visiting: Node) -> None:
    tftp_only = FileServer(visiting.address, visiting.file_server.tftp_port, http_port=1)
    async with Phone(phone.identity, [tftp_only], rng=random.Random(1)) as other:
        await settled(other, 1)
    assert f"TFTP {NAME}.cnf.xml" in visiting.log
    assert not [line for line in visiting.log if line.startswith("HTTP")]


async def test_registers_all_lines_as_a_cisco_phone_does(phone: Phone, visiting: Node) -> None:
    visiting.serve_phone("2001", "2002")
    phone.power_on()
    await settled(phone, 1)
    alarm, register = visiting.requests
    assert alarm.get("Content-Type") == "application/x-cisco-alarm+xml"
    assert remotecc.parse_alarm(alarm.body).get("ITL_TFTP_Server") == visiting.address
    assert register.uri == f"sip:{visiting.address}"
    assert register.cseq == (101, "REGISTER")
    contact = register.contacts[0]
    assert contact.uri.startswith("sip:contact-2001@127.81.0.101:")
    assert contact.params["+u.sip!devicename.ccm.cisco.com"] == NAME
    assert contact.params["+sip.instance"] == "<urn:uuid:00000000-0000-0000-0000-02aa00000001>"
    reason = remotecc.parse_alarm_reason(register.get("Reason") or "")
    assert (reason.number, reason.last, reason.device_name) == (25, "initialized", NAME)
    assert len(register.body) == 1313
    assert remotecc.read_register_body(register.get("Content-Type"), register.body).is_bulk
    assert phone.directory_numbers == ("2001", "2002")


async def test_refreshes_with_the_same_call_id_tag_and_contact_and_no_body(
    phone: Phone, visiting: Node, timing: PhoneTiming
) -> None:
    visiting.expires_s = 1
    async with refreshing_often(phone, visiting, timing) as quick:
        await settled(quick, 1)
        await visiting.until(lambda: visiting.count("REGISTER 3600") >= 2)
        first, refresh = [request for request in visiting.requests if request.method == "REGISTER"][:2]
        assert refresh.cseq.number == first.cseq.number + 1
        for header in ("Call-ID", "From", "Contact", "Supported"):
            assert refresh.get(header) == first.get(header)
        assert refresh.body == b"" and refresh.get("Reason") is None
        assert quick.registrations == 1


async def test_unregisters_with_a_new_call_id_when_it_is_switched_off(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    await phone.power_off()
    first, last = [request for request in visiting.requests if request.method == "REGISTER"]
    assert (last.expires, last.get("Contact")) == (0, first.get("Contact"))
    assert last.call_id != first.call_id
    assert phone.state is PhoneState.OFF


async def test_can_be_switched_on_again(phone: Phone, visiting: Node) -> None:
    for registrations in (1, 2):
        phone.power_on()
        await settled(phone, registrations)
        await phone.power_off()
    assert visiting.count("REGISTER 0") == 2


async def test_answers_a_challenge_of_its_line(phone: Phone, visiting: Node) -> None:
    line = LineConfig(button=1, line_index=1, name="2001", contact="c", auth_name="user1", auth_password="secret")
    visiting.serve_phone(lines=(line,))
    challenge = 'Digest realm="ccmsipline", nonce="kq3Zt0mYb1vW5uRr8cXe2LhJpQ7sAoNd", algorithm=MD5'
    visiting.answers.append((401, [("WWW-Authenticate", challenge)]))
    phone.power_on()
    await settled(phone, 1)
    first, second = [request for request in visiting.requests if request.method == "REGISTER"]
    assert first.get("Authorization") is None
    credentials = parse_credentials(second.get("Authorization") or "")
    assert credentials.username == "user1"
    assert credentials.response == digest_response(
        username="user1",
        realm="ccmsipline",
        password="secret",
        nonce="kq3Zt0mYb1vW5uRr8cXe2LhJpQ7sAoNd",
        method="REGISTER",
        uri=f"sip:{visiting.address}",
    )
    assert second.cseq.number == first.cseq.number + 1 and second.call_id == first.call_id


async def test_a_wrong_password_is_tried_once_and_then_reported(phone: Phone, visiting: Node) -> None:
    line = LineConfig(button=1, line_index=1, name="2001", contact="c", auth_name="user1", auth_password="wrong")
    visiting.serve_phone(lines=(line,))
    visiting.answers += [(401, [("WWW-Authenticate", f'Digest realm="r", nonce="{n}"')]) for n in "ab"]
    phone.power_on()
    await phone.wait_until(lambda: phone.state is PhoneState.REJECTED, 5)
    assert phone.failure == "401 Unauthorized"
    assert visiting.count("REGISTER 3600") == 2


async def test_waits_as_long_as_an_overloaded_node_asks_and_asks_it_again(phone: Phone, visiting: Node) -> None:
    visiting.answers.append((503, [("Retry-After", "0")]))
    phone.power_on()
    await settled(phone, 1)
    assert visiting.count("REGISTER 3600") == 2
    assert visiting.count(f"HTTP {NAME}.cnf.xml") == 1


async def test_takes_the_interval_that_the_node_wants_at_least(phone: Phone, visiting: Node) -> None:
    visiting.answers.append((423, [("Min-Expires", "7200")]))
    phone.power_on()
    await settled(phone, 1)
    assert visiting.count("REGISTER 7200") == 1


async def test_a_refused_phone_reads_its_file_again_after_a_pause(phone: Phone, visiting: Node) -> None:
    visiting.answers.append((404, []))
    phone.power_on()
    await phone.wait_until(lambda: phone.state is PhoneState.REJECTED, 5)
    assert phone.failure == "404 Not Found"
    await settled(phone, 1)
    assert visiting.count(f"HTTP {NAME}.cnf.xml") == 2


async def test_a_phone_without_a_file_asks_for_the_default_and_says_what_is_missing(
    phone: Phone, visiting: Node
) -> None:
    del visiting.files[f"{NAME}.cnf.xml"]
    phone.power_on()
    await phone.wait_until(lambda: phone.state is PhoneState.REJECTED, 5)
    assert phone.failure == f"no file {NAME}.cnf.xml at {visiting.address}"
    assert "TFTP XMLDefault.cnf.xml" in visiting.log


@pytest.mark.parametrize("content", [b"<device>", b"<other/>", b"\xff\x00", b""])
async def test_a_broken_file_is_reported_and_asked_for_again(phone: Phone, visiting: Node, content: bytes) -> None:
    good = visiting.files[f"{NAME}.cnf.xml"]
    visiting.files[f"{NAME}.cnf.xml"] = content
    phone.power_on()
    await phone.wait_until(lambda: phone.state is PhoneState.REJECTED, 5)
    assert "broken" in phone.failure
    visiting.files[f"{NAME}.cnf.xml"] = good
    await settled(phone, 1)


async def test_asks_the_next_server_when_the_first_is_silent(phone: Phone, visiting: Node, timing: PhoneTiming) -> None:
    servers = [FileServer("127.81.0.99", 1, 1), visiting.file_server]
    async with Phone(phone.identity, servers, rng=random.Random(1), timing=timing) as other:
        await settled(other, 1)


async def test_boots_with_the_file_it_has_when_no_server_answers(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    await visiting.stop_serving_files()
    visiting.order("restart")
    await settled(phone, 2)
    assert phone.directory_numbers == ("2001",)


# Orders.


async def test_restarts_when_ordered_and_says_why(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    call_id = visiting.register_call_id
    visiting.serve_phone("2001", "2002")
    visiting.order("restart")
    await settled(phone, 2)
    assert visiting.responses[0].status == 200
    assert visiting.count("REGISTER 0") == 1
    last = visiting.requests[-1]
    assert remotecc.parse_alarm_reason(last.get("Reason") or "").last == "reset-restart"
    assert last.call_id != call_id
    assert phone.directory_numbers == ("2001", "2002")


async def test_resets_when_ordered(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.order("reset")
    await settled(phone, 2)
    assert remotecc.parse_alarm_reason(visiting.requests[-1].get("Reason") or "").last == "reset-reset"


async def test_refuses_an_order_for_another_registration(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.order("restart", call_id="somebody-else@192.0.2.1")
    await visiting.until(lambda: bool(visiting.responses))
    assert visiting.responses[0].status == 400
    assert phone.state is PhoneState.REGISTERED and phone.registrations == 1


async def test_refuses_an_order_that_cannot_be_read(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.send("NOTIFY", [("Event", "service-control"), ("Content-Type", "text/plain")], b"action=explode\r\n")
    await visiting.until(lambda: bool(visiting.responses))
    assert visiting.responses[0].status == 400


@pytest.mark.parametrize(
    ("action", "values", "registrations"),
    [
        ("check-version", {"config_stamp": "1700000000-aaaaaaaa-0000-4000-8000-000000000001"}, 1),
        ("check-version", {"config_stamp": "1700000999-aaaaaaaa-0000-4000-8000-000000000001"}, 2),
        ("apply-config", {"extra": {"CUCMResult": "no_change"}}, 1),
        ("apply-config", {"extra": {"CUCMResult": "reregister_needed"}}, 2),
        ("prt-report", {}, 1),
    ],
)
async def test_looks_at_its_file_again_only_when_it_changed(
    phone: Phone, visiting: Node, action: str, values: dict[str, Any], registrations: int
) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.order(action, **values)
    await visiting.until(lambda: bool(visiting.responses))
    assert visiting.responses[0].status == 200
    await settled(phone, registrations)
    assert phone.registrations == registrations


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("OPTIONS", [], 200),
        ("NOTIFY", [("Event", "message-summary")], 200),
        ("REFER", [("Refer-To", "<cid:1@2>"), ("Contact", "<sip:a@127.0.0.1>")], 202),
        ("SUBSCRIBE", [("Event", "kpml"), ("Contact", "<sip:a@127.0.0.1>")], 489),
        ("BYE", [("To", "<sip:2001@127.0.0.1>;tag=77")], 481),
        ("INFO", [("To", "<sip:2001@127.0.0.1>;tag=77")], 481),
        ("PUBLISH", [("Event", "presence")], 405),
    ],
)
async def test_answers_requests_outside_calls(
    phone: Phone, visiting: Node, method: str, headers: list[tuple[str, str]], status: int
) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.send(method, headers)
    await visiting.until(lambda: bool(visiting.responses))
    assert visiting.responses[0].status == status


# Failing over.


async def test_registers_with_the_next_node_when_the_first_is_down(phone: Phone, visiting: Node, home: Node) -> None:
    down = CallManagerMember("127.81.0.99", sip_port=1, priority=0)
    visiting.serve_phone("2001", members=(down, dataclasses.replace(visiting.member, priority=1)))
    phone.power_on()
    await settled(phone, 1)
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)


async def test_goes_to_the_next_node_when_its_node_closes_the_connection(
    phone: Phone, visiting: Node, home: Node
) -> None:
    visiting.serve_phone("2001", members=(visiting.member, dataclasses.replace(home.member, priority=1)))
    phone.power_on()
    await settled(phone, 1)
    first = visiting.requests[-1]
    visiting.endpoint.close_connection(visiting.flow)
    await settled(phone, 2)
    assert phone.registered_at == (home.address, home.member.sip_port)
    second = home.requests[-1]
    assert remotecc.parse_alarm_reason(second.get("Reason") or "").last == "cm-closed-tcp"
    assert second.call_id != first.call_id
    assert visiting.count(f"HTTP {NAME}.cnf.xml") == 1


async def test_comes_back_to_its_only_node(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    visiting.endpoint.close_connection(visiting.flow)
    await settled(phone, 2)
    assert visiting.count("REGISTER 3600") == 2


async def test_registers_in_full_again_when_the_node_has_forgotten_it(
    phone: Phone, visiting: Node, timing: PhoneTiming
) -> None:
    visiting.expires_s = 1
    async with refreshing_often(phone, visiting, timing) as quick:
        await settled(quick, 1)
        visiting.register_call_id = ""
        visiting.expires_s = 120
        await settled(quick, 2)
    assert visiting.requests[-2].body != b""


async def test_starts_over_when_a_refresh_is_refused(phone: Phone, visiting: Node, timing: PhoneTiming) -> None:
    visiting.expires_s = 1
    async with refreshing_often(phone, visiting, timing) as quick:
        await settled(quick, 1)
        visiting.answers.append((403, []))
        visiting.expires_s = 120
        await settled(quick, 2)
    assert visiting.count(f"HTTP {NAME}.cnf.xml") == 2


async def test_reads_its_file_again_when_no_node_answers(phone: Phone, visiting: Node, home: Node) -> None:
    visiting.serve_phone("2001", members=(home.member,))
    phone.power_on()
    await settled(phone, 1)
    visiting.serve_phone("2001")
    await home.close()
    await settled(phone, 2)
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)
    assert visiting.count(f"HTTP {NAME}.cnf.xml") == 2


# EMCC.


async def test_a_mini_file_sends_it_to_the_servers_of_home(phone: Phone, visiting: Node, home: Node) -> None:
    await moved_home(phone, visiting, home)
    assert phone.directory_numbers == ("3101",)
    assert visiting.count("REGISTER 0") == 1
    assert home.log[0] == f"HTTP CTL{NAME}.tlv"
    assert [line for line in home.log if line in ("REFER", "REGISTER 3600")] == ["REFER", "REFER", "REGISTER 3600"]
    told = [remotecc.parse_alarm(request.body).get("ITL_TFTP_Server") for request in home.requests[:2]]
    assert told == [visiting.address, home.address]
    assert remotecc.parse_alarm_reason(home.requests[-1].get("Reason") or "").last == "reset-restart"


async def test_comes_back_when_home_orders_a_restart_after_the_logout(phone: Phone, visiting: Node, home: Node) -> None:
    await moved_home(phone, visiting, home)
    visiting.serve_phone("2001")
    home.order("restart")
    await settled(phone, 3)
    assert home.count("REGISTER 0") == 1
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)
    assert phone.emcc is None and phone.directory_numbers == ("2001",)


async def test_takes_the_backup_server_of_home(phone: Phone, visiting: Node, home: Node) -> None:
    enter_emcc(visiting, home, "127.82.0.99")
    phone.power_on()
    await settled(phone, 1)
    assert phone.registered_at == (home.address, home.member.sip_port)


def without_files(home: Node) -> None:
    home.files.clear()


def without_lines(home: Node) -> None:
    home.serve_phone()


def without_call_manager(home: Node) -> None:
    home.serve_phone("3101", members=(CallManagerMember("127.82.0.99", sip_port=1),))


def with_refusal(home: Node) -> None:
    home.answers += [(404, [])] * 9


def with_another_mini_file(home: Node) -> None:
    enter_emcc(home, home)


@pytest.mark.parametrize(
    "lose_home", [without_files, without_lines, without_call_manager, with_refusal, with_another_mini_file]
)
async def test_stays_where_it_stands_when_home_fails(phone: Phone, visiting: Node, home: Node, lose_home: Any) -> None:
    phone.power_on()
    await settled(phone, 1)
    enter_emcc(visiting, home)
    lose_home(home)
    visiting.order("restart")
    await settled(phone, 2)
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)
    assert phone.emcc is None and phone.directory_numbers == ("2001",)
    assert remotecc.parse_alarm_reason(visiting.requests[-1].get("Reason") or "").last == "fallback"


async def test_stays_where_it_stands_when_homes_servers_are_gone(phone: Phone, visiting: Node, home: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    enter_emcc(visiting, home)
    await home.close()
    visiting.order("restart")
    await settled(phone, 2)
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)


async def test_comes_back_when_home_is_lost_in_mid_session(phone: Phone, visiting: Node, home: Node) -> None:
    await moved_home(phone, visiting, home)
    await home.close()
    await settled(phone, 3)
    assert phone.registered_at == (visiting.address, visiting.member.sip_port)


async def test_comes_back_when_home_refuses_a_refresh(
    phone: Phone, visiting: Node, home: Node, timing: PhoneTiming
) -> None:
    home.expires_s = 1
    async with refreshing_often(phone, visiting, timing) as quick:
        await moved_home(quick, visiting, home)
        home.answers.append((404, []))
        await settled(quick, 3)
        assert quick.registered_at == (visiting.address, visiting.member.sip_port)


async def test_finds_home_again_within_a_minute_without_leaving_it(phone: Phone, visiting: Node, home: Node) -> None:
    await moved_home(phone, visiting, home)
    home.endpoint.close_connection(home.flow)
    await settled(phone, 3)
    assert phone.registered_at == (home.address, home.member.sip_port)
    assert phone.emcc is not None


async def test_a_phone_that_knows_no_file_of_its_own_waits_for_home(phone: Phone, visiting: Node, home: Node) -> None:
    enter_emcc(visiting, home)
    home.answers.append((404, []))
    phone.power_on()
    await phone.wait_until(lambda: phone.state is PhoneState.REJECTED, 5)
    assert "home that is lost" in phone.failure
    await settled(phone, 1)
    assert phone.registered_at == (home.address, home.member.sip_port)


# No matter when.


async def test_leaves_no_task_behind_wherever_it_is_switched_off(phone: Phone, visiting: Node, home: Node) -> None:
    enter_emcc(visiting, home)
    before = asyncio.all_tasks()
    for _ in range(3):
        phone.power_on()
        await phone.power_off()
    for stop_at in ("HTTP", "TFTP", "REFER", "REGISTER"):
        phone.power_on()
        seen = len(home.log)
        await home.until(lambda seen=seen, stop_at=stop_at: any(line.startswith(stop_at) for line in home.log[seen:]))
        await phone.power_off()
    assert phone.state is PhoneState.OFF
    assert {task for task in asyncio.all_tasks() if "Life" in repr(task)} <= before


async def test_waiting_in_vain_says_what_the_phone_is_doing(phone: Phone, visiting: Node) -> None:
    visiting.registers_are_answered = False
    phone.power_on()
    with pytest.raises(TransportError, match=r"SEP02AA00000001 is registering after 0\.2 s"):
        await phone.wait_registered(timeout_s=0.2)


async def test_an_idle_phone_has_no_task(phone: Phone, visiting: Node) -> None:
    phone.power_on()
    await settled(phone, 1)
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]  # type: ignore[union-attr]
    assert not [name for name in names if name.startswith(("Life", "Phone", "SipEndpoint", "open_stream"))]


def test_a_phone_needs_a_device_name() -> None:
    with pytest.raises(Exception, match="no device name"):
        PhoneIdentity("phone1")
