"""The session descriptions of a phone: its offer, its answer, and what the far end's description means to it.

The offer is that of a 7800 series phone. A phone answers with one speech codec and telephone events (RFC 4733), and
refuses every medium but the first audio (RFC 3264 section 6).
"""

from __future__ import annotations

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sdp import Codec, Media, Origin, SessionDescription, parse_sdp

__all__ = ["CODECS", "agreed_codec", "audio_address", "build_answer", "build_offer", "is_held"]

CODECS: tuple[Codec, ...] = (
    Codec(9, "G722", 8000),
    Codec(0, "PCMU", 8000),
    Codec(8, "PCMA", 8000),
    Codec(18, "G729", 8000, fmtp="annexb=no"),
    Codec(101, "telephone-event", 8000, fmtp="0-15"),
)
"""What a phone offers, in its order of preference."""

USERNAME = "Cisco-SIPUA"
"""First word of the `o=` line."""

NOTHING_USABLE = (("Warning", '304 phone "Media Type(s) Unavailable"'),)

_ANSWERED_DIRECTION = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
"""RFC 3264 section 6.1."""


def build_offer(address: str, port: int, version: int, session_id: int) -> bytes:
    """Describe what we want to receive.

    Args:
        address: Address for audio.
        port: RTP port.
        version: Of the `o=` line; goes up by one with each changed description.
        session_id: Of the `o=` line, constant for the call.
    """
    audio = Media("audio", port, address=address)
    audio.set_codecs(list(CODECS))
    audio.direction = "sendrecv"
    return _description(address, version, session_id, [audio]).encode()


def build_answer(offer: bytes, address: str, port: int, version: int, session_id: int) -> bytes:
    """Answer an offer: its first audio with the first codec that we know, all else refused.

    Raises:
        SipInvalid: 400 when the offer cannot be read, 488 when nothing in it can be used.
    """
    offered = parse_sdp(offer)
    audio = _usable_audio(offered)
    media = [_answer_audio(offered, part, address, port) if part is audio else _refused(part) for part in offered.media]
    return _description(address, version, session_id, media).encode()


def _usable_audio(offered: SessionDescription) -> Media:
    for part in offered.media:
        if part.kind == "audio" and part.port and part.protocol == "RTP/AVP" and _common(part):
            return part
    raise SipInvalid("no audio that this phone can play", status=488, headers=NOTHING_USABLE)


def _common(part: Media) -> list[Codec]:
    """The first codec of a medium that we know, and its telephone events; empty when there is no such codec."""
    known = {codec.name.lower(): codec for codec in CODECS}
    speech = [codec for codec in part.codecs if not codec.is_telephone_event and codec.name.lower() in known]
    events = [codec for codec in part.codecs if codec.is_telephone_event]
    if not speech:
        return []
    first = speech[0]
    chosen = Codec(first.payload_type, first.name, first.clock_rate_hz, fmtp=known[first.name.lower()].fmtp)
    return [chosen, *events[:1]]


def _answer_audio(offered: SessionDescription, part: Media, address: str, port: int) -> Media:
    answer = Media("audio", port, address=address)
    answer.set_codecs(_common(part))
    answer.direction = _ANSWERED_DIRECTION[offered.direction_of(part)]
    return answer


def _refused(part: Media) -> Media:
    """Port 0, one format kept (RFC 3264 section 6)."""
    return Media(part.kind, 0, part.protocol, part.formats[:1])


def _description(address: str, version: int, session_id: int, media: list[Media]) -> SessionDescription:
    return SessionDescription(Origin(USERNAME, str(session_id), version, address), media=media)


def audio_address(description: bytes) -> tuple[str, int] | None:
    """Where its writer wants audio; None when it wants none, or when it cannot be read."""
    found = _audio(description)
    if found is None:
        return None
    parsed, audio = found
    address = parsed.address_of(audio)
    return (address, audio.port) if address is not None and audio.port else None


def agreed_codec(local: bytes, remote: bytes) -> str:
    """Name of the speech codec that both descriptions have, as the far end prefers it; empty for none."""
    ours, theirs = _audio(local), _audio(remote)
    if ours is None or theirs is None:
        return ""
    known = {codec.name.lower() for codec in ours[1].codecs}
    shared = (codec for codec in theirs[1].codecs if not codec.is_telephone_event and codec.name.lower() in known)
    return next((codec.name for codec in shared), "")


def is_held(description: bytes) -> bool:
    """Whether its writer has put us on hold (`sendonly`, `inactive`, or the address 0.0.0.0)."""
    found = _audio(description)
    return found is not None and found[0].is_hold(found[1])


def _audio(description: bytes) -> tuple[SessionDescription, Media] | None:
    """A description and its first audio; None when there is none, or when it cannot be read."""
    try:
        parsed = parse_sdp(description)
    except SipInvalid:
        return None
    return (parsed, parsed.audio) if parsed.audio is not None else None
