"""OPTIONS ping: when it pings, what counts as alive, what it reports."""

import math

import pytest

from emcc_emu.protocol.sip_options_ping import (
    OptionsPing,
    PingDue,
    PingSettings,
    PingState,
    PingStateChanged,
    TrunkStatus,
    retry_times,
    trunk_status,
)

DEFAULTS = PingSettings()


def started(settings=DEFAULTS, now=100.0):
    ping = OptionsPing(settings)
    ping.start(now)
    assert ping.take_events() == [PingDue(retry_times(settings)[1], settings.retry_timer_s)]
    return ping


def test_retries_back_off_up_to_four_seconds():
    assert retry_times(DEFAULTS) == ((0.5, 1.5, 3.5, 7.5, 11.5, 15.5), 19.5)


def test_retries_at_a_fixed_gap():
    assert retry_times(PingSettings(back_off="fixed")) == ((0.5, 1.0, 1.5, 2.0, 2.5, 3.0), 3.5)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 405, 481, 483, 500, 501])
def test_any_other_response_proves_the_destination_alive(status):
    ping = started()
    ping.answered(status, 100.25)
    assert ping.take_events() == [PingStateChanged(PingState.UP, "", PingState.UNKNOWN)]
    assert ping.next_deadline() == 160.25


@pytest.mark.parametrize("status", [408, 503])
def test_408_and_503_mean_down(status):
    ping = started()
    ping.answered(status, 100.25)
    assert ping.take_events() == [PingStateChanged(PingState.DOWN, f"remote={status}", PingState.UNKNOWN)]
    assert ping.reason == f"remote={status}"
    assert not ping.is_usable
    assert ping.next_deadline() == 220.25


@pytest.mark.parametrize(
    ("failure", "reason"),
    [("timeout", "local=1"), ("refused", "local=2"), ("closed", "local=2"), ("unresolved", "local=3")],
)
def test_failures_of_our_own_have_local_reasons(failure, reason):
    ping = started()
    ping.failed(failure, 101.0)
    assert ping.take_events() == [PingStateChanged(PingState.DOWN, reason, PingState.UNKNOWN)]


def test_silence_means_down_when_the_retries_are_used_up():
    ping = started()
    assert ping.next_deadline() == 119.5
    ping.handle_deadline(119.4)
    assert ping.take_events() == []
    ping.handle_deadline(119.5)
    assert ping.take_events() == [PingStateChanged(PingState.DOWN, "local=1", PingState.UNKNOWN)]


def test_pings_again_after_each_result_and_reports_changes_only():
    ping = started(PingSettings(in_service_interval_s=10.0, out_of_service_interval_s=20.0))
    ping.answered(200, 100.0)
    ping.take_events()
    ping.handle_deadline(110.0)
    assert [type(event) for event in ping.take_events()] == [PingDue]
    ping.answered(200, 110.0)
    assert ping.take_events() == []
    ping.handle_deadline(120.0)
    ping.failed("timeout", 125.0)
    assert ping.take_events()[-1] == PingStateChanged(PingState.DOWN, "local=1", PingState.UP)
    assert ping.next_deadline() == 145.0
    ping.handle_deadline(145.0)
    ping.answered(200, 145.5)
    assert ping.take_events()[-1] == PingStateChanged(PingState.UP, "", PingState.DOWN)
    assert ping.reason == ""


def test_a_reset_forgets_and_pings_at_once_or_after_its_share_of_the_spread():
    ping = started()
    ping.answered(503, 101.0)
    ping.start(200.0, delay_s=3.0)
    assert ping.state is PingState.UNKNOWN
    assert ping.is_usable
    assert ping.next_deadline() == 203.0


def test_a_late_result_of_a_ping_before_the_reset_is_ignored():
    ping = started()
    ping.start(101.0, delay_s=5.0)
    ping.answered(200, 102.0)
    assert ping.state is PingState.UNKNOWN
    assert ping.take_events() == []


def test_a_stopped_ping_stays_silent():
    ping = started()
    ping.stop()
    assert ping.next_deadline() == math.inf
    ping.handle_deadline(1e9)
    assert ping.take_events() == []


UP, DOWN, UNKNOWN = PingState.UP, PingState.DOWN, PingState.UNKNOWN


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([UP, UP], TrunkStatus.FULL_SERVICE),
        ([UP, DOWN], TrunkStatus.PARTIAL_SERVICE),
        ([DOWN, DOWN], TrunkStatus.NO_SERVICE),
        ([UNKNOWN], TrunkStatus.UNKNOWN),
        ([], TrunkStatus.UNKNOWN),
    ],
)
def test_the_trunk_sums_up_its_destinations(states, status):
    assert trunk_status(states) is status
