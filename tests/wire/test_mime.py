"""Multipart bodies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.mime import MAX_PARTS, Part, build_multipart, find_part, multipart_type, parse_multipart, split_body

PARTS = [
    Part("application/sdp", b"v=0\r\n", (("Content-Disposition", "session;handling=required"),)),
    Part("application/pidf+xml; charset=utf-8", b"<presence>\n</presence>\n", (("Content-ID", "<a@b>"),)),
]
BODY = (
    b"--uniqueBoundary\r\nContent-Type: application/sdp\r\nContent-Disposition: session;handling=required\r\n\r\n"
    b"v=0\r\n\r\n"
    b"--uniqueBoundary\r\nContent-Type: application/pidf+xml; charset=utf-8\r\nContent-ID: <a@b>\r\n\r\n"
    b"<presence>\n</presence>\n\r\n--uniqueBoundary--\r\n"
)


def test_parts_are_written_and_read_byte_for_byte():
    assert build_multipart(PARTS) == BODY
    assert parse_multipart(multipart_type(), BODY) == PARTS


def test_part_headers():
    assert PARTS[1].media_type == "application/pidf+xml"
    assert (PARTS[1].content_id, PARTS[0].content_id) == ("a@b", None)
    assert PARTS[0].get("content-disposition") == "session;handling=required"
    assert find_part(PARTS, "Application/SDP") is PARTS[0]
    assert find_part(PARTS, "text/plain") is None


@pytest.mark.parametrize(
    ("content_type", "body", "contents"),
    [
        ('multipart/mixed;boundary="a b"', b"--a b\r\n\r\nx\r\n--a b--", [b"x"]),
        ("Multipart/Mixed; Boundary=b", b"preamble\r\n--b  \r\n\r\nx\r\n--b--\r\nepilogue", [b"x"]),
        ("multipart/mixed;boundary=b", b"--b\nContent-Type: a/b\n\nx\n--b\n\ny\n--b--\n", [b"x", b"y"]),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nnever ended", [b"never ended"]),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\n\r\n--b--", [b""]),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\n--bc\r\n--b--", [b"--bc"]),
        ("multipart/mixed;boundary=b", b"nothing", []),
        ("multipart/mixed;boundary=b", b"--b\r\n", []),
        ("multipart/mixed;boundary=b", b"--b--\r\n", []),
    ],
)
def test_what_senders_do(content_type, body, contents):
    assert [part.content for part in parse_multipart(content_type, body)] == contents


def test_folded_part_header_and_default_type():
    (part,) = parse_multipart("multipart/mixed;boundary=b", b"--b\r\nX: a;\r\n b=c\r\n\r\nz\r\n--b--")
    assert (part.content_type, part.get("x")) == ("text/plain", "a; b=c")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain", b""),
        ("multipart/mixed", b""),
        ("multipart/mixed;boundary=", b""),
        ('multipart/mixed;boundary=""', b""),
        ("multipart/mixed;boundary=" + "x" * 71, b""),
        ("multipart/mixed;boundary=b", b"--b\r\nContent-Type: a\r\n--b--"),
        ("multipart/mixed;boundary=b", b"--b\r\nno colon\r\n\r\nx\r\n--b--"),
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n" * (MAX_PARTS + 2)),
    ],
)
def test_malformed_bodies(content_type, body):
    with pytest.raises(SipInvalid) as refused:
        parse_multipart(content_type, body)
    assert refused.value.status == 400


def test_boundary_inside_a_part_is_refused():
    with pytest.raises(ValueError):
        build_multipart([Part("text/plain", b"--uniqueBoundary")])


def test_any_body_is_split():
    assert split_body("text/plain", b"") == []
    assert split_body(None, b"x") == [Part("", b"x")]
    assert split_body("text/plain", b"x") == [Part("text/plain", b"x")]
    assert split_body(" Multipart/Mixed;boundary=uniqueBoundary", BODY) == PARTS


@given(st.lists(st.binary(max_size=40).filter(lambda content: b"--uniqueBoundary" not in content), max_size=5))
def test_any_content_survives(contents):
    parts = [Part("a/b", content) for content in contents]
    assert parse_multipart(multipart_type(), build_multipart(parts)) == parts


@given(st.lists(st.sampled_from([b"--b", b"--", b"\r\n", b"\n", b"x: y", b" ", b"b"]), max_size=20).map(b"".join))
def test_any_body_parses_or_raises_our_error(body):
    try:
        parse_multipart("multipart/mixed;boundary=b", body)
    except SipInvalid:
        pass
