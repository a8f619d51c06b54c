"""REGISTER as Unified CM answers it."""

from __future__ import annotations

import asyncio

import msgspec
from sip_agents import Agent

from emcc_emu.wire import remotecc
from emcc_emu.wire.service_control import parse_service_control

CISCO = "SEP02AA00000001"
THIRD_PARTY = "SEP02AA000000F1"


async def test_registers_a_cisco_phone_with_100_then_200(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], CISCO)
    await phone.connect()
    exchange = phone.send(phone.register_request(), phone.registrar, "tcp", phone.flow)
    response = await exchange.final()
    assert [r.status for r in exchange.all] == [100, 200]
    assert exchange.all[0].to.tag is None
    assert response.get("Expires") == "120"
    assert response.get("Contact") == f"{phone.contact};x-cisco-newreg"
    assert response.get("Server") == "Cisco-CUCM12.5"
    assert response.get("Supported") == "X-cisco-srtp-fallback,X-cisco-sis-9.1.0"
    assert response.content_type == "application/x-cisco-remotecc-response+xml"
    assert remotecc.parse_optionsind_answer(response.body) is not None
    assert sites["sanjose"].manager.is_registered(CISCO)


async def test_a_refresh_is_no_new_registration_and_carries_no_body(sites):
    await sites.start("sanjose")
    phone = await sites.registered(sites["sanjose"], CISCO)
    response = await phone.register(is_full=False)
    assert response.status == 200
    assert response.get("Contact") == phone.contact
    assert response.get("Expires") == "120"
    assert response.body == b""


async def test_sends_settings_once_after_a_new_registration(sites):
    await sites.start("sanjose")
    phone = await sites.registered(sites["sanjose"], CISCO)
    _, refer, _ = await phone.next("REFER")
    assert refer.require == ["norefersub"]
    settings = remotecc.parse_settings_refer(refer.get("Content-Type"), refer.body)
    assert [line.line for line in settings.lines] == [1]
    await phone.register(is_full=False)
    assert phone.seen["REFER"] == 1


async def test_alarm_before_registration_is_accepted(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], CISCO)
    await phone.connect()
    body = remotecc.build_alarm("DeviceTLInfo", [("DeviceName", CISCO)])
    headers = (
        ("Contact", f"<{phone.contact_uri}>"),
        ("Refer-To", f"<cid:1234abcd@{phone.ip}>"),
        ("Require", "norefersub"),
        ("Content-Type", remotecc.ALARM_TYPE),
    )
    refer = phone.out_of_dialog("REFER", f"sip:{phone.registrar[0]}", number="2001", headers=headers, body=body)
    response = await phone.ask(refer, phone.registrar)
    assert response.status == 202
    assert (response.to.tag or "").isdigit()
    assert response.get("Server") is None
    assert response.contacts[0].uri == f"sip:{phone.registrar[0]}:5060;transport=tcp"


async def test_fall_back_token_is_granted(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], CISCO)
    headers = (("Refer-To", "<urn:X-CISCO-remotecc:token-registration>"), ("Require", "norefersub"))
    refer = phone.out_of_dialog("REFER", f"sip:{phone.registrar[0]}", number="2001", headers=headers)
    assert (await phone.ask(refer, phone.registrar)).status == 202


async def test_unknown_device_and_unknown_line_get_404(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    stranger = await sites.phone(site, "SEP00000000BEEF", number="2001", ip=site.ip_of(CISCO))
    assert (await stranger.register()).status == 404
    phone = await sites.phone(site, CISCO, number="2999")
    assert (await phone.register()).status == 404
    assert not site.manager.is_registered(CISCO)


async def test_wildcard_contact_is_a_bad_request(sites):
    await sites.start("sanjose")
    phone = await sites.registered(sites["sanjose"], CISCO)
    response = await phone.register(contact="*", expires=0)
    assert response.status == 400
    assert sites["sanjose"].manager.is_registered(CISCO)


async def test_too_short_interval_gets_423(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], CISCO)
    response = await phone.register(expires=5)
    assert (response.status, response.get("Min-Expires")) == (423, "30")


async def test_repeated_cseq_of_a_registration_is_out_of_order(sites):
    await sites.start("sanjose")
    phone = await sites.registered(sites["sanjose"], CISCO)
    phone.cseq -= 1
    assert (await phone.register(is_full=False)).status == 500


