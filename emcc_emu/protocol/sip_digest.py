"""HTTP digest authentication for SIP, both sides: RFC 2617 (MD5, with and without qop) and SHA-256 of RFC 8760.

Unified CM challenges its lines without qop and opaque, realm `ccmsipline`, so the plain form of RFC 2069 is the usual
one here; the other forms serve third-party phones and trunks.
"""

from __future__ import annotations

import base64
import dataclasses
import enum
import hashlib
import hmac
from collections.abc import Callable
from typing import Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip import quote, split_comma_list, unquote

__all__ = [
    "LINE_REALM",
    "Challenge",
    "Credentials",
    "NonceIssuer",
    "NonceState",
    "Verdict",
    "authorization",
    "digest_response",
    "parse_challenge",
    "parse_credentials",
    "verify",
]

LINE_REALM: Final = "ccmsipline"
"""Realm in which Unified CM challenges phones."""

"""Realm in which Unified CM challenges trunks."""

_HASHES: Final[dict[str, Callable[[bytes], hashlib._Hash]]] = {"md5": hashlib.md5, "sha-256": hashlib.sha256}
_NONCE_MAC_BYTES: Final = 16
_NONCE_TIME_BYTES: Final = 8
_MAX_PARAMETERS: Final = 32


@dataclasses.dataclass(frozen=True, slots=True)
class Challenge:
    """Value of WWW-Authenticate or Proxy-Authenticate; `str()` writes it in Unified CM's order."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    """`MD5` or `SHA-256`."""
    qop: str | None = None
    """Offered qualities of protection, `auth` or a comma list; None for the form without."""
    opaque: str | None = None
    stale: bool = False
    """The response was right, only its nonce too old: try again without asking anybody."""

    def __str__(self) -> str:
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        parts.append(f"algorithm={self.algorithm}")
        if self.qop is not None:
            parts.append(f"qop={quote(self.qop)}")
        return f"Digest {', '.join(parts)}"


@dataclasses.dataclass(frozen=True, slots=True)
class Credentials:
    """Value of Authorization or Proxy-Authorization; `str()` writes it."""

    username: str
    realm: str
    nonce: str
    uri: str
    response: str = dataclasses.field(repr=False)
    algorithm: str = "MD5"
    opaque: str | None = None
    qop: str | None = None
    cnonce: str | None = None
    nc: str | None = None

    def __str__(self) -> str:
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"uri={quote(self.uri)}",
            f"response={quote(self.response)}",
            f"nonce={quote(self.nonce)}",
        ]
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop is not None:
            parts += [f"cnonce={quote(self.cnonce or '')}", f"qop={self.qop}", f"nc={self.nc}"]
        parts.append(f"algorithm={self.algorithm}")
        return f"Digest {','.join(parts)}"


def digest_response(
    *,
    username: str,
    realm: str,
    password: str,
    nonce: str,
    method: str,
    uri: str,
    algorithm: str = "MD5",
    qop: str | None = None,
    cnonce: str | None = None,
    nc: str | None = None,
) -> str:
    """The response of RFC 2617 section 3.2.2.1, lower-case hex; without `qop` the form of RFC 2069.

    Raises:
        SipInvalid: The algorithm is neither MD5 nor SHA-256, or qop is not `auth`.
    """
    hasher = _HASHES.get(algorithm.lower())
    if hasher is None:
        raise SipInvalid(f"Unsupported digest algorithm {algorithm!r}")
    if qop not in (None, "auth"):
        raise SipInvalid(f"Unsupported quality of protection {qop!r}")

    def hashed(*parts: str) -> str:
        return hasher(":".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    secret = hashed(username, realm, password)
    request = hashed(method, uri)
    if qop is None:
        return hashed(secret, nonce, request)
    return hashed(secret, nonce, nc or "", cnonce or "", qop, request)


def authorization(
    challenge: Challenge, *, username: str, password: str, method: str, uri: str, cnonce: str = "", count: int = 1
) -> Credentials:
    """Answer a challenge.

    Args:
        cnonce: Random text; only used (and then needed) when the challenge offers qop.
        count: How many times this nonce has been used, this time included.

    Raises:
        SipInvalid: The challenge asks for something other than MD5, SHA-256 and `auth`.
    """
    qop = None
    if challenge.qop is not None:
        offered = [value.lower() for value in split_comma_list(challenge.qop)]
        if "auth" not in offered:
            raise SipInvalid(f"Unsupported quality of protection {challenge.qop!r}")
        qop = "auth"
    nc = f"{count:08x}" if qop else None
    response = digest_response(
        username=username,
        realm=challenge.realm,
        password=password,
        nonce=challenge.nonce,
        method=method,
        uri=uri,
        algorithm=challenge.algorithm,
        qop=qop,
        cnonce=cnonce,
        nc=nc,
    )
    return Credentials(
        username=username,
        realm=challenge.realm,
        nonce=challenge.nonce,
        uri=uri,
        response=response,
        algorithm=challenge.algorithm,
        opaque=challenge.opaque,
        qop=qop,
        cnonce=cnonce if qop else None,
        nc=nc,
    )


def _parameters(value: str) -> dict[str, str]:
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise SipInvalid(f"Unsupported authentication scheme {scheme[:32]!r}")
    parts = split_comma_list(rest)
    if len(parts) > _MAX_PARAMETERS:
        raise SipInvalid(f"More than {_MAX_PARAMETERS} digest parameters")
    found: dict[str, str] = {}
    for part in parts:
        name, equals, text = part.partition("=")
        name = name.strip().lower()
        if not equals or name in found:
            raise SipInvalid(f"Bad digest parameter {name[:32]!r}")
        found[name] = unquote(text.strip())
    return found


def _needed(parameters: dict[str, str], name: str) -> str:
    try:
        return parameters[name]
    except KeyError:
        raise SipInvalid(f"Digest parameter {name} is missing") from None


def parse_challenge(value: str) -> Challenge:
    """Read WWW-Authenticate or Proxy-Authenticate.

    Raises:
        SipInvalid: It is no digest challenge, or realm or nonce is missing.
    """
    parameters = _parameters(value)
    return Challenge(
        realm=_needed(parameters, "realm"),
        nonce=_needed(parameters, "nonce"),
        algorithm=parameters.get("algorithm", "MD5"),
        qop=parameters.get("qop"),
        opaque=parameters.get("opaque"),
        stale=parameters.get("stale", "").lower() == "true",
    )


def parse_credentials(value: str) -> Credentials:
    """Read Authorization or Proxy-Authorization.

    Raises:
        SipInvalid: They are no digest credentials, or a mandatory parameter is missing or doubled.
    """
    parameters = _parameters(value)
    return Credentials(
        username=_needed(parameters, "username"),
        realm=_needed(parameters, "realm"),
        nonce=_needed(parameters, "nonce"),
        uri=_needed(parameters, "uri"),
        response=_needed(parameters, "response"),
        algorithm=parameters.get("algorithm", "MD5"),
        opaque=parameters.get("opaque"),
        qop=parameters["qop"].lower() if "qop" in parameters else None,
        cnonce=parameters.get("cnonce"),
        nc=parameters.get("nc"),
    )


class NonceState(enum.Enum):
    """What a nonce that comes back is worth."""

    FRESH = "fresh"
    STALE = "stale"
    """Ours, but too old: challenge again with `stale=true`."""
    FORGED = "forged"


class NonceIssuer:
    """Makes nonces that carry their time and a keyed hash, so that none needs to be remembered.

    Args:
        key: Secret of this node, at least 16 random bytes.
        lifetime_s: How long a nonce may be used, seconds.
    """

    __slots__ = ("_key", "_lifetime_s")

    def __init__(self, key: bytes, *, lifetime_s: float = 600.0) -> None:
        if len(key) < 16:
            raise ValueError("a nonce key has at least 16 bytes")
        self._key = key
        self._lifetime_s = lifetime_s

    def issue(self, now: float) -> str:
        """A nonce for a challenge sent at `now` (monotonic seconds): 32 base64 characters."""
        stamp = int(now * 1000).to_bytes(_NONCE_TIME_BYTES, "big")
        return base64.b64encode(stamp + self._mac(stamp)).decode()

    def check(self, nonce: str, now: float) -> NonceState:
        """Whether `nonce` is one of ours and still young enough."""
        try:
            raw = base64.b64decode(nonce, validate=True)
        except ValueError:
            return NonceState.FORGED
        stamp = raw[:_NONCE_TIME_BYTES]
        if not hmac.compare_digest(raw[_NONCE_TIME_BYTES:], self._mac(stamp)):
            return NonceState.FORGED
        age_s = now - int.from_bytes(stamp, "big") / 1000
        return NonceState.FRESH if age_s <= self._lifetime_s else NonceState.STALE

    def _mac(self, stamp: bytes) -> bytes:
        return hmac.digest(self._key, stamp, "sha256")[:_NONCE_MAC_BYTES]


class Verdict(enum.Enum):
    """What became of a request's credentials."""

    ACCEPTED = "accepted"
    STALE = "stale"
    """Right password, old nonce: challenge again with `stale=true`."""
    REFUSED = "refused"
    """Unknown user, wrong password, or made for another request, realm or nonce."""


