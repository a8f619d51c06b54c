"""The TFTP service of one node: the same files by TFTP and by HTTP on 6970, both from memory."""

from __future__ import annotations

from urllib.parse import unquote

from aiohttp import web

from emcc_emu.cluster.config_files import ConfigFiles
from emcc_emu.cluster.web import WebServer
from emcc_emu.errors import TftpRefused
from emcc_emu.lab.model import Node
from emcc_emu.net.faults import FaultBoard
from emcc_emu.net.tftp_server import TftpLimits, TftpServer
from emcc_emu.trace.record import Address
from emcc_emu.trace.recorder import Recorder

__all__ = ["TftpService"]

_FILE_HEADERS = {"Cache-Control": "no-store", "Content-Type": "*/*"}


class TftpService:
    """Cisco Tftp on one node.

    Args:
        node: The node.
        files: The cluster's files.
        recorder: Sees every datagram and HTTP message; None costs nothing.
        max_serving: Transfers served at the same time.
        faults: What goes wrong on purpose; None for nothing.
        missing_status: HTTP status for a name that is not there. The product says 503; some phones expect 404.
    """

    def __init__(
        self,
        node: Node,
        files: ConfigFiles,
        *,
        recorder: Recorder | None,
        max_serving: int,
        faults: FaultBoard | None = None,
        missing_status: int = 503,
    ) -> None:
        self.is_active = node.tftp
        """Whether the service runs; a stopped one finds no file."""
        self._files = files
        self._faults = faults
        self._node_name = node.name
        self._missing_status = missing_status
        self.tftp = TftpServer(
            (node.address, node.ports.tftp),
            self._look_up,
            recorder=recorder,
            limits=TftpLimits(max_transfers=max_serving),
            faults=faults,
        )
        self.http = WebServer(
            (node.address, node.ports.tftp_http), {}, fallback=self._serve, recorder=recorder, faults=faults
        )

    async def start(self) -> None:
        """Listen on both ports.

        Raises:
            TransportError: One cannot be bound.
        """
        await self.tftp.start()
        await self.http.start()

    async def close(self) -> None:
        """Stop listening. May be called again."""
        await self.tftp.close()
        await self.http.close()

    def _look_up(self, name: str, client: Address) -> bytes | TftpRefused | None:
        return self._files.find(name.removeprefix("/")) if self.is_active else None

    async def _serve(self, request: web.BaseRequest) -> web.Response:
        is_down = self._faults is not None and self._faults.is_down("tftp", self._node_name)
        if is_down or not self.is_active:
            return web.Response(status=503)
        name = unquote(request.raw_path.partition("?")[0]).removeprefix("/")
        content = self._files.find(name)
        if content is None:
            return web.Response(status=self._missing_status)
        return web.Response(body=content, headers=_FILE_HEADERS)
