"""What the two clusters tell each other at an EMCC login, and what each keeps of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

PHONE = "SEP02AA00000001"
OPEN = f"device={PHONE}&EMCC=true"
LOGIN = f"{OPEN}&userid=ayamada&seq=13579"


async def test_home_learns_what_the_phone_is_and_where_it_stands(both: Any) -> None:
    await both.visiting.page(LOGIN)
    session = both.home.state.home_session(PHONE)
    assert (session.product, session.model, session.protocol, session.device_security_mode) == (508, 621, 11, 1)
    assert session.ip_address == both.visiting.config.phones[0].address
    assert session.geolocation == {
        "country": "US", "A1": "CA", "A3": "San Jose", "A6": "Example", "STS": "Street", "HNO": "7", "FLR": "2",
        "PC": "95100",
    }  # fmt: skip
    base = both.home.state.login("EMCC1")
    assert (base.user_id, base.profile, base.login_duration_s) == ("ayamada", "UDP-ayamada", 36000)
    remote = both.visiting.state.visiting_session(PHONE)
    assert (remote.home_cluster_id, remote.emcc_device, remote.login_time_s) == ("tokyo", "EMCC1", base.login_time_s)
    assert remote.tftp_servers == (both.home.address,)


async def test_the_logout_address_travels_percent_encoded_and_names_the_visiting_cluster(both: Any) -> None:
    await both.visiting.page(LOGIN)
    uri = f"http://{both.visiting.address}:8080/emapp/EMAppServlet?device={PHONE}&doLogout=true"
    assert both.home.state.home_session(PHONE).em_uri == uri


async def test_logout_frees_what_login_took(both: Any) -> None:
    for number in (1, 2, 3):
        await both.visiting.page(LOGIN)
        assert both.home.state.base_devices.in_use_count == 1
        assert both.home.state.home_session(PHONE).emcc_device == "EMCC1", number
        await both.visiting.page(f"{OPEN}&doLogout=true")
        assert both.home.state.base_devices.in_use_count == 0
        assert both.home.state.login("EMCC1").user_id is None
    assert both.home.state.login("EMCC1").last_user_id == "ayamada"


async def test_two_phones_take_two_base_devices_lowest_first(edit: Any, start_two: Any) -> None:
    both = await start_two(edit("tokyo", service_parameters__multiple_login_behavior="allowed"))
    for number in (1, 2, 3):
        await both.visiting.page(LOGIN.replace("00000001", f"0000000{number}"))
    taken = {session.device_name[-1]: session.emcc_device for session in both.home.state.home_sessions()}
    assert taken == {"1": "EMCC1", "2": "EMCC2", "3": "EMCC3"}
    await both.visiting.page(f"{OPEN}&doLogout=true")
    await both.visiting.page(LOGIN)
    assert both.home.state.home_session(PHONE).emcc_device == "EMCC1"


@pytest.mark.parametrize(
    ("elements", "country", "pool"),
    [
        (("country",), "US", "roaming-ca"),
        (("country", "A1"), "US", "roaming-ca"),
        (("country",), "MX", "tokyo"),
        (("A3",), "US", "tokyo"),
    ],
)
async def test_the_roaming_device_pool_is_the_best_match_after_the_filter(
    edit: Any, lab: Any, start_two: Any, elements: tuple[str, ...], country: str, pool: str
) -> None:
    visiting, home = lab.by_name["sanjose"], lab.by_name["tokyo"]
    office = msgspec.structs.replace(visiting.geolocations[0], country=country)
    edit("sanjose", geolocations=(office, *visiting.geolocations[1:]))
    us = next(entry for entry in home.geolocations if entry.name == "us")
    roaming = next(pool for pool in home.device_pools if pool.name == "roaming-us")
    edit(
        "tokyo",
        geolocations=(*home.geolocations, msgspec.structs.replace(us, name="us-ca", a1="CA")),
        device_pools=(*home.device_pools, msgspec.structs.replace(roaming, name="roaming-ca", geolocation="us-ca")),
    )
    entry = msgspec.structs.replace(home.geolocation_filters[0], use=elements)
    both = await start_two(edit("tokyo", geolocation_filters=(entry,)))
    await both.visiting.page(LOGIN)
    session = both.home.state.home_session(PHONE)
    assert session.roaming_device_pool == both.home.state.device(PHONE).device_pool == pool


async def test_counters_count_remote_users_and_messages(both: Any) -> None:
    await both.visiting.page(LOGIN)
    await both.visiting.page(LOGIN.replace("ayamada", "nobody").replace("00000001", "00000002"))
    visiting, home = both.visiting.service.counters, both.home.service.counters
    assert (visiting.logins_successful, visiting.unknown_remote_users) == (1, 1)
    assert home.emcc_check_user_requests_handled == 2
    assert home.emcc_messages == 3  # two checks and a login


async def test_the_api_neither_logs_a_remote_user_in_nor_asks_about_him(both: Any) -> None:
    login = f"<login><deviceName>{PHONE}</deviceName><userID>ayamada</userID></login>"
    assert '<error code="23">' in await both.visiting.request(login)
    assert both.home.service.counters.emcc_messages == 0


async def test_the_api_sees_and_ends_an_emcc_session_at_either_end(both: Any) -> None:
    who = f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>"
    logout = f"<logout><deviceName>{PHONE}</deviceName></logout>"
    for end in (both.visiting, both.home):
        await both.visiting.page(LOGIN)
        assert "<userID>ayamada</userID>" in await both.visiting.query(who)
        assert "<emccDevice>no</emccDevice>" in await both.visiting.query(who)
        assert "<emccDevice>yes</emccDevice>" in await both.home.query(who)
        assert "<success/>" in await end.request(logout)
        await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
        assert both.home.state.home_session(PHONE) is None
        assert "<doesNotExist/>" in await both.home.query(who)


async def test_logout_of_all_at_home_ends_sessions_elsewhere_too(both: Any) -> None:
    await both.visiting.page(LOGIN)
    assert "<success/>" in await both.home.request("<logoutAll/>")
    assert both.home.state.home_session(PHONE) is None
    await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
