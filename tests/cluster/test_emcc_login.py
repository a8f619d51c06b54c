"""EMCC between two clusters on real sockets: login and logout from a phone's pages, and every way they fail."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emcc_emu.cluster.records import EMCC
from emcc_emu.lab.model import RemoteCluster
from emcc_emu.wire.phone_files import EmccMiniConfig, parse_config_file
from emcc_emu.wire.phone_objects import PhoneExecute, PhoneInput, PhoneMenu, PhoneText
from emcc_emu.wire.phone_uri import submit_url

PHONE = "SEP02AA00000001"
OPEN = f"device={PHONE}&EMCC=true"
LOGIN = f"{OPEN}&userid=ayamada&seq=13579"


async def log_in(clusters: Any, query: str = LOGIN) -> str:
    """Log in from the phone; returns the text of the page, `ok` for success."""
    page = await clusters.visiting.page(query)
    if isinstance(page, PhoneExecute):
        assert page.items[0].url == "Init:CallHistory"  # EMCC always clears the call logs
        return "ok"
    text: str = page.text if isinstance(page, PhoneText) else page.prompt
    return text


def believe(visiting: Any, home: Any) -> None:
    """Have the visiting cluster take the home cluster for active, as after an update that is out of date."""
    status = visiting.state.remote_clusters["tokyo"]
    services = {
        name: msgspec.structs.replace(service, is_remote_activated=True, addresses=(home.address,))
        for name, service in status.services.items()
    }
    visiting.state.remote_clusters["tokyo"] = msgspec.structs.replace(status, services=services)


async def test_a_phone_logs_in_by_the_forms_own_fields_and_sees_success(both: Any) -> None:
    form = await both.visiting.page(OPEN)
    assert isinstance(form, PhoneInput)
    reply = await both.visiting.client.get(submit_url(form, {"userid": "ayamada", "seq": "13579"}))
    assert b"Init:CallHistory" in reply.body
    page = await both.visiting.page(f"{OPEN}&refresh=true")
    assert isinstance(page, PhoneText) and page.text == "Login successful"


async def test_both_clusters_record_the_login_and_only_visiting_resets_the_phone(both: Any) -> None:
    assert await log_in(both) == "ok"
    visiting = both.visiting.state.visiting_session(PHONE)
    home = both.home.state.home_session(PHONE)
    assert (visiting.user_id, visiting.home_cluster_id, visiting.emcc_device) == ("ayamada", "tokyo", "EMCC1")
    assert (home.user_id, home.emcc_device, home.visiting_cluster_id) == ("ayamada", "EMCC1", "sanjose")
    assert (home.roaming_device_pool, home.geolocation["country"]) == ("roaming-us", "US")
    assert home.login_duration_s == 36000
    assert home.em_uri.endswith(f"/emapp/EMAppServlet?device={PHONE}&doLogout=true")
    assert both.home.state.login("EMCC1").user_id == "ayamada"
    assert both.visiting.control.orders == [(PHONE, "restart")]
    assert both.home.control.orders == []
    assert both.visiting.state.intents() == both.home.state.intents() == []


async def test_the_temporary_device_has_the_profiles_lines_and_the_roaming_pools_calling_search_spaces(
    both: Any,
) -> None:
    await log_in(both)
    device = both.home.state.device(PHONE)
    assert device.is_emcc
    assert [line.directory_number for line in device.lines] == ["3101"]
    assert (device.adjunct_css, device.device_css) == (("emcc-us",), ("internal", "pstn-jp"))
    assert both.home.state.find_directory_number("3101", "internal")[0].device_name == PHONE
    assert not both.visiting.state.device(PHONE).is_emcc


async def test_files_lead_the_phone_home_and_back(both: Any) -> None:
    name = f"{PHONE}.cnf.xml"
    before = both.visiting.em.files.find(name)
    await log_in(both)
    mini = parse_config_file(both.visiting.em.files.find(name))
    assert isinstance(mini, EmccMiniConfig) and mini.tftp_servers == (both.home.address,)
    at_home = parse_config_file(both.home.em.files.find(name))
    assert not isinstance(at_home, EmccMiniConfig) and at_home.lines[0].name == "3101"
    await both.visiting.page(f"{OPEN}&doLogout=true")
    assert both.home.em.files.find(name) is None
    after = both.visiting.em.files.find(name)
    assert parse_config_file(after).version_stamp > parse_config_file(before).version_stamp


async def test_the_service_asks_before_it_logs_out_and_both_records_go(both: Any) -> None:
    await log_in(both)
    question = await both.visiting.page(OPEN)
    assert isinstance(question, PhoneText) and question.text.startswith("ayamada ")
    assert (await both.visiting.client.get(question.soft_keys[0].url)).status == 200
    assert both.visiting.state.visiting_session(PHONE) is None
    assert both.home.state.home_session(PHONE) is None
    assert both.home.state.base_devices.in_use_count == 0
    assert both.home.control.orders == [(PHONE, "restart")]
    assert both.visiting.state.intents() == []


async def test_a_query_at_home_says_emcc_device(both: Any) -> None:
    await log_in(both)
    answer = await both.home.query(f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>")
    assert "<userID>ayamada</userID>\n<none/>\n<emccDevice>yes</emccDevice>" in answer


async def test_a_wrong_pin_is_code_2(both: Any) -> None:
    assert await log_in(both, f"{OPEN}&userid=ayamada&seq=99999") == "Login is unavailable (2)"
    assert both.visiting.state.intents() == []


async def test_an_unknown_user_is_code_23(both: Any) -> None:
    assert await log_in(both, f"{OPEN}&userid=nobody&seq=1") == "Login is unavailable (23)"


async def test_a_phone_that_does_not_say_emcc_is_code_213(both: Any) -> None:
    assert await log_in(both, f"device={PHONE}&userid=ayamada&seq=13579") == "Login is unavailable (213)"


async def test_a_home_cluster_that_is_down_is_code_208(both: Any) -> None:
    await both.home.em.close()
    assert await log_in(both) == "Login is unavailable (208)"
    assert both.visiting.state.visiting_session(PHONE) is None


async def test_a_home_cluster_that_is_not_trusted_is_code_208(start: Any, lab: Any) -> None:
    visiting = await start(lab, "sanjose", trusts=())
    home = await start(lab, "tokyo")
    await visiting.em.update_remote_clusters()
    assert not visiting.state.remote_cluster("tokyo").is_usable(EMCC)  # the update is not trusted either
    believe(visiting, home)
    page = await visiting.page(LOGIN)
    assert page.text == "Login is unavailable (208)"


async def test_after_a_failed_update_nobody_is_asked_and_the_code_is_23(both: Any) -> None:
    await both.home.em.close()
    await both.visiting.em.update_remote_clusters()
    status = both.visiting.state.remote_cluster("tokyo")
    assert (status.is_usable(EMCC), status.error_code) == (False, 40)
    assert await log_in(both) == "Login is unavailable (23)"


async def test_the_login_of_a_user_with_several_profiles_goes_on_from_a_menu_without_the_pin(both: Any) -> None:
    menu = await both.visiting.page(f"{OPEN}&userid=ksato&seq=24680")
    assert isinstance(menu, PhoneMenu)
    assert [item.name for item in menu.items] == ["UDP-ksato", "UDP-ksato-assistant"]
    assert not any("24680" in item.url for item in menu.items)
    assert (await both.visiting.client.get(menu.items[1].url)).status == 200
    assert both.home.state.home_session(PHONE).profile == "UDP-ksato-assistant"


async def test_a_profile_chosen_without_a_pin_before_is_the_form_again(both: Any) -> None:
    text = await log_in(both, f"{OPEN}&userid=ksato&deviceProfile=UDP-ksato")
    assert text == "Please try to login again (201)"


async def test_a_second_phone_is_code_25(both: Any) -> None:
    await log_in(both)
    assert await log_in(both, LOGIN.replace("00000001", "00000002")) == "Multi-Login Not Allowed (25)"


async def test_auto_logout_reaches_the_other_phone_through_its_cluster(edit: Any, start_two: Any) -> None:
    both = await start_two(edit("tokyo", service_parameters__multiple_login_behavior="auto_logout"))
    await log_in(both)
    assert await log_in(both, LOGIN.replace("00000001", "00000002")) == "ok"
    await both.home.until(lambda: bool(both.home.control.orders))
    assert both.visiting.state.visiting_session(PHONE) is None
    assert both.home.state.devices_of_user("ayamada") == ["SEP02AA00000002"]
    assert both.home.control.orders == [(PHONE, "restart")]


CONFIGURED = [
    ("tokyo", {"base_devices__count": 0}, "Login is unavailable (33)"),
    ("tokyo", {"emcc__default_tftp_server": ""}, "Please try to login again (201)"),
    ("tokyo", {"remote_clusters": ()}, "Login is unavailable (35)"),
    ("tokyo", {"intercluster_service_profile__emcc_active": False}, "Login is unavailable (38)"),
    ("tokyo", {"base_devices__device_security_mode": "encrypted"}, "Login is unavailable (43)"),
    ("tokyo", {"service_parameters__maximum_concurrent_requests": 0}, "Login is unavailable (26)"),
    ("sanjose", {"intercluster_service_profile__emcc_active": False}, "Please try to login again (201)"),
    ("sanjose", {"intercluster_service_profile__pstn_access_active": False}, "Login is unavailable (211)"),
    ("sanjose", {"remote_clusters": ()}, "Login is unavailable (36)"),
    ("sanjose", {"service_parameters__maximum_concurrent_requests": 0}, "Login is unavailable (26)"),
    ("sanjose", {"remote_clusters": (RemoteCluster(cluster_id="kyoto"),)}, "Login is unavailable (23)"),
]


@pytest.mark.parametrize(
    ("cluster", "changes", "text"), CONFIGURED, ids=[case[2] + " " + case[0] for case in CONFIGURED]
)
async def test_configuration_shows_its_code(
    edit: Any, start_two: Any, cluster: str, changes: dict[str, Any], text: str
) -> None:
    both = await start_two(edit(cluster, **changes))
    if "emcc_active" in str(changes) and cluster == "tokyo":  # visiting has not noticed yet
        believe(both.visiting, both.home)
    assert await log_in(both) == text
    assert both.home.state.base_devices.in_use_count == 0
    assert both.visiting.state.intents() == []


async def test_a_user_without_emcc_is_code_31(edit: Any, lab: Any, start_two: Any) -> None:
    users = tuple(msgspec.structs.replace(user, enable_emcc=False) for user in lab.by_name["tokyo"].users)
    assert await log_in(await start_two(edit("tokyo", users=users))) == "Login is unavailable (31)"


async def test_a_phone_that_home_has_too_is_code_37(edit: Any, lab: Any, start_two: Any) -> None:
    twin = msgspec.structs.replace(lab.by_name["sanjose"].phones[0], device_pool="tokyo", css="", lines=())
    both = await start_two(edit("tokyo", phones=(*lab.by_name["tokyo"].phones, twin)))
    assert await log_in(both) == "Login is unavailable (37)"


async def test_a_pin_that_must_be_changed_shows_the_form_of_the_home_cluster(
    edit: Any, lab: Any, start_two: Any
) -> None:
    users = tuple(msgspec.structs.replace(user, pin_must_change=True) for user in lab.by_name["tokyo"].users)
    both = await start_two(edit("tokyo", users=users))
    form = await both.visiting.page(LOGIN)
    assert isinstance(form, PhoneInput) and form.prompt == "PIN change is required"
    values = {"userid": "ayamada", "oldpin": "13579", "newpin": "97531", "confirmnewpin": "97531"}
    reply = await both.visiting.client.get(submit_url(form, values))
    assert b"PIN change is complete" in reply.body
    assert await log_in(both) == "Login is unavailable (2)"
    assert await log_in(both, LOGIN.replace("13579", "97531")) == "ok"


async def test_the_maximum_login_time_ends_the_session_from_home(both: Any, clock: Any) -> None:
    await log_in(both)
    await clock.advance(36001)
    await both.home.until(lambda: bool(both.home.control.orders))
    assert both.visiting.state.visiting_session(PHONE) is None
    assert both.home.state.home_session(PHONE) is None
    assert both.home.control.orders == [(PHONE, "restart")]


async def test_home_unreachable_at_logout_keeps_the_records(both: Any) -> None:
    await log_in(both)
    await both.home.em.close()
    page = await both.visiting.page(f"{OPEN}&doLogout=true")
    assert page.text == "Logout is unavailable (208)"
    assert both.visiting.state.visiting_session(PHONE) is not None
    assert both.visiting.state.intents() == []


async def test_maintenance_frees_the_base_device_of_a_phone_that_went_away(both: Any, clock: Any) -> None:
    await log_in(both)
    both.home.control.registered[PHONE] = both.visiting.address
    await clock.advance(200)
    assert await both.home.em.jobs.run("expired EMCC device maintenance") == "0 logged out"
    del both.home.control.registered[PHONE]
    assert await both.home.em.jobs.run("expired EMCC device maintenance") == f"1 logged out: {PHONE}"
    await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
    assert both.home.state.base_devices.in_use_count == 0
    assert both.home.control.orders == []


async def test_a_login_replaces_an_orphan_that_home_still_holds(both: Any) -> None:
    await log_in(both)
    await both.visiting.em.visiting.clear_by_administrator(PHONE)
    assert both.home.state.home_session(PHONE) is not None
    assert await log_in(both) == "ok"
    assert both.home.state.base_devices.in_use_count == 1
