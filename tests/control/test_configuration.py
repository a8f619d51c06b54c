"""What an administrator changes: checked as the lab file is, in force at once, and still there after a restart."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest
from administered_lab import PHONE, AdministeredLab, administered_lab, with_second_node

from emcc_emu.lab.load import parse_lab
from emcc_emu.lab.model import Lab
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.device_config_xml import parse_device_config


def file_of(lab: AdministeredLab, cluster: str, device: str) -> DeviceConfig:
    """The configuration file that a phone would get now."""
    content = lab.cluster(cluster).em.files.find(f"{device}.cnf.xml")
    assert content is not None
    return parse_device_config(content)


async def test_disabling_emcc_keeps_the_session_and_refuses_the_next_login(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    await lab.change("tokyo/users/ayamada", enable_emcc=False)
    assert (await lab.get("/clusters/tokyo/sessions"))["count"] == 1
    await lab.ask("DELETE", "/clusters/sanjose/sessions/" + PHONE)
    assert "31" in await lab.log_in(phone="SEP02AA00000002")


async def test_a_new_pin_counts_at_once_and_is_never_shown(lab: AdministeredLab) -> None:
    answer = await lab.change("tokyo/users/ayamada", pin="97531", password="secret-2468")
    assert "97531" not in str(answer) and "secret-2468" not in str(answer)
    assert await lab.log_in(pin="13579") != "ok"
    assert await lab.log_in(pin="97531") == "ok"


async def test_a_locked_user_cannot_log_in(lab: AdministeredLab) -> None:
    await lab.change("tokyo/users/ayamada", locked="yes")
    assert await lab.log_in() != "ok"
    await lab.change("tokyo/users/ayamada", locked=None)
    assert await lab.log_in() == "ok"


async def test_a_pin_that_has_to_change_stays_so_until_the_user_changes_it(lab: AdministeredLab) -> None:
    state = lab.cluster("tokyo").state
    assert (await lab.change("tokyo/users/ayamada", pin="11111", pin_must_change=True))["pin_must_change"]
    assert (await lab.change("tokyo/users/ayamada", pin="22222"))["pin_must_change"]
    await state.change_pin("ayamada", "33333")
    assert not (await lab.get("/clusters/tokyo/users/ayamada"))["pin_must_change"]


@pytest.mark.parametrize(
    ("path", "values", "rule"),
    [
        ("tokyo/users/ayamda", {"name": "A"}, "did you mean 'ayamada'?"),
        ("tokyo/users/ayamada", {"enable_emc": True}, "did you mean 'enable_emcc'?"),
        ("tokyo/users/ayamada", {"profiles": ["UDP-nobody"]}, "'UDP-nobody'"),
        ("tokyo/users/ayamada", {"user_id": "other"}, "is the key of the entry"),
        ("tokyo/users/ayamada", {"pin": ""}, "is empty"),
        ("tokyo/device-profiles/UDP-ayamada", {"model": "8851"}, "cannot change while the lab runs"),
        ("tokyo/device-profiles/UDP-ayamada", {"name": "x" * 51}, "is longer than 50"),
        ("tokyo/device-profiles/UDP-ayamada", {"mlpp_preemption": "forceful"}, "needs mlpp_indication: on"),
        ("tokyo/device-profiles/UDP-ayamada", {"mlpp_domain": "xyz"}, "does not have the form"),
        ("tokyo/device-profiles/UDP-ayamada", {"modules": ["a", "b", "c"]}, "at most 2 allowed"),
        ("tokyo/device-profiles/UDP-ayamada", {"dnd_option": "ringer"}, "did you mean 'ringer_off'?"),
        ("tokyo/service-parameters", {"maximum_concurrent_requests": 101}, "101 is above 100"),
        ("tokyo/service-parameters", {"maximum_concurrent_requests": 0}, "0 is below 1"),
        ("tokyo/service-parameters", {"inter_cluster_maximum_login_time": "168:01"}, "is longer than 7 d"),
        ("tokyo/service-parameters", {"cache_size": 999}, "999 is below 1000"),
        ("tokyo/remote-clusters/sanjose", {"tftp": True}, "has to stay off"),
        ("tokyo/remote-clusters/sanjose", {"certificates_imported": False}, "cannot change while the lab runs"),
        ("tokyo/base-devices", {"count": 60}, "cannot change while the lab runs"),
        ("tokyo/call-manager-parameters", {"tftp_maximum_serving_count": 9}, "cannot change while the lab runs"),
        ("tokyo/base-devices", {"template": "none such"}, "'none such'"),
        ("tokyo/intercluster-service-profile", {"pstn_access_trunk": "none"}, "is missing"),
    ],
)
async def test_a_wrong_change_is_refused_with_its_rule(
    lab: AdministeredLab, path: str, values: dict[str, Any], rule: str
) -> None:
    assert rule in await lab.refusal(path, **values)


async def test_forceful_preemption_needs_the_indication_that_default_comes_to(lab: AdministeredLab) -> None:
    profile = "tokyo/device-profiles/UDP-ayamada"
    text = await lab.refusal(profile, mlpp_indication="default", mlpp_preemption="forceful")
    assert "which device pool tokyo has off" in text
    for pool in ("tokyo", "roaming-us"):
        await lab.change(f"tokyo/device-pools/{pool}", mlpp_indication="on")
    await lab.change(profile, mlpp_indication="default", mlpp_preemption="forceful")


async def test_profile_settings_reach_the_phones_file_once_the_user_is_on(lab: AdministeredLab) -> None:
    await lab.change(
        "tokyo/device-profiles/UDP-ayamada",
        single_button_barge="barge",
        join_across_lines="on",
        always_use_prime_line="on",
        always_use_prime_line_for_voice_message="on",
        dnd_incoming_call_alert="flash_only",
        modules=["CP-8800-A-KEM"],
        mlpp_domain="0a",
        mlpp_indication="on",
        mlpp_preemption="forceful",
        softkey_template="Quiet",
        user_locale="Japanese_Japan",
    )
    assert await lab.log_in() == "ok"
    config = file_of(lab, "tokyo", PHONE)
    assert (config.single_button_barge, config.joins_across_lines, config.dnd_call_alert) == (1, True, 2)
    assert (config.always_use_prime_line, config.always_use_prime_line_for_voice_mail) == (True, True)
    assert (config.mlpp_domain, config.mlpp_indication, config.mlpp_preemption) == ("0a", True, "Forceful")
    assert (config.add_on_modules, config.user_locale.name) == (("CP-8800-A-KEM",), "Japanese_Japan")
    assert lab.cluster("tokyo").em.files.find(config.soft_key_file) is not None


async def test_a_default_of_the_profile_follows_the_service_parameter(lab: AdministeredLab) -> None:
    await lab.change("tokyo/call-manager-parameters", single_button_barge="cbarge", always_use_prime_line=True)
    assert await lab.log_in() == "ok"
    before = file_of(lab, "tokyo", PHONE)
    assert (before.single_button_barge, before.always_use_prime_line) == (2, True)
    await lab.change("tokyo/call-manager-parameters", single_button_barge="off")
    after = file_of(lab, "tokyo", PHONE)
    assert after.single_button_barge == 0
    assert after.version_stamp != before.version_stamp


async def test_emcc_phones_inherit_from_the_default_templates_common_device_configuration(lab: AdministeredLab) -> None:
    status, _ = await lab.ask(
        "PUT", "/clusters/tokyo/common-device-configurations/away", {"user_locale": "Japanese_Japan"}
    )
    assert status == 200
    await lab.change("tokyo/emcc-templates/EMCC Base Phone", common_device_configuration="away")
    await lab.change("tokyo/device-profiles/UDP-ayamada", user_locale=None)
    assert await lab.log_in() == "ok"
    assert file_of(lab, "tokyo", PHONE).user_locale.name == "Japanese_Japan"


async def test_intercom_lines_are_left_out_of_an_emcc_login(lab: AdministeredLab) -> None:
    lines = [
        {"directory_number": "3199", "partition": "internal", "intercom": "yes"},
        {"directory_number": "3101", "partition": "internal"},
    ]
    await lab.change("tokyo/device-profiles/UDP-ayamada", lines=lines)
    assert await lab.log_in() == "ok"
    assert [line.name for line in file_of(lab, "tokyo", PHONE).lines] == ["3101"]
    await lab.ask("DELETE", f"/clusters/tokyo/sessions/{PHONE}")
    assert await lab.log_in(phone="SEP02BB00000001", at="tokyo") == "ok"
    assert [line.name for line in file_of(lab, "tokyo", "SEP02BB00000001").lines] == ["3199", "3101"]


async def test_a_stopped_em_service_answers_503_and_its_pages_208(lab: AdministeredLab) -> None:
    await lab.change("sanjose/nodes/sanjose-pub", em=False)
    assert "208" in await lab.log_in()
    await lab.change("sanjose/nodes/sanjose-pub", em=True)
    assert await lab.log_in() == "ok"


async def test_ils_and_bulk_provisioning_run_on_the_publisher_only() -> None:
    async with administered_lab(change=with_second_node) as lab:
        for service in ("ils", "bulk_provisioning"):
            assert "publisher only" in await lab.refusal("tokyo/nodes/tokyo-sub", **{service: True})


async def test_what_others_refer_to_is_not_removed(lab: AdministeredLab) -> None:
    status, answer = await lab.ask("DELETE", "/clusters/tokyo/device-profiles/UDP-ksato")
    assert status == 400
    assert "users.ksato.profiles[0]: 'UDP-ksato'" in answer["error"]


async def test_nodes_are_neither_added_nor_removed(lab: AdministeredLab) -> None:
    answer = await lab.ask("DELETE", "/clusters/tokyo/nodes/tokyo-pub")
    assert answer == (405, {"error": "DELETE /clusters/tokyo/nodes/tokyo-pub: Method Not Allowed"})


async def test_the_phone_feature_list_counts_phones_by_model(lab: AdministeredLab) -> None:
    models = {row["model"]: row for row in await lab.get("/clusters/tokyo/phone-feature-list")}
    assert (models["7821"]["supports_emcc"], models["7821"]["phones"]) == (True, 2)
    assert not models["7960"]["supports_emcc"]


async def test_validation_names_what_is_missing(lab: AdministeredLab) -> None:
    assert (await lab.get("/clusters/tokyo/intercluster-service-profile/validation"))["ok"]
    await lab.change("tokyo/emcc-parameters", default_tftp_server="none")
    report = await lab.get("/clusters/tokyo/intercluster-service-profile/validation")
    assert not report["ok"]
    assert [line["check"] for line in report["checks"] if not line["ok"]] == [
        "Default TFTP Server for EMCC Login Device"
    ]


async def test_everything_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    async with administered_lab(tmp_path) as lab:
        await lab.change("tokyo/users/ayamada", pin="97531", maximum_login_time="2:00")
        await lab.change("tokyo/service-parameters", maximum_concurrent_requests=7)
        await lab.ask("PUT", "/clusters/tokyo/users/newcomer", {"profiles": ["UDP-ksato"], "pin": "4711"})
        assert await lab.ask("DELETE", "/clusters/tokyo/phones/SEP02BB00000002") == (200, None)
        await lab.ask("PUT", "/clusters/tokyo/remote-clusters/paris", {"fully_qualified_name": "127.0.0.1"})
        await lab.post("/clusters/tokyo/jobs/bulk", action="insert", count=27)
        await lab.post("/clusters/tokyo/jobs/bulk", action="delete", count=2)
    assert b"97531" not in (tmp_path / "tokyo.sqlite").read_bytes()
    async with administered_lab(tmp_path) as lab:
        assert (await lab.get("/clusters/tokyo/users/ayamada"))["maximum_login_time"] == "2 h"
        assert (await lab.get("/clusters/tokyo/service-parameters"))["maximum_concurrent_requests"] == 7
        users = await lab.get("/clusters/tokyo/users")
        assert [user["user_id"] for user in users["entries"]] == ["ayamada", "ksato", "newcomer"]
        assert (await lab.get("/clusters/tokyo/phones?match=bb00000002"))["count"] == 0
        assert (await lab.get("/clusters/tokyo/remote-clusters"))["count"] == 2
        assert (await lab.get("/clusters/tokyo/base-devices"))["count"] == 75
        job = await lab.post("/clusters/tokyo/jobs/bulk", action="insert", count=1)
        assert job["result"] == "1 inserted: EMCC76"
        assert await lab.log_in(pin="97531") == "ok"
        assert await lab.log_in("newcomer", "4711", phone="SEP02AA00000002") == "ok"


async def test_a_kept_change_that_no_longer_fits_the_lab_file_is_left_out(tmp_path: Path) -> None:
    async with administered_lab(tmp_path) as lab:
        await lab.ask("PUT", "/clusters/tokyo/users/newcomer", {"profiles": ["UDP-ksato"]})

    def without_profile(lab: Lab) -> Lab:
        text = Path(__file__).parents[2].joinpath("fixtures/labs/two-clusters.yaml").read_text()
        return parse_lab(text.replace("UDP-ksato", "UDP-sato"))

    async with administered_lab(tmp_path, change=without_profile) as lab:
        assert [user["user_id"] for user in (await lab.get("/clusters/tokyo/users"))["entries"]] == ["ayamada", "ksato"]


async def test_a_failed_database_changes_nothing(lab: AdministeredLab) -> None:
    lab.cluster("tokyo").state.database.fail("disk full")
    status, answer = await lab.ask("PATCH", "/clusters/tokyo/users/ayamada", {"enable_emcc": False})
    assert (status, answer) == (503, {"error": "the database failed; nothing has changed"})
    assert (await lab.get("/clusters/tokyo/users/ayamada"))["enable_emcc"]


REGISTER = (
    "REGISTER sip:{node} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
    "From: <sip:1@{node}>;tag=1\r\nTo: <sip:1@{node}>\r\nCall-ID: 1@{own}\r\nCSeq: 1 REGISTER\r\n"
    'Contact: <sip:1@{own}>;+u.sip!devicename.ccm.cisco.com="{phone}"\r\nExpires: 3600\r\nContent-Length: 0\r\n\r\n'
)


async def register(lab: AdministeredLab, cluster: str, phone: str) -> None:
    """Send one REGISTER of a phone to a cluster, and wait for the first answer."""
    node = lab.lab.lab.by_name[cluster].publisher
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.bind(("127.0.0.1", 0))
        own = f"127.0.0.1:{sender.getsockname()[1]}"
        text = REGISTER.format(node=node.address, own=own, phone=phone)
        await loop.sock_sendto(sender, text.encode(), (node.address, node.ports.sip))
        await loop.sock_recv(sender, 4096)


@pytest.mark.parametrize(("is_on", "shown"), [(False, "ok"), (True, "37")])
async def test_auto_registration_at_home_makes_the_next_login_a_duplicate(
    lab: AdministeredLab, is_on: bool, shown: str
) -> None:
    await lab.change("tokyo/call-manager-parameters", auto_registration=is_on)
    changed = asyncio.Event()
    lab.cluster("tokyo").state.config_listeners.append(lambda before: changed.set())
    await register(lab, "tokyo", PHONE)
    if is_on:
        await asyncio.wait_for(changed.wait(), 5)
    assert (PHONE in lab.cluster("tokyo").config.phones_by_name) == is_on
    assert shown in await lab.log_in()
