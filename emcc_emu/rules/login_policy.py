"""May this login, logout or user check go on? Checks in their fixed order, each with the code of its refusal.

The caller gathers the facts, which are all in memory, and asks; the first check that fails names the code. The order is
that of the product's traces where they show one, and this project's choice where they do not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, TypeVar

from emcc_emu.lab.faults import DatabaseOperation
from emcc_emu.lab.parameters import MultipleLoginBehavior, ServiceParameters
from emcc_emu.rules.versions import FIRST_MULTIPLE_LOGIN_FOR_EMCC, FIRST_WITH_FIRM_ENFORCEMENT, Version

__all__ = [
    "CheckUserFacts",
    "HomeLoginFacts",
    "LoginFacts",
    "LogoutFacts",
    "RemoteUserFacts",
    "SourceFacts",
    "VisitingLoginFacts",
    "check_user_refusal",
    "home_login_refusal",
    "login_refusal",
    "logout_refusal",
    "maximum_login_time_s",
    "multiple_login_outcome",
    "remote_user_refusal",
    "search_refusal",
    "source_refusal",
    "visiting_login_refusal",
]

Facts = TypeVar("Facts")
MultipleLoginOutcome = Literal["allow", "refuse", "log_out_other"]

KNOWN_ELSEWHERE = frozenset({2, 9, 12, 31, 35, 38, 41, 47})
"""Codes of a home cluster's answer which prove that the user is known there, so that the search ends."""

PARSE_ERROR = 1
NO_ANSWER = 40
USER_DOES_NOT_EXIST = 23


def _first_refusal(facts: Facts, checks: tuple[tuple[int, Callable[[Facts], bool]], ...]) -> int | None:
    """Code of the first check whose condition holds."""
    return next((code for code, is_refused in checks if is_refused(facts)), None)


@dataclasses.dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where a request comes from."""

    has_via_header: bool
    """Whether it came through an HTTP proxy."""

    is_known: bool
    """Whether the address is in the device cache, in the trusted list, or a registered device's."""

    is_device_data_available: bool = True
    """Whether the real-time data collector answers, which knows the registered devices."""

    is_between_clusters: bool = False
    """Whether it belongs to an EMCC login, for which EMCC Allow Proxy decides."""


def source_refusal(facts: SourceFacts, parameters: ServiceParameters) -> int | None:
    """30 (proxy not allowed), 28 (untrusted address), 29 (data collector down), or None.

    Both checks are off unless Validate IP Address is true.
    """
    if not parameters.validate_ip_address:
        return None
    allows_proxy = parameters.emcc_allow_proxy if facts.is_between_clusters else parameters.allow_proxy
    if facts.has_via_header and not allows_proxy:
        return 30
    if facts.is_known:
        return None
    return 28 if facts.is_device_data_available else 29


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoginFacts:
    """What decides a login inside the cluster, after authentication of the application."""

    has_proxy_rights: bool
    """Whether the application may act for this user."""

    device_exists: bool
    is_extension_mobility_enabled: bool
    is_device_in_use: bool
    """Whether anybody is logged in on the device, the same user included."""

    user_exists: bool
    multiple_login: MultipleLoginOutcome
    has_profile: bool
    """Whether the user has the profile asked for, or any if none was."""

    unreadable: frozenset[DatabaseOperation] = frozenset()
    """What the database fails to read at this moment; such facts count for nothing."""


_LOGIN_CHECKS: tuple[tuple[int, Callable[[LoginFacts], bool]], ...] = (
    (10, lambda facts: not facts.has_proxy_rights),
    (4, lambda facts: "policy" in facts.unreadable),
    (11, lambda facts: not facts.device_exists),
    (20, lambda facts: "device" in facts.unreadable),
    (22, lambda facts: not facts.is_extension_mobility_enabled),
    (21, lambda facts: "login_status" in facts.unreadable),
    (18, lambda facts: facts.is_device_in_use),
    (23, lambda facts: not facts.user_exists),
    (25, lambda facts: facts.multiple_login == "refuse"),
    (12, lambda facts: not facts.has_profile),
)


