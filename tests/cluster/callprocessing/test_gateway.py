"""Our PSTN gateway as a SIP peer."""

from __future__ import annotations

import asyncio
import random

import pytest
from sip_agents import Agent

from emcc_emu.cluster.gateway import Gateway
from emcc_emu.errors import TransportError
from emcc_emu.lab.model import Gateway as GatewayConfig
from emcc_emu.net.clock import Clock
from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.wire import sdp, sip


@pytest.fixture
async def gateway():
    """A gateway on this machine's loopback."""
    config = GatewayConfig(name="pstn", address="127.0.7.50", port=5060)
    gateway = Gateway(config, recorder=None, rng=random.Random(1), clock=Clock(), ring_time_s=0.0)
    await gateway.start()
    yield gateway
    await gateway.close()


@pytest.fixture
async def peer():
    """Somebody who calls it."""
    agent = Agent("127.0.7.10", listens=True)
    async with agent.endpoint:
        yield agent


def invite(peer, gateway, body=b"", number="5551000"):
    headers = (("Contact", f"<sip:100@{peer.ip}:5060>"), *((("Content-Type", "application/sdp"),) if body else ()))
    uri = f"sip:{number}@{gateway.config.address}"
    return peer.out_of_dialog("INVITE", uri, number="100", headers=headers, body=body)


def offer(ip, *codecs):
    audio = sdp.Media("audio", 30000)
    audio.set_codecs([sdp.Codec(number, *sdp.STATIC_PAYLOADS[number]) for number in codecs])
    return sdp.SessionDescription(sdp.Origin("x", "1", 0, ip), address=ip, media=[audio]).encode()


async def test_rings_and_answers_with_an_offer_when_there_is_none(gateway, peer):
    request = invite(peer, gateway)
    exchange = peer.send(request, gateway.address, "udp")
    response = await exchange.until(200)
    assert [r.status for r in exchange.all] == [100, 180, 200]
    described = sdp.parse_sdp(response.body)
    assert described.address == gateway.config.address
    assert [codec.name for codec in described.audio.codecs] == ["PCMU", "PCMA", "G729", "telephone-event"]
    dialog = Dialog.from_response(request, response)
    headers = (("Content-Type", "application/sdp"),)
    peer.endpoint.send_ack(dialog.ack(101, headers, offer(peer.ip, 18)), exchange.flow, exchange.transaction)
    call = gateway.calls[0]
    assert (call.called, call.calling, call.is_up) == ("5551000", "100", True)
    bye = dialog.request("BYE")
    assert (await peer.ask(bye, gateway.address, "udp")).status == 200
    await asyncio.wait_for(gateway.wait_until(call, is_up=False), 5)
    assert call.media.address == peer.ip
    assert (await peer.ask(dialog.request("BYE"), gateway.address, "udp")).status == 481


async def test_answers_an_offer_with_one_codec_or_488(gateway, peer):
    response = await peer.ask(invite(peer, gateway, offer(peer.ip, 9, 8, 18)), gateway.address, "udp")
    assert [codec.name for codec in sdp.parse_sdp(response.body).audio.codecs] == ["PCMA"]
    response = await peer.ask(invite(peer, gateway, offer(peer.ip, 9)), gateway.address, "udp")
    assert response.status == 488


async def test_cancel_while_it_rings(gateway, peer):
    gateway.ring_time_s = 60.0
    exchange = peer.send(invite(peer, gateway), gateway.address, "tcp")
    await exchange.until(180)
    peer.endpoint.cancel(exchange.transaction)
    assert (await exchange.final()).status == 487
    assert gateway.calls[0].status == 487
    assert gateway.view()["up"] == 0


async def test_answers_options_and_refuses_what_it_does_not_know(gateway, peer):
    uri = f"sip:{gateway.config.address}"
    assert (await peer.ask(peer.out_of_dialog("OPTIONS", uri), gateway.address, "udp")).status == 200
    assert (await peer.ask(peer.out_of_dialog("INFO", uri), gateway.address, "udp")).status == 481


