"""Rules of logins in one cluster and between two: who may be where, for how long, by which identity and PIN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from emcc_emu.lab.model import Lab
from emcc_emu.wire.phone_objects import PhoneExecute, PhoneInput, PhoneText

PHONE, SECOND = "SEP02AA00000001", "SEP02AA00000002"
AT_HOME = "SEP02BB00000001"
V11, V12_0, V12_5, V14 = "11.5.1.10000-6", "12.0.1.21900-7", "12.5.1.14900-11", "14.0.1.13900-155"

LOCAL = "userid=bmiller&seq=86420"
SHORT_S = 60.0

Edit = Callable[..., Lab]
replaced = msgspec.structs.replace


async def shown(cluster: Any, query: str) -> str:
    """What a phone reads after this request: `ok` for a login that cleared its call logs."""
    page = await cluster.page(query)
    if isinstance(page, PhoneExecute):
        return "ok"
    text: str = page.text if isinstance(page, PhoneText) else page.prompt
    return "ok" if text == "Login successful" else text


def users_with(lab: Lab, cluster: str, **changes: Any) -> tuple[Any, ...]:
    return tuple(replaced(user, **changes) for user in lab.by_name[cluster].users)


# ---------------------------------------------------------------------- multiple logins

REFUSED = "Multi-Login Not Allowed (25)"
BEHAVIOR = "service_parameters__multiple_login_behavior"

MULTIPLE = [
    # release, behavior, where first, where second, what the second shows, where the user is then
    (V12_5, "allowed", "em", "em", "ok", 2),
    (V12_5, "allowed", "em", "emcc", "ok", 2),
    (V12_5, "allowed", "emcc", "em", "ok", 2),
    (V12_5, "allowed", "emcc", "emcc", "ok", 2),
    (V12_5, "not_allowed", "em", "em", REFUSED, 1),
    (V12_5, "not_allowed", "em", "emcc", REFUSED, 1),
    (V12_5, "not_allowed", "emcc", "em", REFUSED, 1),
    (V12_5, "not_allowed", "emcc", "emcc", REFUSED, 1),
    (V12_5, "auto_logout", "em", "em", "ok", 1),
    (V12_5, "auto_logout", "em", "emcc", "ok", 1),
    (V12_5, "auto_logout", "emcc", "em", "ok", 1),
    (V12_5, "auto_logout", "emcc", "emcc", "ok", 1),
    (V12_0, "allowed", "em", "em", "ok", 2),
    (V12_0, "not_allowed", "em", "em", "Login is unavailable (25)", 1),
    (V12_0, "not_allowed", "em", "emcc", "ok", 2),
    (V12_0, "not_allowed", "emcc", "em", "ok", 2),
    (V12_0, "not_allowed", "emcc", "emcc", "ok", 2),
    (V12_0, "auto_logout", "em", "em", "ok", 1),
    (V12_0, "auto_logout", "em", "emcc", "ok", 2),
    (V12_0, "auto_logout", "emcc", "em", "ok", 2),
    (V12_0, "auto_logout", "emcc", "emcc", "ok", 2),
]


@pytest.mark.parametrize(("release", "behavior", "first", "second", "shows", "places"), MULTIPLE)
async def test_multiple_login_behavior(
    edit: Edit, start_two: Any, release: str, behavior: str, first: str, second: str, shows: str, places: int
) -> None:
    both = await start_two(edit("tokyo", version=release, **{BEHAVIOR: behavior}))

    async def log_in(kind: str, number: int) -> str:
        if kind == "em":
            return await shown(both.home, f"device=SEP02BB0000000{number}&userid=ayamada&seq=13579")
        return await shown(both.visiting, f"device=SEP02AA0000000{number}&EMCC=true&userid=ayamada&seq=13579")

    assert await log_in(first, 1) == "ok"
    assert await log_in(second, 2) == shows
    assert len(both.home.state.devices_of_user("ayamada")) == places
    first_phone = {"em": AT_HOME, "emcc": PHONE}[first]
    is_still_on = first_phone in both.home.state.devices_of_user("ayamada")
    assert is_still_on == (behavior != "auto_logout" or places == 2)
    if first == "emcc" and not is_still_on:
        await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
        await both.home.until(lambda: (PHONE, "restart") in both.home.control.orders)
    assert both.home.state.base_devices.in_use_count == len(list(both.home.state.home_sessions()))


# ---------------------------------------------------------------------- maximum login time


@pytest.mark.parametrize(
    ("release", "enforces", "maximum_s", "of_user_s", "lasts_s"),
    [
        (V12_5, False, 8 * 3600.0, None, 0),
        (V12_5, True, 8 * 3600.0, None, 8 * 3600),
        (V12_5, True, 0.0, None, 0),
        (V12_5, True, 8 * 3600.0, 1800.0, 1800),
        (V12_5, True, 8 * 3600.0, 0.0, 0),
        (V12_0, True, 8 * 3600.0, 1800.0, 8 * 3600),
        (V12_0, False, 7200.0, None, 7200),
        (V14, False, 7200.0, None, 0),
    ],
    ids=[
        "not enforced", "enforced", "no limit", "a user's own", "a user without limit", "no user's own before 12.5",
        "a set time is enforced before 14", "a set time alone is ignored from 14 on",
    ],
)  # fmt: skip
async def test_maximum_login_time_in_the_cluster(
    start: Any, edit: Edit, lab: Lab, clock: Any, release: str, enforces: bool, maximum_s: float, of_user_s: Any,
    lasts_s: int,
) -> None:  # fmt: skip
    edit("sanjose", version=release, users=users_with(lab, "sanjose", maximum_login_time_s=of_user_s))
    edit("sanjose", service_parameters__enforce_intra_cluster_maximum_login_time=enforces)
    edited = edit("sanjose", service_parameters__intra_cluster_maximum_login_time_s=maximum_s)
    cluster = await start(edited, "sanjose")
    assert await shown(cluster, f"device={PHONE}&{LOCAL}") == "ok"
    assert cluster.state.login(PHONE).login_duration_s == lasts_s
    await clock.advance((lasts_s or 168 * 3600) - SHORT_S)
    assert cluster.state.user_on(PHONE) == "bmiller"
    await clock.advance(2 * SHORT_S)
    assert cluster.state.user_on(PHONE) == (None if lasts_s else "bmiller")


@pytest.mark.parametrize(
    ("asked", "enforced_s", "lasts_s"),
    [("<time>60</time>", 1800.0, 1800), ("<time>10</time>", 1800.0, 600), ("<indefinite/>", 1800.0, 1800)],
)
async def test_what_an_application_asks_for_stays_below_what_is_enforced(
    start: Any, edit: Edit, asked: str, enforced_s: float, lasts_s: int
) -> None:
    edit("sanjose", service_parameters__enforce_intra_cluster_maximum_login_time=True)
    cluster = await start(edit("sanjose", service_parameters__intra_cluster_maximum_login_time_s=enforced_s), "sanjose")
    await cluster.request(
        f"<login><deviceName>{PHONE}</deviceName><userID>bmiller</userID>"
        f"<exclusiveDuration>{asked}</exclusiveDuration></login>"
    )
    assert cluster.state.login(PHONE).login_duration_s == lasts_s


@pytest.mark.parametrize(
    ("release", "maximum_s", "of_user_s", "lasts_s"),
    [
        (V12_5, 36000.0, None, 36000),
        (V12_5, 0.0, None, 0),
        (V12_5, 36000.0, 900.0, 900),
        (V12_0, 36000.0, 900.0, 36000),
    ],
)
async def test_maximum_login_time_between_clusters_is_homes(
    edit: Edit, lab: Lab, start_two: Any, clock: Any, release: str, maximum_s: float, of_user_s: Any, lasts_s: int
) -> None:
    edit("tokyo", version=release, users=users_with(lab, "tokyo", maximum_login_time_s=of_user_s))
    both = await start_two(edit("tokyo", service_parameters__inter_cluster_maximum_login_time_s=maximum_s))
    assert await shown(both.visiting, f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579") == "ok"
    session = both.home.state.home_session(PHONE)
    assert session.login_duration_s == both.home.state.login(session.emcc_device).login_duration_s == lasts_s
    if lasts_s:
        await clock.advance(lasts_s + SHORT_S)
        await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)


# ---------------------------------------------------------------------- who is meant


@pytest.mark.parametrize("login_type", ["", "UID", "SP", "DN"])
async def test_login_types_in_the_cluster(start: Any, edit: Edit, lab: Lab, login_type: str) -> None:
    cluster = await start(edit("sanjose", users=users_with(lab, "sanjose", self_service_id="82101")), "sanjose")
    typed = {"": "bmiller", "UID": "bmiller", "SP": "82101", "DN": "2101"}[login_type]
    service = f"device={PHONE}" + (f"&loginType={login_type}" if login_type else "")
    for other in {"bmiller", "82101", "2101"} - {typed}:
        assert await shown(cluster, f"{service}&userid={other}&seq=86420") == "Login is unavailable (213)"
    assert await shown(cluster, f"{service}&userid={typed}&seq=86420") == "ok"
    assert cluster.state.user_on(PHONE) == "bmiller"


async def test_an_extension_of_several_users_of_another_cluster_is_47(edit: Edit, lab: Lab, start_two: Any) -> None:
    both = await start_two(edit("tokyo", users=users_with(lab, "tokyo", primary_extension="3100")))
    query = f"device={PHONE}&EMCC=true&loginType=DN&userid=3100&seq=13579"
    assert await shown(both.visiting, query) == "DN has multiple users (47)"


async def test_numeric_user_ids_get_a_numeric_field(start: Any, edit: Edit, lab: Lab) -> None:
    edit("sanjose", users=users_with(lab, "sanjose", user_id="40017"))
    cluster = await start(edit("sanjose", service_parameters__alphanumeric_user_id=False), "sanjose")
    form = await cluster.page(f"device={PHONE}")
    assert form.items[0].input_flags == "N"
    assert await shown(cluster, f"device={PHONE}&userid=40017&seq=86420") == "ok"


async def test_an_encoded_user_id_is_understood_from_a_phone(start: Any, edit: Edit, lab: Lab) -> None:
    cluster = await start(edit("sanjose", users=users_with(lab, "sanjose", user_id="em@example.test")), "sanjose")
    assert await shown(cluster, f"device={PHONE}&userid=em%40example.test&seq=86420") == "ok"
    assert (await cluster.page(f"device={PHONE}")).text.startswith("em@example.test ")


async def test_the_last_user_is_remembered_after_an_emcc_login_too(edit: Edit, start_two: Any) -> None:
    both = await start_two(edit("sanjose", service_parameters__remember_last_user=True))
    for user, pin in (("bmiller", "86420"), ("ayamada", "13579")):
        await both.visiting.page(f"device={PHONE}&EMCC=true&userid={user}&seq={pin}")
        await both.visiting.page(f"device={PHONE}&EMCC=true&doLogout=true")
        assert (await both.visiting.page(f"device={PHONE}&EMCC=true")).items[0].default_value == user


async def test_no_user_is_remembered_without_the_parameter(sanjose: Any) -> None:
    await sanjose.page(f"device={PHONE}&{LOCAL}")
    await sanjose.page(f"device={PHONE}&doLogout=true")
    assert (await sanjose.page(f"device={PHONE}")).items[0].default_value == ""


# ---------------------------------------------------------------------- PINs


async def test_three_wrong_pins_lock_a_user_out_for_half_an_hour(sanjose: Any, clock: Any) -> None:
    again = "Please try to login again (201)"
    for pin in ("1", "2", "3", "86420"):
        assert await shown(sanjose, f"device={PHONE}&userid=bmiller&seq={pin}") == again
    change = f"device={PHONE}&changePin=true&userid=bmiller&oldpin=86420&newpin=97531&confirmnewpin=97531"
    reply = await sanjose.get(f"/changecredential/ChangeCredentialServlet?{change}")
    assert b"<Prompt>Contact system administrator</Prompt>" in reply.body
    await clock.advance(1801)
    assert await shown(sanjose, f"device={PHONE}&{LOCAL}") == "ok"


async def test_a_right_pin_in_between_forgives_the_wrong_ones(sanjose: Any) -> None:
    for pin in ("1", "2", "86420"):
        await sanjose.page(f"device={PHONE}&userid=bmiller&seq={pin}")
    await sanjose.page(f"device={PHONE}&doLogout=true")
    for pin in ("3", "4"):
        await sanjose.page(f"device={PHONE}&userid=bmiller&seq={pin}")
    assert await shown(sanjose, f"device={PHONE}&{LOCAL}") == "ok"


async def test_wrong_pins_long_ago_do_not_count(sanjose: Any, clock: Any) -> None:
    for pin in ("1", "2"):
        await sanjose.page(f"device={PHONE}&userid=bmiller&seq={pin}")
    await clock.advance(1801)
    await sanjose.page(f"device={PHONE}&userid=bmiller&seq=3")
    assert await shown(sanjose, f"device={PHONE}&{LOCAL}") == "ok"


async def test_without_a_limit_nobody_is_locked_out(start: Any, edit: Edit) -> None:
    cluster = await start(edit("sanjose", credential_policy__failed_logons=0), "sanjose")
    for pin in range(10):
        await cluster.page(f"device={PHONE}&userid=bmiller&seq={pin}")
    assert await shown(cluster, f"device={PHONE}&{LOCAL}") == "ok"


async def test_a_locked_user_of_another_cluster_is_code_2(both: Any) -> None:
    for pin in ("1", "2", "3", "13579"):
        query = f"device={PHONE}&EMCC=true&userid=ayamada&seq={pin}"
        assert await shown(both.visiting, query) == "Login is unavailable (2)"


async def test_a_user_who_may_not_change_the_pin_is_sent_to_the_administrator(start: Any, edit: Edit, lab: Lab) -> None:
    cluster = await start(edit("sanjose", users=users_with(lab, "sanjose", pin_cannot_change=True)), "sanjose")
    change = f"device={PHONE}&changePin=true&userid=bmiller&oldpin=86420&newpin=97531&confirmnewpin=97531"
    reply = await cluster.get(f"/changecredential/ChangeCredentialServlet?{change}", Accept_Language="ja")
    assert "システム管理者に連絡してください".encode() in reply.body
    assert await shown(cluster, f"device={PHONE}&{LOCAL}") == "ok"


async def test_the_pin_of_a_login_is_good_for_two_more_minutes_after_it_was_changed(sanjose: Any, clock: Any) -> None:
    assert await shown(sanjose, f"device={PHONE}&{LOCAL}") == "ok"
    change = f"device={PHONE}&changePin=true&userid=bmiller&oldpin=86420&newpin=97531&confirmnewpin=97531"
    assert b"PIN change is complete" in (await sanjose.get(f"/changecredential/ChangeCredentialServlet?{change}")).body
    for seconds, pin, text in (
        (0, "86420", "ok"),
        (0, "97531", "ok"),
        (121, "86420", "Please try to login again (201)"),
    ):
        await sanjose.page(f"device={PHONE}&doLogout=true")
        await clock.advance(seconds)
        assert await shown(sanjose, f"device={PHONE}&userid=bmiller&seq={pin}") == text


async def test_a_shorter_pin_than_the_policy_wants_is_not_taken(start: Any, edit: Edit) -> None:
    cluster = await start(edit("sanjose", credential_policy__minimum_pin_length=8), "sanjose")
    for new_pin, text in (("9753186", b"PIN not acceptable"), ("97531864", b"PIN change is complete")):
        change = f"changePin=true&userid=bmiller&oldpin=86420&newpin={new_pin}&confirmnewpin={new_pin}"
        assert text in (await cluster.get(f"/changecredential/ChangeCredentialServlet?{change}")).body


# ---------------------------------------------------------------------- logout profile


async def test_a_phone_falls_back_to_its_logout_profile_and_that_profiles_user(
    start: Any, edit: Edit, lab: Lab
) -> None:
    config = lab.by_name["sanjose"]
    (bmiller,), (profile,) = config.users, config.device_profiles
    lobby = replaced(profile, name="UDP-lobby", lines=config.phones[1].lines, login_user_id="lobby")
    edit("sanjose", device_profiles=(profile, lobby), users=(bmiller, replaced(bmiller, user_id="lobby", profiles=())))
    phone = replaced(config.phones[0], logout_profile="UDP-lobby")
    cluster = await start(edit("sanjose", phones=(phone, *config.phones[1:])), "sanjose")
    who = f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>"
    where = "<userDevicesQuery><userID>lobby</userID></userDevicesQuery>"

    device = cluster.state.device(PHONE)
    assert (device.user_id, device.profile, device.lines[0].directory_number) == ("lobby", "UDP-lobby", "2002")
    assert "<userID>lobby</userID>" in await cluster.query(who)
    assert PHONE in await cluster.query(where)
    assert isinstance(await cluster.page(f"device={PHONE}"), PhoneInput)  # anyone may log in over it
    assert await shown(cluster, f"device={PHONE}&doLogout=true") == "Logout is unavailable (19)"

    assert await shown(cluster, f"device={PHONE}&{LOCAL}") == "ok"
    assert cluster.state.device(PHONE).lines[0].directory_number == "2101"
    assert "<userID>bmiller</userID>" in await cluster.query(who)
    assert PHONE not in await cluster.query(where)

    assert await shown(cluster, f"device={PHONE}&doLogout=true") == "Logout successful"
    assert cluster.state.device(PHONE).user_id == "lobby"
    assert "<userID>lobby</userID>\n<lastlogin>bmiller</lastlogin>" in await cluster.query(who)


async def test_a_profile_is_chosen_after_an_emcc_login_by_extension(both: Any) -> None:
    menu = await both.visiting.page(f"device={PHONE}&EMCC=true&loginType=DN&userid=3102&seq=24680")
    assert [item.name for item in menu.items] == ["UDP-ksato", "UDP-ksato-assistant"]
    assert b"Init:CallHistory" in (await both.visiting.client.get(menu.items[1].url)).body
    session = both.home.state.home_session(PHONE)
    assert (session.user_id, session.profile) == ("ksato", "UDP-ksato-assistant")
