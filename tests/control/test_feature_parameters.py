"""The EMCC feature parameters of the guide's table 2: the range of each, and its effect where this lab can show it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from administered_lab import PHONE, AdministeredLab, administered_lab, with_second_node

from emcc_emu.rules.routing import trunk_partitions

OUT_OF_RANGE = [
    ("default_tftp_server", "nowhere", "'nowhere'"),
    ("backup_tftp_server", "nowhere", "'nowhere'"),
    ("expired_device_maintenance_interval", "9 min", "is shorter than 10 min"),
    ("expired_device_maintenance_interval", "1441 min", "is longer than 1 d"),
    ("enable_services_of_new_remote_clusters", "maybe", "is neither true nor false"),
    ("css_for_pstn_access_trunk", "use_trunk_ccs", "did you mean 'use_trunk_css'?"),
    ("geolocation_filter", "by-contry", "did you mean 'by-country'?"),
    ("region_max_audio_kbps", 9, "'9' is none of 7, 8, 13"),
    ("region_max_video_kbps", 8129, "8129 is above 8128"),
    ("region_max_video_kbps", -1, "-1 is below 0"),
    ("region_link_loss_type", "low", "is none of low_loss, lossy"),
    ("rsvp_trunk_keepalive", "0 s", "is shorter than 1 s"),
    ("rsvp_trunk_keepalive", "601 s", "is longer than 10 min"),
    ("default_update_server", "nowhere", "'nowhere'"),
    ("backup_update_server", "nowhere", "'nowhere'"),
    ("remote_cluster_update_interval", "14 min", "is shorter than 15 min"),
    ("remote_cluster_update_interval", "10081 min", "is longer than 7 d"),
]


async def test_a_value_outside_its_range_is_refused_with_the_range(lab: AdministeredLab) -> None:
    before = await lab.get("/clusters/tokyo/emcc-parameters")
    for field, value, rule in OUT_OF_RANGE:
        text = await lab.refusal("*/emcc-parameters", **{field: value})
        assert f".emcc.{field}: " in text and rule in text, text
    assert await lab.get("/clusters/tokyo/emcc-parameters") == before


async def test_every_parameter_takes_both_ends_of_its_range(lab: AdministeredLab) -> None:
    for values in (
        {"expired_device_maintenance_interval": "10 min", "region_max_video_kbps": 0, "rsvp_trunk_keepalive": "1 s"},
        {"expired_device_maintenance_interval": "1 d", "region_max_video_kbps": 8128, "rsvp_trunk_keepalive": "10 min"},
        {"region_max_audio_kbps": 256, "remote_cluster_update_interval": "7 d"},
        {"region_max_audio_kbps": 7, "remote_cluster_update_interval": "15 min"},
    ):
        answer = await lab.change("*/emcc-parameters", **values)
        assert {name: answer["tokyo"][name] for name in values} == values


async def test_without_default_tftp_server_a_login_gets_code_39_which_the_phone_shows_as_201(
    lab: AdministeredLab,
) -> None:
    await lab.change("tokyo/emcc-parameters", default_tftp_server="none")
    assert "(201)" in await lab.log_in()
    await lab.change("tokyo/emcc-parameters", default_tftp_server="auto")
    assert await lab.log_in() == "ok"


async def test_the_backup_tftp_server_is_in_the_visiting_phones_file() -> None:
    async with administered_lab(change=with_second_node) as lab:
        await lab.change("tokyo/emcc-parameters", backup_tftp_server="tokyo-sub")
        assert await lab.log_in() == "ok"
        session = lab.cluster("sanjose").state.visiting_session(PHONE)
        assert session is not None
        assert session.tftp_servers == tuple(node.address for node in lab.lab.lab.by_name["tokyo"].nodes)


async def test_servers_for_remote_cluster_update_are_what_other_clusters_learn() -> None:
    async with administered_lab(change=with_second_node) as lab:
        first, second = (node.address for node in lab.lab.lab.by_name["tokyo"].nodes)
        await lab.change("tokyo/emcc-parameters", default_update_server="tokyo-sub", backup_update_server="tokyo-pub")
        learned = await lab.post("/clusters/sanjose/remote-clusters/tokyo/update")
        assert learned["services"]["EMCC"]["addresses"] == [second, first]


async def test_the_maintenance_interval_sets_when_expired_devices_are_logged_out(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    await lab.change("tokyo/emcc-parameters", expired_device_maintenance_interval="10 min")
    ran = (await lab.post("/clock/advance", by="9 min"))["ran"]
    assert "expired EMCC device maintenance of tokyo" not in [work["work"] for work in ran]
    ran = (await lab.post("/clock/advance", by="1 min"))["ran"]
    assert "expired EMCC device maintenance of tokyo" in [work["work"] for work in ran]
    assert (await lab.get("/clusters/tokyo/sessions"))["count"] == 0


async def test_services_of_a_new_remote_cluster_are_enabled_as_the_parameter_says(lab: AdministeredLab) -> None:
    for name, is_enabled in (("paris", False), ("oslo", True)):
        await lab.change("tokyo/emcc-parameters", enable_services_of_new_remote_clusters=is_enabled)
        body = {"fully_qualified_name": "127.0.0.1"}
        status, added = await lab.ask("PUT", f"/clusters/tokyo/remote-clusters/{name}", body)
        assert (status, added["emcc"], added["pstn_access"], added["rsvp_agent"]) == (200, *[is_enabled] * 3)
        assert not added["tftp"]


async def test_calls_on_the_pstn_trunk_take_the_trunks_css_or_the_phones(lab: AdministeredLab) -> None:
    calls, trunk = lab.cluster("sanjose").call_manager.calls, lab.cluster("sanjose").config.trunks[0]
    assert trunk_partitions(calls.config, trunk, "phones") == ("emergency-us", "pstn-us")
    await lab.change("sanjose/emcc-parameters", css_for_pstn_access_trunk="use_phones_original_device_css")
    assert trunk_partitions(calls.config, trunk, "phones") == ("internal", "emergency-us", "pstn-us")


async def test_without_geolocation_filter_the_templates_device_pool_is_taken(lab: AdministeredLab) -> None:
    await lab.change("tokyo/emcc-parameters", geolocation_filter="none")
    assert await lab.log_in() == "ok"
    (session,) = (await lab.get("/clusters/tokyo/sessions"))["entries"]
    assert session["roaming_device_pool"] == "tokyo"


async def test_region_parameters_limit_the_next_emcc_call(lab: AdministeredLab) -> None:
    calls = lab.cluster("tokyo").call_manager.calls
    limit = calls.codec_limit(is_emcc=True)
    assert limit is not None and dataclasses.astuple(limit) == (8, "low_loss")
    await lab.change("*/emcc-parameters", region_max_audio_kbps=64, region_link_loss_type="lossy")
    limit = calls.codec_limit(is_emcc=True)
    assert limit is not None and dataclasses.astuple(limit) == (64, "lossy")


@pytest.mark.parametrize(
    ("field", "value"),
    [("region_max_audio_kbps", 64), ("region_max_video_kbps", 0), ("region_link_loss_type", "lossy")],
)
async def test_a_region_parameter_of_one_cluster_alone_is_refused(lab: AdministeredLab, field: str, value: Any) -> None:
    assert "differs from sanjose's" in await lab.refusal("tokyo/emcc-parameters", **{field: value})
    answer = await lab.change("*/emcc-parameters", **{field: value})
    assert [entry[field] for entry in answer.values()] == [value, value]


async def test_the_update_interval_sets_when_remote_clusters_are_asked(lab: AdministeredLab) -> None:
    await lab.change("sanjose/emcc-parameters", remote_cluster_update_interval="15 min")
    ran = (await lab.post("/clock/advance", by="29 min"))["ran"]
    assert [work["work"] for work in ran] == ["remote cluster update of sanjose"]
