"""Orders to a phone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.service_control import NULL_STAMP, build_service_control, parse_service_control

CALL_ID = "02aa0000-00010003-1b2c3d4e-5f607182@203.0.113.101"


def test_restart_golden():
    assert (
        build_service_control("restart", CALL_ID, config_stamp="1700000000-a")
        == (
            f"action=restart\r\nRegisterCallId={{{CALL_ID}}}\r\nConfigVersionStamp={{1700000000-a}}\r\n"
            f"DialplanVersionStamp={{{NULL_STAMP}}}\r\nSoftkeyVersionStamp={{{NULL_STAMP}}}\r\n"
        ).encode()
    )


def test_problem_report_has_two_lines():
    body = build_service_control("prt-report", "8f3e5d00-1ef168f7@192.0.2.21")
    assert body == b"action=prt-report\r\nRegisterCallId={8f3e5d00-1ef168f7@192.0.2.21}\r\n"


def test_round_trip_with_extra_lines():
    order = parse_service_control(
        build_service_control("apply-config", CALL_ID, extra={"CUCMResult": "config_applied", "LoadServer": ""})
    )
    assert (order.action, order.register_call_id, order.config_stamp) == ("apply-config", CALL_ID, NULL_STAMP)
    assert order.cucm_result == "config_applied"
    assert order.others["loadserver"] == ""


def test_keys_in_any_case_and_order_braces_optional_short_names():
    order = parse_service_control(
        b"REGISTERCALLID = a@b \nCUCMResult=no_change\n\nLoadId={x}\nInactiveLoadId=y\n"
        b"Action=Reset\nFirmwareLoadId={late}"
    )
    assert (order.action, order.register_call_id, order.cucm_result) == ("reset", "a@b", "no_change")
    assert (order.others["firmwareloadid"], order.others["firmwareinactiveloadid"]) == ("x", "y")
    assert (order.config_stamp, order.dialplan_stamp, order.softkey_stamp) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"action=dance\r\nRegisterCallId={a}\r\n",
        b"action=reset\r\n",
        b"action=reset\r\nRegisterCallId={}\r\n",
        b"action",
        b"a=b\n" * 40,
    ],
)
def test_bad_orders(body):
    with pytest.raises(SipInvalid):
        parse_service_control(body)


@given(st.binary(max_size=200))
def test_any_body_is_an_order_or_our_error(body):
    try:
        parse_service_control(b"action=reset\nRegisterCallId={a}\n" + body)
    except SipInvalid:
        pass


def test_what_would_break_the_body_is_refused():
    with pytest.raises(ValueError, match="dance"):
        build_service_control("dance", CALL_ID)
    for bad in ("a\r\nb", "{", "}"):
        with pytest.raises(ValueError):
            build_service_control("reset", bad)
