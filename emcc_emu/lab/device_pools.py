"""What devices share: device pools, common device configurations, EMCC templates and EMCC base devices."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.lab.dial_plan import Name
from emcc_emu.settings.declaration import Address, Settings

__all__ = ["BaseDevices", "CommonDeviceConfiguration", "DevicePool", "EmccTemplate"]

MohSource = Annotated[int, Meta(ge=0, le=51)]


class DevicePool(Settings, frozen=True, kw_only=True):
    """Settings shared by devices in one place."""

    __keyed_by__: ClassVar[str] = "name"

    name: Name
    """Name of the device pool."""

    call_manager_group: tuple[str, ...] = ()
    """Nodes that its devices register with, in order; empty is every node that runs CallManager."""

    geolocation: str = ""
    """Geolocation of its devices, and what a visiting phone's is matched with."""

    local_route_group: str = ""
    """Route group that Standard Local Route Group stands for; empty is none."""

    adjunct_css: str = ""
    """Adjunct calling search space, searched first for EMCC phones that are given this pool: the visited country's
    emergency patterns."""

    user_locale: Literal["English_United_States", "Japanese_Japan"] = "English_United_States"
    """User locale of devices and profiles that name none."""

    user_hold_moh_source: MohSource = 0
    """Music on hold source on user hold, for devices and profiles that name none; 0 is the system default, source 1."""

    mlpp_indication: Literal["on", "off"] = "off"
    """MLPP indication of devices and profiles whose own is `default`."""

    mlpp_preemption: Literal["disabled", "forceful"] = "disabled"
    """MLPP preemption of devices and profiles whose own is `default`."""

    time_zone: str = "UTC"
    """Time zone of its devices, an IANA name."""

    srst_reference: Address = ""
    """Survivable gateway named in the phones' files; empty is none."""


class CommonDeviceConfiguration(Settings, frozen=True, kw_only=True):
    """Settings that devices share wherever they are; EMCC phones get them by the EMCC template."""

    __keyed_by__: ClassVar[str] = "name"

    name: Name
    """Name of the common device configuration."""

    softkey_template: str = ""
    """Softkey template of devices and profiles that name none; empty is the standard one."""

    user_locale: Literal["", "English_United_States", "Japanese_Japan"] = ""
    """User locale of devices and profiles that name none; empty is the device pool's."""

    user_hold_moh_source: MohSource = 0
    """Music on hold source on user hold of devices and profiles that name none; 0 is the device pool's."""


class EmccTemplate(Settings, frozen=True, kw_only=True):
    """An EMCC template: what the EMCC base devices that a bulk job inserts have in common."""

    __keyed_by__: ClassVar[str] = "name"

    name: Name
    """Name of the template."""

    device_pool: str = ""
    """Device pool of the base devices, used when no roaming pool matches; empty is the cluster's first."""

    common_device_configuration: str = ""
    """Common device configuration of the base devices; empty is none."""


class BaseDevices(Settings, frozen=True, kw_only=True):
    """EMCC base devices, made from the EMCC template: one is in use per EMCC login to this cluster."""

    __shorthand__: ClassVar[str] = "count"

    count: Annotated[int, Meta(ge=0, le=30000)] = 50
    """How many there are: EMCC1, EMCC2, …; a login that finds none free gets code 33."""

    template: str = "auto"
    """Default EMCC template. `auto` is the cluster's first; `none` leaves it unset, so that no bulk job can insert."""

    device_pool: str = ""
    """Device pool that is used when no roaming pool matches; empty is the template's."""

    device_security_mode: Literal["non_secure", "authenticated", "encrypted"] = "non_secure"
    """Has to be `non_secure`; anything else makes logins fail with code 43."""
