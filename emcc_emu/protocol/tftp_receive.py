"""The client side of a TFTP read: asks for a file, acknowledges its blocks, and puts them together.

Robust against bad servers too: a duplicate block is acknowledged again only when half a retry interval has passed
since the last ACK. A server that repeats a block for every ACK (the Sorcerer's Apprentice, still found in atftpd) gets
no second ACK to work on, while one whose ACK was lost still gets it.
"""

from __future__ import annotations

import math

from emcc_emu.errors import TftpRefused
from emcc_emu.protocol.tftp_events import GaveUp, Received, ReceiveEvent, Refused
from emcc_emu.protocol.tftp_options import Agreement, check_accepted
from emcc_emu.wire.tftp import Ack, Data, ErrorCode, ErrorPacket, OptionAck, Options, ReadRequest, parse_packet

__all__ = ["DEFAULT_MAX_SIZE_BYTES", "ReceiveTransfer"]

Address = tuple[str, int]

DEFAULT_MAX_SIZE_BYTES = 64 * 1024 * 1024
"""Largest file taken from a server; firmware images are the largest that phones load."""


class ReceiveTransfer:
    """One file on its way from one server; ready with its read request as soon as it is made.

    Args:
        server: Address of the server's listening port; the transfer's own port is the one that answers first.
        filename: Name to ask for.
        now: Monotonic seconds.
        options: Options to ask for; values must be decimal numbers in the ranges of their RFCs.
        retry_after_s: First silence before the last packet is sent again.
        max_tries: How often one packet is sent before giving up.
        back_off: Factor between one silence and the next, 1 or more.
        max_size_bytes: A longer file is refused with ERROR 3 (disk full).
        linger_s: How long, after the last block, a repeated last block is acknowledged again (RFC 1350 section 6).
    """

    __slots__ = (
        "_agreed",
        "_back_off",
        "_block",
        "_events",
        "_has_gap",
        "_is_complete",
        "_last_packet",
        "_last_sent_s",
        "_linger_s",
        "_max_size_bytes",
        "_max_tries",
        "_options",
        "_outgoing",
        "_payloads",
        "_retry_after_s",
        "_server",
        "_size_bytes",
        "_source",
        "_tries",
        "_unacknowledged",
        "_wait_s",
        "_wait_until_s",
    )

    def __init__(
        self,
        server: Address,
        filename: str,
        *,
        now: float,
        options: Options = (),
        retry_after_s: float = 1.0,
        max_tries: int = 5,
        back_off: float = 1.5,
        max_size_bytes: int = DEFAULT_MAX_SIZE_BYTES,
        linger_s: float = 0.0,
    ) -> None:
        self._server = server
        self._source: Address | None = None
        self._options = options
        self._agreed = Agreement()
        self._retry_after_s = retry_after_s
        self._max_tries = max_tries
        self._back_off = back_off
        self._max_size_bytes = max_size_bytes
        self._linger_s = linger_s
        self._outgoing: list[tuple[bytes, Address]] = []
        self._events: list[ReceiveEvent] = []
        self._payloads: list[bytes] = []
        self._size_bytes = 0
        self._block = 0
        self._unacknowledged = 0
        self._has_gap = False
        self._is_complete = False
        self._tries = 1
        self._wait_s = retry_after_s
        self._wait_until_s = now + retry_after_s
        self._last_sent_s = now
        self._last_packet = b""
        self._send(ReadRequest(filename, "octet", options).encode(), now)

    def receive(self, datagram: bytes, peer: Address, now: float) -> None:
        """Take a datagram that came to this transfer's port."""
        is_ours = peer == self._source if self._source is not None else peer[0] == self._server[0]
        if not is_ours:
            if datagram[:2] != b"\0\5":  # an ERROR is never answered
                unknown = ErrorPacket(ErrorCode.UNKNOWN_TRANSFER_ID, "Unknown transfer ID")
                self._outgoing.append((unknown.encode(), peer))
            return
        if self._is_complete:
            self._repeat_last_ack(datagram, now)
            return
        if self._wait_until_s == math.inf:
            return
        try:
            self._receive_packet(datagram, peer, now)
        except TftpRefused as error:
            self._outgoing.append((ErrorPacket(error.code, error.message).encode(), peer))
            self._finish(Refused(error.code, error.message, is_by_peer=False))

    def connection_lost(self, peer: Address, now: float) -> None:
        """Datagrams know no connection; nothing happens."""

    def handle_deadline(self, now: float) -> None:
        """Send the last packet again after a silence, give up after the last try, or stop lingering."""
        if now < self._wait_until_s:
            return
        if self._is_complete:
            self._wait_until_s = math.inf
        elif self._tries >= self._max_tries:
            self._finish(GaveUp(self._block + 1, self._tries))
        elif self._unacknowledged:  # part of a window came: say how far, so that the rest is sent
            self._acknowledge(now)
        else:
            self._tries += 1
            self._wait_s *= self._back_off
            self._repeat(now)

    def take_outgoing(self) -> list[tuple[bytes, Address]]:
        """Return and forget the packets to send."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def take_events(self) -> list[ReceiveEvent]:
        """Return and forget what happened: at the end one of `Received`, `Refused`, `GaveUp`."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float:
        """When to call `handle_deadline`; infinite once the transfer is over and has lingered."""
        return self._wait_until_s

    def _receive_packet(self, datagram: bytes, peer: Address, now: float) -> None:
        packet = parse_packet(datagram)
        match packet:
            case Data():
                self._receive_data(packet, peer, now)
            case OptionAck():
                self._receive_option_ack(packet, peer, now)
            case ErrorPacket():
                self._finish(Refused(packet.code, packet.message, is_by_peer=True))
            case _:
                raise TftpRefused(ErrorCode.ILLEGAL_OPERATION, f"Illegal TFTP operation: {type(packet).__name__}")

    def _receive_option_ack(self, packet: OptionAck, peer: Address, now: float) -> None:
        if self._source is not None:  # a repeated one; our ACK 0 is repeated by the clock
            return
        self._agreed = check_accepted(self._options, packet.options)
        if (self._agreed.tsize_bytes or 0) > self._max_size_bytes:
            raise self._too_large()
        self._source = peer
        self._acknowledge(now)

    def _receive_data(self, packet: Data, peer: Address, now: float) -> None:
        ahead = (packet.block - self._block) & 0xFFFF  # block numbers wrap to 0 in long files
        if ahead == 1:
            self._source = peer
            self._take_block(packet.payload, now)
        elif self._source is None:  # no first packet of any transfer
            return
        elif ahead == 0 or ahead > 0x8000:
            self._repeat_ack(now)
        elif not self._has_gap:  # RFC 7440 section 4: say at once, but once, after which block the gap begins
            self._has_gap = True
            self._acknowledge(now)

    def _take_block(self, payload: bytes, now: float) -> None:
        if len(payload) > self._agreed.blksize_bytes:
            raise TftpRefused(ErrorCode.ILLEGAL_OPERATION, f"Illegal TFTP operation: block of {len(payload)} bytes")
        self._block += 1
        self._unacknowledged += 1
        self._has_gap = False
        self._payloads.append(payload)
        self._size_bytes += len(payload)
        if self._size_bytes > self._max_size_bytes:
            raise self._too_large()
        if len(payload) < self._agreed.blksize_bytes:
            self._complete(now)
        elif self._unacknowledged >= self._agreed.windowsize_blocks:
            self._acknowledge(now)
        else:
            self._restart_clock(now)

    def _complete(self, now: float) -> None:
        self._acknowledge(now)
        self._is_complete = True
        self._wait_until_s = now + self._linger_s if self._linger_s else math.inf
        self._events.append(Received(b"".join(self._payloads)))
        self._payloads.clear()

    def _repeat_last_ack(self, datagram: bytes, now: float) -> None:
        if self._wait_until_s != math.inf and datagram[:2] == b"\0\3":
            self._repeat_ack(now)

    def _repeat_ack(self, now: float) -> None:
        if now - self._last_sent_s >= self._retry_after_s / 2:
            self._last_sent_s = now
            self._queue(Ack(self._block & 0xFFFF).encode())

    def _acknowledge(self, now: float) -> None:
        self._unacknowledged = 0
        self._send(Ack(self._block & 0xFFFF).encode(), now)

    def _send(self, packet: bytes, now: float) -> None:
        self._last_packet = packet
        self._last_sent_s = now
        self._restart_clock(now)
        self._queue(packet)

    def _repeat(self, now: float) -> None:
        self._last_sent_s = now
        self._wait_until_s = now + self._wait_s
        self._queue(self._last_packet)

    def _queue(self, packet: bytes) -> None:
        self._outgoing.append((packet, self._source or self._server))

    def _restart_clock(self, now: float) -> None:
        self._tries = 1
        self._wait_s = self._retry_after_s
        self._wait_until_s = now + self._retry_after_s

    def _finish(self, event: ReceiveEvent) -> None:
        self._wait_until_s = math.inf
        self._payloads.clear()
        self._events.append(event)

    def _too_large(self) -> TftpRefused:
        return TftpRefused(ErrorCode.DISK_FULL, f"File larger than {self._max_size_bytes} bytes")
