"""Heads of HTTP/1.1 messages (RFC 9112)."""

import pytest

from emcc_emu.wire.http import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    HttpInvalid,
    HttpResponse,
    RequestReader,
    ResponseReader,
    build_request,
    build_response,
    find_header,
)


def test_writes_a_request():
    assert build_request("POST", "/a?b=c", "192.0.2.10:8443", headers=[("X", "y")], body=b"xml=1") == (
        b"POST /a?b=c HTTP/1.1\r\nHost: 192.0.2.10:8443\r\nX: y\r\nContent-Length: 5\r\n\r\nxml=1"
    )
    assert build_request("GET", "/", "h") == b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    assert b"Content-Length: 0\r\n" in build_request("POST", "/", "h")


def test_writes_a_response():
    assert build_response(200, "OK", headers=[("Content-Type", "text/xml")], body=b"<a/>") == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>"
    )


@pytest.mark.parametrize("bad", ["a\r\nb: c", "a\nb", "a\x00", "a\rb"])
def test_never_writes_a_line_break_into_a_head(bad):
    with pytest.raises(ValueError, match="control character"):
        build_request("GET", "/", "h", headers=[("X", bad)])
    with pytest.raises(ValueError, match="control character"):
        build_request("GET", bad, "h")
    with pytest.raises(ValueError, match="control character"):
        build_response(200, bad)


def test_a_tab_in_a_header_is_no_line_break():
    assert b"X: a\tb\r\n" in build_request("GET", "/", "h", headers=[("X", "a\tb")])


@pytest.mark.parametrize(
    ("version", "header", "stays_open"),
    [
        ("1.1", "X: y", True),
        ("1.1", "Connection: Close", False),
        ("1.1", "Connection: te, close", False),
        ("1.0", "X: y", False),
        ("1.0", "connection: Keep-Alive", True),
    ],
)
def test_knows_whether_the_connection_stays_open(version, header, stays_open):
    (request,) = RequestReader().feed(f"GET / HTTP/{version}\r\n{header}\r\n\r\n".encode())
    (response,) = ResponseReader().feed(f"HTTP/{version} 200 OK\r\n{header}\r\nContent-Length: 0\r\n\r\n".encode())
    assert request.stays_open is stays_open
    assert response.stays_open is stays_open


def test_finds_headers_without_regard_to_case():
    (request,) = RequestReader().feed(b"GET / HTTP/1.1\r\nx-ciscoIPPhoneModelName:  CP-7821 \r\nX: 1\r\nx: 2\r\n\r\n")
    assert request.get("X-CiscoIPPhoneModelName") == "CP-7821"
    assert find_header(request.headers, "x") == "1"
    assert request.get("Via") is None
    assert HttpResponse(200, "OK", [("Via", "p")]).get("via") == "p"


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"G T / HTTP/1.1\r\n\r\n",
        b"GE\xc3\xa4 / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : x\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: x\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: x\ny\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
    ],
)
def test_refuses_requests_that_cannot_be_framed(data):
    with pytest.raises(HttpInvalid):
        RequestReader().feed(data)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 020 OK\r\n\r\n",
        b"HTTP/3 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
    ],
)
def test_refuses_responses_that_cannot_be_framed(data):
    with pytest.raises(HttpInvalid):
        ResponseReader().feed(data)


def test_equal_lengths_are_one_length():
    (request,) = RequestReader().feed(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
    assert request.body == b"x"
