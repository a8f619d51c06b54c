"""CallManager: call processing of one cluster on all its nodes — registrar, calls, trunks, gateways."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from emcc_emu.cluster.call_control import CallControl
from emcc_emu.cluster.call_routes import RouteFinder
from emcc_emu.cluster.digest_gate import DigestGate
from emcc_emu.cluster.gateway import Gateway
from emcc_emu.cluster.node_handler import NodeHandler
from emcc_emu.cluster.registrar import Registrar
from emcc_emu.cluster.registration import RegistrationView
from emcc_emu.cluster.sip_identity import NodeIdentity
from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.cluster.trunks import Trunk
from emcc_emu.cluster.wire_timers import WireTimers
from emcc_emu.lab.model import ClusterConfig, Lab, Node
from emcc_emu.net.clock import Clock
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_flow import Address
from emcc_emu.trace.recorder import Recorder

if TYPE_CHECKING:
    from emcc_emu.cluster.state import ClusterState

__all__ = ["CallManager"]

log = structlog.get_logger(__name__)


class CallManager:
    """Call processing of one cluster; `start` binds its sockets, `close` releases them.

    Args:
        config: The cluster.
        lab: Its lab, which tells the SIP ports of other clusters' nodes.
        state: Devices, numbers, remote clusters; takes the call records.
        recorder: Gets every SIP message; None for no recording.
        rng: Seeds identifiers, nonces and the spread of pings.
        clock: Wire time and calendar time.
    """

    def __init__(
        self,
        config: ClusterConfig,
        lab: Lab,
        state: ClusterState,
        *,
        recorder: Recorder | None,
        rng: random.Random,
        clock: Clock,
    ) -> None:
        self.config = config
        self._lab = lab
        self._state = state
        self._recorder = recorder
        self._rng = rng
        self._clock = clock
        self._timers = WireTimers(clock.now)
        gate = DigestGate(rng, clock.now)
        self.registrar = Registrar(state, self._timers, gate, clock.time)
        self.trunks: dict[str, Trunk] = {
            trunk.name: Trunk(trunk, lab, state, self._timers, rng) for trunk in config.trunks
        }
        self.calls = CallControl(config, state, self.registrar, self.trunks, self._timers, clock.time)
        self.calls.routes = RouteFinder(state, self.registrar, self.trunks, self.calls.count_calls)
        self.gateways: dict[str, Gateway] = {
            gateway.name: Gateway(gateway, recorder=recorder, rng=rng, clock=clock)
            for gateway in config.gateways
            if not gateway.external
        }
        self.nodes: dict[str, SipNode] = {}
        state.faults.listeners.append(self._faults_changed)

    @property
    def addresses(self) -> dict[str, dict[str, Address]]:
        """The bound address of each transport, by node name."""
        return {name: node.endpoint.addresses for name, node in self.nodes.items()}

    @property
    def on_registration_change(self) -> Callable[[str, bool], None] | None:
        """Called with device name and whether it is registered now, after each change."""
        return self.registrar.on_change

    @on_registration_change.setter
    def on_registration_change(self, listener: Callable[[str, bool], None] | None) -> None:
        self.registrar.on_change = listener

    async def start(self) -> None:
        """Bind every node and gateway, then begin to watch the trunks.

        Raises:
            TransportError: An address cannot be bound; nothing stays bound.
        """
        async with contextlib.AsyncExitStack() as opened:
            opened.push_async_callback(self.close)
            for node in self.config.nodes:
                if node.call_manager:
                    await self._start_node(node)
            for gateway in self.gateways.values():
                await gateway.start()
            opened.pop_all()
        for trunk in self.trunks.values():
            trunk.start(list(self.nodes.values()))

    async def _start_node(self, node: Node) -> None:
        handler = NodeHandler(self.registrar, self.calls, self.trunks, self.config)
        identity = NodeIdentity(node.address, self.config.version, self._rng)
        endpoint = SipEndpoint(
            handler,
            rng=self._rng,
            listen=(("udp", (node.address, node.ports.sip)), ("tcp", (node.address, node.ports.sip))),
            recorder=self._recorder,
            local_ip=node.address,
            make_branch=identity.branch,
            faults=self._state.faults,
        )
        await endpoint.start()
        port = endpoint.addresses["tcp"][1]
        sip_node = SipNode(node.name, endpoint, identity, node.address, port, self._clock.time)
        handler.node = sip_node
        self.nodes[node.name] = sip_node

    async def close(self) -> None:
        """Hang up every call, then release every socket and timer. May be called again."""
        self.calls.hang_up_all()
        self._timers.close()
        for gateway in self.gateways.values():
            await gateway.close()
        for node in self.nodes.values():
            await node.endpoint.close()

    def _faults_changed(self) -> None:
        """A CallManager that goes down forgets its phones and closes its connections."""
        for name, node in self.nodes.items():
            if not self._state.faults.is_down("call_manager", name):
                continue
            for view in self.registrar.views():
                if view.node == name:
                    self.unregister_device(view.device_name)
            for flow in node.endpoint.open_flows():
                node.endpoint.close_connection(flow)

    # -- for the EM services --------------------------------------------------------------------------------------

    def is_registered(self, device_name: str) -> bool:
        """Whether a phone is registered in this cluster."""
        return self.registrar.get(device_name) is not None

    def reset_device(self, device_name: str, action: str = "restart") -> bool:
        """Order a registered phone to `restart`, `reset`, `apply-config` or `check-version`.

        Returns:
            False when it is not registered, cannot be reached, or takes no such order.
        """
        return self.registrar.order(device_name, action)

    def unregister_device(self, device_name: str) -> bool:
        """Forget a registration without telling the phone; False when there is none."""
        registration = self.registrar.get(device_name)
        if registration is not None:
            self.registrar.remove(registration, "removed")
        return registration is not None

    def registered_addresses(self) -> frozenset[str]:
        """IP addresses of all registered phones."""
        return self.registrar.book.addresses()

    def registration(self, device_name: str) -> RegistrationView | None:
        """One registration, None while the phone is not registered."""
        registration = self.registrar.get(device_name)
        return None if registration is None else registration.view()

    def registrations(self) -> list[RegistrationView]:
        """All registrations."""
        return self.registrar.views()

    def refresh_trunk_peers(self) -> None:
        """Take the peers of EMCC trunks from what the last remote cluster updates brought."""
        for trunk in self.trunks.values():
            trunk.refresh_peers()

    async def wait_trunks_pinged(self) -> None:
        """Return when every watched peer has answered, or failed to, at least once."""
        for trunk in self.trunks.values():
            await trunk.wait_pinged()

    def status(self) -> dict[str, Any]:
        """What screens and the control API show of call processing."""
        return {
            "registered": len(self.registrar),
            "registrations": [
                {
                    "device": view.device_name,
                    "node": view.node,
                    "transport": view.transport,
                    "address": f"{view.address[0]}:{view.address[1]}",
                    "lines": list(view.directory_numbers),
                    "partial": view.is_partial,
                }
                for view in self.registrar.views()
            ],
            "calls": self.calls.views(),
            "trunks": [trunk.view() for trunk in self.trunks.values()],
            "gateways": [gateway.view() for gateway in self.gateways.values()],
        }
