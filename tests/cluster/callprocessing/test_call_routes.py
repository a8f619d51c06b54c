"""Forwarding, shared lines, trunk failover and the choice of calling search space, in labs made for it."""

from __future__ import annotations

import asyncio

import pytest
from sip_agents import Agent

from emcc_emu.wire import mime, pidf_lo, sdp, sip

ONE_CLUSTER = """
clusters:
  west:
    nodes: {west-pub: 127.1.0.10}
    intercluster_service_profile: {pstn_access_active: off}
    call_manager: {forward_no_answer_timer: 1 s}
    partitions: [internal, pstn]
    calling_search_spaces: {phones: [internal, pstn]}
    trunks:
      to-east: {service_type: none, destinations: ["127.1.0.90", "127.1.0.91"], css: phones EARLY}
    route_groups: {east: {members: [to-east, gateway], algorithm: top_down}}
    route_lists: {east: [east]}
    route_patterns: [{pattern: 8.XXXX, partition: pstn, destination: east, discard: pre_dot}]
    gateways: {gateway: {address: 127.1.0.50, css: phones}}
    device_pools: {pool: {geolocation: here}}
    geolocations: {here: {country: US, A3: Exampleton}}
    phones:
      SEP02DD00000001: {address: 127.1.100.1, css: phones, lines: [{directory_number: 1001, partition: internal}]}
      SEP02DD00000002:
        {address: 127.1.100.2, css: phones, lines: [{directory_number: 1002, partition: internal FORWARD}]}
      SEP02DD00000003:
        {address: 127.1.100.3, css: phones,
         lines: [{directory_number: 1003, partition: internal, display: Third},
                 {directory_number: 1013, partition: internal}]}
      SEP02DD00000004: {address: 127.1.100.4, css: phones, lines: [{directory_number: 1003, partition: internal}]}
      SEP02DD00000005:
        {address: 127.1.100.5, css: phones, digest_user: desk, digest_password: dg-1212,
         lines: [{directory_number: 1005, partition: internal}]}
    users: {desk: {pin: "12345"}}
"""
ONE, TWO, THREE, FOUR, FIVE = (f"SEP02DD0000000{number}" for number in range(1, 6))


@pytest.fixture
def west(make_lab, start_sites):
    """Starts the cluster, with line 2 forwarding as told."""

    async def start(forward="", early=""):
        lab = make_lab(ONE_CLUSTER.replace(" FORWARD", forward).replace(" EARLY", early))
        sites = start_sites(lab)
        await sites.start()
        return sites

    return start


async def test_forward_all_sends_every_call_on(west):
    sites = await west(", forward_all: 1003")
    caller = await sites.registered(sites["west"], ONE)
    target = await sites.registered(sites["west"], THREE)
    call = caller.call("1002", caller.offer())
    (await target.ringing()).answer(target.offer())
    response = await call.answered()
    assert (response.get("Remote-Party-ID") or "").startswith('"Third" <sip:1003@')
    await call.hang_up()
    record = await sites["west"].next_record()
    assert (record.original_called_number, record.final_called_number) == ("1002", "1003")


async def test_forward_in_a_circle_is_refused(west):
    sites = await west(", forward_all: 1002")
    caller = await sites.registered(sites["west"], ONE)
    assert (await caller.call("1002", caller.offer()).exchange.final()).status == 482


async def test_forward_unregistered(west):
    sites = await west(", forward_unregistered: 1003")
    caller = await sites.registered(sites["west"], ONE)
    target = await sites.registered(sites["west"], THREE)
    caller.call("1002", caller.offer())
    await target.ringing()


async def test_forward_busy(west):
    sites = await west(", forward_busy: 1003, busy_trigger: 1")
    caller = await sites.registered(sites["west"], ONE)
    busy = await sites.registered(sites["west"], TWO)
    target = await sites.registered(sites["west"], THREE)
    caller.call("1002", caller.offer())
    await busy.ringing()
    caller.call("1002", caller.offer())
    await target.ringing()


async def test_forward_no_answer_cancels_the_first_phone(west):
    sites = await west(", forward_no_answer: 1003")
    caller = await sites.registered(sites["west"], ONE)
    silent = await sites.registered(sites["west"], TWO)
    target = await sites.registered(sites["west"], THREE)
    call = caller.call("1002", caller.offer())
    await silent.ringing()
    await asyncio.wait_for(silent.cancels.get(), 5)
    (await target.ringing()).answer(target.offer())
    assert (await call.answered()).status == 200


async def test_the_callers_own_expiry_ends_the_ringing(west):
    sites = await west()
    caller = await sites.registered(sites["west"], ONE)
    callee = await sites.registered(sites["west"], TWO)
    headers = (("Contact", f"<{caller.contact_uri}>"), ("Expires", "1"), ("Content-Type", sdp.SDP_TYPE))
    body = caller.offer().encode()
    request = caller.out_of_dialog(
        "INVITE", f"sip:1002@{caller.registrar[0]}", number="1001", headers=headers, body=body
    )
    exchange = caller.send(request, caller.registrar, "tcp", caller.flow)
    await callee.ringing()
    assert (await exchange.final()).status == 487
    await asyncio.wait_for(callee.cancels.get(), 5)


