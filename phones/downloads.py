"""How a phone fetches its files: HTTP on 6970 first, TFTP when that fails, server after server."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from emcc_emu.errors import TftpRefused, TransportError
from emcc_emu.net.http_client import HttpClient
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.trace.recorder import Recorder
from phones.timing import DEFAULT_TIMING, PhoneTiming

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
    """Fetches the files of one boot.

    Args:
        http: Asks by HTTP.
        source_address: Address from which TFTP asks.
        servers: In the order in which they are tried; one that is silent is asked last from then on.
        timing: Silences and tries of TFTP.
        recorder: Takes the TFTP datagrams; None records nothing.
    """

    __slots__ = ("_http", "_recorder", "_servers", "_source_address", "_timing")

    def __init__(
        self,
        http: HttpClient,
        source_address: str,
        servers: Sequence[FileServer],
        *,
        timing: PhoneTiming = DEFAULT_TIMING,
        recorder: Recorder | None = None,
    ) -> None:
        self._http = http
        self._source_address = source_address
        self._servers = list(servers)
        self._timing = timing
        self._recorder = recorder

    @property
    def server(self) -> FileServer:
        """The server that is asked first: the last one that answered."""
        return self._servers[0]

    async def fetch(self, name: str) -> bytes | None:
        """Fetch one file.

        Returns:
            Its bytes, or None when a server says that it has no such file.

        Raises:
            ServersSilent: No server answered.
        """
        for server in list(self._servers):
            try:
                return await self._from_server(server, name)
            except TransportError:
                self._servers.remove(server)
                self._servers.append(server)
        asked = ", ".join(server.address for server in self._servers) or "no server"
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
                timeout_s=self._timing.tftp_timeout_s,
                tries=self._timing.tftp_tries,
                recorder=self._recorder,
            )
        except TftpRefused:
            return None
