"""TFTP packets are byte-exact, and whatever arrives is either a packet or our error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import TftpRefused
from emcc_emu.wire.tftp import (
    MAX_FILENAME_CHARACTERS,
    Ack,
    Data,
    ErrorCode,
    ErrorPacket,
    OptionAck,
    Packet,
    ReadRequest,
    WriteRequest,
    check_filename,
    decode_netascii,
    encode_netascii,
    parse_packet,
)

GOLDEN: list[tuple[Packet, bytes]] = [
    (ReadRequest("SEP001122334455.cnf.xml.sgn", "octet"), b"\x00\x01SEP001122334455.cnf.xml.sgn\x00octet\x00"),
    (
        ReadRequest("a", "octet", (("blksize", "1428"), ("tsize", "0"))),
        b"\x00\x01a\x00octet\x00blksize\x001428\x00tsize\x000\x00",
    ),
    (WriteRequest("a", "netascii"), b"\x00\x02a\x00netascii\x00"),
    (Data(1, b"<device/>"), b"\x00\x03\x00\x01<device/>"),
    (Data(65535, b""), b"\x00\x03\xff\xff"),
    (Ack(258), b"\x00\x04\x01\x02"),
    (ErrorPacket(1, "File not found"), b"\x00\x05\x00\x01File not found\x00"),
    (OptionAck((("windowsize", "4"), ("timeout", "2"))), b"\x00\x06windowsize\x004\x00timeout\x002\x00"),
]


@pytest.mark.parametrize(("packet", "datagram"), GOLDEN)
def test_packets_have_exactly_these_bytes(packet: Packet, datagram: bytes) -> None:
    assert packet.encode() == datagram
    assert parse_packet(datagram) == packet


def test_names_of_options_and_the_mode_are_read_in_any_case() -> None:
    parsed = parse_packet(b"\x00\x01a\x00OcTeT\x00BlkSize\x00512\x00")
    assert parsed == ReadRequest("a", "octet", (("blksize", "512"),))


def test_the_first_of_a_repeated_option_counts() -> None:
    assert parse_packet(b"\x00\x06a\x001\x00A\x002\x00") == OptionAck((("a", "1"),))


def test_an_option_without_value_or_name_is_left_out() -> None:
    assert parse_packet(b"\x00\x01f\x00octet\x00\x001\x00blksize\x00") == ReadRequest("f", "octet")


def test_the_last_string_may_lack_its_nul() -> None:
    assert parse_packet(b"\x00\x01f\x00octet") == ReadRequest("f", "octet")
    assert parse_packet(b"\x00\x05\x00\x02Denied") == ErrorPacket(2, "Denied")
    assert parse_packet(b"\x00\x05\x00\x02") == ErrorPacket(2, "")


def test_an_option_value_of_any_form_is_kept_for_the_negotiation() -> None:
    parsed = parse_packet(b"\x00\x01f\x00octet\x00timeout\x003.0\x00")
    assert parsed == ReadRequest("f", "octet", (("timeout", "3.0"),))


def test_a_name_that_is_no_utf8_survives_the_round_trip() -> None:
    datagram = b"\x00\x01\xff\xfe\x00octet\x00"
    assert parse_packet(datagram).encode() == datagram


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\x00",
        b"\x00\x01",
        b"\x00\x04\x00",
        b"\x00\x04\x00\x01\x00",
        b"\x00\x00\x00\x00",
        b"\x00\x07\x00\x00",
        b"\x01\x03\x00\x01",
        b"\x00\x01only-a-name\x00",
        b"\x00\x01\x00octet\x00",
        b"\x00\x01name\x00\x00",
        b"\x00\x01" + b"n" * 510 + b"\x00octet\x00",
        b"\x00\x06" + b"n\x00" * 300,
    ],
)
def test_what_is_no_packet_is_refused_as_an_illegal_operation(datagram: bytes) -> None:
    with pytest.raises(TftpRefused) as refusal:
        parse_packet(datagram)
    assert refusal.value.code == ErrorCode.ILLEGAL_OPERATION


@given(st.binary(max_size=600) | st.builds(lambda code, rest: bytes((0, code)) + rest, st.integers(0, 8), st.binary()))
def test_any_bytes_give_a_packet_or_our_error(datagram: bytes) -> None:
    try:
        packet = parse_packet(datagram)
    except TftpRefused as refusal:
        assert refusal.code == ErrorCode.ILLEGAL_OPERATION
    else:
        assert isinstance(packet.encode(), bytes)


_NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
_OPTIONS = st.dictionaries(_NAMES.map(str.lower).filter(lambda name: name == name.lower()), _NAMES, max_size=3)


@given(filename=_NAMES, options=_OPTIONS)
def test_requests_survive_the_round_trip(filename: str, options: dict[str, str]) -> None:
    request = ReadRequest(filename, "octet", tuple(options.items()))
    assert parse_packet(request.encode()) == request


@given(block=st.integers(0, 65535), payload=st.binary(max_size=2000))
def test_data_survives_the_round_trip(block: int, payload: bytes) -> None:
    assert parse_packet(Data(block, payload).encode()) == Data(block, payload)


def test_a_nul_inside_a_text_cannot_forge_a_second_string() -> None:
    assert ErrorPacket(0, "a\0b").encode() == b"\x00\x05\x00\x00ab\x00"


@pytest.mark.parametrize(
    "filename", ["SEP001122334455.cnf.xml", "Desktops/320x212x12/List.xml", "..name", "a..b/c.", "name with space"]
)
def test_names_of_files_pass(filename: str) -> None:
    check_filename(filename)


@pytest.mark.parametrize(
    "filename",
    [
        "../../etc/passwd",
        "a/../b",
        "..",
        "./a",
        "/etc/passwd",
        "a//b",
        "a/",
        "..\\boot.ini",
        "a\0b",
        "a\nb",
        "a\x7f",
        "",
        "n" * (MAX_FILENAME_CHARACTERS + 1),
    ],
)
def test_names_that_could_leave_the_served_folder_are_access_violations(filename: str) -> None:
    with pytest.raises(TftpRefused) as refusal:
        check_filename(filename)
    assert refusal.value.code == ErrorCode.ACCESS_VIOLATION


def test_netascii_has_its_own_line_ends() -> None:
    assert encode_netascii(b"a\nb\rc\r\n") == b"a\r\nb\r\0c\r\0\r\n"


@given(st.binary())
def test_netascii_survives_the_round_trip(content: bytes) -> None:
    assert decode_netascii(encode_netascii(content)) == content
