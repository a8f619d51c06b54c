"""Hides secrets: overwrites PINs, passwords, credentials and digest answers with as many asterisks.

Lengths never change, so Content-Length, block sizes and offsets stay true. What counts as a secret, and where:

- query parameters and form fields (`seq=`, `oldpin=`, `password=`, ...), percent-encoded or not, also when a whole
  URL is itself percent-encoded inside another value;
- XML elements (`<credential>`, `<appCertificate>`, `<phonePassword>`, ...) in any body, plain or percent-encoded;
- `Authorization` and `Proxy-Authorization`: `response=` of Digest, everything of Basic and the like; `rspauth=`.

A TFTP file arrives in blocks, and a block border can cut a secret or its tag in two. The redactor therefore follows
every transfer of a configuration file: after each block it keeps the tag that is still open (never the secret) and
looks at the next block as its continuation. State is kept per block number, so a repeated block reads the same.

Cost: a SIP message pays for one lower-casing and three searches; patterns run only where a word was found.
"""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator

from emcc_emu.trace.record import Address, Protocol

__all__ = ["MAX_BLOCKS_KEPT", "MAX_TRANSFERS_KEPT", "Redactor", "redact_http", "redact_sip", "redact_text"]

MAX_TRANSFERS_KEPT = 16_384
"""TFTP transfers that are followed at once; the oldest is forgotten first."""

MAX_BLOCKS_KEPT = 128
"""Blocks of one transfer whose continuation is remembered, for retransmissions and windows."""

_MASK = b"*"

