"""What the `default` settings of a device profile come to: inherited from service parameters, device pool and others.

Guide, table 1. Single Button Barge and Join Across Lines inherit from service parameter and device pool; the service
parameter wins where the two differ, so it always decides.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

from emcc_emu.lab.device_pools import CommonDeviceConfiguration
from emcc_emu.lab.devices import DeviceProfile
from emcc_emu.lab.model import ClusterConfig

__all__ = ["NO_COMMON_CONFIGURATION", "SYSTEM_MOH_SOURCE", "FeatureSettings", "feature_settings"]

SYSTEM_MOH_SOURCE = 1
"""Music on hold source where nobody names one."""

NO_COMMON_CONFIGURATION = CommonDeviceConfiguration(name="none")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSettings:
    """The settings as they are in force."""

    user_hold_moh_source: int = SYSTEM_MOH_SOURCE
    softkey_template: str = ""
    """Empty is the standard one."""
    privacy: bool = True
    single_button_barge: Literal["off", "barge", "cbarge"] = "off"
    join_across_lines: bool = False
    always_use_prime_line: bool = False
    always_use_prime_line_for_voice_message: bool = False
    ignore_presentation_indicators: bool = False
    do_not_disturb: bool = False
    dnd_option: Literal["call_reject", "ringer_off", "common_phone_profile"] = "ringer_off"
    dnd_incoming_call_alert: Literal["common_phone_profile", "disable", "beep_only", "flash_only"] = (
        "common_phone_profile"
    )
    modules: tuple[str, ...] = ()
    mlpp_domain: str = ""
    mlpp_indication: bool = False
    mlpp_preemption: Literal["disabled", "forceful"] = "disabled"


def feature_settings(
    cluster: ClusterConfig,
    profile: DeviceProfile,
    device_pool: str,
    common: CommonDeviceConfiguration = NO_COMMON_CONFIGURATION,
) -> FeatureSettings:
    """The settings of a device with a profile.

    Args:
        device_pool: Its device pool: the phone's own, or the roaming one of an EMCC phone.
        common: Its common device configuration; an EMCC phone's is that of the EMCC template.
    """
    pool, parameters = cluster.device_pools_by_name[device_pool], cluster.call_manager
    moh_source = profile.user_hold_moh_source or common.user_hold_moh_source or pool.user_hold_moh_source
    barge = profile.single_button_barge
    preemption = profile.mlpp_preemption
    return FeatureSettings(
        user_hold_moh_source=moh_source or SYSTEM_MOH_SOURCE,
        softkey_template=profile.softkey_template or common.softkey_template,
        privacy=_inherited(profile.privacy, parameters.privacy),
        single_button_barge=parameters.single_button_barge if barge == "default" else barge,
        join_across_lines=_inherited(profile.join_across_lines, parameters.join_across_lines),
        always_use_prime_line=_inherited(profile.always_use_prime_line, parameters.always_use_prime_line),
        always_use_prime_line_for_voice_message=_inherited(
            profile.always_use_prime_line_for_voice_message, parameters.always_use_prime_line_for_voice_message
        ),
        ignore_presentation_indicators=profile.ignore_presentation_indicators,
        do_not_disturb=profile.do_not_disturb,
        dnd_option=profile.dnd_option,
        dnd_incoming_call_alert=profile.dnd_incoming_call_alert,
        modules=profile.modules,
        mlpp_domain=profile.mlpp_domain,
        mlpp_indication=_inherited(profile.mlpp_indication, pool.mlpp_indication == "on"),
        mlpp_preemption=pool.mlpp_preemption if preemption == "default" else preemption,
    )


def _inherited(setting: Literal["default", "on", "off"], inherited: bool) -> bool:
    return inherited if setting == "default" else setting == "on"
