"""Flow: the path a SIP message travels, which is what the SIP machines use as their peer."""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["DEFAULT_PORT", "DEFAULT_TLS_PORT", "Address", "Flow", "StreamName", "TransportName", "default_port"]

Address = tuple[str, int]
"""IP address text and port."""

TransportName = Literal["udp", "tcp", "tls"]
StreamName = Literal["tcp", "tls"]

DEFAULT_PORT = 5060
"""Port of a SIP URI or Via that names none, RFC 3261 section 19.1.2."""

DEFAULT_TLS_PORT = 5061
"""The same over TLS."""


class Flow(NamedTuple):
    """One path between a local and a remote socket; hashable, cheap to make, equal when all parts are equal."""

    transport: TransportName
    """How the bytes travel; everything but `udp` is a reliable stream."""

    local: Address
    """Our socket. Its port is what a Via sent-by or Contact of ours names when nothing better is known."""

    remote: Address
    """The peer's socket."""

    connection_id: int = 0
    """Number of the stream connection, unique within one driver; 0 for datagrams and for any connection to `remote`."""

    @property
    def is_reliable(self) -> bool:
        """Whether the transport itself retransmits, so that the transactions do not."""
        return self.transport != "udp"


def default_port(transport: str) -> int:
    """The port that a missing one stands for, by transport (any case)."""
    return DEFAULT_TLS_PORT if transport.lower() == "tls" else DEFAULT_PORT
