"""The audio codec of an EMCC call: the region's bit rate limit, the link loss type, and what both sides offer.

The bit rate classes and the preference order are this project's choice, except that low loss prefers G.722 to iSAC and
lossy the reverse, which is all that the guide says of the link loss type.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from emcc_emu.lab.parameters import LinkLossType

__all__ = ["CODECS", "Codec", "allowed_codecs", "choose_codec", "codec_named", "video_kbps"]


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


def allowed_codecs(limit_kbps: int, link_loss: LinkLossType) -> tuple[Codec, ...]:
    """Codecs within the region's limit, the preferred first."""
    ordered = list(CODECS)
    if link_loss == "lossy":
        isac = ordered.pop(next(i for i, codec in enumerate(ordered) if codec.encoding_name == "ISAC"))
        ordered.insert(next(i for i, codec in enumerate(ordered) if codec.encoding_name == "G722"), isac)
    return tuple(codec for codec in ordered if codec.limit_kbps <= limit_kbps)


def choose_codec(
    offered: Iterable[str], accepted: Iterable[str], limit_kbps: int, link_loss: LinkLossType = "low_loss"
) -> Codec | None:
    """The one audio codec of a call.

    Args:
        offered: Encoding names that one side lists, in any case.
        accepted: Encoding names that the other side lists.
        limit_kbps: Maximum audio bit rate of the region, kbps.

    Returns:
        None if the sides have nothing in common within the limit: a transcoder is needed, or the call gets 488.
    """
    common = {name.upper() for name in offered} & {name.upper() for name in accepted}
    return next((codec for codec in allowed_codecs(limit_kbps, link_loss) if codec.encoding_name in common), None)


def video_kbps(limit_kbps: int, audio: Codec) -> int:
    """What the video limit, which includes audio, leaves for video; 0 is no video."""
    return max(0, limit_kbps - audio.limit_kbps)
