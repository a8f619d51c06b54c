"""SIP trunks of a running cluster: their peers, and whether those answer.

An ordinary trunk has destinations. An EMCC trunk has none: its peers are the nodes that each remote cluster named for
"PSTN Access" at the last remote cluster update. Watching an EMCC trunk by OPTIONS is our extension.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from emcc_emu.cluster.records import PSTN_ACCESS, RSVP_AGENT
from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.cluster.wire_timers import WaitingItem, WireTimers
from emcc_emu.errors import TransportError
from emcc_emu.lab.model import Lab, TrunkConfig
from emcc_emu.protocol.sip_flow import DEFAULT_PORT, Address, Flow
from emcc_emu.protocol.sip_options_ping import (
    OptionsPing,
    PingDue,
    PingSettings,
    PingState,
    PingStateChanged,
    TrunkStatus,
    trunk_status,
)
from emcc_emu.protocol.sip_timers import SipTimers
from emcc_emu.wire import sip

if TYPE_CHECKING:
    from emcc_emu.cluster.state import ClusterState

__all__ = ["MAX_PEERS_PER_TRUNK", "PING_SPREAD", "Trunk", "WatchedPeer"]

log = structlog.get_logger(__name__)

MAX_PEERS_PER_TRUNK = 64 * 3
"""Peers of one trunk: three nodes of each of the most clusters that a lab has."""

PING_SPREAD = 0.1
"""Share of the interval over which first pings after the start are spread, so that nodes do not synchronise."""

MAX_START_DELAY_S = 0.05
"""Bound of that spread: the lab is ready only when every peer has been pinged."""


class WatchedPeer(WaitingItem):
    """OPTIONS from one node to one peer.

    Args:
        trunk: The trunk.
        node: Who asks.
        address: Whom.
        settings: Intervals and retries.
    """

    __slots__ = ("_node", "_ping", "_trunk", "address")

    def __init__(self, trunk: Trunk, node: SipNode, address: Address, settings: PingSettings) -> None:
        super().__init__()
        self._trunk = trunk
        self._node = node
        self._ping = OptionsPing(settings)
        self.address = address

    @property
    def node_name(self) -> str:
        """Name of the asking node."""
        return self._node.name

    @property
    def state(self) -> PingState:
        """What is known of the peer."""
        return self._ping.state

    @property
    def is_settled(self) -> bool:
        """Whether the peer has answered, or failed to, since it was last started."""
        return self._ping.state is not PingState.UNKNOWN

    @property
    def reason(self) -> str:
        """Why it is down: `remote=503`, `local=1` and so on; empty otherwise."""
        return self._ping.reason

    def start(self, delay_s: float) -> None:
        """Forget what is known and ping after `delay_s`."""
        self._ping.start(self._trunk.timers.now(), delay_s)
        self._follow()

    def stop(self) -> None:
        """Ping no more."""
        self._ping.stop()
        self._trunk.timers.cancel(self)

    def deadline_reached(self, now: float) -> None:
        """The next ping is due, or the last one has not been answered."""
        self._ping.handle_deadline(now)
        self._follow()

    def _follow(self) -> None:
        for event in self._ping.take_events():
            if isinstance(event, PingDue):
                self._send(event)
            else:
                self._note_change(event)
        self._trunk.timers.set(self, self._ping.next_deadline())

    def _send(self, due: PingDue) -> None:
        node, (ip, port) = self._node, self.address
        transport = self._trunk.config.transport
        request = node.out_of_dialog(
            "OPTIONS",
            f"sip:{ip}:{port}",
            from_uri=f"sip:{node.ip}",
            to_uri=f"sip:{ip}",
            transport=transport,
            max_forwards=0,
        )
        timers = SipTimers(t1_s=due.t1_s, timeout_s=due.timeout_s)
        try:
            node.endpoint.send_request(
                request,
                self.address,
                transport,
                on_response=self._answered,
                on_failure=self._failed,
                timers=timers,
                timeout_s=due.timeout_s,
            )
        except TransportError:
            self._failed("unreachable")

    def _answered(self, response: sip.SipResponse, _flow: Flow) -> None:
        if response.status >= 200:
            self._ping.answered(response.status, self._trunk.timers.now())
            self._conclude()

    def _failed(self, reason: str) -> None:
        self._ping.failed(reason, self._trunk.timers.now())
        self._conclude()

    def _conclude(self) -> None:
        self._follow()
        self._trunk.peer_settled()

    def _note_change(self, change: PingStateChanged) -> None:
        self._trunk.note_change(self, change)


class Trunk:
    """One SIP trunk on all nodes that run it.

    Args:
        config: The trunk as configured.
        lab: Tells the SIP ports of other clusters' nodes; a remote cluster update brings addresses only.
        state: Knows the cluster as it is configured now, and what the remote cluster updates brought.
        timers: Wakes the pings.
        rng: Spreads them.
    """

    def __init__(
        self,
        config: TrunkConfig,
        lab: Lab,
        state: ClusterState,
        timers: WireTimers,
        rng: random.Random,
    ) -> None:
        self.config = config
        self.timers = timers
        self._state = state
        self._rng = rng
        self._port_of = {
            node.address: node.ports.sip
            for other in lab.clusters
            if other.name != state.config.name
            for node in other.nodes
        }
        self._nodes: list[SipNode] = []
        self._peers: dict[Address, str] = {}
        self._peer_ips: frozenset[str] = frozenset()
        self._watched: dict[tuple[str, Address], WatchedPeer] = {}
        self._status = TrunkStatus.UNKNOWN
        self._waiters: list[asyncio.Future[None]] = []
        self._settings = PingSettings(
            in_service_interval_s=config.ping_interval_in_service_s,
            out_of_service_interval_s=config.ping_interval_out_of_service_s,
            retry_timer_s=config.ping_retry_timer_s,
            retry_count=config.ping_tries,
        )

    @property
    def name(self) -> str:
        """Name of the trunk."""
        return self.config.name

    @property
    def status(self) -> TrunkStatus:
        """Sum over all nodes and peers."""
        if not self.config.is_pinged:
            return TrunkStatus.UNKNOWN
        return trunk_status([watched.state for watched in self._watched.values()])

    @property
    def peers(self) -> tuple[Address, ...]:
        """All its peers, in the order in which they are tried."""
        return tuple(self._peers)

    def watched(self) -> list[WatchedPeer]:
        """Every pair of node and peer that is pinged."""
        return list(self._watched.values())

    def has_peer(self, ip: str) -> bool:
        """Whether requests from this address belong to the trunk."""
        return ip in self._peer_ips

    def cluster_of(self, ip: str) -> str:
        """The remote cluster of an EMCC trunk's peer; empty when unknown."""
        return next((cluster_id for (peer_ip, _), cluster_id in self._peers.items() if peer_ip == ip), "")

    def callable_peers(self, cluster_id: str | None = None) -> list[Address]:
        """Peers that new calls may go to, in order: those that no node in service knows to be down.

        Args:
            cluster_id: Only peers of this remote cluster; None for all.
        """
        wanted = [address for address, owner in self._peers.items() if cluster_id in (None, owner)]
        if not self.config.is_pinged:
            return wanted
        return [address for address in wanted if self._is_up(address)]

    def _is_up(self, address: Address) -> bool:
        return any(
            peer.state is PingState.UP
            for (_, watched_address), peer in self._watched.items()
            if watched_address == address
        )

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self, nodes: list[SipNode]) -> None:
        """Run on the nodes of the trunk's CallManager group and begin to ping."""
        pool = self._state.config.device_pools_by_name.get(self.config.device_pool)
        group = pool.call_manager_group if pool is not None else ()
        self._nodes = [node for node in nodes if not group or node.name in group]
        self.refresh_peers()

    @property
    def nodes(self) -> list[SipNode]:
        """The nodes that run it."""
        return self._nodes

    def refresh_peers(self) -> None:
        """Learn the peers again; new ones are pinged, lost ones forgotten."""
        self._peers = dict(list(self._current_peers())[:MAX_PEERS_PER_TRUNK])
        self._peer_ips = frozenset(ip for ip, _ in self._peers)
        if not self.config.is_pinged:
            return
        wanted = {(node.name, address): node for node in self._nodes for address in self._peers}
        for key in [key for key in self._watched if key not in wanted]:
            self._watched.pop(key).stop()
        for key, node in wanted.items():
            if key not in self._watched:
                peer = self._watched[key] = WatchedPeer(self, node, key[1], self._settings)
                peer.start(
                    self._rng.uniform(0, min(self._settings.in_service_interval_s * PING_SPREAD, MAX_START_DELAY_S))
                )
        self.peer_settled()

    def reset(self) -> None:
        """Forget what is known of every peer and ping all again."""
        for peer in self._watched.values():
            peer.start(self._rng.uniform(0, MAX_START_DELAY_S))

    def _current_peers(self) -> Iterator[tuple[Address, str]]:
        if not self.config.is_emcc:
            for destination in self.config.destinations:
                host, port = sip.host_port(destination)
                yield (host, port or DEFAULT_PORT), ""
            return
        for service, trunk_name in self._services():
            if trunk_name != self.config.name:
                continue
            for remote in self._state.remote_clusters.values():
                for ip in remote.addresses(service):
                    yield (ip, self._port_of.get(ip, DEFAULT_PORT)), remote.cluster_id

    def _services(self) -> Iterator[tuple[str, str]]:
        profile = self._state.config.intercluster_service_profile
        if profile.pstn_access_active:
            yield PSTN_ACCESS, profile.pstn_access_trunk
        if profile.rsvp_agent_active:
            yield RSVP_AGENT, profile.rsvp_agent_trunk

    # -- service state -------------------------------------------------------------------------------------------

    async def wait_pinged(self) -> None:
        """Return when every watched peer has answered, or failed to, since it was last reset."""
        while not self._is_settled():
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter

    def _is_settled(self) -> bool:
        return all(peer.is_settled for peer in self._watched.values())

    def peer_settled(self) -> None:
        """For `WatchedPeer`: a ping has a result."""
        if self._is_settled():
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def note_change(self, peer: WatchedPeer, change: PingStateChanged) -> None:
        """For `WatchedPeer`: a peer went up or down; logged like the alarms SIPTrunkISV, PartiallyISV and OOS."""
        status = self.status
        report = partial(log.info, "trunk_peer_changed", trunk=self.name, node=peer.node_name)
        report(peer=f"{peer.address[0]}:{peer.address[1]}", state=change.state.value, reason=change.reason)
        if status is not self._status:
            self._status = status
            log.info("trunk_status_changed", trunk=self.name, status=status.value, unavailable=self._unavailable())

    def _unavailable(self) -> str:
        down = (peer for peer in self._watched.values() if peer.state is PingState.DOWN)
        return ";".join(f"{peer.address[0]}:{peer.address[1]}, {peer.reason}" for peer in down)

    def view(self) -> dict[str, Any]:
        """The trunk as screens show it."""
        return {
            "name": self.name,
            "service_type": self.config.service_type,
            "status": self.status.value,
            "pinged": self.config.is_pinged,
            "peers": [
                {
                    "address": f"{address[0]}:{address[1]}",
                    "cluster": cluster_id,
                    "nodes": {
                        node_name: f"{peer.state.value} {peer.reason}".strip()
                        for (node_name, watched), peer in self._watched.items()
                        if watched == address
                    },
                }
                for address, cluster_id in self._peers.items()
            ],
        }
