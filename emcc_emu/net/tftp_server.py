"""A TFTP server for read requests: many transfers over a few drained sockets and one timer.

Each transfer answers from a transfer identifier (port) of its own choice, as RFC 1350 section 4 asks; the ports come
from a small pool, and the next transfer takes the next port. A client's address and port tell the transfers of one
port apart. An operating-system socket per transfer would cost four times as much.
"""

from __future__ import annotations

import asyncio
import dataclasses
import math
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from emcc_emu.errors import TftpRefused
from emcc_emu.net.udp import DatagramSocket
from emcc_emu.protocol.deadlines import Deadlines, Timed
from emcc_emu.protocol.tftp_events import Delivered, GaveUp
from emcc_emu.protocol.tftp_options import DEFAULT_MAX_WINDOW_BLOCKS
from emcc_emu.protocol.tftp_send import DEFAULT_BACK_OFF, DEFAULT_MAX_TRIES, DEFAULT_RETRY_AFTER_S, SendTransfer
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.tftp import (
    MAX_BLKSIZE_BYTES,
    ErrorCode,
    ErrorPacket,
    ReadRequest,
    WriteRequest,
    check_filename,
    encode_netascii,
    parse_packet,
)

if TYPE_CHECKING:
    from emcc_emu.net.faults import FaultBoard

__all__ = ["Lookup", "TftpCounters", "TftpLimits", "TftpServer"]

Address = tuple[str, int]

Lookup = Callable[[str, Address], "bytes | TftpRefused | None"]
"""Finds a file by its exact name for a client; ``None`` is ERROR 1, a `TftpRefused` is sent as it is."""


@dataclasses.dataclass(frozen=True, slots=True)
class TftpLimits:
    """Bounds and timing of one server."""

    max_transfers: int = 2500
    """Transfers served at the same time; Unified CM's "Maximum Serving Count". A request above it gets ERROR 0."""

    pool_size: int = 4
    """Ports that transfers answer from."""

    receive_buffer_bytes: int = 4 * 1024 * 1024
    """``SO_RCVBUF`` of every socket: holds the requests of a whole fleet that boots at once."""

    max_blksize_bytes: int = MAX_BLKSIZE_BYTES
    """Larger block sizes are reduced to this."""

    max_window_blocks: int = DEFAULT_MAX_WINDOW_BLOCKS
    """Larger windows are reduced to this."""

    retry_after_s: float = DEFAULT_RETRY_AFTER_S
    """First silence before a packet is sent again."""

    max_tries: int = DEFAULT_MAX_TRIES
    """How often a packet is sent."""

    back_off: float = DEFAULT_BACK_OFF
    """Factor between one silence and the next."""


@dataclasses.dataclass(slots=True)
class TftpCounters:
    """What a server has done since its start."""

    requests: int = 0
    delivered: int = 0
    refused: int = 0
    """Requests answered with an ERROR instead of a transfer."""
    aborted: int = 0
    """Transfers ended by an ERROR packet of either side, or replaced by a new request of the same client port."""
    gave_up: int = 0
    """Transfers whose client fell silent."""


class _Transfer(Timed):
    """One running transfer: its machine, its port and the request it answers."""

    __slots__ = ("due", "heard_s", "machine", "port", "request")

    def __init__(self, machine: SendTransfer, port: _Port, request: bytes, now: float) -> None:
        super().__init__()
        self.machine = machine
        self.port = port
        self.request = request
        self.heard_s = now
        self.due = machine.next_deadline()


class _Port:
    """One pooled socket."""

    __slots__ = ("server", "socket")

    def __init__(self, server: TftpServer, local: Address, receive_buffer_bytes: int) -> None:
        self.server = server
        self.socket = DatagramSocket(local, self._receive, receive_buffer_bytes=receive_buffer_bytes)

    def _receive(self, datagram: bytes, peer: Address) -> None:
        self.server._receive_on(self, datagram, peer)


