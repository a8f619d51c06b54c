"""HTTP/1.1 framing without sockets (RFC 9112)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.wire.http import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    HttpInvalid,
    HttpRequest,
    HttpResponse,
    RequestReader,
    ResponseReader,
    build_request,
    build_response,
    find_header,
)

CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"4\r\nWiki\r\n6;ext=1\r\npedia \r\nE\r\nin \r\n\r\nchunks.\r\n0\r\nTrailer: x\r\n\r\n"
)


def read_bytewise(reader, data):
    done = []
    for place in range(len(data)):
        done += reader.feed(data[place : place + 1])
    return done


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


@pytest.mark.parametrize("read", [lambda reader, data: reader.feed(data), read_bytewise])
def test_reads_requests_whole_and_byte_by_byte(read):
    data = b"\r\n" + build_request("POST", "/a", "h", body=b"12345") + build_request("GET", "/b", "h")
    reader = RequestReader()
    assert read(reader, data) == [
        HttpRequest("POST", "/a", [("Host", "h"), ("Content-Length", "5")], b"12345"),
        HttpRequest("GET", "/b", [("Host", "h")]),
    ]
    assert reader.is_idle


@pytest.mark.parametrize("read", [lambda reader, data: reader.feed(data), read_bytewise])
def test_reads_responses_whole_and_byte_by_byte(read):
    data = b"HTTP/1.1 100 Continue\r\n\r\n" + build_response(404, "Not Found", body=b"gone") + CHUNKED
    first, second = read(ResponseReader(), data)
    assert (first.status, first.reason, first.body) == (404, "Not Found", b"gone")
    assert (second.status, second.body) == (200, b"Wikipedia in \r\n\r\nchunks.")


def test_a_response_to_head_has_no_body():
    reader = ResponseReader()
    reader.expect("HEAD")
    reader.expect("GET")
    first, second = reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + build_response(200, "OK", body=b"x"))
    assert (first.body, second.body) == (b"", b"x")


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status):
    (response,) = ResponseReader().feed(f"HTTP/1.1 {status} x\r\n\r\n".encode())
    assert response.body == b""


def test_a_body_may_end_with_the_connection():
    reader = ResponseReader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nhel") == []
    assert reader.feed(b"lo") == []
    response = reader.feed_end()
    assert (response.body, response.ends_by_close, response.stays_open) == (b"hello", True, False)
    assert reader.feed_end() is None


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", CHUNKED[:60], b"HTTP/1.1 100 x\r\n\r\nH"],
)
def test_a_cut_response_is_noticed(data):
    reader = ResponseReader()
    reader.feed(data)
    with pytest.raises(HttpInvalid, match="in the middle"):
        reader.feed_end()


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


CHUNK_HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"\r\n",
        b"fffffffff\r\n",
        b"-1\r\n",
        b"2\r\nabc\r\n",
        b"1" * 300,
        b"1;" + b"x" * 300 + b"\r\n",
        b"0\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1),
        b"800\r\n" + b"x" * 0x800 + b"\r\n",
    ],
)
def test_refuses_chunks_that_cannot_be_framed(chunks):
    with pytest.raises(HttpInvalid):
        ResponseReader(max_body_bytes=1000).feed(CHUNK_HEAD + chunks)


def test_bounds_a_body_that_ends_with_the_connection():
    with pytest.raises(HttpInvalid, match="longer than 10"):
        ResponseReader(max_body_bytes=10).feed(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 11)


def test_equal_lengths_are_one_length():
    (request,) = RequestReader().feed(b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx")
    assert request.body == b"x"


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_reading_bytes_returns_or_raises_our_error(parts):
    for reader in (RequestReader(), ResponseReader()):
        try:
            for part in parts:
                reader.feed(part)
        except HttpInvalid:
            pass


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_body_survives_in_any_pieces(body, size):
    data = build_response(200, "OK", body=body)
    reader = ResponseReader()
    done = []
    for place in range(0, len(data), size):
        done += reader.feed(data[place : place + size])
    assert [response.body for response in done] == [body]
