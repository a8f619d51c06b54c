"""The counters of the object *Cisco Extension Mobility*, by the names of the performance monitor."""

from __future__ import annotations

from collections.abc import Callable

from emcc_emu.cluster.em_gate import EmCounters
from emcc_emu.cluster.state import ClusterState

__all__ = ["CLUSTER_COUNTERS", "NODE_COUNTERS"]

NODE_COUNTERS: dict[str, Callable[[EmCounters], int]] = {
    "RequestsHandled": lambda counters: counters.requests_handled,
    "RequestsInProgress": lambda counters: counters.requests_in_progress,
    "RequestsThrottled": lambda counters: counters.requests_throttled,
    "LoginsSuccessful": lambda counters: counters.logins_successful,
    "LogoutsSuccessful": lambda counters: counters.logouts_successful,
    "Total Login/LogoutRequestsAttempted": lambda counters: (
        counters.login_requests_attempted + counters.logout_requests_attempted
    ),
    "Total Number of EMCC Messages": lambda counters: counters.emcc_messages,
    "EMCC Check User Requests Handled": lambda counters: counters.emcc_check_user_requests_handled,
    "Number of Unknown Remote Users": lambda counters: counters.unknown_remote_users,
}
"""Counters of one node."""

CLUSTER_COUNTERS: dict[str, Callable[[ClusterState], int]] = {
    "Number of Remote Devices": lambda state: state.base_devices.in_use_count,
    "Total Number of Remote Users": lambda state: sum(1 for _ in state.remote_logins()),
    "Active Inter-cluster Sessions": lambda state: (
        state.base_devices.in_use_count + sum(1 for _ in state.remote_logins())
    ),
}
"""Counters of the whole cluster: devices of other clusters here, users of other clusters on our phones, and both."""
