"""Splitting bytes into messages."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid, SipUnparsable
from emcc_emu.wire import sip
from emcc_emu.wire.sip_parse import MAX_HEADER_LINES, MAX_LINE_CHARS


def request_of(data: bytes) -> sip.SipRequest:
    message = sip.parse_message(data)
    assert isinstance(message, sip.SipRequest)
    return message


def test_request():
    request = request_of(b"OPTIONS sip:a@b SIP/2.0\r\nv:  SIP/2.0/UDP h \r\nX-A:b\r\n\r\nrest")
    assert (request.method, request.uri, request.version, request.body) == ("OPTIONS", "sip:a@b", "SIP/2.0", b"rest")
    assert list(request.headers) == [("v", "SIP/2.0/UDP h"), ("X-A", "b")]
    assert request.defects == ()


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        (b"SIP/2.0 200 OK", 200, "OK"),
        (b"sip/2.0 100 ", 100, ""),
        (b"SIP/2.0 486", 486, ""),
        (b"SIP/2.0 183 a  b ", 183, "a  b "),
    ],
)
def test_response(line, status, reason):
    response = sip.parse_message(line + b"\r\n\r\n")
    assert isinstance(response, sip.SipResponse)
    assert (response.status, response.reason) == (status, reason)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SIP/2.0 99 x\r\n\r\n",
        b"SIP/3.0 200 OK\r\n\r\n",
        b"SIP/2.0 700 x\r\n\r\n",
        b"SIP/2.0 2000 x\r\n\r\n",
        b" SIP/2.0\r\n\r\n",
        b"A" * 9000 + b" sip:a SIP/2.0\r\n\r\n",
    ],
)
def test_what_is_not_sip_cannot_be_parsed(data):
    with pytest.raises(SipUnparsable):
        sip.parse_message(data)


def test_leading_line_breaks_are_skipped():
    assert request_of(b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\n\r\n").method == "OPTIONS"


def test_folded_lines_become_one():
    request = request_of(b"OPTIONS sip:a SIP/2.0\r\nSubject: one\r\n  two\r\n\tthree\r\nTo:\r\n <sip:b>\r\n\r\n")
    assert list(request.headers) == [("Subject", "one two three"), ("To", "<sip:b>")]


def test_body_is_cut_to_content_length():
    assert request_of(b"A sip:a SIP/2.0\r\nl: 3\r\n\r\nabcdef").body == b"abc"
    assert request_of(b"A sip:a SIP/2.0\r\nl: 9\r\n\r\nabcdef").body == b"abcdef"
    assert request_of(b"A sip:a SIP/2.0\r\nl: -3\r\n\r\nabcdef").body == b"abcdef"


@pytest.mark.parametrize(
    ("data", "defect"),
    [
        (b"A sip:a SIP/2.0\r\nX: y\r\n", "empty line"),
        (b"A sip:a SIP/2.0\r\nX: y\nZ: a\r\n\r\n", "other than CRLF"),
        (b"A sip:a SIP/2.0\r\nX: y\rZ: a\r\n\r\n", "other than CRLF"),
        (b"A sip:a SIP/2.0\r\nno colon\r\n\r\n", "Bad header line"),
        (b"A sip:a SIP/2.0\r\nX Y: z\r\n\r\n", "Bad header line"),
        (b"A sip:a SIP/2.0\r\n: z\r\n\r\n", "Bad header line"),
        (b"A sip:a SIP/2.0\r\n folded: z\r\n\r\n", "before the first header"),
        (b"A sip:a SIP/2.0\r\n" + b"X: y\r\n" * (MAX_HEADER_LINES + 1) + b"\r\n", "header lines"),
        (b"A sip:a SIP/2.0\r\nX: " + b"y" * MAX_LINE_CHARS + b"\r\n\r\n", "longer than"),
        (b"A  sip:a  SIP/2.0\r\n\r\n", "white space"),
        (b"A sip:a SIP/2.0 \r\n\r\n", "white space"),
        (b"A\tsip:a\tSIP/2.0\r\n\r\n", "white space"),
        (b"A sip:a; lr SIP/2.0\r\n\r\n", "white space"),
        (b"A SIP/2.0\r\n\r\n", "request line"),
        (b"INVITESIP/2.0\r\n\r\n", "request line"),
        (b"A sip:a SIP/2\r\n\r\n", "request line"),
    ],
)
def test_oddities_are_listed_so_that_a_400_can_be_sent(data, defect):
    assert defect in request_of(data).defects[0]


def test_bare_line_breaks_cannot_smuggle_a_header():
    request = request_of(b"A sip:a SIP/2.0\r\nX: y\nRoute: <sip:z>\r\n\r\n")
    assert "Route" not in request.headers
    assert b"\nRoute" not in request.encode()


def test_lines_over_the_bounds_are_not_kept():
    request = request_of(b"A sip:a SIP/2.0\r\n" + b"X: y\r\n" * 1000 + b"\r\n")
    assert len(request.headers) == MAX_HEADER_LINES
    assert len(request_of(b"A sip:a SIP/2.0\r\nX: " + b"y" * 9000 + b"\r\nTo: b\r\n\r\n").headers) == 1


def test_other_version_is_kept_for_the_505():
    request = request_of(b"A sip:a sip/7.0\r\n\r\n")
    assert (request.version, request.defects) == ("SIP/7.0", ())


@pytest.mark.parametrize(
    "datagram", [b"", b"\r\n\r\n", b"\x00\x00\x00\x00", b"jaK", b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"x" * 12]
)
def test_keepalives(datagram):
    assert sip.is_keepalive(datagram)


@pytest.mark.parametrize(
    "datagram",
    [
        b"OPTIONS sip:a SIP/2.0\r\n\r\n",
        b"\r\nOPTIONS sip:a SIP/2.0\r\n\r\n",
        b"jaKx",
        b"\x00\x01abcdefgh",
        b"!x y SIP/2.0",
    ],
)
def test_messages_are_no_keepalives(datagram):
    assert not sip.is_keepalive(datagram)


WORDS = (
    'INVITE|SIP/2.0| |sip:a@b|\r\n|\n|\r|\t|:|Via|v|To|CSeq|l|5|,|;|<|>|"|\\|\x00|200|Content-Length|'
    "SIP/2.0/UDP h|1 INVITE|\r\n\r\n|tag=|%|ä"
).encode()
PIECES = st.lists(st.sampled_from([*WORDS.split(b"|"), b"\xff"]), max_size=40).map(b"".join)


def _look_at_everything(message: sip.SipRequest | sip.SipResponse) -> None:
    if isinstance(message, sip.SipRequest):
        sip.validate_request(message)
    else:
        sip.validate_response(message)
    for view in ("via", "vias", "cseq", "from_", "to", "call_id", "contacts", "routes", "expires", "max_forwards"):
        getattr(message, view)


@settings(max_examples=400)
@given(st.one_of(PIECES, st.binary(max_size=200), PIECES.map(lambda rest: b"INVITE sip:a@b SIP/2.0\r\n" + rest)))
@example(b"SIP/2.0 200 \r\n\r\n")
@example(b"A  SIP/2.0 SIP/2.0\r\n\r\n")
def test_parse_gives_a_message_or_our_error_and_encoding_is_stable(data):
    try:
        message = sip.parse_message(data)
    except SipUnparsable:
        return
    once = message.encode()
    assert sip.parse_message(once).encode() == once
    try:
        _look_at_everything(message)
    except (SipInvalid, SipUnparsable):
        pass
