"""What a phone offers and answers."""

from __future__ import annotations

import pytest

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sdp import parse_sdp
from phones.media import agreed_codec, audio_address, build_answer, build_offer, is_held

OFFER = """v=0
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


def description(*media: str) -> bytes:
    lines = ["v=0", "o=x 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", *media]
    return ("\r\n".join(lines) + "\r\n").encode()


def answer(*media: str) -> list[str]:
    answered = build_answer(description(*media), "203.0.113.101", 20002, 0, 7).decode().splitlines()
    return answered[4:]


def test_offers_as_a_7800_does() -> None:
    offer = build_offer("203.0.113.101", 20002, 0, 22437)
    assert offer == OFFER.replace("\n", "\r\n").encode()


def test_answers_the_first_codec_that_it_knows_and_telephone_events() -> None:
    assert answer(
        "m=audio 4000 RTP/AVP 96 18 0 97", "a=rtpmap:96 opus/48000/2", "a=rtpmap:97 telephone-event/8000"
    ) == [
        "m=audio 20002 RTP/AVP 18 97",
        "c=IN IP4 203.0.113.101",
        "a=rtpmap:18 G729/8000",
        "a=fmtp:18 annexb=no",
        "a=rtpmap:97 telephone-event/8000",
        "a=sendrecv",
    ]


@pytest.mark.parametrize(
    ("offered", "answered"),
    [("sendrecv", "sendrecv"), ("sendonly", "recvonly"), ("recvonly", "sendonly"), ("inactive", "inactive")],
)
def test_answers_the_direction(offered: str, answered: str) -> None:
    assert answer("m=audio 4000 RTP/AVP 0", f"a={offered}")[-1] == f"a={answered}"


def test_refuses_every_other_medium_and_keeps_their_places() -> None:
    lines = answer("m=video 6000 RTP/AVP 97 98", "a=rtpmap:97 H264/90000", "m=audio 4000 RTP/AVP 0")
    assert lines[0] == "m=video 0 RTP/AVP 97"
    assert lines[1] == "m=audio 20002 RTP/AVP 0"


@pytest.mark.parametrize(
    "media", ["m=audio 4000 RTP/AVP 3", "m=audio 0 RTP/AVP 0", "m=video 4000 RTP/AVP 34", "m=audio 4000 RTP/SAVP 0"]
)
def test_says_when_there_is_nothing_to_use(media: str) -> None:
    with pytest.raises(SipInvalid) as caught:
        answer(media)
    assert caught.value.status == 488
    assert caught.value.headers[0][0] == "Warning"


def test_a_broken_offer_is_a_bad_request() -> None:
    with pytest.raises(SipInvalid) as caught:
        build_answer(b"v=0\r\nhello", "203.0.113.101", 20002, 0, 7)
    assert caught.value.status == 400


def test_finds_address_and_codec_of_the_far_end() -> None:
    ours = build_offer("203.0.113.101", 20002, 0, 1)
    theirs = description("m=audio 4000 RTP/AVP 101 18", "a=rtpmap:101 telephone-event/8000")
    assert audio_address(theirs) == ("192.0.2.9", 4000)
    assert agreed_codec(ours, theirs) == "G729"
    assert agreed_codec(ours, description("m=audio 4000 RTP/AVP 3")) == ""
    assert audio_address(description("m=audio 0 RTP/AVP 0")) is None


@pytest.mark.parametrize("unreadable", [b"", b"rubbish", description("m=video 4000 RTP/AVP 34")])
def test_a_description_without_audio_says_nothing(unreadable: bytes) -> None:
    assert audio_address(unreadable) is None
    assert agreed_codec(build_offer("203.0.113.101", 20002, 0, 1), unreadable) == ""
    assert not is_held(unreadable)


@pytest.mark.parametrize(
    ("lines", "held"),
    [
        (["m=audio 4000 RTP/AVP 0", "a=sendonly"], True),
        (["m=audio 4000 RTP/AVP 0", "a=inactive"], True),
        (["m=audio 4000 RTP/AVP 0", "c=IN IP4 0.0.0.0"], True),
        (["m=audio 4000 RTP/AVP 0", "a=recvonly"], False),
        (["m=audio 4000 RTP/AVP 0"], False),
    ],
)
def test_knows_every_form_of_hold(lines: list[str], held: bool) -> None:
    assert is_held(description(*lines)) is held


def test_its_own_answer_can_be_read_by_the_offerer() -> None:
    offer = build_offer("203.0.113.101", 20002, 0, 1)
    answered = build_answer(offer, "203.0.113.102", 20004, 0, 2)
    assert [codec.name for codec in parse_sdp(answered).media[0].codecs] == ["G722", "telephone-event"]
