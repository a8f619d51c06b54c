"""Where a call that matched a route pattern goes: which gateways, trunks or clusters are tried, in which order.

The EMCC rule: Standard Local Route Group does not mean the roaming device pool's local route group for an EMCC phone,
but the cluster that the phone stands in, by the PSTN access trunk. That cluster analyses the number again and takes the
local route group of the phone's own device pool.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from emcc_emu.lab.model import (
    STANDARD_LOCAL_ROUTE_GROUP,
    ClusterConfig,
    DigitTransformation,
    Gateway,
    RouteGroup,
    RoutePattern,
    TrunkConfig,
)
from emcc_emu.rules.transformations import Numbers, transform, transform_for_member

__all__ = ["Caller", "GatewayHop", "Hop", "TrunkHop", "VisitingClusterHop", "hops", "trunk_partitions"]


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """What routing has to know about the calling device."""

    device_pool: str
    """Its device pool in this cluster; empty for none."""

    visiting_cluster_id: str = ""
    """For an EMCC phone the cluster it stands in, else empty."""

    external_mask: str = ""
    """External phone number mask of the calling line."""


@dataclasses.dataclass(frozen=True, slots=True)
class GatewayHop:
    """Send the call to a gateway."""

    gateway: Gateway
    numbers: Numbers


@dataclasses.dataclass(frozen=True, slots=True)
class TrunkHop:
    """Send the call to an ordinary trunk."""

    trunk: TrunkConfig
    numbers: Numbers


@dataclasses.dataclass(frozen=True, slots=True)
class VisitingClusterHop:
    """Send the call by the PSTN access trunk to the cluster where the EMCC phone stands."""

    cluster_id: str
    trunk: TrunkConfig
    numbers: Numbers


Hop = GatewayHop | TrunkHop | VisitingClusterHop


def hops(cluster: ClusterConfig, pattern: RoutePattern, numbers: Numbers, caller: Caller, turn: int = 0) -> list[Hop]:
    """What to try for a call, in order; empty if nothing can take it.

    Args:
        numbers: Calling and called number as they matched the pattern.
        turn: How many calls circular route groups have had; each starts one member later.
    """
    route_list = cluster.route_lists_by_name.get(pattern.destination)
    if route_list is None:
        out = transform(numbers, pattern, pattern.pattern, caller.external_mask)
        return list(_peer_hops(cluster, pattern.destination, out))
    found: list[Hop] = []
    for member in route_list.members:
        out = _member_numbers(pattern, member, numbers, caller)
        found += _member_hops(cluster, member.route_group, out, caller, turn)
    return found


def trunk_partitions(
    cluster: ClusterConfig, trunk: TrunkConfig, original_device_css: str | None
) -> tuple[str, ...] | None:
    """Partitions that a call arriving on the PSTN access trunk may reach.

    Args:
        original_device_css: CSS that the visiting phone has when nobody is logged in; None if it was not recognised.

    Returns:
        None if the parameter asks for the phone's own CSS and there is no phone: the call gets 404.
    """
    if cluster.emcc.css_for_pstn_access_trunk == "use_trunk_css":
        return cluster.partitions_of(trunk.css)
    return None if original_device_css is None else cluster.partitions_of(original_device_css)


def _member_numbers(pattern: RoutePattern, member: DigitTransformation, numbers: Numbers, caller: Caller) -> Numbers:
    return transform_for_member(numbers, pattern, member, pattern.pattern, caller.external_mask)


def _member_hops(
    cluster: ClusterConfig, route_group: str, numbers: Numbers, caller: Caller, turn: int
) -> Iterator[Hop]:
    if route_group == STANDARD_LOCAL_ROUTE_GROUP:
        if caller.visiting_cluster_id:
            yield from _visiting_hops(cluster, numbers, caller.visiting_cluster_id)
            return
        pool = cluster.device_pools_by_name.get(caller.device_pool)
        route_group = pool.local_route_group if pool else ""
    group = cluster.route_groups_by_name.get(route_group)
    for name in _members_in_turn(group, turn) if group else ():
        yield from _peer_hops(cluster, name, numbers)


def _visiting_hops(cluster: ClusterConfig, numbers: Numbers, cluster_id: str) -> Iterator[Hop]:
    """Nothing if PSTN access is not active: the call fails rather than leave by a gateway of the wrong country."""
    profile = cluster.intercluster_service_profile
    if profile.pstn_access_active and profile.pstn_access_trunk:
        yield VisitingClusterHop(cluster_id, cluster.trunks_by_name[profile.pstn_access_trunk], numbers)


def _members_in_turn(group: RouteGroup, turn: int) -> tuple[str, ...]:
    if group.algorithm == "top_down" or not group.members:
        return group.members
    start = turn % len(group.members)
    return group.members[start:] + group.members[:start]


def _peer_hops(cluster: ClusterConfig, name: str, numbers: Numbers) -> Iterator[Hop]:
    gateway = cluster.gateways_by_name.get(name)
    trunk = cluster.trunks_by_name.get(name)
    if gateway is not None:
        yield GatewayHop(gateway, numbers)
    elif trunk is not None:
        yield TrunkHop(trunk, numbers)
