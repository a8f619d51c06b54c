"""What clusters must never say is noticed, whichever cluster says it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from phones.load.watch import ClusterWatch, find_violation, find_wrong_sessions


def cluster(
    registered: tuple[str, ...] = (),
    home: tuple[tuple[str, str], ...] = (),
    logins: tuple[str, ...] = (),
    in_use: int = 0,
) -> dict[str, Any]:
    return {
        "call_processing": {"registrations": [{"device": device} for device in registered]},
        "home_sessions": {"listed": [{"device": device, "emcc_device": base} for device, base in home]},
        "visiting_sessions": {"listed": []},
        "logins": {"listed": [{"device": device} for device in logins]},
        "base_devices": {"count": 2, "in_use": in_use},
    }


def test_nothing_is_wrong_with_phones_in_one_place() -> None:
    assert list(find_violation({"a": cluster(("P1",)), "b": cluster(("P2",), (("P2", "EMCC1"),), in_use=1)})) == []


def test_a_phone_in_two_places_is_wrong() -> None:
    found = list(find_violation({"a": cluster(("P1",)), "b": cluster(("P1",))}))
    assert found == [("P1 is registered at a and at b", "P1")]


def test_a_base_device_that_serves_two_is_wrong() -> None:
    found = list(find_violation({"b": cluster(home=(("P1", "EMCC1"), ("P2", "EMCC1")))}))
    assert found == [("b: the base device EMCC1 serves two phones", "P2")]


def test_two_sessions_or_logins_on_one_phone_are_wrong() -> None:
    found = list(find_violation({"b": cluster(home=(("P1", "EMCC1"), ("P1", "EMCC2")), logins=("P3", "P3"))}))
    assert [what for what, _ in found] == ["b: P1 has two home sessions", "b: P3 has two logins"]


def test_more_base_devices_in_use_than_there_are_is_wrong() -> None:
    assert [what for what, _ in find_violation({"b": cluster(in_use=3)})] == ["b: 3 base devices in use of 2"]


def test_clusters_and_phones_have_to_agree_on_who_is_logged_in() -> None:
    found = dict(
        reversed(pair)
        for pair in find_wrong_sessions({"P1": "ann", "P2": "bob"}, ["P1", "P2", "P3"], {"P1": "ann", "P3": "cy"})
    )
    assert "the cluster says that bob is logged in on it, but there nobody has" in found["P2"]
    assert "the cluster says that nobody is logged in on it, but there cy has logged in" in found["P3"]
    assert "P1" not in found


PHONES = tuple(f"P{number}" for number in range(300))


@asynccontextmanager
async def control_api(last_user: str, *, has_list: bool = True) -> AsyncIterator[str]:
    """A control API whose status lists 200 of 300 logins; the list of all sessions ends with this user."""
    sessions = [{"kind": "login", "device": phone, "user": f"user of {phone}"} for phone in PHONES]
    sessions[-1]["user"] = last_user
    entry = cluster() | {"nodes": [], "maximum_concurrent_requests": 5}
    entry["call_processing"] |= {"registered": 300, "gateways": []}
    entry["home_sessions"] |= {"count": 0}
    entry["visiting_sessions"] |= {"count": 0}
    entry["logins"] = {"count": len(sessions), "listed": sessions[:200]}
    answers: dict[str, Any] = {"/status": {"a": entry}, "/clusters/a/call-records": {"entries": []}}
    if has_list:
        answers["/clusters/a/sessions"] = {"count": len(sessions), "entries": sessions}

    async def answer(request: web.Request) -> web.Response:
        if request.path not in answers:
            raise web.HTTPNotFound
        return web.json_response(answers[request.path])

    app = web.Application()
    app.add_routes([web.get("/{path:.*}", answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def violations_of(url: str) -> tuple[list[str], set[str]]:
    found: list[str] = []
    watch = ClusterWatch(url, lambda _, phone: found.append(phone), frozenset(PHONES), "a")
    await watch.look_first()
    await watch.look_last({phone: f"user of {phone}" for phone in PHONES}, ())
    return found, watch.unchecked


async def test_more_sessions_than_a_status_lists_are_all_checked() -> None:
    async with control_api("user of P299") as url:
        assert await violations_of(url) == ([], set())
    async with control_api("somebody else") as url:
        assert await violations_of(url) == (["P299"], set())


async def test_sessions_that_nobody_lists_are_said_not_to_be_checked() -> None:
    async with control_api("somebody else", has_list=False) as url:
        assert await violations_of(url) == ([], {"every accepted login is one login", "no base device serves two"})
