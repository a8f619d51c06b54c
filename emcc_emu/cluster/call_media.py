"""The session descriptions of a call: what of both offers is agreed, in the form in which Unified CM writes it.

Media flows directly between the parties, so each is told the other's address and the payload types the other expects.
Audio gets one codec and telephone-event; other streams are refused with port 0.
"""

from __future__ import annotations

import copy
import dataclasses

from emcc_emu.errors import SipInvalid
from emcc_emu.rules.codecs import CodecLimit, allowed_codecs, choose_codec, codec_named
from emcc_emu.wire import sdp, sip
from emcc_emu.wire.mime import find_part, split_body

__all__ = [
    "Agreement",
    "description_in",
    "first_codec",
    "join_offers",
    "rejection",
    "relay_answer",
    "relay_offer",
    "signed",
    "warning_for",
]

SESSION_USER = "CiscoSystemsCCM-SIP"

PACKET_TIME_MS = "20"

RTP_OVERHEAD_KBPS = 16
"""What 20 ms packets of RTP, UDP and IP add to a codec's rate, for `b=AS`."""

MEDIA_UNAVAILABLE = 304
"""Warning code of RFC 3261 section 20.43: one or more media types are not available."""


@dataclasses.dataclass(frozen=True, slots=True)
class Agreement:
    """Answers to two offers, made from each other."""

    for_first: sdp.SessionDescription
    for_second: sdp.SessionDescription
    codec: str
    """Encoding name of the audio."""


def description_in(message: sip.SipMessage) -> sdp.SessionDescription | None:
    """The session description in a message's body, plain or in a multipart; None when there is none.

    Raises:
        SipInvalid: It cannot be read.
    """
    if not message.body:
        return None
    part = find_part(split_body(message.get("Content-Type"), message.body), sdp.SDP_TYPE)
    return None if part is None else sdp.parse_sdp(part.content)


def join_offers(first: sdp.SessionDescription, second: sdp.SessionDescription, limit: CodecLimit | None) -> Agreement:
    """Answer two offers with each other's media.

    The preference is that of the EMCC region's link loss type when it limits the call, else the first party's.

    Raises:
        SipInvalid: 488, the parties have no audio codec in common within the limit.
    """
    first_audio, second_audio = first.audio, second.audio
    if first_audio is None or second_audio is None or not first_audio.port or not second_audio.port:
        raise _no_common_media()
    codec_name = choose_codec(_names(first_audio), _names(second_audio), limit)
    if codec_name is None:
        raise _no_common_media()
    return Agreement(
        for_first=_answer(first, second, codec_name),
        for_second=_answer(second, first, codec_name),
        codec=codec_name,
    )


def _names(audio: sdp.Media) -> list[str]:
    """Encoding names of its codecs; telephone-event is none."""
    return [codec.name.upper() for codec in audio.codecs if not codec.is_telephone_event]


def _answer(offer: sdp.SessionDescription, other: sdp.SessionDescription, codec_name: str) -> sdp.SessionDescription:
    """An answer to `offer` that names the audio of `other`; as many streams as the offer, in its order."""
    theirs = other.audio
    answer = sdp.SessionDescription(sdp.Origin(SESSION_USER, "0", 0, "0.0.0.0"))
    answered = False
    for media in offer.media:
        if media.kind != "audio" or answered or not media.port or theirs is None:
            answer.media.append(_refused(media))
            continue
        answered = True
        answer.address = other.address_of(theirs)
        _set_bandwidth(answer, codec_name)
        answer.media.append(_agreed_audio(media, theirs, codec_name, offer, other))
    return answer


