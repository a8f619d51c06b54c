"""Parameters of a cluster: EMCC feature parameters, service parameters, and what only an emulator has.

Sources: *Feature Configuration Guide for Cisco Unified CM, Release 12.5(1)SU3*, chapters "Extension Mobility" and
"Extension Mobility Cross Cluster". Where a default differs from the product, the text says so.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from emcc_emu.settings.declaration import Duration, Settings

__all__ = [
    "AudioBitRate",
    "CallManagerParameters",
    "EmccFeatureParameters",
    "LinkLossType",
    "MultipleLoginBehavior",
    "PstnTrunkCss",
    "ServiceParameters",
    "ServiceTimes",
]

MAX_LOGIN_TIME_S = 168 * 3600.0
"""Longest maximum login time that the parameters accept, 168:00."""

LoginTime = Annotated[float, Meta(ge=0, le=MAX_LOGIN_TIME_S, extra={"text": "duration"})]

AudioBitRate = Literal[7, 8, 13, 16, 24, 32, 64, 128, 256]
"""A step of the region's audio bit rate list, in kbps."""

LinkLossType = Literal["low_loss", "lossy"]
MultipleLoginBehavior = Literal["allowed", "not_allowed", "auto_logout"]
PstnTrunkCss = Literal["use_trunk_css", "use_phones_original_device_css"]


class EmccFeatureParameters(Settings, frozen=True, kw_only=True):
    """The EMCC feature parameters of one cluster (guide, table 2)."""

    default_tftp_server: str = "auto"
    """Node whose TFTP service phones use that log in here from another cluster: a node name or address.
    `auto` is the first node; `none` leaves it unset as the product does, so that logins fail with code 39."""

    backup_tftp_server: str = "auto"
    """Second TFTP server for those phones. `auto` is the second node, if there is one; `none` leaves it unset."""

    expired_device_maintenance_interval_s: Annotated[float, Meta(ge=600, le=86400, extra={"text": "duration"})] = 86400
    """Period of the job that logs out expired EMCC devices. 10 to 1440 minutes."""

    enable_services_of_new_remote_clusters: bool = False
    """Whether every service of a newly added remote cluster is enabled at once."""

    css_for_pstn_access_trunk: PstnTrunkCss = "use_trunk_css"
    """CSS that the visiting cluster applies to calls arriving on the PSTN access trunk: the trunk's own, or the one
    the phone has when nobody is logged in."""

    geolocation_filter: str = "auto"
    """Filter applied before a phone's geolocation is matched with device pools. `auto` is the cluster's first filter,
    if it has one; `none` leaves it unset."""

    region_max_audio_kbps: AudioBitRate = 8
    """Maximum audio bit rate of all EMCC calls, kbps; has to be equal in all clusters."""

    region_max_video_kbps: Annotated[int, Meta(ge=0, le=8128)] = 384
    """Maximum video bit rate (audio included) of all EMCC calls, kbps, 0 for no video; equal in all clusters."""

    region_link_loss_type: LinkLossType = "low_loss"
    """Link loss between EMCC phones and other clusters' devices. Low loss prefers G.722 to iSAC, lossy the reverse;
    equal in all clusters, or audio may be one-way."""

    rsvp_trunk_keepalive_s: Annotated[float, Meta(ge=1, le=600, extra={"text": "duration"})] = 15
    """RSVP SIP Trunk KeepAlive Timer, 1 to 600 seconds; two missed intervals release the reservations."""

    default_update_server: str = "auto"
    """Node that other clusters ask about this one. `auto` is the first node; `none` leaves it unset."""

    backup_update_server: str = "auto"
    """Node that they ask when the first is down. `auto` is the second node, if there is one."""

    remote_cluster_update_interval_s: Annotated[float, Meta(ge=900, le=604800, extra={"text": "duration"})] = 1800
    """How often this cluster asks each remote cluster for version and services. 15 to 10080 minutes."""


