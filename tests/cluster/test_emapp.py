"""EMApp's pages for local users, as a phone gets them over HTTP."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emcc_emu.wire.phone_objects import PhoneExecute, PhoneInput, PhoneMenu, PhoneText
from emcc_emu.wire.phone_uri import submit_url

PHONE = "SEP02AA00000001"


async def test_the_login_form_asks_for_user_and_pin(sanjose: Any) -> None:
    form = await sanjose.page(f"device={PHONE}")
    assert isinstance(form, PhoneInput)
    assert (form.title, form.prompt) == ("Extension Mobility", "Please sign on")
    assert [(item.query_string_param, item.input_flags) for item in form.items] == [("userid", "A"), ("seq", "NP")]
    assert form.url == f"{sanjose.base_url}/emapp/EMAppServlet?device={PHONE}"
    assert [key.url for key in form.soft_keys] == ["SoftKey:Submit", "SoftKey:<<", "SoftKey:Exit"]


async def test_pages_expire_at_once_and_carry_a_session(sanjose: Any) -> None:
    reply = await sanjose.get(f"/emapp/EMAppServlet?device={PHONE}")
    assert reply.get("Expires") == "Thu, 01 Jan 1970 00:00:01 GMT"
    assert reply.get("Content-Type") == "text/xml; charset=utf-8"
    cookie = reply.get("Set-Cookie")
    assert cookie.startswith("JSESSIONID=") and cookie.endswith("; Path=/emapp")
    again = await sanjose.get(f"/emapp/EMAppServlet?device={PHONE}", Cookie=cookie.partition(";")[0])
    assert again.get("Set-Cookie") is None


async def test_a_local_user_logs_in_and_out(sanjose: Any) -> None:
    form = await sanjose.page(f"device={PHONE}")
    await sanjose.client.get(submit_url(form, {"userid": "bmiller", "seq": "86420"}))
    assert sanjose.state.device(PHONE).user_id == "bmiller"
    question = await sanjose.page(f"device={PHONE}")
    assert isinstance(question, PhoneText) and "bmiller" in question.text
    await sanjose.client.get(question.soft_keys[0].url)
    assert sanjose.state.device(PHONE).user_id is None
    assert sanjose.control.orders == [(PHONE, "restart")] * 2


async def test_one_request_logs_in_and_says_so(sanjose: Any) -> None:
    page = await sanjose.page(f"device={PHONE}&userid=bmiller&seq=86420")
    assert isinstance(page, PhoneText) and page.text == "Login successful"
    page = await sanjose.page(f"device={PHONE}&doLogout=true")
    assert page.text == "Logout successful"


async def test_call_logs_are_cleared_where_the_parameter_says_so(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__clear_call_logs=True), "sanjose")
    page = await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")
    assert isinstance(page, PhoneExecute) and page.items[0].url == "Init:CallHistory"
    assert (await cluster.page(page.items[1].url.partition("?")[2])).text == "Login successful"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "Login is unavailable (207)"),
        ("doLogout=true", "Logout is unavailable (207)"),
        (f"device={PHONE}&loginType=XX", "LoginType invalid (215)"),
        ("device=SEPFFFFFFFFFFFF", "Login is unavailable (11)"),
        (f"device={PHONE}&userid=nobody&seq=1", "Login is unavailable (213)"),
        (f"device={PHONE}&doLogout=true", "Logout is unavailable (19)"),
    ],
)
async def test_an_error_page_shows_its_code(sanjose: Any, query: str, text: str) -> None:
    page = await sanjose.page(query)
    assert isinstance(page, PhoneText) and page.text == text


@pytest.mark.parametrize(
    ("query", "prompt"),
    [
        ("userid=&seq=", "Please try to login again (202)"),
        ("userid=bmiller&seq=", "Please try to login again (202)"),
        ("userid=bmiller&seq=1", "Please try to login again (201)"),
    ],
)
async def test_blank_and_wrong_credentials_show_the_form_again(sanjose: Any, query: str, prompt: str) -> None:
    form = await sanjose.page(f"device={PHONE}&{query}")
    assert isinstance(form, PhoneInput) and form.prompt == prompt


async def test_the_device_may_be_called_name(sanjose: Any) -> None:
    assert isinstance(await sanjose.page(f"name={PHONE}"), PhoneInput)


async def test_a_japanese_phone_reads_japanese(sanjose: Any) -> None:
    page = await sanjose.page("device=SEPFFFFFFFFFFFF", Accept_Language="ja")
    assert page.text == "ログインできません (11)"


@pytest.mark.parametrize(
    ("accepted", "charset"),
    [
        ("utf-8,iso-8859-1;q=0.8", "utf-8"),
        ("iso-8859-1, utf-8;q=0.8", "iso-8859-1"),
        ("utf-8,;q=0.8", "utf-8"),
        ("shift_jis", "shift_jis"),
        ("klingon;q=x", "utf-8"),
    ],
)
async def test_the_charset_is_the_one_that_the_phone_likes_best(sanjose: Any, accepted: str, charset: str) -> None:
    reply = await sanjose.get(f"/emapp/EMAppServlet?device={PHONE}", Accept_Charset=accepted)
    assert reply.get("Content-Type") == f"text/xml; charset={charset}"


@pytest.mark.parametrize(
    ("login_type", "label", "flags"), [("SP", "Self Service User ID", "N"), ("DN", "Primary Extension", "T")]
)
async def test_login_types_change_label_and_keys_of_the_first_field(
    sanjose: Any, login_type: str, label: str, flags: str
) -> None:
    form = await sanjose.page(f"device={PHONE}&loginType={login_type}")
    assert (form.items[0].display_name, form.items[0].input_flags) == (label, flags)
    assert f"loginType={login_type}" in form.url


async def test_an_extension_logs_its_user_in_and_several_owners_are_216(start: Any, edit: Any, lab: Any) -> None:
    cluster = await start(lab, "sanjose")
    query = f"device={PHONE}&loginType=DN&userid=2101&seq=86420"
    assert (await cluster.page(query)).text == "Login successful"
    await cluster.em.close()
    users = lab.by_name["sanjose"].users
    twin = msgspec.structs.replace(users[0], user_id="twin", primary_extension="2101")
    cluster = await start(edit("sanjose", users=(*users, twin)), "sanjose")
    query = query.replace("00000001", "00000002")
    assert (await cluster.page(query)).text == "DN has multiple users (216)"


async def test_releases_before_12_ignore_the_login_type(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", version="11.5.1.10000-1"), "sanjose")
    form = await cluster.page(f"device={PHONE}&loginType=DN")
    assert form.items[0].display_name == "User ID"


async def test_several_profiles_are_offered_and_one_is_taken(start: Any, edit: Any, lab: Any) -> None:
    cluster_config = lab.by_name["sanjose"]
    second = msgspec.structs.replace(cluster_config.device_profiles[0], name="UDP-second")
    user = msgspec.structs.replace(cluster_config.users[0], profiles=("UDP-bmiller", "UDP-second"))
    edit("sanjose", device_profiles=(*cluster_config.device_profiles, second))
    cluster = await start(edit("sanjose", users=(user,)), "sanjose")
    menu = await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")
    assert isinstance(menu, PhoneMenu)
    await cluster.client.get(menu.items[1].url)
    assert cluster.state.login(PHONE).profile == "UDP-second"


async def test_a_user_without_profile_is_205(start: Any, edit: Any, lab: Any) -> None:
    user = msgspec.structs.replace(lab.by_name["sanjose"].users[0], profiles=(), default_profile="")
    cluster = await start(edit("sanjose", users=(user,)), "sanjose")
    assert (await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")).text == "Login is unavailable (205)"


async def test_the_last_user_is_remembered_where_the_parameter_says_so(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__remember_last_user=True), "sanjose")
    await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")
    await cluster.page(f"device={PHONE}&doLogout=true")
    assert (await cluster.page(f"device={PHONE}")).items[0].default_value == "bmiller"
    assert (await cluster.page(f"device={PHONE}&loginType=SP")).items[0].default_value == ""


async def test_a_stopped_em_service_is_208_and_a_stopped_application_503(sanjose: Any) -> None:
    sanjose.service.is_active = False
    assert (await sanjose.page(f"device={PHONE}")).text == "Login is unavailable (208)"
    next(iter(sanjose.em.nodes.values())).em_app.is_active = False
    assert (await sanjose.get(f"/emapp/EMAppServlet?device={PHONE}")).status == 503


async def test_a_pin_is_changed_when_it_must_be(start: Any, edit: Any, lab: Any) -> None:
    user = msgspec.structs.replace(lab.by_name["sanjose"].users[0], pin_must_change=True)
    cluster = await start(edit("sanjose", users=(user,)), "sanjose")
    form = await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")
    assert isinstance(form, PhoneInput) and form.prompt == "PIN change is required"
    assert form.items[0].default_value == "bmiller"
    wrong = [
        ({"oldpin": "1", "newpin": "97531", "confirmnewpin": "97531"}, b"Invalid credentials"),
        ({"oldpin": "86420", "newpin": "97531", "confirmnewpin": "9753"}, b"New PIN does not match"),
        ({"oldpin": "86420", "newpin": "pin", "confirmnewpin": "pin"}, b"PIN not acceptable"),
        ({"oldpin": "86420", "newpin": "97531", "confirmnewpin": "97531"}, b"PIN change is complete"),
    ]
    for values, text in wrong:
        reply = await cluster.client.get(submit_url(form, {"userid": "bmiller", **values}))
        assert text in reply.body
    assert (await cluster.page(f"device={PHONE}&userid=bmiller&seq=97531")).text == "Login successful"


async def test_the_change_credential_page_opens_by_its_own_url(sanjose: Any) -> None:
    reply = await sanjose.get(f"/changecredential/ChangeCredentialServlet?device={PHONE}")
    assert b"<Title>Change Credential</Title>" in reply.body and b"confirmnewpin" in reply.body


async def test_the_services_menu_lists_the_subscriptions_of_whoever_is_on(sanjose: Any) -> None:
    reply = await sanjose.get(f"/ccmcip/getservicesmenu.jsp?name={PHONE}")
    assert b"<Name>Extension Mobility</Name>" in reply.body
    assert f"device={PHONE}&amp;EMCC=#EMCC#".encode() in reply.body
    assert b"Device not found" in (await sanjose.get("/ccmcip/getservicesmenu.jsp?name=SEP0")).body


@pytest.mark.parametrize(
    ("user", "password", "answer"),
    [
        ("emproxy", "emproxy-2580", b"AUTHORIZED"),
        ("emproxy", "guess", b"UN-AUTHORIZED"),
        ("bmiller", "bm-1357", b"AUTHORIZED"),
        ("nobody", "", b"UN-AUTHORIZED"),
    ],
)
async def test_a_pushed_command_is_authorized_by_password(
    sanjose: Any, user: str, password: str, answer: bytes
) -> None:
    await sanjose.page(f"device={PHONE}&userid=bmiller&seq=86420")
    reply = await sanjose.get(f"/ccmcip/authenticate.jsp?UserID={user}&Password={password}&devicename={PHONE}")
    assert reply.body == answer


async def test_other_paths_are_not_there(sanjose: Any) -> None:
    assert (await sanjose.get("/emapp/emappservlet")).status == 404


async def test_a_changed_locale_is_a_restart_and_then_a_reset(start: Any, edit: Any, lab: Any) -> None:
    profile = msgspec.structs.replace(lab.by_name["sanjose"].device_profiles[0], user_locale="Japanese_Japan")
    cluster = await start(edit("sanjose", device_profiles=(profile,)), "sanjose")
    await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")
    cluster.em.desk.phone_registered(PHONE)
    cluster.em.desk.phone_registered(PHONE)
    assert cluster.control.orders == [(PHONE, "restart"), (PHONE, "reset")]


async def test_another_nodes_em_service_serves_when_the_own_one_is_down(start: Any, edit: Any, lab: Any) -> None:
    first = lab.by_name["sanjose"].nodes[0]
    spare_address = lab.by_name["sanjose"].gateways[0].address
    second = msgspec.structs.replace(first, name="sanjose-sub", address=spare_address)
    cluster = await start(edit("sanjose", nodes=(first, second)), "sanjose")
    await cluster.em.nodes["sanjose-pub"].https.close()
    assert (await cluster.page(f"device={PHONE}&userid=bmiller&seq=86420")).text == "Login successful"
