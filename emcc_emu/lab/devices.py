"""What users touch: lines, device profiles, phones, users, and the applications that log them in.

Phones, users and device profiles may be declared by count: `count: 5000` repeats the entry, and in each of its texts
the number in braces counts up (`SEP02AA{00000001}` in hexadecimal, `"{50001}"` and `user{0001}` in decimal); an address
counts up as a whole (`127.1.101.{1}` goes on with 127.1.102.0 after 127.1.101.255).
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.lab.dial_plan import Name
from emcc_emu.lab.phone_models import THIRD_PARTY_MODEL, ModelName
from emcc_emu.settings.declaration import Address, Settings

__all__ = [
    "EXTENSION_MOBILITY",
    "ApplicationUser",
    "DeviceProfile",
    "DeviceSecurityMode",
    "Line",
    "LoginType",
    "PhoneConfig",
    "PhoneService",
    "SpeedDial",
    "User",
]

EXTENSION_MOBILITY = "Extension Mobility"
"""Name of the phone service that every cluster has."""

MAX_COUNT = 60000
"""Most entries that one `count` makes: the capacity of a cluster."""

DirectoryNumber = Annotated[str, Meta(min_length=1, max_length=50, pattern=r"^(\\?\+)?[0-9*#]+$")]
DialedNumber = Annotated[str, Meta(max_length=50, pattern=r"^(\\?\+)?[0-9*#]*$")]
Count = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
DeviceSecurityMode = Literal["non_secure", "authenticated", "encrypted"]
LoginType = Literal["", "UID", "SP", "DN"]
UserLocale = Literal["", "English_United_States", "Japanese_Japan"]
DefaultOnOff = Literal["default", "on", "off"]


class Line(Settings, frozen=True, kw_only=True):
    """A directory number on a phone or device profile."""

    __shorthand__: ClassVar[str] = "directory_number"

    directory_number: DirectoryNumber
    """The number, in the home cluster's own digits."""

    partition: str = ""
    """Its partition; empty is none, which every calling search space reaches."""

    css: str = ""
    """Line calling search space."""

    display: str = ""
    """Caller name of internal calls; empty shows the number only."""

    external_mask: Annotated[str, Meta(max_length=24, pattern=r"^[0-9Xx*#+]*$")] = ""
    """External phone number mask."""

    forward_all: DialedNumber = ""
    """Where every call goes; empty for off."""

    forward_busy: DialedNumber = ""
    """Where calls go while the line is busy."""

    forward_no_answer: DialedNumber = ""
    """Where unanswered calls go."""

    forward_unregistered: DialedNumber = ""
    """Where calls go while the device is not registered."""

    intercom: bool = False
    """Whether it is an intercom line, which needs a phone that stays where it is: EMCC logins leave it out."""

    max_calls: Annotated[int, Meta(ge=1, le=200)] = 4
    """Calls that the line holds at once."""

    busy_trigger: Annotated[int, Meta(ge=1, le=200)] = 2
    """Calls from which on the line is busy."""


class SpeedDial(Settings, frozen=True, kw_only=True):
    """A speed dial button."""

    __shorthand__: ClassVar[str] = "number"

    number: DialedNumber
    """What it dials."""

    label: str = ""
    """Its label; empty shows the number."""


class DeviceProfile(Settings, frozen=True, kw_only=True):
    """What follows the user: a virtual phone laid over a real one at login (guide, table 1)."""

    __keyed_by__: ClassVar[str] = "name"

    name: Name
    """Device profile name, unique, up to 50 characters."""

    count: Count = 1
    """How many profiles this entry makes."""

    model: ModelName = "7821"
    """Product type."""

    protocol: Literal["SIP"] = "SIP"
    """Device protocol."""

    description: Annotated[str, Meta(max_length=128)] = ""
    """Free text."""

    lines: tuple[Line, ...] = ()
    """Its lines, in button order."""

    emcc_css: str = ""
    """Extension Mobility Cross Cluster CSS: the device CSS of the phone during an EMCC login."""

    services: tuple[str, ...] = (EXTENSION_MOBILITY,)
    """Phone services the profile is subscribed to. Without Extension Mobility the user cannot log out by Services."""

    speed_dials: tuple[SpeedDial, ...] = ()
    """Speed dial buttons after the lines."""

    user_locale: UserLocale = ""
    """User locale; empty is the device pool's."""

    user_hold_moh_source: Annotated[int, Meta(ge=0, le=51)] = 0
    """Music on hold source on user hold; 0 is the device pool's."""

    phone_button_template: str = ""
    """Phone button template; empty is the model's standard one."""

    softkey_template: str = ""
    """Softkey template; empty is the standard one."""

    privacy: DefaultOnOff = "default"
    """Whether other users of a shared line see its calls."""

    single_button_barge: Literal["default", "off", "barge", "cbarge"] = "default"
    """Single Button Barge."""

    join_across_lines: DefaultOnOff = "default"
    """Join Across Lines."""

    always_use_prime_line: DefaultOnOff = "default"
    """Whether going off hook takes the first line, even if another one rings."""

    always_use_prime_line_for_voice_message: DefaultOnOff = "default"
    """Whether the Messages button takes the first line."""

    ignore_presentation_indicators: bool = False
    """Whether internal callers are shown although they asked not to be."""

    do_not_disturb: bool = False
    """Do Not Disturb."""

    dnd_option: Literal["call_reject", "ringer_off", "common_phone_profile"] = "ringer_off"
    """What Do Not Disturb does with calls."""

    dnd_incoming_call_alert: Literal["common_phone_profile", "disable", "beep_only", "flash_only"] = (
        "common_phone_profile"
    )
    """How a call is announced meanwhile."""

    modules: Annotated[tuple[str, ...], Meta(max_length=2)] = ()
    """Expansion modules, at most two."""

    mlpp_domain: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{0,6}$")] = ""
    """MLPP domain, hexadecimal."""

    mlpp_indication: DefaultOnOff = "off"
    """MLPP indication; `default` is the device pool's."""

    mlpp_preemption: Literal["default", "disabled", "forceful"] = "default"
    """MLPP preemption; `forceful` is refused while indication is off."""

    login_user_id: str = ""
    """As a logout profile: user who is logged in whenever nobody else is."""


