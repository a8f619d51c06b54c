"""Changes of calling and called numbers: digit discard, masks, prefixes."""

from __future__ import annotations

import dataclasses

from emcc_emu.lab.model import DigitTransformation
from emcc_emu.lab.patterns import parse_pattern

__all__ = ["Numbers", "apply_mask", "transform", "transform_for_member"]


@dataclasses.dataclass(frozen=True, slots=True)
class Numbers:
    """The two numbers of a call."""

    calling: str
    called: str


def apply_mask(mask: str, number: str) -> str:
    """Lays a mask over a number, from the right: `X` keeps a digit, anything else replaces it.

    Digits left of the mask are dropped; an `X` left of the number stands for nothing. An empty mask keeps the number.
    """
    if not mask:
        return number
    kept = []
    for position, symbol in enumerate(reversed(mask), start=1):
        if symbol not in "Xx":
            kept.append(symbol)
        elif position <= len(number):
            kept.append(number[-position])
    return "".join(reversed(kept))


def transform(
    numbers: Numbers, transformation: DigitTransformation, pattern: str = "", external_mask: str = ""
) -> Numbers:
    """The numbers after a transformation.

    Args:
        pattern: The pattern that the called number matched; its dot says what `pre_dot` discards.
        external_mask: External phone number mask of the calling line, for transformations that use it.
    """
    return Numbers(
        _transform_calling(numbers.calling, transformation, external_mask),
        _transform_called(numbers.called, transformation, pattern),
    )


def transform_for_member(
    numbers: Numbers,
    from_pattern: DigitTransformation,
    from_member: DigitTransformation,
    pattern: str = "",
    external_mask: str = "",
) -> Numbers:
    """The numbers as one member of a route list sends them.

    What the member says about the called number replaces what the pattern says about it, and the same for the calling
    number; a member that says nothing leaves it to the pattern.
    """
    called_by = from_member if _changes_called(from_member) else from_pattern
    calling_by = from_member if _changes_calling(from_member) else from_pattern
    return Numbers(
        _transform_calling(numbers.calling, calling_by, external_mask),
        _transform_called(numbers.called, called_by, pattern),
    )


def _changes_called(transformation: DigitTransformation) -> bool:
    return transformation.discard != "none" or bool(transformation.called_mask or transformation.called_prefix)


def _changes_calling(transformation: DigitTransformation) -> bool:
    return transformation.use_external_mask or bool(transformation.calling_mask or transformation.calling_prefix)


def _transform_called(called: str, transformation: DigitTransformation, pattern: str) -> str:
    if transformation.discard.startswith("pre_dot") and pattern:
        called = called[parse_pattern(pattern).dot_position or 0 :]
    if transformation.discard.endswith("trailing_hash"):
        called = called.removesuffix("#")
    return transformation.called_prefix + apply_mask(transformation.called_mask, called)


def _transform_calling(calling: str, transformation: DigitTransformation, external_mask: str) -> str:
    if transformation.use_external_mask:
        calling = apply_mask(external_mask, calling)
    return transformation.calling_prefix + apply_mask(transformation.calling_mask, calling)
