"""Requests, responses and their builders."""

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sip
from emcc_emu.wire.sip_message import SipMessage

OPTIONS = (
    b"OPTIONS sip:203.0.113.10:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/TCP 198.51.100.10:5060;branch=z9hG4bK1300ab12cd\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.20;branch=z9hG4bKb, SIP/2.0/UDP 198.51.100.30;branch=z9hG4bKc\r\n"
    b"From: <sip:198.51.100.10>;tag=305419896\r\n"
    b"To: <sip:203.0.113.10>\r\n"
    b"Date: Thu, 01 Jan 2026 00:01:00 GMT\r\n"
    b"Call-ID: a1b3d900-0f00aa4d-13-0a6433c6@198.51.100.10\r\n"
    b"User-Agent: Cisco-CUCM14.0\r\n"
    b"CSeq: 101 OPTIONS\r\n"
    b"Contact: <sip:198.51.100.10:5060;transport=tcp>\r\n"
    b"Max-Forwards: 0\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def options() -> sip.SipRequest:
    message = sip.parse_message(OPTIONS)
    assert isinstance(message, sip.SipRequest)
    return message


def request(*lines: tuple[str, str], body: bytes = b"") -> sip.SipRequest:
    return sip.SipRequest("INVITE", "sip:3333@192.0.2.1", lines, body)


def test_request_is_written_as_it_was_read():
    assert options().encode() == OPTIONS


def test_views():
    message = options()
    assert message.via is message.via
    assert [via.host for via in message.vias] == ["198.51.100.10", "198.51.100.20", "198.51.100.30"]
    assert message.cseq == (101, "OPTIONS")
    assert (message.from_.tag, message.to.tag) == ("305419896", None)
    assert message.call_id == "a1b3d900-0f00aa4d-13-0a6433c6@198.51.100.10"
    assert [contact.uri for contact in message.contacts] == ["sip:198.51.100.10:5060;transport=tcp"]
    assert (message.max_forwards, message.expires, message.content_length) == (0, None, 0)
    assert (message.content_type, message.require, message.supported) == (None, [], [])
    assert (message.routes, message.record_routes) == ([], [])


def test_top_via_of_a_line_with_several():
    assert request(("Via", "SIP/2.0/UDP a;branch=1, SIP/2.0/UDP b")).via.host == "a"


def test_more_views():
    message = request(
        ("Route", "<sip:a;lr>, <sip:b;lr>"),
        ("Record-Route", "<sip:c;lr>"),
        ("Require", "100rel"),
        ("Supported", "timer"),
        ("Supported", "Replaces"),
        ("Expires", "99999999999"),
        ("Content-Type", "Multipart / Mixed ; boundary=x"),
    )
    assert [route.uri for route in message.routes] == ["sip:a;lr", "sip:b;lr"]
    assert [route.uri for route in message.record_routes] == ["sip:c;lr"]
    assert message.expires == 2**32 - 1
    assert message.content_type == "multipart/mixed"
    assert message.content_length is None and message.max_forwards is None
    assert message.supports("replaces") and message.supports("100REL") and not message.supports("path")


@pytest.mark.parametrize("view", ["via", "cseq", "from_", "to", "call_id"])
def test_views_of_missing_mandatory_fields_raise_400(view):
    with pytest.raises(SipInvalid, match="Missing") as refused:
        getattr(request(), view)
    assert refused.value.status == 400


def test_conflicting_lengths_raise_400():
    with pytest.raises(SipInvalid, match="Conflicting"):
        _ = request(("Content-Length", "1"), ("l", "2")).content_length


def test_changing_a_header_changes_the_view():
    message = options()
    assert message.cseq.number == 101
    message.set("CSeq", "102 OPTIONS")
    message.add("X-Test", "1")
    message.remove("User-Agent")
    assert message.cseq.number == 102
    assert message.get("X-Test") == "1"
    assert message.get_all("User-Agent") == []


def test_content_length_is_always_right():
    assert request(body=b"abc").encode().endswith(b"Content-Length: 3\r\n\r\nabc")
    twice = request(("Content-Length", "9"), ("X", "1"), ("l", "8"), body=b"abc")
    assert twice.encode() == b"INVITE sip:3333@192.0.2.1 SIP/2.0\r\nContent-Length: 3\r\nX: 1\r\n\r\nabc"


def test_body_is_set_with_its_type():
    message = request()
    message.set_body("application/sdp", b"v=0\r\n")
    assert b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n" in message.encode()


def test_start_line_cannot_hold_a_line_break():
    with pytest.raises(ValueError):
        sip.SipResponse(200, "OK\r\nX: y").encode()


def test_bytes_that_are_not_utf8_survive():
    data = OPTIONS.replace(b"Cisco-CUCM14.0", b"\xff\xfeCUCM\xc3\xa9")
    assert sip.parse_message(data).encode() == data


def test_copies_are_independent():
    first = options()
    second = first.copy()
    second.set("To", "<sip:x@y>")
    assert first.encode() == OPTIONS
    response = sip.SipResponse(200, None, [("X", "1")], b"b")
    assert response.copy().encode() == response.encode()


def test_repr_names_the_message_without_its_headers():
    assert repr(options()) == "<SipRequest OPTIONS 'sip:203.0.113.10:5060'>"
    assert repr(sip.SipResponse(404)) == "<SipResponse 404 'Not Found'>"


def test_base_class_has_no_start_line():
    with pytest.raises(NotImplementedError):
        _ = SipMessage().start_line


# -- source address -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP 192.0.2.9;branch=z", "SIP/2.0/UDP 192.0.2.9;branch=z"),
        ("SIP/2.0/UDP host.example.test;branch=z", "SIP/2.0/UDP host.example.test;branch=z;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;rport;branch=z", "SIP/2.0/UDP 192.0.2.9;rport=40000;branch=z;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;rport=1;branch=z", "SIP/2.0/UDP 192.0.2.9;rport=1;branch=z"),
        ("SIP/2.0/UDP a;branch=z, SIP/2.0/UDP b", "SIP/2.0/UDP a;branch=z;received=192.0.2.9, SIP/2.0/UDP b"),
    ],
)
def test_source_is_noted_in_the_top_via(via, expected):
    message = request(("Via", via))
    message.note_source("192.0.2.9", 40000)
    assert message.get("Via") == expected


