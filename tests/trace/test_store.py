"""Trace files: what is recorded comes back, from one file or many, whole or torn."""

from __future__ import annotations

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import InputError
from emcc_emu.trace.reader import open_trace
from emcc_emu.trace.record import Address, NodeLabel, Record
from emcc_emu.trace.recorder import Recorder
from emcc_emu.trace.store import FILE_SUFFIX, StoreLimits, TraceWriter

PHONE, NODE, OTHER = ("127.1.100.7", 51000), ("127.1.0.10", 5060), ("127.2.0.10", 5060)


def nobody(address: Address) -> bool:
    return False


def record(time_ns: int, payload: bytes = b"x") -> Record:
    return Record(time_ns, "sip", "udp", PHONE, NODE, payload)


@given(payloads=st.lists(st.binary(max_size=50), max_size=20))
def test_what_is_recorded_comes_back_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, payloads: list[bytes]
) -> None:
    directory = tmp_path_factory.mktemp("trace")
    with Recorder(directory, recorder_name="tokyo", is_recorded_peer=nobody, lab="two") as recorder:
        for payload in payloads:
            recorder.sent("tftp", "udp", NODE, PHONE, b"\0\4" + payload, fault="delayed 5 ms")
    trace = open_trace(directory)
    records = list(trace.records())
    assert [each.payload for each in records] == [b"\0\4" + payload for payload in payloads]
    assert all((each.source, each.destination, each.recorder) == (NODE, PHONE, "tokyo") for each in records)
    assert all(each.fault == "delayed 5 ms" for each in records)
    assert trace.lab == "two"


def test_each_packet_of_a_lab_is_recorded_once(tmp_path: Path) -> None:
    clusters = {NODE, OTHER}
    with (
        Recorder(tmp_path, recorder_name="one", is_recorded_peer=clusters.__contains__) as one,
        Recorder(tmp_path, recorder_name="two", is_recorded_peer=clusters.__contains__) as two,
        Recorder(
            tmp_path, recorder_name="phones", is_recorded_peer=clusters.__contains__, leaves_sent_to_peer=True
        ) as phones,
    ):
        one.sent("sip", "tcp", NODE, OTHER, b"between clusters", "c1")
        two.received("sip", "tcp", OTHER, NODE, b"between clusters", "c9")
        phones.sent("sip", "tcp", PHONE, NODE, b"from a phone", "c2")
        one.received("sip", "tcp", NODE, PHONE, b"from a phone", "c2")
        phones.sent("sip", "tcp", PHONE, ("192.0.2.1", 5060), b"to a stranger", "c3")
        phones.received("sip", "tcp", PHONE, ("192.0.2.1", 5060), b"from a stranger", "c3")
    found = sorted((each.payload, each.recorder) for each in open_trace(tmp_path).records())
    assert found == [
        (b"between clusters", "one"),
        (b"from a phone", "one"),
        (b"from a stranger", "phones"),
        (b"to a stranger", "phones"),
    ]


def test_secrets_are_gone_from_the_file(tmp_path: Path) -> None:
    with Recorder(tmp_path, recorder_name="one", is_recorded_peer=nobody) as recorder:
        recorder.received("http", "tcp", NODE, PHONE, b"GET /emapp?seq=90817 HTTP/1.1\r\n\r\n")
    text = recorder.path.read_bytes()
    assert b"90817" not in text
    assert b"seq=*****" in text


def test_files_of_a_directory_are_merged_by_time(tmp_path: Path) -> None:
    for name, times in (("a", (1, 4, 5)), ("b", (2, 3, 6))):
        writer = TraceWriter(tmp_path, recorder_name=name, limits=StoreLimits())
        for time_ns in times:
            writer.append(record(time_ns))
        writer.close()
    assert [each.time_ns for each in open_trace(tmp_path).records()] == [1, 2, 3, 4, 5, 6]


def test_node_labels_of_all_files_come_together(tmp_path: Path) -> None:
    labels = [NodeLabel("127.1.0.10", "sanjose-pub", "sanjose"), NodeLabel("127.1.0.50", "gw", "sanjose", "gateway")]
    for name, nodes in (("a", labels), ("b", labels[:1])):
        Recorder(tmp_path, recorder_name=name, is_recorded_peer=nobody, nodes=nodes).close()
    assert list(open_trace(tmp_path).nodes) == labels


