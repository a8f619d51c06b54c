"""The other files of a phone's boot: EMCC mini configuration, cluster default, softkeys, dial rules, ring tones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import CallManagerMember, DeviceConfig, TvsMember
from emcc_emu.wire.device_config_parts import flag, read_call_managers, write_call_manager_group, write_leaf, write_tvs
from emcc_emu.wire.device_config_xml import read_device_config
from emcc_emu.wire.xml import escape, escape_attribute
from emcc_emu.wire.xml_section import Section, parse_section

__all__ = [
    "MAX_TFTP_SERVERS",
    "ApplicationDialRule",
    "ConfigFile",
    "DefaultConfig",
    "DialRule",
    "EmccMiniConfig",
    "SoftKeySet",
    "build_application_dial_rules",
    "build_default_config",
    "build_dial_template",
    "build_mini_config",
    "build_ring_list",
    "build_soft_keys",
    "parse_application_dial_rules",
    "parse_config_file",
    "parse_default_config",
    "parse_dial_template",
    "parse_ring_list",
    "parse_soft_keys",
]

MAX_TFTP_SERVERS = 4
"""Temporary TFTP servers that a phone in EMCC mode keeps."""

MAX_RINGS = 50
"""Most ring tones of one list."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmccMiniConfig:
    """The small file that sends a phone to the TFTP servers of the home cluster.

    Served by the visiting cluster under the ordinary name while the session lasts. No real sample is public: the
    format is ours, built around the three property names of the phone's SIP stack.
    """

    visiting_em_address: str
    """Where EM requests go during the session."""

    visiting_em_port: int = 8080
    tftp_servers: tuple[str, ...]
    """Home's servers, default first; 1 to 4."""

    is_encrypted: bool = False
    version_stamp: str


ConfigFile: TypeAlias = DeviceConfig | EmccMiniConfig
"""What may stand in `SEP<MAC>.cnf.xml`."""


def build_mini_config(config: EmccMiniConfig) -> bytes:
    """Write the EMCC mini configuration."""
    servers = "".join(
        [
            f'<tftpServer priority="{priority}">{escape(server)}</tftpServer>\n'
            for priority, server in enumerate(config.tftp_servers)
        ]
    )
    return (
        f'{_DECLARATION}<device xsi:type="axl:XIPPhone">\n<fullConfig>false</fullConfig>\n'
        "<deviceProtocol>SIP</deviceProtocol>\n<emccMode>1</emccMode>\n"
        f"{write_leaf('visitingEMIpAddress', config.visiting_em_address)}\n"
        f"<visitingEMPort>{config.visiting_em_port}</visitingEMPort>\n"
        f"<emccTftpServers>\n{servers}</emccTftpServers>\n<encrConfig>{flag(config.is_encrypted)}</encrConfig>\n"
        f"{write_leaf('versionStamp', config.version_stamp)}\n</device>\n"
    ).encode()


def parse_config_file(data: bytes) -> ConfigFile:
    """Read `SEP<MAC>.cnf.xml`, full or mini.

    Raises:
        XmlInvalid: Neither of the two.
    """
    device = parse_section(data, "device")
    return _read_mini_config(device) if device.text("emccMode") == "1" else read_device_config(device)


