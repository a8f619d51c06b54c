"""Cutting streams into messages."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emcc_emu.errors import SipUnparsable
from emcc_emu.wire.sip_framer import StreamFramer
from emcc_emu.wire.sip_parse import MAX_LINE_CHARS, MAX_MESSAGE_BYTES


def message(body: bytes = b"", length: bytes | None = None, name: bytes = b"Content-Length") -> bytes:
    declared = str(len(body)).encode() if length is None else length
    return b"INVITE sip:a@b SIP/2.0\r\nTo: x\r\n%b: %b\r\n\r\n%b" % (name, declared, body)


ONE, TWO = message(b"v=0\r\n\r\nx"), message(name=b"l ")


def feed_all(framer: StreamFramer, chunks: list[bytes]) -> tuple[list[bytes], str | None]:
    messages: list[bytes] = []
    for chunk in chunks:
        try:
            messages += framer.feed(chunk)
        except SipUnparsable:
            break
    return messages, framer.lost


def test_several_messages_in_one_segment():
    assert StreamFramer().feed(ONE + TWO + ONE[:10]) == [ONE, TWO]


def test_message_in_many_segments():
    framer = StreamFramer()
    assert framer.feed(ONE[:30]) == []
    assert framer.has_partial_message
    assert framer.feed(ONE[30:-1]) == []
    assert framer.feed(ONE[-1:]) == [ONE]
    assert not framer.has_partial_message


def test_missing_content_length_counts_as_zero():
    bare = b"OPTIONS sip:a SIP/2.0\r\nTo: x\r\n\r\n"
    assert StreamFramer().feed(bare + ONE) == [bare, ONE]


def test_folded_content_length():
    folded = message(b"abc", b"\r\n  3")
    assert StreamFramer().feed(folded) == [folded]


@pytest.mark.parametrize(
    ("data", "pings"), [(b"\r\n\r\n", 1), (b"\r\n", 0), (b"\r\n\r\n\r\n\r\n", 2), (b"\r\n\r\n" + ONE, 1)]
)
def test_keepalives_are_counted_however_they_are_split(data, pings):
    whole, bytewise = StreamFramer(), StreamFramer()
    whole.feed(data)
    for i in range(len(data)):
        bytewise.feed(data[i : i + 1])
    assert whole.pings == bytewise.pings == pings


def test_half_a_keepalive_before_a_message_does_not_count_later():
    framer = StreamFramer()
    framer.feed(b"\r\n" + TWO + b"\r\n")
    assert framer.pings == 0


@pytest.mark.parametrize(
    ("length", "reason"),
    [(b"-1", "bad"), (b"abc", "bad"), (b"", "bad"), (b"5\r\nl: 6", "bad"), (b"9" * 40, "bad"), (b"70000", "longer")],
)
def test_unknowable_length_delivers_the_head_and_ends_the_stream(length, reason):
    framer = StreamFramer()
    head = message(length=length)
    assert framer.feed(ONE + head + b"garbage") == [ONE, head]
    assert framer.lost is not None and reason in framer.lost
    with pytest.raises(SipUnparsable, match=reason):
        framer.feed(ONE)


def test_same_length_twice_is_no_conflict():
    twice = message(b"abc", b"3\r\nl: 3")
    assert StreamFramer().feed(twice) == [twice]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"x" * (MAX_LINE_CHARS + 1),
        b"A sip:a SIP/2.0\r\n" + b"X: y\r\n" * (MAX_MESSAGE_BYTES // 6),
    ],
)
def test_lost_stream_raises(data):
    with pytest.raises(SipUnparsable):
        StreamFramer().feed(data)


def test_message_before_the_garbage_is_still_delivered():
    framer = StreamFramer()
    assert framer.feed(ONE + b"garbage\r\n\r\n") == [ONE]
    assert framer.lost
    with pytest.raises(SipUnparsable):
        framer.feed(b"")


def test_bound_can_be_lowered():
    framer = StreamFramer(max_message_bytes=200)
    assert framer.feed(message(b"x" * 300))[0].endswith(b"\r\n\r\n")
    assert framer.lost


SEGMENTS = st.lists(
    st.sampled_from(
        [ONE, TWO, b"\r\n\r\n", b"\r\n", message(b"ab", b"9"), message(length=b"-1"), b"junk\r\n\r\n", b"\r"]
    ),
    max_size=6,
)


@settings(max_examples=200)
@given(SEGMENTS, st.lists(st.integers(0, 600), max_size=8))
def test_any_split_gives_the_same_messages(segments, cuts):
    data = b"".join(segments)
    places = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    whole, split, bytewise = StreamFramer(), StreamFramer(), StreamFramer()
    expected = feed_all(whole, [data])
    chunks = [data[a:b] for a, b in itertools.pairwise(places)]
    assert feed_all(split, chunks) == expected
    assert feed_all(bytewise, [data[i : i + 1] for i in range(len(data))]) == expected
    assert whole.pings == split.pings == bytewise.pings
