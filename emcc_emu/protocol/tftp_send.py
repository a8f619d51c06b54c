"""The server side of a TFTP read: sends a file block by block, window by window, until it is acknowledged.

Every ACK that moves the transfer forward is answered with one window; any other ACK with nothing. So a duplicated
packet never doubles the traffic (the Sorcerer's Apprentice, RFC 1123 section 4.2.3.1), and each lost one costs one
silence, after which the window is sent again.
"""

from __future__ import annotations

import math
import struct

from emcc_emu.errors import TftpRefused
from emcc_emu.protocol.tftp_events import Delivered, GaveUp, Refused, SendEvent
from emcc_emu.protocol.tftp_options import DEFAULT_MAX_WINDOW_BLOCKS, accept_options
from emcc_emu.wire.tftp import MAX_BLKSIZE_BYTES, ErrorCode, ErrorPacket, Opcode, OptionAck, Options, parse_packet

__all__ = ["DEFAULT_BACK_OFF", "DEFAULT_MAX_TRIES", "DEFAULT_RETRY_AFTER_S", "SendTransfer"]

Address = tuple[str, int]

DEFAULT_RETRY_AFTER_S = 1.0
"""First silence before a window is sent again."""

DEFAULT_MAX_TRIES = 5
"""How often a window is sent before the transfer is given up."""

DEFAULT_BACK_OFF = 1.5
"""Factor by which each silence of the same window grows."""

_DATA_HEADER = struct.Struct(">HH")
_ACK_PREFIX = Opcode.ACK.to_bytes(2, "big")


class SendTransfer:
    """One file on its way to one client; ready with its first packet as soon as it is made.

    Args:
        content: The file, in the transfer mode's form.
        peer: The client's address and port (its transfer identifier).
        now: Monotonic seconds.
        options: What the read request asked for.
        retry_after_s: First silence before sending again; the ``timeout`` option replaces it.
        max_tries: How often one window is sent.
        back_off: Factor between one silence and the next, 1 or more.
        max_blksize_bytes: Larger block sizes are reduced to this.
        max_window_blocks: Larger windows are reduced to this.
    """

    __slots__ = (
        "_acknowledged",
        "_back_off",
        "_blksize",
        "_content",
        "_deadline",
        "_events",
        "_last_block",
        "_max_tries",
        "_option_ack",
        "_outgoing",
        "_retry_after_s",
        "_sent",
        "_tries",
        "_wait_s",
        "_window",
        "peer",
    )

    def __init__(
        self,
        content: bytes,
        peer: Address,
        *,
        now: float,
        options: Options = (),
        retry_after_s: float = DEFAULT_RETRY_AFTER_S,
        max_tries: int = DEFAULT_MAX_TRIES,
        back_off: float = DEFAULT_BACK_OFF,
        max_blksize_bytes: int = MAX_BLKSIZE_BYTES,
        max_window_blocks: int = DEFAULT_MAX_WINDOW_BLOCKS,
    ) -> None:
        agreed, accepted = accept_options(
            options, len(content), max_blksize_bytes=max_blksize_bytes, max_window_blocks=max_window_blocks
        )
        self._content = content
        self.peer = peer
        self._blksize = agreed.blksize_bytes
        self._window = agreed.windowsize_blocks
        self._last_block = len(content) // agreed.blksize_bytes + 1
        self._retry_after_s = float(agreed.timeout_s or retry_after_s)
        self._max_tries = max_tries
        self._back_off = back_off
        self._outgoing: list[tuple[bytes, Address]] = []
        self._events: list[SendEvent] = []
        self._acknowledged = 0
        self._sent = 0
        self._tries = 1
        self._wait_s = self._retry_after_s
        self._deadline = now + self._retry_after_s
        self._option_ack = OptionAck(accepted).encode() if accepted else None
        self._start_try(now)

    def receive(self, datagram: bytes, peer: Address, now: float) -> None:
        """Take a datagram that came to this transfer's port."""
        if peer != self.peer:
            if datagram[:2] != b"\0\5":  # an ERROR is never answered
                self._outgoing.append((_UNKNOWN_TRANSFER, peer))
        elif self._deadline == math.inf:
            return
        elif len(datagram) == 4 and datagram[:2] == _ACK_PREFIX:
            self._receive_ack((datagram[2] << 8) | datagram[3], now)
        else:
            self._receive_other(datagram)

    def connection_lost(self, peer: Address, now: float) -> None:
        """Datagrams know no connection; nothing happens."""

    def handle_deadline(self, now: float) -> None:
        """Send the window again after a silence, or give up after the last try."""
        if now < self._deadline:
            return
        if self._tries >= self._max_tries:
            block = 0 if self._option_ack is not None else self._acknowledged + 1
            self._finish(GaveUp(block, self._tries))
            return
        self._tries += 1
        self._wait_s *= self._back_off
        self._deadline = now + self._wait_s
        self._send_window()

    def take_outgoing(self) -> list[tuple[bytes, Address]]:
        """Return and forget the packets to send."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def take_events(self) -> list[SendEvent]:
        """Return and forget what happened: at the end one of `Delivered`, `Refused`, `GaveUp`."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float:
        """When to call `handle_deadline`; infinite once the transfer is over."""
        return self._deadline

    def _receive_ack(self, number: int, now: float) -> None:
        if self._option_ack is not None:
            if number == 0:
                self._option_ack = None
                self._start_try(now)
            return
        # Distance modulo 65536 from the last acknowledged block; block numbers wrap to 0 in long files.
        advance = (number - self._acknowledged) & 0xFFFF
        if not 0 < advance <= self._sent - self._acknowledged:
            return
        self._acknowledged += advance
        if self._acknowledged == self._last_block:
            self._finish(Delivered(len(self._content)))
        else:
            self._start_try(now)

    def _receive_other(self, datagram: bytes) -> None:
        try:
            packet = parse_packet(datagram)
        except TftpRefused as error:
            self._refuse(error.code, error.message)
            return
        if isinstance(packet, ErrorPacket):
            self._finish(Refused(packet.code, packet.message, is_by_peer=True))
        else:
            self._refuse(ErrorCode.ILLEGAL_OPERATION, f"Illegal TFTP operation: {type(packet).__name__} in a read")

    def _refuse(self, code: int, message: str) -> None:
        self._outgoing.append((ErrorPacket(code, message).encode(), self.peer))
        self._finish(Refused(code, message, is_by_peer=False))

    def _start_try(self, now: float) -> None:
        self._tries = 1
        self._wait_s = self._retry_after_s
        self._deadline = now + self._retry_after_s
        self._send_window()

    def _send_window(self) -> None:
        if self._option_ack is not None:
            self._outgoing.append((self._option_ack, self.peer))
            return
        blksize = self._blksize
        first = self._acknowledged
        self._sent = min(first + self._window, self._last_block)
        for index in range(first, self._sent):
            payload = self._content[index * blksize : (index + 1) * blksize]
            self._outgoing.append((_DATA_HEADER.pack(3, (index + 1) & 0xFFFF) + payload, self.peer))

    def _finish(self, event: SendEvent) -> None:
        self._deadline = math.inf
        self._events.append(event)


_UNKNOWN_TRANSFER = ErrorPacket(ErrorCode.UNKNOWN_TRANSFER_ID, "Unknown transfer ID").encode()