def test_a_torn_last_line_loses_only_itself(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, recorder_name="a", limits=StoreLimits())
    for time_ns in (1, 2, 3):
        writer.append(record(time_ns))
    writer.close()
    writer.path.write_bytes(writer.path.read_bytes()[:-9])
    trace = open_trace(writer.path)
    assert [each.time_ns for each in trace.records()] == [1, 2]
    assert trace.damaged_lines == 1


def test_a_file_cut_off_in_its_header_does_not_spoil_the_directory(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, recorder_name="a", limits=StoreLimits())
    writer.append(record(1))
    writer.close()
    (tmp_path / f"b-1-0001{FILE_SUFFIX}").write_bytes(b'{"emcc_emu_tra')
    assert len(list(open_trace(tmp_path).records())) == 1


def test_files_rotate_and_the_oldest_go(tmp_path: Path) -> None:
    limits = StoreLimits(max_file_bytes=2000, max_files=3)
    writer = TraceWriter(tmp_path, recorder_name="a", limits=limits)
    for time_ns in range(40):
        writer.append(record(time_ns, b"y" * 400))
        writer.flush()
    writer.close()
    files = sorted(tmp_path.iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size < 3500 for file in files)
    times = [each.time_ns for each in open_trace(tmp_path).records()]
    assert times == list(range(times[0], 40))


def test_records_reach_the_file_by_themselves(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, recorder_name="a", limits=StoreLimits(flush_interval_s=0.001))
    writer.append(record(1))
    give_up = time.monotonic() + 10
    while not list(open_trace(writer.path).records()):
        assert time.monotonic() < give_up
    writer.close()


def test_a_full_buffer_is_written_before_its_time(tmp_path: Path) -> None:
    writer = TraceWriter(tmp_path, recorder_name="a", limits=StoreLimits(flush_interval_s=3600, flush_size_bytes=100))
    for time_ns in range(5):
        writer.append(record(time_ns, b"y" * 100))
    give_up = time.monotonic() + 10
    while not list(open_trace(writer.path).records()):
        assert time.monotonic() < give_up
    writer.close()


def test_a_process_that_ends_without_closing_loses_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; from emcc_emu.trace.recorder import Recorder\n"
        "r = Recorder(sys.argv[1], recorder_name='a', is_recorded_peer=lambda a: False)\n"
        "for i in range(100): r.sent('sip', 'udp', ('127.0.0.1', 1), ('127.0.0.1', 2), b'x')\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, timeout=30)
    assert len(list(open_trace(tmp_path).records())) == 100


def test_what_waits_for_the_disk_is_bounded_and_the_loss_is_told(tmp_path: Path) -> None:
    limits = StoreLimits(flush_interval_s=3600, flush_size_bytes=1 << 30, max_pending_bytes=1000)
    writer = TraceWriter(tmp_path, recorder_name="a", limits=limits)
    for time_ns in range(100):
        writer.append(record(time_ns, b"y" * 100))
    writer.close()
    trace = open_trace(tmp_path)
    kept = len(list(trace.records()))
    assert 0 < kept < 100
    assert trace.dropped == writer.dropped == 100 - kept


def test_recording_after_the_end_does_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, recorder_name="a/b c", is_recorded_peer=nobody)
    recorder.close()
    recorder.close()
    recorder.sent("sip", "udp", NODE, PHONE, b"late")
    assert recorder.path.name.startswith("a_b_c-")
    assert list(open_trace(tmp_path).records()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\n", "is no trace"),
        (b'{"emcc_emu_trace":99,"recorder":"a","series":"s","part":1}\n', "trace format 99"),
        (b"", "is no trace"),
    ],
)
def test_a_file_that_is_no_trace_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"notes.txt.*{said}"):
        open_trace(file)


def test_a_missing_file_and_an_empty_directory_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        open_trace(tmp_path / "missing")
    with pytest.raises(InputError, match=r"holds no \.trace\.jsonl file"):
        open_trace(tmp_path)


def test_a_disk_that_refuses_is_survived_and_the_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(28, "No space left on device")

    writer = TraceWriter(tmp_path, recorder_name="a", limits=StoreLimits(flush_interval_s=3600))
    real_file = writer._files._file
    monkeypatch.setattr(writer._files, "_file", FullDisk())
    writer.append(record(1))
    writer.flush()
    monkeypatch.setattr(writer._files, "_file", real_file)
    writer.append(record(2))
    writer.close()
    trace = open_trace(tmp_path)
    assert [each.time_ns for each in trace.records()] == [2]
    assert trace.dropped == 1
