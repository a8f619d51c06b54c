"""Messages of the usual form are recognised at one look; whatever is recognised keeps the rules."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipUnparsable
from emcc_emu.wire import sip
from emcc_emu.wire.sip_usual import UsualMessage, UsualRequest

CONTACT = '<sip:2001@203.0.113.7:51001;transport=tcp>;+sip.instance="<urn:uuid:00000000-0000-0000-0000-02aa00000001>"'
REGISTER = (
    "REGISTER sip:198.51.100.10 SIP/2.0\r\n"
    "Via: SIP/2.0/TCP 203.0.113.7:51001;branch=z9hG4bK1f00a1b2;rport\r\n"
    'From: "2001" <sip:2001@198.51.100.10>;tag=02aa-1\r\n'
    "To: <sip:2001@198.51.100.10>\r\n"
    "Call-ID: 02aa0000-00010003-1b2c3d4e-5f607182@203.0.113.7\r\n"
    "CSeq: 101 REGISTER\r\n"
    "Max-Forwards: 70\r\n"
    f"Contact: {CONTACT}\r\n"
    "User-Agent: anything; goes, here\r\n"
    "Expires: 3600\r\n"
    "Content-Length: 0\r\n\r\n"
)


def changed(old: str, new: str) -> sip.SipRequest:
    assert old in REGISTER
    message = sip.parse_message(REGISTER.replace(old, new).encode())
    assert isinstance(message, sip.SipRequest)
    return message


@pytest.mark.parametrize("port", [1, 5060, 9999, 10000, 59999, 60999, 64999, 65499, 65535])
def test_any_port_is_usual(port):
    message = changed(":51001;branch", f":{port};branch")
    assert is_usual(message) and message.via.port == port


def is_usual(message: object) -> bool:
    return isinstance(message, UsualMessage) and message.is_untouched


def test_a_phones_register_is_usual():
    assert is_usual(changed("", ""))


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_without_a_mandatory_field_it_is_not_usual(name):
    assert not is_usual(changed(f"{name}: ", f"X-{name}: "))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
        ("sip:198.51.100.10 ", "sip:198.51.100.10?Subject=x "),
        ("sip:198.51.100.10 ", "tel:2001 "),
        ("SIP/2.0/TCP", "SIP/2.0/SCTP"),
        ("SIP/2.0/TCP", "SIP / 2.0 / TCP"),
        ("z9hG4bK1f00a1b2", "z9hG4bK"),
        ("z9hG4bK1f00a1b2", "1f00a1b2"),
        (";rport", ";received=192.0.2.1"),
        (";rport", ", SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2"),
        (":51001;branch", ":65536;branch"),
        (":51001;branch", ":0;branch"),
        ('"2001" <', '"2001 <'),
        ("tag=02aa-1", ";tag=02aa-1"),
        ("tag=02aa-1", "tag=02aa-1;x=y"),
        ("<sip:2001@198.51.100.10>\r\nCall", "sip:2001@198.51.100.10\r\nCall"),
        ("02aa0000-00010003", "02aa 0000-00010003"),
        ("101 REGISTER", "101 INVITE"),
        ("101 REGISTER", "4294967296 REGISTER"),
        ("101 REGISTER", "101 XREGISTER"),
        ("Max-Forwards: 70", "Max-Forwards: 256"),
        ("Max-Forwards: 70", "Max-Forwards: many"),
        (CONTACT, "*"),
        (CONTACT, f"{CONTACT}, {CONTACT}"),
        ("Expires: 3600", "Expires: 0 "),
        ("Expires: 3600", "Expires: 10000000000"),
        ("Content-Length: 0", "Content-Length: -1"),
        ("Content-Length: 0", "Content-Length: 5"),
        ("Content-Length: 0", "Content-Location: 0"),
        ("Content-Length: 0", "Content-Length: 0\r\nl: 0"),
        ("User-Agent: anything", "Route: <sip:192.0.2.1;lr>\r\nUser-Agent: anything"),
        ("User-Agent: anything", "Require: timer\r\nUser-Agent: anything"),
        ("User-Agent: anything", "Content-Encoding: gzip\r\nUser-Agent: anything"),
        ("User-Agent: anything", "no header line"),
    ],
)
def test_what_is_odd_is_left_to_the_rules(old, new):
    assert not is_usual(changed(old, new))


@given(
    position=st.integers(0, len(REGISTER) - 1),
    removed=st.integers(0, 3),
    inserted=st.text(st.sampled_from(list("\r\n\t ;:,=@<>\"'\\*?%&/019azAZ[]\x00\x7fé")), max_size=3),
)
def test_whatever_is_recognised_can_be_read(position, removed, inserted):
    text = REGISTER[:position] + inserted + REGISTER[position + removed :]
    try:
        message = sip.parse_message(text.encode())
    except SipUnparsable:
        return
    if not isinstance(message, UsualRequest):
        return
    assert message.via.branch and len(message.vias) == 1
    assert message.cseq.method == message.method
    assert message.call_id
    sip.parse_uri(message.uri)
    for address in (message.from_, message.to, *message.contacts):
        sip.parse_uri(address.uri)
    assert message.max_forwards is None or message.max_forwards < 100
    assert message.expires is None or message.expires >= 0
    assert message.content_length == len(message.body)


def test_its_main_fields_can_be_read_without_splitting():
    message = changed("Expires: 3600", "Expires: 0120")
    assert message.get("To") == "<sip:2001@198.51.100.10>"
    assert message.get_lines("Contact") == [CONTACT] and message.get_lines("Content-Type") == []
    assert (message.cseq, message.expires, message.via.host) == ((101, "REGISTER"), 120, "203.0.113.7")
    assert changed("Expires: 3600\r\n", "").expires is None
    assert message.via is message.via
    assert is_usual(message)


def test_its_headers_are_those_of_any_other_request():
    message = changed("", "")
    assert message.get("User-Agent") == "anything; goes, here"
    assert message.get("Subject") is None
    assert not is_usual(message)
    split = sip.SipRequest(message.method, message.uri, list(message.headers))
    assert message.encode() == split.encode() == REGISTER.encode()
    for view in ("via", "cseq", "expires", "call_id", "to", "contacts"):
        assert getattr(message, view) == getattr(split, view) == getattr(changed("", ""), view)
    assert message.echoed() == split.echoed() == changed("", "").echoed()
    assert message.get_lines("To") == split.get_lines("To")


def test_a_change_of_its_headers_counts():
    message = changed("", "")
    message.set("CSeq", "102 REGISTER")
    message.replace_top_via(sip.parse_via("SIP/2.0/UDP 192.0.2.9"))
    assert (message.cseq.number, message.get("CSeq"), message.via.host) == (102, "102 REGISTER", "192.0.2.9")


def test_a_head_over_the_bound_is_left_to_the_rules():
    assert not is_usual(changed("anything; goes", "x" * 9000))


def test_a_response_can_be_usual():
    head = REGISTER.partition("\r\n")[2].partition("\r\n\r\n")[0]
    message = sip.parse_message(f"SIP/2.0 202 Accepted, then\r\n{head}\r\n\r\n".encode())
    assert isinstance(message, sip.SipResponse) and is_usual(message)
    sip.validate_response(message)
    assert (message.status, message.reason, message.cseq) == (202, "Accepted, then", (101, "REGISTER"))
    assert (message.via.branch, message.to.uri) == ("z9hG4bK1f00a1b2", "sip:2001@198.51.100.10")
    assert message.get("Expires") == "3600" and is_usual(message)
    assert message.headers.get("Contact") == CONTACT
    assert message.to.uri == "sip:2001@198.51.100.10" and not is_usual(message)


@pytest.mark.parametrize("line", ["SIP/2.0 20 OK", "SIP/2.0 700 Odd", "sip/2.0 200 OK", "SIP/2.0 200"])
def test_a_response_with_an_odd_status_line_is_not(line):
    head = REGISTER.partition("\r\n")[2]
    try:
        assert not is_usual(sip.parse_message(f"{line}\r\n{head}".encode()))
    except SipUnparsable:
        pass
