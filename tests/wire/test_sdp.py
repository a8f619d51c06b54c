"""Session descriptions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sdp

CUCM_ANSWER = (
    b"v=0\r\no=CiscoSystemsCCM-SIP 88122 1 IN IP4 198.51.100.10\r\ns=SIP Call\r\n"
    b"c=IN IP4 198.51.100.102\r\nb=TIAS:8000\r\nb=AS:24\r\nt=0 0\r\nm=audio 20010 RTP/AVP 18 101\r\n"
    b"a=rtpmap:18 G729/8000\r\n"
    b"a=ptime:20\r\na=fmtp:18 annexb=no\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
PHONE_OFFER = b"""v=0
o=Cisco-SIPUA 22437 0 IN IP4 203.0.113.101
s=SIP Call
t=0 0
m=audio 20002 RTP/AVP 9 0 8 18 101
c=IN IP4 203.0.113.101
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:18 G729/8000
a=fmtp:18 annexb=no
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=sendrecv
"""


def test_cucm_answer_is_written_as_it_was_read():
    assert sdp.parse_sdp(CUCM_ANSWER).encode() == CUCM_ANSWER


def test_phone_offer_with_bare_line_feeds():
    offer = sdp.parse_sdp(PHONE_OFFER)
    assert offer.encode() == PHONE_OFFER.replace(b"\n", b"\r\n")
    audio = offer.audio
    assert audio is not None
    assert [(codec.payload_type, codec.name) for codec in audio.codecs] == [
        (9, "G722"),
        (0, "PCMU"),
        (8, "PCMA"),
        (18, "G729"),
        (101, "telephone-event"),
    ]
    assert audio.codecs[3].fmtp == "annexb=no"
    assert [codec.is_telephone_event for codec in audio.codecs] == [False, False, False, False, True]
    assert (offer.address, offer.address_of(audio), offer.direction_of(audio)) == (None, "203.0.113.101", "sendrecv")


def test_description_is_built():
    description = sdp.SessionDescription(
        sdp.Origin("CiscoSystemsCCM-SIP", "88122", 1, "198.51.100.10"),
        address="198.51.100.102",
        bandwidths=[("TIAS", 8000), ("AS", 24)],
    )
    media = sdp.Media("audio", 20010)
    media.set_codecs(
        [sdp.Codec(18, "G729", 8000, fmtp="annexb=no"), sdp.Codec(101, "telephone-event", 8000, fmtp="0-15")],
        ptime_ms=20,
    )
    description.media.append(media)
    parsed = sdp.parse_sdp(description.encode())
    assert parsed == description
    assert parsed.encode() == CUCM_ANSWER


def test_static_payloads_need_no_rtpmap():
    media = sdp.Media(
        "audio",
        1,
        formats=["0", "18", "96", "telephony", "200", "8"],
        attributes=[("rtpmap", "8 X"), ("rtpmap", "97"), ("rtpmap", "x y")],
    )
    assert [(codec.name, codec.clock_rate_hz) for codec in media.codecs] == [
        ("PCMU", 8000),
        ("G729", 8000),
        ("PCMA", 8000),
    ]


def test_channels():
    media = sdp.Media(
        "audio", 1, formats=["96", "97"], attributes=[("rtpmap", "96 opus/48000/2"), ("rtpmap", "97 L16/16000/99")]
    )
    assert [codec.channels for codec in media.codecs] == [2, 1]
    media.set_codecs(media.codecs)
    assert media.attributes[0] == ("rtpmap", "96 opus/48000/2")


def test_attributes_are_replaced_in_place():
    media = sdp.Media("audio", 1, attributes=[("x", "1"), ("ptime", "20"), ("x", None)])
    media.set_attribute("x", "2")
    assert media.attributes == [("x", "2"), ("ptime", "20")]
    assert (media.attribute("ptime"), media.attribute("none")) == ("20", None)
    media.set_attribute("flag")
    assert media.attribute("flag") == ""


@pytest.mark.parametrize(
    ("lines", "direction", "is_hold"),
    [
        (b"", "sendrecv", False),
        (b"a=sendonly\r\n", "sendonly", True),
        (b"a=recvonly\r\n", "recvonly", False),
        (b"a=inactive\r\n", "inactive", True),
        (b"c=IN IP4 0.0.0.0\r\n", "sendrecv", True),
    ],
)
def test_hold(lines, direction, is_hold):
    description = sdp.parse_sdp(
        b"v=0\r\no=a 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n" + lines
    )
    assert description.audio is not None
    assert (description.direction_of(description.audio), description.is_hold(description.audio)) == (direction, is_hold)


def test_direction_of_the_session_and_of_the_medium():
    description = sdp.parse_sdp(
        b"v=0\no=a 1 1 IN IP4 h\na=sendonly\nm=audio 1 RTP/AVP 0\nm=video 0 RTP/AVP 31\na=inactive\n"
    )
    audio, video = description.media
    assert (description.direction_of(audio), description.direction_of(video)) == ("sendonly", "inactive")
    audio.direction = "recvonly"
    assert audio.direction == "recvonly"
    audio.direction = "sendrecv"
    assert [name for name, _ in audio.attributes] == ["sendrecv"]


def test_directions_are_reversed():
    assert [sdp.reverse_direction(name) for name in sdp.DIRECTIONS] == ["sendrecv", "recvonly", "sendonly", "inactive"]


def test_crypto_lines_lose_lifetime_and_stay_out_of_reprs():
    media = sdp.Media(
        "audio",
        1,
        attributes=[
            ("crypto", "1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0|2^20|1:4"),
            ("crypto", "x y"),
            ("crypto", None),
            ("crypto", "2 S other:k"),
        ],
    )
    (crypto,) = media.cryptos
    assert (crypto.tag, crypto.suite, crypto.inline) == (1, "AES_CM_128_HMAC_SHA1_80", "c2VjcmV0")
    assert "c2VjcmV0" not in repr(crypto)


def test_unknown_lines_are_skipped_and_missing_ones_forgiven():
    description = sdp.parse_sdp(
        b"v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ni=x\r\ngarbage\r\nt=\r\nb=X:y\r\na=\r\n"
        b"m=audio 4000/2 RTP/SAVP\r\nc=IN IP4 233.0.0.1/127\r\ns=late\r\n"
    )
    assert description.encode() == (
        b"v=0\r\no=- 1 2 IN IP6 2001:db8::1\r\ns=\r\nt=0 0\r\nm=audio 4000/2 RTP/SAVP\r\nc=IN IP4 233.0.0.1\r\n"
    )


def test_no_audio():
    assert sdp.parse_sdp(b"v=0\no=a 1 1 IN IP4 h\nm=video 0 RTP/AVP 31\n").audio is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"o=a 1 1 IN IP4 h\nm=audio 1 RTP/AVP 0\n",
        b"v=1\no=a 1 1 IN IP4 h\nm=audio 1 RTP/AVP 0\n",
        b"v=0\nm=audio 1 RTP/AVP 0\n",
        b"v=0\no=a 1 1 IN IP4 h\n",
        b"v=0\no=a 1 x IN IP4 h\nm=audio 1 RTP/AVP 0\n",
        b"v=0\no=a 1\nm=audio 1 RTP/AVP 0\n",
        b"v=0\no=a 1 1 IN IP4 h\nm=audio\n",
        b"v=0\no=a 1 1 IN IP4 h\nm=audio 70000 RTP/AVP 0\n",
        b"v=0\no=a 1 1 IN IP4 h\nm=audio 1/x RTP/AVP 0\n",
        b"v=0\no=a 1 1 IN IP4 h\nc=IN IP9 h\nm=audio 1 RTP/AVP 0\n",
        b"v=0\n" + b"a=x\n" * 2000,
        b"v=0\no=a 1 1 IN IP4 h\n" + b"m=audio 1 RTP/AVP 0\n" * 40,
        b"v=0" + b" " * 40000,
    ],
)
def test_what_is_no_session_description(body):
    with pytest.raises(SipInvalid) as refused:
        sdp.parse_sdp(body)
    assert refused.value.status == 400


LINES = st.lists(
    st.sampled_from(
        [
            b"v=0",
            b"o=a 1 1 IN IP4 h",
            b"m=audio 1 RTP/AVP 0 96",
            b"a=rtpmap:96 x/8000",
            b"c=IN IP4 h",
            b"a=x",
            b"b=AS:1",
            b"\xff=\xff",
        ]
    )
    | st.binary(max_size=12),
    max_size=12,
)


@given(LINES)
def test_any_body_parses_or_raises_our_error_and_writing_is_stable(lines):
    try:
        description = sdp.parse_sdp(b"\r\n".join(lines))
    except SipInvalid:
        return
    once = description.encode()
    assert sdp.parse_sdp(once).encode() == once
    for media in description.media:
        assert media.codecs is not None and media.cryptos is not None
