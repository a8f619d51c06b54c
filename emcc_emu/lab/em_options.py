"""How strict EMService is, and the policy for users' PINs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from emcc_emu.settings.declaration import Settings

__all__ = ["CredentialPolicy", "EmServiceOptions"]


class EmServiceOptions(Settings, frozen=True, kw_only=True):
    """Choices of EMService that the product's documents leave open."""

    lenient_order: bool = False
    """Whether the elements of an EM API request may come in any order. Off is code 1 for whatever the DTD does not
    allow, as the product has it."""

    error_message_in_failed_queries: bool = False
    """Whether a failed query is answered with `errorMessage` and no code, as the DTD has it, instead of `error` with a
    code, as every published example shows it."""

    require_peer_certificate: bool = True
    """Whether what another cluster asks has to come over TLS with a certificate of this cluster's trust store (else
    code 35). Off lets a replayed request of a cluster in without its key."""


class CredentialPolicy(Settings, frozen=True, kw_only=True):
    """What happens to PINs that are typed wrong, and which new ones are taken."""

    failed_logons: Annotated[int, Meta(ge=0, le=100)] = 3
    """Wrong PINs after which a user is locked out; 0 for no limit."""

    reset_failed_logons_after_s: Annotated[float, Meta(ge=60, le=7200, extra={"text": "duration"})] = 1800
    """Time without a wrong PIN after which they are counted from zero again."""

    lockout_duration_s: Annotated[float, Meta(ge=0, le=86400, extra={"text": "duration"})] = 1800
    """How long a locked out user stays so; 0 until an administrator changes the user."""

    minimum_pin_length: Annotated[int, Meta(ge=1, le=64)] = 5
    """Shortest PIN that Change Credential takes. The product's default policy has 8."""