_LESS = rb"(?P<lt><|%(?:25)*3[Cc])"
_MORE = rb"(?:>|%(?:25)*3[Ee])"
_SLASH = rb"(?:/|%(?:25)*2[Ff])"
_SPACE = rb"(?:[\s+]|%(?:25)*(?:20|0[9AaDd]))"
_SECRET_ELEMENT = (
    rb"(?P<name>(?:[\w.-]*:)?(?:[\w.-]*(?:password|passwd|passphrase|secret|credentials?)"
    rb"|appcertificate|appencryptedcertificate|[\w.-]*(?:old|new|confirm|user)?pin|seq))"
)
# The value ends where an element ends in the same encoding; a value that never ends is hidden to the last byte.
_ELEMENT = re.compile(
    _LESS + _SECRET_ELEMENT + rb"(?:" + _SPACE + rb"(?:(?!" + _MORE + rb").)*?)?(?<!/)(?<!%2[Ff])" + _MORE
    + rb"(?P<secret>.*?)(?:(?P=lt)(?=" + _SLASH + rb"|\Z)|\Z)",
    re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_TAG_BEFORE = re.compile(rb"(?:<|%(?:25)*3c)[\w.:-]*\Z")
_LONGEST_NAME = 64

# A message that starts inside a secret (a lone block of a file): all up to the closing tag.
_CLOSING_FIRST = re.compile(rb"\A(?P<secret>[^<>]*)</" + _SECRET_ELEMENT + rb"\s*>", re.IGNORECASE)

_SECRET_PARAMETER = (
    rb"(?:seq|pin|(?:old|new|confirm|confirmnew|user)pin|(?:old|new|confirm|user)?password|passwd|pwd"
    rb"|credentials?|appcertificate|appencryptedcertificate)"
)
# Before a parameter stands nothing that could belong to its name, or an encoded "&", "?" or ";".
_PARAMETER_NAME = re.compile(rb"(?:(?<![\w.%-])|%(?P<depth>(?:25)*)(?:26|3f|3b))" + _SECRET_PARAMETER + rb"\Z")
_PARAMETER_EQUALS = re.compile(rb"s?(?P<equals>=|%(?P<depth>(?:25)*)3d)")
_NAME_WORDS = (b"seq", b"pin", b"password", b"passwd", b"passphrase", b"pwd", b"credential", b"certificate", b"secret")
_FILE_WORDS = (b"password", b"passwd", b"passphrase", b"credential", b"certificate", b"secret")
_SIP_BODY_WORDS = (b"password", b"credential", b"secret")

_AUTHORIZATION = re.compile(
    rb"^(?:proxy-)?authorization[ \t]*:(?:\r?\n[ \t]|[ \t])*(?P<scheme>[^\s,]*)[ \t]*(?P<rest>(?:[^\r\n]|\r?\n[ \t])*)",
    re.IGNORECASE | re.MULTILINE,
)
_DIGEST_ANSWER = re.compile(
    rb"\b(?:response|rspauth)\s*=\s*(?:\"(?P<quoted>[^\"]*)|(?P<token>[^\s,\"]+))", re.IGNORECASE
)
_HIDDEN_LETTER = re.compile(rb"%(?:25)*([46][1-9A-Fa-f]|[57][0-9Aa]|3[0-9])")

_RRQ, _DATA = b"\x00\x01", b"\x00\x03"
_CONFIG_FILE_WORD = b".cnf.xml"
_LONGEST_OPENING_TAG = 256

Span = tuple[int, int]


def redact_sip(message: bytes) -> bytes:
    """Hide digest answers and Basic credentials of a SIP message, and secrets in an XML body."""
    lower = message.lower()
    spans: list[Span] = []
    if b"authorization" in lower:
        spans += _authorization_spans(message)
    if b"rspauth" in lower:
        spans += _digest_spans(message, 0, len(message))
    has_body = 0 <= message.find(b"\r\n\r\n") < len(message) - 4
    if has_body and (words := [word for word in _SIP_BODY_WORDS if word in lower]):
        spans += _element_spans(message, lower, words)
    return _overwrite(message, spans) if spans else message


def redact_http(message: bytes) -> bytes:
    """Hide the secrets of a whole HTTP request or answer: target, headers, and body of whatever form."""
    lower = message.lower()
    if b"%" in lower and _HIDDEN_LETTER.search(lower):
        return _redact_spelled_out(message)
    spans = _http_spans(message, lower)
    return _overwrite(message, spans) if spans else message


def redact_text(text: bytes) -> bytes:
    """Hide the secrets of a bare document: a configuration file, one TFTP block, an XML body."""
    lower = text.lower()
    words = [word for word in _FILE_WORDS if word in lower]
    if not words:
        return text
    spans = _element_spans(text, lower, words)
    if text.find(b"<") == text.find(b"</") and (headless := _CLOSING_FIRST.match(text)):
        spans.append(headless.span("secret"))
    return _overwrite(text, spans) if spans else text


def _http_spans(message: bytes, lower: bytes) -> list[Span]:
    spans: list[Span] = []
    if words := [word for word in _NAME_WORDS if word in lower]:
        spans += _element_spans(message, lower, words)
        for word in words:
            spans += _parameter_spans(lower, word)
    if b"authorization" in lower:
        spans += _authorization_spans(message)
    if b"rspauth" in lower:
        spans += _digest_spans(message, 0, len(message))
    return spans


def _authorization_spans(message: bytes) -> Iterator[Span]:
    for header in _AUTHORIZATION.finditer(message):
        start, end = header.span("rest")
        if header["scheme"].lower() == b"digest":
            yield from _digest_spans(message, start, end)
        elif message[start:end].strip():
            yield start, end
        else:
            yield header.span("scheme")


def _digest_spans(message: bytes, start: int, end: int) -> Iterator[Span]:
    for answer in _DIGEST_ANSWER.finditer(message, start, end):
        yield answer.span("quoted" if answer["quoted"] is not None else "token")


def _element_spans(text: bytes, lower: bytes, words: Iterable[bytes]) -> list[Span]:
    return [match.span("secret") for match in _elements(text, lower, words)]


def _elements(text: bytes, lower: bytes, words: Iterable[bytes]) -> Iterator[re.Match[bytes]]:
    """Elements with secret names: looked up by the words they contain, because that is cheap."""
    for word in words:
        position = lower.find(word)
        while position >= 0:
            before = lower[max(0, position - _LONGEST_NAME) : position]
            tag = _TAG_BEFORE.search(before) if b"<" in before or b"3c" in before else None
            if tag and (element := _ELEMENT.match(text, position - len(before) + tag.start())):
                yield element
            position = lower.find(word, position + len(word))


def _parameter_spans(lower: bytes, word: bytes) -> Iterator[Span]:
    """Values of secret parameters; a value ends at a delimiter that is encoded no deeper than its own parameter."""
    position = lower.find(word)
    while position >= 0:
        word_end = position + len(word)
        if equals := _PARAMETER_EQUALS.match(lower, word_end):
            name = lower[max(0, position - _LONGEST_NAME) : equals.start("equals")]
            if before := _PARAMETER_NAME.search(name):
                depths = [len(depth) // 2 + 1 for depth in (before["depth"], equals["depth"]) if depth is not None]
                end = _value_end(max(depths, default=0)).search(lower, equals.end())
                yield equals.end(), end.start() if end else len(lower)
        position = lower.find(word, word_end)


@functools.lru_cache(maxsize=8)
def _value_end(depth: int) -> re.Pattern[bytes]:
    """Return what ends a value whose parameter is percent-encoded `depth` times."""
    plain = rb"[&<>\"#\s]"
    if depth == 0:
        return re.compile(plain)
    return re.compile(plain + rb"|%%(?:25){0,%d}(?:26|3c|3e|22|23|20|0a|0d)" % (depth - 1))


def _overwrite(message: bytes, spans: Iterable[Span]) -> bytes:
    hidden = bytearray(message)
    for start, end in spans:
        hidden[start:end] = _MASK * (end - start)
    return bytes(hidden)


def _redact_spelled_out(message: bytes) -> bytes:
    """Handle senders that percent-encode letters and digits (`s%65q=...`): read them decoded, hide them in place."""
    plain = bytearray()
    origin: list[int] = []
    position = 0
    for match in _HIDDEN_LETTER.finditer(message):
        plain += message[position : match.start()]
        origin.extend(range(position, match.start()))
        plain.append(int(match[1], 16))
        origin.append(match.start())
        position = match.end()
    plain += message[position:]
    origin.extend(range(position, len(message) + 1))
    spans = _http_spans(bytes(plain), bytes(plain).lower())
    return _overwrite(message, ((origin[start], origin[end]) for start, end in spans))


class Redactor:
    """Hides secrets in what one recorder sees; remembers the TFTP transfers of configuration files.

    Every method returns as many bytes as it was given.
    """

    def __init__(self) -> None:
        # By client: what the next blocks continue; None for a file that holds no secrets.
        self._transfers: OrderedDict[Address, OrderedDict[int, bytes] | None] = OrderedDict()

    def redact(self, protocol: Protocol, source: Address, destination: Address, payload: bytes) -> bytes:
        """Return the payload with its secrets overwritten."""
        if protocol == "sip":
            return redact_sip(payload)
        if protocol == "http":
            return redact_http(payload)
        if payload[:2] == _DATA:
            return self._redact_block(destination, payload)
        if payload[:2] == _RRQ:
            self._note_request(source, payload)
        return payload

    def _note_request(self, client: Address, payload: bytes) -> None:
        """Follow the transfer that this RRQ starts; the client's port names it."""
        self._transfers[client] = OrderedDict() if _CONFIG_FILE_WORD in payload.lower() else None
        self._transfers.move_to_end(client)
        if len(self._transfers) > MAX_TRANSFERS_KEPT:
            self._transfers.popitem(last=False)

    def _redact_block(self, client: Address, payload: bytes) -> bytes:
        if client not in self._transfers:
            return payload[:4] + redact_text(payload[4:])
        continuations = self._transfers[client]
        if continuations is None:
            return payload
        number = int.from_bytes(payload[2:4], "big")
        before = continuations.get(number, b"")
        text = before + payload[4:]
        continuations[(number + 1) & 0xFFFF] = _open_tag(text)
        if len(continuations) > MAX_BLOCKS_KEPT:
            continuations.popitem(last=False)
        return payload[:4] + redact_text(text)[len(before) :]


def _open_tag(text: bytes) -> bytes:
    """What the next block must know of this text: a tag cut in two, or the opening tag of a secret that goes on."""
    cut = text.rfind(b"<")
    if cut < 0:
        return b""
    tail = text[cut:]
    if b">" not in tail:
        return _open_secret(text[:cut]) + tail[:_LONGEST_OPENING_TAG]
    return _open_secret(text)


def _open_secret(text: bytes) -> bytes:
    lower = text.lower()
    for element in _elements(text, lower, [word for word in _FILE_WORDS if word in lower]):
        if element.end("secret") == len(text):
            return b"<" + element["name"] + b">"
    return b""
