"""What a cluster records about logins, remote clusters and jobs; each class is one row of its database.

The names follow the tables seen in published traces: `extensionmobilitydynamic`, `emremotedynamic`, `emccdynamic`.
"""

from __future__ import annotations

import msgspec

__all__ = [
    "EMCC",
    "FAILED",
    "INTERCLUSTER_SERVICES",
    "PSTN_ACCESS",
    "RSVP_AGENT",
    "BulkWork",
    "CredentialChange",
    "DeviceLogin",
    "EmccSession",
    "Intent",
    "JobRecord",
    "RemoteClusterStatus",
    "RemoteLogin",
    "RemoteService",
]

EMCC = "EMCC"
PSTN_ACCESS = "PSTN Access"
RSVP_AGENT = "RSVP Agent"
INTERCLUSTER_SERVICES = (EMCC, PSTN_ACCESS, RSVP_AGENT)
"""The services of an intercluster service profile, in the order of the administration page."""


FAILED = "failed"
"""First word of the result of a job that did not do its work."""


class DeviceLogin(msgspec.Struct, frozen=True, gc=False):
    """Who is on a device of this cluster, and who was before; at home also for an EMCC base device.

    A row stays when the user leaves, because it remembers the last user.
    """

    device_name: str
    user_id: str | None = None
    """User that is logged in; None when nobody is."""
    last_user_id: str | None = None
    """User of the login before this one, or of the last login when nobody is on."""
    profile: str | None = None
    """Name of the device profile in use."""
    login_time_s: float = 0.0
    """Calendar time of the login, seconds since the epoch."""
    login_duration_s: float = 0.0
    """Seconds until the automatic logout, 0 for none."""
    stamp_s: float = 0.0
    """Number in the version stamp of the device's configuration file."""


class RemoteLogin(msgspec.Struct, frozen=True, gc=False):
    """At the visiting cluster: a phone of ours on which a user of another cluster is logged in, or was."""

    device_name: str
    user_id: str | None = None
    last_user_id: str | None = None
    login_time_s: float = 0.0
    home_cluster_id: str = ""
    home_url: str = ""
    """EMService of the home cluster that granted the login."""
    emcc_device: str = ""
    """EMCC base device that the home cluster consumed."""
    tftp_servers: tuple[str, ...] = ()
    """TFTP servers of the home cluster, default and backup, for the phone's small file."""
    stamp_s: float = 0.0


class EmccSession(msgspec.Struct, frozen=True, gc=False):
    """At the home cluster: one of our users on a phone of another cluster."""

    device_name: str
    """Name of the visiting phone, under which it registers here."""
    emcc_device: str
    """Base device in use, `EMCC1` and on."""
    user_id: str
    profile: str
    visiting_cluster_id: str
    em_uri: str
    """Percent-encoded URL of the visiting EMApp that logs the phone out."""
    login_time_s: float
    login_duration_s: float
    """Seconds until the automatic logout, 0 for none."""
    roaming_device_pool: str
    geolocation: dict[str, str] = {}
    """Civic address that the visiting cluster sent with the phone."""
    product: int = 0
    """Numeric product of the phone (`tkproduct`)."""
    model: int = 0
    """Numeric model of the phone (`tkmodel`), also the number of its `loadInformation`."""
    protocol: int = 11
    """Numeric protocol of the phone (`tkdeviceprotocol`): 11 SIP."""
    device_security_mode: int = 1
    """1 non-secure, 2 authenticated, 3 encrypted."""
    ip_address: str = ""
    user_locale: str = ""
    last_user_id: str | None = None
    """User of the login before, on this phone."""
    stamp_s: float = 0.0


class Intent(msgspec.Struct, frozen=True, gc=False):
    """What we are about to ask of another cluster, kept until we know that both agree about the outcome."""

    id: int
    kind: str
    """`homeLogin`, `homeLogout` or `visitingLogout`."""
    device_name: str
    user_id: str
    cluster_id: str
    url: str
    """EMService that was asked; empty when its address has to be looked up again."""
    reason: str
    """Reason of a logout; empty for a login."""
    created_s: float
    session_stamp_s: float = 0.0
    """Stamp of the visiting session that a homeLogout means, so that it never ends a later one."""


class CredentialChange(msgspec.Struct, frozen=True, gc=False):
    """A PIN that was changed since the lab file was written; only a salted digest of it is kept."""

    user_id: str
    salt: bytes
    pin_digest: bytes


class RemoteService(msgspec.Struct, frozen=True):
    """One service of a remote cluster, as the Cluster View page shows it."""

    is_enabled: bool
    """Whether the administrator of this cluster enabled it."""
    is_remote_activated: bool = False
    """Whether the other cluster said, at the last update, that it takes part."""
    addresses: tuple[str, ...] = ()
    """Up to three nodes of the other cluster, learned at the last update."""


class RemoteClusterStatus(msgspec.Struct, frozen=True):
    """What this cluster knows about another one."""

    cluster_id: str
    version: str = ""
    """Full version learned by the update; empty before the first one."""
    is_mixed_mode: bool = False
    services: dict[str, RemoteService] = {}
    """By service name: EMCC, PSTN Access, RSVP Agent."""
    updated_s: float = 0.0
    """Calendar time of the last update, good or bad; 0 before the first one."""
    error_code: int | None = None
    """None after a good update; 42 for an invalid cluster ID, 40 for no answer."""

    def is_usable(self, service: str) -> bool:
        """Whether the service is enabled here and activated there."""
        entry = self.services.get(service)
        return entry is not None and entry.is_enabled and entry.is_remote_activated

    def addresses(self, service: str) -> tuple[str, ...]:
        """Addresses of a usable service; empty when it is disabled here or not activated there."""
        return self.services[service].addresses if self.is_usable(service) else ()


class JobRecord(msgspec.Struct, frozen=True):
    """One run of a job: what, when, and how it went."""

    id: int
    name: str
    due_s: float
    started_s: float | None = None
    finished_s: float | None = None
    result: str = ""

    @property
    def status(self) -> str:
        """`pending`, `processing`, `completed` or `failed`, as the Job Scheduler page shows it."""
        if self.started_s is None:
            return "pending"
        if self.finished_s is None:
            return "processing"
        return "failed" if self.result.startswith(FAILED) else "completed"


class BulkWork(msgspec.Struct, frozen=True):
    """What a bulk administration job is to do with EMCC base devices."""

    id: int
    """Of its job."""
    action: str
    """`insert`, `update` or `delete`."""
    count: int = 0
    """How many to insert or delete."""
    resets: bool = False
    """Whether phones that stand on a base device are reset after an update."""
