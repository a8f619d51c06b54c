"""Reads traces back: a file, or a directory whose files are merged by time, one packet in memory per file."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from emcc_emu.errors import InputError
from emcc_emu.trace.importer import is_capture, read_capture
from emcc_emu.trace.record import Address, NodeLabel, Record
from emcc_emu.trace.store import FILE_SUFFIX, FORMAT_VERSION, TraceHeader, TraceLine

__all__ = ["MAX_LINE_BYTES", "Trace", "open_trace"]

MAX_LINE_BYTES = 1024 * 1024
"""Longest line read; a longer one counts as damaged."""

_read_header = msgspec.json.Decoder(TraceHeader).decode
_read_line = msgspec.json.Decoder(TraceLine).decode


class Trace:
    """What one or several recorders wrote down; read it as often as you like.

    Attributes:
        path: File or directory.
        lab: Name of the lab, empty for an imported capture.
        nodes: Who lives where, from all files together.
        damaged_lines: Lines that could not be read during the last complete pass, torn last lines included.
        dropped: Packets that the recorders had to drop, from the last complete pass.
    """

    def __init__(
        self,
        path: Path,
        *,
        lab: str = "",
        nodes: tuple[NodeLabel, ...] = (),
        open_records: Callable[[Trace], Iterator[Record]],
    ) -> None:
        self.path = path
        self.lab = lab
        self.nodes = nodes
        self.damaged_lines = 0
        self.dropped = 0
        self._open_records = open_records

    def records(self) -> Iterator[Record]:
        """All packets in the order of their times."""
        self.damaged_lines = 0
        self.dropped = 0
        return self._open_records(self)


def open_trace(path: Path | str) -> Trace:
    """Open a trace file, a trace directory, or a foreign pcap or pcapng file.

    Raises:
        InputError: Nothing there, or not a trace; the text names the file and says what would be right.
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _open_files(path, sorted(path.glob(f"*{FILE_SUFFIX}")))
        if is_capture(path):
            return Trace(path, open_records=lambda trace: read_capture(trace.path))
        return _open_files(path, [path])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file or directory; give a trace file or the directory of a run") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _open_files(path: Path, files: list[Path]) -> Trace:
    headers = {file: header for file in files if (header := _header_of(file, must_have=file == path))}
    if not headers:
        raise InputError(f"{path}: holds no {FILE_SUFFIX} file; name the directory that a lab recorded into")
    ordered = sorted(headers, key=lambda file: (headers[file].series, headers[file].part))
    series = [list(group) for _, group in itertools.groupby(ordered, key=lambda file: headers[file].series)]
    nodes = dict.fromkeys(itertools.chain.from_iterable(header.nodes for header in headers.values()))
    names = {header.lab for header in headers.values() if header.lab}
    return Trace(
        path,
        lab=", ".join(sorted(names)),
        nodes=tuple(nodes),
        open_records=lambda trace: _merge(trace, series, {file: headers[file].recorder for file in ordered}),
    )


def _header_of(file: Path, *, must_have: bool) -> TraceHeader | None:
    """Read the first line; a file of a directory that was cut off before it is skipped."""
    with file.open("rb") as stream:
        line = stream.readline(MAX_LINE_BYTES)
    if not line.endswith(b"\n") and not must_have:
        return None
    try:
        header = _read_header(line)
    except msgspec.DecodeError:
        raise InputError(f"{file}: is no trace: the first line is not a trace header") from None
    if header.emcc_emu_trace != FORMAT_VERSION:
        raise InputError(
            f"{file}: trace format {header.emcc_emu_trace}, this program reads {FORMAT_VERSION}; "
            "read it with the version that wrote it"
        )
    return header


def _merge(trace: Trace, series: list[list[Path]], recorders: dict[Path, str]) -> Iterator[Record]:
    streams = [
        itertools.chain.from_iterable(_records_of(trace, file, recorders[file]) for file in files) for files in series
    ]
    return heapq.merge(*streams, key=lambda record: record.time_ns)


def _records_of(trace: Trace, file: Path, recorder: str) -> Iterator[Record]:
    with file.open("rb") as stream:
        stream.readline(MAX_LINE_BYTES)
        while line := stream.readline(MAX_LINE_BYTES):
            if line == b"\n":
                continue
            try:
                packet = _read_line(line)
                trace.dropped += packet.dropped
                record = _to_record(packet, recorder)
            except (msgspec.DecodeError, ValueError):
                trace.damaged_lines += 1
                continue
            if record is not None:
                yield record


def _to_record(line: TraceLine, recorder: str) -> Record | None:
    if line.protocol is None or line.transport is None:
        return None
    return Record(
        line.time_ns,
        line.protocol,
        line.transport,
        _parse_address(line.source),
        _parse_address(line.destination),
        line.text.encode() if line.text is not None else line.base64 or b"",
        line.connection,
        recorder,
        line.fault,
    )


def _parse_address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)
