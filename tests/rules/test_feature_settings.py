"""What the `default` settings of a device profile come to."""

import msgspec
import pytest

from emcc_emu.lab.device_pools import CommonDeviceConfiguration
from emcc_emu.lab.devices import DeviceProfile
from emcc_emu.lab.load import parse_lab
from emcc_emu.rules.feature_settings import FeatureSettings, feature_settings

CLUSTER = parse_lab("clusters: {tokyo: {nodes: {tokyo-pub: 127.2.0.10}}}").by_name["tokyo"]
PROFILE = DeviceProfile(name="UDP")


def settings(profile=PROFILE, *, pool=None, parameters=None, common=None):
    pools = (msgspec.structs.replace(CLUSTER.device_pools[0], **(pool or {})),)
    call_manager = msgspec.structs.replace(CLUSTER.call_manager, **(parameters or {}))
    cluster = msgspec.structs.replace(CLUSTER, device_pools=pools, call_manager=call_manager)
    return feature_settings(cluster, profile, "Default", *([] if common is None else [common]))


def test_an_untouched_profile_has_the_defaults():
    assert settings() == FeatureSettings()


@pytest.mark.parametrize(
    ("field", "own", "inherited", "value"),
    [
        ("privacy", "on", False, True),
        ("join_across_lines", "off", True, False),
        ("always_use_prime_line", "on", False, True),
        ("always_use_prime_line_for_voice_message", "off", True, False),
        ("single_button_barge", "off", "barge", "off"),
    ],
)
def test_a_profiles_own_setting_wins_over_the_service_parameter(field, own, inherited, value):
    profile = msgspec.structs.replace(PROFILE, **{field: own})
    assert getattr(settings(profile, parameters={field: inherited}), field) == value
    assert getattr(settings(parameters={field: inherited}), field) == inherited


def test_mlpp_follows_the_device_pool():
    pool = {"mlpp_indication": "on", "mlpp_preemption": "forceful"}
    inheriting = msgspec.structs.replace(PROFILE, mlpp_indication="default")
    found = settings(inheriting, pool=pool)
    assert (found.mlpp_indication, found.mlpp_preemption) == (True, "forceful")
    own = msgspec.structs.replace(PROFILE, mlpp_indication="off", mlpp_preemption="disabled")
    found = settings(own, pool=pool)
    assert (found.mlpp_indication, found.mlpp_preemption) == (False, "disabled")


def test_music_on_hold_goes_from_profile_to_common_configuration_to_pool_to_system():
    common = CommonDeviceConfiguration(name="away", user_hold_moh_source=3, softkey_template="Away")
    profile = msgspec.structs.replace(PROFILE, user_hold_moh_source=2, softkey_template="Mine")
    pool = {"user_hold_moh_source": 4}
    assert settings(profile, pool=pool, common=common).user_hold_moh_source == 2
    assert settings(pool=pool, common=common).user_hold_moh_source == 3
    assert settings(pool=pool).user_hold_moh_source == 4
    assert settings().user_hold_moh_source == 1
    assert settings(profile, common=common).softkey_template == "Mine"
    assert settings(common=common).softkey_template == "Away"