class TftpServer:
    """Serves files by name at one address; ``async with`` it, or ``start`` and ``close``.

    Names are keys for ``lookup`` and never touch a file system; absolute names, ``..`` and control characters are
    refused with ERROR 2 before they get there, write requests always (ERROR 2).

    Args:
        address: Where requests come in; port 0 lets the system choose.
        lookup: Finds a file.
        recorder: Takes every datagram; ``None`` records nothing.
        limits: Bounds and timing.
        faults: What happens to datagrams on purpose; ``None`` for nothing.
    """

    def __init__(
        self,
        address: Address,
        lookup: Lookup,
        *,
        recorder: Recorder | None = None,
        limits: TftpLimits | None = None,
        faults: FaultBoard | None = None,
    ) -> None:
        self.address = address
        """Where requests come in; the real port once started."""
        self.counters = TftpCounters()
        """What was done so far."""
        self._lookup = lookup
        self._recorder = recorder
        self._faults = faults
        self._limits = limits or TftpLimits()
        self._listening: DatagramSocket | None = None
        self._pool: list[_Port] = []
        self._next_port = 0
        self._transfers: dict[Address, _Transfer] = {}
        self._deadlines: Deadlines[_Transfer] = Deadlines()
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf

    @property
    def active_count(self) -> int:
        """Transfers in progress."""
        return len(self._transfers)

    async def start(self) -> None:
        """Bind the listening port and the pool.

        Raises:
            TransportError: An address cannot be bound; nothing stays open.
        """
        self._loop = asyncio.get_running_loop()
        buffer_bytes = self._limits.receive_buffer_bytes
        try:
            self._listening = DatagramSocket(self.address, self._receive_request, receive_buffer_bytes=buffer_bytes)
            self.address = self._listening.address
            for _ in range(self._limits.pool_size):
                self._pool.append(_Port(self, (self.address[0], 0), buffer_bytes))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Drop every transfer and release all ports. May be called again."""
        if self._timer is not None:
            self._timer.cancel()
        if self._listening is not None:
            self._listening.close()
        for port in self._pool:
            port.socket.close()
        self._pool.clear()
        self._transfers.clear()
        self._deadlines = Deadlines()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _receive_request(self, datagram: bytes, peer: Address) -> None:
        if self._faults is not None and self._faults.touches_messages:
            self._let_in(self._faults, self.address, datagram, peer, lambda taken: self._take_request(taken, peer))
            return
        if self._recorder is not None:
            self._recorder.received("tftp", "udp", self.address, peer, datagram)
        self._take_request(datagram, peer)

    def _let_in(
        self, faults: FaultBoard, local: Address, datagram: bytes, peer: Address, take: Callable[[bytes], None]
    ) -> None:
        """Take a datagram in as its verdict says."""
        verdict = faults.incoming("tftp", local, peer, datagram)
        if self._recorder is not None:
            self._recorder.received("tftp", "udp", local, peer, datagram, "", verdict.fault)
        if verdict.is_dropped:
            return
        if verdict.delay_s > 0:
            self._loop.call_later(verdict.delay_s, self._take_late, take, verdict.payload)
        else:
            take(verdict.payload)

    def _take_late(self, take: Callable[[bytes], None], datagram: bytes) -> None:
        if self._pool:  # else the server has been closed meanwhile
            take(datagram)

    def _take_request(self, datagram: bytes, peer: Address) -> None:
        now = self._loop.time()
        port = self._next_free_port()
        running = self._settle(peer)
        if running is not None and running.request == datagram:
            if now - running.heard_s < self._limits.retry_after_s:  # a copy of the request, made by the network
                return
            port = running.port  # the client starts again: the same port keeps two answers from competing
        try:
            machine = self._accept(datagram, peer, now)
        except TftpRefused as refusal:
            self.counters.refused += 1
            self._send(port, ErrorPacket(refusal.code, refusal.message).encode(), peer)
            return
        if machine is None:
            return
        if running is not None:
            self.counters.aborted += 1
            self._forget(running, peer)
        transfer = _Transfer(machine, port, datagram, now)
        self._transfers[peer] = transfer
        self._deadlines.set(transfer, transfer.due)
        self._arm_timer(transfer.due)
        self._send_all(transfer)

    def _settle(self, peer: Address) -> _Transfer | None:
        """Return the client port's unfinished transfer, if any.

        The last ACK of a transfer may still wait at its own port when the client's next request is read here.
        """
        running = self._transfers.get(peer)
        if running is not None:
            running.port.socket.drain()
            running = self._transfers.get(peer)
        return running

    def _next_free_port(self) -> _Port:
        self._next_port = (self._next_port + 1) % len(self._pool)
        return self._pool[self._next_port]

    def _accept(self, datagram: bytes, peer: Address, now: float) -> SendTransfer | None:
        """Make the transfer that a request asks for; ``None`` for an ERROR packet, which is never answered."""
        packet = parse_packet(datagram)
        if isinstance(packet, ErrorPacket):
            return None
        self.counters.requests += 1
        if isinstance(packet, WriteRequest):
            raise TftpRefused(ErrorCode.ACCESS_VIOLATION, "Access violation: this server is read only")
        if not isinstance(packet, ReadRequest):
            raise TftpRefused(ErrorCode.UNKNOWN_TRANSFER_ID, "Unknown transfer ID")
        if len(self._transfers) >= self._limits.max_transfers and peer not in self._transfers:
            raise TftpRefused(ErrorCode.NOT_DEFINED, "Maximum serving count reached, try again later")
        limits = self._limits
        return SendTransfer(
            self._find(packet, peer),
            peer,
            now=now,
            options=packet.options,
            retry_after_s=limits.retry_after_s,
            max_tries=limits.max_tries,
            back_off=limits.back_off,
            max_blksize_bytes=limits.max_blksize_bytes,
            max_window_blocks=limits.max_window_blocks,
        )

    def _find(self, request: ReadRequest, peer: Address) -> bytes:
        check_filename(request.filename)
        if request.mode not in ("octet", "netascii"):
            raise TftpRefused(ErrorCode.ILLEGAL_OPERATION, "Illegal TFTP operation: unknown transfer mode")
        content = self._lookup(request.filename, peer)
        if content is None:
            raise TftpRefused(ErrorCode.FILE_NOT_FOUND, "File not found")
        if isinstance(content, TftpRefused):
            raise content
        return encode_netascii(content) if request.mode == "netascii" else content

    def _receive_on(self, port: _Port, datagram: bytes, peer: Address) -> None:
        if self._faults is not None and self._faults.touches_messages:
            local = port.socket.address
            self._let_in(self._faults, local, datagram, peer, lambda taken: self._take_on(port, taken, peer))
            return
        if self._recorder is not None:
            self._recorder.received("tftp", "udp", port.socket.address, peer, datagram)
        self._take_on(port, datagram, peer)

    def _take_on(self, port: _Port, datagram: bytes, peer: Address) -> None:
        transfer = self._transfers.get(peer)
        if transfer is None or transfer.port is not port:
            self._answer_stray(port, datagram, peer)
            return
        now = transfer.heard_s = self._loop.time()
        machine = transfer.machine
        machine.receive(datagram, peer, now)
        self._send_all(transfer)
        deadline = machine.next_deadline()
        if deadline == math.inf:
            self._finish(transfer, peer)
        elif deadline < transfer.due:  # a later deadline is looked up when the earlier one has come
            transfer.due = deadline
            self._deadlines.set(transfer, deadline)
            self._arm_timer(deadline)

    def _answer_stray(self, port: _Port, datagram: bytes, peer: Address) -> None:
        """A repeated ACK of a finished transfer is no news; DATA or a request at a transfer's port is an error."""
        if datagram[:2] not in (b"\0\4", b"\0\5"):
            self._send(port, _UNKNOWN_TRANSFER, peer)

    def _send_all(self, transfer: _Transfer) -> None:
        port = transfer.port
        if self._recorder is not None or (self._faults is not None and self._faults.touches_messages):
            for datagram, destination in transfer.machine.take_outgoing():
                self._send(port, datagram, destination)
            return
        send = port.socket.send
        for datagram, destination in transfer.machine.take_outgoing():
            send(datagram, destination)

    def _send(self, port: _Port, datagram: bytes, destination: Address) -> None:
        if self._faults is not None and self._faults.touches_messages:
            self._send_with_faults(self._faults, port, datagram, destination)
            return
        if self._recorder is not None:
            self._recorder.sent("tftp", "udp", port.socket.address, destination, datagram)
        port.socket.send(datagram, destination)

    def _send_with_faults(self, faults: FaultBoard, port: _Port, datagram: bytes, destination: Address) -> None:
        local = port.socket.address
        verdict = faults.outgoing("tftp", local, destination, datagram)
        if self._recorder is not None:
            self._recorder.sent("tftp", "udp", local, destination, datagram, "", verdict.fault)
        if verdict.delay_s > 0 and not verdict.is_dropped:
            self._loop.call_later(verdict.delay_s, port.socket.send, verdict.payload, destination)
        elif not verdict.is_dropped:
            port.socket.send(verdict.payload, destination)

    def _finish(self, transfer: _Transfer, peer: Address) -> None:
        for event in transfer.machine.take_events():
            if isinstance(event, Delivered):
                self.counters.delivered += 1
            elif isinstance(event, GaveUp):
                self.counters.gave_up += 1
            else:
                self.counters.aborted += 1
        self._forget(transfer, peer)

    def _forget(self, transfer: _Transfer, peer: Address) -> None:
        del self._transfers[peer]
        self._deadlines.cancel(transfer)

    def _arm_timer(self, deadline: float) -> None:
        if deadline < self._timer_due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = deadline
            self._timer = self._loop.call_at(deadline, self._handle_deadlines)

    def _handle_deadlines(self) -> None:
        self._timer_due = math.inf
        now = self._loop.time()
        for transfer in self._deadlines.take_due(now):
            machine = transfer.machine
            machine.handle_deadline(now)
            self._send_all(transfer)
            transfer.due = machine.next_deadline()
            if transfer.due == math.inf:
                self._finish(transfer, machine.peer)
            else:
                self._deadlines.set(transfer, transfer.due)
        self._arm_timer(self._deadlines.next_deadline())


_UNKNOWN_TRANSFER = ErrorPacket(ErrorCode.UNKNOWN_TRANSFER_ID, "Unknown transfer ID").encode()
