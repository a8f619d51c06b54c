"""The faults of one cluster as they are at this moment; sockets and services ask it, the administrator changes it.

A socket looks at `touches_messages` first, so that a run without faults pays one attribute. What passes between two
clusters of the lab is drawn by its sender alone, or every loss would be drawn twice; a link that is cut is cut at both
ends. Phones draw nothing themselves: the cluster draws for both directions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from emcc_emu.lab.faults import LINK_KINDS, MESSAGE_KINDS, DatabaseOperation, Fault, FaultService
from emcc_emu.lab.model import Lab
from emcc_emu.rules.faults import (
    FaultedMessage,
    Protocol,
    Verdict,
    database_fails,
    is_service_down,
    is_service_failing,
    service_delay_s,
    story_of,
    verdict,
)

__all__ = ["MAX_STORIES", "FaultBoard"]

Address = tuple[str, int]

MAX_STORIES = 20_000
"""Stories whose messages are counted; the oldest is forgotten and begins again."""

_SOCKET_SERVICES: dict[Protocol, FaultService] = {"sip": "call_manager", "tftp": "tftp"}
"""Services whose faults are those of their sockets; web services answer for themselves."""

_READINGS: tuple[DatabaseOperation, ...] = ("policy", "device", "login_status")
_NOTHING: frozenset[DatabaseOperation] = frozenset()

_CUT_KINDS = frozenset({"link_cut", "link_refused"})


class FaultBoard:
    """What goes wrong on purpose in one cluster.

    Args:
        cluster: Its name.
        lab: Its lab, with the addresses of this run; its faults hold from now on.
    """

    def __init__(self, cluster: str, lab: Lab) -> None:
        self.cluster = cluster
        self.lab = lab
        self.listeners: list[Callable[[], None]] = []
        """Called after every change."""
        self.touches_messages = False
        """Whether any fault could concern a message."""
        self._faults: dict[str, Fault] = {fault.name: fault for fault in lab.faults}
        self._sites, self._nodes = _sites(lab)
        self._counts: dict[tuple[str, str, Protocol, str], int] = {}
        self._transfers: dict[Address, str] = {}
        self._refresh()

    # ------------------------------------------------------------------ what the administrator does

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults in force, those of other clusters included."""
        return tuple(self._faults.values())

    def set(self, fault: Fault) -> None:
        """Put a fault in force, in the place of one of the same name."""
        self._faults[fault.name] = fault
        self._changed()

    def clear(self, *names: str) -> list[str]:
        """End the faults of these names, all of them when none is given; the names of those that were there."""
        gone = [name for name in names or tuple(self._faults) if self._faults.pop(name, None) is not None]
        self._changed()
        return gone

    def take_lab(self, lab: Lab) -> None:
        """Know the lab as it has been changed: who lives where. Its faults are those that are in force already."""
        self.lab = lab
        self._sites, self._nodes = _sites(lab)

    def _changed(self) -> None:
        self._refresh()
        for listener in self.listeners:
            listener()

    def _refresh(self) -> None:
        self.touches_messages = any(
            fault.kind in LINK_KINDS | MESSAGE_KINDS
            or (fault.cluster == self.cluster and fault.service in _SOCKET_SERVICES.values())
            for fault in self._faults.values()
        )

    @property
    def story_count(self) -> int:
        """How many stories are remembered."""
        return len(self._counts) + len(self._transfers)

    # ------------------------------------------------------------------ what services ask

    def is_down(self, service: FaultService, node: str = "") -> bool:
        """Whether a service of this cluster does not run."""
        return bool(self._faults) and is_service_down(self._faults.values(), self.cluster, service, node)

    def is_failing(self, service: FaultService, node: str = "") -> bool:
        """Whether a service of this cluster fails for no reason that it knows."""
        return bool(self._faults) and is_service_failing(self._faults.values(), self.cluster, service, node)

    async def spend(self, service: FaultService, node: str = "") -> None:
        """Let the time pass by which a service is slow; without such a fault not even a turn of the loop."""
        if not self._faults:
            return
        delay_s = service_delay_s(self._faults.values(), self.cluster, service, node)
        if delay_s > 0:
            await asyncio.sleep(delay_s)

    def database_fails(self, operation: DatabaseOperation) -> bool:
        """Whether the cluster's database fails at an operation."""
        return bool(self._faults) and database_fails(self._faults.values(), self.cluster, operation)

    def unreadable(self) -> frozenset[DatabaseOperation]:
        """What the cluster's database fails to read of what decides a login."""
        if not self._faults:
            return _NOTHING
        return frozenset(operation for operation in _READINGS if self.database_fails(operation))

    # ------------------------------------------------------------------ what sockets ask

    def refuses(self, remote_ip: str) -> bool:
        """Whether HTTP connections between this cluster and an address are refused."""
        if not self.touches_messages:
            return False
        link = {self.cluster, self._sites.get(remote_ip, "")}
        return any(
            fault.kind == "link_refused" and fault.protocol in ("any", "http") and set(fault.link) == link
            for fault in self._faults.values()
        )

    def is_down_at(self, protocol: Protocol, local: Address) -> bool:
        """Whether the service that listens at an address of this cluster does not run."""
        service = _SOCKET_SERVICES.get(protocol)
        return service is not None and self.is_down(service, self._nodes.get(local[0], ""))

    def outgoing(self, protocol: Protocol, local: Address, remote: Address, payload: bytes, story: str = "") -> Verdict:
        """What becomes of a message that this cluster sends.

        Args:
            protocol: Its protocol.
            local: Address that it leaves from.
            remote: Address that it is for.
            payload: The message, whole.
            story: What it belongs to, where the sender knows more than the message tells.
        """
        delay_s = 0.0
        service = _SOCKET_SERVICES.get(protocol)
        if service is not None:
            if self.is_down_at(protocol, local):
                return Verdict(payload, is_dropped=True, fault=f"dropped ({service} is down)")
            node = self._nodes.get(local[0], "")
            delay_s = service_delay_s(self._faults.values(), self.cluster, service, node)
        site = self._sites.get(remote[0], "")
        message = self._message(protocol, self.cluster, site, remote, payload, story)
        result = verdict(self._faults.values(), message, self.lab.seed)
        if delay_s == 0.0 or result.is_dropped:
            return result
        told = f"delayed {delay_s * 1000:g} ms ({service} is slow)" + (f", {result.fault}" if result.fault else "")
        return result._replace(delay_s=result.delay_s + delay_s, fault=told)

    def incoming(self, protocol: Protocol, local: Address, remote: Address, payload: bytes, story: str = "") -> Verdict:
        """What becomes of a message that this cluster receives; see `outgoing`."""
        if self.is_down_at(protocol, local):
            return Verdict(payload, is_dropped=True, fault=f"dropped ({_SOCKET_SERVICES[protocol]} is down)")
        kinds = _CUT_KINDS if remote[0] in self._nodes else LINK_KINDS | MESSAGE_KINDS
        faults = [fault for fault in self._faults.values() if fault.link and fault.kind in kinds]
        site = self._sites.get(remote[0], "")
        message = self._message(protocol, site, self.cluster, remote, payload, story)
        return verdict(faults, message, self.lab.seed)

    def _message(
        self, protocol: Protocol, source: str, destination: str, remote: Address, payload: bytes, story: str
    ) -> FaultedMessage:
        story = story or story_of(protocol, payload)
        if protocol == "tftp":
            story = self._story_of_transfer(remote, story)
        key = (source, destination, protocol, story)
        number = self._counts.pop(key, 0)
        while len(self._counts) >= MAX_STORIES:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = number + 1
        return FaultedMessage(protocol, source, destination, story, number, payload)

    def _story_of_transfer(self, client: Address, file_name: str) -> str:
        """Only the first packet of a transfer names the file."""
        if file_name:
            while len(self._transfers) >= MAX_STORIES:
                del self._transfers[next(iter(self._transfers))]
            self._transfers[client] = f"{client[0]} {file_name}"
        return self._transfers.get(client, client[0])


def _sites(lab: Lab) -> tuple[dict[str, str], dict[str, str]]:
    """The cluster of every address of the lab, and the node of those that are a node's."""
    sites: dict[str, str] = {}
    nodes: dict[str, str] = {}
    for cluster in lab.clusters:
        sites |= {phone.address: cluster.name for phone in cluster.phones if phone.address}
        sites |= {gateway.address: cluster.name for gateway in cluster.gateways}
        for node in cluster.nodes:
            sites[node.address] = cluster.name
            nodes[node.address] = node.name
    return sites, nodes
