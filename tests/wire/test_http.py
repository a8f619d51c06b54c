"""HTTP/1.1 framing without sockets (RFC 9112)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.wire.http import (
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    HttpInvalid,
    HttpRequest,
    RequestReader,
    ResponseReader,
    build_request,
    build_response,
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


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES,
        b"GET / HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
def test_refuses_what_is_out_of_bounds_or_cannot_be_delimited(data):
    with pytest.raises(HttpInvalid):
        RequestReader().feed(data)
