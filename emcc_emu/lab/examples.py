"""The lab that comes with the program."""

from __future__ import annotations

from pathlib import Path

from emcc_emu.errors import InputError

__all__ = ["two_clusters_path"]

_PACKAGE = Path(__file__).resolve().parents[1]
_PLACES = (_PACKAGE / "labs", _PACKAGE.parent / "fixtures" / "labs")
"""In an installed package the labs lie beside the code; in a checkout they are fixtures."""


def two_clusters_path() -> Path:
    """Path of the two-cluster lab file.

    Raises:
        InputError: the installation lacks it.
    """
    for place in _PLACES:
        if (path := place / "two-clusters.yaml").exists():
            return path
    raise InputError(f"the built-in lab is missing; looked in {', '.join(str(place) for place in _PLACES)}")
