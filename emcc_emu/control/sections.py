"""The parts of a cluster's configuration as the control API and the command line call them: one table for both."""

from __future__ import annotations

import dataclasses

from emcc_emu.errors import InputError
from emcc_emu.lab.changes import Section, sections_of_a_cluster
from emcc_emu.settings.mistakes import nearest_word, show_value

__all__ = ["SECTIONS", "PublicSection", "find_section"]


@dataclasses.dataclass(frozen=True, slots=True)
class PublicSection:
    """One part of the configuration."""

    name: str
    """In URLs and on the command line."""

    title: str
    """What an entry of it is, in a few words."""

    section: Section
    """Where it is in the configuration."""

    secrets: frozenset[str] = frozenset()
    """Attributes that may be set but are never shown."""

    is_read_only: bool = False
    """Whether it is shown only, because it takes effect when the lab starts."""

    has_fixed_entries: bool = False
    """Whether entries can be changed, but not added or removed."""

    columns: tuple[str, ...] = ()
    """What a table shows of each entry, by the names of the JSON answer; empty shows everything."""


def _table() -> dict[str, PublicSection]:
    sections = sections_of_a_cluster()

    def row(
        name: str,
        title: str,
        field: str = "",
        *,
        secrets: tuple[str, ...] = (),
        columns: tuple[str, ...] = (),
        is_read_only: bool = False,
        has_fixed_entries: bool = False,
    ) -> PublicSection:
        section = sections[field or name.replace("-", "_")]
        return PublicSection(name, title, section, frozenset(secrets), is_read_only, has_fixed_entries, columns)

    rows = (
        row(
            "users",
            "an end user",
            secrets=("pin", "password"),
            columns=("user_id", "name", "enable_emcc", "pin_must_change", "locked", "profiles", "devices"),
        ),
        row(
            "phones",
            "a phone",
            secrets=("digest_password",),
            columns=("name", "model", "device_pool", "registered", "user", "logged_in_to"),
        ),
        row("device-profiles", "a device profile", columns=("name", "model", "emcc_css", "user_locale", "devices")),
        row("device-pools", "a device pool", columns=("name", "geolocation", "local_route_group", "adjunct_css")),
        row("nodes", "a node and the services active on it", has_fixed_entries=True),
        row("service-parameters", "the service parameters of Cisco Extension Mobility"),
        row("emcc-parameters", "the EMCC feature parameters", "emcc"),
        row("call-manager-parameters", "the parameters of Cisco CallManager", "call_manager"),
        row("em-service-options", "what EMService does where documents leave it open", "em_service"),
        row("credential-policy", "the policy for PINs"),
        row("service-times", "extra time that the emulated services take"),
        row("intercluster-service-profile", "the intercluster service profile"),
        row(
            "remote-clusters",
            "a remote cluster",
            columns=("cluster_id", "fully_qualified_name", "version", "emcc", "pstn_access", "rsvp_agent", "services"),
        ),
        row("base-devices", "the EMCC base devices and their default template"),
        row("emcc-templates", "an EMCC template"),
        row("common-device-configurations", "a common device configuration"),
        row("phone-services", "an IP phone service"),
        row("application-users", "an application user", secrets=("password",)),
        row("geolocations", "a geolocation"),
        row("geolocation-filters", "a geolocation filter"),
        row("calling-search-spaces", "a calling search space"),
        row("route-lists", "a route list"),
        row("route-groups", "a route group"),
        row("trunks", "a SIP trunk", is_read_only=True, columns=("name", "service_type", "css", "device_pool")),
        row("gateways", "a gateway", is_read_only=True),
    )
    return {entry.name: entry for entry in rows}


SECTIONS = _table()
"""Every part by its name."""


def find_section(name: str) -> PublicSection:
    """The part of that name.

    Raises:
        InputError: There is none.
    """
    if name not in SECTIONS:
        nearest = nearest_word(name, SECTIONS)
        raise InputError(
            f"{show_value(name)} is no part of a cluster" + (f"; did you mean {nearest!r}?" if nearest else "")
        )
    return SECTIONS[name]
