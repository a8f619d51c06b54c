"""What becomes of an EMCC session when a link, a cluster or an administrator ends it, seen from a phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cut_link import NAME, World, living_world, logged_in

from emcc_emu.cluster.records import EMCC, INTERCLUSTER_SERVICES
from emcc_emu.lab.changes import Change

UPDATE_INTERVAL_S = 1800.0
MAINTENANCE_INTERVAL_S = 86_400.0
WHOLE_LOGIN = 4
"""Messages between the clusters until home has granted a login."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with living_world(tmp_path) as world:
        yield world


@pytest.mark.parametrize("loses_login", [True, False], ids=["login", "logout"])
async def test_without_reconcile_an_orphan_stays_at_home_until_maintenance(tmp_path: Path, loses_login: bool) -> None:
    async with living_world(tmp_path, is_reconciled=False) as world:
        if loses_login:
            world.link.break_at(WHOLE_LOGIN)  # home's answer is lost
            await world.log_in()
        else:
            await logged_in(world)
            world.link.break_at(0)
            await world.visiting.em.visiting.clear_by_administrator(NAME)
            world.visiting.call_manager.reset_device(NAME)
            await world.phone.power_off()
            world.phone.power_on()
        world.link.heal()
        await world.visiting.em.reconciler.run_once()
        await world.until(lambda: world.is_at(world.visiting))
        assert world.visiting.state.visiting_session(NAME) is None
        assert world.home.state.home_session(NAME) is not None
        assert world.home.state.base_devices.in_use_count == 1
        await world.lab.clock.advance(MAINTENANCE_INTERVAL_S)
        assert world.home.state.home_session(NAME) is None
        assert world.home.state.base_devices.in_use_count == 0
        await world.check()


async def test_a_silent_cluster_is_left_out_until_it_is_updated_again(world: World) -> None:
    status = world.visiting.state.remote_cluster
    world.link.break_at(0)
    await world.lab.clock.advance(UPDATE_INTERVAL_S)
    entry = status("tokyo")
    assert entry is not None and not any(entry.is_usable(service) for service in INTERCLUSTER_SERVICES)
    await world.log_in()
    assert world.phone.page_text == "Login is unavailable (23)"
    world.link.heal()
    await world.log_in()
    assert world.phone.page_text == "Login is unavailable (23)"  # nothing changes by itself
    await world.visiting.em.updates.update("tokyo")  # Update Remote Cluster Now
    await world.home.em.updates.update("sanjose")  # which the emergency call of the check needs
    await logged_in(world)
    await world.check()


async def test_a_cluster_that_is_back_is_found_by_the_next_update(world: World) -> None:
    world.link.break_at(0)
    await world.lab.clock.advance(UPDATE_INTERVAL_S)
    world.link.heal()
    await world.lab.clock.advance(UPDATE_INTERVAL_S)
    entry = world.visiting.state.remote_cluster("tokyo")
    assert entry is not None and entry.is_usable(EMCC)
    await logged_in(world)
    await world.check()


async def test_a_phone_that_cannot_reach_home_after_its_login_returns_and_home_waits_for_maintenance(
    world: World,
) -> None:
    world.link.break_at(WHOLE_LOGIN + 1)
    await world.log_in()
    await world.until(lambda: world.is_at(world.visiting) and not world.is_logged_in)
    assert world.phone.emcc is not None or world.phone.directory_numbers == ("2001",)
    await world.heal()
    assert world.home.state.home_session(NAME) is not None
    await world.lab.clock.advance(MAINTENANCE_INTERVAL_S)
    assert world.home.state.home_session(NAME) is None
    await world.check()


async def test_a_logout_by_visitings_administrator_leaves_the_phone_at_home_until_home_logs_it_out(
    world: World,
) -> None:
    await logged_in(world)
    await world.visiting.em.visiting.clear_by_administrator(NAME)
    assert world.visiting.state.visiting_session(NAME) is None
    assert world.home.state.home_session(NAME) is not None
    await world.call_for_help()
    assert world.is_at(world.home)
    await world.home.em.desk.close_home_session(NAME, "admin")
    await world.until(lambda: world.is_at(world.visiting))
    await world.check()


async def test_a_reset_brings_home_a_phone_that_visitings_administrator_has_logged_out(world: World) -> None:
    await logged_in(world)
    await world.visiting.em.visiting.clear_by_administrator(NAME)
    assert world.home.call_manager.reset_device(NAME, "reset")
    await world.until(lambda: world.is_at(world.visiting))
    await world.check()


async def test_a_user_who_loses_emcc_keeps_his_session_and_gets_no_other(world: World) -> None:
    await logged_in(world)
    await world.home.em.administration.make(
        Change(section="users", name="ayamada", action="change", values={"enable_emcc": "no"})
    )
    await world.check()
    assert world.is_at(world.home)
    await world.phone.logout()
    await world.until(lambda: world.is_at(world.visiting))
    await world.log_in()
    assert world.phone.page_text.endswith("(31)")
    await world.check()


async def test_a_session_outlives_a_restart_of_home(world: World) -> None:
    await logged_in(world)
    session = world.home.state.home_session(NAME)
    registrations = world.phone.registrations
    await world.lab.stop("tokyo")
    await world.lab.start("tokyo")
    world.home = world.lab.clusters["tokyo"]
    world.link.heal()
    await world.phone.wait_registered(after=registrations)
    assert world.home.state.home_session(NAME) == session
    await world.check()


async def test_a_session_outlives_a_restart_of_visiting(world: World) -> None:
    await logged_in(world)
    await world.lab.stop("sanjose")
    await world.lab.start("sanjose")
    world.visiting = world.lab.clusters["sanjose"]
    await world.check()
    assert world.is_at(world.home)
    await world.phone.logout()
    await asyncio.wait_for(world.until(lambda: world.is_at(world.visiting)), 15)
    await world.check()