class ServiceParameters(Settings, frozen=True, kw_only=True):
    """Clusterwide service parameters of Cisco Extension Mobility."""

    enforce_intra_cluster_maximum_login_time: bool = False
    """Whether logins inside the cluster end after the intra-cluster maximum login time."""

    intra_cluster_maximum_login_time_s: LoginTime = 8 * 3600
    """Maximum login time inside the cluster, 0:00 to 168:00; 0:00 is no limit. Before release 14 any other time than
    the default one is enforced, whatever `enforce_intra_cluster_maximum_login_time` says."""

    inter_cluster_maximum_login_time_s: LoginTime = 10 * 3600
    """Maximum login time of an EMCC login, kept by the home cluster, 0:00 to 168:00; 0:00 is no limit."""

    maximum_concurrent_requests: Annotated[int, Meta(ge=1, le=100)] = 5
    """Logins and logouts in progress at one EMService node; one more is answered with code 26."""

    multiple_login_behavior: MultipleLoginBehavior = "not_allowed"
    """What happens when a user who is logged in logs in elsewhere: allowed, refused with code 25, or the first device
    is logged out. Before release 12.5 it did not apply to EMCC logins, which were always allowed."""

    alphanumeric_user_id: bool = True
    """Whether the login page takes letters in a user ID; false gives a numeric field."""

    remember_last_user: bool = False
    """Whether the login page shows the last user; only for the default URL and `loginType=UID`."""

    clear_call_logs: bool = False
    """Whether a manual login or logout inside the cluster clears the call logs; EMCC always clears them."""

    validate_ip_address: bool = False
    """Whether a request's source address has to be known (device, trusted list), else code 28."""

    trusted_ips: tuple[str, ...] = ()
    """Addresses or host names that may always ask; joined with `;` at most 1024 characters."""

    allow_proxy: bool = False
    """Whether requests with a Via header are taken; effective only with `validate_ip_address`, else code 30."""

    emcc_allow_proxy: bool = False
    """The same for requests between clusters."""

    cache_size: Annotated[int, Meta(ge=1000, le=20000)] = 10000
    """Extension Mobility Cache Size, 1000 to 20000 devices; effective only with `validate_ip_address`."""


class CallManagerParameters(Settings, frozen=True, kw_only=True):
    """Parameters of the call processing service and of its SIP lines."""

    station_keepalive_interval_s: Annotated[float, Meta(ge=10, le=3600, extra={"text": "duration"})] = 120
    """Registration interval granted to phones, 10 s to 1 h."""

    forward_no_answer_timer_s: Annotated[float, Meta(ge=1, le=300, extra={"text": "duration"})] = 12
    """How long a line rings before its call is forwarded, 1 to 300 s."""

    stop_routing_on_unallocated_number: bool = True
    """Whether 404 or 484 from one route list member ends the search instead of trying the next."""

    stop_routing_on_user_busy: bool = True
    """Whether 486 from one route list member ends the search."""

    third_party_message_waiting: bool = True
    """Whether third-party phones get an unasked message-summary NOTIFY after they register, as the product sends it.
    Off helps testers that take an unexpected request for an error."""

    privacy: bool = True
    """Privacy Setting, for device profiles whose own is `default`."""

    single_button_barge: Literal["off", "barge", "cbarge"] = "off"
    """Single Button Barge/CBarge Policy, for device profiles whose own is `default`. The guide lets it win wherever it
    differs from the device pool's, so a device pool has none here."""

    join_across_lines: bool = False
    """Join Across Lines Policy, likewise."""

    always_use_prime_line: bool = False
    """Always Use Prime Line, for device profiles whose own is `default`."""

    always_use_prime_line_for_voice_message: bool = False
    """Always Use Prime Line for Voice Message, for device profiles whose own is `default`."""

    auto_registration: bool = False
    """Whether a phone that nobody configured gets a device when it registers. Has to be off where EMCC is deployed:
    a phone that registers at its user's home after the logout then has a device in two clusters, and the next login
    fails with code 37."""

    max_phones: Annotated[int, Meta(ge=1, le=60000)] = 60000
    """Capacity of the cluster; phones and two for each EMCC base device have to fit."""

    tftp_maximum_serving_count: Annotated[int, Meta(ge=1, le=5000)] = 2500
    """TFTP requests that wait; a request beyond it gets 503 over HTTP."""


class ServiceTimes(Settings, frozen=True, kw_only=True):
    """Extra time that the emulated services take, on top of the emulator's own; zero by default."""

    login_s: Duration = 0
    """Added to each login inside the cluster, while it holds its slot of Maximum Concurrent Requests."""

    logout_s: Duration = 0
    """Added to each logout."""

    home_login_s: Duration = 0
    """Added to each login that another cluster asks of this one."""

    check_user_s: Duration = 0
    """Added to each answer whether a user is known here."""

    remote_answer_timeout_s: Duration = 5
    """How long another cluster may take to answer before it is passed over."""

    from_trace: str = ""
    """Trace file or directory, relative to where the program starts, that times are drawn from: an operation with
    answers in that trace takes as long as one of them, drawn anew each time, instead of what is given here."""

    spread: Literal["fixed", "log_normal"] = "fixed"
    """Whether the extra times are always as given, or vary log-normally around what is given, their median, as those of
    a real node do."""

    spread_percent: Annotated[int, Meta(ge=0, le=300)] = 50
    """Standard deviation of the logarithm of log-normal times, in hundredths: 50 makes one time in six longer than 1.65
    times the median."""
