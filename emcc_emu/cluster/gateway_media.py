"""What a PSTN gateway says about media: an offer with the usual telephony codecs, and answers to offers."""

from __future__ import annotations

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sdp

__all__ = ["answer_to", "own_offer"]

OWN_CODECS = (
    sdp.Codec(0, "PCMU", 8000),
    sdp.Codec(8, "PCMA", 8000),
    sdp.Codec(18, "G729", 8000, fmtp="annexb=no"),
    sdp.Codec(101, "telephone-event", 8000, fmtp="0-15"),
)


def own_offer(ip: str, port: int) -> sdp.SessionDescription:
    """An offer of everything that the gateway can do."""
    audio = sdp.Media("audio", port)
    audio.set_codecs(list(OWN_CODECS))
    audio.set_attribute("ptime", "20")
    return sdp.SessionDescription(sdp.Origin("emcc-emu-gateway", str(port), 1, ip), address=ip, media=[audio])


def answer_to(offer: sdp.SessionDescription, ip: str, port: int) -> sdp.SessionDescription:
    """An answer with the first codec of the offer that the gateway has.

    Raises:
        SipInvalid: 488, there is none.
    """
    known = {codec.name.upper() for codec in OWN_CODECS}
    answer = sdp.SessionDescription(sdp.Origin("emcc-emu-gateway", str(port), 1, ip), address=ip)
    is_taken = False
    for media in offer.media:
        codecs = [codec for codec in media.codecs if codec.name.upper() in known]
        speech = [codec for codec in codecs if not codec.is_telephone_event][:1]
        if media.kind != "audio" or is_taken or not media.port or not speech:
            answer.media.append(sdp.Media(media.kind, 0, media.protocol, list(media.formats)))
            continue
        is_taken = True
        audio = sdp.Media("audio", port, media.protocol)
        audio.set_codecs([*speech, *(codec for codec in codecs if codec.is_telephone_event)])
        audio.direction = sdp.reverse_direction(offer.direction_of(media))
        answer.media.append(audio)
    if not is_taken:
        raise SipInvalid("no codec in common", status=488)
    return answer
