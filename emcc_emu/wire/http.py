"""HTTP/1.1 messages: bytes to dataclasses and back, bounded, without sockets (RFC 9112).

`RequestReader` and `ResponseReader` take bytes as they arrive and give whole messages; a client, a proxy and a tap
beside a server use the same ones. Bodies come by Content-Length, chunked, or until the connection closes.
"""

from __future__ import annotations

from emcc_emu.wire.http_head import (
    MAX_HEADERS,
    Headers,
    HttpInvalid,
    HttpRequest,
    HttpResponse,
    build_request,
    build_response,
    content_length,
    find_header,
    parse_request_head,
    parse_response_head,
)

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_HEADERS",
    "MAX_HEAD_BYTES",
    "Headers",
    "HttpInvalid",
    "HttpRequest",
    "HttpResponse",
    "RequestReader",
    "ResponseReader",
    "build_request",
    "build_response",
    "find_header",
]

MAX_HEAD_BYTES = 32 * 1024
"""Longest start line and header together."""

MAX_BODY_BYTES = 1024 * 1024
"""Longest body unless the caller sets another bound."""

_MAX_CHUNK_LINE_BYTES = 256
_BODYLESS_STATUSES = (204, 304)


class _MessageReader:
    """Cuts a stream into a head and a body, message after message."""

    __slots__ = ("_body", "_buffer", "_head", "_is_chunked", "_is_trailer", "_max_body_bytes", "_missing", "_scanned")

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        self._max_body_bytes = max_body_bytes
        self._buffer = bytearray()
        self._scanned = 0
        self._head: HttpRequest | HttpResponse | None = None
        self._body = bytearray()
        self._is_chunked = False
        self._is_trailer = False
        self._missing: int | None = 0

    @property
    def is_idle(self) -> bool:
        """Whether the stream stands between two messages."""
        return self._head is None and not self._buffer

    def _take_head(self) -> bytes | None:
        """The bytes up to the blank line, once they are there."""
        buffer = self._buffer
        while buffer[:2] == b"\r\n" and not self._scanned:  # RFC 9112 section 2.2: ignore blank lines in front
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n", self._scanned)
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise HttpInvalid(f"head is longer than {MAX_HEAD_BYTES} bytes")
            self._scanned = max(0, len(buffer) - 3)
            return None
        if end > MAX_HEAD_BYTES:
            raise HttpInvalid(f"head is longer than {MAX_HEAD_BYTES} bytes")
        head = bytes(buffer[:end])
        del buffer[: end + 4]
        self._scanned = 0
        return head

    def _begin_body(self, headers: Headers, *, may_end_by_close: bool) -> None:
        """Find out how the body is delimited, RFC 9112 section 6.3."""
        self._is_chunked = self._is_trailer = False
        coding = find_header(headers, "transfer-encoding")
        if coding is not None:
            if coding.strip().lower() != "chunked" or find_header(headers, "content-length") is not None:
                raise HttpInvalid(f"transfer coding {coding[:32]!r} cannot be framed")
            self._is_chunked = True
            self._missing = 0
            return
        length = content_length(headers)
        if length is None:
            self._missing = None if may_end_by_close else 0
            return
        if length > self._max_body_bytes:
            raise HttpInvalid(f"body of {length} bytes is longer than {self._max_body_bytes}")
        self._missing = length

    def _read_body(self) -> bool:
        """Move what belongs to the body out of the buffer; True when the body is complete."""
        if self._is_chunked:
            return self._read_chunks()
        buffer = self._buffer
        if self._missing is None:
            self._append_body(len(buffer))
            return False
        take = min(self._missing, len(buffer))
        self._append_body(take)
        self._missing -= take
        return self._missing == 0

    def _append_body(self, take: int) -> None:
        if len(self._body) + take > self._max_body_bytes:
            raise HttpInvalid(f"body is longer than {self._max_body_bytes} bytes")
        self._body += self._buffer[:take]
        del self._buffer[:take]

    def _read_chunks(self) -> bool:
        while True:
            if self._is_trailer:
                return self._read_trailer()
            if self._missing:
                take = min(self._missing, len(self._buffer))
                self._append_body(take)
                self._missing -= take
                if self._missing:
                    return False
                self._missing = -2  # the line break behind the chunk
            if self._missing == -2:
                if len(self._buffer) < 2:
                    return False
                if self._buffer[:2] != b"\r\n":
                    raise HttpInvalid("chunk is longer than it says")
                del self._buffer[:2]
                self._missing = 0
            line = self._take_line()
            if line is None:
                return False
            self._missing = _chunk_size(line)
            self._is_trailer = self._missing == 0

    def _read_trailer(self) -> bool:
        """Skip trailer fields up to the blank line."""
        while (line := self._take_line()) is not None:
            if not line:
                return True
            self._scanned += 1
            if self._scanned > MAX_HEADERS:
                raise HttpInvalid(f"more than {MAX_HEADERS} trailer fields")
        return False

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        if end > _MAX_CHUNK_LINE_BYTES or (end < 0 and len(self._buffer) > _MAX_CHUNK_LINE_BYTES):
            raise HttpInvalid("chunk line is too long")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line

    def _take_body(self) -> bytes:
        body = bytes(self._body)
        self._body.clear()
        self._head = None
        self._scanned = 0
        return body