def _agreed_audio(
    offered: sdp.Media,
    theirs: sdp.Media,
    codec_name: str,
    offer: sdp.SessionDescription,
    other: sdp.SessionDescription,
) -> sdp.Media:
    """The payload types are the other party's: media is direct, so it has to recognise what it receives."""
    codecs = [codec for codec in theirs.codecs if codec.name.upper() == codec_name][:1]
    if any(codec.is_telephone_event for codec in offered.codecs):
        events = [codec for codec in theirs.codecs if codec.is_telephone_event]
        codecs += events[:1]
    audio = sdp.Media("audio", theirs.port, offered.protocol)
    audio.set_codecs(codecs)
    audio.set_attribute("ptime", PACKET_TIME_MS)
    wanted = sdp.reverse_direction(offer.direction_of(offered))
    direction = _narrower(wanted, other.direction_of(theirs))
    if direction != "sendrecv":
        audio.direction = direction
    return audio


def _narrower(wanted: str, offered: str) -> str:
    """The directions that two descriptions of one stream both allow."""
    sends = wanted in ("sendrecv", "sendonly") and offered in ("sendrecv", "sendonly")
    receives = wanted in ("sendrecv", "recvonly") and offered in ("sendrecv", "recvonly")
    return ("inactive", "sendonly", "recvonly", "sendrecv")[sends + 2 * receives]


def _refused(media: sdp.Media) -> sdp.Media:
    """A stream that is not taken: port 0, its format list kept."""
    refused = sdp.Media(media.kind, 0, media.protocol, list(media.formats))
    refused.attributes = [item for item in media.attributes if item[0] in ("rtpmap", "label", "content")]
    refused.direction = "inactive"
    return refused


def _set_bandwidth(description: sdp.SessionDescription, codec_name: str) -> None:
    known = codec_named(codec_name)
    if known is not None:
        description.bandwidths = [("TIAS", known.limit_kbps * 1000), ("AS", known.limit_kbps + RTP_OVERHEAD_KBPS)]


def relay_offer(offered: sdp.SessionDescription, limit: CodecLimit | None) -> sdp.SessionDescription:
    """One party's offer as the other gets it: codecs above the limit left out, everything else as it was.

    Raises:
        SipInvalid: 488, no audio codec is within the limit.
    """
    relayed = copy.deepcopy(offered)
    audio = relayed.audio
    if audio is None or limit is None:
        return relayed
    allowed = {codec.encoding_name for codec in allowed_codecs(limit)}
    kept = [codec for codec in audio.codecs if codec.is_telephone_event or codec.name.upper() in allowed]
    if audio.port and not any(not codec.is_telephone_event for codec in kept):
        raise _no_common_media()
    audio.set_codecs(kept)
    return relayed


def relay_answer(answered: sdp.SessionDescription) -> sdp.SessionDescription:
    """One party's answer as the other gets it."""
    return copy.deepcopy(answered)


def rejection(offered: sdp.SessionDescription) -> sdp.SessionDescription:
    """An answer that takes nothing of an offer."""
    refused = sdp.SessionDescription(sdp.Origin(SESSION_USER, "0", 0, "0.0.0.0"), address="0.0.0.0")
    refused.media = [_refused(media) for media in offered.media]
    return refused


def signed(media: sdp.SessionDescription, leg_number: int, version: int, ip: str) -> bytes:
    """The bytes of a description under a leg's own origin line."""
    media.origin = sdp.Origin(SESSION_USER, str(leg_number), version, ip)
    media.name = "SIP Call"
    return media.encode()


def first_codec(described: sdp.SessionDescription) -> str:
    """Encoding name of the first audio codec; empty when there is none."""
    audio = described.audio
    return next(iter(_names(audio)), "") if audio is not None else ""


def _no_common_media() -> SipInvalid:
    return SipInvalid("Media Type(s) Unavailable", status=488)


def warning_for(status: int, node_ip: str) -> tuple[tuple[str, str], ...]:
    """The Warning that a refusal carries; none for most."""
    if status != 488:
        return ()
    return (("Warning", f'{MEDIA_UNAVAILABLE} {node_ip} "Media Type(s) Unavailable"'),)
