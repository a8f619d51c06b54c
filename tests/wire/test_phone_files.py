"""The small files of a boot. The EMCC mini configuration is our own design: no real one is public."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import CallManagerMember, DeviceConfig
from emcc_emu.wire.device_config_xml import build_device_config
from emcc_emu.wire.phone_files import (
    MAX_RINGS,
    ApplicationDialRule,
    DefaultConfig,
    DialRule,
    EmccMiniConfig,
    SoftKeySet,
    build_application_dial_rules,
    build_default_config,
    build_dial_template,
    build_mini_config,
    build_ring_list,
    build_soft_keys,
    parse_application_dial_rules,
    parse_config_file,
    parse_default_config,
    parse_dial_template,
    parse_ring_list,
    parse_soft_keys,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"
MINI = EmccMiniConfig(
    visiting_em_address="192.0.2.100",
    tftp_servers=("198.51.100.20", "198.51.100.21"),
    version_stamp="1700000500-dddddddd-0000-4000-8000-000000000004",
)


def test_mini_configuration_byte_for_byte():
    fixture = (FIXTURES / "emcc-mini.cnf.xml").read_bytes()
    assert build_mini_config(MINI) == fixture
    assert parse_config_file(fixture) == MINI


def test_a_configuration_file_is_told_apart_by_its_emcc_mode():
    config = DeviceConfig(call_managers=(CallManagerMember("192.0.2.10"),), version_stamp="1-x")
    assert isinstance(parse_config_file(build_device_config(config)), DeviceConfig)


def test_home_servers_are_taken_by_priority_and_bounded():
    servers = "".join(f'<tftpServer priority="{9 - place}">s{9 - place}</tftpServer>' for place in range(6))
    data = f"<device><emccMode>1</emccMode><emccTftpServers>{servers}</emccTftpServers></device>"
    assert parse_config_file(data.encode()).tftp_servers == ("s4", "s5", "s6", "s7")


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<other/>",
        "<device><emccMode>1</emccMode></device>",
        "<device><emccMode>1</emccMode><emccTftpServers><tftpServer/></emccTftpServers></device>",
        "<device><emccMode>1</emccMode><emccTftpServers><tftpServer priority='x'>a</tftpServer></emccTftpServers>"
        "</device>",
    ],
)
def test_a_mini_configuration_that_leads_nowhere_is_refused(data):
    with pytest.raises(XmlInvalid):
        parse_config_file(data.encode())


DEFAULT = DefaultConfig(
    call_managers=(CallManagerMember("192.0.2.10", "cucm-a"),),
    loads={621: ("Cisco 7821", "sip78xx.12-1-1-12"), 683: ("Cisco 8841", "sip88xx.12-1-1-12")},
)


def test_cluster_default_comes_back():
    data = build_default_config(DEFAULT)
    assert data.startswith(
        b"<Default>\n<autoRegistrationName>AUTO-REG</autoRegistrationName>\n"
        b"<autoRegistration>Disabled</autoRegistration>\n"
    )
    assert b'<loadInformation621 model="Cisco 7821">sip78xx.12-1-1-12</loadInformation621>\n' in data
    assert parse_default_config(data) == DEFAULT


def test_auto_registration_may_be_on():
    config = DefaultConfig(call_managers=(CallManagerMember("a", "a"),), is_auto_registration_on=True)
    assert parse_default_config(build_default_config(config)) == config


def test_soft_keys_come_back():
    sets = (SoftKeySet("On Hook", ("Redial", "NewCall")), SoftKeySet("Connected", ()))
    data = build_soft_keys("1-x", {"Redial": 1, "NewCall": 2}, sets)
    assert data == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<softKeyCfg>\n<versionStamp>1-x</versionStamp>\n<typeSoftKey>\n'
        b'<softKeyDef keyID="Redial"><tag>1</tag><eventID>1</eventID><helpID>301</helpID></softKeyDef>\n'
        b'<softKeyDef keyID="NewCall"><tag>2</tag><eventID>2</eventID><helpID>302</helpID></softKeyDef>\n'
        b'</typeSoftKey>\n<softKeySets>\n<softKeySet id="On Hook"><softKey keyID="Redial"/>'
        b'<softKey keyID="NewCall"/></softKeySet>\n<softKeySet id="Connected"></softKeySet>\n'
        b"</softKeySets>\n</softKeyCfg>\n"
    )
    assert parse_soft_keys(data) == ("1-x", sets)


def test_dial_rules_come_back():
    rules = (DialRule("9,.......", 2, tone="Bellcore-Outside"), DialRule("911"), DialRule("8*", 5, rewrite="9%1"))
    data = build_dial_template("1-x", rules)
    assert b'<TEMPLATE match="9,......." timeout="2" tone="Bellcore-Outside"/>\n' in data
    assert parse_dial_template(data) == ("1-x", rules)


def test_application_dial_rules_come_back():
    rules = (ApplicationDialRule("+81", 12, 3, "90"), ApplicationDialRule("", 4))
    data = build_application_dial_rules(rules)
    assert b'<DialRule BeginsWith="+81" NumDigits="12" DigitsToRemove="3" PrefixWith="90"/>\n' in data
    assert parse_application_dial_rules(data) == rules


def test_ring_tones_come_back_and_are_bounded():
    rings = (("Chirp & Co", "Chirp1.rwb"), ("Flip", "Flip1.rwb"))
    data = build_ring_list(rings)
    assert b"<Ring><DisplayName>Flip</DisplayName><FileName>Flip1.rwb</FileName></Ring>\n" in data
    assert parse_ring_list(data) == rings
    assert len(parse_ring_list(build_ring_list([("a", "b")] * 60))) == MAX_RINGS


@pytest.mark.parametrize(
    "parse",
    [parse_default_config, parse_soft_keys, parse_dial_template, parse_application_dial_rules, parse_ring_list],
)
@given(text=st.text(alphabet='<>/= "&;device', max_size=60))
def test_reading_soup_returns_or_raises_our_error(parse, text):
    try:
        parse(text.encode())
    except XmlInvalid:
        pass


def test_counts_must_be_numbers():
    with pytest.raises(XmlInvalid):
        parse_dial_template(b'<dialTemplate><TEMPLATE match="1" timeout="x"/></dialTemplate>')
