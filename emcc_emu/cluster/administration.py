"""What an administrator does to a running cluster: changes of its configuration, logouts, the reports of its pages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.errors import EmError, InputError, LabError
from emcc_emu.lab.changes import Change, apply_change, find_entry, sections_of_a_cluster
from emcc_emu.lab.model import PHONE_MODELS, ClusterConfig, RemoteCluster
from emcc_emu.settings.declaration import Settings
from emcc_emu.settings.mistakes import nearest_word, show_value

__all__ = ["FIXED_FIELDS", "Administration", "phone_feature_list", "service_profile_report"]

log = structlog.get_logger()

FIXED_FIELDS: dict[str, frozenset[str]] = {
    "base_devices": frozenset({"count"}),
    "call_manager": frozenset({"station_keepalive_interval", "tftp_maximum_serving_count"}),
    "device_profiles": frozenset({"model", "protocol", "count"}),
    "nodes": frozenset({"address", "ports", "call_manager"}),
    "phones": frozenset({"model", "protocol", "address", "count", "digest_user"}),
    "remote_clusters": frozenset({"certificates_imported"}),
    "users": frozenset({"count"}),
}
"""By section: fields that an entry keeps from its creation on, or that are read only when the lab starts."""

UNCHANGEABLE_ENTRIES = frozenset({"nodes"})
"""Sections to which nothing can be added and from which nothing can be removed while the lab runs."""


class Administration:
    """Makes an administrator's changes to one cluster, one after the other.

    Args:
        context: The cluster.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._state = context.state
        self.lock = asyncio.Lock()
        """Held while the configuration changes: a change is checked against what it will meet."""
        self._appeared: set[str] = set()

    def entry(self, section: str, name: str) -> Settings:
        """One entry of a section, or a section without entries.

        Raises:
            InputError: There is no such entry.
        """
        return find_entry(self._context.config, sections_of_a_cluster()[section], name)

    async def make(self, change: Change) -> None:
        """Check a change as the lab file is checked, commit it, and let it take effect.

        Raises:
            InputError: It is wrong, or its field cannot change while the lab runs.
            LabError: The database failed; nothing has changed.
        """
        async with self.lock:
            _refuse_fixed(change)
            change = self._completed(change)
            lab = await asyncio.to_thread(apply_change, self._state.lab, self._context.config.name, change)
            kept, pin = self._kept(change, lab.by_name[self._context.config.name])
            try:
                await self._state.reconfigure(kept, lab, pin=pin)
            except EmError as error:
                raise LabError("the database failed; nothing has changed") from error
        names = sorted(change.values)  # never values: there may be a PIN among them
        log.info("configuration_changed", section=change.section, name=change.name, action=change.action, fields=names)

    def _completed(self, change: Change) -> Change:
        """A new remote cluster gets the flags that the EMCC feature parameter asks for."""
        if change.section != "remote_clusters" or change.action != "add":
            return change
        is_enabled = self._context.config.emcc.enable_services_of_new_remote_clusters
        flags = dict.fromkeys(("emcc", "pstn_access", "rsvp_agent"), is_enabled)
        return msgspec.structs.replace(change, values=flags | change.values)

    def _kept(self, change: Change, after: ClusterConfig) -> tuple[Change, str | None]:
        """The change as it is written, and the PIN apart from it."""
        if change.section != "users" or change.action == "remove":
            return change, None
        user = after.users_by_id[change.name]
        values = {name: value for name, value in change.values.items() if name != "pin"}
        if "pin_must_change" in change.values:
            values["pin_must_change"] = user.pin_must_change
        elif "pin" in change.values:
            values["pin_must_change"] = self._state.must_change_pin(user.user_id)
        pin = user.pin if "pin" in change.values else None
        return msgspec.structs.replace(change, values=values), pin

    def phone_appeared(self, device_name: str) -> None:
        """Give a phone that nobody configured a device, if auto-registration is on; it finds it at its next try.

        The device has no lines: what matters here is that the name exists, so that EMCC logins on it get code 37.
        """
        if self._context.config.call_manager.auto_registration and device_name not in self._appeared:
            self._appeared.add(device_name)
            self._context.background.start(f"auto-registration of {device_name}", self._auto_register(device_name))

    async def _auto_register(self, device_name: str) -> None:
        try:
            await self.make(Change(section="phones", name=device_name, action="add"))
        except (InputError, LabError) as error:
            log.warning("auto_registration_refused", device=device_name, why=str(error))
        finally:
            self._appeared.discard(device_name)


