"""Session descriptions: parse what real phones write, build what Unified CM and Cisco phones write.

RFC 8866 (SDP), RFC 3264 (offer and answer), RFC 3551 (static payload types), RFC 4568 (SDES keys). Parsing is
tolerant: LF or CRLF, unknown lines and attributes kept or skipped, a missing `s=` or `t=` forgiven; without `v=`,
`o=` and `m=` it is no session description.
"""

from __future__ import annotations

import dataclasses
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import shown

__all__ = [
    "DIRECTIONS",
    "SDP_TYPE",
    "STATIC_PAYLOADS",
    "Codec",
    "Crypto",
    "Media",
    "Origin",
    "SessionDescription",
    "parse_sdp",
    "reverse_direction",
]

SDP_TYPE: Final = "application/sdp"
MAX_SDP_BYTES: Final = 32768
MAX_LINES: Final = 1000
MAX_MEDIA: Final = 32
MAX_FORMATS: Final = 64
DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")

STATIC_PAYLOADS: Final[dict[int, tuple[str, int]]] = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
    31: ("H261", 90000),
    34: ("H263", 90000),
}
"""Payload types that need no rtpmap (RFC 3551 tables 4 and 5): encoding name and clock rate in Hz."""

Attribute = tuple[str, str | None]
"""`a=name:value`; None for `a=name`."""


def reverse_direction(direction: str) -> str:
    """The direction seen from the other end (RFC 3264 section 6.1)."""
    return {"sendonly": "recvonly", "recvonly": "sendonly"}.get(direction, direction)


@dataclasses.dataclass(frozen=True, slots=True)
class Codec:
    """One format of a media line."""

    payload_type: int
    """RTP payload type, 0 to 127."""
    name: str
    """Encoding name as written in rtpmap; compare without case."""
    clock_rate_hz: int
    channels: int = 1
    fmtp: str | None = None
    """Text of its fmtp attribute."""

    @property
    def is_telephone_event(self) -> bool:
        """Whether it carries DTMF (RFC 4733) rather than speech."""
        return self.name.lower() == "telephone-event"


@dataclasses.dataclass(frozen=True, slots=True)
class Crypto:
    """One SDES offer or answer line; `inline` is a secret and never logged."""

    tag: int
    suite: str
    inline: str = dataclasses.field(repr=False)
    """Base64 of key and salt, without lifetime and MKI."""


@dataclasses.dataclass(slots=True)
class Origin:
    """The `o=` line; `version` goes up by one with every changed description of a leg."""

    username: str
    session_id: str
    version: int
    address: str
    """Address of the node that wrote it (`IN IP4`, or `IN IP6` when it holds a colon)."""