def verify(
    credentials: Credentials,
    *,
    password: str | None,
    realm: str,
    method: str,
    uri: str,
    nonces: NonceIssuer,
    now: float,
) -> Verdict:
    """Judge the credentials of a request.

    The hash is computed and compared in constant time for unknown users too, so the time taken tells nobody who
    exists.

    Args:
        password: Of `credentials.username`; None when there is no such user.
        uri: Request-URI that the credentials must name (RFC 2617 section 3.2.2.5); None accepts any, as real phones
            differ in parameters and SIPp in the user part.
    """
    try:
        expected = digest_response(
            username=credentials.username,
            realm=realm,
            password=password or "",
            nonce=credentials.nonce,
            method=method,
            uri=credentials.uri,
            algorithm=credentials.algorithm,
            qop=credentials.qop,
            cnonce=credentials.cnonce,
            nc=credentials.nc,
        )
    except SipInvalid:
        return Verdict.REFUSED
    given = credentials.response.lower().encode("utf-8", "surrogateescape")
    is_right = hmac.compare_digest(expected.encode(), given)
    state = nonces.check(credentials.nonce, now)
    if not is_right or password is None or credentials.realm != realm:
        return Verdict.REFUSED
    if state is NonceState.FORGED or uri not in (None, credentials.uri):
        return Verdict.REFUSED
    return Verdict.ACCEPTED if state is NonceState.FRESH else Verdict.STALE
