"""What the documents of the EM API say, as dataclasses: requests, queries and their answers.

Field names follow the elements of the published DTD. The XML itself is read and written by `emcc_emu.wire.em_xml`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal, TypeAlias

__all__ = [
    "AppInfo",
    "CheckUserQuery",
    "CheckUserResult",
    "DeviceProfileQuery",
    "DeviceUserQuery",
    "DeviceUserResult",
    "EmDocument",
    "EmResponse",
    "Failure",
    "Indefinite",
    "LoginRequest",
    "LogoutAllRequest",
    "LogoutRequest",
    "ProfileEntry",
    "Success",
    "UserDevicesQuery",
    "UserDevicesResult",
    "UserProfilesResult",
]

Indefinite: TypeAlias = Literal["indefinite"]


@dataclasses.dataclass(frozen=True, slots=True)
class AppInfo:
    """Who asks: an application user, an end user, or EMApp itself."""

    app_id: str
    """User name."""

    certificate: str = dataclasses.field(repr=False)
    """Password, or the shared secret of the cluster when `is_encrypted`. Never logged."""

    is_encrypted: bool = False
    """Written as `appEncryptedCertificate`, which only EMApp of the same cluster does."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LoginRequest:
    """Log a user in on a device."""

    app: AppInfo
    device_name: str
    user_id: str
    device_profile: str | None = None
    """Name of the profile; None lets the service take the user's default."""

    exclusive_duration_min: int | Indefinite | None = None
    """Minutes until automatic logout, "indefinite" for never, None to let the service parameters decide."""

    remote_ip: str | None = None
    """Address of the phone behind EMApp."""

    is_via_header_set: bool | None = None
    """Whether the phone's request to EMApp came through a proxy; None when not told."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogoutRequest:
    """Log out whoever is on a device."""

    app: AppInfo
    device_name: str
    remote_ip: str | None = None
    is_via_header_set: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LogoutAllRequest:
    """Log every user of the cluster out."""

    app: AppInfo
    remote_ip: str | None = None
    is_via_header_set: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUserQuery:
    """Who is on these devices?"""

    app: AppInfo
    device_names: tuple[str, ...]
    login_type: str | None = None
    """`UID`, `SP` or `DN` as the service URL of the phone carried it; since 12.0."""

    remote_ip: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class UserDevicesQuery:
    """On which devices are these users?"""

    app: AppInfo
    user_ids: tuple[str, ...]
    remote_ip: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CheckUserQuery:
    """Are these users local?"""

    app: AppInfo
    user_ids: tuple[str, ...]
    login_type: str | None = None
    remote_ip: str | None = None
    is_via_header_set: bool | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProfileQuery:
    """Which profiles do these users control?"""

    app: AppInfo
    user_ids: tuple[str, ...]
    remote_ip: str | None = None
    is_via_header_set: bool | None = None


EmDocument: TypeAlias = (
    LoginRequest
    | LogoutRequest
    | LogoutAllRequest
    | DeviceUserQuery
    | UserDevicesQuery
    | CheckUserQuery
    | DeviceProfileQuery
)
"""What EMService is asked by applications and by its own EMApp."""


@dataclasses.dataclass(frozen=True, slots=True)
class Success:
    """The request was carried out."""


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """The request was refused."""

    code: int
    """EMService code, or 212 in the answer to a remote cluster update."""

    text: str = ""
    change_credential_url: str | None = None
    """Where the user changes the PIN; only between clusters, with code 41."""


@dataclasses.dataclass(frozen=True, slots=True)
class DeviceUserResult:
    """Who is on one device."""

    device_name: str
    does_exist: bool = True
    user_id: str | None = None
    last_user_id: str | None = None
    is_emcc_device: bool = False
    """The device has a running EMCC session in the cluster that answers: that is its home cluster."""


@dataclasses.dataclass(frozen=True, slots=True)
class UserDevicesResult:
    """The devices of one user; no devices when the user is on none."""

    user_id: str
    does_exist: bool = True
    device_names: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class ProfileEntry:
    """A device profile that a user controls."""

    name: str
    is_default: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class UserProfilesResult:
    """The profiles of one user."""

    user_id: str
    does_exist: bool = True
    profiles: tuple[ProfileEntry, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class CheckUserResult:
    """A user who is local."""

    user_id: str
    """The identity asked for."""

    resolved_user_id: str
    """The user ID; differs from `user_id` when an extension or a self-service ID was asked for."""


EmResponse: TypeAlias = (
    Success
    | Failure
    | tuple[DeviceUserResult, ...]
    | tuple[UserDevicesResult, ...]
    | tuple[UserProfilesResult, ...]
    | tuple[CheckUserResult, ...]
)
"""What EMService answers."""
