"""How a phone fetches its files: HTTP on 6970 first, TFTP when that fails, server after server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from emcc_emu.errors import TftpRefused, TransportError
from emcc_emu.net.http_client import HttpClient
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.trace.recorder import Recorder

__all__ = ["Downloads", "FileServer", "ServersSilent"]

HTTP_OK = 200
HTTP_NOT_FOUND = 404


class ServersSilent(TransportError):
    """No file server answered: not even with a refusal."""


@dataclasses.dataclass(frozen=True, slots=True)
class FileServer:
    """A TFTP server as the phone knows it, by DHCP option 150 or an EMCC mini configuration."""

    address: str
    tftp_port: int = 69
    http_port: int = 6970


class Downloads:
    """Fetches files for one phone.

    Args:
        http: The phone's HTTP client.
        source_address: Address from which TFTP asks.
        tftp_timeout_s: First silence before a TFTP packet is repeated.
        tftp_tries: How often it is sent.
        recorder: Takes the TFTP datagrams; None records nothing.
    """

    __slots__ = ("_http", "_recorder", "_source_address", "_tftp_timeout_s", "_tftp_tries", "servers")

    def __init__(
        self,
        http: HttpClient,
        source_address: str,
        *,
        tftp_timeout_s: float = 0.5,
        tftp_tries: int = 4,
        recorder: Recorder | None = None,
    ) -> None:
        self._http = http
        self._source_address = source_address
        self._tftp_timeout_s = tftp_timeout_s
        self._tftp_tries = tftp_tries
        self._recorder = recorder
        self.servers: tuple[FileServer, ...] = ()
        """Servers in the order in which they are tried; a phone in EMCC mode has those of its home cluster."""

    async def fetch(self, name: str) -> bytes | None:
        """Fetch one file.

        Returns:
            Its bytes, or None when a server says that it has no such file.

        Raises:
            ServersSilent: no server answered.
        """
        for server in self.servers:
            try:
                return await self._from_server(server, name)
            except TransportError:
                continue
        asked = ", ".join(server.address for server in self.servers) or "no server"
        raise ServersSilent(f"no answer for {name} from {asked}")

    async def fetch_first(self, names: Sequence[str]) -> tuple[str, bytes] | None:
        """Fetch the first of these files that exists."""
        for name in names:
            if (content := await self.fetch(name)) is not None:
                return name, content
        return None

    async def _from_server(self, server: FileServer, name: str) -> bytes | None:
        """HTTP first. A 404 is final; anything else but 200, or no connection, leads to TFTP."""
        try:
            reply = await self._http.request("GET", f"http://{server.address}:{server.http_port}/{name}")
        except TransportError:
            pass
        else:
            if reply.status == HTTP_OK:
                return reply.body
            if reply.status == HTTP_NOT_FOUND:
                return None
        try:
            return await tftp_fetch(
                (server.address, server.tftp_port),
                name,
                local_ip=self._source_address,
                timeout_s=self._tftp_timeout_s,
                tries=self._tftp_tries,
                recorder=self._recorder,
            )
        except TftpRefused:
            return None
