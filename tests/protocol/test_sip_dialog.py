"""Dialogs: what each end builds, route sets, CSeq, remote target."""

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_dialog import Dialog, DialogId, dialog_id
from emcc_emu.wire.sip import SipRequest, build_response


def invite(**changes):
    headers = {
        "Via": "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK1",
        "From": '"Alice" <sip:1001@192.0.2.1>;tag=alice',
        "To": "<sip:2001@192.0.2.2>",
        "Call-ID": "call@192.0.2.1",
        "CSeq": "101 INVITE",
        "Contact": "<sip:1001@192.0.2.1:40000;transport=tcp>",
        **changes,
    }
    return SipRequest("INVITE", "sip:2001@192.0.2.2", [(name, value) for name, value in headers.items() if value])


def both_ends(status=200, headers=(), **changes):
    request = invite(**changes)
    callee = Dialog.from_request(request, "bob")
    contact = ("Contact", "<sip:2001@192.0.2.2:50000>")
    response = build_response(
        request, status, to_tag="bob", headers=[contact, *callee.response_headers(request), *headers]
    )
    return Dialog.from_response(request, response), callee, response


def test_both_ends_agree_on_the_dialog():
    caller, callee, response = both_ends()
    assert caller.id == DialogId("call@192.0.2.1", "alice", "bob") == dialog_id(response)
    assert callee.id == DialogId("call@192.0.2.1", "bob", "alice")
    assert caller.is_uac
    assert caller.is_confirmed
    assert not callee.is_uac
    assert not callee.is_confirmed
    callee.confirm()
    assert callee.is_confirmed


def test_each_end_finds_the_dialog_of_what_it_receives():
    caller, callee, _ = both_ends()
    assert dialog_id(caller.request("BYE")) == callee.id
    assert dialog_id(callee.request("BYE")) == caller.id
    assert dialog_id(invite()) is None


def test_requests_of_the_caller():
    caller, _, _ = both_ends()
    bye = caller.request("BYE", [("Reason", "Q.850;cause=16")])
    assert bye.uri == "sip:2001@192.0.2.2:50000"
    assert list(bye.headers) == [
        ("From", '"Alice" <sip:1001@192.0.2.1>;tag=alice'),
        ("To", "<sip:2001@192.0.2.2>;tag=bob"),
        ("Call-ID", "call@192.0.2.1"),
        ("CSeq", "102 BYE"),
        ("Max-Forwards", "70"),
        ("Reason", "Q.850;cause=16"),
    ]


def test_requests_of_the_callee_start_its_own_numbers():
    _, callee, _ = both_ends()
    bye = callee.request("INFO", body=b"x", max_forwards=10)
    assert (bye.get("CSeq"), bye.get("Max-Forwards"), bye.body) == ("101 INFO", "10", b"x")
    assert bye.get("To") == '"Alice" <sip:1001@192.0.2.1>;tag=alice'
    assert bye.uri == "sip:1001@192.0.2.1:40000;transport=tcp"
    assert callee.request("BYE").get("CSeq") == "102 BYE"


def test_the_ack_has_the_number_of_its_invite():
    caller, _, _ = both_ends()
    caller.request("INFO")
    assert caller.ack(101).get("CSeq") == "101 ACK"
    assert caller.request("BYE").get("CSeq") == "103 BYE"


def test_loose_routes_are_reversed_for_the_caller():
    routes = "<sip:p1.example.test;lr>, <sip:p2.example.test;lr=on;ftag=a>"
    caller, callee, _ = both_ends(**{"Record-Route": routes})
    bye = caller.request("BYE")
    assert bye.uri == "sip:2001@192.0.2.2:50000"
    assert bye.headers.lines("Route") == ["<sip:p2.example.test;lr=on;ftag=a>", "<sip:p1.example.test;lr>"]
    assert callee.request("BYE").headers.lines("Route") == [
        "<sip:p1.example.test;lr>",
        "<sip:p2.example.test;lr=on;ftag=a>",
    ]


def test_a_strict_router_gets_itself_as_request_uri():
    _, callee, _ = both_ends(**{"Record-Route": "<sip:strict.example.test>, <sip:p2.example.test;lr>"})
    bye = callee.request("BYE")
    assert bye.uri == "sip:strict.example.test"
    assert bye.headers.lines("Route") == [
        "<sip:p2.example.test;lr>",
        "<sip:1001@192.0.2.1:40000;transport=tcp>",
    ]


def test_a_2xx_confirms_an_early_dialog_and_settles_its_routes():
    caller, _, early = both_ends(status=180)
    assert not caller.is_confirmed
    assert caller.route_set == ()
    early.headers.add("Record-Route", "<sip:p1.example.test;lr>")
    early.set("Contact", "<sip:elsewhere@192.0.2.3>")
    caller.confirm(early)
    assert caller.is_confirmed
    assert caller.route_set == ("<sip:p1.example.test;lr>",)
    assert caller.remote_target == "sip:elsewhere@192.0.2.3"
    early.set("Record-Route", "<sip:p9.example.test;lr>")
    caller.confirm(early)
    assert caller.route_set == ("<sip:p1.example.test;lr>",)


def test_numbers_of_the_peer_must_rise_and_may_jump():
    caller, callee, _ = both_ends()
    callee.accept(caller.request("INFO"))
    late = caller.request("INFO")
    caller.local_cseq = 500
    callee.accept(caller.request("INFO"))
    for wrong in (late, late):
        with pytest.raises(SipInvalid) as refused:
            callee.accept(wrong)
        assert refused.value.status == 500
    caller.accept(callee.request("INFO"))
    assert (callee.remote_cseq, caller.remote_cseq) == (501, 101)


@pytest.mark.parametrize(("method", "moves"), [("INVITE", True), ("UPDATE", True), ("NOTIFY", True), ("INFO", False)])
def test_only_target_refresh_requests_move_the_target(method, moves):
    caller, callee, _ = both_ends()
    before = callee.remote_target
    callee.accept(caller.request(method, [("Contact", "<sip:moved@192.0.2.7>")]))
    assert callee.remote_target == ("sip:moved@192.0.2.7" if moves else before)


def test_a_dialog_cannot_be_made_without_contact():
    with pytest.raises(SipInvalid, match="Contact"):
        Dialog.from_request(invite(Contact=None), "bob")


def test_a_2xx_without_contact_leaves_the_request_uri_as_target():
    request = invite()
    dialog = Dialog.from_response(request, build_response(request, 200, to_tag="bob"))
    assert dialog.remote_target == request.uri


def test_an_old_peer_without_tags_has_an_empty_one():
    request = invite(From="<sip:1001@192.0.2.1>")
    dialog = Dialog.from_request(request, "bob")
    assert dialog.remote_tag == ""
    assert dialog.request("BYE").get("To") == "<sip:1001@192.0.2.1>"
