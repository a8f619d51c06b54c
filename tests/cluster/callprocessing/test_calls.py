"""Calls inside one cluster and to its gateway."""

from __future__ import annotations

import asyncio

from sip_agents import Agent, media_of, talk

from emcc_emu.protocol.sip_dialog import Dialog
from emcc_emu.wire import sdp, sip

CALLER = "SEP02BB00000001"
CALLEE = "SEP02BB00000002"


async def test_line_to_line_gives_each_the_others_media(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer(9, 0, 18))
    incoming = await callee.ringing()
    assert incoming.request.body == b""
    assert incoming.request.get("Alert-Info") == "<file://Bellcore-dr1/>"
    assert incoming.request.get("Send-Info") == "conference, x-cisco-conference"
    assert incoming.request.get("Session-Expires") is None
    assert sip.parse_uri(incoming.request.from_.uri).user == "3001"
    ringing = await call.exchange.until(180)
    assert ringing.get(
        "Remote-Party-ID",
    ).startswith(f"<sip:3002@{sites['tokyo'].address[0]}>;party=called")
    incoming.answer(callee.offer(0, 18))
    answered = await call.answered()
    described, audio = media_of(answered)
    assert (described.address, audio.port, [c.name for c in audio.codecs]) == (
        callee.ip,
        callee.media_port,
        ["PCMU", "telephone-event"],
    )
    assert described.origin.username == "CiscoSystemsCCM-SIP"
    assert answered.body.startswith(b"v=0\r\no=CiscoSystemsCCM-SIP ")
    ack = await callee.next_ack()
    described, audio = media_of(ack)
    assert (described.address, audio.port, audio.codecs[0].name) == (caller.ip, caller.media_port, "PCMU")
    assert (await call.hang_up()).status == 200
    await callee.next("BYE")
    record = await sites["tokyo"].next_record()
    assert (record.calling_number, record.original_called_number, record.final_called_number) == (
        "3001",
        "3002",
        "3002",
    )
    assert (record.calling_device, record.called_device, record.codec) == (CALLER, CALLEE, "PCMU")
    assert (record.calling_cause, record.called_cause, record.final_status) == (16, 0, 200)
    assert record.connected_at is not None and not record.is_emergency


