"""Security modes of an EMCC login: the guide's tables 6, 7 and 8.

One rule is behind all three: a non-secure phone always gets non-secure EMCC; a secure one needs both clusters in mixed
mode and both of release 9 or later.
"""

from __future__ import annotations

from typing import Literal

from emcc_emu.rules.versions import FIRST_SECURE_EMCC, Version

__all__ = [
    "DEVICE_SECURITY_MODE_ERROR",
    "HOME_VERSION_NOT_SUPPORTED",
    "SECURITY_MODE_NOT_SUPPORTED",
    "ClusterSecurityMode",
    "is_configuration_encrypted",
    "security_refusal",
    "version_refusal",
]

ClusterSecurityMode = Literal["non_secure", "mixed"]

DEVICE_SECURITY_MODE_ERROR = 43
HOME_VERSION_NOT_SUPPORTED = 45
SECURITY_MODE_NOT_SUPPORTED = 46


def version_refusal(home: Version, *, is_phone_secure: bool) -> int | None:
    """Code with which the visiting cluster refuses before it asks for a login: a secure phone, and a home cluster
    before release 9."""
    return HOME_VERSION_NOT_SUPPORTED if is_phone_secure and home < FIRST_SECURE_EMCC else None


def security_refusal(
    home: Version,
    home_mode: ClusterSecurityMode,
    visiting: Version,
    visiting_mode: ClusterSecurityMode,
    *,
    is_phone_secure: bool,
) -> int | None:
    """Code that an EMCC login ends with because of security modes; None for success.

    Table 8 (home before 9) gives 45; table 7 (visiting before 9) only says "not supported", which is answered with 43
    as such a cluster knows neither 45 nor 46; table 6 gives 46. A secure phone of a non-secure cluster cannot be: 43.
    """
    if not is_phone_secure:
        return None
    if visiting < FIRST_SECURE_EMCC or visiting_mode == "non_secure":
        return DEVICE_SECURITY_MODE_ERROR
    if refusal := version_refusal(home, is_phone_secure=is_phone_secure):
        return refusal
    return SECURITY_MODE_NOT_SUPPORTED if home_mode == "non_secure" else None


def is_configuration_encrypted(home: Version, visiting: Version, *, is_flag_on: bool) -> bool:
    """Whether the phone's configuration file is encrypted: both clusters 9 or later, and the TFTP flag on."""
    return is_flag_on and min(home, visiting) >= FIRST_SECURE_EMCC