def _refuse_fixed(change: Change) -> None:
    """Refuse what cannot change while the lab runs.

    Raises:
        InputError: Always, with the field or the section.
    """
    if change.action != "change" and change.section in UNCHANGEABLE_ENTRIES:
        raise InputError(f"{change.section} are added and removed in the lab file only")
    fixed = FIXED_FIELDS.get(change.section, frozenset())
    for name in change.values:
        if name in fixed and change.action == "change":
            raise InputError(f"{change.name or change.section}: {name} cannot change while the lab runs")


def remote_cluster_entry(config: ClusterConfig, cluster_id: str) -> RemoteCluster:
    """A remote cluster as configured.

    Raises:
        InputError: None has that Cluster ID.
    """
    entry = config.remote_clusters_by_id.get(cluster_id)
    if entry is None:
        nearest = nearest_word(cluster_id, config.remote_clusters_by_id)
        hint = f"; did you mean {nearest!r}?" if nearest else ""
        raise InputError(f"{config.name} knows no remote cluster {show_value(cluster_id)}{hint}")
    return entry


def phone_feature_list(config: ClusterConfig) -> list[dict[str, Any]]:
    """The phone feature list report for EMCC: each model, whether it supports it, and how many phones there are."""
    counts = Counter(phone.model for phone in config.phones)
    return [
        {"model": model.name, "protocol": "SIP", "supports_emcc": model.supports_emcc, "phones": counts[model.name]}
        for model in PHONE_MODELS.values()
    ]


def service_profile_report(config: ClusterConfig) -> list[dict[str, Any]]:
    """What Validate says of the intercluster service profile, a line for each thing it looks at.

    The guide does not list them; these lines are this project's choice.
    """
    return [{"check": check, "ok": is_ok, "detail": detail} for check, is_ok, detail in _validation(config)]


def _validation(config: ClusterConfig) -> Iterator[tuple[str, bool, str]]:
    profile, emcc = config.intercluster_service_profile, config.emcc
    yield "Cluster ID", config.cluster_id != DEFAULT_CLUSTER_ID, config.cluster_id
    em_addresses = {node.address for node in config.em_nodes}
    server = emcc.default_update_server
    yield "Default Server for Remote Cluster Update runs Cisco Extension Mobility", server in em_addresses, server
    tftp = emcc.default_tftp_server
    yield "Default TFTP Server for EMCC Login Device", bool(tftp), tftp or "not set: logins get code 39"
    yield "EMCC Geolocation Filter", bool(emcc.geolocation_filter), emcc.geolocation_filter or "not set"
    count = config.base_devices.count
    yield "EMCC base devices", count > 0, f"{count} base devices" if count else "none: logins get code 33"
    yield "EMCC", profile.emcc_active, "active" if profile.emcc_active else "not active: logins get code 201 or 38"
    for name, is_active, trunk in (
        ("PSTN Access", profile.pstn_access_active, profile.pstn_access_trunk),
        ("RSVP Agent", profile.rsvp_agent_active, profile.rsvp_agent_trunk),
    ):
        is_right = not is_active or (trunk in config.trunks_by_name and config.trunks_by_name[trunk].is_emcc)
        yield f"{name} SIP trunk", is_right, trunk if is_active else "service not active"
    for remote in config.remote_clusters:
        detail = "imported" if remote.certificates_imported else "missing: logins get code 208"
        yield f"Certificates of {remote.cluster_id}", remote.certificates_imported, detail


DEFAULT_CLUSTER_ID = "StandAloneCluster"
"""Cluster ID of a freshly installed cluster."""
