"""What clusters learn about each other, and how they come to agree after an interrupted login or logout."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emcc_emu.cluster.jobs import MAINTENANCE, REMOTE_UPDATE
from emcc_emu.cluster.peers import PeerSilent
from emcc_emu.cluster.records import EMCC, PSTN_ACCESS, RSVP_AGENT
from emcc_emu.errors import EmError
from emcc_emu.wire.em_documents import Failure
from emcc_emu.wire.emcc_documents import ClusterInfo
from emcc_emu.wire.emcc_responses import parse_emcc_response

PHONE = "SEP02AA00000001"
LOGIN = f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579"
LOGOUT = f"device={PHONE}&EMCC=true&doLogout=true"


async def test_an_update_brings_release_services_and_addresses(both: Any) -> None:
    status = both.visiting.state.remote_cluster("tokyo")
    assert (status.version, status.is_mixed_mode, status.error_code) == ("12.5.1.14900-11", False, None)
    assert status.addresses(EMCC) == status.addresses(PSTN_ACCESS) == (both.home.address,)
    assert not status.is_usable(RSVP_AGENT)
    assert both.visiting.state.remote_cluster("kyoto") is None


async def test_the_answer_names_three_services(sanjose: Any) -> None:
    reply = await sanjose.get("/emapp/EMAppServlet?getClusterInfo=true&clusterId=sanjose&fromClusterId=x")
    answer = parse_emcc_response(reply.body)
    assert isinstance(answer, ClusterInfo)
    assert [service.name for service in answer.services] == ["EMCC", "PSTN Access", "RSVP Agent"]


async def test_a_wrong_cluster_id_is_212_there_and_42_here(start: Any, edit: Any, lab: Any, sanjose: Any) -> None:
    reply = await sanjose.get("/emapp/EMAppServlet?getClusterInfo=true&clusterId=kyoto")
    assert parse_emcc_response(reply.body) == Failure(212, "Cluster ID is invalid")
    entry = msgspec.structs.replace(lab.by_name["tokyo"].remote_clusters[0], cluster_id="kyoto")
    home = await start(edit("tokyo", remote_clusters=(entry,)), "tokyo")
    await home.em.update_remote_clusters()
    status = home.state.remote_cluster("kyoto")
    assert (status.error_code, status.is_usable(EMCC)) == (42, False)
    with pytest.raises(EmError):
        await home.em.updates.update("sanjose")


async def test_a_disabled_service_is_not_used_although_it_is_active_there(start: Any, edit: Any, lab: Any) -> None:
    await start(lab, "tokyo")
    entry = msgspec.structs.replace(lab.by_name["sanjose"].remote_clusters[0], emcc=False)
    visiting = await start(edit("sanjose", remote_clusters=(entry,)), "sanjose")
    await visiting.em.update_remote_clusters()
    status = visiting.state.remote_cluster("tokyo")
    assert status.services[EMCC].is_remote_activated
    assert not status.is_usable(EMCC)
    assert status.is_usable(PSTN_ACCESS)


async def test_a_silent_cluster_loses_its_services_until_the_next_update(both: Any, start: Any, lab: Any) -> None:
    await both.home.em.close()
    await both.visiting.em.jobs.run(REMOTE_UPDATE)
    status = both.visiting.state.remote_cluster("tokyo")
    assert (status.error_code, status.version, status.addresses(EMCC)) == (40, "12.5.1.14900-11", ())
    job = both.visiting.state.jobs[-1]
    assert (job.name, job.result) == (REMOTE_UPDATE, "1 asked, no good answer from tokyo")


async def test_jobs_run_by_the_calendar(both: Any, clock: Any) -> None:
    ran = [work.name for work in await clock.advance(1801)]
    assert ran == ["remote cluster update of sanjose", "remote cluster update of tokyo"]
    ran = [work.name for work in await clock.advance(86400)]
    assert f"{MAINTENANCE} of tokyo" in ran


def break_once(cluster: Any, after: bool) -> None:
    """Have the next request of this cluster to the other end in silence: before it was sent, or after."""
    peers = cluster.em.peers
    ask = peers.ask

    async def broken(node: Any, url: str, request: Any) -> Any:
        if type(request).__name__ not in ("HomeLogin", "HomeLogout", "VisitingLogout"):
            return await ask(node, url, request)
        peers.ask = ask
        if after:
            await ask(node, url, request)
        raise PeerSilent("timeout", "the link is cut")

    peers.ask = broken


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "answer lost"])
async def test_a_login_that_was_cut_is_undone(both: Any, after: bool) -> None:
    break_once(both.visiting, after)
    assert (await both.visiting.page(LOGIN)).text == "Login is unavailable (208)"
    await both.visiting.em.reconciler.run_once()
    await settled(both)
    assert both.home.state.home_session(PHONE) is both.visiting.state.visiting_session(PHONE) is None
    assert both.home.state.base_devices.in_use_count == 0


@pytest.mark.parametrize("after", [False, True], ids=["request lost", "answer lost"])
async def test_a_logout_that_was_cut_is_finished(both: Any, after: bool) -> None:
    await both.visiting.page(LOGIN)
    break_once(both.visiting, after)
    assert (await both.visiting.page(LOGOUT)).text == "Logout is unavailable (208)"
    await settled(both)
    assert both.home.state.home_session(PHONE) is both.visiting.state.visiting_session(PHONE) is None


async def test_a_logout_by_home_that_was_cut_is_told_later(both: Any) -> None:
    await both.visiting.page(LOGIN)
    break_once(both.home, after=False)
    await both.home.em.desk.close_home_session(PHONE, "admin")
    await both.home.until(lambda: bool(both.home.control.orders))
    assert both.visiting.state.visiting_session(PHONE) is not None
    assert await both.home.em.reconciler.run_once() == 0
    assert both.visiting.state.visiting_session(PHONE) is None


async def test_a_later_login_makes_an_old_intent_harmless(both: Any) -> None:
    state = both.visiting.state
    await state.add_intent(state.new_intent("homeLogin", PHONE, "ayamada", "tokyo"))
    await both.visiting.page(LOGIN)
    assert await both.visiting.em.reconciler.run_once() == 0
    assert both.home.state.home_session(PHONE) is not None


async def test_without_reconcile_orphans_stay_for_maintenance(edit: Any, start_two: Any, clock: Any) -> None:
    edit("tokyo", reconcile=False)
    both = await start_two(edit("sanjose", reconcile=False))
    break_once(both.visiting, after=True)
    await both.visiting.page(LOGIN)
    await both.visiting.em.update_remote_clusters()
    assert both.home.state.home_session(PHONE) is not None
    await clock.advance(300)
    assert await both.home.em.jobs.run(MAINTENANCE) == f"1 logged out: {PHONE}"
    assert both.home.state.base_devices.in_use_count == 0


async def test_a_phone_that_comes_back_ends_its_visit_here_while_home_waits(both: Any) -> None:
    await both.visiting.page(LOGIN)
    assert b"<visitingEMIpAddress>" in both.visiting.em.files.find(f"{PHONE}.cnf.xml")
    both.visiting.em.desk.phone_registered(PHONE)
    await both.visiting.until(lambda: both.visiting.state.visiting_session(PHONE) is None)
    assert both.home.state.home_session(PHONE) is not None


async def settled(both: Any) -> None:
    """Wait until neither cluster has anything open with the other."""
    while both.visiting.state.intents() or both.home.state.intents():
        await both.visiting.em.reconciler.run_once()
        await both.home.em.reconciler.run_once()
