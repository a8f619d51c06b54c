"""The lab: everything that an administrator configures, typed, immutable, complete with defaults.

`lab.load.load_lab` reads it from a YAML file. After loading, every derived default is filled in: names that could be
left empty or `auto` name something, or are empty for none; counted entries are expanded; the remote cluster `*` is
replaced by those it stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.lab.device_pools import BaseDevices, CommonDeviceConfiguration, DevicePool, EmccTemplate
from emcc_emu.lab.devices import (
    EXTENSION_MOBILITY,
    ApplicationUser,
    DeviceProfile,
    Line,
    PhoneConfig,
    PhoneService,
    SpeedDial,
    User,
)
from emcc_emu.lab.dial_plan import (
    STANDARD_LOCAL_ROUTE_GROUP,
    CallingSearchSpace,
    DigitTransformation,
    Gateway,
    Name,
    RouteGroup,
    RouteList,
    RouteListMember,
    RoutePattern,
    TranslationPattern,
)
from emcc_emu.lab.em_options import CredentialPolicy, EmServiceOptions
from emcc_emu.lab.faults import Fault
from emcc_emu.lab.geography import CIVIC_ELEMENTS, CivicElement, Geolocation, GeolocationFilter
from emcc_emu.lab.parameters import (
    CallManagerParameters,
    EmccFeatureParameters,
    ServiceParameters,
    ServiceTimes,
)
from emcc_emu.lab.phone_models import PHONE_MODELS, PhoneModel
from emcc_emu.lab.trunks import InterclusterServiceProfile, RemoteCluster, TrunkConfig
from emcc_emu.settings.declaration import Address, Settings

__all__ = [
    "CIVIC_ELEMENTS",
    "EXTENSION_MOBILITY",
    "PHONE_MODELS",
    "STANDARD_LOCAL_ROUTE_GROUP",
    "ApplicationUser",
    "BaseDevices",
    "CallManagerParameters",
    "CallingSearchSpace",
    "CivicElement",
    "ClusterConfig",
    "CommonDeviceConfiguration",
    "CredentialPolicy",
    "DevicePool",
    "DeviceProfile",
    "DigitTransformation",
    "EmServiceOptions",
    "EmccFeatureParameters",
    "EmccTemplate",
    "Example",
    "Fault",
    "Gateway",
    "Geolocation",
    "GeolocationFilter",
    "InterclusterServiceProfile",
    "Lab",
    "Line",
    "Node",
    "PhoneConfig",
    "PhoneModel",
    "PhoneService",
    "Ports",
    "RemoteCluster",
    "RouteGroup",
    "RouteList",
    "RouteListMember",
    "RoutePattern",
    "ServiceParameters",
    "ServiceTimes",
    "SpeedDial",
    "TranslationPattern",
    "TrunkConfig",
    "User",
]

Port = Annotated[int, Meta(ge=0, le=65535)]


class Ports(Settings, frozen=True, kw_only=True):
    """Where a node's services listen; 0 lets the system choose."""

    http: Port = 8080
    """Tomcat: EMApp and EMService."""

    https: Port = 8443
    """Tomcat with TLS."""

    tftp: Port = 6969
    """TFTP over UDP. The product's 69 needs privileges."""

    tftp_http: Port = 6970
    """Configuration files over HTTP."""

    tftp_https: Port = 6971
    """Configuration files over HTTPS."""

    sip: Port = 5060
    """SIP over UDP and TCP."""

    sips: Port = 5061
    """SIP over TLS."""


