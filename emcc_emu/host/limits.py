"""Descriptors: every phone, connection and file costs one, and the soft limit is often far too low."""

from __future__ import annotations

import resource

__all__ = ["SPARE_DESCRIPTORS", "raise_descriptor_limit"]

SPARE_DESCRIPTORS = 256
"""Descriptors that a process needs besides its phones: listeners, files, pipes, clients."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open descriptors to the hard one; returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard
