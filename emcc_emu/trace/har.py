"""Writes the HTTP exchanges of a trace as HAR 1.2, for browsers' developer tools and HAR viewers.

Answers are paired with requests in the order of their connection; a request without an answer has status 0, as
browsers write it. Entries appear in the order in which they were completed.
"""

from __future__ import annotations

import base64
import datetime
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import Any, BinaryIO

import msgspec

from emcc_emu import __version__
from emcc_emu.trace.http_messages import HttpMessage, split_http, split_target
from emcc_emu.trace.record import Address, Record

__all__ = ["MAX_OPEN_EXCHANGES", "write_har"]

MAX_OPEN_EXCHANGES = 50_000
"""Connections with a request that waits for its answer; the oldest counts as unanswered when there are more."""

_Json = dict[str, Any]


def write_har(records: Iterable[Record], stream: BinaryIO) -> int:
    """Write the HTTP exchanges among the records; returns how many there were.

    Args:
        records: In the order of their times; other protocols are passed over.
        stream: Opened for writing bytes.
    """
    stream.write(b'{"log":{"version":"1.2","creator":' + _encode({"name": "emcc-emu", "version": __version__}))
    stream.write(b',"entries":[')
    count = 0
    for entry in _entries(records):
        stream.write(b",\n" if count else b"\n")
        stream.write(_encode(entry))
        count += 1
    stream.write(b"\n]}}\n")
    return count


def _encode(value: _Json) -> bytes:
    return msgspec.json.encode(value)


def _entries(records: Iterable[Record]) -> Iterable[_Json]:
    waiting: OrderedDict[tuple[Address, Address], deque[Record]] = OrderedDict()
    for record in records:
        if record.protocol != "http":
            continue
        key = (min(record.source, record.destination), max(record.source, record.destination))
        if not record.payload.startswith(b"HTTP/"):
            waiting.setdefault(key, deque()).append(record)
            if len(waiting) > MAX_OPEN_EXCHANGES:
                yield from (_entry(request, None) for request in waiting.popitem(last=False)[1])
        elif requests := waiting.get(key):
            yield _entry(requests.popleft(), record)
            if not requests:
                del waiting[key]
    for requests in waiting.values():
        yield from (_entry(request, None) for request in requests)


def _entry(request: Record, response: Record | None) -> _Json:
    started = datetime.datetime.fromtimestamp(request.time_ns / 1e9, datetime.UTC)
    wait_ms = (response.time_ns - request.time_ns) / 1e6 if response else 0.0
    return {
        "startedDateTime": started.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "time": wait_ms,
        "request": _request(request),
        "response": _response(response),
        "cache": {},
        "timings": {"send": 0, "wait": wait_ms, "receive": 0},
        "serverIPAddress": request.destination[0],
        "connection": request.connection,
        "comment": f"{request.source[0]}:{request.source[1]}, recorded by {request.recorder}",
    }


def _request(record: Record) -> _Json:
    message = split_http(record.payload)
    method, _, rest = message.start_line.partition(" ")
    target, _, version = rest.rpartition(" ")
    host = message.header("host") or f"{record.destination[0]}:{record.destination[1]}"
    url = target if "://" in target else f"{'https' if record.transport == 'tls' else 'http'}://{host}{target}"
    request = {
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": _pairs(message.header("cookie").split(";"), "="),
        "queryString": [{"name": name, "value": value} for name, value in split_target(target)[1].items()],
        **_head(record, message),
    }
    if message.body:
        request["postData"] = {"mimeType": message.header("content-type"), "text": message.body.decode("latin-1")}
    return request


def _response(record: Record | None) -> _Json:
    if record is None:
        empty = HttpMessage("", (), b"")
        return _response_of("", "0", "", empty, {"headers": [], "headersSize": -1, "bodySize": -1})
    message = split_http(record.payload)
    version, _, rest = message.start_line.partition(" ")
    status, _, reason = rest.partition(" ")
    return _response_of(version, status, reason, message, _head(record, message))


def _response_of(version: str, status: str, reason: str, message: HttpMessage, head: _Json) -> _Json:
    set_cookies = [value.partition(";")[0] for name, value in message.headers if name.lower() == "set-cookie"]
    return {
        "status": int(status) if status.isdecimal() else 0,
        "statusText": reason,
        "httpVersion": version,
        "cookies": _pairs(set_cookies, "="),
        "content": _content(message),
        "redirectURL": message.header("location"),
        **head,
    }


def _head(record: Record, message: HttpMessage) -> _Json:
    return {
        "headers": [{"name": name, "value": value} for name, value in message.headers],
        "headersSize": len(record.payload) - len(message.body),
        "bodySize": len(message.body),
    }


def _content(message: HttpMessage) -> _Json:
    content: _Json = {"size": len(message.body), "mimeType": message.header("content-type")}
    try:
        content["text"] = message.body.decode()
    except UnicodeDecodeError:
        content["text"] = base64.b64encode(message.body).decode()
        content["encoding"] = "base64"
    return content


def _pairs(texts: Iterable[str], separator: str) -> list[_Json]:
    split = (text.strip().partition(separator) for text in texts if text.strip())
    return [{"name": name, "value": value} for name, _, value in split]
