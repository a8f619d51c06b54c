"""Captures: what is exported comes back when it is imported, and foreign files are read."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import InputError
from emcc_emu.trace.har import write_har
from emcc_emu.trace.packets import MAX_SEGMENT_BYTES, PacketMaker
from emcc_emu.trace.pcapng import write_pcapng
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.record import Record

spec = importlib.util.spec_from_file_location("trace_story", Path(__file__).with_name("story.py"))
assert spec and spec.loader
story = importlib.util.module_from_spec(spec)
spec.loader.exec_module(story)


def ones_sum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


@given(
    st.binary(max_size=200),
    st.sampled_from(["udp", "tcp"]),
    st.sampled_from([("10.0.0.1", "10.0.0.2"), ("::1", "::2")]),
)
def test_checksums_of_all_headers_are_right(payload: bytes, transport: str, hosts: tuple[str, str]) -> None:
    record = Record(0, "sip", transport, (hosts[0], 1), (hosts[1], 2), payload)  # type: ignore[arg-type]
    for _, packet in PacketMaker().packets_of(record):
        header_bytes, addresses = (20, packet[12:20]) if packet[0] >> 4 == 4 else (40, packet[8:40])
        if header_bytes == 20:
            assert ones_sum(packet[:20]) == 0xFFFF
            assert int.from_bytes(packet[2:4], "big") == len(packet)
        segment = packet[header_bytes:]
        pseudo = addresses + struct.pack(">II", len(segment), 17 if transport == "udp" else 6)
        assert ones_sum(pseudo + segment + b"\0" * (len(segment) % 2)) == 0xFFFF


def test_a_stream_has_a_handshake_gapless_numbers_and_an_end() -> None:
    maker = PacketMaker()
    client, server = ("127.0.0.1", 40000), ("127.0.0.2", 5061)
    payload = b"x" * (MAX_SEGMENT_BYTES + 10)
    packets = []
    for source, destination in ((client, server), (server, client), (client, server)):
        record = Record(7, "sip", "tls", source, destination, payload, "c1", "r")
        packets += [packet for _, packet in maker.packets_of(record)]
    packets += [packet for _, packet in maker.finish()]
    flags = [packet[33] for packet in packets]
    assert flags == [2, 18, 16, *[24] * 6, 17, 17, 16]
    expected: dict[int, int] = {}
    for packet in packets:
        ports, sequence, acknowledged = struct.unpack_from(">4s II", packet, 20)
        source_port, destination_port = struct.unpack(">HH", ports)
        assert 5061 not in (source_port, destination_port)
        assert sequence == expected.get(source_port, sequence)
        if packet[33] & 16:
            assert acknowledged == expected[destination_port]
        length = len(packet) - 40
        expected[source_port] = sequence + length + bool(packet[33] & 3)


@pytest.mark.parametrize("recorders", [("sanjose", "tokyo"), ("sanjose", "sanjose")])
def test_both_ends_may_name_a_connection_differently(recorders: tuple[str, str]) -> None:
    maker = PacketMaker()
    one, two = ("127.1.0.10", 40000), ("127.2.0.10", 8443)
    ends = [(one, two, "a", recorders[0]), (two, one, "b", recorders[1])] * 2
    packets = [
        packet
        for source, destination, connection, recorder in ends
        for packet in maker.packets_of(Record(0, "http", "tls", source, destination, b"x", connection, recorder))
    ]
    assert len(packets) == 3 + 4


def test_a_reused_port_pair_is_a_new_stream() -> None:
    maker = PacketMaker()
    records = [Record(0, "sip", "tcp", ("a::1", 1), ("a::2", 2), b"x", name, "r") for name in ("c1", "c2")]
    counts = [len(list(maker.packets_of(record))) for record in records]
    assert counts == [4, 3 + 4]


def test_an_exported_story_comes_back_when_it_is_imported(tmp_path: Path) -> None:
    records = story.record_story()
    file = tmp_path / "story.pcapng"
    with file.open("wb") as stream:
        summary = write_pcapng(records, stream, story.NODES)
    assert summary.records == {"sip": 22, "http": 10, "tftp": 24}
    assert summary.decode_as() == ["-d", "udp.port==6969,tftp"]
    imported = list(open_trace(file).records())
    assert [(each.time_ns, each.protocol, each.payload) for each in imported] == [
        (each.time_ns, each.protocol, each.payload) for each in records
    ]


def pcap(packets: list[bytes], link_type: int = 1, order: str = "<") -> bytes:
    file = struct.pack(f"{order}IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for number, packet in enumerate(packets):
        file += struct.pack(f"{order}IIII", 1_700_000_000, number, len(packet), len(packet)) + packet
    return file


def one_packet(payload: bytes) -> bytes:
    record = Record(0, "sip", "udp", ("192.0.2.1", 5060), ("192.0.2.2", 5060), payload)
    return next(PacketMaker().packets_of(record))[1]


OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("link_type", "frame"),
    [
        (1, b"\0" * 12 + b"\x08\0"),
        (1, b"\0" * 12 + b"\x81\0\0\x05\x08\0"),
        (101, b""),
        (0, b"\2\0\0\0"),
        (113, b"\0" * 16),
    ],
)
def test_foreign_pcap_files_are_read(tmp_path: Path, order: str, link_type: int, frame: bytes) -> None:
    file = tmp_path / "foreign.pcap"
    file.write_bytes(pcap([frame + one_packet(OPTIONS)], link_type, order))
    (found,) = open_trace(file).records()
    assert found.payload == OPTIONS
    assert found.source == ("192.0.2.1", 5060)
    assert found.time_ns == 1_700_000_000_000_000_000
    assert found.recorder == "foreign.pcap"


def test_secrets_of_foreign_captures_are_hidden_too(tmp_path: Path) -> None:
    file = tmp_path / "foreign.pcap"
    register = b'REGISTER sip:a SIP/2.0\r\nAuthorization: Digest response="0123abcd"\r\n\r\n'
    file.write_bytes(pcap([one_packet(register)], 101))
    (found,) = open_trace(file).records()
    assert b"0123abcd" not in found.payload


def test_fragments_are_put_together(tmp_path: Path) -> None:
    whole = one_packet(OPTIONS[:-4] + b"\r\nX: " + b"y" * 3000 + b"\r\n\r\n")
    parts = []
    for start in range(0, len(whole) - 20, 1480):
        piece = whole[20:][start : start + 1480]
        is_last = start + 1480 >= len(whole) - 20
        field = (0 if is_last else 0x2000) | start // 8
        parts.append(whole[:2] + struct.pack(">HHH", 20 + len(piece), 9, field) + whole[8:20] + piece)
    file = tmp_path / "foreign.pcap"
    file.write_bytes(pcap([parts[1], parts[0], *parts[2:]], 101))
    (found,) = open_trace(file).records()
    assert found.payload == whole[28:]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_segments_may_come_in_any_order_and_twice(tmp_path: Path, order: tuple[int, ...]) -> None:
    message = b"INVITE sip:a SIP/2.0\r\nContent-Length: 4000\r\n\r\n" + b"z" * 4000
    record = Record(0, "sip", "tcp", ("192.0.2.1", 5060), ("192.0.2.2", 5060), message, "c", "r")
    packets = [packet for _, packet in PacketMaker().packets_of(record)]
    hello, segments = packets[:3], packets[3:]
    segments.append(segments[0])
    file = tmp_path / "foreign.pcap"
    file.write_bytes(pcap(hello + [segments[place] for place in order], 101))
    assert [found.payload for found in open_trace(file).records()] == [message]


def test_http_bodies_end_by_chunks_or_with_the_connection(tmp_path: Path) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    bodiless = b"HTTP/1.1 304 Not Modified\r\n\r\n"
    endless = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"
    maker = PacketMaker()
    packets = []
    for message in (chunked, bodiless, endless):
        record = Record(0, "http", "tcp", ("192.0.2.1", 8080), ("192.0.2.2", 40000), message, "c", "r")
        packets += [packet for _, packet in maker.packets_of(record)]
    packets += [packet for _, packet in maker.finish()]
    file = tmp_path / "foreign.pcap"
    file.write_bytes(pcap(packets, 101))
    assert [found.payload for found in open_trace(file).records()] == [chunked, bodiless, endless]


def test_a_torn_capture_gives_what_is_whole_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    file = tmp_path / "foreign.pcap"
    file.write_bytes(pcap([one_packet(OPTIONS), one_packet(OPTIONS)], 101)[:-5])
    assert len(list(open_trace(file).records())) == 1
    file.write_bytes(b"\x0a\x0d\x0d\x0a\x01\0\0\0" + b"\x4d\x3c\x2b\x1a" * 4)
    with pytest.raises(InputError, match=r"foreign\.pcap: damaged"):
        list(open_trace(file).records())


def test_har_pairs_requests_with_their_answers() -> None:
    stream = io.BytesIO()
    assert write_har(story.record_story(), stream) == 5
    log = json.loads(stream.getvalue())["log"]
    assert log["version"] == "1.2"
    by_url = {entry["request"]["url"]: entry for entry in log["entries"]}
    login = next(entry for url, entry in by_url.items() if "userid=ayamada" in url)
    assert {"name": "userid", "value": "ayamada"} in login["request"]["queryString"]
    assert login["response"]["status"] == 200
    assert "Login successful" in login["response"]["content"]["text"]
    assert login["time"] == pytest.approx(28)
    assert login["startedDateTime"].startswith("2026-01-01T00:00:08.")
    posted = [entry["request"] for entry in log["entries"] if entry["request"]["method"] == "POST"]
    assert all(request["postData"]["text"].startswith("xml=%3C") for request in posted)
    assert all(request["url"].startswith("https://") for request in posted)


def test_har_keeps_requests_without_answer_and_binary_bodies() -> None:
    tape = story.Tape()
    phone, server = (story.PHONE, 1), (story.VISITING, 6970)
    for _ in range(2):
        tape.add("http", "tcp", phone, server, story.http_request("/locale.jar"), "c")
    answer = b"HTTP/1.1 200 OK\r\nSet-Cookie: JSESSIONID=1; Path=/\r\n\r\n\xff\xfe"
    tape.add("http", "tcp", server, phone, answer, "c")
    stream = io.BytesIO()
    write_har(tape.records, stream)
    first, second = json.loads(stream.getvalue())["log"]["entries"]
    assert first["response"]["content"] == {"size": 2, "mimeType": "", "text": "//4=", "encoding": "base64"}
    assert first["response"]["cookies"] == [{"name": "JSESSIONID", "value": "1"}]
    assert second["response"]["status"] == 0