def login_refusal(facts: LoginFacts) -> int | None:
    """Code that refuses a login inside the cluster, or None."""
    return _first_refusal(facts, _LOGIN_CHECKS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogoutFacts:
    """What decides a logout, after authentication of the application."""

    has_proxy_rights: bool
    device_exists: bool
    is_extension_mobility_enabled: bool
    is_device_in_use: bool

    unreadable: frozenset[DatabaseOperation] = frozenset()
    """What the database fails to read at this moment; such facts count for nothing."""


_LOGOUT_CHECKS: tuple[tuple[int, Callable[[LogoutFacts], bool]], ...] = (
    (10, lambda facts: not facts.has_proxy_rights),
    (4, lambda facts: "policy" in facts.unreadable),
    (11, lambda facts: not facts.device_exists),
    (20, lambda facts: "device" in facts.unreadable),
    (5, lambda facts: not facts.is_extension_mobility_enabled),
    (21, lambda facts: "login_status" in facts.unreadable),
    (19, lambda facts: not facts.is_device_in_use),
)


def logout_refusal(facts: LogoutFacts) -> int | None:
    """Code that refuses a logout, or None."""
    return _first_refusal(facts, _LOGOUT_CHECKS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RemoteUserFacts:
    """What the visiting EMApp knows once a user turned out not to be local."""

    is_emcc_requested: bool
    """Whether the request said `EMCC=true`."""

    is_emcc_active: bool
    """Whether EMCC is active in the cluster's own intercluster service profile."""

    is_pstn_access_active: bool
    has_remote_clusters: bool


def remote_user_refusal(facts: RemoteUserFacts) -> int | None:
    """Code with which the visiting EMApp refuses a user who is not local: 213, 23, 201, 211; None to ask EMService."""
    if not facts.is_emcc_requested:
        return 213 if facts.is_emcc_active and facts.has_remote_clusters else USER_DOES_NOT_EXIST
    if not facts.is_emcc_active:
        return 201
    return None if facts.is_pstn_access_active else 211


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VisitingLoginFacts:
    """What decides an EMCC login in the visiting EMService before other clusters are asked."""

    device_exists: bool
    is_extension_mobility_enabled: bool
    supports_emcc: bool
    is_device_in_use: bool
    has_remote_clusters: bool

    unreadable: frozenset[DatabaseOperation] = frozenset()
    """What the database fails to read at this moment; such facts count for nothing."""


_VISITING_CHECKS: tuple[tuple[int, Callable[[VisitingLoginFacts], bool]], ...] = (
    (4, lambda facts: "policy" in facts.unreadable),
    (11, lambda facts: not facts.device_exists),
    (20, lambda facts: "device" in facts.unreadable),
    (22, lambda facts: not facts.is_extension_mobility_enabled),
    (32, lambda facts: not facts.supports_emcc),
    (21, lambda facts: "login_status" in facts.unreadable),
    (18, lambda facts: facts.is_device_in_use),
    (36, lambda facts: not facts.has_remote_clusters),
)


def visiting_login_refusal(facts: VisitingLoginFacts) -> int | None:
    """Code with which the visiting EMService refuses an EMCC login, or None."""
    return _first_refusal(facts, _VISITING_CHECKS)


def search_refusal(answers: list[int | None]) -> int:
    """Code of a search for the home cluster in which nobody said that the user exists.

    Args:
        answers: Of each cluster asked, in order: its error code, `NO_ANSWER` (40) for silence, None for "not here".

    Returns:
        The first code which proves that the user is known somewhere; else 1 if any cluster answered that, else 40 if
        any was silent, else 23.
    """
    known = next((code for code in answers if code in KNOWN_ELSEWHERE), None)
    if known is not None:
        return known
    return next((code for code in (PARSE_ERROR, NO_ANSWER) if code in answers), USER_DOES_NOT_EXIST)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckUserFacts:
    """What a home cluster knows about a user that another cluster asks for; the user exists here."""

    is_extension_ambiguous: bool
    """Whether the extension or self-service ID asked for is that of several users."""

    is_directory_available: bool = True
    """Whether the directory can be asked about the PIN."""

    is_pin_correct: bool
    must_change_pin: bool
    is_cluster_known: bool
    """Whether there is a remote cluster entry for the asking cluster."""

    is_emcc_active: bool
    """Whether EMCC is active in this cluster's intercluster service profile."""

    is_emcc_enabled_for_user: bool
    has_profiles: bool


_CHECK_USER_CHECKS: tuple[tuple[int, Callable[[CheckUserFacts], bool]], ...] = (
    (47, lambda facts: facts.is_extension_ambiguous),
    (9, lambda facts: not facts.is_directory_available),
    (2, lambda facts: not facts.is_pin_correct),
    (41, lambda facts: facts.must_change_pin),
    (35, lambda facts: not facts.is_cluster_known),
    (38, lambda facts: not facts.is_emcc_active),
    (31, lambda facts: not facts.is_emcc_enabled_for_user),
    (12, lambda facts: not facts.has_profiles),
)


def check_user_refusal(facts: CheckUserFacts) -> int | None:
    """Code with which a home cluster answers the user check instead of `exists`, or None."""
    return _first_refusal(facts, _CHECK_USER_CHECKS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HomeLoginFacts:
    """What decides an EMCC login in the home cluster."""

    security_refusal: int | None
    """What `security_modes.security_refusal` says."""

    is_base_device_security_right: bool
    """Whether the EMCC base devices are non-secure, as they have to be."""

    is_pin_correct: bool
    is_cluster_known: bool
    is_emcc_active: bool
    is_emcc_enabled_for_user: bool
    has_profile: bool
    """Whether the user has the profile asked for."""

    is_device_name_taken: bool
    """Whether this cluster has a device of that name already."""

    multiple_login: MultipleLoginOutcome
    has_tftp_server: bool
    """Whether Default or Backup TFTP Server for EMCC Login Device names a TFTP node of this cluster."""

    has_free_base_device: bool

    is_directory_available: bool = True
    """Whether the directory can be asked about the PIN."""

    is_own_cluster_id_usable: bool = True
    """Whether the cluster has a Cluster ID of its own."""

    unreadable: frozenset[DatabaseOperation] = frozenset()
    """What the database fails to read at this moment; such facts count for nothing."""


_HOME_LOGIN_CHECKS: tuple[tuple[int, Callable[[HomeLoginFacts], bool]], ...] = (
    (43, lambda facts: not facts.is_base_device_security_right),
    (44, lambda facts: not facts.is_own_cluster_id_usable),
    (9, lambda facts: not facts.is_directory_available),
    (2, lambda facts: not facts.is_pin_correct),
    (35, lambda facts: not facts.is_cluster_known),
    (4, lambda facts: "policy" in facts.unreadable),
    (31, lambda facts: not facts.is_emcc_enabled_for_user),
    (38, lambda facts: not facts.is_emcc_active),
    (12, lambda facts: not facts.has_profile),
    (37, lambda facts: facts.is_device_name_taken),
    (25, lambda facts: facts.multiple_login == "refuse"),
    (39, lambda facts: not facts.has_tftp_server),
    (33, lambda facts: not facts.has_free_base_device),
)


def home_login_refusal(facts: HomeLoginFacts) -> int | None:
    """Code with which a home cluster refuses an EMCC login, or None."""
    return facts.security_refusal or _first_refusal(facts, _HOME_LOGIN_CHECKS)


def multiple_login_outcome(
    behavior: MultipleLoginBehavior, version: Version, *, is_logged_in_elsewhere: bool, is_emcc: bool
) -> MultipleLoginOutcome:
    """What happens to a user who may be logged in on another device.

    Args:
        behavior: The home cluster's Multiple Login Behavior.
        version: The home cluster's release; before 12.5 the parameter does not apply where EMCC is involved.
        is_emcc: Whether this login or the other one is an EMCC login.
    """
    if not is_logged_in_elsewhere or (is_emcc and version < FIRST_MULTIPLE_LOGIN_FOR_EMCC):
        return "allow"
    outcomes: dict[MultipleLoginBehavior, MultipleLoginOutcome] = {
        "allowed": "allow",
        "not_allowed": "refuse",
        "auto_logout": "log_out_other",
    }
    return outcomes[behavior]


def maximum_login_time_s(
    parameters: ServiceParameters,
    version: Version,
    *,
    user_limit_s: float | None,
    is_emcc: bool,
    requested_s: float | None = None,
) -> float:
    """How long a login may last, in seconds; 0 is for ever.

    Args:
        version: The user's cluster's release; a limit of the user's own counts from 12.5 on.
        user_limit_s: The user's own limit, 0 for none; None leaves it to the parameters.
        requested_s: Exclusive duration that an API request names, 0 for indefinite; None if it names none.
    """
    if requested_s is not None:
        return requested_s
    if user_limit_s is not None and version >= FIRST_MULTIPLE_LOGIN_FOR_EMCC:
        return user_limit_s
    if is_emcc:
        return parameters.inter_cluster_maximum_login_time_s
    default_s = ServiceParameters().intra_cluster_maximum_login_time_s
    is_set = parameters.intra_cluster_maximum_login_time_s != default_s
    is_enforced = parameters.enforce_intra_cluster_maximum_login_time or (
        is_set and version < FIRST_WITH_FIRM_ENFORCEMENT
    )
    return parameters.intra_cluster_maximum_login_time_s if is_enforced else 0.0
