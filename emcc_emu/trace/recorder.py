"""Records packets as they pass: decides which ones, hides their secrets, hands them to the trace file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from emcc_emu.trace.record import Address, NodeLabel, Protocol, Record, Transport
from emcc_emu.trace.redact import Redactor
from emcc_emu.trace.store import StoreLimits, TraceWriter

__all__ = ["Recorder"]


class Recorder:
    """Writes what one cluster (or one fleet of phones) sends and receives, so that a lab records each packet once.

    A cluster writes down everything that it sends, and what it receives unless the source records too. A phone
    leaves both directions to a recording peer, and writes down its talk with anyone else.

    Close it (or use it as a context manager) to have everything on disk; a process that is killed loses at most the
    last `StoreLimits.flush_interval_s`.

    Args:
        directory: The trace directory, made when missing; every recorder writes its own file there.
        recorder_name: Name of the cluster or fleet; letters, digits, dot, dash and underscore are kept in file names.
        is_recorded_peer: Tells whether somebody else in this lab records what the address sends.
        leaves_sent_to_peer: True for phones: what goes to a recording peer is that peer's to record.
        lab: Name of the lab, kept in the file.
        nodes: Who lives where, kept in the file for the ladders.
        limits: Bounds of files and buffers.
        clock_ns: Wall clock in nanoseconds.
    """

    def __init__(
        self,
        directory: Path | str,
        *,
        recorder_name: str,
        is_recorded_peer: Callable[[Address], bool],
        leaves_sent_to_peer: bool = False,
        lab: str = "",
        nodes: Sequence[NodeLabel] = (),
        limits: StoreLimits | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.recorder_name = recorder_name
        self._is_recorded_peer = is_recorded_peer
        self._leaves_sent_to_peer = leaves_sent_to_peer
        self._clock_ns = clock_ns
        self._redact = Redactor().redact
        self._writer = TraceWriter(
            Path(directory), recorder_name=recorder_name, lab=lab, nodes=nodes, limits=limits or StoreLimits()
        )
        self._append = self._writer.append

    @property
    def path(self) -> Path:
        """The file that is being written."""
        return self._writer.path

    def sent(
        self,
        protocol: Protocol,
        transport: Transport,
        local: Address,
        remote: Address,
        payload: bytes,
        connection: str = "",
        fault: str = "",
    ) -> None:
        """Record what we send from `local` to `remote`; with the `fault` that keeps it from arriving, if any."""
        if not (self._leaves_sent_to_peer and self._is_recorded_peer(remote)):
            self._record(protocol, transport, local, remote, payload, connection, fault)

    def received(
        self,
        protocol: Protocol,
        transport: Transport,
        local: Address,
        remote: Address,
        payload: bytes,
        connection: str = "",
        fault: str = "",
    ) -> None:
        """Record what came from `remote` to `local`, unless `remote` records it."""
        if not self._is_recorded_peer(remote):
            self._record(protocol, transport, remote, local, payload, connection, fault)

    def _record(
        self,
        protocol: Protocol,
        transport: Transport,
        source: Address,
        destination: Address,
        payload: bytes,
        connection: str,
        fault: str,
    ) -> None:
        payload = self._redact(protocol, source, destination, payload)
        self._append(
            Record(
                self._clock_ns(),
                protocol,
                transport,
                source,
                destination,
                payload,
                connection,
                self.recorder_name,
                fault,
            )
        )

    def flush(self) -> None:
        """Have everything recorded so far in the file when this returns."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and close the file; recording afterwards does nothing."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
