"""Which files a phone fetches when it boots, and in which order."""

from __future__ import annotations

from emcc_emu.errors import EmccEmuError, XmlInvalid
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_files import ConfigFile, parse_config_file
from phones.downloads import Downloads

__all__ = ["NotProvisioned", "fetch_configuration", "fetch_extras"]

DEFAULT_CONFIG_FILE = "XMLDefault.cnf.xml"
DIAL_RULES_FILE = "AppDialRules.xml"


class NotProvisioned(EmccEmuError):
    """The file servers answer, but have no configuration with which this phone can register."""


async def fetch_configuration(downloads: Downloads, device_name: str) -> ConfigFile:
    """Ask for the trust lists, then for the phone's configuration, full or EMCC mini.

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
    if isinstance(config, DeviceConfig) and not config.lines:
        raise NotProvisioned("its configuration file has no line")
    return config


async def fetch_extras(downloads: Downloads, config: DeviceConfig) -> None:
    """Ask for softkeys, dial template, feature policy and dial rules; a phone does without those that are missing.

    Raises:
        ServersSilent: No server answered.
    """
    for name in (config.soft_key_file, config.dial_template_file, config.feature_policy_file, DIAL_RULES_FILE):
        if name:
            await downloads.fetch(name)