async def test_expires_zero_unregisters_and_closes_the_connection(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    changes = []
    site.manager.on_registration_change = lambda *change: changes.append(change)
    phone.call_id = "other-call-id@test"
    response = await phone.register(expires=0, is_full=False)
    assert (response.status, response.get("Expires")) == (200, "0")
    assert not site.manager.is_registered(CISCO)
    assert changes == [(CISCO, False)]
    assert (await asyncio.wait_for(phone.lost.get(), 5)) == phone.flow


async def test_a_phone_unregisters_with_the_lines_that_it_had_before_a_login(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    await site.state.log_in(CISCO, "bmiller", "UDP-bmiller", 0.0)
    assert (await phone.register(expires=0, is_full=False)).status == 200
    assert not site.manager.is_registered(CISCO)


async def test_a_visiting_phone_unregisters_although_its_session_and_its_device_are_gone(sites):
    await sites.start()
    home = sites["tokyo"]
    await sites.log_in_across(sites["sanjose"], home, CISCO, "ayamada", "roaming-us")
    phone = await sites.registered(home, CISCO, ip=sites["sanjose"].ip_of(CISCO))
    await home.state.close_home_session(CISCO)
    assert home.state.device(CISCO) is None
    assert (await phone.register(expires=0, is_full=False)).status == 200
    assert not home.manager.is_registered(CISCO)


async def test_expires_zero_from_elsewhere_is_a_standby_keepalive(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    await sites.registered(site, CISCO)
    standby = await sites.phone(site, CISCO)
    response = await standby.register(expires=0, is_full=False)
    assert (response.status, response.get("Expires")) == (200, "0")
    assert site.manager.is_registered(CISCO)


async def test_keepalive_parameter_never_unregisters(sites):
    await sites.start("sanjose")
    phone = await sites.registered(sites["sanjose"], CISCO)
    response = await phone.register(expires=0, is_full=False, contact=f"{phone.contact};expires=0;cisco-keep-alive")
    assert response.status == 200
    assert sites["sanjose"].manager.is_registered(CISCO)


async def test_third_party_phone_proves_itself_by_digest(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], THIRD_PARTY, transport="udp")
    challenged = await phone.register()
    assert challenged.status == 401
    challenge = challenged.get("WWW-Authenticate") or ""
    assert challenge.startswith('Digest realm="ccmsipline", nonce="')
    assert challenge.endswith(", algorithm=MD5")
    response = await phone.register_with_digest("bmiller", "dg-7410")
    assert response.status == 200
    assert response.body == b""
    assert response.to.tag == challenged.to.tag
    assert response.get("Supported") == "X-cisco-sis-9.1.0"
    _, notify, _ = await phone.next("NOTIFY")
    assert (notify.get("Event"), notify.body) == ("message-summary", b"Messages-Waiting: no\r\n")
    assert sites["sanjose"].manager.is_registered(THIRD_PARTY)


async def test_wrong_password_is_challenged_again_and_unknown_user_gets_404(sites):
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], THIRD_PARTY)
    assert (await phone.register_with_digest("bmiller", "wrong")).status == 401
    assert (await phone.register_with_digest("nobody", "dg-7410")).status == 404
    assert not sites["sanjose"].manager.is_registered(THIRD_PARTY)