async def test_places_a_call_and_hears_the_refusal(gateway, peer):
    call = gateway.place_call("2001", "0355550100", (peer.ip, 5060))
    transaction, request, _ = await peer.next("INVITE")
    assert request.uri == f"sip:2001@{peer.ip}:5060"
    assert sdp.parse_sdp(request.body).audio.port
    peer.endpoint.respond(transaction, sip.build_response(request, 404))
    await asyncio.wait_for(gateway.wait_until(call, is_up=True), 5)
    assert (call.status, call.is_up) == (404, False)
    gateway.hang_up(call)


async def test_a_gateway_that_is_not_started_places_no_call():
    gateway = Gateway(GatewayConfig(name="x", address="127.0.7.51"), recorder=None, rng=random.Random(1), clock=Clock())
    with pytest.raises(TransportError):
        gateway.place_call("1", "2", ("127.0.7.10", 5060))


async def test_a_reinvite_moves_its_idea_of_the_media(gateway, peer):
    request = invite(peer, gateway, offer(peer.ip, 0))
    exchange = peer.send(request, gateway.address, "udp")
    response = await exchange.until(200)
    dialog = Dialog.from_response(request, response)
    peer.endpoint.send_ack(dialog.ack(101), exchange.flow, exchange.transaction)
    headers = (("Contact", f"<sip:{peer.ip}:5060>"), ("Content-Type", "application/sdp"))
    again = dialog.request("INVITE", headers, offer("127.0.7.99", 18))
    response = await peer.ask(again, gateway.address, "udp")
    assert [codec.name for codec in sdp.parse_sdp(response.body).audio.codecs] == ["G729"]
    assert gateway.calls[0].media.address == "127.0.7.99"


async def test_an_answer_that_nobody_acknowledges_is_hung_up(gateway, peer):
    await peer.ask(invite(peer, gateway, offer(peer.ip, 0)), gateway.address, "udp")
    (transaction,) = [t for t in gateway._endpoint._layer._servers.values() if t.method == "INVITE"]
    gateway.ack_missing(gateway._endpoint, transaction, 200)
    await peer.next("BYE")
    assert not gateway.calls[0].is_up


async def test_all_circuits_busy(gateway, peer, monkeypatch):
    monkeypatch.setattr("emcc_emu.cluster.gateway.MAX_GATEWAY_CALLS", 0)
    assert (await peer.ask(invite(peer, gateway), gateway.address, "udp")).status == 503


async def test_an_acknowledgement_with_an_unreadable_answer_ends_the_call(gateway, peer):
    request = invite(peer, gateway)
    exchange = peer.send(request, gateway.address, "tcp")
    dialog = Dialog.from_response(request, await exchange.until(200))
    headers = (("Content-Type", "application/sdp"),)
    peer.endpoint.send_ack(dialog.ack(101, headers, b"nonsense"), exchange.flow, exchange.transaction)
    await peer.next("BYE")
    assert not gateway.calls[0].is_up


async def test_an_unreadable_answer_ends_the_call_that_it_places(gateway, peer):
    call = gateway.place_call("2001", "0355550100", (peer.ip, 5060))
    transaction, request, _ = await peer.next("INVITE")
    headers = (("Contact", "<sip:pbx.example.test>"), ("Content-Type", "application/sdp"))
    peer.endpoint.respond(transaction, sip.build_response(request, 200, to_tag="1", headers=headers, body=b"nonsense"))
    await peer.next_ack()
    await peer.next("BYE")
    assert not call.is_up


async def test_an_answer_that_makes_no_dialog_is_no_answer(gateway, peer):
    call = gateway.place_call("2001", "0355550100", (peer.ip, 5060))
    transaction, request, _ = await peer.next("INVITE")
    peer.endpoint.respond(transaction, sip.build_response(request, 200, to_tag="1", headers=[("Contact", "<<>")]))
    await asyncio.wait_for(gateway.wait_until(call, is_up=True), 5)
    assert (call.status, call.is_up) == (500, False)
