"""Defaults that depend on the rest of the lab: after this every name is either a real one or empty for none."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from emcc_emu.lab.device_pools import BaseDevices
from emcc_emu.lab.devices import DeviceProfile, PhoneConfig, User
from emcc_emu.lab.model import ClusterConfig, Lab, Node, Ports
from emcc_emu.lab.parameters import EmccFeatureParameters
from emcc_emu.lab.trunks import InterclusterServiceProfile, RemoteCluster

__all__ = ["DEFAULT_HTTPS_PORT", "EVERY_OTHER_CLUSTER", "with_addresses", "with_defaults"]

EVERY_OTHER_CLUSTER = "*"
"""Key of a remote cluster that stands for all other clusters of the lab."""

DEFAULT_HTTPS_PORT = 8443
"""Tomcat's TLS port at a remote cluster that is not in the lab."""

AUTO = "auto"
NONE = "none"

replace = msgspec.structs.replace


def with_defaults(lab: Lab) -> Lab:
    """The lab with every derived default filled in; wrong names are kept for the check to find."""
    clusters = tuple(_with_local_defaults(cluster) for cluster in lab.clusters)
    return replace(lab, clusters=tuple(_with_remote_clusters(cluster, clusters) for cluster in clusters))


def with_addresses(lab: Lab, address_of: Callable[[str], str]) -> Lab:
    """The lab with every node's, gateway's and phone's address replaced, remote clusters and trunks included.

    Args:
        address_of: From an address of the lab to the one to use; may return its argument.
    """
    return replace(lab, clusters=tuple(_with_cluster_addresses(cluster, address_of) for cluster in lab.clusters))


def _with_cluster_addresses(cluster: ClusterConfig, address_of: Callable[[str], str]) -> ClusterConfig:
    lab_addresses = {node.address for node in cluster.nodes}

    def moved(text: str) -> str:
        host, colon, port = text.partition(":")
        return address_of(host) + colon + port if host[:1].isdigit() else text

    emcc = cluster.emcc
    servers = ("default_tftp_server", "backup_tftp_server", "default_update_server", "backup_update_server")
    return replace(
        cluster,
        nodes=tuple(replace(node, address=address_of(node.address)) for node in cluster.nodes),
        gateways=tuple(replace(gateway, address=address_of(gateway.address)) for gateway in cluster.gateways),
        phones=tuple(
            replace(phone, address=address_of(phone.address)) if phone.address else phone for phone in cluster.phones
        ),
        trunks=tuple(
            replace(trunk, destinations=tuple(moved(destination) for destination in trunk.destinations))
            for trunk in cluster.trunks
        ),
        remote_clusters=tuple(
            replace(remote, fully_qualified_name=moved(remote.fully_qualified_name))
            for remote in cluster.remote_clusters
        ),
        emcc=replace(
            emcc,
            **{name: address_of(text) for name in servers if (text := getattr(emcc, name)) in lab_addresses},
        ),
    )


def _with_local_defaults(cluster: ClusterConfig) -> ClusterConfig:
    """What depends on this cluster alone."""
    pool = cluster.device_pools[0].name if cluster.device_pools else ""
    call_managers = tuple(node.name for node in cluster.nodes if node.call_manager)
    profiles = cluster.device_profiles_by_name
    return replace(
        cluster,
        cluster_id=cluster.cluster_id or cluster.name,
        nodes=tuple(_with_services(_with_ports(node, cluster.ports), cluster.nodes[0]) for node in cluster.nodes),
        emcc=_with_servers(cluster.emcc, cluster),
        intercluster_service_profile=_with_trunks(cluster.intercluster_service_profile, cluster),
        base_devices=_with_template(cluster, pool),
        emcc_templates=tuple(replace(entry, device_pool=entry.device_pool or pool) for entry in cluster.emcc_templates),
        device_pools=tuple(
            replace(entry, call_manager_group=entry.call_manager_group or call_managers)
            for entry in cluster.device_pools
        ),
        gateways=tuple(replace(gateway, device_pool=gateway.device_pool or pool) for gateway in cluster.gateways),
        trunks=tuple(replace(trunk, device_pool=trunk.device_pool or pool) for trunk in cluster.trunks),
        phones=tuple(_with_pool(phone, pool) for phone in cluster.phones),
        users=tuple(_with_extension(user, profiles.get(_first_profile(user))) for user in cluster.users),
    )


def _with_template(cluster: ClusterConfig, pool: str) -> BaseDevices:
    """The base devices with their default template and its device pool."""
    base_devices = cluster.base_devices
    name = _named(base_devices.template, [entry.name for entry in cluster.emcc_templates], 0)
    template = cluster.emcc_templates_by_name.get(name)
    of_template = template.device_pool if template is not None else ""
    return replace(base_devices, template=name, device_pool=base_devices.device_pool or of_template or pool)


