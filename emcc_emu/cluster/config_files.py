"""The files that a cluster's TFTP service holds: made from the state when asked for, kept until the state changes.

A phone's file shows the device as it is now (`devices.EffectiveDevice`). While one of our phones is logged in to
another cluster its file is a small one that sends it to that cluster's TFTP servers; at that cluster the same name
is the visitor's full configuration. Every change brings a new version stamp before the phone is told to restart.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from emcc_emu.cluster.devices import EffectiveDevice, device_uuid
from emcc_emu.cluster.phone_services import subscribed_services
from emcc_emu.cluster.records import RemoteLogin
from emcc_emu.cluster.state import ClusterState
from emcc_emu.lab.model import PHONE_MODELS, ClusterConfig, Node
from emcc_emu.rules.feature_settings import FeatureSettings
from emcc_emu.wire.device_config import (
    FEATURE_SPEED_DIAL,
    CallManagerMember,
    DateTimeSetting,
    DeviceConfig,
    FeatureButton,
    LineConfig,
    LocaleConfig,
    ServiceUrls,
    SipTimers,
    SrstReference,
)
from emcc_emu.wire.device_config_xml import build_device_config
from emcc_emu.wire.phone_files import (
    ApplicationDialRule,
    DefaultConfig,
    DialRule,
    EmccMiniConfig,
    SoftKeySet,
    build_application_dial_rules,
    build_default_config,
    build_dial_template,
    build_mini_config,
    build_ring_list,
    build_soft_keys,
)

__all__ = ["ConfigFiles"]

MAX_CALL_MANAGERS = 5
"""Servers that a phone keeps."""

MAX_CACHED_FILES = 256
"""Built files that are kept, 10 kB each: enough for those that all phones ask for. A phone asks for its own one once a
boot, so to keep that would cost more memory than its registration does."""

PHONE_SUFFIX = ".cnf.xml"

LOCALES = {
    "English_United_States": LocaleConfig(),
    "Japanese_Japan": LocaleConfig("Japanese_Japan", 15, "ja_JP", "12.0.0.0(1)", "utf-8"),
}

SOFT_KEY_EVENTS = {
    "Redial": 1, "NewCall": 2, "Hold": 3, "Transfer": 4, "CFwdAll": 5, "EndCall": 9, "Resume": 10, "Answer": 11,
}  # fmt: skip
"""Event numbers of the softkeys in the standard template."""

SOFT_KEY_SETS = (
    SoftKeySet("On Hook", ("Redial", "NewCall", "CFwdAll")),
    SoftKeySet("Connected", ("Hold", "EndCall", "Transfer")),
    SoftKeySet("On Hold", ("Resume", "NewCall")),
    SoftKeySet("Ring In", ("Answer",)),
    SoftKeySet("Off Hook", ("Redial", "EndCall")),
)

DIAL_RULES = (DialRule("911", 0), DialRule("9.911", 0), DialRule("*", 5))
"""Emergency numbers go out at once, anything else after the inter-digit time."""

RINGS = (("Chirp 1", "Chirp1.raw"), ("Chirp 2", "Chirp2.raw"))


BARGE = {"off": 0, "barge": 1, "cbarge": 2}

DND_CALL_ALERTS = {"common_phone_profile": 5, "disable": 1, "flash_only": 2, "beep_only": 3}
"""Numbers of `dndCallAlert`: real files have 5 by default; the others are this project's choice."""


