"""The control API of a running lab: HTTP with JSON, on loopback unless told otherwise.

`routes.ROUTES` declares what it answers; most of that is a question to one cluster.

Beyond loopback every request needs `Authorization: Bearer TOKEN`.  On loopback the `Host` header has to name a
loopback address, so that a web page in a browser on this machine cannot reach the API under a name of its own.
"""

from __future__ import annotations

import functools
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from aiohttp import web

from emcc_emu import __version__
from emcc_emu.control.lab_clock import advance_lab_clock, ask_running
from emcc_emu.control.openapi import openapi_document
from emcc_emu.control.routes import EVERY_CLUSTER, ROUTES, Route
from emcc_emu.errors import EmccEmuError, InputError, LabError
from emcc_emu.lab.model import EmccFeatureParameters, Lab
from emcc_emu.settings.mistakes import show_value
from emcc_emu.settings.reading import read_changes, read_record

__all__ = ["ControlServer", "ControlledLab", "parse_control_address"]

DEFAULT_PORT = 8090
MAX_BODY_BYTES = 1 << 20

REGION_PARAMETERS = ("region_max_audio_kbps", "region_max_video_kbps", "region_link_loss_type")
"""EMCC feature parameters that have to be equal everywhere."""


class ControlledLab(Protocol):
    """What the API needs of a running lab."""

    @property
    def lab(self) -> Lab:
        """The lab as it was started."""

    @property
    def cluster_names(self) -> Sequence[str]:
        """The clusters that run here."""

    @property
    def trace_directory(self) -> Path | None:
        """Where packets are recorded, None when they are not."""

    @property
    def state_directory(self) -> Path:
        """Where databases and certificates are."""

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
        app.router.add_get("/openapi.json", self._openapi)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, functools.partial(self._answer, route))
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

    async def _openapi(self, _: web.Request) -> web.Response:
        return _json(openapi_document(ROUTES, __version__))

    async def _answer(self, route: Route, request: web.Request) -> web.Response:
        """Answer one route: read what was given, ask whom it concerns."""
        given = dict(route.params)
        if route.query is not None:
            given |= msgspec.to_builtins(read_record(route.query, dict(request.query)))
        body = await _read_body(request) if route.body is not None else {}
        if route.is_partial:
            given["values"] = body
        elif route.body is not None:
            given |= msgspec.to_builtins(read_record(route.body, body))
        given |= request.match_info
        cluster = given.pop("cluster", "")
        return _json(await self._ask(route, cluster, given) if cluster else await self._ask_host(route, given))

    async def _ask(self, route: Route, cluster: str, given: dict[str, Any]) -> Any:
        if not route.changes:
            return await self.lab.ask(cluster, route.question, **given)
        if cluster == EVERY_CLUSTER:
            return {name: await self.lab.ask(name, route.question, **given) for name in self.lab.cluster_names}
        await self._require_equal_regions(cluster, given)
        return await self.lab.ask(cluster, route.question, **given)

    async def _ask_host(self, route: Route, given: dict[str, Any]) -> Any:
        """What concerns the whole lab."""
        names = self.lab.cluster_names
        match route.operation:
            case "status":
                return await self.lab.status()
            case "clock":
                return await ask_running(self.lab.ask, names, "clock")
            case "faults" | "set_fault":
                answers = await ask_running(self.lab.ask, names, route.operation, **given)
                return {name: fault for faults in answers.values() for name, fault in faults.items()}
            case "clear_fault" | "clear_faults":
                answers = await ask_running(self.lab.ask, names, "clear_faults", **given)
                return sorted({name for cleared in answers.values() for name in cleared})
            case "advance_clock":
                return await advance_lab_clock(self.lab.ask, names, given["by_s"])
            case _:
                trace = self.lab.trace_directory
                return {
                    "name": self.lab.lab.name,
                    "clusters": list(names),
                    "trace": str(trace) if trace is not None else None,
                    "state": str(self.lab.state_directory),
                }

    async def _require_equal_regions(self, cluster: str, given: dict[str, Any]) -> None:
        """Refuse EMCC region parameters that would differ from another cluster's, as in a lab file.

        Raises:
            InputError: They would, and the lab does not allow it.
        """
        values = {name: given["values"][name] for name in REGION_PARAMETERS if name in given.get("values", {})}
        if given["section"] != "emcc-parameters" or not values or self.lab.lab.allow_unequal_region_parameters:
            return
        wanted = read_changes(EmccFeatureParameters, values, ("clusters", cluster, "emcc"))
        others = [name for name in self.lab.cluster_names if name != cluster]
        answers = await ask_running(self.lab.ask, others, "get_entry", section="emcc-parameters")
        for other, entry in answers.items():
            for name, value in wanted.items():
                if entry[name] != value:
                    raise InputError(
                        f"clusters.{cluster}.emcc.{name}: {show_value(str(value))} differs from {other}'s "
                        f"{show_value(str(entry[name]))}; change it at every cluster at once, as cluster *"
                    )


async def _read_body(request: web.Request) -> dict[str, Any]:
    """The body as a JSON object; no body is an empty one.

    Raises:
        InputError: It is something else.
    """
    content = await request.read()
    try:
        return msgspec.json.decode(content, type=dict[str, Any]) if content else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"the body is no JSON object: {error}") from None


@web.middleware
async def _errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer errors as JSON: 400 for a wrong question, 503 for a cluster that is down, 404 and 405 for no route."""
    try:
        return await handler(request)
    except InputError as error:
        return _json({"error": str(error)}, 400)
    except EmccEmuError as error:
        return _json({"error": str(error)}, 503)
    except web.HTTPException as error:
        return _json({"error": f"{request.method} {request.path}: {error.reason}"}, error.status)


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
