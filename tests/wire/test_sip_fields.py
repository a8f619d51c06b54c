"""Via and CSeq."""

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_fields import CSeq, Via, parse_cseq, parse_via


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0/TCP 198.51.100.10:5060;branch=z9hG4bK1300ab12cd",
        "SIP/2.0/UDP host.example.test;rport;branch=z9hG4bKa;received=192.0.2.1",
        "SIP/2.0/TLS [2001:db8::1]:5061;branch=z9hG4bKa",
        "SIP/2.0/UNKNOWN h",
        "SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw",
    ],
)
def test_via_is_written_as_it_was_read(text):
    assert str(parse_via(text)) == text


def test_via_parts():
    via = parse_via("SIP/2.0/UDP h:5070;Branch=z9hG4bKa;rport;received=192.0.2.9")
    assert (via.transport, via.host, via.port, via.branch, via.received) == ("UDP", "h", 5070, "z9hG4bKa", "192.0.2.9")
    assert via.params["rport"] is None


def test_via_with_white_space_everywhere():
    via = parse_via("SIP  /    2.0   / UDP  192.168.255.111   ; branch=\t z9hG4bK30239 ;;")
    assert via == Via("UDP", "192.168.255.111", None, {"branch": "z9hG4bK30239"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/ h",
        "HTTP/1.1 h",
        "SIP/2.0/U(P h",
        "SIP/2.0/UDP h:x",
        "SIP/2.0 / U<P h",
    ],
)
def test_bad_via(text):
    with pytest.raises(SipInvalid) as refused:
        parse_via(text)
    assert refused.value.status == 400


def test_cseq():
    assert parse_cseq(" 0009   INVITE ") == CSeq(9, "INVITE")
    assert str(CSeq(101, "OPTIONS")) == "101 OPTIONS"
    assert parse_cseq("2147483647 X-1.2").method == "X-1.2"


@pytest.mark.parametrize(
    "text", ["", "101", "OPTIONS 101", "1 2 3", "-1 INVITE", "2147483648 INVITE", "1 IN(VITE", "1 ÄÖ"]
)
def test_bad_cseq(text):
    with pytest.raises(SipInvalid):
        parse_cseq(text)