def _with_ports(node: Node, ports: Ports) -> Node:
    return replace(node, ports=ports) if node.ports == Ports() else node


def _with_services(node: Node, publisher: Node) -> Node:
    """The node with the services that run on the publisher only, where nothing else is said."""
    is_publisher = node.name == publisher.name
    return replace(
        node,
        ils=is_publisher if node.ils is None else node.ils,
        bulk_provisioning=is_publisher if node.bulk_provisioning is None else node.bulk_provisioning,
    )


def _with_servers(emcc: EmccFeatureParameters, cluster: ClusterConfig) -> EmccFeatureParameters:
    """Servers of the EMCC feature parameters as addresses: a node's name is as good as its address."""
    filters = [entry.name for entry in cluster.geolocation_filters]
    addresses = {node.name: node.address for node in cluster.nodes}
    tftp = [node.address for node in cluster.nodes if node.tftp]
    em = [node.address for node in cluster.em_nodes]
    return replace(
        emcc,
        default_tftp_server=_server(emcc.default_tftp_server, tftp, 0, addresses),
        backup_tftp_server=_server(emcc.backup_tftp_server, tftp, 1, addresses),
        default_update_server=_server(emcc.default_update_server, em, 0, addresses),
        backup_update_server=_server(emcc.backup_update_server, em, 1, addresses),
        geolocation_filter=_named(emcc.geolocation_filter, filters, 0),
    )


def _server(name: str, candidates: list[str], position: int, addresses: dict[str, str]) -> str:
    resolved = _named(name, candidates, position)
    return addresses.get(resolved, resolved)


def _named(name: str, candidates: list[str], position: int) -> str:
    """`auto` as the candidate at that position, if there is one; `none` as nothing."""
    if name == AUTO:
        return candidates[position] if -len(candidates) <= position < len(candidates) else ""
    return "" if name == NONE else name


def _with_trunks(profile: InterclusterServiceProfile, cluster: ClusterConfig) -> InterclusterServiceProfile:
    emcc_trunks = [trunk.name for trunk in cluster.trunks if trunk.is_emcc]
    return replace(
        profile,
        pstn_access_trunk=_named(profile.pstn_access_trunk, emcc_trunks, 0),
        rsvp_agent_trunk=_named(profile.rsvp_agent_trunk, emcc_trunks, -1),
    )


def _with_pool(phone: PhoneConfig, pool: str) -> PhoneConfig:
    return phone if phone.device_pool else replace(phone, device_pool=pool)


def _first_profile(user: User) -> str:
    return user.default_profile or (user.profiles[0] if user.profiles else "")


def _with_extension(user: User, profile: DeviceProfile | None) -> User:
    """The user with default profile, primary extension and self-service ID derived from each other."""
    first_line = profile.lines[0].directory_number if profile and profile.lines else ""
    extension = user.primary_extension or first_line
    return replace(
        user,
        default_profile=_first_profile(user),
        primary_extension=extension,
        self_service_id=user.self_service_id or "".join(digit for digit in extension if digit.isdigit()),
    )


def _with_remote_clusters(cluster: ClusterConfig, clusters: tuple[ClusterConfig, ...]) -> ClusterConfig:
    """The cluster with `*` replaced by the clusters it stands for, and with their addresses."""
    others = {other.cluster_id: other for other in clusters if other.cluster_id != cluster.cluster_id}
    listed = {remote.cluster_id for remote in cluster.remote_clusters}
    remotes: list[RemoteCluster] = []
    for remote in cluster.remote_clusters:
        if remote.cluster_id == EVERY_OTHER_CLUSTER:
            remotes += (replace(remote, cluster_id=cluster_id) for cluster_id in others if cluster_id not in listed)
        else:
            remotes.append(remote)
    return replace(cluster, remote_clusters=tuple(_with_address(remote, others) for remote in remotes))


def _with_address(remote: RemoteCluster, others: dict[str, ClusterConfig]) -> RemoteCluster:
    """The remote cluster with the address and port of the lab's cluster that it names, by ID or by address."""
    named = others.get(remote.cluster_id)
    address = remote.fully_qualified_name or (named.publisher.address if named else "")
    nodes = [node for other in others.values() for node in other.nodes if node.address == address]
    lab_port = nodes[0].ports.https if nodes else DEFAULT_HTTPS_PORT
    return replace(remote, fully_qualified_name=address, https_port=remote.https_port or lab_port)
