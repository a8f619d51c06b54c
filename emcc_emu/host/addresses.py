"""Which addresses a run uses: the lab's own, a free block of 127/8 instead, or real ones for some nodes."""

from __future__ import annotations

import errno
import ipaddress
import random
import socket
from collections.abc import Container, Iterable, Mapping

from emcc_emu.errors import InputError, LabError

__all__ = ["all_free", "free_block", "parse_overrides", "require_bindable"]

PROBED_PORTS = (5060, 8080, 8443, 6970)
"""TCP ports that a block must have free; the lab's own are the same unless it moves them."""

BLOCK_TRIES = 50


def free_block(addresses: Iterable[str], rng: random.Random) -> dict[str, str]:
    """Map the lab's loopback addresses into a part of 127/8 where none of the usual ports is taken.

    Addresses that share their second octet (`127.1.0.10` and `127.1.100.7`) still share it afterwards, so the lab
    stays readable.

    Raises:
        LabError: no free block was found.
    """
    wanted = sorted({address for address in addresses if ipaddress.ip_address(address).is_loopback})
    octets = sorted({address.split(".")[1] for address in wanted}, key=int)
    for _ in range(BLOCK_TRIES):
        first = rng.randrange(16, 255 - len(octets))
        moved = {octet: str(first + index) for index, octet in enumerate(octets)}
        mapping = {}
        for address in wanted:
            network, second, third, fourth = address.split(".")
            mapping[address] = ".".join((network, moved[second], third, fourth))
        if all(_is_free(address, port) for address in mapping.values() for port in PROBED_PORTS):
            return mapping
    raise LabError("no free block of loopback addresses was found; stop other labs and try again")


def all_free(addresses: Iterable[str], ports: Iterable[int] = PROBED_PORTS) -> bool:
    """True when nothing listens on these ports of these addresses."""
    return all(_is_free(address, port) for address in addresses for port in ports)


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def require_bindable(node: str, address: str) -> None:
    """Check that this machine has the address.

    Raises:
        LabError: it does not; the text names the command that adds it.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            raise InputError(
                f"node {node}: this machine has no address {address}; add it with: ip address add {address}/32 dev lo"
            ) from None


def parse_overrides(texts: Iterable[str], nodes: Mapping[str, str], here: Container[str]) -> dict[str, str]:
    """Read `NODE=IP` options into a map from the lab's address to the address wanted.

    Args:
        texts: The options as typed.
        nodes: Address of every node in the lab, by node name.
        here: Names of the nodes that run on this machine and so need their address on it.

    Raises:
        InputError: the form, the node or the address is wrong.
    """
    mapping: dict[str, str] = {}
    for text in texts:
        node, sign, address = text.partition("=")
        if not sign:
            raise InputError(
                f"--address {text!r}: write it as NODE=IP, for example {next(iter(nodes), 'node')}=192.0.2.10"
            )
        if node not in nodes:
            raise InputError(f"--address {text!r}: no node is called {node!r}; the lab has {', '.join(sorted(nodes))}")
        try:
            mapping[nodes[node]] = str(ipaddress.ip_address(address))
        except ValueError:
            raise InputError(f"--address {text!r}: {address!r} is not an IP address") from None
        if node in here:
            require_bindable(node, address)
    return mapping