class PhoneConfig(Settings, frozen=True, kw_only=True):
    """A physical phone, or a third-party SIP phone."""

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    """Device name: `SEP` and the MAC address, twelve hexadecimal digits in upper case."""

    count: Count = 1
    """How many phones this entry makes."""

    model: ModelName = "7821"
    """Phone model; it decides whether the phone supports EMCC."""

    protocol: Literal["SIP"] = "SIP"
    """Device protocol."""

    address: Address = ""
    """The phone's own address, which our virtual phones bind; empty lets the system choose."""

    description: Annotated[str, Meta(max_length=128)] = ""
    """Free text."""

    device_pool: str = ""
    """Its device pool; empty is the cluster's first."""

    css: str = ""
    """Device calling search space."""

    geolocation: str = ""
    """Its geolocation; empty is the device pool's."""

    lines: tuple[Line, ...] = ()
    """Its own lines, in button order."""

    speed_dials: tuple[SpeedDial, ...] = ()
    """Its own speed dials."""

    services: tuple[str, ...] = (EXTENSION_MOBILITY,)
    """Phone services it is subscribed to."""

    enable_extension_mobility: bool = True
    """Whether users may log in on it (codes 22 and 5). The product's default is off."""

    logout_profile: str = ""
    """Device profile shown while nobody is logged in; empty is the phone's own configuration."""

    device_security_mode: DeviceSecurityMode = "non_secure"
    """Security mode of its phone security profile."""

    digest_user: str = ""
    """User whose digest credentials the phone needs; a third-party SIP phone always has one."""

    digest_password: str = ""
    """Digest password of that user."""

    user_locale: UserLocale = ""
    """User locale; empty is the device pool's."""

    @property
    def is_third_party(self) -> bool:
        """Whether it is no Cisco phone: no configuration file, always challenged, no Extension Mobility."""
        return self.model == THIRD_PARTY_MODEL


class User(Settings, frozen=True, kw_only=True):
    """An end user."""

    __keyed_by__: ClassVar[str] = "user_id"

    user_id: Annotated[str, Meta(min_length=1, max_length=128)]
    """User ID."""

    count: Count = 1
    """How many users this entry makes."""

    name: str = ""
    """First and last name."""

    pin: Annotated[str, Meta(min_length=1, max_length=127)] = "12345"
    """PIN, typed on the phone."""

    password: str = ""
    """Password; an end user may ask the EM API for himself with it."""

    password_must_change: bool = False
    """Whether the password has to be changed before the EM API takes it again (code 27)."""

    pin_must_change: bool = False
    """Whether the PIN has to be changed at the next login (code 41)."""

    pin_cannot_change: bool = False
    """Whether only an administrator may change the PIN."""

    locked: bool = False
    """Whether an administrator has locked the PIN: every login is refused with code 2."""

    enable_emcc: bool = True
    """Enable Extension Mobility Cross Cluster (code 31). The product's default is off."""

    profiles: tuple[str, ...] = ()
    """Controlled device profiles; several let the user choose at login."""

    default_profile: str = ""
    """The one that is offered first; empty is the first of `profiles`."""

    primary_extension: DialedNumber = ""
    """Extension that `loginType=DN` takes; empty is the first line of the default profile."""

    self_service_id: Annotated[str, Meta(pattern="^[0-9]*$")] = ""
    """Number that `loginType=SP` takes; empty is the primary extension."""

    maximum_login_time_s: Annotated[float, Meta(ge=0, le=604800, extra={"text": "duration"})] | None = None
    """The user's own maximum login time, 0:00 for none; absent leaves it to the service parameters."""


class ApplicationUser(Settings, frozen=True, kw_only=True):
    """An application user of the EM API."""

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    """Name, the `appID` of a request."""

    password: str
    """Password, the `appCertificate` of a request."""

    em_proxy_rights: bool = True
    """Whether it is in Standard EM Authentication Proxy Rights, and so may act for other users (else code 10)."""


class PhoneService(Settings, frozen=True, kw_only=True):
    """An IP phone service."""

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=128)]
    """Service name, as the Services menu shows it."""

    url: str = ""
    """Service URL; empty is the Extension Mobility page of the cluster's own first node."""

    login_type: LoginType = ""
    """`loginType` added to the Extension Mobility URL: UID, SP, DN, or none."""

    secure: bool = False
    """Whether phones use the HTTPS URL."""

    with_emcc: bool = True
    """Whether the URL carries `EMCC=#EMCC#`; without it no EMCC login can start."""

    enabled: bool = True
    """Whether it is offered at all."""

    enterprise_subscription: bool = False
    """Whether every phone and device profile has it without being subscribed."""
