"""Buttons and timers of the SIP profile."""

import pytest

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import CallManagerMember, DeviceConfig, FeatureButton, LineConfig, SipTimers
from emcc_emu.wire.device_config_sip import MAX_BUTTONS, read_buttons, read_sip_timers, write_sip_profile
from emcc_emu.wire.xml_section import parse_section

LINE = LineConfig(button=1, line_index=1, name="2001", contact="c1", label="Ann", auth_name="a", auth_password="b")
SPEED_DIAL = FeatureButton(button=2, feature_id=2, label="Bob", speed_dial_number="2002")
SERVICE = FeatureButton(button=3, feature_id=20, label="News", service_uri="http://x/")


def written_profile(**values):
    config = DeviceConfig(call_managers=(CallManagerMember("192.0.2.10"),), version_stamp="1-x", **values)
    return parse_section(write_sip_profile(config).encode(), "sipProfile")


def test_lines_and_buttons_come_back():
    profile = written_profile(lines=(LINE,), buttons=(SERVICE, SPEED_DIAL))
    assert read_buttons(profile.section("sipLines")) == ((LINE,), (SPEED_DIAL, SERVICE))


def test_a_line_without_a_digest_user_has_no_password():
    profile = written_profile(lines=(LineConfig(button=1, line_index=1, name="1", contact="c", auth_password="x"),))
    assert "authPassword" not in profile.section("sipLines").section("line")


def test_timers_come_back():
    timers = SipTimers(register_expires_s=60, t2_ms=8000)
    assert read_sip_timers(written_profile(sip_timers=timers).section("sipStack")) == timers


def test_missing_timers_have_their_defaults():
    assert read_sip_timers(parse_section(b"<sipStack/>", "sipStack")) == SipTimers()


@pytest.mark.parametrize("lines", ["<line/>", "<line><name>1</name></line>" * (MAX_BUTTONS + 1)])
def test_lines_need_names_and_are_bounded(lines):
    with pytest.raises(XmlInvalid):
        read_buttons(parse_section(f"<sipLines>{lines}</sipLines>".encode(), "sipLines"))