async def test_a_shared_line_rings_everywhere_and_stops_when_one_answers(west):
    sites = await west()
    caller = await sites.registered(sites["west"], ONE)
    first = await sites.registered(sites["west"], THREE)
    second = await sites.registered(sites["west"], FOUR)
    call = caller.call("1003", caller.offer())
    await first.ringing()
    (await second.ringing()).answer(second.offer())
    response = await call.answered()
    assert sdp.parse_sdp(response.body).address == second.ip
    await asyncio.wait_for(first.cancels.get(), 5)


async def test_all_shared_lines_refusing_ends_the_call(west):
    sites = await west()
    caller = await sites.registered(sites["west"], ONE)
    first = await sites.registered(sites["west"], THREE)
    second = await sites.registered(sites["west"], FOUR)
    call = caller.call("1003", caller.offer())
    (await first.ringing()).respond(603)
    (await second.ringing()).respond(486)
    assert (await call.exchange.final()).status == 486


async def test_a_bulk_registration_covers_the_second_line(west):
    sites = await west()
    caller = await sites.registered(sites["west"], ONE)
    target = await sites.registered(sites["west"], THREE)
    view = sites["west"].manager.registration(THREE)
    assert (view.directory_numbers, view.is_partial) == (("1003", "1013"), False)
    caller.call("1013", caller.offer())
    incoming = await target.ringing()
    line = sites["west"].state.device(THREE).lines[1]
    assert sip.parse_uri(incoming.request.uri).user == line.contact


async def test_line_by_line_registration_is_partial_until_all_are_there(west):
    sites = await west()
    manager = sites["west"].manager
    phone = await sites.phone(sites["west"], THREE)
    first = await phone.register(is_full=False)
    assert (first.get("Contact") or "").endswith(";x-cisco-newreg")
    assert manager.registration(THREE).is_partial
    primary_call_id, phone.call_id = phone.call_id, "second-line@test"
    second = await phone.register(is_full=False, number="1013")
    assert (second.status, "newreg" in (second.get("Contact") or "")) == (200, False)
    assert manager.registration(THREE).directory_numbers == ("1003", "1013")
    await phone.register(is_full=False, number="1013", expires=0)
    assert manager.registration(THREE).directory_numbers == ("1003",)
    phone.call_id = primary_call_id
    await phone.register(is_full=False, expires=0)
    assert not manager.is_registered(THREE)


async def test_cisco_phone_with_digest_is_challenged(west):
    sites = await west()
    phone = await sites.phone(sites["west"], FIVE)
    assert (await phone.register_with_digest("other", "dg-1212")).status == 401
    assert (await phone.register_with_digest("desk", "dg-1212")).status == 200
    assert sites["west"].manager.is_registered(FIVE)


# -- trunks ------------------------------------------------------------------------------------------------------


async def east_peers(sites):
    peers = []
    for destination in sites["west"].config.trunks[0].destinations:
        peer = Agent(destination, listens=True)
        await sites.use(peer)
        peers.append(peer)
    return peers


async def test_an_outage_of_one_peer_moves_on_to_the_next(west):
    sites = await west()
    first, second = await east_peers(sites)
    caller = await sites.registered(sites["west"], ONE)
    call = caller.call("82222", caller.offer())
    transaction, invite, _ = await first.next("INVITE")
    assert invite.uri == f"sip:2222@{first.ip}:5060"
    first.endpoint.respond(transaction, sip.build_response(invite, 503))
    transaction, invite, _ = await second.next("INVITE")
    assert "+u.sip!devicename" not in (invite.get("Contact") or "")
    second.endpoint.respond(transaction, sip.build_response(invite, 404))
    assert (await call.exchange.final()).status == 404


async def test_a_refusal_that_is_no_outage_moves_on_to_the_next_route_list_member(west):
    sites = await west()
    first, second = await east_peers(sites)
    caller = await sites.registered(sites["west"], ONE)
    call = caller.call("82222", caller.offer())
    transaction, invite, _ = await first.next("INVITE")
    first.endpoint.respond(transaction, sip.build_response(invite, 500))
    await call.answered()
    assert second.seen["INVITE"] == 0
    assert sites["west"].manager.gateways["gateway"].calls[0].called == "2222"


async def test_peers_without_a_socket_are_passed_over(west):
    sites = await west()
    caller = await sites.registered(sites["west"], ONE)
    call = caller.call("82222", caller.offer())
    await call.answered()
    assert sites["west"].manager.gateways["gateway"].calls[0].called == "2222"


