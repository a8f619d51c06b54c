"""What becomes of the calls of a phone that is not there any more."""

from __future__ import annotations

import asyncio

import pytest
from sip_agents import talk

CALLER = "SEP02BB00000001"
CALLEE = "SEP02BB00000002"


@pytest.fixture
async def tokyo(sites, pair):
    return sites["tokyo"]


@pytest.fixture
async def talking(pair):
    """Two phones with a call between them."""
    await talk(*pair)
    return pair


def pull_cable(tokyo, phone):
    """The cluster sees the phone's connection end, and nothing else."""
    registrar = tokyo.manager.registrar
    registration = registrar.get(phone.device_name)
    registrar.connection_lost(registration.node, registration.flow)


async def test_a_registration_that_expires_ends_its_calls(tokyo, talking):
    caller, callee = talking
    pull_cable(tokyo, caller)
    assert len(tokyo.manager.calls) == 1  # it may come back
    tokyo.manager.registrar.expire(tokyo.manager.registrar.get(CALLER))
    await callee.next("BYE")
    record = await tokyo.next_record()
    assert (record.final_status, record.calling_cause, record.called_cause) == (503, 41, 0)
    assert tokyo.manager.status()["calls"] == []
    assert tokyo.manager.calls.count_calls(CALLER, "3001") == 0


async def test_the_record_names_the_called_phone_when_that_vanished(tokyo, talking):
    caller, callee = talking
    pull_cable(tokyo, callee)
    tokyo.manager.unregister_device(CALLEE)
    await caller.next("BYE")
    record = await tokyo.next_record()
    assert (record.calling_cause, record.called_cause) == (0, 41)


async def test_a_phone_that_starts_anew_has_no_calls(sites, tokyo, talking):
    caller, callee = talking
    pull_cable(tokyo, caller)
    await sites.registered(tokyo, CALLER)
    await callee.next("BYE")
    assert len(tokyo.manager.calls) == 0


async def test_a_phone_that_connects_again_keeps_its_calls(tokyo, talking):
    caller, _ = talking
    pull_cable(tokyo, caller)
    caller.flow = None
    assert (await caller.register()).status == 200
    assert len(tokyo.manager.calls) == 1


async def test_a_caller_that_vanishes_before_the_answer_stops_the_ringing(tokyo, pair):
    caller, callee = pair
    caller.call("3002", caller.offer())
    await callee.ringing()
    tokyo.manager.unregister_device(CALLER)
    await asyncio.wait_for(callee.cancels.get(), 5)
    assert (await tokyo.next_record()).final_status == 487
    assert len(tokyo.manager.calls) == 0


async def test_a_phone_that_vanishes_while_it_rings_leaves_the_call_to_ring_out(tokyo, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    await callee.ringing()
    await call.exchange.until(180)
    tokyo.manager.unregister_device(CALLEE)
    assert [entry["phase"] for entry in tokyo.manager.status()["calls"]] == ["setup"]
    call.cancel()
    assert (await call.exchange.final()).status == 487
    assert tokyo.manager.calls.count_calls(CALLEE, "3002") == 0
