"""Remote cluster update: each cluster asks the others what release they run, which EMCC services they offer, and
where.

The question goes to the other cluster's EMApp (`getClusterInfo=true`), as published traces suggest. A cluster that
does not answer loses Remote Activated for all its services, so EMCC logins towards it fail until it answers again.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.records import (
    EMCC,
    INTERCLUSTER_SERVICES,
    PSTN_ACCESS,
    RSVP_AGENT,
    RemoteClusterStatus,
    RemoteService,
)
from emcc_emu.errors import EmError, InputError, XmlInvalid
from emcc_emu.lab.model import ClusterConfig, RemoteCluster
from emcc_emu.net.http_client import HttpClient, HttpTransportError
from emcc_emu.wire.em_documents import Failure
from emcc_emu.wire.emcc_documents import ClusterInfo, ClusterService
from emcc_emu.wire.emcc_responses import MAX_SERVICE_ADDRESSES, parse_emcc_response

__all__ = ["RemoteClusterUpdate", "cluster_info"]

log = structlog.get_logger()

CODE_NO_RESPONSE = 40
CODE_INVALID_CLUSTER_ID = 42
CODE_NO_CONNECTION = 208
CODE_CLUSTER_ID_REFUSED = 212


class RemoteClusterUpdate:
    """Keeps one cluster's knowledge of the others.

    Args:
        context: The cluster.
        clients: HTTPS client of each node, by node name.
    """

    def __init__(self, context: ServiceContext, clients: dict[str, HttpClient]) -> None:
        self._context = context
        self._state = context.state
        self._clients = clients
        self._locks: dict[str, asyncio.Lock] = {}

    def list_configured(self) -> None:
        """Have an entry for every configured remote cluster and none for others, before the first update.

        What the database remembers of a remote cluster stays; whether a service is enabled is configuration.
        """
        known = self._state.remote_clusters
        entries = self._context.config.remote_clusters_by_id
        for cluster_id in set(known) - set(entries):
            del known[cluster_id]
        for cluster_id, entry in entries.items():
            status = known.get(cluster_id) or RemoteClusterStatus(cluster_id)
            known[cluster_id] = _with_flags(status, entry, status.services)

    async def update_all(self) -> None:
        """Ask every configured remote cluster at once; returns when all outcomes are written.

        Raises:
            EmError: 6, the database failed.
        """
        await asyncio.gather(*(self.update(cluster_id) for cluster_id in self._context.config.remote_clusters_by_id))

    async def update(self, cluster_id: str) -> RemoteClusterStatus:
        """Ask one remote cluster: its Default Server for Remote Cluster Update first, then the backup.

        What the status then has as error code is what logins of its users come to: 42 and 208; 40 stands for silence,
        after which the cluster is not asked, so that its users are unknown (23).

        Raises:
            EmError: 6, the database failed; 42, no such remote cluster is configured.
        """
        entry = self._context.config.remote_clusters_by_id.get(cluster_id)
        if entry is None:
            raise EmError(CODE_INVALID_CLUSTER_ID)
        async with self._locks.setdefault(cluster_id, asyncio.Lock()):  # an older outcome must not replace a newer one
            return await self._update(entry)

    async def _update(self, entry: RemoteCluster) -> RemoteClusterStatus:
        cluster_id = entry.cluster_id
        before = self._state.remote_cluster(cluster_id) or RemoteClusterStatus(cluster_id)
        answer = await self._ask(entry, before)
        if isinstance(answer, ClusterInfo):
            status = _learned(entry, answer, self._context.clock.time())
        else:
            status = _lost(before, entry, answer, self._context.clock.time())
        await self._state.put_remote_cluster(status)
        self._context.control.refresh_trunk_peers()
        log.info(
            "remote_cluster_updated",
            cluster=self._context.config.name,
            remote_cluster=cluster_id,
            version=status.version,
            error_code=status.error_code,
        )
        return status

    async def _ask(self, entry: RemoteCluster, before: RemoteClusterStatus) -> ClusterInfo | int:
        """What the cluster says; or why it said nothing: 42 it has another ID, 208 there is no trust, 40 silence."""
        code = CODE_NO_RESPONSE
        service = before.services.get(EMCC)
        addresses = [entry.fully_qualified_name, *(service.addresses if service is not None else ())]
        for address in dict.fromkeys(filter(None, addresses)):
            answer = await self._ask_server(f"https://{address}:{entry.https_port or 8443}", entry.cluster_id)
            if isinstance(answer, ClusterInfo) or answer == CODE_INVALID_CLUSTER_ID:
                return answer
            code = max(code, answer)
        return code

    async def _ask_server(self, base_url: str, cluster_id: str) -> ClusterInfo | int:
        config = self._context.config
        query = urlencode({"getClusterInfo": "true", "clusterId": cluster_id, "fromClusterId": config.cluster_id})
        node = (config.em_nodes or config.nodes)[0]
        try:
            reply = await self._clients[node.name].get(
                f"{base_url}/emapp/EMAppServlet?{query}", timeout_s=config.service_times.remote_answer_timeout_s
            )
            answer = parse_emcc_response(reply.body) if reply.status == 200 else None
        except (HttpTransportError, XmlInvalid, InputError) as error:
            log.warning("remote_cluster_silent", cluster=config.name, remote_cluster=cluster_id, reason=str(error))
            is_untrusted = isinstance(error, HttpTransportError) and error.kind == "tls"
            return CODE_NO_CONNECTION if is_untrusted else CODE_NO_RESPONSE
        if isinstance(answer, Failure) and answer.code == CODE_CLUSTER_ID_REFUSED:
            return CODE_INVALID_CLUSTER_ID
        if not isinstance(answer, ClusterInfo):
            return CODE_NO_RESPONSE
        return answer if answer.cluster_id == cluster_id else CODE_INVALID_CLUSTER_ID


def _learned(entry: RemoteCluster, answer: ClusterInfo, now_s: float) -> RemoteClusterStatus:
    learned = {
        service.name: RemoteService(False, service.is_activated, service.addresses)
        for service in answer.services
        if service.name in INTERCLUSTER_SERVICES
    }
    status = RemoteClusterStatus(entry.cluster_id, answer.version, answer.security_mode == 1, updated_s=now_s)
    return _with_flags(status, entry, learned)


def _lost(before: RemoteClusterStatus, entry: RemoteCluster, code: int, now_s: float) -> RemoteClusterStatus:
    """The entry after an update that failed: nothing activated, but what was learned before is still shown."""
    services = {name: RemoteService(False, False, service.addresses) for name, service in before.services.items()}
    status = RemoteClusterStatus(
        entry.cluster_id, before.version, before.is_mixed_mode, updated_s=now_s, error_code=code
    )
    return _with_flags(status, entry, services)


def _with_flags(
    status: RemoteClusterStatus, entry: RemoteCluster, services: dict[str, RemoteService]
) -> RemoteClusterStatus:
    flags = {EMCC: entry.emcc, PSTN_ACCESS: entry.pstn_access, RSVP_AGENT: entry.rsvp_agent}
    nothing = RemoteService(False)
    return RemoteClusterStatus(
        status.cluster_id,
        status.version,
        status.is_mixed_mode,
        {
            name: RemoteService(
                is_enabled,
                services.get(name, nothing).is_remote_activated,
                services.get(name, nothing).addresses,
            )
            for name, is_enabled in flags.items()
        },
        status.updated_s,
        status.error_code,
    )


def cluster_info(config: ClusterConfig, asked_cluster_id: str) -> ClusterInfo | Failure:
    """What this cluster tells another one about itself.

    Args:
        config: This cluster.
        asked_cluster_id: The Cluster ID under which the other one knows it; a wrong one is refused with 212.
    """
    if asked_cluster_id != config.cluster_id:
        return Failure(CODE_CLUSTER_ID_REFUSED, "Cluster ID is invalid")
    profile = config.intercluster_service_profile
    names = [config.emcc.default_update_server, config.emcc.backup_update_server]
    preferred = [node for name in names for node in config.nodes if name and name in (node.name, node.address)]
    em_addresses = [node.address for node in [*preferred, *config.em_nodes] if node.em]
    services = (
        ClusterService(EMCC, profile.emcc_active, _few(em_addresses)),
        ClusterService(
            PSTN_ACCESS,
            profile.pstn_access_active,
            _few(_trunk_addresses(config, profile.pstn_access_trunk)) if profile.pstn_access_active else (),
        ),
        ClusterService(
            RSVP_AGENT,
            profile.rsvp_agent_active,
            _few(_trunk_addresses(config, profile.rsvp_agent_trunk)) if profile.rsvp_agent_active else (),
        ),
    )
    return ClusterInfo(config.cluster_id, config.version, int(config.security_mode == "mixed"), services)


def _trunk_addresses(config: ClusterConfig, trunk_name: str) -> list[str]:
    """Nodes of the CallManager group of the trunk's device pool."""
    trunk = config.trunks_by_name.get(trunk_name)
    if trunk is None:
        return []
    group = config.device_pools_by_name[trunk.device_pool].call_manager_group
    return [config.nodes_by_name[name].address for name in group]


def _few(addresses: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(addresses))[:MAX_SERVICE_ADDRESSES]
