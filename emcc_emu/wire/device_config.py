"""The configuration file of a phone, `SEP<MAC>.cnf.xml`: what it says, as dataclasses.

`emcc_emu.wire.device_config_xml` writes the file in the order in which a real Unified CM 11.x writes it, and reads it
as a phone does. The small file that turns on EMCC mode is in `emcc_emu.wire.phone_files`.
"""

from __future__ import annotations

import dataclasses

__all__ = [
    "FEATURE_LINE",
    "FEATURE_SERVICE_URL",
    "FEATURE_SPEED_DIAL",
    "CallManagerMember",
    "DateTimeSetting",
    "DeviceConfig",
    "FeatureButton",
    "LineConfig",
    "LocaleConfig",
    "PhoneService",
    "ServiceUrls",
    "SipTimers",
    "SrstReference",
    "TvsMember",
]

FEATURE_SPEED_DIAL = 2
FEATURE_LINE = 9
FEATURE_SERVICE_URL = 20


@dataclasses.dataclass(frozen=True, slots=True)
class CallManagerMember:
    """One server of the phone's CallManager group."""

    address: str
    """`processNodeName`: IP address or name where the phone registers."""

    name: str = ""
    """Name in the database; the address when empty."""

    priority: int = 0
    """0 to 4; tried in ascending order."""

    sip_port: int = 5060
    secured_sip_port: int = 5061
    ethernet_phone_port: int = 2000
    """SCCP."""

    mgcp_listen_port: int = 2427
    mgcp_keepalive_port: int = 2428
    sip_oauth_port: int | None = None
    """5090 from 12.x on; None leaves it out."""

    sip_mra_oauth_port: int | None = None
    """5091 from 12.x on; None leaves it out."""

    description: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class TvsMember:
    """One trust verification server."""

    address: str
    port: int = 2445
    priority: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class DateTimeSetting:
    """Clock of the phone: the date/time group of its device pool."""

    name: str = "CMLocal"
    date_template: str = "M/D/YA"
    time_zone: str = "Pacific Standard/Daylight Time"
    olson_time_zone: str = "America/Los_Angeles"
    ntp_addresses: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class SrstReference:
    """Where the phone registers when no CallManager answers."""

    name: str = "Disable"
    option: str = "Disable"
    sip_addresses: tuple[str, ...] = ()
    """Up to 3, port 5060."""

    is_secure: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class SipTimers:
    """The `sipStack` values of the phone's SIP profile."""

    register_expires_s: int = 3600
    register_delta_s: int = 5
    keepalive_expires_s: int = 120
    subscribe_expires_s: int = 120
    subscribe_delta_s: int = 5
    invite_expires_s: int = 180
    t1_ms: int = 500
    t2_ms: int = 4000
    invite_retransmissions: int = 6
    retransmissions: int = 10
    max_redirects: int = 70


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LineConfig:
    """A line button (feature 9)."""

    button: int
    """1-based place of the button."""

    line_index: int
    """1-based number of the line."""

    name: str
    """Directory number; user part of the address of record."""

    contact: str
    """User part of the Contact that the phone registers: a UUID."""

    label: str = ""
    """Text beside the button; the name when empty."""

    display_name: str = ""
    proxy: str = "USECALLMANAGER"
    port: int = 5060
    auth_name: str = ""
    """Digest user; written only when set."""

    auth_password: str = dataclasses.field(default="", repr=False)
    messages_number: str = ""
    is_shared: bool = False
    max_calls: int = 4
    busy_trigger: int = 2
    is_auto_answer: bool = False
    message_waiting_lamp_policy: int = 3
    ring_setting_idle: int = 4
    ring_setting_active: int = 5
    call_waiting: int = 3


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FeatureButton:
    """A button that is no line: speed dial, BLF speed dial, service URL, ..."""

    button: int
    feature_id: int
    label: str = ""
    speed_dial_number: str = ""
    """Number that the button dials or watches."""

    service_uri: str = ""
    """URL that the button opens, for feature 20."""


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneService:
    """A subscribed IP phone service."""

    name: str
    url: str
    """With `#DEVICENAME#` and `#EMCC#` as the phone replaces them."""

    type: int = 0
    """0 services, 1 directories, 2 messages."""

    category: int = 0
    vendor: str = ""
    version: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class ServiceUrls:
    """The URLs behind the hard buttons, plain and secure; empty ones do nothing."""

    authentication: str = ""
    directory: str = ""
    idle: str = ""
    information: str = ""
    messages: str = ""
    proxy_server: str = ""
    services: str = ""
    secure_authentication: str = ""
    secure_directory: str = ""
    secure_idle: str = ""
    secure_information: str = ""
    secure_messages: str = ""
    secure_services: str = ""

    @classmethod
    def of_node(cls, address: str, http_port: int = 8080, https_port: int = 8443) -> ServiceUrls:
        """The URLs that a cluster writes by default: the pages of one node."""
        plain, secure = f"http://{address}:{http_port}/ccmcip/", f"https://{address}:{https_port}/ccmcip/"
        return cls(
            authentication=f"{plain}authenticate.jsp",
            directory=f"{plain}xmldirectory.jsp",
            information=f"{plain}GetTelecasterHelpText.jsp",
            services=f"{plain}getservicesmenu.jsp",
            secure_authentication=f"{secure}authenticate.jsp",
            secure_directory=f"{secure}xmldirectory.jsp",
            secure_information=f"{secure}GetTelecasterHelpText.jsp",
            secure_services=f"{secure}getservicesmenu.jsp",
        )