class RequestReader(_MessageReader):
    """Reads the requests of one connection.

    Args:
        max_body_bytes: Longest body accepted.
    """

    __slots__ = ()

    def feed(self, data: bytes) -> list[HttpRequest]:
        """Take bytes as they arrived and return the requests that they complete.

        Raises:
            HttpInvalid: The stream cannot be framed any more.
        """
        self._buffer += data
        done: list[HttpRequest] = []
        while True:
            request = self._head
            if request is None:
                head = self._take_head()
                if head is None:
                    return done
                request = self._head = parse_request_head(head)
                self._begin_body(request.headers, may_end_by_close=False)
            assert isinstance(request, HttpRequest)
            if not self._read_body():
                return done
            request.body = self._take_body()
            done.append(request)


class ResponseReader(_MessageReader):
    """Reads the responses of one connection.

    A response to HEAD has no body whatever its header says, so the reader must be told: call `expect` once per request
    sent, in order. Without any `expect` every request is taken for one whose response may have a body.

    Args:
        max_body_bytes: Longest body accepted.
    """

    __slots__ = ("_methods",)

    def __init__(self, *, max_body_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(max_body_bytes=max_body_bytes)
        self._methods: list[str] = []

    def expect(self, method: str) -> None:
        """Announce the method of the next request that will be answered."""
        self._methods.append(method)

    def feed(self, data: bytes) -> list[HttpResponse]:
        """Take bytes as they arrived and return the responses that they complete; 1xx ones are skipped.

        Raises:
            HttpInvalid: The stream cannot be framed any more.
        """
        self._buffer += data
        done: list[HttpResponse] = []
        while True:
            response = self._head
            if response is None:
                head = self._take_head()
                if head is None:
                    return done
                response = parse_response_head(head)
                if response.status < 200:
                    continue
                self._head = response
                self._begin_response_body(response)
            assert isinstance(response, HttpResponse)
            if not self._read_body():
                return done
            response.body = self._take_body()
            done.append(response)

    def feed_end(self) -> HttpResponse | None:
        """Tell that the connection was closed; returns the response whose body ended with it, if any.

        Raises:
            HttpInvalid: The connection was closed in the middle of a response.
        """
        response = self._head
        if response is None and not self._buffer:
            return None
        if not isinstance(response, HttpResponse) or self._is_chunked or self._missing is not None:
            raise HttpInvalid("connection was closed in the middle of a response")
        response.ends_by_close = True
        response.body = self._take_body()
        return response

    def _begin_response_body(self, response: HttpResponse) -> None:
        method = self._methods.pop(0) if self._methods else "GET"
        if method == "HEAD" or response.status in _BODYLESS_STATUSES:
            self._is_chunked = False
            self._missing = 0
        else:
            self._begin_body(response.headers, may_end_by_close=True)


def _chunk_size(line: bytes) -> int:
    text = line.partition(b";")[0].strip(b" \t")
    if not text or len(text) > 8 or not all(digit in b"0123456789abcdefABCDEF" for digit in text):
        raise HttpInvalid(f"chunk size {text[:16]!r}")
    return int(text, 16)
