"""Names in a lab that refer to something: does it exist, and is a name taken twice?"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from emcc_emu.settings.mistakes import Mistake, Path, nearest_word, show_value

__all__ = ["repeated_names", "unknown_name"]


def unknown_name(path: Path, name: str, valid: Collection[str], what: str) -> Iterator[Mistake]:
    """A mistake if a name is given that `valid` does not have; an empty name is none."""
    if name and name not in valid:
        yield Mistake(path, f"{show_value(name)} is no {what} of this cluster", nearest=nearest_word(name, valid))


def repeated_names(path: Path, names: Iterable[str], what: str) -> Iterator[Mistake]:
    """A mistake for each name that was there before."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield Mistake((*path, name), f"{show_value(name)} is the name of more than one {what}")
        seen.add(name)
