"""Session timers of RFC 4028, without waiting half an hour."""

from __future__ import annotations

import pytest

from emcc_emu.cluster.session_timer import SessionTimer
from emcc_emu.wire import sip


class Timers:
    """Remembers what was asked for."""

    def __init__(self):
        self.delays = []

    def set_after(self, item, delay_s):
        self.delays.append(delay_s)

    def cancel(self, item):
        self.delays.append(None)


class LegOfACall:
    """A leg that notes its requests and the end of its call."""

    device_name = "trunk"

    def __init__(self):
        self.call = self
        self.requests = []
        self.ended = []

    def request(self, method, *, headers, on_response, on_failure):
        self.requests.append((method, dict(headers)["Session-Expires"]))
        self.on_response, self.on_failure = on_response, on_failure

    def end(self, by, status):
        self.ended.append(status)


@pytest.fixture
def leg():
    return LegOfACall()


@pytest.fixture
def timers():
    return Timers()


def answer(text):
    return sip.SipResponse(200, headers=[("Session-Expires", text)] if text else [])


def request(text, supported="timer"):
    return sip.SipRequest("INVITE", "sip:1@192.0.2.1", [("Session-Expires", text), ("Supported", supported)])


def test_we_refresh_at_half_the_interval_and_go_on(leg, timers):
    timer = SessionTimer(leg, timers)
    timer.read_answer(answer("1800;refresher=uac"))
    timer.deadline_reached(0.0)
    assert leg.requests == [("UPDATE", "1800;refresher=uac")]
    leg.on_response(sip.SipResponse(200), None)
    assert (timers.delays, leg.ended) == ([900, 900], [])


@pytest.mark.parametrize("status", [408, 481])
def test_a_refresh_that_finds_no_dialog_ends_the_call(leg, timers, status):
    timer = SessionTimer(leg, timers)
    timer.read_answer(answer("1800"))
    timer.deadline_reached(0.0)
    leg.on_response(sip.SipResponse(status), None)
    assert leg.ended == [status]


def test_a_refresh_without_an_answer_ends_the_call(leg, timers):
    timer = SessionTimer(leg, timers)
    timer.read_answer(answer("1800"))
    timer.deadline_reached(0.0)
    leg.on_failure("timeout")
    assert leg.ended == [408]


def test_a_peer_that_does_not_refresh_is_hung_up_on(leg, timers):
    timer = SessionTimer(leg, timers)
    timer.read_answer(answer("1800;refresher=uas"))
    timer.deadline_reached(0.0)
    assert (timers.delays, leg.ended, leg.requests) == ([1768], [408], [])


def test_the_asker_refreshes_when_he_can(leg, timers):
    timer = SessionTimer(leg, timers)
    assert timer.answer_lines(request("90")) == [("Session-Expires", "90;refresher=uac"), ("Require", "timer")]
    assert timers.delays == [60]
    assert timer.answer_lines(request("1800;refresher=uas"))[0] == ("Session-Expires", "1800;refresher=uas")


@pytest.mark.parametrize("text", ["", "89", "soon", "-1", "999999999999"])
def test_what_is_no_interval_starts_nothing(leg, timers, text):
    timer = SessionTimer(leg, timers)
    timer.read_answer(answer(text))
    assert timer.answer_lines(request(text)) == []
    assert timer.answer_lines(request("1800", supported="replaces")) == []
    assert timers.delays == []
