"""Fetching one file by TFTP, as a phone does."""

from __future__ import annotations

import asyncio
import math

from emcc_emu.errors import TftpRefused, TransportError
from emcc_emu.net.udp import DatagramSocket
from emcc_emu.protocol.tftp_events import GaveUp, Received, ReceiveEvent
from emcc_emu.protocol.tftp_receive import DEFAULT_MAX_SIZE_BYTES, ReceiveTransfer
from emcc_emu.trace.recorder import Recorder

__all__ = ["tftp_fetch"]

Address = tuple[str, int]


async def tftp_fetch(
    server: Address,
    filename: str,
    *,
    local_ip: str | None = None,
    blksize: int | None = None,
    windowsize: int | None = None,
    tsize: bool = False,
    timeout_s: float = 1.0,
    tries: int = 5,
    max_size_bytes: int = DEFAULT_MAX_SIZE_BYTES,
    recorder: Recorder | None = None,
) -> bytes:
    """Read one file from a TFTP server in ``octet`` mode.

    Args:
        server: Address of the server; its IP must be the one that answers.
        filename: Name to ask for.
        local_ip: Address to ask from; ``None`` lets the system choose.
        blksize: Block size to ask for, 8 to 65464 bytes; ``None`` stays with 512.
        windowsize: Blocks per ACK to ask for, 1 to 65535; ``None`` stays with one.
        tsize: Whether to ask for the size, so that a file that is too large is refused at once.
        timeout_s: First silence before a packet is repeated, seconds; each further one is half as long again.
        tries: How often a packet is sent before giving up.
        max_size_bytes: A longer file is refused with ERROR 3.
        recorder: Takes every datagram; ``None`` records nothing.

    Raises:
        TftpRefused: Either side ended the transfer with an ERROR packet.
        TransportError: The server fell silent, or ``local_ip`` cannot be bound.
    """
    options = [("blksize", blksize), ("windowsize", windowsize), ("tsize", 0 if tsize else None)]
    requested = tuple((name, str(value)) for name, value in options if value is not None)
    loop = asyncio.get_running_loop()
    machine = ReceiveTransfer(
        server,
        filename,
        now=loop.time(),
        options=requested,
        retry_after_s=timeout_s,
        max_tries=tries,
        max_size_bytes=max_size_bytes,
    )
    fetch = _Fetch(machine, local_ip or "0.0.0.0", recorder, loop)
    try:
        event = await fetch.over
    finally:
        fetch.close()
    if isinstance(event, Received):
        return event.content
    if isinstance(event, GaveUp):
        raise TransportError(
            f"TFTP {server[0]}:{server[1]} {filename!r}: no block {event.block} in {event.tries} tries"
        )
    raise TftpRefused(event.code, event.message)


class _Fetch:
    """Runs one machine on one socket with one timer; ``over`` gets the machine's last event."""

    def __init__(
        self, machine: ReceiveTransfer, local_ip: str, recorder: Recorder | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.over: asyncio.Future[ReceiveEvent] = loop.create_future()
        self._machine = machine
        self._recorder = recorder
        self._loop = loop
        self._socket = DatagramSocket((local_ip, 0), self._receive, loop=loop)
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due = math.inf
        self._advance()

    def close(self) -> None:
        self._socket.close()
        if self._timer is not None:
            self._timer.cancel()

    def _receive(self, datagram: bytes, peer: Address) -> None:
        if self._recorder is not None:
            self._recorder.received("tftp", "udp", self._socket.address, peer, datagram)
        self._machine.receive(datagram, peer, self._loop.time())
        self._advance()

    def _wake(self) -> None:
        self._timer_due = math.inf
        self._machine.handle_deadline(self._loop.time())
        self._advance()

    def _advance(self) -> None:
        for datagram, destination in self._machine.take_outgoing():
            if self._recorder is not None:
                self._recorder.sent("tftp", "udp", self._socket.address, destination, datagram)
            self._socket.send(datagram, destination)
        for event in self._machine.take_events():
            if not self.over.done():
                self.over.set_result(event)
        self._arm_timer(self._machine.next_deadline())

    def _arm_timer(self, deadline: float) -> None:
        """Wake no later than the deadline; one that has moved on is looked up when the earlier one has come."""
        if deadline < self._timer_due:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = deadline
            self._timer = self._loop.call_at(deadline, self._wake)
