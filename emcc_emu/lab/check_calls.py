"""Mistakes in the dial plan of one cluster: where patterns lead, and what cannot be reached."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from emcc_emu.lab.check_names import unknown_name
from emcc_emu.lab.model import (
    STANDARD_LOCAL_ROUTE_GROUP,
    ClusterConfig,
    Gateway,
    RoutePattern,
    TranslationPattern,
    TrunkConfig,
)
from emcc_emu.lab.patterns import pattern_problem
from emcc_emu.settings.mistakes import Mistake, Path, show_value

__all__ = ["find_call_mistakes"]


def find_call_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    """Everything that is wrong in the dial plan of a cluster.

    Args:
        path: Where the cluster is in the lab file.
    """
    yield from _partition_mistakes(cluster, path)
    yield from _pattern_mistakes(cluster, path)
    yield from _route_mistakes(cluster, path)
    yield from _peer_mistakes(cluster, path)


def _partition_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    seen: set[str] = set()
    for index, partition in enumerate(cluster.partitions):
        if partition in seen:
            yield Mistake((*path, "partitions", index), f"{show_value(partition)} is there already")
        seen.add(partition)
    for css in cluster.calling_search_spaces:
        for index, partition in enumerate(css.partitions):
            where = (*path, "calling_search_spaces", css.name, index)
            yield from unknown_name(where, partition, cluster.partitions, "partition")


def _pattern_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    destinations = [*cluster.route_lists_by_name, *cluster.gateways_by_name, *cluster.trunks_by_name]
    seen: set[tuple[str, str]] = set()
    for kind in ("route_patterns", "translation_patterns"):
        patterns: tuple[RoutePattern | TranslationPattern, ...] = getattr(cluster, kind)
        for index, pattern in enumerate(patterns):
            pattern_path = (*path, kind, index)
            yield from unknown_name((*pattern_path, "partition"), pattern.partition, cluster.partitions, "partition")
            if (pattern.pattern, pattern.partition) in seen:
                yield Mistake((*pattern_path, "pattern"), f"{show_value(pattern.pattern)} is in this partition already")
            seen.add((pattern.pattern, pattern.partition))
            yield from _target_mistakes(cluster, pattern, pattern_path, destinations)


def _target_mistakes(
    cluster: ClusterConfig, pattern: RoutePattern | TranslationPattern, path: Path, destinations: list[str]
) -> Iterator[Mistake]:
    if problem := pattern_problem(pattern.pattern):
        yield Mistake((*path, "pattern"), problem)
    if pattern.discard.startswith("pre_dot") and "." not in pattern.pattern:
        yield Mistake((*path, "discard"), f"{show_value(pattern.discard)} needs a dot in the pattern")
    if isinstance(pattern, TranslationPattern):
        yield from unknown_name((*path, "css"), pattern.css, cluster.css_by_name, "calling search space")
    elif not pattern.block and not pattern.destination:
        yield Mistake(path, "has no destination and does not block")
    else:
        what = "route list, gateway or trunk"
        yield from unknown_name((*path, "destination"), pattern.destination, destinations, what)


def _route_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    route_groups = {*cluster.route_groups_by_name, STANDARD_LOCAL_ROUTE_GROUP}
    for route_list in cluster.route_lists:
        list_path = (*path, "route_lists", route_list.name)
        if not route_list.members:
            yield Mistake(list_path, "has no members")
        for index, member in enumerate(route_list.members):
            yield from unknown_name((*list_path, index), member.route_group, route_groups, "route group")
    for group in cluster.route_groups:
        group_path = (*path, "route_groups", group.name)
        peers = {*cluster.gateways_by_name, *(trunk.name for trunk in cluster.trunks if not trunk.is_emcc)}
        for position, peer in enumerate(group.members):
            yield from unknown_name((*group_path, position), peer, peers, "gateway or ordinary trunk")
    names: set[str] = set()
    for kind in ("route_lists", "gateways", "trunks"):
        for entry in getattr(cluster, kind):
            if entry.name in names:
                yield Mistake((*path, kind, entry.name), "is the name of another route list, gateway or trunk too")
            names.add(entry.name)


def _peer_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    for kind in ("gateways", "trunks"):
        peers: tuple[Gateway | TrunkConfig, ...] = getattr(cluster, kind)
        for peer in peers:
            peer_path = (*path, kind, peer.name)
            yield from unknown_name((*peer_path, "css"), peer.css, cluster.css_by_name, "calling search space")
            pools = cluster.device_pools_by_name
            yield from unknown_name((*peer_path, "device_pool"), peer.device_pool, pools, "device pool")
    for trunk in cluster.trunks:
        yield from _destination_mistakes(trunk, (*path, "trunks", trunk.name))


def _destination_mistakes(trunk: TrunkConfig, path: Path) -> Iterator[Mistake]:
    if trunk.is_emcc and trunk.destinations:
        yield Mistake((*path, "destinations"), "an EMCC trunk learns its peers and has no destinations")
    if not trunk.is_emcc and not trunk.destinations:
        yield Mistake(path, "is an ordinary trunk and needs destinations")
    for index, destination in enumerate(trunk.destinations):
        if not _is_destination(destination):
            yield Mistake((*path, "destinations", index), f"{show_value(destination)} is no address or address:port")


def _is_destination(text: str) -> bool:
    host, colon, port = text.partition(":")
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return not colon or (port.isdigit() and 0 < int(port) < 65536)
