"""How the EM services of one cluster ask those of another: HTTPS on kept-alive connections, bounded in time."""

from __future__ import annotations

import itertools

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.records import EMCC
from emcc_emu.errors import XmlInvalid
from emcc_emu.lab.model import Node
from emcc_emu.net.http_client import FailureKind, HttpClient, HttpTransportError
from emcc_emu.wire.em_form import FORM_CONTENT_TYPE, encode_form
from emcc_emu.wire.emcc_documents import EmccInfo, EmccRequest, EmccResponse
from emcc_emu.wire.emcc_xml import build_emcc_request, parse_emcc_response

__all__ = ["ClusterPeers", "PeerSilent", "node_clients"]

HTTPS_PORT = 8443

_HEADERS = (("Content-Type", FORM_CONTENT_TYPE),)


class PeerSilent(Exception):
    """Another cluster's EMService gave no usable answer.

    Args:
        kind: Why.
        message: What happened.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind

    @property
    def was_never_asked(self) -> bool:
        """Whether the request certainly never reached the other cluster."""
        return self.kind in ("refused", "tls")


def node_clients(context: ServiceContext) -> dict[str, HttpClient]:
    """An HTTPS client for every node, so that requests come from the address of the node that sends them."""
    return {
        node.name: HttpClient(
            local_ip=node.address,
            recorder=context.recorder,
            ssl_context=context.client_context,
            keep_alive=True,
            faults=context.faults,
        )
        for node in context.config.nodes
    }


class ClusterPeers:
    """Asks the EMServices of other clusters.

    Args:
        context: The own cluster.
        clients: HTTPS client of each node, by node name.
    """

    def __init__(self, context: ServiceContext, clients: dict[str, HttpClient]) -> None:
        self._context = context
        self._clients = clients
        self._request_numbers = itertools.count(1)

    def info(self) -> EmccInfo:
        """What every request says about us."""
        config = self._context.config
        is_mixed = config.security_mode == "mixed"
        return EmccInfo(config.cluster_id, config.version, int(is_mixed), next(self._request_numbers))

    def urls(self, cluster_id: str) -> list[str]:
        """EMServices of a remote cluster, as the last update listed them."""
        status = self._context.state.remote_cluster(cluster_id)
        entry = self._context.config.remote_clusters_by_id.get(cluster_id)
        if status is None or entry is None:
            return []
        service = status.services.get(EMCC)
        port = entry.https_port or HTTPS_PORT
        addresses = service.addresses if service is not None else ()
        return [f"https://{address}:{port}/emservice/EMServiceServlet" for address in addresses]

    async def ask(self, node: Node, url: str, request: EmccRequest) -> EmccResponse:
        """Send one request and read its answer.

        Args:
            node: The node that asks.
            url: The EMService that is asked.
            request: What is asked.

        Raises:
            PeerSilent: No usable answer came in time.
        """
        body = encode_form(build_emcc_request(request))
        timeout_s = self._context.config.service_times.remote_answer_timeout_s
        try:
            reply = await self._clients[node.name].request(
                "POST", url, headers=_HEADERS, body=body, timeout_s=timeout_s
            )
        except HttpTransportError as error:
            raise PeerSilent(error.kind, str(error)) from error
        if reply.status != 200:
            raise PeerSilent("refused", f"{url} answered {reply.status}")
        try:
            return parse_emcc_response(reply.body)
        except XmlInvalid as error:
            raise PeerSilent("invalid", f"{url}: {error}") from error

    async def ask_any(self, node: Node, urls: list[str], request: EmccRequest) -> tuple[EmccResponse, str]:
        """Ask one server after another until one can be reached; returns the answer and who gave it.

        Raises:
            PeerSilent: None gave a usable answer; or one was reached and then fell silent, so that asking another
                could do the same thing twice.
        """
        failure = PeerSilent("refused", "the cluster has no known EMService")
        for url in urls:
            try:
                return await self.ask(node, url, request), url
            except PeerSilent as error:
                failure = error
                if not error.was_never_asked:
                    break
        raise failure
