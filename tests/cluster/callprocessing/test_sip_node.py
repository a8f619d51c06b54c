"""A node answers in the header order of Unified CM, the same whether it builds a response or writes it at once."""

import random

import pytest

from emcc_emu.cluster.sip_identity import NodeIdentity
from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.wire import sip


@pytest.fixture
def node():
    rng = random.Random(1)
    identity = NodeIdentity("192.0.2.10", "12.5", rng)
    return SipNode("pub", SipEndpoint(None, rng=rng), identity, "192.0.2.10", 5060, lambda: 1767225605.0)


def request(*via: str, to: str = "<sip:192.0.2.10>") -> sip.SipRequest:
    lines = [("Via", line) for line in via]
    lines += [("From", "<sip:peer>;tag=9"), ("To", to), ("Call-ID", "c1@192.0.2.1"), ("CSeq", "7 OPTIONS")]
    return sip.SipRequest("OPTIONS", "sip:192.0.2.10", lines)


def test_the_answer_to_a_ping(node):
    written = node.answer(request("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1"), 200, to_tag="42")
    assert written.encode() == (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nFrom: <sip:peer>;tag=9\r\n"
        b"To: <sip:192.0.2.10>;tag=42\r\nDate: Thu, 01 Jan 2026 00:00:05 GMT\r\nCall-ID: c1@192.0.2.1\r\n"
        b"Server: Cisco-CUCM12.5\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("to", ["<sip:192.0.2.10>", "<sip:192.0.2.10>;tag=theirs", "<sip:192.0.2.10>;x=y"])
@pytest.mark.parametrize("status", [200, 403, 503])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"with_server": False},
        {"headers": [("Expires", "120"), ("Contact", "<sip:a@b>")]},
        {"headers": [("Content-Type", "text/plain")], "body": b"caf\xe9"},
    ],
)
def test_built_and_written_responses_are_the_same(node, to, status, options):
    asked = request("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1", "SIP/2.0/TCP 192.0.2.2;branch=z9hG4bK2", to=to)
    assert node.answer(asked, status, **options).encode() == node.reply(asked, status, **options).encode()


def test_trying_has_no_tag(node):
    lines = node.trying(request("SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1")).encode().split(b"\r\n")
    assert lines[0] == b"SIP/2.0 100 Trying"
    assert b"To: <sip:192.0.2.10>" in lines
    assert not any(line.startswith(b"Server") for line in lines)