async def test_the_called_side_hangs_up(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    incoming = await callee.answer(callee.offer())
    await call.answered()
    await callee.next_ack()
    assert (await incoming.hang_up()).status == 200
    await caller.next("BYE")
    record = await sites["tokyo"].next_record()
    assert (record.calling_cause, record.called_cause) == (0, 16)
    assert len(sites["tokyo"].manager.calls) == 0


async def test_call_messages_have_unified_cms_header_order_and_identifiers(pair):
    caller, callee = pair
    caller.call("3002", caller.offer())
    incoming = await callee.ringing()
    names = [name for name, _ in incoming.request.headers]
    assert names[:6] == ["Via", "From", "To", "Date", "Call-ID", "Supported"]
    assert names.index("User-Agent") < names.index("Allow") < names.index("CSeq") < names.index("Contact")
    number, _, rest = (incoming.request.from_.tag or "").partition("~")
    assert number.isdigit() and rest.rpartition("-")[2].isdigit()
    assert incoming.request.call_id.endswith(f"@{caller.registrar[0]}")
    assert incoming.request.cseq.number == 101


async def test_cancel_reaches_the_ringing_phone(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    await callee.ringing()
    await call.exchange.until(180)
    call.cancel()
    assert (await call.exchange.final()).status == 487
    await asyncio.wait_for(callee.cancels.get(), 5)
    record = await sites["tokyo"].next_record()
    assert (record.final_status, record.connected_at, record.calling_cause) == (487, None, 16)


async def test_busy_phone_is_passed_back(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    incoming = await callee.ringing()
    incoming.respond(486)
    assert (await call.exchange.final()).status == 486
    assert (await sites["tokyo"].next_record()).called_cause == 17


async def test_busy_trigger_answers_without_asking_the_phone(sites, pair):
    caller, callee = pair
    for _ in range(2):
        caller.call("3002", caller.offer())
        await callee.ringing()
    third = caller.call("3002", caller.offer())
    response = await third.exchange.final()
    assert response.status == 486
    assert callee.seen["INVITE"] == 2


async def test_no_common_codec_is_488_with_a_warning(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer(0))
    incoming = await callee.ringing()
    incoming.answer(callee.offer(18))
    response = await call.exchange.final()
    assert response.status == 488
    assert (response.get("Warning") or "").endswith('"Media Type(s) Unavailable"')
    ack = await callee.next_ack()
    assert sdp.parse_sdp(ack.body).media[0].port == 0
    await callee.next("BYE")


async def test_unknown_incomplete_and_unregistered_numbers(sites, pair):
    caller, _ = pair
    expected = {"7777": 404, "0": 484, "3091": 480}
    found = {number: (await caller.call(number, caller.offer()).exchange.final()).status for number in expected}
    assert found == expected


async def test_call_without_an_offer_relays_the_callees(pair):
    caller, callee = pair
    call = caller.call("3002", None)
    incoming = await callee.answer(callee.offer(8))
    response = await call.exchange.until(200)
    described, audio = media_of(response)
    assert (described.address, audio.port) == (callee.ip, callee.media_port)
    call.dialog = Dialog.from_response(call.request, response)
    assert callee.acks.empty()
    call.ack(call.exchange, response, caller.offer(8).encode())
    described, audio = media_of(await callee.next_ack())
    assert (described.address, audio.port, audio.codecs[0].name) == (caller.ip, caller.media_port, "PCMA")
    assert incoming.dialog.is_confirmed


async def test_ack_without_the_due_answer_ends_the_call(sites, pair):
    caller, callee = pair
    call = caller.call("3002", None)
    await callee.answer(callee.offer(8))
    await call.answered()
    await callee.next_ack()
    await callee.next("BYE")
    await caller.next("BYE")
    assert (await sites["tokyo"].next_record()).final_status == 500


async def test_requests_of_no_call_get_481_and_old_cseq_500(pair):
    caller, callee = pair
    call, _ = await talk(caller, callee)
    call.dialog.local_cseq -= 1
    assert (await call.ask("INFO")).status == 500
    assert (await call.hang_up()).status == 200
    assert (await call.ask("INFO")).status == 481


async def test_reliable_provisional_responses_cannot_be_required(pair):
    caller, _ = pair
    headers = (("Contact", f"<{caller.contact_uri}>"), ("Require", "100rel"))
    request = caller.out_of_dialog("INVITE", f"sip:3002@{caller.registrar[0]}", number="3001", headers=headers)
    response = await caller.ask(request, caller.registrar)
    assert (response.status, response.get("Unsupported")) == (420, "100rel")


async def test_invite_from_a_stranger_is_503(sites):
    await sites.start("tokyo")
    stranger = Agent("127.0.0.1")
    await sites.use(stranger)
    request = stranger.out_of_dialog(
        "INVITE", f"sip:3002@{sites['tokyo'].address[0]}", headers=(("Contact", "<sip:x@127.0.0.1:5999>"),)
    )
    assert (await stranger.ask(request, sites["tokyo"].address)).status == 503


async def test_pstn_call_leaves_by_the_own_gateway(sites, pair):
    caller, _ = pair
    gateway = sites["tokyo"].manager.gateways["tokyo-gateway"]
    call = caller.call("00355550100", caller.offer())
    answered = await call.answered()
    assert gateway.calls[0].called == "0355550100"
    assert gateway.calls[0].calling == "3001"
    assert media_of(answered)[0].address == gateway.config.address
    await asyncio.wait_for(gateway.wait_until(gateway.calls[0], is_up=True), 5)
    assert (await call.hang_up()).status == 200
    await asyncio.wait_for(gateway.wait_until(gateway.calls[0], is_up=False), 5)


async def test_gateway_refusal_reaches_the_phone(sites, pair):
    caller, _ = pair
    gateway = sites["tokyo"].manager.gateways["tokyo-gateway"]
    gateway.answer_status = 503
    assert (await caller.call("00355550100", caller.offer()).exchange.final()).status == 503
    gateway.answer_status = 486
    assert (await caller.call("00355550100", caller.offer()).exchange.final()).status == 486


async def test_call_from_the_pstn_rings_a_line_as_external(sites, pair):
    _, callee = pair
    gateway = sites["tokyo"].manager.gateways["tokyo-gateway"]
    call = gateway.place_call("3002", "0355550100", sites["tokyo"].address, calling_name="Outside")
    incoming = await callee.ringing()
    assert incoming.request.get("Alert-Info") == "<file://Bellcore-dr2/>"
    assert incoming.request.from_.display == "Outside"
    incoming.answer(callee.offer())
    await asyncio.wait_for(gateway.wait_until(call, is_up=True), 5)
    await callee.next_ack()
    gateway.hang_up(call)
    await callee.next("BYE")
    record = await sites["tokyo"].next_record()
    assert (record.calling_device, record.calling_number) == ("tokyo-gateway", "0355550100")


async def test_an_answer_that_crosses_the_cancel_is_hung_up(pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    incoming = await callee.ringing()
    callee.instead_of_487 = lambda: incoming.answer(callee.offer())
    await call.exchange.until(180)
    call.cancel()
    await callee.next_ack()
    await callee.next("BYE")
    assert (await call.exchange.final()).status == 487


async def test_an_answer_without_a_description_fails_the_call(pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    incoming = await callee.ringing()
    incoming.respond(200)
    assert (await call.exchange.final()).status == 500
    await callee.next_ack()
    await callee.next("BYE")


async def test_an_answer_that_makes_no_dialog_fails_the_call(pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    incoming = await callee.ringing()
    headers = (("Contact", "<<>"), ("Content-Type", sdp.SDP_TYPE))
    body = callee.offer().encode()
    response = sip.build_response(incoming.request, 200, to_tag="x", headers=headers, body=body)
    callee.endpoint.respond(incoming.transaction, response)
    assert (await call.exchange.final()).status in (500, 503)


async def test_unreadable_offers_and_contacts_are_bad_requests(pair):
    caller, _ = pair
    contact = ("Contact", f"<{caller.contact_uri}>")
    for headers, body in (
        ((contact, ("Content-Type", sdp.SDP_TYPE)), b"v=1\r\n"),
        ((("Contact", "<urn:x>"),), b""),
        ((), b""),
    ):
        request = caller.out_of_dialog(
            "INVITE", f"sip:3002@{caller.registrar[0]}", number="3001", headers=headers, body=body
        )
        assert (await caller.ask(request, caller.registrar)).status in (400, 416)


async def test_a_phone_that_lost_its_connection_cannot_be_called(sites, pair):
    caller, _ = pair
    registrar = sites["tokyo"].manager.registrar
    registration = registrar.get(CALLEE)
    registrar.connection_lost(registration.node, registration.flow)
    assert (await caller.call("3002", caller.offer()).exchange.final()).status == 503


async def test_a_registered_phone_may_call_over_a_new_connection(sites, pair):
    _, callee = pair
    again = await sites.phone(sites["tokyo"], CALLER)
    await again.connect()
    headers = (("Contact", again.contact), ("Content-Type", sdp.SDP_TYPE))
    request = again.out_of_dialog(
        "INVITE", f"sip:3002@{again.registrar[0]}", number="3001", headers=headers, body=again.offer().encode()
    )
    exchange = again.send(request, again.registrar, "tcp", again.flow)
    (await callee.ringing()).answer(callee.offer())
    assert (await exchange.until(200)).status == 200


async def test_a_line_that_never_answers_is_given_up(sites, pair, monkeypatch):
    monkeypatch.setattr("emcc_emu.cluster.call_search.INVITE_EXPIRES_S", 0.05)
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    await callee.ringing()
    assert (await call.exchange.final()).status == 480
    await asyncio.wait_for(callee.cancels.get(), 5)


async def test_one_call_too_many_is_503(pair, monkeypatch):
    monkeypatch.setattr("emcc_emu.cluster.call_control.MAX_CALLS", 0)
    caller, _ = pair
    response = await caller.call("3002", caller.offer()).exchange.final()
    assert (response.status, response.get("Retry-After")) == (503, "5")


async def test_an_answer_that_nobody_acknowledges_ends_the_call(sites, pair):
    caller, callee = pair
    call = caller.call("3002", caller.offer())
    await callee.answer(callee.offer())
    await call.exchange.until(200)
    calls = sites["tokyo"].manager.calls
    (transaction,) = calls._by_invite
    calls.ack_missing(transaction, 486)
    assert len(calls) == 1
    calls.ack_missing(transaction, 200)
    await caller.next("BYE")
    await callee.next("BYE")
    assert len(calls) == 0


async def test_stopping_hangs_up_and_records_every_call(sites, pair):
    caller, callee = pair
    await talk(caller, callee)
    await sites["tokyo"].manager.close()
    assert (await sites["tokyo"].next_record()).final_status == 503
    await caller.next("BYE")
    await callee.next("BYE")


async def test_the_video_stream_of_an_offer_is_refused_with_port_0(pair):
    caller, callee = pair
    offer = caller.offer(0)
    offer.media.append(sdp.Media("video", 40000, formats=["97"], attributes=[("rtpmap", "97 H264/90000")]))
    call = caller.call("3002", offer)
    await callee.answer(callee.offer(0))
    described = sdp.parse_sdp((await call.answered()).body)
    assert [(media.kind, media.port != 0) for media in described.media] == [("audio", True), ("video", False)]
    assert (described.media[1].formats, described.media[1].direction) == (["97"], "inactive")
