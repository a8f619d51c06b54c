"""One recorded packet, and the call by which the rest of the program records it.

A record is one datagram, or one whole message of a stream (a SIP message, an HTTP request or answer with its body),
in plain text even where TLS carried it. Its payload is the bytes of the wire, except that secrets are overwritten
with as many asterisks before the record exists.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = ["Address", "NodeLabel", "Protocol", "Record", "Transport"]

Address: TypeAlias = tuple[str, int]
"""IP address as text, and port."""

Protocol: TypeAlias = Literal["sip", "tftp", "http"]
Transport: TypeAlias = Literal["udp", "tcp", "tls"]


class Record(msgspec.Struct, frozen=True, gc=False):
    """What travelled from one address to another at one moment."""

    time_ns: int
    """Wall clock, nanoseconds since 1970."""

    protocol: Protocol
    transport: Transport
    source: Address
    destination: Address

    payload: bytes
    """The bytes above TLS, secrets overwritten."""

    connection: str = ""
    """Names one stream within its recorder, the same in both directions; empty for a datagram."""

    recorder: str = ""
    """Who wrote it down: the name of a cluster or of a fleet, or the file of an imported capture."""

    fault: str = ""
    """The injected fault that hit this packet ("dropped", "delayed 200 ms", ...); empty when there was none."""


class NodeLabel(msgspec.Struct, frozen=True, omit_defaults=True):
    """Says who lives at an address, so that a ladder can name its columns."""

    address: str
    """IP address as text."""

    name: str
    """What people call it: `sanjose-pub`, `tokyo-gw`, `SEP001122334455`."""

    cluster: str = ""
    """Cluster that it belongs to."""

    role: Literal["node", "gateway", "phone"] = "node"

    port: int = 0
    """The label counts for this port only; 0 for every port of the address."""
