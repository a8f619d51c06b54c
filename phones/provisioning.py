"""Which files a phone fetches when it boots, and in which order."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import Any

from emcc_emu.errors import EmccEmuError, XmlInvalid
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_files import ConfigFile, parse_config_file
from phones.downloads import Downloads

__all__ = ["NotProvisioned", "SharedParts", "fetch_configuration", "fetch_extras"]

DEFAULT_CONFIG_FILE = "XMLDefault.cnf.xml"
DIAL_RULES_FILE = "AppDialRules.xml"


MAX_SHARED_PARTS = 4096
"""Parts of configurations kept for sharing by one fleet; further ones are kept by each phone for itself."""

_OWN_PARTS = frozenset(("uuid", "cti_id", "version_stamp", "lines", "buttons", "user_id", "owner_id", "phone_label"))
"""What two phones hardly ever have in common."""


class SharedParts:
    """Keeps equal parts of many phones' configurations once: nodes, URLs, locales, services, file names."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts: dict[Hashable, Any] = {}

    def share(self, config: DeviceConfig) -> DeviceConfig:
        """The same configuration, with every common part taken from here."""
        names = (field.name for field in dataclasses.fields(config) if field.name not in _OWN_PARTS)
        return dataclasses.replace(config, **{name: self._one(getattr(config, name)) for name in names})

    def _one(self, part: Any) -> Any:
        if len(self._parts) < MAX_SHARED_PARTS:
            return self._parts.setdefault((type(part), part), part)
        return self._parts.get((type(part), part), part)


class NotProvisioned(EmccEmuError):
    """The file servers answer, but have no configuration with which this phone can register."""


async def fetch_configuration(downloads: Downloads, device_name: str, parts: SharedParts | None = None) -> ConfigFile:
    """Ask for the trust lists, then for the phone's configuration, full or EMCC mini.

    Args:
        downloads: Fetches the files.
        device_name: Name of the phone.
        parts: Where the configuration's common parts are kept; None keeps them in the configuration alone.

    Raises:
        ServersSilent: No server answered.
        NotProvisioned: There is no such file, or it is of no use.
    """
    await downloads.fetch(f"CTL{device_name}.tlv")
    await downloads.fetch_first([f"ITL{device_name}.tlv", "ITLFile.tlv"])
    content = await downloads.fetch(f"{device_name}.cnf.xml")
    if content is None:
        await downloads.fetch(DEFAULT_CONFIG_FILE)
        raise NotProvisioned(f"no file {device_name}.cnf.xml at {downloads.server.address}")
    try:
        config = parse_config_file(content)
    except XmlInvalid as error:
        raise NotProvisioned(f"its configuration file is broken: {error}") from None
    if not isinstance(config, DeviceConfig):
        return config
    if not config.lines:
        raise NotProvisioned("its configuration file has no line")
    return config if parts is None else parts.share(config)


async def fetch_extras(downloads: Downloads, config: DeviceConfig) -> None:
    """Ask for softkeys, dial template, feature policy and dial rules; a phone does without those that are missing.

    Raises:
        ServersSilent: No server answered.
    """
    for name in (config.soft_key_file, config.dial_template_file, config.feature_policy_file, DIAL_RULES_FILE):
        if name:
            await downloads.fetch(name)
