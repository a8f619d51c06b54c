"""The trace file: JSON lines that one process appends to, in a directory that many processes share.

The first line of every file is a `TraceHeader`, every other line one packet. A payload that is UTF-8 (all SIP, all XML,
most TFTP) is kept as `text`, so that `grep` works on a trace; anything else as `base64`. Either gives the same
bytes back.

A writer thread puts the lines into the file, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog

from emcc_emu.trace.record import NodeLabel, Protocol, Record, Transport

__all__ = ["FILE_SUFFIX", "FORMAT_VERSION", "StoreLimits", "TraceHeader", "TraceLine", "TraceWriter", "encode_record"]

FORMAT_VERSION = 1
FILE_SUFFIX = ".trace.jsonl"


@dataclasses.dataclass(frozen=True, slots=True)
class StoreLimits:
    """Bounds of what a recorder keeps in memory and on disk."""

    flush_interval_s: float = 0.2
    """Longest time that a record waits in memory. Seconds, above 0."""

    flush_size_bytes: int = 256 * 1024
    """Waiting records are written at once when they are this large. Bytes."""

    max_pending_bytes: int = 64 * 1024 * 1024
    """While this much waits for a slow disk, further records are dropped and counted. Bytes."""

    max_file_bytes: int = 64 * 1024 * 1024
    """A file that has grown past this size is closed and the next one begun. Bytes."""

    max_files: int = 32
    """Files of one recorder; the oldest is deleted when there would be more. At least 1."""


class TraceHeader(msgspec.Struct, frozen=True):
    """First line of a trace file."""

    emcc_emu_trace: int
    """Version of the format."""

    recorder: str
    series: str
    """The same in all files of one recorder's run."""

    part: int
    """Place of this file in its series, from 1."""

    lab: str = ""
    nodes: tuple[NodeLabel, ...] = ()


class TraceLine(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Any other line of a trace file: one packet, or the notice that packets were dropped."""

    time_ns: int
    protocol: Protocol | None = None
    transport: Transport | None = None
    source: str = ""
    destination: str = ""
    connection: str = ""
    fault: str = ""
    text: str | None = None
    base64: bytes | None = None
    dropped: int = 0
    """Packets that were not recorded here because the disk was too slow or full."""


_encoder = msgspec.json.Encoder()


def encode_record(record: Record) -> bytes:
    """Return the line of a record, line feed included."""
    text, raw = None, None
    try:
        text = record.payload.decode()
    except UnicodeDecodeError:
        raw = record.payload
    return (
        _encoder.encode(
            TraceLine(
                record.time_ns,
                record.protocol,
                record.transport,
                f"{record.source[0]}:{record.source[1]}",
                f"{record.destination[0]}:{record.destination[1]}",
                record.connection,
                record.fault,
                text,
                raw,
            )
        )
        + b"\n"
    )


class TraceWriter:
    """Appends records to one file after another; close it to have all of them on disk.

    `append` is called from one thread (the event loop's) and costs a few microseconds; a thread of the writer's own
    does the rest.
    """

    def __init__(
        self,
        directory: Path,
        *,
        recorder_name: str,
        lab: str = "",
        nodes: Sequence[NodeLabel] = (),
        limits: StoreLimits,
    ) -> None:
        self.dropped = 0
        self._files = _TraceFiles(directory, recorder_name=recorder_name, lab=lab, nodes=tuple(nodes), limits=limits)
        self._limits = limits
        self._lines: deque[bytes] = deque()
        self._appended_bytes = 0
        self._taken_bytes = 0
        self._dropped_reported = 0
        self._write_lock = threading.Lock()
        self._wake = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name=f"trace-{recorder_name}", daemon=True)
        self._thread.start()
        # The interpreter may end without close(): what waits is written then.
        self._at_exit = weakref.finalize(self._thread, self.flush)

    @property
    def path(self) -> Path:
        """The file that is being written."""
        return self._files.path

    def append(self, record: Record) -> None:
        """Take one record; never blocks. Does nothing after `close`."""
        if self._is_closed:
            return
        pending_bytes = self._appended_bytes - self._taken_bytes
        if pending_bytes > self._limits.max_pending_bytes:
            self.dropped += 1
            return
        line = encode_record(record)
        self._lines.append(line)
        self._appended_bytes += len(line)
        if pending_bytes > self._limits.flush_size_bytes and not self._wake.is_set():
            self._wake.set()

    def flush(self) -> None:
        """Write everything that waits; returns when the operating system has it."""
        with self._write_lock:
            self._write_pending()

    def close(self) -> None:
        """Write what waits, end the thread, close the file. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._wake.set()
        self._thread.join()
        self._at_exit.detach()
        self.flush()
        self._files.close()

    def _run(self) -> None:
        while not self._is_closed:
            self._wake.wait(self._limits.flush_interval_s)
            self._wake.clear()
            self.flush()

    def _write_pending(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        size_bytes = sum(map(len, lines))
        dropped = self.dropped - self._dropped_reported
        if dropped:
            lines.append(_encoder.encode(TraceLine(time.time_ns(), dropped=dropped)) + b"\n")
        if not lines:
            return
        chunk = b"".join(lines)
        try:
            self._files.write(chunk)
            self._dropped_reported += dropped
        except OSError as error:
            self.dropped += len(lines) - bool(dropped)
            structlog.get_logger().error("trace_not_written", file=str(self.path), error=str(error))
        finally:
            self._taken_bytes += size_bytes


class _TraceFiles:
    """The files of one series: opens the next when one is full and deletes the oldest of too many."""

    def __init__(
        self, directory: Path, *, recorder_name: str, lab: str, nodes: tuple[NodeLabel, ...], limits: StoreLimits
    ) -> None:
        self._stem = f"{re.sub(r'[^A-Za-z0-9._-]', '_', recorder_name)}-{os.getpid()}"
        self._header = TraceHeader(
            FORMAT_VERSION, recorder_name, f"{self._stem}-{time.time_ns()}", part=1, lab=lab, nodes=nodes
        )
        self._directory = directory
        self._limits = limits
        self._paths: deque[Path] = deque()
        self._number = 0
        self._is_torn = False
        directory.mkdir(parents=True, exist_ok=True)
        self._open_next()

    @property
    def path(self) -> Path:
        return self._paths[-1]

    def _open_next(self) -> None:
        while True:
            self._number += 1
            path = self._directory / f"{self._stem}-{self._number:04}{FILE_SUFFIX}"
            with contextlib.suppress(FileExistsError):
                self._file = path.open("xb", buffering=0)
                break
        self._paths.append(path)
        header = _encoder.encode(self._header) + b"\n"
        self._size_bytes = 0
        self._write_all(header)
        self._header = msgspec.structs.replace(self._header, part=self._header.part + 1)
        while len(self._paths) > self._limits.max_files:
            self._paths.popleft().unlink(missing_ok=True)

    def write(self, chunk: bytes) -> None:
        """Append whole lines; after an error, the next call starts on a fresh line."""
        if self._size_bytes > self._limits.max_file_bytes:
            self._file.close()
            self._open_next()
        self._write_all(b"\n" + chunk if self._is_torn else chunk)

    def _write_all(self, chunk: bytes) -> None:
        self._is_torn = True
        view = memoryview(chunk)
        while view:
            written = self._file.write(view)
            self._size_bytes += written
            view = view[written:]
        self._is_torn = False

    def close(self) -> None:
        self._file.close()
