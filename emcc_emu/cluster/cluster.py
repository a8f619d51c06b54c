"""One running cluster: its state, its EM services, its call processing, on all its nodes."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import secrets
import ssl
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from emcc_emu.cluster.callmanager import CallManager
from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.database import Database
from emcc_emu.cluster.em_services import EmServices, NodeServices
from emcc_emu.cluster.state import ClusterState
from emcc_emu.cluster.status import cluster_status
from emcc_emu.lab.faults import Fault, read_fault
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from emcc_emu.protocol.sip_options_ping import TrunkStatus
from emcc_emu.trace.recorder import Recorder

__all__ = ["Cluster", "ClusterCertificates", "settle"]


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterCertificates:
    """TLS settings of one cluster."""

    server_contexts: Mapping[str, ssl.SSLContext]
    """With what each node serves, by node name."""

    client_context: ssl.SSLContext
    """Whom the cluster's services trust when they ask their own nodes and other clusters."""


class Cluster:
    """A Unified CM cluster; `async with` starts and stops it.

    Args:
        config: The cluster.
        lab: The lab it belongs to.
        recorder: Sees every packet; None costs nothing. It is not closed here.
        database_path: The cluster's database; None keeps one in a temporary directory until the cluster stops.
        certificates: Its TLS settings.
        clock: Its times, shared by the clusters of a process. It is not closed here.
        rng: Seeds everything random.
    """

    def __init__(
        self,
        config: ClusterConfig,
        lab: Lab,
        *,
        recorder: Recorder | None,
        database_path: Path | None,
        certificates: ClusterCertificates,
        clock: Clock,
        rng: random.Random,
    ) -> None:
        self.name = config.name
        self.lab = lab
        self.clock = clock
        self._initial_config = config
        self._recorder = recorder
        self._database_path = database_path
        self._certificates = certificates
        self._rng = rng
        self._exit = contextlib.AsyncExitStack()
        self.state: ClusterState
        """What the cluster knows; there once it was started."""
        self.call_manager: CallManager
        """Call processing; there once it was started."""
        self.em: EmServices
        """The EM side; there once it was started."""

    async def __aenter__(self) -> Self:
        """Start every service of every node.

        Raises:
            LabError: An address or port cannot be used, or the database cannot be opened; nothing stays open.
        """
        async with contextlib.AsyncExitStack() as undo:
            path = self._database_path
            if path is None:
                directory = undo.enter_context(tempfile.TemporaryDirectory(prefix=f"emcc-emu-{self.name}-"))
                path = Path(directory) / f"{self.name}.sqlite"
            database = Database(path)
            undo.push_async_callback(database.close)
            self.state = ClusterState(self._initial_config, self.lab, database=database, clock=self.clock)
            self.call_manager = CallManager(
                self._initial_config,
                self.lab,
                self.state,
                recorder=self._recorder,
                rng=self._rng,
                clock=self.clock,
            )
            context = ServiceContext(
                state=self.state,
                clock=self.clock,
                rng=self._rng,
                control=self.call_manager,
                client_context=self._certificates.client_context,
                recorder=self._recorder,
                shared_secret=secrets.token_hex(16),
            )
            self.em = EmServices(context, self._certificates.server_contexts)
            self.call_manager.on_registration_change = self._registration_changed
            self.call_manager.registrar.on_unknown_phone = self.em.administration.phone_appeared
            undo.push_async_callback(self.call_manager.close)
            await self.call_manager.start()
            undo.push_async_callback(self.em.close)
            await self.em.start()
            self._exit = undo.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    def _registration_changed(self, device_name: str, is_registered: bool) -> None:
        if is_registered:
            self.em.desk.phone_registered(device_name)

    @property
    def config(self) -> ClusterConfig:
        """The cluster as configured now."""
        return self.state.config

    @property
    def nodes(self) -> dict[str, NodeServices]:
        """HTTP and TFTP services of each node, by node name."""
        return self.em.nodes

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force, those that concern other clusters included."""
        return self.state.faults.faults

    def set_fault(self, name: str, values: Mapping[str, Any]) -> Fault:
        """Let something go wrong from now on, in place of a fault of the same name.

        A fault of a link has to be set in both clusters that the link joins.

        Args:
            name: By which it is cleared.
            values: Its fields by the names that a lab file uses, spelt as there.

        Raises:
            InputError: They have mistakes.
        """
        fault = read_fault(self.state.lab, name, values)
        self.state.faults.set(fault)
        return fault

    def clear_faults(self, *names: str) -> list[str]:
        """End these faults, all when none is named; the names of those that there were."""
        return self.state.faults.clear(*names)

    async def update_remote_clusters(self) -> None:
        """Update every remote cluster and wait for the outcomes; trunks then know their peers.

        Raises:
            EmError: 6, the database failed.
        """
        await self.em.update_remote_clusters()
        self.call_manager.refresh_trunk_peers()

    async def ping_trunks(self) -> None:
        """Ping again the peers of every trunk that is not in full service, and wait for the outcomes.

        A lab that starts does this once all its clusters have been updated: before that a peer answers the ping of a
        cluster that it does not know yet with 503, and would be out of service until the next ping.
        """
        await self.call_manager.wait_trunks_pinged()
        for trunk in self.call_manager.trunks.values():
            if trunk.status is not TrunkStatus.FULL_SERVICE:
                trunk.reset()
        await self.call_manager.wait_trunks_pinged()

    def status(self) -> dict[str, Any]:
        """What screens and the control API show of the cluster; everything in it JSON can say."""
        return cluster_status(self.em) | {"call_processing": self.call_manager.status()}


async def settle(clusters: Iterable[Cluster]) -> None:
    """What makes clusters that run in one loop ready: all update their remote clusters, then all ping their trunks.

    Raises:
        EmError: 6, a database failed.
    """
    running = tuple(clusters)
    await asyncio.gather(*(cluster.update_remote_clusters() for cluster in running))
    await asyncio.gather(*(cluster.ping_trunks() for cluster in running))