async def test_a_third_party_phone_may_be_added_while_the_cluster_runs(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    known = next(phone for phone in site.config.phones if phone.name == THIRD_PARTY)
    added = msgspec.structs.replace(known, name="SEP02AA000000F9", digest_user="tdavis")
    await site.reconfigure("phones", phones=(*site.config.phones, added))
    phone = await sites.phone(site, THIRD_PARTY)
    assert (await phone.register_with_digest("tdavis", known.digest_password)).status == 200
    assert site.manager.is_registered("SEP02AA000000F9")


async def test_a_third_party_phone_that_is_deleted_registers_no_more(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.phone(site, THIRD_PARTY)
    await site.reconfigure("phones", phones=tuple(p for p in site.config.phones if p.name != THIRD_PARTY))
    assert (await phone.register_with_digest("bmiller", "dg-7410")).status == 404


async def test_message_summaries_can_be_turned_off(sites):
    sites.set_parameters("sanjose", third_party_message_waiting=False)
    await sites.start("sanjose")
    phone = await sites.phone(sites["sanjose"], THIRD_PARTY)
    assert (await phone.register_with_digest("bmiller", "dg-7410")).status == 200
    assert (await phone.register_with_digest("bmiller", "dg-7410")).status == 200
    assert phone.seen["NOTIFY"] == 0


async def test_orders_a_phone_to_restart_with_three_stamps(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    assert site.manager.reset_device(CISCO, "restart")
    _, notify, _ = await phone.next("NOTIFY")
    assert notify.get("Event") == "service-control"
    assert notify.uri == phone.contact_uri
    order = parse_service_control(notify.body)
    assert (order.action, order.register_call_id) == ("restart", phone.call_id)
    assert order.config_stamp == site.state.device(CISCO).version_stamp
    assert notify.body.count(b"VersionStamp") == 3
    assert not site.manager.reset_device("SEP02AA00000002", "restart")


async def test_a_phone_that_does_not_refresh_is_forgotten(sites, monkeypatch):
    monkeypatch.setattr("emcc_emu.cluster.registrar.EXPIRY_GRACE_S", -119.9)
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.phone(site, CISCO)
    gone = asyncio.get_running_loop().create_future()
    site.manager.on_registration_change = lambda _, is_on: None if is_on else gone.set_result(None)
    assert (await phone.register()).status == 200
    await asyncio.wait_for(gone, 5)
    assert not site.manager.is_registered(CISCO)
    await asyncio.wait_for(phone.lost.get(), 5)


async def test_losing_the_connection_does_not_unregister(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    lost = asyncio.get_running_loop().create_future()
    original = site.manager.registrar.connection_lost
    site.manager.registrar.connection_lost = lambda *a: (original(*a), lost.set_result(None))
    phone.endpoint.close_connection(phone.flow)
    await asyncio.wait_for(lost, 5)
    assert site.manager.is_registered(CISCO)
    assert not site.manager.reset_device(CISCO)
    phone.flow = None
    response = await phone.register()
    assert response.status == 200
    assert site.manager.reset_device(CISCO)


async def test_options_from_registered_phone_200_and_from_stranger_503(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    request = phone.out_of_dialog("OPTIONS", f"sip:{site.address[0]}")
    request.set("Max-Forwards", "0")
    response = await phone.ask(request, site.address)
    assert (response.status, response.body) == (200, b"")
    stranger = Agent(site.ip_of("SEP02AA00000003"))
    await sites.use(stranger)
    assert (await stranger.ask(stranger.out_of_dialog("OPTIONS", f"sip:{site.address[0]}"), site.address)).status == 503


async def test_registers_over_udp_and_moves_with_the_contact(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO, transport="udp")
    assert site.manager.registration(CISCO).transport == "udp"
    again = await sites.registered(site, CISCO, transport="udp")
    assert site.manager.registration(CISCO).address == again.flow.local != phone.flow.local
    assert len(site.manager.registrations()) == 1


async def test_methods_outside_dialogs_get_their_codes(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    uri = f"sip:{site.address[0]}"
    expected = {"SUBSCRIBE": 489, "BYE": 481, "INFO": 481, "UPDATE": 481, "PUBLISH": 405, "FROBNICATE": 501}
    found = {}
    for method in expected:
        headers = (("Event", "presence"), ("Contact", f"<{phone.contact_uri}>"))
        response = await phone.ask(phone.out_of_dialog(method, uri, number="2001", headers=headers), site.address)
        found[method] = response.status
    assert found == expected


async def test_status_tells_who_is_registered(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    status = site.manager.status()
    assert status["registered"] == 1
    assert status["registrations"][0]["device"] == CISCO
    assert status["registrations"][0]["lines"] == ["2001"]
    assert site.manager.registered_addresses() == {phone.ip}
    assert site.manager.unregister_device(CISCO)
    assert site.manager.registrations() == []


async def test_hook_state_reports_are_taken_and_other_events_refused(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    uri = f"sip:2001@{site.address[0]}"
    statuses = []
    for event in ("dialog", "presence"):
        headers = (("Event", event), ("Subscription-State", "active"), ("Contact", f"<{phone.contact_uri}>"))
        statuses.append((await phone.ask(phone.out_of_dialog("NOTIFY", uri, headers=headers), site.address)).status)
    assert statuses == [200, 489]


async def test_softkeys_are_declined_and_other_refers_forbidden(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    found = []
    for content_type in (remotecc.REQUEST_TYPE, remotecc.RESPONSE_TYPE, "text/plain"):
        headers = (("Refer-To", "<cid:1@x>"), ("Content-Type", content_type), ("Contact", f"<{phone.contact_uri}>"))
        refer = phone.out_of_dialog("REFER", f"sip:{site.address[0]}", headers=headers, body=b"x")
        found.append((await phone.ask(refer, site.address)).status)
    assert found == [603, 202, 403]


async def test_a_device_that_was_removed_is_refused_at_its_refresh(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    site.state.device = lambda name: None
    assert (await phone.register(is_full=False)).status == 404
    assert not site.manager.is_registered(CISCO)


async def test_a_failure_inside_is_a_500_and_not_the_end(sites, monkeypatch):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO)
    device = site.state.device
    site.state.device = lambda name: 1 / 0
    assert (await phone.register(is_full=False)).status == 500
    site.state.device = device
    assert (await phone.register(is_full=False)).status == 200


async def test_two_phones_behind_one_socket_are_told_apart_by_their_numbers(sites):
    await sites.start("sanjose")
    site = sites["sanjose"]
    phone = await sites.registered(site, CISCO, transport="udp")
    second = "SEP02AA00000002"
    phone.device_name, phone.number, phone.call_id = second, "2002", "second@test"
    assert (await phone.register()).status == 200
    node = site.manager.nodes["sanjose-pub"]
    for number, name in (("2001", CISCO), ("2002", second)):
        request = phone.out_of_dialog("INVITE", "sip:1@x", number=number, headers=(("Contact", phone.contact),))
        assert site.manager.registrar.book.sender_of(node, request, flow_seen_by(node, phone)).device_name == name
    assert site.manager.unregister_device(CISCO)
    assert site.manager.unregister_device(second)
    assert not site.manager.unregister_device(second)


def flow_seen_by(node, phone):
    """The phone's flow from the other end."""
    return phone.flow._replace(local=(node.ip, node.port), remote=phone.flow.local)
