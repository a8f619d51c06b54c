"""Trusted List of IPs: addresses as they stand, host names as the resolver last had them."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import structlog

__all__ = ["TrustedHosts"]

log = structlog.get_logger()

RESOLVE_TIMEOUT_S = 5.0
"""How long the resolver may take for one name."""


class TrustedHosts:
    """Hosts whose requests are taken although they are no registered device."""

    def __init__(self) -> None:
        self._entries: Sequence[str] = ()
        self._addresses: dict[str, frozenset[str]] = {}

    def has(self, address: str, entries: Sequence[str]) -> bool:
        """Whether the list names this address, or a host that has it.

        Args:
            address: Where a request came from.
            entries: The parameter's value of this moment.
        """
        return address in entries or any(address in self._addresses.get(entry, ()) for entry in entries)

    def has_resolved(self, entries: Sequence[str]) -> bool:
        """Whether the names of this list were looked up already."""
        return entries == self._entries

    async def resolve(self, entries: Sequence[str]) -> None:
        """Look the host names of the list up; a name that cannot be resolved is as good as not listed."""
        self._entries = entries
        names = [entry for entry in entries if not _is_address(entry)]
        found = await asyncio.gather(*(_addresses_of(name) for name in names))
        self._addresses = dict(zip(names, found, strict=True))


async def _addresses_of(name: str) -> frozenset[str]:
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError) as error:
        log.warning("trusted_host_unresolved", host=name, why=str(error))
        return frozenset()
    return frozenset(str(entry[4][0]) for entry in found)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
