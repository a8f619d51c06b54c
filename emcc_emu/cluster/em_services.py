"""Everything of a cluster that speaks HTTP or TFTP, on all its nodes: EMApp, EMService, Change Credential, files."""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from emcc_emu.cluster.administration import Administration
from emcc_emu.cluster.bulk_jobs import BulkJobs
from emcc_emu.cluster.change_credential import CHANGE_CREDENTIAL_PATH, ChangeCredential
from emcc_emu.cluster.config_files import ConfigFiles
from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.em_access import EmAccess
from emcc_emu.cluster.emapp import EMAPP_PATH, EmApp
from emcc_emu.cluster.emservice import EMSERVICE_PATH, EmService
from emcc_emu.cluster.home_service import HomeService
from emcc_emu.cluster.jobs import Jobs
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.cluster.peers import ClusterPeers, node_clients
from emcc_emu.cluster.reconcile import Reconciler
from emcc_emu.cluster.remote_update import RemoteClusterUpdate
from emcc_emu.cluster.services_menu import AUTHENTICATE_PATH, SERVICES_MENU_PATH, ServicesMenu
from emcc_emu.cluster.tftp import TftpService
from emcc_emu.cluster.visiting_service import VisitingService
from emcc_emu.cluster.web import Handler, WebServer
from emcc_emu.errors import LabError, TransportError
from emcc_emu.lab.model import ClusterConfig, Node
from emcc_emu.net.http_client import HttpClient

__all__ = ["EmServices", "NodeServices"]


@dataclass(frozen=True, slots=True)
class NodeServices:
    """The services of one node."""

    node: Node
    em_service: EmService
    em_app: EmApp
    http: WebServer
    https: WebServer
    tftp: TftpService

    async def start(self) -> None:
        """Listen on every port.

        Raises:
            TransportError: One cannot be bound.
        """
        for server in (self.http, self.https, self.tftp):
            await server.start()

    async def close(self) -> None:
        """Release every port."""
        for server in (self.http, self.https, self.tftp):
            await server.close()


class EmServices:
    """The EM side of one cluster.

    Args:
        context: What its services share.
        server_contexts: TLS settings of each node, by node name.
    """

    def __init__(self, context: ServiceContext, server_contexts: Mapping[str, ssl.SSLContext]) -> None:
        self.context = context
        self._clients = node_clients(context)
        self.peers = ClusterPeers(context, self._clients)
        self.reconciler = Reconciler(context, self.peers)
        self.desk = LoginDesk(context, self.reconciler.tell_visiting)
        self.visiting = VisitingService(context, self.desk, self.peers, self.reconciler)
        self.home = HomeService(context, self.desk)
        self.updates = RemoteClusterUpdate(context, self._clients)
        self.jobs = Jobs(context, self.update_remote_clusters, self.desk)
        self.administration = Administration(context)
        self.bulk_jobs = BulkJobs(context, self.administration.lock)
        self.files = ConfigFiles(context.state)
        self._access = EmAccess(context)
        self.nodes: dict[str, NodeServices] = {}
        for node in context.config.nodes:
            self.nodes[node.name] = self._make_node(node, self._clients[node.name], server_contexts[node.name])

    async def start(self) -> None:
        """Listen on every port, take up sessions of the database, ask the remote clusters in the background.

        Raises:
            LabError: A port cannot be bound; nothing stays open.
        """
        try:
            for services in self.nodes.values():
                await services.start()
        except TransportError as error:
            await self.close()
            raise LabError(f"cluster {self.context.config.name}: {error}") from error
        self.updates.list_configured()
        self.desk.resume()
        self.jobs.start()
        self.bulk_jobs.resume()
        self.context.state.config_listeners.append(self._configuration_changed)
        self.context.background.start("trusted hosts", self._access.resolve_trusted_hosts())
        self.context.background.start("first remote cluster update", self.update_remote_clusters())
        self.context.background.start("reconcile", self._reconcile_for_ever())

    async def close(self) -> None:
        """Stop everything and release every port. May be called again."""
        self.jobs.close()
        self.bulk_jobs.close()
        self.desk.close()
        await self.context.background.close()
        await asyncio.gather(*(services.close() for services in self.nodes.values()))
        await asyncio.gather(*(client.close() for client in self._clients.values()))

    async def update_remote_clusters(self) -> None:
        """Ask every remote cluster, then carry on with what was interrupted between us.

        Raises:
            EmError: 6.
        """
        await self.updates.update_all()
        await self.reconciler.run_once()

    def _configuration_changed(self, before: ClusterConfig) -> None:
        """Let take effect what is not read anew with each request."""
        after = self.context.config
        self.context.background.start("trusted hosts", self._access.resolve_trusted_hosts())
        self.jobs.intervals_changed()
        if after.remote_clusters != before.remote_clusters:
            self.updates.list_configured()
            self.context.control.refresh_trunk_peers()
        for node in after.nodes:
            was = before.nodes_by_name[node.name]
            if node.em != was.em:
                self.nodes[node.name].em_service.is_active = node.em
            if node.tftp != was.tftp:
                self.nodes[node.name].tftp.is_active = node.tftp

    async def _reconcile_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.reconciler.retry_after_s)
            await self.reconciler.run_once()

    def _make_node(self, node: Node, client: HttpClient, server_context: ssl.SSLContext) -> NodeServices:
        context = self.context
        em_service = EmService(
            context, node, desk=self.desk, access=self._access, home=self.home, visiting=self.visiting
        )
        base_url = functools.partial(self._base_url, node.name)
        em_app = EmApp(
            context,
            node,
            client=client,
            base_url=base_url,
            service_urls=functools.partial(self._service_urls, node.name),
        )
        menu = ServicesMenu(context, node)
        routes: dict[str, Handler] = {
            EMSERVICE_PATH: em_service.handle,
            EMAPP_PATH: em_app.handle,
            CHANGE_CREDENTIAL_PATH: ChangeCredential(context, base_url).handle,
            SERVICES_MENU_PATH: menu.services,
            AUTHENTICATE_PATH: menu.authenticate,
        }
        recorder, faults, ports = context.recorder, context.faults, node.ports
        return NodeServices(
            node,
            em_service,
            em_app,
            WebServer((node.address, ports.http), routes, recorder=recorder, faults=faults),
            WebServer(
                (node.address, ports.https), routes, ssl_context=server_context, recorder=recorder, faults=faults
            ),
            TftpService(
                node,
                self.files,
                recorder=recorder,
                max_serving=context.config.call_manager.tftp_maximum_serving_count,
                faults=faults,
            ),
        )

    def _base_url(self, node_name: str, is_tls: bool) -> str:
        services = self.nodes[node_name]
        server = services.https if is_tls else services.http
        return f"{'https' if is_tls else 'http'}://{server.address[0]}:{server.address[1]}"

    def _service_urls(self, node_name: str) -> list[str]:
        """EMServices that an EMApp may ask: its own node's first."""
        names = [node_name, *(node.name for node in self.context.config.em_nodes if node.name != node_name)]
        return [f"{self._base_url(name, True)}{EMSERVICE_PATH}" for name in names]