async def test_an_early_offer_trunk_carries_description_and_place(west):
    sites = await west(early=", early_offer: yes")
    peer, _ = await east_peers(sites)
    caller = await sites.registered(sites["west"], ONE)
    offer = caller.offer(0, 18)
    call = caller.call("82222", offer)
    transaction, invite, _ = await peer.next("INVITE")
    parts = mime.split_body(invite.get("Content-Type"), invite.body)
    assert [part.media_type for part in parts] == ["application/sdp", "application/pidf+xml"]
    offered = sdp.parse_sdp(parts[0].content)
    assert (offered.address, [codec.name for codec in offered.audio.codecs][:2]) == (caller.ip, ["PCMU", "G729"])
    assert pidf_lo.parse_pidf_lo(parts[1].content)["A3"] == "Exampleton"
    answer = sdp.SessionDescription(sdp.Origin("x", "1", 1, peer.ip), address=peer.ip, media=[sdp.Media("audio", 4000)])
    answer.media[0].set_codecs([sdp.Codec(18, "G729", 8000)])
    headers = (("Contact", f"<sip:{peer.ip}:5060;transport=tcp>"), ("Content-Type", sdp.SDP_TYPE))
    tag = transaction.local_tag
    response = sip.build_response(invite, 200, to_tag=tag, headers=headers, body=answer.encode())
    peer.endpoint.respond(transaction, response)
    answered = await call.answered()
    described = sdp.parse_sdp(answered.body)
    assert (described.address, described.audio.port) == (peer.ip, 4000)
    assert (await peer.next_ack()).body == b""
    await call.hang_up()
    await peer.next("BYE")
    assert (await sites["west"].next_record()).codec == "G729"


async def test_a_trunk_peer_calls_a_line_with_a_session_timer(west):
    sites = await west()
    peer, _ = await east_peers(sites)
    callee = await sites.registered(sites["west"], ONE)
    destination = sites["west"].address

    def invite(interval):
        headers = (
            ("Contact", f"<sip:{peer.ip}:5060;transport=tcp>"),
            ("Supported", "timer"),
            ("Session-Expires", interval),
            ("Content-Type", sdp.SDP_TYPE),
        )
        offer = callee.offer().encode()
        return peer.out_of_dialog("INVITE", f"sip:1001@{destination[0]}", number="2222", headers=headers, body=offer)

    refused = await peer.ask(invite("60"), destination)
    assert (refused.status, refused.get("Min-SE")) == (422, "90")
    exchange = peer.send(invite("1800"), destination, "tcp")
    (await callee.ringing()).answer(callee.offer())
    response = await exchange.until(200)
    assert (response.get("Session-Expires"), response.require) == ("1800;refresher=uac", ["timer"])


async def test_a_call_from_the_trunk_to_an_unregistered_line_is_480(west):
    sites = await west()
    peer, _ = await east_peers(sites)
    headers = (("Contact", f"<sip:{peer.ip}:5060>"),)
    request = peer.out_of_dialog("INVITE", f"sip:1001@{sites['west'].address[0]}", number="2222", headers=headers)
    assert (await peer.ask(request, sites["west"].address)).status == 480


# -- the PSTN access trunk of a visited cluster ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "names_phone", "status"),
    [("use_trunk_css", True, 200), ("use_trunk_css", False, 200), ("use_phones_original_device_css", False, 404)],
)
async def test_the_visited_cluster_knows_the_phone_or_falls_back(make_lab, start_sites, parameter, names_phone, status):
    lab = make_lab(VISITED.replace("PARAMETER", parameter))
    sites = start_sites(lab)
    await sites.start("here")
    await sites.update_remote_clusters()
    home = Agent(lab.by_name["home"].publisher.address, listens=True)
    await sites.use(home)
    named = ';+u.sip!devicename.ccm.cisco.com="SEP02EE00000001"' if names_phone else ""
    headers = (("Contact", f"<sip:3101@{home.ip}:5060;transport=tcp>{named}"),)
    request = home.out_of_dialog("INVITE", f"sip:911@{sites['here'].address[0]}", number="3101", headers=headers)
    response = await home.ask(request, sites["here"].address)
    assert response.status == status
    expected = [] if status == 404 else ["near-the-phone" if names_phone else "near-the-trunk"]
    gateways = sites["here"].manager.gateways
    assert [name for name, gateway in gateways.items() if gateway.calls] == expected


VISITED = """
clusters:
  here:
    nodes: {here-pub: 127.1.0.10}
    emcc: {css_for_pstn_access_trunk: PARAMETER}
    partitions: [emergency]
    calling_search_spaces: {all: [emergency]}
    trunks: {emcc: {css: all, emcc_options_ping: off, device_pool: trunks}}
    gateways: {near-the-phone: 127.1.0.50, near-the-trunk: 127.1.0.51}
    route_groups: {phone-side: [near-the-phone], trunk-side: [near-the-trunk]}
    route_lists: {local: [Standard Local Route Group]}
    route_patterns: [{pattern: "911", partition: emergency, destination: local, emergency: yes}]
    device_pools: {trunks: {local_route_group: trunk-side}, phones: {local_route_group: phone-side}}
    phones: {SEP02EE00000001: {device_pool: phones, css: all, lines: ["2001"]}}
  home:
    nodes: {home-pub: 127.2.0.10}
"""
