"""`SEP<MAC>.cnf.xml`: written as a real cluster writes it, read as a phone reads it."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import (
    FEATURE_SERVICE_URL,
    FEATURE_SPEED_DIAL,
    CallManagerMember,
    DateTimeSetting,
    DeviceConfig,
    FeatureButton,
    LineConfig,
    LocaleConfig,
    PhoneService,
    ServiceUrls,
    SipTimers,
    SrstReference,
    TvsMember,
)
from emcc_emu.wire.device_config_sip import MAX_BUTTONS
from emcc_emu.wire.device_config_xml import build_device_config, parse_device_config

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"

SMALL = DeviceConfig(
    call_managers=(CallManagerMember("192.0.2.10"),),
    version_stamp="1700000000-aaaaaaaa-0000-4000-8000-000000000001",
    lines=(LineConfig(button=1, line_index=1, name="2001", contact="bbbbbbbb-0000-4000-8000-000000000011"),),
)

FULL = DeviceConfig(
    call_managers=(
        CallManagerMember("192.0.2.10", "cucm-a", 0, sip_port=5070, description="A & B"),
        CallManagerMember("192.0.2.11", "cucm-b", 1, sip_oauth_port=5090, sip_mra_oauth_port=5091),
    ),
    version_stamp="1700000000-aaaaaaaa-0000-4000-8000-000000000001",
    lines=(
        LineConfig(
            button=1,
            line_index=1,
            name="2001",
            contact="bbbbbbbb-0000-4000-8000-000000000011",
            label="Ann <2001>",
            display_name='Ann "A"',
            auth_name="ann",
            auth_password="secret&",
            messages_number="8000",
            is_shared=True,
            max_calls=6,
            busy_trigger=3,
            is_auto_answer=True,
        ),
        LineConfig(button=4, line_index=2, name="2002", contact="c2", label="2002", port=5062),
    ),
    buttons=(
        FeatureButton(button=2, feature_id=FEATURE_SPEED_DIAL, label="Bob", speed_dial_number="2005"),
        FeatureButton(button=3, feature_id=FEATURE_SERVICE_URL, label="News", service_uri="http://x/?a=1&b=2"),
    ),
    uuid="aaaaaaaa-0000-4000-8000-000000000001",
    cti_id=548,
    portal_default_server="cucm-a",
    device_pool="Lab",
    device_pool_uuid="aaaaaaaa-0000-4000-8000-0000000000dd",
    call_manager_group="Lab group",
    date_time=DateTimeSetting(name="JST", olson_time_zone="Asia/Tokyo", ntp_addresses=("192.0.2.1", "192.0.2.2")),
    srst=SrstReference("Gateway", "User defined", ("192.0.2.50",), is_secure=True),
    connection_monitor_duration_s=60,
    tvs=(TvsMember("192.0.2.10"), TvsMember("192.0.2.11", 2446, 1)),
    sip_timers=SipTimers(register_expires_s=600, t1_ms=250),
    phone_label="2001",
    kpml=1,
    start_media_port=20000,
    stop_media_port=20100,
    voip_control_port=5062,
    dial_template_file="DRcccccccc.xml",
    soft_key_file="SKcccccccc.xml",
    missed_call_logging="10",
    feature_policy_file="DefaultFP.xml",
    load_information="sip78xx.12-1-1-12",
    has_web_access=True,
    has_video=True,
    user_locale=LocaleConfig("Japanese_Japan", 26, "ja_JP", "12.0.0.0(1)", "utf-8"),
    network_locale="Japan",
    network_locale_uid=81,
    device_security_mode=3,
    transport_layer_protocol=3,
    idle_timeout_s=30,
    urls=ServiceUrls.of_node("192.0.2.10"),
    is_encrypted=True,
    capf_address="192.0.2.10",
    user_id="ann@example.test",
    owner_id="ann",
    service_provisioning=2,
    has_https_services=False,
    phone_services=(
        PhoneService("Missed Calls", "Application:Cisco/MissedCalls", type=1),
        PhoneService(
            "Extension Mobility",
            "http://192.0.2.10:8080/emapp/EMAppServlet?device=#DEVICENAME#&EMCC=#EMCC#",
            vendor="v",
            version="1",
        ),
    ),
)


def test_a_full_configuration_comes_back_as_it_was_written():
    assert parse_device_config(build_device_config(FULL)) == FULL


def test_what_is_left_out_is_filled_in_from_the_call_managers():
    read = parse_device_config(build_device_config(SMALL))
    assert read == dataclasses.replace(
        SMALL,
        call_managers=(CallManagerMember("192.0.2.10", "192.0.2.10"),),
        lines=(dataclasses.replace(SMALL.lines[0], label="2001"),),
        portal_default_server="192.0.2.10",
        tvs=(TvsMember("192.0.2.10"),),
        missed_call_logging="1",
        capf_address="192.0.2.10",
    )
    assert parse_device_config(build_device_config(read)) == read


def test_the_file_opens_as_real_ones_do():
    assert build_device_config(FULL).startswith(
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<device xsi:type="axl:XIPPhone" ctiid="548" uuid="{aaaaaaaa-0000-4000-8000-000000000001}">\n'
        b"<fullConfig>true</fullConfig>\n<portalDefaultServer>cucm-a</portalDefaultServer>\n"
        b"<deviceProtocol>SIP</deviceProtocol>\n"
    )


def test_elements_stand_in_the_order_of_real_files():
    order = (
        "fullConfig deviceProtocol devicePool dateTimeSetting callManagerGroup srstInfo connectionMonitorDuration TVS "
        "sipProfile sipProxies sipCallFeatures sipStack phoneLabel sipLines voipControlPort dialTemplate softKeyFile "
        "MissedCallLoggingOption featurePolicyFile commonProfile loadInformation vendorConfig versionStamp userLocale "
        "networkLocale deviceSecurityMode authenticationURL servicesURL secureServicesURL transportLayerProtocol "
        "capfList encrConfig userId ownerId phoneServices"
    ).split()
    text = build_device_config(FULL).decode()
    places = [text.index(f"<{name}{end}") for name in order for end in " >" if f"<{name}{end}" in text]
    assert len(places) >= len(order)
    first_places = [re.search(f"<{name}[ >]", text).start() for name in order]
    assert first_places == sorted(first_places)


def test_buttons_stand_in_their_order_whatever_they_are():
    text = build_device_config(FULL).decode()
    assert re.findall(r'<line button="(\d)"', text) == ["1", "2", "3", "4"]


def test_a_member_of_the_call_manager_group_byte_for_byte():
    assert (
        b'<member priority="1">\n<callManager>\n<name>cucm-b</name>\n<description></description>\n<ports>\n'
        b"<ethernetPhonePort>2000</ethernetPhonePort>\n<sipPort>5060</sipPort>\n"
        b"<securedSipPort>5061</securedSipPort>\n<mgcpPorts>\n<listen>2427</listen>\n<keepAlive>2428</keepAlive>\n"
        b"</mgcpPorts>\n<sipOAuthPort>5090</sipOAuthPort>\n<sipMRAOAuthPort>5091</sipMRAOAuthPort>\n</ports>\n"
        b"<processNodeName>192.0.2.11</processNodeName>\n</callManager>\n</member>\n"
    ) in build_device_config(FULL)


def test_digest_credentials_are_written_only_with_a_digest_user():
    assert b"authName" not in build_device_config(SMALL)
    assert b"<authName>ann</authName>\n<authPassword>secret&amp;</authPassword>" in build_device_config(FULL)


def test_a_file_of_another_origin_is_read():
    read = parse_device_config((FIXTURES / "SEP001122334455.cnf.xml").read_bytes())
    assert [(member.name, member.address, member.sip_port) for member in read.call_managers] == [
        ("cucm-a", "192.0.2.10", 5070),
        ("cucm-b", "192.0.2.11", 5060),
    ]
    assert read.call_managers[1].sip_oauth_port == 5090
    assert [(line.name, line.display_name) for line in read.lines] == [("2001", "Ann & Co")]
    assert [(button.feature_id, button.speed_dial_number, button.service_uri) for button in read.buttons] == [
        (21, "2002", ""),
        (20, "", "http://192.0.2.80/news.xml"),
    ]
    assert read.sip_timers == SipTimers(register_expires_s=600)
    assert (read.uuid, read.cti_id) == ("aaaaaaaa-0000-4000-8000-000000000001", 548)
    assert (read.has_web_access, read.has_video, read.has_https_services) == (True, True, False)
    assert read.user_locale.language_code == "ja_JP"
    assert read.user_id == "ann"
    assert read.phone_services[0].url.endswith("?device=#DEVICENAME#&EMCC=#EMCC#")
    assert read.tvs == ()


def minimal(
    lines="", members="<member><callManager><processNodeName>a</processNodeName></callManager></member>", rest=""
):
    return (
        f"<device><devicePool><callManagerGroup><members>{members}</members></callManagerGroup></devicePool>"
        f"<sipProfile><sipLines>{lines}</sipLines></sipProfile>{rest}</device>"
    ).encode()


def test_a_phone_needs_little():
    read = parse_device_config(minimal("<line><name>1</name></line><line><name>2</name><contact>c</contact></line>"))
    assert [(line.button, line.line_index, line.name, line.contact) for line in read.lines] == [
        (1, 1, "1", "1"),
        (2, 2, "2", "c"),
    ]


def test_at_most_five_call_managers_are_used():
    members = "".join(
        f'<member priority="{priority}"><callManager><processNodeName>m{priority}</processNodeName></callManager>'
        "</member>"
        for priority in range(7, -1, -1)
    )
    addresses = [member.address for member in parse_device_config(minimal(members=members)).call_managers]
    assert addresses == ["m0", "m1", "m2", "m3", "m4"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Default/>",
        b"<device/>",
        b"<device><fullConfig>false</fullConfig></device>",
        minimal(members=""),
        minimal("<line><featureID>9</featureID></line>"),
        minimal("<line><featureID>x</featureID></line>"),
        minimal('<line button="x"><name>1</name></line>'),
        minimal("<line><name>1</name></line>" * (MAX_BUTTONS + 1)),
        minimal(rest="<idleTimeout>-1</idleTimeout>"),
        minimal(
            members='<member priority="p"><callManager><processNodeName>a</processNodeName></callManager></member>'
        ),
    ],
)
def test_what_no_phone_can_use_is_refused(data):
    with pytest.raises(XmlInvalid):
        parse_device_config(data)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=30)


@given(TEXT, TEXT, TEXT, TEXT)
def test_any_text_survives(name, label, display_name, url):
    line = LineConfig(button=1, line_index=1, name=name, contact="c", label=label, display_name=display_name)
    config = dataclasses.replace(FULL, lines=(line,), phone_services=(PhoneService(name, url),), user_id=display_name)
    assert parse_device_config(build_device_config(config)) == config


@given(st.text(alphabet='<>/= "&;deviceParoslfnCtMmbg', max_size=120))
def test_reading_soup_returns_or_raises_our_error(text):
    try:
        parse_device_config(f"<device>{text}</device>".encode())
    except XmlInvalid:
        pass


def test_features_of_a_device_profile_are_written_and_come_back():
    config = dataclasses.replace(
        FULL,
        always_use_prime_line=True,
        always_use_prime_line_for_voice_mail=True,
        mlpp_domain="0A",
        mlpp_indication=True,
        mlpp_preemption="Forceful",
        single_button_barge=2,
        joins_across_lines=True,
        dnd_call_alert=1,
        add_on_modules=("CP-8800-A-KEM", "CP-8800-A-KEM"),
    )
    text = build_device_config(config).decode()
    assert "<mlppDomainId>0A</mlppDomainId>\n<mlppIndicationStatus>On</mlppIndicationStatus>\n" in text
    assert '<addOnModules>\n<addOnModule idx="1">\n<deviceType>CP-8800-A-KEM</deviceType>\n</addOnModule>\n' in text
    assert parse_device_config(text.encode()) == config