class Node(Settings, frozen=True, kw_only=True):
    """A server of a cluster; the first one listed is the publisher."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "address"

    name: Name
    """Name of the node."""

    address: Address
    """Its IP address; every service of the node listens there."""

    em: bool = True
    """Whether Cisco Extension Mobility is active on it."""

    tftp: bool = True
    """Whether Cisco Tftp is active on it."""

    call_manager: bool = True
    """Whether Cisco CallManager is active on it."""

    ils: bool | None = None
    """Whether the Intercluster Lookup Service is active on it: on the publisher only, where absent means yes."""

    bulk_provisioning: bool | None = None
    """Whether Cisco Bulk Provisioning Service is active on it: on the publisher only, where absent means yes. Bulk jobs
    need it."""

    ports: Ports = Ports()
    """Its ports; untouched they are those of the cluster."""


class ClusterConfig(Settings, frozen=True, kw_only=True, dict=True):
    """One Unified CM cluster."""

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=50, pattern="^[a-z][a-z0-9-]*$")]
    """Name of the cluster in the lab: lower-case letters, digits and hyphens."""

    cluster_id: Annotated[str, Meta(max_length=50)] = ""
    """Enterprise parameter Cluster ID, unique in the lab; empty is the name."""

    version: Annotated[str, Meta(pattern=r"^\d+(\.\d+){1,4}(-\d+)?$")] = "12.5.1.14900-11"
    """Release, such as 12.5 or 12.5.1.14900-11; decides what the cluster understands."""

    security_mode: Literal["non_secure", "mixed"] = "non_secure"
    """Cluster security mode."""

    nodes: Annotated[tuple[Node, ...], Meta(min_length=1, max_length=21)]
    """Its servers; the first is the publisher."""

    ports: Ports = Ports()
    """Ports of all its nodes."""

    enterprise_geolocation: str = ""
    """Geolocation of devices for which neither phone nor device pool has one."""

    service_parameters: ServiceParameters = ServiceParameters()
    """Parameters of Cisco Extension Mobility."""

    emcc: EmccFeatureParameters = EmccFeatureParameters()
    """EMCC feature parameters."""

    call_manager: CallManagerParameters = CallManagerParameters()
    """Parameters of call processing and TFTP."""

    em_service: EmServiceOptions = EmServiceOptions()
    """How strict its EMService is."""

    credential_policy: CredentialPolicy = CredentialPolicy()
    """Policy for its users' PINs."""

    service_times: ServiceTimes = ServiceTimes()
    """Extra time the services take."""

    intercluster_service_profile: InterclusterServiceProfile = InterclusterServiceProfile()
    """Which EMCC services are active."""

    remote_clusters: tuple[RemoteCluster, ...] = (RemoteCluster(cluster_id="*"),)
    """The clusters it knows; all others of the lab unless listed. `{}` is none (code 36)."""

    common_device_configurations: tuple[CommonDeviceConfiguration, ...] = ()
    """Common device configurations."""

    emcc_templates: tuple[EmccTemplate, ...] = (EmccTemplate(name="EMCC Base Phone"),)
    """EMCC templates; the first is the default template unless `base_devices` says otherwise."""

    base_devices: BaseDevices = BaseDevices()
    """Its EMCC base devices, or just their number."""

    reconcile: bool = True
    """Whether an interrupted login or logout between clusters is finished or undone once the other cluster answers.
    Off leaves orphans to the expired device maintenance, as the product does."""

    geolocations: tuple[Geolocation, ...] = ()
    """Civic addresses."""

    geolocation_filters: tuple[GeolocationFilter, ...] = ()
    """Which elements of them count."""

    device_pools: tuple[DevicePool, ...] = (DevicePool(name="Default"),)
    """Device pools; the first is the default of whatever names none."""

    partitions: tuple[str, ...] = ()
    """Names of the partitions."""

    calling_search_spaces: tuple[CallingSearchSpace, ...] = ()
    """Calling search spaces."""

    route_patterns: tuple[RoutePattern, ...] = ()
    """Route patterns."""

    translation_patterns: tuple[TranslationPattern, ...] = ()
    """Translation patterns."""

    route_lists: tuple[RouteList, ...] = ()
    """Route lists."""

    route_groups: tuple[RouteGroup, ...] = ()
    """Route groups."""

    gateways: tuple[Gateway, ...] = ()
    """Gateways to the PSTN."""

    trunks: tuple[TrunkConfig, ...] = (TrunkConfig(name="emcc"),)
    """SIP trunks; one EMCC trunk unless listed."""

    phone_services: tuple[PhoneService, ...] = (PhoneService(name=EXTENSION_MOBILITY),)
    """IP phone services."""

    phones: tuple[PhoneConfig, ...] = ()
    """Its phones."""

    device_profiles: tuple[DeviceProfile, ...] = ()
    """Its device profiles."""

    users: tuple[User, ...] = ()
    """Its end users."""

    application_users: tuple[ApplicationUser, ...] = (ApplicationUser(name="emproxy", password="emproxy-2580"),)
    """Its application users."""

    @property
    def publisher(self) -> Node:
        """The first node."""
        return self.nodes[0]

    @property
    def em_nodes(self) -> tuple[Node, ...]:
        """The nodes that run Cisco Extension Mobility."""
        return tuple(node for node in self.nodes if node.em)

    @cached_property
    def nodes_by_name(self) -> Mapping[str, Node]:
        """Its nodes by name."""
        return {node.name: node for node in self.nodes}

    @cached_property
    def phones_by_name(self) -> Mapping[str, PhoneConfig]:
        """Its phones by device name."""
        return {phone.name: phone for phone in self.phones}

    @cached_property
    def users_by_id(self) -> Mapping[str, User]:
        """Its users by user ID."""
        return {user.user_id: user for user in self.users}

    @cached_property
    def device_profiles_by_name(self) -> Mapping[str, DeviceProfile]:
        """Its device profiles by name."""
        return {profile.name: profile for profile in self.device_profiles}

    @cached_property
    def device_pools_by_name(self) -> Mapping[str, DevicePool]:
        """Its device pools by name."""
        return {pool.name: pool for pool in self.device_pools}

    @cached_property
    def emcc_templates_by_name(self) -> Mapping[str, EmccTemplate]:
        """Its EMCC templates by name."""
        return {template.name: template for template in self.emcc_templates}

    @cached_property
    def common_device_configurations_by_name(self) -> Mapping[str, CommonDeviceConfiguration]:
        """Its common device configurations by name."""
        return {entry.name: entry for entry in self.common_device_configurations}

    @cached_property
    def geolocations_by_name(self) -> Mapping[str, Geolocation]:
        """Its geolocations by name."""
        return {geolocation.name: geolocation for geolocation in self.geolocations}

    @cached_property
    def geolocation_filters_by_name(self) -> Mapping[str, GeolocationFilter]:
        """Its geolocation filters by name."""
        return {entry.name: entry for entry in self.geolocation_filters}

    @cached_property
    def css_by_name(self) -> Mapping[str, CallingSearchSpace]:
        """Its calling search spaces by name."""
        return {css.name: css for css in self.calling_search_spaces}

    @cached_property
    def route_lists_by_name(self) -> Mapping[str, RouteList]:
        """Its route lists by name."""
        return {entry.name: entry for entry in self.route_lists}

    @cached_property
    def route_groups_by_name(self) -> Mapping[str, RouteGroup]:
        """Its route groups by name."""
        return {entry.name: entry for entry in self.route_groups}

    @cached_property
    def gateways_by_name(self) -> Mapping[str, Gateway]:
        """Its gateways by name."""
        return {gateway.name: gateway for gateway in self.gateways}

    @cached_property
    def trunks_by_name(self) -> Mapping[str, TrunkConfig]:
        """Its trunks by name."""
        return {trunk.name: trunk for trunk in self.trunks}

    @cached_property
    def phone_services_by_name(self) -> Mapping[str, PhoneService]:
        """Its phone services by name."""
        return {service.name: service for service in self.phone_services}

    @cached_property
    def application_users_by_name(self) -> Mapping[str, ApplicationUser]:
        """Its application users by name."""
        return {user.name: user for user in self.application_users}

    @cached_property
    def remote_clusters_by_id(self) -> Mapping[str, RemoteCluster]:
        """The remote clusters it knows, by their Cluster ID."""
        return {remote.cluster_id: remote for remote in self.remote_clusters}

    def partitions_of(self, css_name: str) -> tuple[str, ...]:
        """The partitions of a calling search space, in order; none for an empty name."""
        return self.css_by_name[css_name].partitions if css_name else ()

    def geolocation_of(self, phone: PhoneConfig) -> Geolocation | None:
        """A phone's geolocation: its own, else its device pool's, else the enterprise parameter's, else none."""
        pool = self.device_pools_by_name[phone.device_pool]
        name = phone.geolocation or pool.geolocation or self.enterprise_geolocation
        return self.geolocations_by_name[name] if name else None


