"""A device as it is at this moment: what the administrator configured, overlaid by whoever is logged in.

Three cases (`emcc-model` calls them overlay and temporary device):

- nobody logged in: the phone's own configuration, or its logout profile's lines and services;
- a login inside the cluster: device pool, device CSS, location and security stay the phone's; lines, speed dials,
  services and locale come from the user's device profile;
- at home, a visitor: a temporary device named after the other cluster's phone, with the profile's lines, the
  profile's EMCC CSS in the place of the device CSS, and the roaming device pool with its adjunct CSS.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Iterable, Mapping

from emcc_emu.cluster.directory import Directory
from emcc_emu.cluster.records import DeviceLogin, EmccSession
from emcc_emu.lab.model import (
    PHONE_MODELS,
    ClusterConfig,
    DeviceProfile,
    Line,
    PhoneConfig,
    SpeedDial,
)
from emcc_emu.rules.feature_settings import NO_COMMON_CONFIGURATION, FeatureSettings, feature_settings

__all__ = ["EffectiveDevice", "EffectiveLine", "LineAppearance", "build_device", "device_uuid"]

NAMESPACE = uuid.UUID("6f1f6c3a-6c8e-4a53-9d3f-6b1a3c8d5e10")
"""Root of all name-derived identifiers, so that one lab file always yields the same ones."""

SECURITY_MODES = {"non_secure": 1, "authenticated": 2, "encrypted": 3}

UNKNOWN_MODEL = "7821"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveLine:
    """One line button as it is now."""

    index: int
    """1-based."""
    directory_number: str
    partition: str
    css: tuple[str, ...]
    """Partitions of the line CSS, in order."""
    contact: str
    """UUID that the phone uses as user part of its Contact."""
    display: str = ""
    external_mask: str = ""
    forward_all: str = ""
    forward_busy: str = ""
    forward_no_answer: str = ""
    forward_unregistered: str = ""
    max_calls: int = 4
    busy_trigger: int = 2


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EffectiveDevice:
    """One device as it is now."""

    name: str
    model: str
    """Model name of `lab.phone_models`."""
    model_number: int
    protocol: str
    is_emcc: bool
    """At home: a visiting phone's temporary device."""
    is_third_party: bool
    lines: tuple[EffectiveLine, ...]
    speed_dials: tuple[SpeedDial, ...]
    services: tuple[str, ...]
    """Names of the subscribed phone services."""
    device_css: tuple[str, ...]
    """Partitions of the device CSS; for an EMCC device those of the profile's EMCC CSS."""
    adjunct_css: tuple[str, ...]
    """Partitions of the roaming pool's adjunct CSS, for EMCC devices only."""
    device_pool: str
    call_manager_group: tuple[str, ...]
    """Names of the nodes it registers with, in order."""
    user_locale: str
    features: FeatureSettings
    """What the device profile's settings come to; those of no profile are the defaults."""
    user_id: str | None
    profile: str | None
    visiting_cluster_id: str | None
    """For an EMCC device: the cluster where the phone stands."""
    geolocation: Mapping[str, str]
    """Civic address elements, empty when unknown."""
    digest_user: str | None
    digest_password: str | None = dataclasses.field(repr=False)
    device_security_mode: int
    """1 non-secure, 2 authenticated, 3 encrypted."""
    uuid: str
    version_stamp: str
    """`<seconds>-<uuid>`, changed with every change of the device."""


@dataclasses.dataclass(frozen=True, slots=True)
class LineAppearance:
    """Where a directory number is: a device and its line."""

    device_name: str
    line_index: int


def device_uuid(cluster_id: str, *names: str) -> str:
    """An identifier that is the same whenever the same lab runs."""
    return str(uuid.uuid5(NAMESPACE, "\x1f".join((cluster_id, *names))))


def build_device(
    config: ClusterConfig,
    directory: Directory,
    name: str,
    *,
    login: DeviceLogin | None,
    session: EmccSession | None,
    stamp_s: int,
) -> EffectiveDevice | None:
    """The device of that name as it is now; None when there is none.

    Args:
        config: The cluster.
        directory: Its look-ups.
        name: Device name in upper case.
        login: Who is on it inside the cluster.
        session: Its EMCC session here, if it belongs to another cluster.
        stamp_s: Number for the version stamp.
    """
    phone = directory.phone(name)
    if phone is not None:
        return _own_phone(config, directory, phone, login, stamp_s)
    if session is not None:
        return _visitor(config, directory, session, stamp_s)
    return None


