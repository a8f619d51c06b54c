"""Which answer a request gets for breaking a rule. RFC 4475's own messages are in tests/torture."""

import dataclasses

import pytest

from emcc_emu.errors import SipInvalid, SipUnparsable
from emcc_emu.wire import sip

LINES = {
    "Via": "SIP/2.0/TCP 203.0.113.101:51001;branch=z9hG4bK1f00a1b2",
    "From": '"2222" <sip:2222@198.51.100.10>;tag=02aa-1',
    "To": "<sip:3333@198.51.100.10;user=phone>",
    "Call-ID": "02aa0000-00010003-1b2c3d4e-5f607182@203.0.113.101",
    "CSeq": "101 INVITE",
    "Max-Forwards": "70",
}


def request(
    method: str = "INVITE", uri: str = "sip:3333@198.51.100.10", body: bytes = b"", **changes: str | None
) -> sip.SipRequest:
    lines: dict[str, str | None] = {**LINES, "CSeq": f"101 {method}"}
    lines.update({name.replace("_", "-"): value for name, value in changes.items()})
    return sip.SipRequest(method, uri, [(name, value) for name, value in lines.items() if value is not None], body)


def refusal(message: sip.SipRequest, **options: object) -> SipInvalid:
    with pytest.raises(SipInvalid) as refused:
        sip.validate_request(message, **options)  # type: ignore[arg-type]
    return refused.value


def test_clean_request_passes():
    sip.validate_request(request())


def test_cisco_register_passes():
    contact = (
        '<sip:0f5a6e10-7777-4a1b-8c21-0a0b0c0d0e0f@203.0.113.101:51001;transport=tcp>;+sip.instance="<urn:uuid:00000000-'
        '0000-0000-0000-02aa00000001>";+u.sip!devicename.ccm.cisco.com="SEP02AA00000001";+u.sip!model.ccm.cisco.com="621"'
    )
    body = {"Content_Type": "multipart/mixed; boundary=uniqueBoundary", "Content_Length": "2"}
    sip.validate_request(request("REGISTER", "sip:198.51.100.10", b"--", Contact=contact, **body), stream=True)


@pytest.mark.parametrize("name", ["From", "To", "Call_ID", "CSeq"])
@pytest.mark.parametrize("value", [None, ""])
def test_missing_mandatory_field(name, value):
    assert refusal(request(**{name: value})).status == 400


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Type", "Expires"])
def test_doubled_field(name):
    message = request(Expires="1", Content_Type="text/plain")
    message.headers.add(name, message.get(name) or "")
    assert "More than one" in refusal(message).reason


@pytest.mark.parametrize("via", [None, "", "garbage", "SIP/2.0/UDP"])
def test_request_without_usable_via_is_dropped(via):
    with pytest.raises(SipUnparsable):
        sip.validate_request(request(Via=via))


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/UDP a;;b=1",
        "SIP/2.0/UDP a;branch=x, SIP/2.0/UDP",
        "SIP/2.0/UDP a;b=c d",
        "SIP/2.0/UDP a;branch=z9hG4bK",
    ],
)
def test_bad_via_with_a_usable_top_is_answered(via):
    assert refusal(request(Via=via)).status == 400


def test_several_vias_are_fine():
    message = request(Via="SIP/2.0/UDP a;branch=x;rport, SIP/2.0/TLS [2001:db8::1]:5061;branch=y")
    message.headers.add("Via", "SIP/2.0/UDP c")
    sip.validate_request(message)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"From": "<sip:a@b>;;tag=1"}, 400),
        ({"From": "sip:a@b;=1"}, 400),
        ({"To": "<sip:a@b:99999>"}, 400),
        ({"To": "<nothing>"}, 400),
        ({"Call_ID": "a b"}, 400),
        ({"CSeq": "101 BYE"}, 400),
        ({"CSeq": "2147483648 INVITE"}, 400),
        ({"Max_Forwards": "256"}, 400),
        ({"Max_Forwards": "x"}, 400),
        ({"Expires": "soon"}, 400),
        ({"Contact": '"Joe" <sip:joe@example.org>;;;;'}, 400),
        ({"Contact": "<sip:a@b>, *"}, 400),
        ({"Contact": "*"}, 400),
        ({"Route": "<sip:a;lr>;x=<"}, 400),
        ({"Record_Route": "garbage"}, 400),
        ({"Content_Length": "1"}, 400),
        ({"Content_Length": "x"}, 400),
        ({"Require": "100rel, nothing", "Proxy_Require": "gap"}, 420),
        ({"Accept": "text/plain"}, 406),
    ],
)
def test_rule_and_answer(change, status):
    assert refusal(request(**change)).status == status


