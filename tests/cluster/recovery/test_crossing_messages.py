"""Requests of two clusters that cross, come late or come twice: in the end both agree about who is on the phone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from emcc_emu.cluster.jobs import MAINTENANCE
from emcc_emu.cluster.records import RemoteLogin
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.emcc_documents import HomeLogin, HomeLogout, VisitingLogout

PHONE = "SEP02AA00000001"
LOGIN = f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579"
LOGOUT = f"device={PHONE}&EMCC=true&doLogout=true"


class Gate:
    """Holds the first message of a kind that a cluster sends, before it leaves or after its answer has come."""

    def __init__(self, cluster: Any, kind: type, *, after: bool) -> None:
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()
        peers = cluster.em.peers
        ask = peers.ask

        async def held(node: Any, url: str, request: Any) -> Any:
            if not isinstance(request, kind):
                return await ask(node, url, request)
            peers.ask = ask
            answer = await ask(node, url, request) if after else None
            self.is_reached.set()
            await self.is_open.wait()
            return answer if after else await ask(node, url, request)

        peers.ask = held


async def settled(both: Any) -> None:
    """Wait until neither cluster has anything open with the other."""
    while both.visiting.state.intents() or both.home.state.intents():
        await both.visiting.em.reconciler.run_once()
        await both.home.em.reconciler.run_once()


def nobody_is_on(both: Any) -> bool:
    records = (both.visiting.state.visiting_session(PHONE), both.home.state.home_session(PHONE))
    return records == (None, None) and both.home.state.base_devices.in_use_count == 0


async def test_a_logout_that_overtakes_a_slow_login_is_asked_again(edit: Any, start_two: Any) -> None:
    edit("tokyo", service_times__home_login_s=0.3)
    both = await start_two(edit("sanjose", service_times__remote_answer_timeout_s=0.1))
    assert (await both.visiting.page(LOGIN)).text == "Login is unavailable (208)"
    await both.visiting.em.reconciler.run_once()
    assert len(both.visiting.state.intents()) == 1  # home is busy with the login still
    await settled(both)
    assert nobody_is_on(both)


async def test_a_logout_that_overtakes_a_login_which_waits_for_its_user_is_refused(both: Any) -> None:
    is_waiting = asyncio.Event()
    user_lock = both.home.state.user_lock
    async with user_lock("ayamada"):
        both.home.state.user_lock = lambda user_id: (is_waiting.set(), user_lock(user_id))[1]
        first = asyncio.create_task(both.visiting.page(LOGIN))
        await is_waiting.wait()
        intent = both.visiting.state.intents()[0]
        answer = await both.visiting.em.peers.ask(
            both.visiting.config.nodes[0],
            intent.url,
            HomeLogout(info=both.visiting.em.peers.info(), device_name=PHONE, user_id="ayamada", reason="admin"),
        )
        assert isinstance(answer, Failure) and answer.code == 18
    await first
    assert both.home.state.home_session(PHONE) is not None


async def test_while_an_old_login_is_being_undone_the_phone_takes_no_new_one(both: Any) -> None:
    gate = Gate(both.visiting, HomeLogout, after=False)
    state = both.visiting.state
    await state.add_intent(state.new_intent("homeLogin", PHONE, "ayamada", "tokyo"))
    undoing = asyncio.create_task(both.visiting.em.reconciler.run_once())
    await gate.is_reached.wait()
    assert re.search(r"\(18\)$", (await both.visiting.page(LOGIN)).text)
    gate.is_open.set()
    assert await undoing == 0
    await both.visiting.page(LOGIN)
    assert both.home.state.home_session(PHONE) is not None


async def test_a_session_with_another_home_does_not_keep_an_old_login_from_being_undone(both: Any) -> None:
    await both.visiting.page(LOGIN)
    await both.visiting.em.visiting.clear_by_administrator(PHONE)
    state = both.visiting.state
    await state.add_intent(state.new_intent("homeLogin", PHONE, "ayamada", "tokyo"))
    await state.open_visiting_session(RemoteLogin(PHONE, "someone", home_cluster_id="kyoto"))
    assert await both.visiting.em.reconciler.run_once() == 0
    assert both.home.state.home_session(PHONE) is None
    assert state.visiting_session(PHONE).home_cluster_id == "kyoto"


async def test_a_logout_by_home_that_meets_the_login_half_written_comes_again(both: Any) -> None:
    gate = Gate(both.visiting, HomeLogin, after=True)
    logging_in = asyncio.create_task(both.visiting.page(LOGIN))
    await gate.is_reached.wait()
    await both.home.em.desk.close_home_session(PHONE, "admin")
    await both.home.until(lambda: bool(both.home.control.orders))
    assert len(both.home.state.intents()) == 1
    gate.is_open.set()
    await logging_in
    assert both.visiting.state.visiting_session(PHONE) is not None
    await settled(both)
    assert nobody_is_on(both)


async def test_a_late_logout_of_another_user_ends_nothing(both: Any) -> None:
    await both.visiting.page(LOGIN)
    peers, node = both.visiting.em.peers, both.visiting.config.nodes[0]
    url = both.visiting.state.visiting_session(PHONE).home_url
    answer = await peers.ask(
        node, url, HomeLogout(info=peers.info(), device_name=PHONE, user_id="ksato", reason="admin")
    )
    assert isinstance(answer, Failure) and answer.code == 19
    peers, node = both.home.em.peers, both.home.config.nodes[0]
    url = peers.urls("sanjose")[0]
    answer = await peers.ask(
        node, url, VisitingLogout(info=peers.info(), device_name=PHONE, user_id="ksato", reason="admin")
    )
    assert isinstance(answer, Failure) and answer.code == 19
    right = VisitingLogout(info=peers.info(), device_name=PHONE, user_id="ayamada", reason="admin")
    assert isinstance(await peers.ask(node, url, right), Success)


@pytest.mark.parametrize("after", [False, True], ids=["before it left", "before its answer"])
async def test_a_crash_of_visiting_in_the_middle_of_a_login_leaves_an_intent_that_undoes_it(
    both: Any, start: Any, lab: Any, after: bool
) -> None:
    gate = Gate(both.visiting, HomeLogin, after=after)
    logging_in = asyncio.create_task(both.visiting.page(LOGIN))
    await gate.is_reached.wait()
    await both.visiting.em.close()
    logging_in.cancel()
    await both.visiting.state.database.close()
    assert (both.home.state.home_session(PHONE) is not None) is after
    both.visiting = await start(lab, "sanjose")
    await settled(both)
    assert nobody_is_on(both)


async def test_a_phone_that_registers_here_before_it_was_sent_home_is_ordered_again_and_keeps_its_session(
    both: Any,
) -> None:
    await both.visiting.page(LOGIN)
    both.visiting.em.desk.phone_registered(PHONE)
    assert both.visiting.control.orders == [(PHONE, "restart")] * 2
    assert both.visiting.state.visiting_session(PHONE) is not None
    both.visiting.em.desk.phone_registered(PHONE)
    await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
    assert both.visiting.control.orders == [(PHONE, "restart")] * 2


async def test_maintenance_clears_the_visit_of_a_phone_that_is_registered_here(both: Any, clock: Any) -> None:
    await both.visiting.page(LOGIN)
    both.visiting.control.registered[PHONE] = "127.0.0.1"
    assert await both.visiting.em.jobs.run(MAINTENANCE) == "0 logged out"  # the phone may be on its way still
    await clock.advance(300)
    assert await both.visiting.em.jobs.run(MAINTENANCE) == f"1 logged out: {PHONE}"
    assert both.visiting.state.visiting_session(PHONE) is None
