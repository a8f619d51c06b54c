"""URIs and addresses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_uri import (
    NameAddr,
    SipUri,
    format_name_addr,
    host_port,
    parse_name_addr,
    parse_uri,
    same_uri,
    split_name_addr,
    uri_scheme,
)


def test_all_parts_of_a_uri():
    uri = parse_uri("SIP:2222:pw@Node.example.test:5061;transport=TCP;lr?Replaces=a%40b%3Bto-tag%3D1&x=y")
    assert uri == SipUri(
        "sip",
        "2222",
        "pw",
        "Node.example.test",
        5061,
        {"transport": "TCP", "lr": None},
        {"replaces": "a@b;to-tag=1", "x": "y"},
    )
    assert uri.transport == "tcp"


@pytest.mark.parametrize(
    "text",
    [
        "sip:192.0.2.1",
        "sips:2222@[2001:db8::1]:5061;transport=tls",
        "sip:2222@192.0.2.1:5060;user=phone;ob",
        "sip:a%20b:p%40w@example.test",
        "tel:+15551000;phone-context=example.test",
        "sip:3333@198.51.100.10?replaces=call%40host%3Bto-tag%3Dx%3Bfrom-tag%3Dy",
    ],
)
def test_uri_is_written_as_it_was_read(text):
    assert str(parse_uri(text)) == text


def test_transport_is_none_without_the_parameter():
    assert parse_uri("sip:192.0.2.1").transport is None


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("sip:", 400),
        ("sip:a b@c", 400),
        ("sip:100%@c", 400),
        ("sip:a@b:0", 400),
        ("sip:a@b:70000", 400),
        ("tel:abc!", 400),
        ("no-scheme", 400),
        ("<sip:a@b>", 400),
        ("http://example.test", 416),
        ("urn:service:sos", 416),
    ],
)
def test_bad_uris_say_what_they_deserve(text, status):
    with pytest.raises(SipInvalid) as refused:
        parse_uri(text)
    assert refused.value.status == status


@given(st.text(max_size=60))
def test_uri_parses_or_raises_our_error(text):
    try:
        uri = parse_uri(text)
    except SipInvalid:
        return
    assert str(parse_uri(str(uri))) == str(uri)


@given(st.text(max_size=20), st.sampled_from(["sip", "sips"]))
def test_any_user_part_survives_escaping(user, scheme):
    if user:
        assert parse_uri(str(SipUri(scheme, user, None, "example.test"))).user == user


@pytest.mark.parametrize(
    ("left", "right", "is_same"),
    [
        ("sip:a@EXAMPLE.test", "sip:a@example.test", True),
        ("sip:%61@example.test;transport=TCP", "sip:a@example.test;transport=tcp", True),
        ("sip:a@example.test;x=1", "sip:a@example.test", True),
        ("sip:a@example.test;x=1", "sip:a@example.test;x=2", False),
        ("sip:a@example.test;transport=udp", "sip:a@example.test", False),
        ("sip:A@example.test", "sip:a@example.test", False),
        ("sip:a@example.test:5060", "sip:a@example.test", False),
        ("sip:a@example.test?s=1", "sip:a@example.test", False),
        ("sips:a@example.test", "sip:a@example.test", False),
    ],
)
def test_uris_are_compared_as_rfc_3261_says(left, right, is_same):
    assert same_uri(parse_uri(left), parse_uri(right)) is is_same


def test_scheme():
    assert uri_scheme("ISBN:2983792873") == "isbn"
    for bad in ("sip", "sip:", "1sip:x", ":x"):
        with pytest.raises(SipInvalid):
            uri_scheme(bad)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("example.test", ("example.test", None)),
        ("192.0.2.1:5060", ("192.0.2.1", 5060)),
        (" h : 5060 ", ("h", 5060)),
        ("[2001:db8::1]", ("[2001:db8::1]", None)),
        ("[2001:db8::1]:5061", ("[2001:db8::1]", 5061)),
    ],
)
def test_host_and_port(text, expected):
    assert host_port(text) == expected


@pytest.mark.parametrize(
    "text", ["", ":5060", "h:", "h:0", "h:65536", "h:x", "2001:db8::1", "[2001:db8::1", "[::1]5060"]
)
def test_bad_host_and_port(text):
    with pytest.raises(SipInvalid):
        host_port(text)


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("*", "", "*", {}),
        ("caller<sip:a@b>;Tag=x", "caller", "sip:a@b", {"tag": "x"}),
        ("A. Bell <sip:a@b>", "A. Bell", "sip:a@b", {}),
        ('"Bell, A <x>" <sip:a@b;lr> ; q = 0.5', "Bell, A <x>", "sip:a@b;lr", {"q": "0.5"}),
        (r'"J \"\\" <sip:a@b>', 'J "\\', "sip:a@b", {}),
        ('<sip:a@b>;+sip.instance="<urn:uuid:1>";ob', "", "sip:a@b", {"+sip.instance": "<urn:uuid:1>", "ob": None}),
        ('<sip:a@b>;x="1";X="2"', "", "sip:a@b", {"x": "1"}),
        ('sip:a@b;x="<y>"', "", "sip:a@b", {"x": "<y>"}),
    ],
)
def test_addresses(text, display, uri, params):
    address = parse_name_addr(text)
    assert (address.display, address.uri, address.params) == (display, uri, params)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";tag=1",
        '"open <sip:a@b>',
        '"closed" sip:a@b',
        "Bell, A <sip:a@b>",
        "<sip:a@b",
        "<>",
        "< sip:a@b >",
        "<sip:a@b>x",
        "sip:a@b?x=1",
        "sip:a@b, sip:c@d",
        'x "y" <sip:a@b>',
    ],
)
def test_bad_addresses(text):
    with pytest.raises(SipInvalid) as refused:
        parse_name_addr(text)
    assert refused.value.status == 400


@given(st.text(max_size=60))
def test_address_parses_or_raises_our_error(text):
    try:
        parse_name_addr(text)
    except SipInvalid:
        pass


def test_tag_and_duplicates_are_kept():
    address = parse_name_addr('"2222" <sip:2222@192.0.2.1>;TAG=a~1;x=1;x=2')
    assert address.tag == "a~1"
    assert str(address) == '"2222" <sip:2222@192.0.2.1>;TAG=a~1;x=1;x=2'
    assert NameAddr("", "sip:a@b").tag is None
    assert NameAddr("", "sip:a@b", (("q", "1"),)).tag is None


def test_parameter_is_added_or_replaced():
    address = parse_name_addr("<sip:a@b>;q=1")
    assert str(address.with_param("tag", "9")) == "<sip:a@b>;q=1;tag=9"
    assert str(address.with_param("Q", "2")) == "<sip:a@b>;q=2"
    assert str(address) == "<sip:a@b>;q=1"


def test_addresses_are_written():
    assert format_name_addr("sip:a@b", 'J "x"', (("tag", "1"),)) == r'"J \"x\"" <sip:a@b>;tag=1'
    assert split_name_addr('"n" <sip:a@b> ;x;;y ') == ("n", "sip:a@b", ";x;;y")
