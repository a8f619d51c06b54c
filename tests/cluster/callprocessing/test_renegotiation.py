"""What the parties of a call do with it once it is up: hold, resume, UPDATE, re-INVITEs that go wrong."""

from __future__ import annotations

import pytest
from sip_agents import media_of, talk

from emcc_emu.wire import sdp, sip


async def test_hold_and_resume_pass_through(pair):
    caller, callee = pair
    call, _ = await talk(caller, callee)
    for asked, heard in (("sendonly", "recvonly"), ("sendrecv", "sendrecv")):
        exchange = call.send("INVITE", caller.offer(direction=asked).encode())
        transaction, request, _ = await callee.next("INVITE")
        described, audio = media_of(request)
        assert described.direction_of(audio) == asked
        answer = callee.offer(direction=heard)
        headers = (("Contact", f"<{callee.contact_uri}>"), ("Content-Type", sdp.SDP_TYPE))
        callee.endpoint.respond(transaction, sip.build_response(request, 200, headers=headers, body=answer.encode()))
        response = await exchange.until(200)
        described, audio = media_of(response)
        assert described.direction_of(audio) == heard
        call.ack(exchange, response)
        await callee.next_ack()
    assert (await call.hang_up()).status == 200


async def test_crossing_and_repeated_reinvites_are_refused(pair):
    caller, callee = pair
    call, incoming = await talk(caller, callee)
    first = call.send("INVITE", caller.offer(direction="sendonly").encode())
    transaction, request, _ = await callee.next("INVITE")
    second = call.send("INVITE", caller.offer(direction="sendonly").encode())
    crossing = incoming.send("INVITE", callee.offer(direction="sendonly").encode())
    assert (await second.final()).status == 500
    assert (await crossing.final()).status == 491
    callee.endpoint.respond(transaction, sip.build_response(request, 488))
    assert (await first.final()).status == 488
    assert (await call.ask("INFO")).status == 200


async def test_update_and_info_are_answered(pair):
    caller, callee = pair
    call, incoming = await talk(caller, callee)
    assert (await call.ask("INFO")).status == 200
    assert (await incoming.ask("UPDATE")).status == 200
    response = await call.ask("UPDATE", caller.offer(0).encode())
    assert response.status == 200
    assert media_of(response)[1].codecs[0].name == "PCMU"
    assert (await call.ask("REFER")).status == 403
    assert (await call.ask("SUBSCRIBE")).status == 489


async def test_reinvite_without_an_offer_brings_the_other_sides_offer(pair):
    caller, callee = pair
    call, _ = await talk(caller, callee)
    exchange = call.send("INVITE")
    transaction, request, _ = await callee.next("INVITE")
    assert request.body == b""
    offer = callee.offer(8)
    headers = (("Contact", f"<{callee.contact_uri}>"), ("Content-Type", sdp.SDP_TYPE))
    callee.endpoint.respond(transaction, sip.build_response(request, 200, headers=headers, body=offer.encode()))
    response = await exchange.until(200)
    assert media_of(response)[1].port == callee.media_port
    answer = caller.offer(8)
    call.ack(exchange, response, answer.encode())
    described, audio = media_of(await callee.next_ack())
    assert (described.address, audio.port) == (caller.ip, caller.media_port)
    exchange = call.send("INVITE")
    transaction, request, _ = await callee.next("INVITE")
    callee.endpoint.respond(transaction, sip.build_response(request, 200, headers=headers, body=offer.encode()))
    call.ack(exchange, await exchange.until(200))
    await callee.next_ack()
    await callee.next("BYE")


@pytest.mark.parametrize(("answered", "ends"), [(481, True), (500, False)])
async def test_a_refused_reinvite_ends_the_call_only_when_its_dialog_is_gone(sites, pair, answered, ends):
    caller, callee = pair
    call, _ = await talk(caller, callee)
    exchange = call.send("INVITE", caller.offer().encode())
    transaction, request, _ = await callee.next("INVITE")
    callee.endpoint.respond(transaction, sip.build_response(request, answered))
    assert (await exchange.final()).status == answered
    if ends:
        await caller.next("BYE")
    assert len(sites["tokyo"].manager.calls) == (not ends)


async def test_an_answer_to_a_reinvite_without_description_is_500(pair):
    caller, callee = pair
    call, _ = await talk(caller, callee)
    exchange = call.send("INVITE", caller.offer().encode())
    transaction, request, _ = await callee.next("INVITE")
    headers = (("Contact", f"<{callee.contact_uri}>"),)
    callee.endpoint.respond(transaction, sip.build_response(request, 200, headers=headers))
    assert (await exchange.final()).status == 500
    await callee.next_ack()


async def test_hanging_up_while_a_reinvite_is_pending_answers_it(sites, pair):
    caller, callee = pair
    call, incoming = await talk(caller, callee)
    exchange = call.send("INVITE", caller.offer().encode())
    await callee.next("INVITE")
    assert (await incoming.hang_up()).status == 200
    assert (await exchange.final()).status == 487
    await caller.next("BYE")
    assert len(sites["tokyo"].manager.calls) == 0
