"""The EM API over real sockets: answers byte for byte, and the codes of wrong requests."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

LOGIN = "<login><deviceName>SEP02AA00000001</deviceName><userID>bmiller</userID></login>"
LOGOUT = "<logout><deviceName>SEP02AA00000001</deviceName></logout>"
SUCCESS = '<?xml version="1.0"?>\n<response>\n<success/>\n</response>\n'


def failure(code: int) -> str:
    return f'<error code="{code}">'


def on_device(user: str, last: str, name: str = "SEP02AA00000001") -> str:
    return (
        f'<response>\n<deviceUserResults>\n<device name="{name}">\n{user}\n{last}\n<emccDevice>no</emccDevice>\n'
        "</device>\n</deviceUserResults>\n</response>\n"
    )


async def who(cluster: Any, name: str = "SEP02AA00000001") -> str:
    answer: str = await cluster.query(f"<deviceUserQuery><deviceName>{name}</deviceName></deviceUserQuery>")
    return answer


async def test_a_login_and_a_logout_change_what_the_device_query_says(sanjose: Any) -> None:
    assert await who(sanjose) == on_device("<none/>", "<none/>")
    assert await sanjose.request(LOGIN) == SUCCESS
    assert await who(sanjose) == on_device("<userID>bmiller</userID>", "<none/>")
    assert await sanjose.request(LOGOUT) == SUCCESS
    assert await who(sanjose) == on_device("<none/>", "<lastlogin>bmiller</lastlogin>")
    assert sanjose.control.orders == [("SEP02AA00000001", "restart")] * 2


async def test_answers_carry_status_200_and_their_content_type(sanjose: Any) -> None:
    reply = await sanjose.post("<nonsense")
    assert (reply.status, reply.get("Content-Type")) == (200, "text/xml;charset=UTF-8")


async def test_several_devices_are_answered_in_the_order_asked(sanjose: Any) -> None:
    names = "<deviceName>SEP02AA00000001</deviceName><deviceName>SEPFFFFFFFFFFFF</deviceName>"
    answer = await sanjose.query(f"<deviceUserQuery>{names}</deviceUserQuery>")
    assert answer.index("SEP02AA00000001") < answer.index('<device name="SEPFFFFFFFFFFFF">\n<doesNotExist/>')


async def test_device_names_and_user_ids_match_in_any_case(sanjose: Any) -> None:
    login = "<login><deviceName>sep02aa00000001</deviceName><userID>BMiller</userID></login>"
    assert await sanjose.request(login) == SUCCESS
    assert "<userID>bmiller</userID>" in await who(sanjose, "sep02aa00000001")


async def test_a_user_is_found_on_his_devices(sanjose: Any) -> None:
    ask = "<userDevicesQuery><userID>bmiller</userID><userID>nobody</userID></userDevicesQuery>"
    assert '<user id="bmiller">\n<none/>' in await sanjose.query(ask)
    await sanjose.request(LOGIN)
    answer = await sanjose.query(ask)
    assert '<user id="bmiller">\n<deviceName>SEP02AA00000001</deviceName>\n</user>' in answer
    assert '<user id="nobody">\n<doesNotExist/>' in answer


@pytest.mark.parametrize("element", ["deviceProfileQuery", "userDeviceProfileQuery"])
async def test_profiles_are_listed_under_both_names_of_the_query(sanjose: Any, element: str) -> None:
    answer = await sanjose.query(f"<{element}><userID>bmiller</userID></{element}>")
    assert "<deviceProfileName>UDP-bmiller</deviceProfileName>\n<isDefaultDeviceProfile>t" in answer


async def test_check_user_answers_for_local_users_only(sanjose: Any) -> None:
    assert '<user id="bmiller">\n<exists>bmiller</exists>' in await sanjose.query(
        "<checkUser><userID>bmiller</userID></checkUser>"
    )
    assert failure(23) in await sanjose.query("<checkUser><userID>ayamada</userID></checkUser>")


async def test_a_get_request_is_answered_too(sanjose: Any) -> None:
    reply = await sanjose.get("/emservice/EMServiceServlet?xml=%3Cquery%3E%3CfooQuery%2F%3E%3C%2Fquery%3E")
    assert b'<error code="8">' in reply.body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE"])
async def test_other_methods_are_forbidden(sanjose: Any, method: str) -> None:
    reply = await sanjose.client.request(method, f"{sanjose.base_url}/emservice/EMServiceServlet")
    assert reply.status == 403


async def test_a_wrong_application_password_is_code_3_with_the_name(sanjose: Any) -> None:
    wrong = "<appInfo><appID>emproxy</appID><appCertificate>guess</appCertificate></appInfo>"
    answer = await sanjose.ask(f"<request>{wrong}{LOGIN}</request>")
    assert "<error code=\"3\">Could not authenticate 'emproxy'</error>" in answer


async def test_emapps_secret_is_taken_from_own_nodes_only(sanjose: Any) -> None:
    forged = (
        "<appInfo><appID>CCMSysUser</appID><appEncryptedCertificate>secret of the cluster</appEncryptedCertificate>"
    )
    answer = await sanjose.ask(f"<request>{forged}</appInfo>{LOGIN}</request>")
    assert failure(3) in answer  # the test's client asks from a phone's address


async def test_an_end_user_may_act_for_himself_only(sanjose: Any) -> None:
    own = "<appInfo><appID>bmiller</appID><appCertificate>bm-1357</appCertificate></appInfo>"
    other = LOGIN.replace("bmiller", "somebody")
    assert failure(10) in await sanjose.ask(f"<request>{own}{other}</request>")
    assert failure(10) in await sanjose.ask(f"<request>{own}<logoutAll/></request>")
    assert await sanjose.ask(f"<request>{own}{LOGIN}</request>") == SUCCESS


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (LOGIN.replace("SEP02AA00000001", "SEPFFFFFFFFFFFF"), 11),
        (LOGIN.replace("bmiller", "ayamada"), 23),  # the EM API does not support EMCC
        (LOGIN.replace("</login>", "<deviceProfile>UDP-other</deviceProfile></login>"), 12),
        (LOGOUT, 19),
        (LOGOUT.replace("SEP02AA00000001", "SEPFFFFFFFFFFFF"), 11),
        ("<login><userID>bmiller</userID><deviceName>SEP02AA00000001</deviceName></login>", 1),
        ("<LOGIN/>", 1),
    ],
)
async def test_a_request_that_cannot_be_done_names_its_code(sanjose: Any, action: str, code: int) -> None:
    assert failure(code) in await sanjose.request(action)
    assert sanjose.control.orders == []


async def test_an_occupied_phone_is_code_18(sanjose: Any) -> None:
    await sanjose.request(LOGIN)
    assert failure(18) in await sanjose.request(LOGIN)


async def test_a_user_on_another_phone_is_code_25(sanjose: Any) -> None:
    await sanjose.request(LOGIN)
    assert failure(25) in await sanjose.request(LOGIN.replace("00000001", "00000002"))


async def test_auto_logout_ends_the_other_session(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__multiple_login_behavior="auto_logout"), "sanjose")
    await cluster.request(LOGIN)
    assert await cluster.request(LOGIN.replace("00000001", "00000002")) == SUCCESS
    assert cluster.state.devices_of_user("bmiller") == ["SEP02AA00000002"]


async def test_logout_all_ends_every_session(sanjose: Any) -> None:
    await sanjose.request(LOGIN)
    assert await sanjose.request("<logoutAll/>") == SUCCESS
    assert await sanjose.request("<logoutAll/>") == SUCCESS
    assert list(sanjose.state.logins()) == []


async def test_a_phone_without_extension_mobility_is_22_at_login_and_5_at_logout(
    start: Any, edit: Any, lab: Any
) -> None:
    phones = tuple(msgspec.structs.replace(p, enable_extension_mobility=False) for p in lab.by_name["sanjose"].phones)
    cluster = await start(edit("sanjose", phones=phones), "sanjose")
    assert failure(22) in await cluster.request(LOGIN)
    assert failure(5) in await cluster.request(LOGOUT)


BOMB = (
    '<!DOCTYPE query [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    "<query>&c;</query>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"xml=",
        b"XML=%3Cquery%2F%3E",
        b"xml=%FF%FE",
        b"xml=<request><appInfo>",
        b"xml=" + b"A" * 300_000,
        b"xml=" + BOMB.replace("&", "%26").replace("<", "%3C").encode(),
        b"xml=" + b"<a>" * 5000,
    ],
    ids=["empty", "no document", "control in capitals", "invalid utf-8", "cut", "too long", "entities", "too deep"],
)
async def test_what_cannot_be_read_is_code_1_at_once(sanjose: Any, body: bytes) -> None:
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    reply = await sanjose.client.request(
        "POST", f"{sanjose.base_url}/emservice/EMServiceServlet", headers=form, body=body, timeout_s=2
    )
    assert (reply.status, b'<error code="1">' in reply.body) == (200, True)


async def test_ten_thousand_names_in_one_query_are_code_1(sanjose: Any) -> None:
    names = "<deviceName>SEP02AA00000001</deviceName>" * 10_000
    assert failure(1) in await sanjose.query(f"<deviceUserQuery>{names}</deviceUserQuery>")


async def test_a_failed_database_is_code_6_and_changes_nothing(sanjose: Any) -> None:
    sanjose.state.database.fail("disk full")
    assert failure(6) in await sanjose.request(LOGIN)
    sanjose.state.database.fail("")
    assert await sanjose.request(LOGIN) == SUCCESS


async def test_the_request_beyond_the_limit_is_code_26(start: Any, edit: Any) -> None:
    edit("sanjose", service_parameters__maximum_concurrent_requests=1)
    cluster = await start(edit("sanjose", service_times__login_s=0.2), "sanjose")
    first, second = await asyncio.gather(cluster.request(LOGIN), cluster.request(LOGIN.replace("00000001", "00000002")))
    assert (first == SUCCESS) != (second == SUCCESS)
    assert failure(26) in first + second
    counters = cluster.service.counters
    assert (counters.requests_throttled, counters.requests_in_progress, counters.requests_in_progress_max) == (1, 0, 1)


async def test_queries_pass_while_the_service_is_full(start: Any, edit: Any) -> None:
    edit("sanjose", service_parameters__maximum_concurrent_requests=1)
    cluster = await start(edit("sanjose", service_times__login_s=0.2), "sanjose")
    login = asyncio.create_task(cluster.request(LOGIN))
    while not cluster.service.counters.requests_in_progress:
        assert "<none/>" in await who(cluster, "SEP02AA00000002")
    assert "<none/>" in await who(cluster, "SEP02AA00000002")
    assert await login == SUCCESS


async def test_a_stopped_service_answers_503(sanjose: Any) -> None:
    sanjose.service.is_active = False
    reply = await sanjose.post("<query/>")
    assert reply.status == 503


async def test_an_unknown_source_is_28_and_a_proxy_30_where_addresses_are_validated(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__validate_ip_address=True), "sanjose")
    assert failure(28) in await cluster.request(LOGIN)
    cluster.control.is_down = True
    assert failure(29) in await cluster.request(LOGIN)
    cluster.control.is_down = False
    cluster.control.registered["SEP02AA00000001"] = cluster.config.phones[0].address
    reply = await cluster.client.request(
        "POST",
        f"{cluster.base_url}/emservice/EMServiceServlet",
        headers=[("Via", "1.1 proxy.example.test")],
        body=b"xml=" + f"<request>{LOGIN}</request>".encode(),
    )
    assert b'code="1"' in reply.body  # a document that cannot be read comes first
    assert await cluster.request(LOGIN) == SUCCESS


async def test_a_login_with_a_duration_ends_by_itself(sanjose: Any, clock: Any) -> None:
    timed = LOGIN.replace("</login>", "<exclusiveDuration><time>60</time></exclusiveDuration></login>")
    assert await sanjose.request(timed) == SUCCESS
    ran = await clock.advance(3601)
    assert [work.name for work in ran if "automatic" in work.name] == ["automatic logout of SEP02AA00000001 at sanjose"]
    assert "<none/>\n<lastlogin>bmiller" in await who(sanjose)