# -- responses ------------------------------------------------------------------------------------------------------


def test_response_copies_what_rfc_3261_says():
    response = sip.build_response(options(), 200, to_tag="1010203040", headers=[("Server", "Cisco-CUCM14.0")])
    assert response.encode() == (
        b"SIP/2.0 200 OK\r\n"
        b"Via: SIP/2.0/TCP 198.51.100.10:5060;branch=z9hG4bK1300ab12cd\r\n"
        b"Via: SIP/2.0/UDP 198.51.100.20;branch=z9hG4bKb, SIP/2.0/UDP 198.51.100.30;branch=z9hG4bKc\r\n"
        b"From: <sip:198.51.100.10>;tag=305419896\r\n"
        b"To: <sip:203.0.113.10>;tag=1010203040\r\n"
        b"Call-ID: a1b3d900-0f00aa4d-13-0a6433c6@198.51.100.10\r\n"
        b"CSeq: 101 OPTIONS\r\n"
        b"Server: Cisco-CUCM14.0\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("<sip:a@b>;tag=x", "<sip:a@b>;tag=x"),
        ("<sip:a@b>; Tag = x", "<sip:a@b>; Tag = x"),
        ("<sip:a@b;tag=x>", "<sip:a@b;tag=x>;tag=new"),
        ("<sip:a@b>;stage=1", "<sip:a@b>;stage=1;tag=new"),
        ('"open <sip:a@b>;tag=1', '"open <sip:a@b>;tag=1'),
    ],
)
def test_to_tag_is_added_once(to, expected):
    assert sip.build_response(request(("To", to)), 200, to_tag="new").get("To") == expected


def test_trying_has_no_tag_and_copies_timestamp():
    response = sip.build_response(request(("To", "<sip:a@b>"), ("Timestamp", "54")), 100)
    assert list(response.headers) == [("To", "<sip:a@b>"), ("Timestamp", "54")]
    assert sip.build_response(request(("Timestamp", "54")), 180).get("Timestamp") is None


def test_missing_fields_are_left_out():
    assert list(sip.build_response(request(("v", "SIP/2.0/UDP a")), 400).headers) == [("Via", "SIP/2.0/UDP a")]


def test_response_with_body():
    response = sip.build_response(request(), 200, "Fine", headers=[("Content-Type", "text/plain")], body=b"x")
    assert response.encode() == b"SIP/2.0 200 Fine\r\nContent-Type: text/plain\r\nContent-Length: 1\r\n\r\nx"


def test_error_response_says_what_is_wrong():
    wrong = SipInvalid("Missing CSeq")
    assert sip.build_error_response(options(), wrong, to_tag="1").start_line == "SIP/2.0 400 Bad Request - Missing CSeq"
    extension = sip.build_error_response(options(), SipInvalid("x", 420, (("Unsupported", "a"),)))
    assert (extension.start_line, extension.get("Unsupported")) == ("SIP/2.0 420 Bad Extension", "a")


def test_written_response_goes_out_as_it_is():
    written = sip.WrittenResponse(200, b"SIP/2.0 200 OK\r\n\r\n")
    assert (written.status, written.encode()) == (200, b"SIP/2.0 200 OK\r\n\r\n")
