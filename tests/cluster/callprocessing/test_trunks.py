"""Trunk supervision by OPTIONS."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sip_agents import Agent

from emcc_emu.protocol.sip_options_ping import PingState, TrunkStatus
from emcc_emu.wire import sip


async def test_both_clusters_see_their_emcc_trunk_in_full_service(sites):
    await sites.start()
    await sites.update_remote_clusters()
    for site in (sites["sanjose"], sites["tokyo"]):
        await site.trunk_reaches("emcc", TrunkStatus.FULL_SERVICE)


async def test_an_unknown_cluster_is_answered_503_and_so_is_down(sites):
    await sites.start()
    await sites.update_remote_clusters()
    tokyo, sanjose = sites["tokyo"], sites["sanjose"]
    for cluster_id in list(tokyo.state.remote_clusters):
        del tokyo.state.remote_clusters[cluster_id]
    tokyo.manager.refresh_trunk_peers()
    trunk = sanjose.manager.trunks["emcc"]
    trunk.reset()
    await sanjose.trunk_reaches("emcc", TrunkStatus.NO_SERVICE)
    assert [peer.reason for peer in trunk.watched()] == ["remote=503"]
    assert trunk.callable_peers(tokyo.config.cluster_id) == []


async def test_a_silent_address_is_down_for_want_of_a_socket(sites):
    await sites.start("sanjose")
    await sites.update_remote_clusters()
    trunk = sites["sanjose"].manager.trunks["emcc"]
    await asyncio.wait_for(trunk.wait_pinged(), 5)
    assert trunk.status is TrunkStatus.NO_SERVICE
    assert [(peer.state, peer.reason) for peer in trunk.watched()] == [(PingState.DOWN, "local=2")]


async def test_the_ping_looks_like_unified_cms(sites):
    await sites.start("sanjose")
    peer = Agent(sites.lab.by_name["tokyo"].publisher.address, listens=True)
    await sites.use(peer)
    await sites.update_remote_clusters()
    transaction, ping, flow = await peer.next("OPTIONS")
    assert ping.uri == f"sip:{peer.ip}:5060"
    assert (ping.max_forwards, str(ping.cseq), ping.body) == (0, "101 OPTIONS", b"")
    assert ping.get("User-Agent") == "Cisco-CUCM12.5"
    assert [name for name, _ in ping.headers][:6] == ["Via", "From", "To", "Date", "Call-ID", "User-Agent"]
    assert flow.transport == "tcp"
    peer.endpoint.respond(transaction, sip.build_response(ping, 483))
    trunk = sites["sanjose"].manager.trunks["emcc"]
    await asyncio.wait_for(trunk.wait_pinged(), 5)
    assert trunk.status is TrunkStatus.FULL_SERVICE
    assert trunk.callable_peers() == [(peer.ip, 5060)]


async def test_peers_follow_the_remote_cluster_update(sites):
    await sites.start("sanjose")
    trunk = sites["sanjose"].manager.trunks["emcc"]
    assert trunk.peers == ()
    await asyncio.wait_for(trunk.wait_pinged(), 5)
    await sites.update_remote_clusters()
    address = sites.lab.by_name["tokyo"].publisher.address
    assert trunk.peers == ((address, 5060),)
    assert trunk.has_peer(address)
    assert trunk.cluster_of(address) == "tokyo"
    sites["sanjose"].state.remote_clusters.clear()
    trunk.refresh_peers()
    assert (trunk.peers, trunk.watched()) == ((), [])


ORDINARY = """
clusters:
  west:
    nodes: {west-pub: 127.1.0.10}
    intercluster_service_profile: {pstn_access_active: off}
    trunks:
      to-east: {service_type: none, destinations: ["127.1.0.90", "127.1.0.91:5070"], options_ping: PING, transport: udp}
"""


@pytest.mark.parametrize("ping", ["on", "off"])
async def test_an_ordinary_trunk_has_its_own_destinations(make_lab, start_sites, ping):
    sites = start_sites(make_lab(ORDINARY.replace("PING", ping)))
    await sites.start()
    trunk = sites["west"].manager.trunks["to-east"]
    assert [port for _, port in trunk.peers] == [5060, 5070]
    assert len(trunk.watched()) == (2 if ping == "on" else 0)
    if ping == "off":
        await trunk.wait_pinged()
        assert trunk.status is TrunkStatus.UNKNOWN
        assert trunk.callable_peers() == list(trunk.peers)


async def test_partial_service_when_one_peer_answers(make_lab, start_sites):
    lab = make_lab(ORDINARY.replace("PING", "on, ping_retry_timer: 100 ms, ping_tries: 1"))
    sites = start_sites(lab)
    trunk_config = lab.clusters[0].trunks[0]
    up = Agent(trunk_config.destinations[0].partition(":")[0], listens=True)
    up.automatic["OPTIONS"] = 404
    await sites.use(up)
    await sites.start()
    trunk = sites["west"].manager.trunks["to-east"]
    await asyncio.wait_for(trunk.wait_pinged(), 5)
    assert trunk.status is TrunkStatus.PARTIAL_SERVICE
    assert sorted(peer.reason for peer in trunk.watched()) == ["", "local=1"]
    assert trunk.callable_peers() == [(up.ip, 5060)]
    assert trunk.view()["status"] == "Partial Service"


async def test_options_from_a_trunk_peer_is_answered_200(sites):
    await sites.start("sanjose")
    await sites.update_remote_clusters()
    peer = Agent(sites.lab.by_name["tokyo"].publisher.address)
    await sites.use(peer)
    request = peer.out_of_dialog("OPTIONS", f"sip:{sites['sanjose'].address[0]}")
    request.set("Max-Forwards", "0")
    response = await peer.ask(request, sites["sanjose"].address, "udp")
    assert (response.status, response.get("Content-Length")) == (200, "0")


async def test_a_trunk_has_no_peers_while_its_service_is_not_active(sites):
    await sites.start()
    await sites.update_remote_clusters()
    site = sites["sanjose"]
    trunk = await site.trunk_reaches("emcc", TrunkStatus.FULL_SERVICE)
    profile = site.state.config.intercluster_service_profile
    for is_active in (False, True):
        changed = msgspec.structs.replace(profile, pstn_access_active=is_active)
        await site.reconfigure("intercluster_service_profile", intercluster_service_profile=changed)
        site.manager.refresh_trunk_peers()
        assert bool(trunk.peers) is is_active
