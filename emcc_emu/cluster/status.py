"""What screens and the control API show of a cluster's EM side: addresses, sessions, remote clusters, counters."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from emcc_emu.cluster.em_services import EmServices, NodeServices

__all__ = ["cluster_status"]

MAX_LISTED_SESSIONS = 200
"""Sessions of each kind that are listed; the counts are always complete."""


def cluster_status(em: EmServices) -> dict[str, Any]:
    """The EM side of one cluster as plain data."""
    context = em.context
    state, config = context.state, context.config
    logins = [
        {"device": login.device_name, "user": login.user_id, "profile": login.profile, "since_s": login.login_time_s}
        for login in state.logins()
    ]
    home = [
        {
            "device": session.device_name,
            "user": session.user_id,
            "profile": session.profile,
            "emcc_device": session.emcc_device,
            "visiting_cluster": session.visiting_cluster_id,
            "roaming_device_pool": session.roaming_device_pool,
            "since_s": session.login_time_s,
            "duration_s": session.login_duration_s,
        }
        for session in state.home_sessions()
    ]
    visiting = [
        {
            "device": session.device_name,
            "user": session.user_id,
            "home_cluster": session.home_cluster_id,
            "emcc_device": session.emcc_device,
            "since_s": session.login_time_s,
        }
        for session in state.remote_logins()
    ]
    return {
        "name": config.name,
        "cluster_id": config.cluster_id,
        "version": config.version,
        "security_mode": config.security_mode,
        "calendar_time_s": context.clock.time(),
        "nodes": [_node(services) for services in em.nodes.values()],
        "logins": {"count": len(logins), "listed": logins[:MAX_LISTED_SESSIONS]},
        "home_sessions": {"count": len(home), "listed": home[:MAX_LISTED_SESSIONS]},
        "visiting_sessions": {"count": len(visiting), "listed": visiting[:MAX_LISTED_SESSIONS]},
        "base_devices": {"count": len(state.base_devices), "in_use": state.base_devices.in_use_count},
        "remote_clusters": [msgspec.to_builtins(status) for status in state.remote_clusters.values()],
        "open_intents": len(state.intents()),
        "maximum_concurrent_requests": config.service_parameters.maximum_concurrent_requests,
    }


def _node(services: NodeServices) -> dict[str, Any]:
    http, https, tftp = services.http.address, services.https.address, services.tftp
    return {
        "name": services.node.name,
        "address": services.node.address,
        "http": http[1],
        "https": https[1],
        "tftp": tftp.tftp.address[1],
        "tftp_http": tftp.http.address[1],
        "em_active": services.em_service.is_active,
        "counters": dataclasses.asdict(services.em_service.counters),
    }
