"""Alarms of a phone: Reason header and alarm body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid, XmlInvalid
from emcc_emu.wire.cisco_alarm import Alarm, AlarmReason, build_alarm, parse_alarm, parse_alarm_reason

NEW = (
    'SIP;cause=200;text="cisco-alarm:25 Name=SEP02AA00000001 ActiveLoad=sip78xx.12-1-1-12.loads '
    'InactiveLoad=sip78xx.10-3-1-12.loads Last=initialized"'
)


def test_reason_is_written_and_read():
    reason = AlarmReason(25, "SEP02AA00000001", "sip78xx.12-1-1-12", "sip78xx.10-3-1-12.loads", "initialized")
    assert reason.format() == NEW
    assert parse_alarm_reason(NEW).inactive_load == "sip78xx.10-3-1-12"
    assert parse_alarm_reason(reason.format()).format() == NEW


def test_reason_without_inactive_load():
    text = AlarmReason(23, "SEP1", "a", last="reset-restart").format()
    assert text == 'SIP;cause=200;text="cisco-alarm:23 Name=SEP1 ActiveLoad=a.loads InactiveLoad= Last=reset-restart"'
    assert parse_alarm_reason(text) == AlarmReason(23, "SEP1", "a", "", "reset-restart")


def test_reason_of_an_older_phone():
    text = 'SIP ;cause=200;text="cisco-alarm:14 Name=SEP02AA00000001 Load=SIP70.9-4-2 Last=cm-closed-tcp"'
    assert parse_alarm_reason(text) == AlarmReason(14, "SEP02AA00000001", "SIP70.9-4-2", "", "cm-closed-tcp")


@pytest.mark.parametrize(
    "text", ["", "SIP;cause=200", 'Q.850;text="cisco-alarm:1 Name=x"', 'SIP;text="other"', 'SIP;text="cisco-alarm:x"']
)
def test_other_reasons_are_no_alarms(text):
    with pytest.raises(SipInvalid):
        parse_alarm_reason(text)


@given(st.text(max_size=80))
def test_any_reason_is_an_alarm_or_our_error(text):
    try:
        parse_alarm_reason(f'SIP;text="cisco-alarm:1 {text}"')
    except SipInvalid:
        pass


def test_alarm_body_golden():
    body = build_alarm("DeviceTLInfo", [("DeviceName", "SEP02AA00000001"), ("StatusCode", "3")])
    assert body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<x-cisco-alarm>\n<Alarm Name="DeviceTLInfo">\n<ParameterList>\n'
        b'<String name="DeviceName">SEP02AA00000001</String>\n<String name="StatusCode">3</String>\n'
        b"</ParameterList>\n</Alarm>\n</x-cisco-alarm>\n"
    )


def test_alarm_body_round_trip():
    values = (("DeviceName", "a<b>&"), ('q"', ""))
    alarm = parse_alarm(build_alarm("DeviceTLInfo", values))
    assert alarm == Alarm("DeviceTLInfo", values)
    assert alarm.get("DeviceName") == "a<b>&"
    assert alarm.get("Other") is None


def test_alarm_values_of_other_types_are_read():
    values = b'<ParameterList><Enum name="R">14</Enum><String/></ParameterList>'
    assert parse_alarm(b"<x-cisco-alarm><Alarm>%b</Alarm></x-cisco-alarm>" % values) == Alarm(
        "", (("R", "14"), ("", ""))
    )


@pytest.mark.parametrize("body", [b"<x/>", b"<x-cisco-alarm/>", b"<y><Alarm/></y>"])
def test_body_without_alarm(body):
    with pytest.raises(SipInvalid):
        parse_alarm(body)


def test_body_that_is_no_xml():
    with pytest.raises(XmlInvalid):
        parse_alarm(b"junk")
