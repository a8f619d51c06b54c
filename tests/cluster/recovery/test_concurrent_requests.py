"""Maximum Concurrent Requests: exact at the limit, one place at each cluster for an EMCC login, changed under way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from emcc_emu.control.counters import NODE_COUNTERS
from emcc_emu.lab.changes import Change

PHONE, OTHER_PHONE = "SEP02AA00000001", "SEP02AA00000002"
LOGIN = f"<login><deviceName>{PHONE}</deviceName><userID>bmiller</userID></login>"
BUSY = '<error code="26">'


@contextlib.asynccontextmanager
async def held(cluster: Any, user_id: str) -> AsyncIterator[None]:
    """Let no login of a user go on, so that each keeps its place."""
    async with cluster.state.user_lock(user_id):
        yield


async def in_progress(cluster: Any, count: int) -> None:
    """Wait until so many logins and logouts are under way; queries are answered meanwhile."""
    while cluster.service.counters.requests_in_progress != count:
        answer = await cluster.query(f"<deviceUserQuery><deviceName>{PHONE}</deviceName></deviceUserQuery>")
        assert PHONE in answer


async def set_limit(cluster: Any, limit: int) -> None:
    change = Change(section="service_parameters", values={"maximum_concurrent_requests": str(limit)})
    await cluster.em.administration.make(change)


def counters(cluster: Any) -> dict[str, int]:
    return {name: count(cluster.service.counters) for name, count in NODE_COUNTERS.items()}


@pytest.mark.parametrize("limit", [1, 5, 100])
async def test_as_many_as_the_limit_pass_and_one_more_is_refused(start: Any, edit: Any, limit: int) -> None:
    cluster = await start(edit("sanjose", service_parameters__maximum_concurrent_requests=limit), "sanjose")
    async with held(cluster, "bmiller"):
        passing = [asyncio.create_task(cluster.request(LOGIN)) for _ in range(limit)]
        await in_progress(cluster, limit)
        refused = await asyncio.gather(*(cluster.request(LOGIN) for _ in range(26)))
        assert all(BUSY in answer for answer in refused)
        assert cluster.service.counters.requests_in_progress == limit
    answers = await asyncio.gather(*passing)
    assert not any(BUSY in answer for answer in answers)
    assert sum("<success/>" in answer for answer in answers) == 1  # the others meet a phone in use
    counted = counters(cluster)
    assert (counted["RequestsInProgress"], counted["RequestsThrottled"], counted["LoginsSuccessful"]) == (0, 26, 1)
    assert counted["Total Login/LogoutRequestsAttempted"] == limit
    assert counted["RequestsHandled"] >= limit + 26
    assert cluster.service.counters.requests_in_progress_max == limit


async def test_the_limit_changes_under_requests_in_progress(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__maximum_concurrent_requests=2), "sanjose")
    async with held(cluster, "bmiller"):
        passing = [asyncio.create_task(cluster.request(LOGIN)) for _ in range(2)]
        await in_progress(cluster, 2)
        assert BUSY in await cluster.request(LOGIN)
        await set_limit(cluster, 3)
        passing.append(asyncio.create_task(cluster.request(LOGIN)))
        await in_progress(cluster, 3)
        assert BUSY in await cluster.request(LOGIN)
        await set_limit(cluster, 1)
        assert BUSY in await cluster.request(LOGIN)
    answers = await asyncio.gather(*passing)
    assert not any(BUSY in answer for answer in answers)


async def test_service_times_set_while_it_runs_make_the_limit_reachable(start: Any, edit: Any) -> None:
    cluster = await start(edit("sanjose", service_parameters__maximum_concurrent_requests=1), "sanjose")
    await cluster.em.administration.make(Change(section="service_times", values={"login": "300 ms"}))
    answers = await asyncio.gather(*(cluster.request(LOGIN) for _ in range(3)))
    assert sorted(BUSY in answer for answer in answers) == [False, True, True]


async def test_an_emcc_login_holds_one_place_at_each_cluster_and_a_full_home_is_26_at_the_phone(
    edit: Any, start_two: Any
) -> None:
    both = await start_two(edit("tokyo", service_parameters__maximum_concurrent_requests=1))
    async with held(both.home, "ayamada"):
        first = asyncio.create_task(both.visiting.page(f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579"))
        await in_progress(both.home, 1)
        assert both.visiting.service.counters.requests_in_progress == 1
        query = f"device={OTHER_PHONE}&EMCC=true&userid=ksato&seq=24680&deviceProfile=UDP-ksato"
        assert (await both.visiting.page(query)).text == "Login is unavailable (26)"
        assert both.home.service.counters.emcc_check_user_requests_handled == 2  # a full home still answers questions
        assert [intent.user_id for intent in both.visiting.state.intents()] == ["ayamada"]
    await first
    assert both.home.state.home_session(PHONE) is not None
    assert both.home.state.home_session(OTHER_PHONE) is None
    assert both.visiting.service.counters.requests_in_progress == both.home.service.counters.requests_in_progress == 0


async def test_a_logout_across_clusters_holds_a_place_at_home_too(edit: Any, start_two: Any) -> None:
    both = await start_two(edit("tokyo", service_parameters__maximum_concurrent_requests=1))
    await both.visiting.page(f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579")
    async with held(both.home, "ksato"):
        query = f"device={OTHER_PHONE}&EMCC=true&userid=ksato&seq=24680&deviceProfile=UDP-ksato"
        other = asyncio.create_task(both.visiting.page(query))
        await in_progress(both.home, 1)
        logout = f"device={PHONE}&EMCC=true&doLogout=true"
        assert (await both.visiting.page(logout)).text == "Logout is unavailable (26)"
        assert both.visiting.state.visiting_session(PHONE) is not None
    await other
    await both.visiting.page(logout)
    assert both.visiting.state.visiting_session(PHONE) is both.home.state.home_session(PHONE) is None
