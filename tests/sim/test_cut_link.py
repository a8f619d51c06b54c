"""The WAN is cut at each message of a login and a logout; once it heals, nothing half done is left anywhere.

After every step: a phone is registered in one place, no login is orphaned, no base device is lost or serves two, both
clusters agree, and an emergency call leaves where the phone stands. A failure names its seed and the message.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cut_link import World, living_world, logged_in, logged_out

SEED = int(os.environ.get("EMCC_SIM_SEED", "20"))

LOGIN_MESSAGES = 4
"""checkUser, homeLogin, and their answers."""
LOGOUT_MESSAGES = 2
"""homeLogout and its answer; what follows is between phone and clusters."""
FOLLOWING_MESSAGES = 24
"""What the phone and home say after that until the phone is registered, in round numbers."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with living_world(tmp_path, seed=SEED) as world:
        yield world


async def test_a_cut_in_each_step_of_a_login_leaves_nothing_half_done(world: World) -> None:
    for message in range(LOGIN_MESSAGES + 2):
        await logged_out(world)
        world.link.break_at(message)
        await world.log_in()
        await world.heal()
        await world.check()


async def test_a_cut_in_each_step_of_a_logout_leaves_nothing_half_done(world: World) -> None:
    for message in range(LOGOUT_MESSAGES + 2):
        await logged_in(world)
        world.link.break_at(message)
        await world.phone.logout()
        await world.heal()
        await world.check()


async def test_cuts_at_random_moments_of_many_sessions_leave_nothing_half_done(world: World) -> None:
    rng = random.Random(SEED)
    for step in range(12):
        message = rng.randrange(LOGIN_MESSAGES + FOLLOWING_MESSAGES)
        pause_s = rng.choice((0.0, 0.1, 0.5))
        is_login = not world.is_logged_in
        print(f"seed {SEED}, step {step}: cut at message {message} of a {'login' if is_login else 'logout'}")
        world.link.break_at(message)
        await (world.log_in() if is_login else world.phone.logout())
        await asyncio.sleep(pause_s)  # how long the link is down is part of the story
        await world.heal()
        await world.check()
