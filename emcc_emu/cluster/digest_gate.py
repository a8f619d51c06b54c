"""Digest credentials of phones: whom a REGISTER names, whether he proves it, and the challenge when not."""

from __future__ import annotations

import random
from collections.abc import Callable

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_digest import (
    LINE_REALM,
    Challenge,
    Credentials,
    NonceIssuer,
    Verdict,
    parse_credentials,
    verify,
)
from emcc_emu.wire import sip

__all__ = ["DigestGate"]

KEY_BYTES = 32


class DigestGate:
    """Checks credentials in Unified CM's line realm; keeps nothing per client.

    Args:
        rng: Makes the key of the nonces.
        now: Monotonic seconds.
    """

    def __init__(self, rng: random.Random, now: Callable[[], float]) -> None:
        self._nonces = NonceIssuer(rng.randbytes(KEY_BYTES))
        self._now = now

    def user_of(self, request: sip.SipRequest) -> str:
        """The digest user that a request names.

        Raises:
            SipInvalid: 401 with a challenge, when it names none.
        """
        credentials = _credentials(request)
        if credentials is None:
            raise self._challenge()
        return credentials.username

    def check(self, request: sip.SipRequest, user: str, password: str | None) -> None:
        """Let a request pass that proves to come from `user`.

        Args:
            password: The user's digest password; None when there is no such user.

        Raises:
            SipInvalid: 401 with a new challenge otherwise.
        """
        credentials = _credentials(request)
        if credentials is None or credentials.username != user:
            raise self._challenge()
        verdict = verify(
            credentials,
            password=password,
            realm=LINE_REALM,
            method=request.method,
            uri=request.uri,
            nonces=self._nonces,
            now=self._now(),
        )
        if verdict is not Verdict.ACCEPTED:
            raise self._challenge(stale=verdict is Verdict.STALE)

    def _challenge(self, *, stale: bool = False) -> SipInvalid:
        challenge = Challenge(LINE_REALM, self._nonces.issue(self._now()), stale=stale)
        return SipInvalid("digest credentials are needed", 401, (("WWW-Authenticate", str(challenge)),))


def _credentials(request: sip.SipRequest) -> Credentials | None:
    """The credentials for our realm; an unknown scheme or a broken header counts as none (RFC 4475 section 3.3.7)."""
    for line in request.headers.lines("Authorization"):
        try:
            credentials = parse_credentials(line)
        except SipInvalid:
            continue
        if credentials.realm == LINE_REALM:
            return credentials
    return None
