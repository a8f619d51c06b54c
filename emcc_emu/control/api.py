"""The control API of a running lab: HTTP with JSON, on loopback unless told otherwise.

Beyond loopback every request needs `Authorization: Bearer TOKEN`.  On loopback the `Host` header has to name a
loopback address, so that a web page in a browser on this machine cannot reach the API under a name of its own.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from aiohttp import web

from emcc_emu.errors import EmccEmuError, InputError, LabError

__all__ = ["ControlServer", "ControlledLab", "parse_control_address"]

DEFAULT_PORT = 8090
MAX_BODY_BYTES = 1 << 20


class ControlledLab(Protocol):
    """What the API needs of a running lab."""

    async def status(self) -> dict[str, Any]: ...

    async def ask(self, cluster: str, method: str, **params: Any) -> Any: ...


def parse_control_address(text: str) -> tuple[str, int]:
    """Read `HOST[:PORT]` of the `--control` option.

    Raises:
        InputError: it is no IP address with an optional port.
    """
    host, _, port = text.rpartition(":") if text.count(":") == 1 else (text, "", str(DEFAULT_PORT))
    try:
        address = "127.0.0.1" if host == "localhost" else str(ipaddress.ip_address(host))
        number = int(port)
    except ValueError:
        raise InputError(f"--control {text!r}: write it as ADDRESS:PORT, for example 127.0.0.1:8090") from None
    if not 0 <= number <= 65535:
        raise InputError(f"--control {text!r}: a port is 0 to 65535")
    return address, number


@dataclass(slots=True)
class ControlServer:
    """Serves the control API; use it as `async with`.

    Args:
        lab: The running lab.
        address: Where to listen.
        token: Bearer token; required beyond loopback, optional on it.
    """

    lab: ControlledLab
    address: tuple[str, int]
    token: str = ""
    _runner: web.AppRunner | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.address[0]).is_loopback

    @property
    def url(self) -> str:
        """Base URL, with the port that was really bound."""
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def __aenter__(self) -> Self:
        if not self.is_loopback and not self.token:
            raise InputError(f"--control {self.address[0]}: beyond loopback the control API needs a token")
        app = web.Application(middlewares=[self._guard, _errors], client_max_size=MAX_BODY_BYTES)
        app.add_routes([web.get("/status", self._status), web.get("/clusters/{cluster}/status", self._cluster_status)])
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, *self.address).start()
        except OSError as error:
            await self._runner.cleanup()
            raise LabError(
                f"the control API cannot listen on {self.address[0]}:{self.address[1]}: {error.strerror}; "
                "choose another port with --control 127.0.0.1:0"
            ) from None
        self.address = self._runner.addresses[0][:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Let in who belongs."""
        if self.token:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {self.token}".encode()):
                return _json({"error": "give the token as: Authorization: Bearer TOKEN"}, 401)
        elif not _names_loopback(request.host):
            return _json({"error": "the Host header has to name this loopback address"}, 403)
        return await handler(request)

    async def _status(self, _: web.Request) -> web.Response:
        """GET /status: every cluster's status by name, null for one that has died."""
        return _json(await self.lab.status())

    async def _cluster_status(self, request: web.Request) -> web.Response:
        """GET /clusters/NAME/status: one cluster's status."""
        return _json(await self.lab.ask(request.match_info["cluster"], "status"))


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer our own errors as JSON: 400 for a wrong question, 503 for a cluster that is down."""
    try:
        return await handler(request)
    except InputError as error:
        return _json({"error": str(error)}, 400)
    except EmccEmuError as error:
        return _json({"error": str(error)}, 503)


def _names_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.count(":") == 1 else host.strip("[]")
    if name in ("localhost", ""):
        return name == "localhost"
    try:
        return ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
