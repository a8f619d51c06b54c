"""Cutting a TCP or TLS byte stream into SIP messages.

RFC 3261 section 18.3 (Content-Length rules on streams), RFC 5626 section 3.5.1 (CRLF keepalives).
"""

from __future__ import annotations

import re
from typing import Final

from emcc_emu.errors import SipUnparsable
from emcc_emu.wire.sip_parse import MAX_LINE_CHARS, MAX_MESSAGE_BYTES

__all__ = ["StreamFramer"]

_CONTENT_LENGTH: Final = re.compile(rb"\r\n(?:content-length|l)[ \t]*:((?:[^\r]|\r\n[ \t])*)", re.IGNORECASE)
_MAX_LENGTH_DIGITS: Final = 9


class StreamFramer:
    """Takes bytes as they arrive, gives whole messages, however they were split or joined.

    A message whose Content-Length is bad, conflicting or over the bound is delivered without its body, so that the
    owner can answer 400 or 513 (`validate_request(..., stream=True)` says which); `lost` is then set and the
    connection must be closed. A missing Content-Length counts as 0.
    """

    __slots__ = ("_buffer", "_max_message_bytes", "_scan_from", "_skipped", "_total", "lost", "pings")

    def __init__(self, max_message_bytes: int = MAX_MESSAGE_BYTES) -> None:
        self._buffer = bytearray()
        self._max_message_bytes = max_message_bytes
        self._scan_from = 0
        self._skipped = 0
        self._total: int | None = None
        self.pings = 0
        """Keepalives (CRLF CRLF between messages) seen so far; each deserves one CRLF. The owner may reset it."""
        self.lost: str | None = None
        """Why the stream cannot be read any further; None while it can."""

    @property
    def has_partial_message(self) -> bool:
        """Whether the start of a message waits for its rest."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes; return the messages they complete.

        Raises:
            SipUnparsable: Synchronisation is lost and no message is left to deliver: close the connection.
        """
        messages: list[bytes] = []
        if self.lost is None:
            self._buffer += data
            while self.lost is None and (message := self._take_message()) is not None:
                messages.append(message)
        if self.lost is not None:
            self._buffer.clear()
            if not messages:
                raise SipUnparsable(self.lost)
        return messages

    def _take_message(self) -> bytes | None:
        buffer = self._buffer
        if buffer and buffer[0] in b"\r\n":
            self._skip_line_breaks()
        end = buffer.find(b"\r\n\r\n", self._scan_from)
        if end < 0:
            self._scan_from = max(0, len(buffer) - 3)
            self._check_unfinished_head()
            return None
        if self._total is None:
            if not self._is_sip(end):
                return None
            self._scan_from = end
            self._total = self._total_bytes(end)
        total = self._total
        if len(buffer) < total:
            return None
        self._skipped = self._scan_from = 0
        self._total = None
        message = bytes(buffer[:total])
        del buffer[:total]
        return message

    def _skip_line_breaks(self) -> None:
        """Drop CR and LF before a start line; every second LF completes a keepalive."""
        buffer = self._buffer
        count = len(buffer) - len(buffer.lstrip(b"\r\n"))
        line_feeds = self._skipped + buffer.count(b"\n", 0, count)
        self.pings += line_feeds // 2
        self._skipped = line_feeds % 2
        del buffer[:count]
        self._scan_from = 0

    def _is_sip(self, end: int) -> bool:
        line_end = self._buffer.find(b"\r\n", 0, end + 2)
        if b"SIP/" in self._buffer[:line_end].upper():
            return True
        self.lost = "no SIP start line on the stream"
        return False

    def _check_unfinished_head(self) -> None:
        buffer = self._buffer
        if len(buffer) > self._max_message_bytes:
            self.lost = f"header section longer than {self._max_message_bytes} bytes"
        elif buffer:
            line_end = buffer.find(b"\r\n", 0, MAX_LINE_CHARS)
            if line_end >= 0:
                self._is_sip(line_end)
            elif len(buffer) > MAX_LINE_CHARS:
                self.lost = f"first line longer than {MAX_LINE_CHARS} bytes"

    def _total_bytes(self, end: int) -> int:
        """Bytes of the message whose head ends at `end`; the head alone, and `lost` set, when they cannot be known."""
        head_bytes = end + 4
        lengths = {value.strip() for value in _CONTENT_LENGTH.findall(self._buffer, 0, end)}
        if not lengths:
            return head_bytes
        value = lengths.pop()
        if lengths or not value.isdigit() or len(value.lstrip(b"0")) > _MAX_LENGTH_DIGITS:
            self.lost = "bad Content-Length on the stream"
        elif head_bytes + int(value) > self._max_message_bytes:
            self.lost = f"message longer than {self._max_message_bytes} bytes"
        else:
            return head_bytes + int(value)
        return head_bytes
