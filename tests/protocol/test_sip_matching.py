"""Matching keys, received and rport, and where responses go."""

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_matching import (
    accepted_key,
    client_key,
    invite_key,
    note_source,
    reconnect_address,
    server_key,
)
from emcc_emu.wire.sip import SipRequest, build_response

UDP = Flow("udp", ("192.0.2.1", 5060), ("192.0.2.2", 7000))
TCP = Flow("tcp", ("192.0.2.1", 5060), ("192.0.2.2", 7000), 3)


def request(via="SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK1", method="INVITE", **changes):
    headers = {
        "Via": via,
        "From": "<sip:a@example.test>;tag=1",
        "To": "<sip:b@example.test>",
        "Call-ID": "c",
        "CSeq": f"1 {method}",
        **changes,
    }
    return SipRequest(method, "sip:b@example.test", headers.items())


def test_a_copy_and_the_ack_have_the_key_of_the_invite():
    assert server_key(request()) == server_key(request()) == server_key(request(method="ACK"))
    assert invite_key(server_key(request(method="CANCEL"))) == server_key(request())


@pytest.mark.parametrize(
    "other",
    [
        request("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bK2"),
        request("SIP/2.0/UDP 192.0.2.3:5060;branch=z9hG4bK1"),
        request("SIP/2.0/UDP 192.0.2.2:5070;branch=z9hG4bK1"),
        request(method="CANCEL"),
    ],
    ids=["branch", "host", "port", "method"],
)
def test_branch_sent_by_and_method_tell_requests_apart(other):
    assert server_key(request()) != server_key(other)


def test_a_missing_port_is_the_default_port():
    assert server_key(request("SIP/2.0/UDP 192.0.2.2;branch=z9hG4bK1")) == server_key(request())
    tls = "SIP/2.0/TLS 192.0.2.2{};branch=z9hG4bK1"
    assert server_key(request(tls.format(""))) == server_key(request(tls.format(":5061")))


@pytest.mark.parametrize("branch", ["", ";branch=1", ";branch=z9hG4bK"])
def test_without_a_cookie_the_rules_of_rfc_2543_hold(branch):
    via = f"SIP/2.0/UDP 192.0.2.2{branch}"
    assert server_key(request(via)) == server_key(request(via, method="ACK", To="<sip:b@example.test>;tag=2"))
    for change in ({"Call-ID": "d"}, {"From": "<sip:a@example.test>;tag=2"}, {"CSeq": "2 INVITE"}):
        assert server_key(request(via)) != server_key(request(via, **change))


def test_without_what_is_compared_there_is_no_key():
    with pytest.raises(SipInvalid):
        server_key(request("SIP/2.0/UDP 192.0.2.2", CSeq="nonsense"))


def test_the_ack_of_a_2xx_has_the_accepted_key_of_its_invite():
    ack = request("SIP/2.0/UDP 192.0.2.2:5060;branch=z9hG4bKother", method="ACK")
    assert accepted_key(ack) == accepted_key(request())


@pytest.mark.parametrize(
    ("via", "written", "remote"),
    [
        ("192.0.2.2:7000;branch=z9hG4bK1", "192.0.2.2:7000;branch=z9hG4bK1", ("192.0.2.2", 7000)),
        ("192.0.2.2;branch=z9hG4bK1", "192.0.2.2;branch=z9hG4bK1", ("192.0.2.2", 5060)),
        ("192.0.2.2:5080;branch=z9hG4bK1", "192.0.2.2:5080;branch=z9hG4bK1", ("192.0.2.2", 5080)),
        ("host.example.test:5080;branch=z9hG4bK1", None, ("192.0.2.2", 5080)),
        ("192.0.2.9;branch=z9hG4bK1;received=203.0.113.9", None, ("192.0.2.2", 5060)),
        ("192.0.2.2;branch=z9hG4bK1;received=203.0.113.9", None, ("192.0.2.2", 5060)),
        ("192.0.2.9;rport;branch=z9hG4bK1", None, ("192.0.2.2", 7000)),
        ("192.0.2.2;maddr=192.0.2.8;branch=z9hG4bK1", None, ("192.0.2.8", 5060)),
        ("192.0.2.2;maddr=nowhere.example.test;branch=z9hG4bK1", None, ("192.0.2.2", 5060)),
        ("192.0.2.2;maddr;branch=z9hG4bK1", None, ("192.0.2.2", 5060)),
    ],
)
def test_responses_over_udp_go_where_the_via_says(via, written, remote):
    received = request(f"SIP/2.0/UDP {via}")
    assert note_source(received, UDP) == UDP._replace(remote=remote)
    if written is not None:
        assert received.get("Via") == f"SIP/2.0/UDP {written}"


def test_a_foreign_sent_by_gets_received():
    received = request("SIP/2.0/UDP host.example.test;branch=z9hG4bK1")
    note_source(received, UDP)
    assert received.via.params == {"branch": "z9hG4bK1", "received": "192.0.2.2"}


def test_asking_for_rport_gives_both_even_when_sent_by_is_right():
    received = request("SIP/2.0/UDP 192.0.2.2:5060;rport;branch=z9hG4bK1")
    note_source(received, UDP)
    assert (received.via.params["rport"], received.via.params["received"]) == ("7000", "192.0.2.2")


def test_responses_on_a_stream_take_the_same_connection():
    assert note_source(request("SIP/2.0/TCP host.example.test;branch=z9hG4bK1"), TCP) is TCP


@pytest.mark.parametrize(
    ("via", "port"), [("TCP 192.0.2.2:5080", 5080), ("TCP 192.0.2.2", 5060), ("TLS 192.0.2.2", 5061)]
)
def test_a_lost_connection_is_replaced_by_one_to_sent_by(via, port):
    response = build_response(request(f"SIP/2.0/{via};branch=z9hG4bK1"), 200)
    assert reconnect_address(response, TCP) == ("192.0.2.2", port)


def test_a_response_has_the_key_of_its_request():
    sent = request()
    response = build_response(sent, 200)
    assert client_key(sent.via.branch, "INVITE") == client_key(response.via.branch, response.cseq.method)
    assert client_key(sent.via.branch, "INVITE") != client_key(sent.via.branch, "CANCEL")