class Example(Settings, frozen=True, kw_only=True):
    """Who and what to try first in this lab; `emcc-emu demo` and the ready file use it."""

    visiting_phone: str
    """Device name of a phone of the visiting cluster."""

    home_user: str
    """User ID of a user of the home cluster."""

    pin: str
    """That user's PIN."""

    api_user: str = "emproxy"
    """Application user of both clusters."""

    api_password: str = "emproxy-2580"
    """Its password."""

    extension: str = ""
    """An extension of the home cluster to call."""

    pstn_number: str = ""
    """A PSTN number as dialled in the visited country."""

    emergency_number: str = ""
    """An emergency number as dialled in the visited country."""


class Lab(Settings, frozen=True, kw_only=True, dict=True):
    """All clusters and phones of one lab file."""

    name: str = "lab"
    """Name of the lab."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    """Seed of everything random in the lab."""

    clusters: Annotated[tuple[ClusterConfig, ...], Meta(min_length=1, max_length=64)]
    """Its clusters."""

    allow_unequal_region_parameters: bool = False
    """Whether the clusters' EMCC region parameters may differ, to see the one-way audio that follows."""

    faults: tuple[Fault, ...] = ()
    """What goes wrong from the start on."""

    example: Example | None = None
    """Who and what to try first."""

    @cached_property
    def by_name(self) -> Mapping[str, ClusterConfig]:
        """Its clusters by name."""
        return {cluster.name: cluster for cluster in self.clusters}

    @cached_property
    def by_cluster_id(self) -> Mapping[str, ClusterConfig]:
        """Its clusters by Cluster ID."""
        return {cluster.cluster_id: cluster for cluster in self.clusters}

    def cluster_of_phone(self, device_name: str) -> ClusterConfig | None:
        """The cluster that has a phone of this name, if any."""
        return next((cluster for cluster in self.clusters if device_name in cluster.phones_by_name), None)
