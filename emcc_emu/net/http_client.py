"""The HTTP client of phones and of clusters: small, pooled, bounded, and seen by the recorder.

A client costs a few dictionaries until it asks something, so a process can hold thousands of phones. It speaks
HTTP/1.1 over kept-alive connections; above the sockets a request costs one head of text, one future and one timer.
"""

from __future__ import annotations

import asyncio
import ssl as ssl_module
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self, TypeAlias
from urllib.parse import quote

from emcc_emu.errors import TransportError
from emcc_emu.net.http_connection import ConnectionLost, HttpConnection, open_connection
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.http import MAX_BODY_BYTES, Headers, HttpInvalid, HttpResponse, build_request, find_header

if TYPE_CHECKING:
    from emcc_emu.net.faults import FaultBoard

__all__ = [
    "DEFAULT_TIMEOUT_S",
    "MAX_IDLE_CONNECTIONS",
    "MAX_SERVERS",
    "FailureKind",
    "HttpClient",
    "HttpReply",
    "HttpTransportError",
]

FailureKind: TypeAlias = Literal["refused", "timeout", "tls", "closed", "invalid", "url"]
"""Why no answer came: no connection, silence, no trust, connection lost, bytes that are not HTTP, a bad URL."""

DEFAULT_TIMEOUT_S = 5.0
"""Time for one request, connecting included. Seconds."""

MAX_IDLE_CONNECTIONS = 8
"""Kept-alive connections per server; further ones are closed after their answer."""

MAX_SERVERS = 64
"""Servers with kept-alive connections per client; the longest known one makes room."""

_URL_SAFE = "!#$%&'()*+,-./:;=?@[]_~"
_DEFAULT_PORTS = {"http": 80, "https": 443}

_Server: TypeAlias = tuple[str, str, int]