def _read_mini_config(device: Section) -> EmccMiniConfig:
    servers = [
        (server.attribute_number("priority"), (server.element.text or "").strip())
        for server in device.section("emccTftpServers").sections("tftpServer")
    ]
    addresses = tuple([address for _, address in sorted(servers) if address][:MAX_TFTP_SERVERS])
    if not addresses:
        raise XmlInvalid("EMCC mini configuration without a TFTP server")
    return EmccMiniConfig(
        visiting_em_address=device.text("visitingEMIpAddress"),
        visiting_em_port=device.number("visitingEMPort", 8080),
        tftp_servers=addresses,
        is_encrypted=device.text("encrConfig") == "true",
        version_stamp=device.text("versionStamp"),
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DefaultConfig:
    """`XMLDefault.cnf.xml`: what a phone without a record of its own gets."""

    call_managers: tuple[CallManagerMember, ...]
    is_auto_registration_on: bool = False
    """Off wherever EMCC is used: a logged-out phone must not be created in the home cluster."""

    auto_registration_name: str = "AUTO-REG"
    call_manager_group: str = "Default"
    loads: Mapping[int, tuple[str, str]] = dataclasses.field(default_factory=dict)
    """Name of the model and its default load, by product model number."""


def build_default_config(config: DefaultConfig) -> bytes:
    """Write `XMLDefault.cnf.xml`."""
    loads = "".join(
        [
            f'<loadInformation{model} model="{escape_attribute(name)}">{escape(load)}</loadInformation{model}>\n'
            for model, (name, load) in config.loads.items()
        ]
    )
    tvs = [TvsMember(member.address, priority=member.priority) for member in config.call_managers]
    return (
        f"<Default>\n{write_leaf('autoRegistrationName', config.auto_registration_name)}\n"
        f"<autoRegistration>{'Enabled' if config.is_auto_registration_on else 'Disabled'}</autoRegistration>\n"
        "<ipAddressMode>0</ipAddressMode>\n<ipPreferenceModeControl>0</ipPreferenceModeControl>\n"
        "<ipMediaAddressFamilyPreference>0</ipMediaAddressFamilyPreference>\n"
        f"{write_call_manager_group(config.call_manager_group, config.call_managers)}{write_tvs(tvs)}"
        f"{loads}</Default>\n"
    ).encode()


def parse_default_config(data: bytes) -> DefaultConfig:
    """Read `XMLDefault.cnf.xml`.

    Raises:
        XmlInvalid: Not well-formed, another root, or text where a number must be.
    """
    default = parse_section(data, "Default")
    loads: dict[int, tuple[str, str]] = {}
    for child in default.element:
        model = str(child.tag).removeprefix("loadInformation")
        if model != child.tag and model.isascii() and model.isdigit() and len(model) <= 9:
            loads[int(model)] = (child.get("model", ""), (child.text or "").strip())
    group = default.section("callManagerGroup")
    return DefaultConfig(
        call_managers=read_call_managers(group),
        is_auto_registration_on=default.text("autoRegistration") == "Enabled",
        auto_registration_name=default.text("autoRegistrationName"),
        call_manager_group=group.text("name"),
        loads=loads,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class SoftKeySet:
    """The softkeys of one call state."""

    state: str
    """`On Hook`, `Connected`, `Ring In`, ..."""

    keys: tuple[str, ...]
    """`Redial`, `NewCall`, ... in order."""


def build_soft_keys(version_stamp: str, key_ids: Mapping[str, int], sets: Sequence[SoftKeySet]) -> bytes:
    """Write a softkey template `SK<uuid>.xml`.

    Args:
        version_stamp: Stamp of the template.
        key_ids: Event number of every softkey used, by its name.
        sets: The softkeys of each call state.
    """
    definitions = "".join(
        [
            f'<softKeyDef keyID="{escape_attribute(name)}"><tag>{event}</tag><eventID>{event}</eventID>'
            f"<helpID>{300 + event}</helpID></softKeyDef>\n"
            for name, event in key_ids.items()
        ]
    )
    states = "".join(
        [
            f'<softKeySet id="{escape_attribute(entry.state)}">'
            + "".join([f'<softKey keyID="{escape_attribute(key)}"/>' for key in entry.keys])
            + "</softKeySet>\n"
            for entry in sets
        ]
    )
    return (
        f"{_DECLARATION}<softKeyCfg>\n{write_leaf('versionStamp', version_stamp)}\n<typeSoftKey>\n{definitions}"
        f"</typeSoftKey>\n<softKeySets>\n{states}</softKeySets>\n</softKeyCfg>\n"
    ).encode()


def parse_soft_keys(data: bytes) -> tuple[str, tuple[SoftKeySet, ...]]:
    """Read a softkey template: its stamp and the softkeys of each call state.

    Raises:
        XmlInvalid: Not well-formed, or another root.
    """
    template = parse_section(data, "softKeyCfg")
    sets = [
        SoftKeySet(entry.attribute("id"), tuple([key.attribute("keyID") for key in entry.sections("softKey")]))
        for entry in template.section("softKeySets").sections("softKeySet")
    ]
    return template.text("versionStamp"), tuple(sets)


@dataclasses.dataclass(frozen=True, slots=True)
class DialRule:
    """One pattern that the phone dials without waiting for more digits."""

    match: str
    """Digits, `.` for one digit, `*` for any number, `,` for secondary tone."""

    timeout_s: int = 0
    rewrite: str = ""
    tone: str = ""


def build_dial_template(version_stamp: str, rules: Sequence[DialRule]) -> bytes:
    """Write SIP dial rules `DR<uuid>.xml`."""
    written = "".join(
        [
            f'<TEMPLATE match="{escape_attribute(rule.match)}" timeout="{rule.timeout_s}"'
            + (f' rewrite="{escape_attribute(rule.rewrite)}"' if rule.rewrite else "")
            + (f' tone="{escape_attribute(rule.tone)}"' if rule.tone else "")
            + "/>\n"
            for rule in rules
        ]
    )
    stamp = write_leaf("versionStamp", version_stamp)
    return f"{_DECLARATION}<dialTemplate>\n{stamp}\n{written}</dialTemplate>\n".encode()


def parse_dial_template(data: bytes) -> tuple[str, tuple[DialRule, ...]]:
    """Read SIP dial rules: their stamp and the rules in order.

    Raises:
        XmlInvalid: Not well-formed, another root, or a time-out that is no number.
    """
    template = parse_section(data, "dialTemplate")
    rules = [
        DialRule(
            rule.attribute("match"),
            rule.attribute_number("timeout"),
            rule.attribute("rewrite"),
            rule.attribute("tone"),
        )
        for rule in template.sections("TEMPLATE")
    ]
    return template.text("versionStamp"), tuple(rules)


@dataclasses.dataclass(frozen=True, slots=True)
class ApplicationDialRule:
    """How a number from a directory becomes one that can be dialled."""

    begins_with: str
    digit_count: int
    """Length of the number to which the rule applies."""

    digits_to_remove: int = 0
    prefix: str = ""


def build_application_dial_rules(rules: Sequence[ApplicationDialRule]) -> bytes:
    """Write `AppDialRules.xml`."""
    written = "".join(
        [
            f'<DialRule BeginsWith="{escape_attribute(rule.begins_with)}" NumDigits="{rule.digit_count}" '
            f'DigitsToRemove="{rule.digits_to_remove}" PrefixWith="{escape_attribute(rule.prefix)}"/>\n'
            for rule in rules
        ]
    )
    return f"{_DECLARATION}<DialRules>\n{written}</DialRules>\n".encode()


def parse_application_dial_rules(data: bytes) -> tuple[ApplicationDialRule, ...]:
    """Read `AppDialRules.xml`.

    Raises:
        XmlInvalid: Not well-formed, another root, or a count that is no number.
    """
    return tuple(
        [
            ApplicationDialRule(
                rule.attribute("BeginsWith"),
                rule.attribute_number("NumDigits"),
                rule.attribute_number("DigitsToRemove"),
                rule.attribute("PrefixWith"),
            )
            for rule in parse_section(data, "DialRules").sections("DialRule")
        ]
    )


def build_ring_list(rings: Sequence[tuple[str, str]]) -> bytes:
    """Write `Ringlist.xml` from pairs of display name and file name, at most 50."""
    written = "".join(
        [
            f"<Ring>{write_leaf('DisplayName', name)}{write_leaf('FileName', file)}</Ring>\n"
            for name, file in rings[:MAX_RINGS]
        ]
    )
    return f"{_DECLARATION}<CiscoIPPhoneRingList>\n{written}</CiscoIPPhoneRingList>\n".encode()


def parse_ring_list(data: bytes) -> tuple[tuple[str, str], ...]:
    """Read `Ringlist.xml`: pairs of display name and file name.

    Raises:
        XmlInvalid: Not well-formed, or another root.
    """
    rings = parse_section(data, "CiscoIPPhoneRingList").sections("Ring")
    return tuple([(ring.text("DisplayName"), ring.text("FileName")) for ring in rings[:MAX_RINGS]])