@dataclasses.dataclass(slots=True)
class Media:
    """One `m=` section."""

    kind: str
    """`audio`, `video`, `application`, …"""
    port: int
    """0 = refused or disabled; the section stays (RFC 3264 section 8.2)."""
    protocol: str = "RTP/AVP"
    formats: list[str] = dataclasses.field(default_factory=list)
    """Payload types (or other format words) in order of preference."""
    address: str | None = None
    """Of its own `c=` line; None takes the session's."""
    bandwidths: list[tuple[str, int]] = dataclasses.field(default_factory=list)
    """`b=` lines: modifier (`AS` in kbps, `TIAS` in bps) and value."""
    attributes: list[Attribute] = dataclasses.field(default_factory=list)
    port_count: int = 1

    def attribute(self, name: str) -> str | None:
        """Value of the first attribute called `name`; the empty string when it has no value, None without it."""
        return next((value or "" for known, value in self.attributes if known == name), None)

    def set_attribute(self, name: str, value: str | None = None) -> None:
        """Replace all attributes of that name by one, in the place of the first."""
        places = [i for i, (known, _) in enumerate(self.attributes) if known == name]
        if places:
            self.attributes[places[0]] = (name, value)
            for place in reversed(places[1:]):
                del self.attributes[place]
        else:
            self.attributes.append((name, value))

    @property
    def direction(self) -> str | None:
        """`sendrecv`, `sendonly`, `recvonly` or `inactive`; None when the section does not say."""
        return next((name for name, _ in self.attributes if name in DIRECTIONS), None)

    @direction.setter
    def direction(self, value: str) -> None:
        self.attributes = [item for item in self.attributes if item[0] not in DIRECTIONS]
        self.attributes.append((value, None))

    @property
    def codecs(self) -> list[Codec]:
        """Its RTP formats in order; a dynamic payload type without rtpmap is left out."""
        maps = _numbered(self.attributes, "rtpmap")
        parameters = _numbered(self.attributes, "fmtp")
        found = []
        for word in self.formats:
            if word.isascii() and word.isdigit() and len(word) < 4 and int(word) < 128:
                codec = _codec(int(word), maps.get(int(word)), parameters.get(int(word)))
                if codec is not None:
                    found.append(codec)
        return found

    @property
    def cryptos(self) -> list[Crypto]:
        """SDES lines that parse; lifetime and MKI suffixes are dropped."""
        found = []
        for name, value in self.attributes:
            words = (value or "").split()
            if name == "crypto" and len(words) >= 3 and words[0].isdigit() and words[2].startswith("inline:"):
                found.append(Crypto(int(words[0][:9]), words[1], words[2][7:].partition("|")[0]))
        return found

    def set_codecs(self, codecs: list[Codec], ptime_ms: int | None = None) -> None:
        """Write formats, rtpmap and fmtp lines for these codecs, in order; other attributes follow.

        Args:
            ptime_ms: Packet time, written behind the first rtpmap as Unified CM does; None leaves ptime as it is.
        """
        self.formats = [str(codec.payload_type) for codec in codecs]
        described: list[Attribute] = []
        for codec in codecs:
            channels = f"/{codec.channels}" if codec.channels > 1 else ""
            described.append(("rtpmap", f"{codec.payload_type} {codec.name}/{codec.clock_rate_hz}{channels}"))
            if ptime_ms is not None and len(described) == 1:
                described.append(("ptime", str(ptime_ms)))
            if codec.fmtp is not None:
                described.append(("fmtp", f"{codec.payload_type} {codec.fmtp}"))
        replaced = ("rtpmap", "fmtp") if ptime_ms is None else ("rtpmap", "fmtp", "ptime")
        self.attributes = described + [item for item in self.attributes if item[0] not in replaced]

    def format_lines(self) -> list[str]:
        """Its lines, without line ends."""
        count = f"/{self.port_count}" if self.port_count != 1 else ""
        lines = [f"m={self.kind} {self.port}{count} {self.protocol} {' '.join(self.formats)}".rstrip()]
        if self.address is not None:
            lines.append(_connection_line(self.address))
        lines += [f"b={kind}:{value}" for kind, value in self.bandwidths]
        return lines + _attribute_lines(self.attributes)


@dataclasses.dataclass(slots=True)
class SessionDescription:
    """A whole description; `encode()` writes it."""

    origin: Origin
    name: str = "SIP Call"
    address: str | None = None
    """Of the session's `c=` line; None when only media sections have one."""
    bandwidths: list[tuple[str, int]] = dataclasses.field(default_factory=list)
    attributes: list[Attribute] = dataclasses.field(default_factory=list)
    media: list[Media] = dataclasses.field(default_factory=list)
    timing: str = "0 0"

    @property
    def audio(self) -> Media | None:
        """The first audio section, also when it is disabled."""
        return next((media for media in self.media if media.kind == "audio"), None)

    def address_of(self, media: Media) -> str | None:
        """Where a media section is to be sent."""
        return media.address or self.address

    def direction_of(self, media: Media) -> str:
        """Direction of a section: its own, else the session's, else `sendrecv` (RFC 8866 section 6.7)."""
        session = next((name for name, _ in self.attributes if name in DIRECTIONS), "sendrecv")
        return media.direction or session

    def is_hold(self, media: Media) -> bool:
        """Whether the writer does not want to receive: sendonly, inactive, or the old address 0.0.0.0."""
        return self.direction_of(media) in ("sendonly", "inactive") or self.address_of(media) == "0.0.0.0"

    def encode(self) -> bytes:
        """The body, CRLF line ends."""
        origin = self.origin
        words = f"{origin.username} {origin.session_id} {origin.version} {_net(origin.address)} {origin.address}"
        lines = ["v=0", f"o={words}", f"s={self.name}"]
        if self.address is not None:
            lines.append(_connection_line(self.address))
        lines += [f"b={kind}:{value}" for kind, value in self.bandwidths]
        lines.append(f"t={self.timing}")
        lines += _attribute_lines(self.attributes)
        for media in self.media:
            lines += media.format_lines()
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def _net(address: str) -> str:
    return "IN IP6" if ":" in address else "IN IP4"


def _connection_line(address: str) -> str:
    return f"c={_net(address)} {address}"


def _attribute_lines(attributes: list[Attribute]) -> list[str]:
    return [f"a={name}" if value is None else f"a={name}:{value}" for name, value in attributes]


