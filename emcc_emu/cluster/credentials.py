"""Changed PINs: only a salted digest is kept, in memory as on disk."""

from __future__ import annotations

import hashlib
import hmac
import os

from emcc_emu.cluster.records import CredentialChange

__all__ = ["is_pin_of", "new_credential"]

SALT_BYTES = 16


def new_credential(user_id: str, pin: str) -> CredentialChange:
    """What is kept of a new PIN."""
    salt = os.urandom(SALT_BYTES)
    return CredentialChange(user_id, salt, _digest(pin, salt))


def is_pin_of(credential: CredentialChange, pin: str) -> bool:
    """Whether the PIN is the one that was kept."""
    return hmac.compare_digest(credential.pin_digest, _digest(pin, credential.salt))


def _digest(pin: str, salt: bytes) -> bytes:
    return hashlib.sha256(salt + pin.encode()).digest()
