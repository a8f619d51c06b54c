"""Calls of a phone at which a user of another cluster is logged in."""

from __future__ import annotations

import asyncio

import pytest
from sip_agents import Agent, media_of

from emcc_emu.cluster.records import EmccSession
from emcc_emu.wire import pidf_lo, sip

VISITOR = "SEP02AA00000001"
CALLEE = "SEP02BB00000002"


async def test_roaming_phone_calls_a_home_extension_within_the_emcc_limit(sites, roaming):
    callee = await sites.registered(sites["tokyo"], CALLEE)
    call = roaming.call("3002", roaming.offer(9, 0, 18))
    incoming = await callee.ringing()
    assert incoming.request.from_.display == "Aiko Yamada"
    incoming.answer(callee.offer(0, 18))
    described, audio = media_of(await call.answered())
    assert [codec.name for codec in audio.codecs] == ["G729", "telephone-event"]
    assert described.bandwidths == [("TIAS", 8000), ("AS", 24)]
    await callee.next_ack()
    await call.hang_up()


async def test_roaming_phone_without_g729_gets_488(sites, roaming):
    callee = await sites.registered(sites["tokyo"], CALLEE)
    call = roaming.call("3002", roaming.offer(9, 0))
    (await callee.ringing()).answer(callee.offer(0, 18))
    assert (await call.exchange.final()).status == 488


@pytest.mark.parametrize(
    ("dialled", "sent", "is_emergency"),
    [("914085550100", "14085550100", False), ("9911", "911", True), ("911", "911", True)],
)
async def test_roaming_phones_local_calls_leave_where_it_stands(sites, roaming, dialled, sent, is_emergency):
    sanjose, tokyo = sites["sanjose"], sites["tokyo"]
    gateway = sanjose.manager.gateways["sanjose-gateway"]
    call = roaming.call(dialled, roaming.offer())
    answered = await call.answered()
    assert media_of(answered)[0].address == gateway.config.address
    assert [(seen.called, seen.calling) for seen in gateway.calls] == [(sent, "3101")]
    await asyncio.wait_for(gateway.wait_until(gateway.calls[0], is_up=True), 5)
    assert (await call.hang_up()).status == 200
    home, visiting = await tokyo.next_record(), await sanjose.next_record()
    assert (home.calling_device, home.called_device, home.final_called_number) == (VISITOR, "emcc", dialled)
    assert (visiting.calling_device, visiting.called_device) == ("emcc", "sanjose-gateway")
    assert (visiting.visiting_device, visiting.final_called_number) == (VISITOR, sent)
    assert home.is_emergency is visiting.is_emergency is is_emergency
    assert home.session_id == visiting.session_id != ""
    assert home.codec == visiting.codec == "G729"


async def test_invite_over_the_emcc_trunk_names_device_and_place(sites):
    await sites.start("tokyo")
    tokyo = sites["tokyo"]
    sanjose = sites.lab.by_name["sanjose"]
    visited = Agent(sanjose.publisher.address, listens=True)
    visited.automatic["OPTIONS"] = 200
    await sites.use(visited)
    await sites.update_remote_clusters()
    await asyncio.wait_for(tokyo.manager.wait_trunks_pinged(), 5)
    base = tokyo.state.base_devices.take()
    await tokyo.state.open_home_session(
        EmccSession(
            device_name=VISITOR,
            emcc_device=base,
            user_id="ayamada",
            profile="UDP-ayamada",
            visiting_cluster_id="sanjose",
            em_uri="",
            login_time_s=0.0,
            login_duration_s=0.0,
            roaming_device_pool="roaming-us",
            geolocation={"country": "US", "A3": "San Jose"},
        )
    )
    phone = await sites.registered(tokyo, VISITOR, ip=sanjose.phones_by_name[VISITOR].address)
    call = phone.call("9911", phone.offer())
    transaction, invite, flow = await visited.next("INVITE")
    assert flow.transport == "tcp"
    assert invite.uri == f"sip:9911@{visited.ip}:5060"
    assert invite.contacts[0].params["+u.sip!devicename.ccm.cisco.com"] == VISITOR
    assert invite.content_type == "application/pidf+xml"
    assert pidf_lo.parse_pidf_lo(invite.body) == {"country": "US", "A3": "San Jose"}
    content_id = pidf_lo.geolocation_content_id(invite.get_all("Geolocation"))
    assert invite.get("Content-ID") == f"<{content_id}>"
    assert invite.get("Geolocation-Routing") == "yes"
    assert invite.get("Session-Expires") == "1800"
    words = (invite.get("Cisco-Guid") or "").split("-")
    assert f"{int(words[0]):08x}" == invite.call_id.partition("-")[0]
    assert (invite.get("P-Asserted-Identity") or "").startswith('"Aiko Yamada" <sip:3101@')
    assert (invite.get("Session-ID") or "").startswith((call.request.get("Session-ID") or "").partition(";")[0])
    visited.endpoint.respond(transaction, sip.build_response(invite, 404))
    assert (await call.exchange.final()).status == 404


async def test_home_fails_with_503_when_the_visited_cluster_is_down(sites, roaming):
    tokyo = sites["tokyo"]
    await sites["sanjose"].manager.close()
    call = roaming.call("914085550100", roaming.offer())
    assert (await call.exchange.final()).status == 503
    trunk = tokyo.manager.trunks["emcc"]
    trunk.reset()
    await asyncio.wait_for(trunk.wait_pinged(), 5)
    call = roaming.call("9911", roaming.offer())
    assert (await call.exchange.final()).status == 503
    assert not tokyo.manager.gateways["tokyo-gateway"].calls