@dataclasses.dataclass(frozen=True, slots=True)
class LocaleConfig:
    """The language of the phone's own screens."""

    name: str = "English_United_States"
    uid: int = 1
    language_code: str = "en_US"
    version: str = "12.0.0.0(1)"
    character_set: str = "iso-8859-1"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """The full configuration of a phone."""

    call_managers: tuple[CallManagerMember, ...]
    """1 to 5 servers, by priority."""

    version_stamp: str
    """`<seconds since 1970>-<uuid>`; changes with every change of the file."""

    lines: tuple[LineConfig, ...] = ()
    buttons: tuple[FeatureButton, ...] = ()
    """Buttons other than lines."""

    uuid: str = "00000000-0000-4000-8000-000000000000"
    cti_id: int = 0
    portal_default_server: str = ""
    """Node that hosts the user pages; the first CallManager when empty."""

    device_pool: str = "Default"
    device_pool_uuid: str = "00000000-0000-4000-8000-000000000000"
    call_manager_group: str = "Default"
    date_time: DateTimeSetting = DateTimeSetting()
    srst: SrstReference = SrstReference()
    connection_monitor_duration_s: int = 120
    tvs: tuple[TvsMember, ...] = ()
    """Trust verification servers; the CallManagers when empty."""

    sip_timers: SipTimers = SipTimers()
    phone_label: str = ""
    kpml: int = 3
    """3 both KPML and AVT digits, 1 KPML only, 0 none."""

    always_use_prime_line: bool = False
    always_use_prime_line_for_voice_mail: bool = False
    mlpp_domain: str = ""
    """Hexadecimal; written `-1` when empty."""

    mlpp_indication: bool = False
    mlpp_preemption: str = "Disabled"
    """`Disabled` or `Forceful`."""

    single_button_barge: int = 0
    """0 off, 1 barge, 2 cbarge."""

    joins_across_lines: bool = False
    dnd_call_alert: int = 5
    """How a call is announced during Do Not Disturb; 5 leaves it to the common phone profile."""

    add_on_modules: tuple[str, ...] = ()
    """Expansion modules, at most two; written only when there are any."""

    start_media_port: int = 16384
    stop_media_port: int = 32766
    voip_control_port: int = 5060
    dial_template_file: str = ""
    soft_key_file: str = ""
    missed_call_logging: str = ""
    """One `1` or `0` per line; all `1` when empty."""

    feature_policy_file: str = ""
    """Written only when set."""

    load_information: str = ""
    has_web_access: bool = False
    has_video: bool = False
    user_locale: LocaleConfig = LocaleConfig()
    network_locale: str = "United_States"
    network_locale_uid: int = 64
    network_locale_version: str = "12.0.0.0(1)"
    device_security_mode: int = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""

    transport_layer_protocol: int = 4
    """1 TCP, 2 UDP, 3 TLS, 4 TCP and UDP (phones then take TCP)."""

    idle_timeout_s: int = 0
    urls: ServiceUrls = ServiceUrls()
    is_encrypted: bool = False
    """`encrConfig`: an encrypted file exists and should be fetched."""

    capf_address: str = ""
    """CAPF server; the first CallManager when empty."""

    user_id: str = ""
    """Logged-in user."""

    owner_id: str = ""
    service_profile_file: str = "SPDefault.cnf.xml"
    service_provisioning: int = 0
    """0 services from this file, 1 from `servicesURL`, 2 both."""

    has_https_services: bool = True
    phone_services: tuple[PhoneService, ...] = ()
