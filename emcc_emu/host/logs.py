"""Where a cluster's log goes: one JSON object a line, in a file beside its database, bounded in size."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import msgspec
import structlog

__all__ = ["BoundedLog", "configure_logs"]

MAX_LOG_BYTES = 32 * 1024 * 1024
"""A log that has grown past this size becomes `NAME.log.1`, whose predecessor is dropped."""


class BoundedLog:
    """A log file that is turned over once it is full.

    Args:
        path: The file; appended to when it exists.
        max_bytes: Size at which it is turned over.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._open()

    def write(self, line: bytes) -> None:
        """Append a line."""
        if self._size_bytes + len(line) > self._max_bytes:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._open()
        self._file.write(line)
        self._size_bytes += len(line)

    def flush(self) -> None:
        """Lines go to the system one by one; nothing is held back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size_bytes = self._file.tell()


def configure_logs(log: BoundedLog, level: str = "info") -> None:
    """Send every event of this process to the log; below the level nothing is even formatted."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_encode),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.BytesLoggerFactory(file=log),  # type: ignore[arg-type]  # it writes bytes and flushes
        cache_logger_on_first_use=True,
    )


def _encode(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)
