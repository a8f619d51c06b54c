"""The audio codec of an EMCC call: the region's bit rate limit, the link loss type, and what both sides offer.

The bit rate classes and the preference order are this project's choice, except that low loss prefers G.722 to iSAC and
lossy the reverse, which is all that the guide says of the link loss type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from emcc_emu.lab.parameters import LinkLossType

__all__ = ["CODECS", "Codec", "CodecLimit", "allowed_codecs", "choose_codec", "codec_named"]


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """An audio codec."""

    encoding_name: str
    """Name in `a=rtpmap`; compared without case."""

    clock_rate_hz: int
    """Clock rate in `a=rtpmap`."""

    limit_kbps: int
    """Smallest region limit that admits it, kbps."""

    payload_type: int | None = None
    """Static payload type of RFC 3551; None if dynamic."""


@dataclasses.dataclass(frozen=True, slots=True)
class CodecLimit:
    """What a region allows its calls."""

    audio_kbps: int
    """Maximum audio bit rate."""

    link_loss: LinkLossType = "low_loss"


CODECS: tuple[Codec, ...] = (
    Codec("MPEG4-GENERIC", 48000, 128),
    Codec("L16", 16000, 256),
    Codec("OPUS", 48000, 64),
    Codec("G722", 8000, 64, 9),
    Codec("ISAC", 16000, 32),
    Codec("G7221", 16000, 32),
    Codec("AMR-WB", 16000, 24),
    Codec("PCMU", 8000, 64, 0),
    Codec("PCMA", 8000, 64, 8),
    Codec("ILBC", 8000, 16),
    Codec("AMR", 8000, 13),
    Codec("GSM", 8000, 13, 3),
    Codec("G728", 8000, 16, 15),
    Codec("G729", 8000, 8, 18),
    Codec("G723", 8000, 7, 4),
)
"""Codecs, the preferred first, for a low-loss link."""

_BY_NAME = {codec.encoding_name: codec for codec in CODECS}


def codec_named(encoding_name: str) -> Codec | None:
    """The codec of an `a=rtpmap` name, in any case; None if unknown."""
    return _BY_NAME.get(encoding_name.upper())


def allowed_codecs(limit: CodecLimit) -> tuple[Codec, ...]:
    """Codecs within the region's limit, the preferred first."""
    ordered = list(CODECS)
    if limit.link_loss == "lossy":
        isac = ordered.pop(next(i for i, codec in enumerate(ordered) if codec.encoding_name == "ISAC"))
        ordered.insert(next(i for i, codec in enumerate(ordered) if codec.encoding_name == "G722"), isac)
    return tuple(codec for codec in ordered if codec.limit_kbps <= limit.audio_kbps)


def choose_codec(offered: Iterable[str], accepted: Iterable[str], limit: CodecLimit | None) -> str | None:
    """The encoding name, in upper case, of the one audio codec of a call.

    Args:
        offered: Encoding names that one side lists, in any case, the preferred first.
        accepted: Encoding names that the other side lists.
        limit: Of the region, whose order of preference then counts; None lets the offering side decide.

    Returns:
        None if the sides have nothing in common within the limit: a transcoder is needed, or the call gets 488.
    """
    theirs = {name.upper() for name in accepted}
    common = [name.upper() for name in offered if name.upper() in theirs]
    if limit is not None:
        common = [codec.encoding_name for codec in allowed_codecs(limit) if codec.encoding_name in common]
    return common[0] if common else None
