"""Trunks between clusters, the intercluster service profile, and the remote clusters that a cluster knows."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.lab.dial_plan import Name
from emcc_emu.settings.declaration import Settings

__all__ = ["InterclusterServiceProfile", "RemoteCluster", "TrunkConfig"]


PingInterval = Annotated[float, Meta(ge=5, le=600, extra={"text": "duration"})]


class TrunkConfig(Settings, frozen=True, kw_only=True):
    """A SIP trunk with the parts of its SIP profile that matter here."""

    __keyed_by__: ClassVar[str] = "name"

    name: Name
    """Name of the trunk."""

    service_type: Literal["none", "emcc"] = "emcc"
    """`emcc` is Trunk Service Type "Extension Mobility Cross Clusters": its peers are learned from the remote clusters.
    `none` is an ordinary trunk with destinations."""

    destinations: tuple[str, ...] = ()
    """Peers of an ordinary trunk, each `address` or `address:port`."""

    transport: Literal["tcp", "udp"] = "tcp"
    """Transport of outgoing requests; both are taken in."""

    device_pool: str = ""
    """Its device pool; empty is the cluster's first."""

    css: str = ""
    """Inbound calling search space."""

    early_offer: bool = False
    """Whether outgoing INVITEs carry SDP. The product's default is a delayed offer."""

    send_geolocation: bool = True
    """Whether INVITEs carry the caller's geolocation."""

    options_ping: bool = False
    """Whether an ordinary trunk's destinations are watched by OPTIONS; the product's default is off."""

    emcc_options_ping: bool = True
    """Whether an EMCC trunk's peers are watched by OPTIONS. The product never does that (its option is for trunks of
    service type None only): set it to false for the product's behaviour."""

    ping_interval_in_service_s: PingInterval = 60
    """Gap between OPTIONS while in service, 5 to 600 s."""

    ping_interval_out_of_service_s: PingInterval = 120
    """Gap between OPTIONS while out of service, 5 to 600 s."""

    ping_retry_timer_s: Annotated[float, Meta(ge=0.1, le=1, extra={"text": "duration"})] = 0.5
    """First wait for an answer, 100 to 1000 ms."""

    ping_tries: Annotated[int, Meta(ge=1, le=10)] = 6
    """Repetitions of an unanswered OPTIONS before the peer counts as down, 1 to 10."""

    @property
    def is_emcc(self) -> bool:
        """Whether this is an EMCC trunk."""
        return self.service_type == "emcc"

    @property
    def is_pinged(self) -> bool:
        """Whether its peers are watched by OPTIONS."""
        return self.emcc_options_ping if self.is_emcc else self.options_ping


class InterclusterServiceProfile(Settings, frozen=True, kw_only=True):
    """Which EMCC services this cluster takes part in. The product's defaults are all off; here EMCC works at once."""

    emcc_active: bool = True
    """EMCC itself; false makes logins of remote users fail with code 201 here and 38 there."""

    pstn_access_active: bool = True
    """PSTN access; false makes EMCC logins fail with code 211."""

    pstn_access_trunk: str = "auto"
    """EMCC trunk of PSTN access; `auto` is the first EMCC trunk."""

    rsvp_agent_active: bool = False
    """RSVP agent."""

    rsvp_agent_trunk: str = "auto"
    """EMCC trunk of the RSVP agent; `auto` is the last EMCC trunk."""


class RemoteCluster(Settings, frozen=True, kw_only=True):
    """Another cluster as this one knows it. The key `*` stands for every other cluster of the lab."""

    __keyed_by__: ClassVar[str] = "cluster_id"

    cluster_id: Annotated[str, Meta(min_length=1, max_length=255)]
    """Its Cluster ID; one that differs from its own enterprise parameter makes updates fail with code 212."""

    fully_qualified_name: Annotated[str, Meta(max_length=50)] = ""
    """Address, or name that resolves to any of its nodes; empty is the first node of the lab's cluster with that ID."""

    https_port: Annotated[int, Meta(ge=0, le=65535)] = 0
    """Port of its Tomcat service; 0 is that of the lab's cluster with that ID, else 8443."""

    certificates_imported: bool = True
    """Whether its Tomcat certificates were imported by bulk certificate management; logins fail with 208 if not."""

    emcc: bool = True
    """Whether EMCC with it is enabled."""

    pstn_access: bool = True
    """Whether PSTN access with it is enabled."""

    rsvp_agent: bool = True
    """Whether the RSVP agent service with it is enabled."""

    tftp: bool = False
    """Proxy TFTP; has to stay off for EMCC."""
