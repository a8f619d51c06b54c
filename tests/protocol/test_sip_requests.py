"""Via values and the requests that a transaction derives."""

import pytest

from emcc_emu.protocol.sip_requests import ack_of_refusal, cancel_of, format_host, via_value
from emcc_emu.wire.sip import SipRequest, build_response

INVITE = SipRequest(
    "INVITE",
    "sip:bob@example.test",
    [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb"),
        ("Route", "<sip:p1.example.test;lr>"),
        ("Route", "<sip:p2.example.test;lr>"),
        ("From", "<sip:a@example.test>;tag=1"),
        ("To", "<sip:b@example.test>"),
        ("Call-ID", "c"),
        ("CSeq", "7 INVITE"),
        ("Require", "100rel"),
    ],
    b"body",
)


@pytest.mark.parametrize(
    ("host", "written"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "[2001:db8::1]"), ("[2001:db8::1]", "[2001:db8::1]")],
)
def test_ipv6_hosts_are_bracketed(host, written):
    assert format_host(host) == written


def test_via_names_transport_sender_and_branch():
    assert via_value("tcp", ("192.0.2.1", 5060), "z9hG4bKx") == "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKx"


def test_cancel_copies_what_identifies_the_invite_and_nothing_else():
    cancel = cancel_of(INVITE)
    assert list(cancel.headers) == [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa"),
        ("From", "<sip:a@example.test>;tag=1"),
        ("To", "<sip:b@example.test>"),
        ("Call-ID", "c"),
        ("CSeq", "7 CANCEL"),
        ("Max-Forwards", "70"),
        ("Route", "<sip:p1.example.test;lr>"),
        ("Route", "<sip:p2.example.test;lr>"),
    ]
    assert (cancel.uri, cancel.body) == (INVITE.uri, b"")


def test_the_ack_of_a_refusal_takes_to_from_the_response():
    ack = ack_of_refusal(INVITE, build_response(INVITE, 404, to_tag="9"))
    assert (ack.method, ack.get("To"), ack.get("CSeq")) == ("ACK", "<sip:b@example.test>;tag=9", "7 ACK")
