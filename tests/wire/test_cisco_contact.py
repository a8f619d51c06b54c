"""The Contact of a Cisco phone."""

from emcc_emu.wire.cisco_contact import build_contact, mark_new_registration, read_contact
from emcc_emu.wire.sip_uri import parse_name_addr

URI = "sip:0f5a6e10-7777-4a1b-8c21-0a0b0c0d0e0f@203.0.113.101:51001;transport=tcp"
TEXT = (
    f'<{URI}>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-02aa00000001>"'
    ';+u.sip!devicename.ccm.cisco.com="SEP02AA00000001";+u.sip!model.ccm.cisco.com="621"'
)


def test_contact_is_built_in_the_order_of_a_phone():
    assert build_contact(URI, "02AA00000001", "SEP02AA00000001", 621) == TEXT


def test_contact_is_read():
    contact = read_contact(parse_name_addr(TEXT + ";video;expires=0;cisco-keep-alive"))
    assert (contact.uri, contact.device_name, contact.model) == (URI, "SEP02AA00000001", 621)
    assert contact.instance == "<urn:uuid:00000000-0000-0000-0000-02aa00000001>"
    assert contact.is_video and contact.is_keepalive and contact.expires_s == 0


def test_device_name_comes_from_the_features_variant_or_the_instance():
    features = parse_name_addr('<sip:a@b>;+u.sip!devicename.ccm.features.cisco.com="CIPC1"')
    assert read_contact(features).device_name == "CIPC1"
    instance = parse_name_addr('<sip:a@b>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-02aa00000003>"')
    assert read_contact(instance).device_name == "SEP02AA00000003"


def test_third_party_contact_has_no_device():
    contact = read_contact(parse_name_addr('<sip:a@b>;+sip.instance="<urn:uuid:x>";+u.sip!model.ccm.cisco.com="x"'))
    assert (contact.device_name, contact.model, contact.expires_s) == (None, None, None)
    assert not contact.is_video and not contact.is_keepalive


def test_new_registration_is_marked_behind_the_unchanged_text():
    assert mark_new_registration(TEXT) == f"{TEXT};x-cisco-newreg"
