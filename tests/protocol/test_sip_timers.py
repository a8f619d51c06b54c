"""The defaults are those of RFC 3261."""

from emcc_emu.protocol.sip_timers import SipLimits, SipTimers


def test_the_defaults_are_those_of_the_rfc():
    timers = SipTimers()
    assert (timers.t1_s, timers.t2_s, timers.t4_s) == (0.5, 4.0, 5.0)
    assert timers.timeout_s == 64 * timers.t1_s
    assert timers.timer_c_s > 180
    assert timers.timer_d_s >= 32


def test_everything_is_bounded():
    limits = SipLimits()
    bounds = (
        limits.max_client_transactions,
        limits.max_open_server_transactions,
        limits.max_replayable_transactions,
    )
    assert min(bounds) > 0
