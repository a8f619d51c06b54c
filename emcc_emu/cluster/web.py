"""The web servers of a node: aiohttp on plain and TLS ports, paths, bounded bodies, and the recorder's tap."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from aiohttp import web

from emcc_emu.cluster.web_tap import TappedProtocol
from emcc_emu.errors import TransportError
from emcc_emu.net.faults import FaultBoard
from emcc_emu.trace.record import Address
from emcc_emu.trace.recorder import Recorder

__all__ = ["MAX_BODY_BYTES", "Handler", "WebServer", "read_body", "text_answer"]

Handler: TypeAlias = Callable[[web.BaseRequest], Awaitable[web.Response]]
"""Answers one request."""

MAX_BODY_BYTES = 256 * 1024
"""Longest request body that is read; a longer one is as good as unparsable."""

SHUTDOWN_GRACE_S = 1.0
"""How long requests in progress may take when the server closes."""

BACKLOG = 1024


class WebServer:
    """One listening port of a node.

    Args:
        address: IP address and port; port 0 lets the system choose.
        routes: Handlers by path, compared with case as the product does.
        fallback: Handler of every other path; None answers 404.
        ssl_context: Speaks TLS with it; None speaks plain HTTP.
        recorder: Sees every request and response; None costs nothing.
        faults: What happens to messages on purpose; None for nothing.
    """

    def __init__(
        self,
        address: Address,
        routes: Mapping[str, Handler],
        *,
        fallback: Handler | None = None,
        ssl_context: ssl.SSLContext | None = None,
        recorder: Recorder | None = None,
        faults: FaultBoard | None = None,
    ) -> None:
        self.address = address
        """IP address and port, the real port once started."""
        self._routes = dict(routes)
        self._fallback = fallback or _not_found
        self._ssl_context = ssl_context
        self._recorder = recorder
        self._faults = faults
        self._connection_numbers = itertools.count(1)
        self._aiohttp: web.Server | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            TransportError: The address cannot be bound.
        """
        self._aiohttp = web.Server(self._answer, access_log=None, tcp_keepalive=False)
        factory: Callable[[], asyncio.Protocol] = self._aiohttp
        if self._recorder is not None or self._faults is not None:
            factory = self._tapped
        listening = _bind(self.address)
        self._server = await asyncio.get_running_loop().create_server(
            factory, sock=listening, ssl=self._ssl_context, backlog=BACKLOG
        )
        self.address = listening.getsockname()[:2]

    async def close(self) -> None:
        """Stop listening and close every connection; requests in progress may finish. May be called again."""
        if self._server is None or self._aiohttp is None:
            return
        server, self._server = self._server, None
        server.close()
        self._aiohttp.pre_shutdown()
        await self._aiohttp.shutdown(SHUTDOWN_GRACE_S)

    def _tapped(self) -> asyncio.Protocol:
        assert self._aiohttp is not None
        connection = f"http-{self.address[0]}:{self.address[1]}-{next(self._connection_numbers)}"
        return TappedProtocol(self._aiohttp(), self._recorder, connection, self._faults)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method not in ("GET", "POST"):  # the deployed descriptors deny every other method
            return web.Response(status=403)
        path = request.raw_path.partition("?")[0]
        return await self._routes.get(path, self._fallback)(request)


async def read_body(request: web.BaseRequest) -> bytes | None:
    """The body of a request, or None when it is longer than `MAX_BODY_BYTES`."""
    length = request.content_length
    if length is not None and length > MAX_BODY_BYTES:
        return None
    if request.content.is_eof():  # nearly always: the body came together with its head
        body = request.content.read_nowait()
        return body if len(body) <= MAX_BODY_BYTES else None
    chunks = []
    size_bytes = 0
    async for chunk in request.content.iter_any():
        size_bytes += len(chunk)
        if size_bytes > MAX_BODY_BYTES:
            return None
        chunks.append(chunk)
    return b"".join(chunks)


def text_answer(status: int, text: str) -> web.Response:
    """A plain text answer."""
    return web.Response(status=status, text=text)


async def _not_found(request: web.BaseRequest) -> web.Response:
    return text_answer(404, "Not found\n")


def _bind(address: Address) -> socket.socket:
    listening = socket.socket(
        socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )  # named, or asyncio leaves Nagle on
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setblocking(False)
    try:
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise TransportError(f"cannot listen on TCP {address[0]}:{address[1]}: {error.strerror}") from error
    return listening
