"""Faults in a running lab: what they do on the sockets, and how the trace tells of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from code_lab import CodeLab, build_lab, code_lab

from emcc_emu.errors import InputError, TftpRefused, TransportError
from emcc_emu.lab.model import Lab
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.pytest_plugin import EmccLab

LINK = ["sanjose", "tokyo"]
IMPATIENT_TRUNK = "clusters: {sanjose: {trunks: {emcc: {ping_retry_timer: 100 ms, ping_tries: 1}}}}"
DESK = "SEP02EE00000003"
LOGIN = f"device={DESK}&EMCC=true&userid=ayamada&seq=13579"
LOGOUT = f"device={DESK}&doLogout=true"


@pytest.fixture(scope="module")
def lab() -> Iterator[CodeLab]:
    with code_lab(IMPATIENT_TRUNK) as running:
        yield running


def log_in(lab: CodeLab) -> str:
    """Log a user of the other cluster in and out again; what the phone showed at the login."""
    text = lab.page("en", LOGIN)
    lab.page("en", LOGOUT)
    return text or "ok"


def faults_seen(lab: CodeLab) -> dict[str, set[str]]:
    """What befell the packets of each protocol since the packets were looked at the last time."""
    seen: dict[str, set[str]] = {}
    for packet in lab.packets():
        if packet.fault:
            seen.setdefault(packet.protocol, set()).add(packet.fault.partition(" (")[0])
    return seen


def test_a_link_that_is_cut_keeps_the_request_in_and_the_trace_says_so(lab: CodeLab) -> None:
    lab.packets()
    with lab.lab.fault("link_cut", link=LINK):
        assert log_in(lab) == "Please try to login again (23)"
    assert faults_seen(lab)["http"] == {"dropped"}
    assert log_in(lab) == "ok"


def test_a_fault_of_sip_alone_lets_logins_through_and_takes_the_trunk_out_of_service(lab: CodeLab) -> None:
    lab.packets()
    with lab.lab.fault("link_cut", link=LINK, protocol="sip"):
        assert log_in(lab) == "ok"
        assert lab.ping_trunk("sanjose") == "No Service"
    assert faults_seen(lab) == {"sip": {"dropped"}}
    assert lab.ping_trunk("sanjose") == "Full Service"


def test_a_slow_link_makes_a_login_late(lab: CodeLab) -> None:
    lab.packets()
    begin = time.monotonic()
    with lab.lab.fault("link_delay", link=LINK, delay="30 ms", protocol="http"):
        assert log_in(lab) == "ok"
    assert time.monotonic() - begin > 4 * 0.03  # checkUser and homeLogin, there and back
    assert faults_seen(lab) == {"http": {"delayed 30 ms"}}


@pytest.mark.parametrize(("kind", "told"), [("message_truncated", "truncated"), ("message_junk", "junk")])
def test_a_damaged_answer_is_no_answer(lab: CodeLab, kind: Any, told: str) -> None:
    lab.packets()
    with lab.lab.fault(kind, cluster="tokyo", protocol="http"):
        assert lab.page("en", LOGIN) == "Please try to login again (23)"
    assert faults_seen(lab) == {"http": {told}}
    assert log_in(lab) == "ok"


def test_a_damaged_question_is_code_1(lab: CodeLab) -> None:
    with lab.lab.fault("message_truncated", link=LINK, protocol="http"):
        lab.packets()
        lab.page("en", LOGIN)
    assert 1 in lab.codes_on_the_wire()


def test_losses_are_the_same_in_every_run_with_the_same_seed() -> None:
    impatient = "clusters: {sanjose: {service_times: {remote_answer_timeout: 300 ms}}}"

    def lost() -> list[bool]:
        with code_lab(f"{{seed: 7, {impatient}}}") as lab:
            with lab.lab.fault("link_loss", link=LINK, percent=25, protocol="http"):
                return [lab.page("en", LOGIN.replace("13579", "1")).endswith("(23)") for _ in range(5)]

    first = lost()
    assert first == lost()
    assert True in first and False in first


def test_a_file_server_that_is_down_says_nothing_by_tftp_and_503_by_http(lab: CodeLab) -> None:
    node = lab.lab.ready.clusters["sanjose"].nodes[0]
    name = f"{DESK}.cnf.xml"

    async def fetch() -> bytes:
        return await tftp_fetch((node.address, node.tftp), name, timeout_s=0.05, tries=2)

    with lab.lab.fault("service_down", cluster="sanjose", service="tftp"):
        with pytest.raises((TransportError, TftpRefused)):
            lab.lab.call(fetch())
    assert b"<device" in lab.lab.call(fetch())


def test_a_call_manager_that_is_down_forgets_its_phones(lab: CodeLab) -> None:
    phone = lab.phone("en")
    assert phone.registered_at
    with lab.lab.fault("service_down", cluster="sanjose", service="call_manager"):
        assert lab.lab.status("sanjose")["call_processing"]["registered"] == 0
        lab.lab.call(phone.phone.wait_until(lambda: not phone.registered_at, timeout_s=10))


def test_a_slow_service_takes_its_time_and_a_failing_one_is_an_http_error(lab: CodeLab) -> None:
    begin = time.monotonic()
    with lab.lab.fault("service_slow", cluster="sanjose", service="em_app", delay="120 ms"):
        assert lab.page("en", f"device={DESK}") == "Please sign on"
    assert time.monotonic() - begin > 0.12
    with lab.lab.fault("service_error", cluster="sanjose", service="em_app"):
        assert lab.page("en", f"device={DESK}") == "HTTP Error[500]"
    with lab.lab.fault("service_down", cluster="sanjose", service="em_app"):
        assert lab.page("en", f"device={DESK}") == "HTTP Error[503]"


def test_an_automatic_logout_that_failed_is_tried_again(lab: CodeLab) -> None:
    timed = f"<login><deviceName>{DESK}</deviceName><userID>bmiller</userID>"
    lab.request(f"{timed}<exclusiveDuration><time>1</time></exclusiveDuration></login>")
    with lab.lab.fault("database_error", cluster="sanjose", operation="login"):
        lab.lab.advance(61)
        assert lab.lab.status("sanjose")["logins"]["count"] == 1
    lab.lab.advance(61)
    assert lab.lab.status("sanjose")["logins"]["count"] == 0


def test_a_wrong_fault_is_refused_with_the_nearest_word(lab: CodeLab) -> None:
    with pytest.raises(InputError, match="did you mean 'tokyo'"), lab.lab.fault("link_cut", link=["sanjose", "tokio"]):
        pass
    assert lab.lab.run(lambda: lab.cluster("sanjose").faults) == ()


def test_faults_of_the_lab_file_hold_from_the_start_until_they_are_cleared() -> None:
    changed: Lab = build_lab("faults: {off: {kind: service_down, cluster: sanjose, service: em_service}}")
    with EmccLab(changed) as running:
        lab = CodeLab(running)
        assert lab.page("en", f"device={DESK}") == "Login is unavailable (208)"
        running.clear_faults()
        assert lab.page("en", f"device={DESK}") == "Please sign on"