def _numbered(attributes: list[Attribute], name: str) -> dict[int, str]:
    """`a=name:<payload type> <text>` lines by payload type; the first of duplicates wins."""
    found: dict[int, str] = {}
    for known, value in attributes:
        if known == name and value:
            number, _, text = value.strip().partition(" ")
            if number.isascii() and number.isdigit() and len(number) < 4:
                found.setdefault(int(number), text.strip())
    return found


def _codec(payload_type: int, rtpmap: str | None, fmtp: str | None) -> Codec | None:
    name, _, rest = (rtpmap or "").partition("/")
    clock, _, channels = rest.partition("/")
    if name and clock.isascii() and clock.isdigit() and len(clock) < 10:
        count = int(channels) if channels in ("1", "2", "3", "4", "5", "6", "7", "8") else 1
        return Codec(payload_type, name, int(clock), count, fmtp)
    if payload_type in STATIC_PAYLOADS:
        known_name, known_clock = STATIC_PAYLOADS[payload_type]
        return Codec(payload_type, known_name, known_clock, 1, fmtp)
    return None


def parse_sdp(body: bytes) -> SessionDescription:
    """Read a session description.

    Raises:
        SipInvalid: Status 400: no `v=`, `o=` or `m=`, one of them malformed, or over a bound.
    """
    if len(body) > MAX_SDP_BYTES:
        raise SipInvalid(f"Session description longer than {MAX_SDP_BYTES} bytes")
    lines = body.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if len(lines) > MAX_LINES:
        raise SipInvalid(f"Session description of more than {MAX_LINES} lines")
    parser = _Parser()
    for line in lines:
        parser.read(line.rstrip())
    return parser.finish()


class _Parser:
    """Collects the lines of one description."""

    def __init__(self) -> None:
        self._has_version = False
        self._session = SessionDescription(Origin("", "", 0, ""), name="")
        self._media: Media | None = None

    def read(self, line: str) -> None:
        """Take one line; what is no `x=value` line, or of a type nobody here needs, is skipped."""
        kind, text = line[:2], line[2:].strip()
        if kind == "v=":
            self._has_version = text == "0"
        elif kind == "o=":
            self._session.origin = _parse_origin(text)
        elif kind == "s=" and self._media is None:
            self._session.name = text
        elif kind == "t=":
            self._session.timing = text or "0 0"
        elif kind == "m=":
            self._add_media(text)
        elif kind in ("c=", "b=", "a="):
            self._read_common(kind, text)

    def _add_media(self, text: str) -> None:
        if len(self._session.media) == MAX_MEDIA:
            raise SipInvalid(f"Session description of more than {MAX_MEDIA} media lines")
        self._media = _parse_media(text)
        self._session.media.append(self._media)

    def _read_common(self, kind: str, text: str) -> None:
        section = self._session if self._media is None else self._media
        if kind == "a=":
            name, colon, value = text.partition(":")
            if name:
                section.attributes.append((name.strip(), value.strip() if colon else None))
        elif kind == "c=":
            words = text.split()
            if len(words) != 3 or words[0] != "IN" or words[1] not in ("IP4", "IP6"):
                raise SipInvalid(f"Bad SDP line c={shown(text)}")
            section.address = words[2].partition("/")[0]
        else:
            modifier, _, value = text.partition(":")
            value = value.strip()
            if value.isascii() and value.isdigit() and len(value) < 12:
                section.bandwidths.append((modifier.strip(), int(value)))

    def finish(self) -> SessionDescription:
        """The description, once all mandatory lines are there."""
        session = self._session
        for kind, is_there in (("v=0", self._has_version), ("o=", session.origin.username), ("m=", session.media)):
            if not is_there:
                raise SipInvalid(f"Session description without {kind}")
        return session


def _parse_origin(text: str) -> Origin:
    words = text.split()
    if len(words) != 6 or not (words[2].isascii() and words[2].isdigit() and len(words[2]) < 21):
        raise SipInvalid(f"Bad SDP line o={shown(text)}")
    return Origin(words[0], words[1], int(words[2]), words[5])


def _parse_media(text: str) -> Media:
    words = text.split()
    port, slash, count = (words[1] if len(words) > 2 else "").partition("/")
    if not (port.isascii() and port.isdigit() and len(port) < 6 and int(port) < 65536):
        raise SipInvalid(f"Bad SDP line m={shown(text)}")
    if slash and not (count.isascii() and count.isdigit() and len(count) < 4):
        raise SipInvalid(f"Bad SDP line m={shown(text)}")
    return Media(words[0], int(port), words[2], words[3 : 3 + MAX_FORMATS], port_count=int(count) if slash else 1)
