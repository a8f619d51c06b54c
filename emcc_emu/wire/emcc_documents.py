"""What two clusters say to each other, as dataclasses.

Of these documents only the answer to checkUser has ever been published; the rest follows the design written down in the
docstrings of `emcc_emu.wire.emcc_xml` and may move when a capture of real clusters turns up.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal, TypeAlias, get_args

from emcc_emu.wire.em_documents import AppInfo, Failure, Success

__all__ = [
    "GEOLOCATION_FIELDS",
    "LOGOUT_REASONS",
    "CheckUser",
    "ClusterInfo",
    "ClusterService",
    "DeviceInfo",
    "EmccInfo",
    "EmccLogin",
    "EmccRequest",
    "EmccResponse",
    "FoundUser",
    "HomeLogin",
    "HomeLoginAnswer",
    "HomeLogout",
    "LogoutReason",
    "UnknownUser",
    "VisitingLogout",
]

GEOLOCATION_FIELDS = (
    "country",
    *("A1", "A2", "A3", "A4", "A5", "A6"),
    *("PRD", "POD", "STS", "HNO", "HNS", "LMK", "LOC", "FLR", "NAM", "PC"),
)
"""Fields of a geolocation in the order in which they are sent (RFC 4119 civic address)."""

LogoutReason: TypeAlias = Literal["user", "admin", "timer", "multiLogin", "maintenance", "logoutAll"]

LOGOUT_REASONS: tuple[str, ...] = get_args(LogoutReason)
"""Why one cluster ends a session of the other."""


@dataclasses.dataclass(frozen=True, slots=True)
class EmccInfo:
    """Who asks: the cluster, its version and the number of its request."""

    cluster_id: str
    cluster_version: str
    security_mode: int = 0
    """0 non-secure, 1 mixed."""

    request_id: int = 0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EmccLogin:
    """EMApp asks its own EMService to log in a user who is not local."""

    app: AppInfo
    device_name: str
    user_id: str
    credential: str = dataclasses.field(repr=False)
    """The PIN; never logged."""

    device_profile: str | None = None
    login_type: str | None = None
    em_uri: str
    """Logout URL at the visiting EMApp, plain; percent-encoded on the wire."""

    remote_ip: str
    is_via_header_set: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckUser:
    """Visiting asks a remote cluster whether it is the home of a user."""

    info: EmccInfo
    user_id: str
    credential: str = dataclasses.field(repr=False)
    login_type: str | None = None
    device_name: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """The phone as the visiting cluster describes it to home."""

    device_name: str
    product: int
    """`tkproduct`, 508 for a 7821."""

    model: int
    """`tkmodel`, 621 for a 7821."""

    protocol: int = 11
    """`tkdeviceprotocol`, 11 for SIP."""

    device_security_mode: int = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""

    ip_address: str
    load_information: str | None = None
    user_locale: str | None = None
    geolocation: Mapping[str, str] | None = None
    """Values by the names of `GEOLOCATION_FIELDS`; None when the phone has no geolocation."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HomeLogin:
    """Visiting asks home to log the user in."""

    info: EmccInfo
    user_id: str
    credential: str = dataclasses.field(repr=False)
    login_type: str | None = None
    device_profile: str
    device: DeviceInfo
    em_uri: str
    """As in `EmccLogin`."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HomeLogout:
    """Visiting asks home to end a session."""

    info: EmccInfo
    device_name: str
    user_id: str
    reason: LogoutReason


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VisitingLogout:
    """Home tells visiting that it has ended a session."""

    info: EmccInfo
    device_name: str
    user_id: str
    reason: LogoutReason


EmccRequest: TypeAlias = EmccLogin | CheckUser | HomeLogin | HomeLogout | VisitingLogout
"""What `emccRequest` carries."""


@dataclasses.dataclass(frozen=True, slots=True)
class FoundUser:
    """Home knows the user and accepts the PIN."""

    user_id: str
    """The user ID, also when an extension or a self-service ID was asked for."""

    profiles: tuple[str, ...]
    """Names of the device profiles, the default one first."""


@dataclasses.dataclass(frozen=True, slots=True)
class UnknownUser:
    """The asked cluster is not the home of this user."""

    user_id: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HomeLoginAnswer:
    """Home has logged the user in; the phone finds its configuration at the TFTP servers named here."""

    cluster_id: str
    user_id: str
    device_profile: str
    emcc_device: str
    """The base device taken: `EMCC1`, `EMCC2`, ..."""

    roaming_device_pool: str
    tftp_server_1: str
    tftp_server_2: str = ""
    login_time_epoch_s: int
    login_duration_s: int
    """Seconds until automatic logout, 0 for none."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterService:
    """One service of the Intercluster Service Profile, as a remote cluster update reports it."""

    name: str
    """`EMCC`, `PSTN Access` or `RSVP Agent`."""

    is_activated: bool
    addresses: tuple[str, ...] = ()
    """Up to three."""


@dataclasses.dataclass(frozen=True, slots=True)
class ClusterInfo:
    """The answer to a remote cluster update."""

    cluster_id: str
    version: str
    security_mode: int
    """0 non-secure, 1 mixed."""

    services: tuple[ClusterService, ...] = ()


EmccResponse: TypeAlias = FoundUser | UnknownUser | HomeLoginAnswer | ClusterInfo | Success | Failure
"""What `emccResponse` carries."""