@pytest.mark.parametrize(
    "change",
    [
        {"From": "<http://www.example.test>;tag=1"},
        {"To": "isbn:2983792873"},
        {"From": "tel:+15551000;tag=1"},
        {"From": 'Anna "'.replace(' "', "") + " <sip:a@b>;tag=x;epid=SEP"},
        {"Contact": "sip:2222@192.0.2.1:5062;ob"},
        {"Contact": '<sip:a@b>;reg-id=1;+sip.instance="<urn:uuid:1>", <sip:c@d>;q=0.5'},
        {"Expires": "99999999999"},
        {"Max_Forwards": "0"},
        {"Max_Forwards": None},
        {"Require": "100rel, Replaces"},
        {"Accept": "text/plain, application/SDP;level=1"},
        {"Date": "yesterday"},
    ],
)
def test_what_is_allowed(change):
    sip.validate_request(request(**change))


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sip:a@b?Route=x", None),
        ("sip:a@b?Route=%3Csip:c%3E", 400),
        ("sip:a@b:70000", 400),
        ("a@b", 400),
        ("http://a", 416),
        ("urn:service:sos", 416),
        ("tel:+15551000", None),
        ("sips:a@[2001:db8::1];transport=tls", None),
        ("SIP:a@b", None),
    ],
)
def test_request_uri(uri, status):
    if status is None and "?" not in uri:
        sip.validate_request(request(uri=uri))
    else:
        assert refusal(request(uri=uri)).status == (status or 400)


def test_methods():
    unknown, foreign = refusal(request("JUMP")), refusal(request("MESSAGE"))
    assert (unknown.status, foreign.status) == (501, 405)
    assert unknown.headers == foreign.headers == (("Allow", sip.CUCM_ALLOW),)


def test_version():
    message = request()
    message.version = "SIP/3.0"
    assert refusal(message).status == 505


def test_parser_defects_are_answered():
    message = request()
    message.defects = ("Bad header line 'x'",)
    assert refusal(message).reason == "Bad header line 'x'"


def test_ack_is_never_answered():
    with pytest.raises(SipUnparsable, match="ACK"):
        sip.validate_request(request("ACK", CSeq="101 INVITE"))
    sip.validate_request(request("ACK", Require="nothing"))
    sip.validate_request(request("CANCEL", Require="nothing"))


def test_unsupported_lists_every_option():
    assert refusal(request(Require="a, 100rel", Proxy_Require="b")).headers == (("Unsupported", "a, b"),)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"Content_Type": "application/sdp"}, None),
        ({"Content_Type": "Application/SDP; charset=utf-8"}, None),
        ({"Content_Type": "application/unknown"}, 415),
        ({"Content_Type": "application/unknown", "Content_Disposition": "session; Handling=optional"}, None),
        ({"Content_Type": "application/unknown", "Content_Disposition": "session;handling=required"}, 415),
        ({"Content_Type": "application/sdp", "Content_Encoding": "identity"}, None),
        ({"Content_Type": "application/sdp", "Content_Encoding": "gzip"}, 415),
        ({}, 400),
    ],
)
def test_bodies(change, status):
    message = request(body=b"v=0\r\n", **change)
    if status is None:
        sip.validate_request(message)
    else:
        assert refusal(message).status == status


def test_long_body():
    policy = dataclasses.replace(sip.CUCM_POLICY, max_body_bytes=4)
    assert refusal(request(body=b"12345", Content_Type="text/plain"), policy=policy).status == 413


def test_content_length_on_a_stream():
    assert refusal(request(Content_Type="text/plain"), stream=True).reason == "Missing Content-Length"
    sip.validate_request(request(), stream=True)
    assert refusal(request(Content_Length="70000"), stream=True).status == 513
    assert refusal(request(Content_Length="70000")).status == 400


def test_wildcard_contact_where_it_is_allowed():
    policy = dataclasses.replace(sip.CUCM_POLICY, accepts_wildcard_contact=True)
    sip.validate_request(request("REGISTER", Contact="*"), policy=policy)
    assert refusal(request("INVITE", Contact="*"), policy=policy).status == 400


def response(**changes: str) -> sip.SipResponse:
    return sip.SipResponse(
        200, None, [(name, changes.get(name.replace("-", "_"), value)) for name, value in LINES.items()]
    )


def test_clean_response_passes():
    sip.validate_response(response())


@pytest.mark.parametrize("change", [{"Via": "SIP/2.0/UDP a, SIP/2.0/UDP b"}, {"CSeq": "x"}, {"Via": ""}, {"From": "<"}])
def test_bad_response_is_dropped(change):
    with pytest.raises(SipUnparsable):
        sip.validate_response(response(**change))


def test_response_with_defects_is_dropped():
    message = response()
    message.defects = ("Bad header line",)
    with pytest.raises(SipUnparsable):
        sip.validate_response(message)