class ConfigFiles:
    """The files of one cluster; every node's TFTP service serves the same ones.

    Args:
        state: The cluster.
    """

    def __init__(self, state: ClusterState) -> None:
        self._state = state
        self._cache: dict[str, tuple[int | None, bytes]] = {}
        stamp_s = int(state.clock.time())
        cluster_id = state.config.cluster_id
        self._soft_key_stamp = f"{stamp_s}-{device_uuid(cluster_id, 'softkeys')}"
        self._dial_stamp = f"{stamp_s}-{device_uuid(cluster_id, 'dial rules')}"
        self.soft_key_file = f"SK{device_uuid(cluster_id, 'softkeys')}.xml"
        """Name of the standard softkey template."""
        self.dial_template_file = f"DR{device_uuid(cluster_id, 'dial rules')}.xml"
        """Name of the SIP dial rules."""
        self._soft_key_files: set[str] = set()
        """Files of the softkey templates that profiles name, as far as phones were told of them."""
        self._fixed: Mapping[str, Callable[[], bytes]] = {
            "XMLDefault.cnf.xml": self._default,
            self.soft_key_file: lambda: build_soft_keys(self._soft_key_stamp, SOFT_KEY_EVENTS, SOFT_KEY_SETS),
            self.dial_template_file: lambda: build_dial_template(self._dial_stamp, DIAL_RULES),
            "AppDialRules.xml": lambda: build_application_dial_rules((ApplicationDialRule("", 7, 0, "9"),)),
            "Ringlist.xml": lambda: build_ring_list(RINGS),
            "Ringlist-wb.xml": lambda: build_ring_list(RINGS),
            "ConfigFileCacheList.txt": self._list,
        }

    def find(self, name: str) -> bytes | None:
        """The file of that exact name; None when there is none."""
        if name in self._soft_key_files:
            name = self.soft_key_file
        if name in self._fixed:
            return self._cached(name, None, self._fixed[name])
        if not name.endswith(PHONE_SUFFIX):
            return None
        device_name = name.removesuffix(PHONE_SUFFIX)
        effective = self._state.device(device_name)
        if effective is None or effective.is_third_party or effective.name != device_name:
            return None
        stamp_s = self._state.stamp_s(device_name)
        visiting = self._state.visiting_session(device_name)
        if visiting is not None and not self._state.is_leaving(device_name):
            self._state.note_pointed_home(device_name)
            return build_mini_config(self._mini(effective, visiting))
        return self._cached(name, stamp_s, lambda: build_device_config(self._full(effective)))

    def _cached(self, name: str, stamp_s: int | None, build: Callable[[], bytes]) -> bytes:
        entry = self._cache.get(name)
        if entry is None or entry[0] != stamp_s:
            while len(self._cache) >= MAX_CACHED_FILES:
                del self._cache[next(iter(self._cache))]
            entry = self._cache[name] = (stamp_s, build())
        return entry[1]

    def _list(self) -> bytes:
        phones = [f"{phone.name}{PHONE_SUFFIX}" for phone in self._state.config.phones if not phone.is_third_party]
        visitors = [f"{session.device_name}{PHONE_SUFFIX}" for session in self._state.home_sessions()]
        return "".join(f"{name}\n" for name in [*sorted(self._fixed), *phones, *visitors]).encode()

    # ------------------------------------------------------------------ phones

    def _mini(self, device: EffectiveDevice, login: RemoteLogin) -> EmccMiniConfig:
        node = self._em_node()
        return EmccMiniConfig(
            visiting_em_address=node.address,
            visiting_em_port=node.ports.http,
            tftp_servers=login.tftp_servers,
            version_stamp=device.version_stamp,
        )

    def _full(self, device: EffectiveDevice) -> DeviceConfig:
        config = self._state.config
        pool = config.device_pools_by_name[device.device_pool]
        node = self._em_node()
        digest_user, digest_password = device.digest_user or "", device.digest_password or ""
        lines = tuple(
            LineConfig(
                button=line.index,
                line_index=line.index,
                name=line.directory_number,
                contact=line.contact,
                label=line.directory_number,
                display_name=line.display,
                auth_name=digest_user,
                auth_password=digest_password,
                max_calls=line.max_calls,
                busy_trigger=line.busy_trigger,
            )
            for line in device.lines
        )
        buttons = tuple(
            FeatureButton(
                button=number,
                feature_id=FEATURE_SPEED_DIAL,
                label=speed_dial.label or speed_dial.number,
                speed_dial_number=speed_dial.number,
            )
            for number, speed_dial in enumerate(device.speed_dials, len(lines) + 1)
        )
        keepalive_s = int(config.call_manager.station_keepalive_interval_s)
        return DeviceConfig(
            call_managers=self._call_managers(config, device.call_manager_group),
            version_stamp=device.version_stamp,
            lines=lines,
            buttons=buttons,
            uuid=device.uuid,
            device_pool=pool.name,
            device_pool_uuid=device_uuid(config.cluster_id, "device pool", pool.name),
            date_time=dataclasses.replace(DateTimeSetting(), olson_time_zone=pool.time_zone),
            srst=_srst(pool.srst_reference),
            sip_timers=SipTimers(keepalive_expires_s=keepalive_s),
            **_features(device.features),
            phone_label=device.lines[0].display[:12] if device.lines else "",
            dial_template_file=self.dial_template_file,
            soft_key_file=self._soft_key_file(device.features.softkey_template),
            user_locale=LOCALES[device.user_locale],
            device_security_mode=device.device_security_mode,
            urls=ServiceUrls.of_node(node.address, node.ports.http, node.ports.https),
            user_id=device.user_id or "",
            phone_services=tuple(subscribed_services(config, node, device.services)),
        )

    def _call_managers(self, config: ClusterConfig, names: tuple[str, ...]) -> tuple[CallManagerMember, ...]:
        nodes = [config.nodes_by_name[name] for name in names[:MAX_CALL_MANAGERS]]
        return tuple(
            CallManagerMember(
                node.address,
                node.name,
                priority,
                sip_port=node.ports.sip,
                secured_sip_port=node.ports.sips,
            )
            for priority, node in enumerate(nodes)
        )

    def _soft_key_file(self, template: str) -> str:
        """Name of the file of a softkey template; all templates have the standard softkeys."""
        if not template:
            return self.soft_key_file
        name = f"SK{device_uuid(self._state.config.cluster_id, 'softkeys', template)}.xml"
        self._soft_key_files.add(name)
        return name

    def _em_node(self) -> Node:
        """The node whose web pages phones use."""
        return (self._state.config.em_nodes or self._state.config.nodes)[0]

    # ------------------------------------------------------------------ files that are the same for every phone

    def _default(self) -> bytes:
        config = self._state.config
        names = tuple(node.name for node in config.nodes if node.call_manager)
        loads = {model.model: (f"Cisco {model.name}", "") for model in PHONE_MODELS.values()}
        return build_default_config(DefaultConfig(call_managers=self._call_managers(config, names), loads=loads))


def _features(features: FeatureSettings) -> dict[str, Any]:
    """What of a device profile's settings reaches the phone by its file."""
    return {
        "always_use_prime_line": features.always_use_prime_line,
        "always_use_prime_line_for_voice_mail": features.always_use_prime_line_for_voice_message,
        "mlpp_domain": features.mlpp_domain,
        "mlpp_indication": features.mlpp_indication,
        "mlpp_preemption": features.mlpp_preemption.capitalize(),
        "single_button_barge": BARGE[features.single_button_barge],
        "joins_across_lines": features.join_across_lines,
        "dnd_call_alert": DND_CALL_ALERTS[features.dnd_incoming_call_alert],
        "add_on_modules": features.modules,
    }


def _srst(address: str) -> SrstReference:
    if not address:
        return SrstReference()
    return SrstReference(name=address, option="Enable", sip_addresses=(address,))