class HttpTransportError(TransportError):
    """No answer came to an HTTP request.

    Args:
        kind: Why; see `FailureKind`.
        message: What happened with which server.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind: FailureKind = kind


class HttpReply(NamedTuple):
    """What a server answered."""

    status: int
    reason: str
    headers: list[tuple[str, str]]
    body: bytes

    def get(self, name: str) -> str | None:
        """First value of a header field, the name compared without case."""
        return find_header(self.headers, name)


class HttpClient:
    """Asks HTTP servers, one request per connection at a time, as many at once as there are callers.

    Args:
        local_ip: Address that connections come from; None lets the system choose.
        recorder: Told of every request and answer, above TLS; None records nothing.
        ssl_context: Trust (and own certificate) for https; None takes the system's trust.
        timeout_s: Time for one request, connecting included.
        keep_alive: Keep connections for further requests; False closes each after its answer, as old phones do.
        max_body_bytes: Longest body accepted from a server.
        faults: What happens to connections and messages on purpose; None for nothing.
    """

    __slots__ = (
        "_busy",
        "_faults",
        "_idle",
        "_keep_alive",
        "_local_ip",
        "_max_body_bytes",
        "_recorder",
        "_ssl_context",
        "_timeout_s",
    )

    def __init__(
        self,
        *,
        local_ip: str | None = None,
        recorder: Recorder | None = None,
        ssl_context: ssl_module.SSLContext | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        keep_alive: bool = True,
        max_body_bytes: int = MAX_BODY_BYTES,
        faults: FaultBoard | None = None,
    ) -> None:
        self._faults = faults
        self._local_ip = local_ip
        self._recorder = recorder
        self._ssl_context = ssl_context
        self._timeout_s = timeout_s
        self._keep_alive = keep_alive
        self._max_body_bytes = max_body_bytes
        self._idle: dict[_Server, list[HttpConnection]] = {}
        self._busy: set[HttpConnection] = set()

    async def get(self, url: str, *, headers: Headers = (), timeout_s: float | None = None) -> HttpReply:
        """Fetch a URL; see `request`."""
        return await self.request("GET", url, headers=headers, timeout_s=timeout_s)

    async def request(
        self, method: str, url: str, *, headers: Headers = (), body: bytes = b"", timeout_s: float | None = None
    ) -> HttpReply:
        """Send one request and wait for its answer, whatever its status; redirects are not followed.

        A request that meets a kept-alive connection which the server closes without a single byte of an answer is sent
        once more over a new connection.

        Args:
            method: `GET`, `POST`, ...
            url: Absolute http or https URL; a fragment is dropped.
            headers: Further header fields; Host and Content-Length are written by the client.
            body: Body of the request.
            timeout_s: Time for this request; None takes the client's.

        Raises:
            HttpTransportError: No answer came, or the URL is not an absolute http or https URL (kind "url").
        """
        server, target = _split_url(url)
        if not self._keep_alive:
            headers = [*headers, ("Connection", "close")]
        try:
            data = build_request(method, target, _host_field(server), headers=headers, body=body)
        except ValueError as error:
            raise HttpTransportError("url", f"cannot ask {url[:200]!r}: {error}") from None
        try:
            async with asyncio.timeout(self._timeout_s if timeout_s is None else timeout_s):
                response = await self._ask(server, method, data)
        except TimeoutError:
            raise HttpTransportError("timeout", f"no answer from {_host_field(server)} in time") from None
        except ConnectionLost:
            raise HttpTransportError("closed", f"{_host_field(server)} closed the connection") from None
        except HttpInvalid as error:
            raise HttpTransportError("invalid", f"{_host_field(server)} does not speak HTTP: {error}") from None
        return HttpReply(response.status, response.reason, response.headers, response.body)

    async def _ask(self, server: _Server, method: str, data: bytes) -> HttpResponse:
        if self._faults is not None and self._faults.refuses(server[1]):
            raise HttpTransportError("refused", f"cannot connect to {_host_field(server)}: refused by a fault")
        connection = self._take_idle(server)
        if connection is None:
            return await self._exchange(await self._connect(server), server, method, data)
        try:
            return await self._exchange(connection, server, method, data)
        except ConnectionLost as error:
            if error.has_answer_begun:
                raise
        try:
            connection = await self._connect(server)
        except HttpTransportError as error:  # the first copy may have been read: never say that nobody was asked
            raise HttpTransportError("closed", f"connection was lost, and then: {error}") from None
        return await self._exchange(connection, server, method, data)

    async def _exchange(self, connection: HttpConnection, server: _Server, method: str, data: bytes) -> HttpResponse:
        self._busy.add(connection)
        try:
            response = await connection.exchange(method, data)
        except BaseException:
            connection.abort()
            raise
        finally:
            self._busy.discard(connection)
        if self._keep_alive and response.stays_open:
            self._keep(server, connection)
        else:
            connection.close()
        return response

    async def _connect(self, server: _Server) -> HttpConnection:
        scheme, host, port = server
        context = self._context() if scheme == "https" else None
        name = _host_field(server)
        try:
            return await open_connection(
                host,
                port,
                local_ip=self._local_ip,
                ssl_context=context,
                recorder=self._recorder,
                max_body_bytes=self._max_body_bytes,
                faults=self._faults,
            )
        except ssl_module.SSLError as error:
            raise HttpTransportError("tls", f"no TLS with {name}: {error}") from None
        except TimeoutError:
            raise
        except OSError as error:
            if (
                context is not None
                and isinstance(error, ConnectionError)
                and not isinstance(error, ConnectionRefusedError)
            ):
                raise HttpTransportError("tls", f"no TLS with {name}: {error}") from None
            raise HttpTransportError("refused", f"cannot connect to {name}: {error}") from None

    def _context(self) -> ssl_module.SSLContext:
        if self._ssl_context is None:
            self._ssl_context = ssl_module.create_default_context()
        return self._ssl_context

    def _take_idle(self, server: _Server) -> HttpConnection | None:
        connections = self._idle.get(server)
        while connections:
            connection = connections.pop()
            if connection.is_usable:
                return connection
        return None

    def _keep(self, server: _Server, connection: HttpConnection) -> None:
        connections = self._idle.get(server)
        if connections is None:
            if len(self._idle) >= MAX_SERVERS:
                for oldest in self._idle.pop(next(iter(self._idle))):
                    oldest.close()
            connections = self._idle[server] = []
        connections[:] = [kept for kept in connections if kept.is_usable]
        if len(connections) < MAX_IDLE_CONNECTIONS:
            connections.append(connection)
        else:
            connection.close()

    def _connections(self) -> Iterator[HttpConnection]:
        yield from self._busy
        for connections in self._idle.values():
            yield from connections

    async def close(self) -> None:
        """Close all connections at once; requests under way fail with kind "closed". The client may be used again."""
        connections = list(self._connections())
        self._idle.clear()
        for connection in connections:
            connection.abort()
        for connection in connections:
            await connection.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _split_url(url: str) -> tuple[_Server, str]:
    """The server and the request target of a URL."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in _DEFAULT_PORTS:
        raise HttpTransportError("url", f"{url[:200]!r} is not an absolute http or https URL")
    rest = rest.partition("#")[0]
    end = min((place for mark in "/?" if (place := rest.find(mark)) >= 0), default=len(rest))
    authority, target = rest[:end].rpartition("@")[2], rest[end:]
    host, port_text = authority, ""
    if ":" in authority[authority.rfind("]") + 1 :]:
        host, _, port_text = authority.rpartition(":")
    host = host.strip("[]")
    is_port = port_text.isascii() and port_text.isdigit() and 0 < int(port_text[:6]) < 65536
    if not host or not (is_port or not port_text):
        raise HttpTransportError("url", f"{url[:200]!r} names no server")
    if not target.startswith("/"):
        target = f"/{target}"
    if not target.isascii() or " " in target:
        target = quote(target, safe=_URL_SAFE, errors="replace")
    return (scheme, host, int(port_text) if port_text else _DEFAULT_PORTS[scheme]), target


def _host_field(server: _Server) -> str:
    scheme, host, port = server
    name = f"[{host}]" if ":" in host else host
    return name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"