def _own_phone(
    config: ClusterConfig, directory: Directory, phone: PhoneConfig, login: DeviceLogin | None, stamp_s: int
) -> EffectiveDevice:
    user_id = login.user_id if login is not None else None
    profile_name = login.profile if login is not None and user_id is not None else phone.logout_profile
    profile = directory.profile(profile_name) if profile_name else None
    source: PhoneConfig | DeviceProfile = profile or phone
    pool = config.device_pools_by_name[phone.device_pool]
    geolocation = config.geolocation_of(phone)
    identity = device_uuid(config.cluster_id, "device", phone.name)
    return EffectiveDevice(
        name=phone.name,
        model=phone.model,
        model_number=PHONE_MODELS[phone.model].model,
        protocol=phone.protocol,
        is_emcc=False,
        is_third_party=phone.is_third_party,
        lines=_lines(config, phone.name, source.lines),
        speed_dials=source.speed_dials,
        services=source.services,
        device_css=config.partitions_of(phone.css),
        adjunct_css=(),
        device_pool=phone.device_pool,
        call_manager_group=pool.call_manager_group,
        user_locale=source.user_locale or phone.user_locale or pool.user_locale,
        features=FeatureSettings() if profile is None else feature_settings(config, profile, phone.device_pool),
        user_id=user_id or directory.logout_user(phone.name),
        profile=profile.name if profile is not None else None,
        visiting_cluster_id=None,
        geolocation={}
        if geolocation is None
        else {str(element): text for element, text in geolocation.elements().items()},
        digest_user=phone.digest_user or None,
        digest_password=phone.digest_password or None,
        device_security_mode=SECURITY_MODES[phone.device_security_mode],
        uuid=identity,
        version_stamp=f"{stamp_s}-{identity}",
    )


def _visitor(config: ClusterConfig, directory: Directory, session: EmccSession, stamp_s: int) -> EffectiveDevice | None:
    profile = directory.profile(session.profile)
    pool = config.device_pools_by_name.get(session.roaming_device_pool)
    if profile is None or pool is None:  # the administrator removed what the session stands on
        return None
    model = next(
        (entry for entry in PHONE_MODELS.values() if entry.model == session.model), PHONE_MODELS[UNKNOWN_MODEL]
    )
    identity = device_uuid(config.cluster_id, "emcc", session.device_name)
    template = config.emcc_templates_by_name.get(config.base_devices.template)
    common_name = template.common_device_configuration if template is not None else ""
    common = config.common_device_configurations_by_name.get(common_name, NO_COMMON_CONFIGURATION)
    return EffectiveDevice(
        name=session.device_name,
        model=model.name,
        model_number=session.model,
        protocol="SIP",
        is_emcc=True,
        is_third_party=False,
        lines=_lines(config, session.device_name, [line for line in profile.lines if not line.intercom]),
        speed_dials=profile.speed_dials,
        services=profile.services,
        device_css=config.partitions_of(profile.emcc_css),
        adjunct_css=config.partitions_of(pool.adjunct_css),
        device_pool=pool.name,
        call_manager_group=pool.call_manager_group,
        user_locale=profile.user_locale or common.user_locale or pool.user_locale,
        features=feature_settings(config, profile, pool.name, common),
        user_id=session.user_id,
        profile=profile.name,
        visiting_cluster_id=session.visiting_cluster_id,
        geolocation=session.geolocation,
        digest_user=None,
        digest_password=None,
        device_security_mode=session.device_security_mode,
        uuid=identity,
        version_stamp=f"{stamp_s}-{identity}",
    )


def _lines(config: ClusterConfig, device_name: str, lines: Iterable[Line]) -> tuple[EffectiveLine, ...]:
    return tuple(_line(config, device_name, index, line) for index, line in enumerate(lines, 1))


def _line(config: ClusterConfig, device_name: str, index: int, line: Line) -> EffectiveLine:
    return EffectiveLine(
        index=index,
        directory_number=line.directory_number,
        partition=line.partition,
        css=config.partitions_of(line.css),
        contact=device_uuid(config.cluster_id, device_name, line.directory_number, line.partition),
        display=line.display,
        external_mask=line.external_mask,
        forward_all=line.forward_all,
        forward_busy=line.forward_busy,
        forward_no_answer=line.forward_no_answer,
        forward_unregistered=line.forward_unregistered,
        max_calls=line.max_calls,
        busy_trigger=line.busy_trigger,
    )
