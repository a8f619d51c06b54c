"""Descriptors: every phone, connection and file costs one, and the soft limit is often far too low."""

from __future__ import annotations

import resource

from emcc_emu.errors import LabError

__all__ = ["raise_descriptor_limit", "require_descriptors"]

SPARE_DESCRIPTORS = 256
"""Descriptors that a process needs besides its phones: listeners, files, pipes, clients."""


def raise_descriptor_limit() -> int:
    """Raise the soft limit on open descriptors to the hard one; returns the limit now in force."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def require_descriptors(needed: int) -> None:
    """Check that this process may open so many more sockets.

    Raises:
        LabError: the hard limit is too low; the text names the number and the remedy.
    """
    limit = raise_descriptor_limit()
    if limit != resource.RLIM_INFINITY and needed + SPARE_DESCRIPTORS > limit:
        raise LabError(
            f"{needed} phones need {needed + SPARE_DESCRIPTORS} descriptors and this process may open {limit}; "
            f"raise the limit with: ulimit -Hn {needed + SPARE_DESCRIPTORS}"
        )
