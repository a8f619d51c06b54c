"""What no single field can tell: names that must exist, numbers that must differ, sums that must fit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from emcc_emu.lab.check_calls import find_call_mistakes
from emcc_emu.lab.check_names import repeated_names, unknown_name
from emcc_emu.lab.devices import DeviceProfile, Line, PhoneConfig, User
from emcc_emu.lab.faults import fault_mistakes
from emcc_emu.lab.model import PHONE_MODELS, ClusterConfig, Example, Lab
from emcc_emu.lab.phone_models import THIRD_PARTY_MODEL
from emcc_emu.settings.mistakes import Mistake, Path, nearest_word, show_value

__all__ = ["MAX_EMCC_TRUNKS", "find_mistakes"]

MAX_EMCC_TRUNKS = 2
"""EMCC trunks of a cluster: one for both services, or one each; never more."""

_CISCO_DEVICE_NAME = re.compile(r"SEP[0-9A-F]{12}")
_MAX_TRUSTED_IPS_CHARACTERS = 1024


def find_mistakes(lab: Lab) -> list[Mistake]:
    """Everything that is wrong in a lab whose fields are right one by one."""
    mistakes = list(_unique_cluster_ids(lab))
    mistakes += _unique_addresses(lab)
    for cluster in lab.clusters:
        path: Path = ("clusters", cluster.name)
        mistakes += _cluster_mistakes(cluster, path)
        mistakes += find_call_mistakes(cluster, path)
    mistakes += _equal_region_parameters(lab)
    for fault in lab.faults:
        mistakes += fault_mistakes(lab, fault)
    if lab.example is not None:
        mistakes += _example_mistakes(lab, lab.example)
    return mistakes


def _unique_cluster_ids(lab: Lab) -> Iterator[Mistake]:
    owners: dict[str, str] = {}
    for cluster in lab.clusters:
        owner = owners.setdefault(cluster.cluster_id, cluster.name)
        if owner != cluster.name:
            path = ("clusters", cluster.name, "cluster_id")
            yield Mistake(path, f"{show_value(cluster.cluster_id)} is the Cluster ID of {owner} too")


def _unique_addresses(lab: Lab) -> Iterator[Mistake]:
    """Nodes, gateways of ours and phones each need an address of their own."""
    owners: dict[str, Path] = {}
    for path, address in _addresses(lab):
        owner = owners.setdefault(address, path)
        if owner != path:
            yield Mistake((*path, "address"), f"{address} is the address of {owner[-1]} in {owner[1]} too")


def _addresses(lab: Lab) -> Iterator[tuple[Path, str]]:
    for cluster in lab.clusters:
        top: Path = ("clusters", cluster.name)
        yield from (((*top, "nodes", node.name), node.address) for node in cluster.nodes)
        yield from (((*top, "gateways", gateway.name), gateway.address) for gateway in cluster.gateways)
        yield from (((*top, "phones", phone.name), phone.address) for phone in cluster.phones if phone.address)


def _cluster_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    yield from _server_mistakes(cluster, path)
    yield from _device_pool_mistakes(cluster, path)
    yield from _service_profile_mistakes(cluster, path)
    yield from _capacity_mistakes(cluster, path)
    yield from repeated_names((*path, "phones"), (phone.name for phone in cluster.phones), "phone")
    yield from repeated_names((*path, "users"), (user.user_id for user in cluster.users), "user")
    yield from repeated_names((*path, "device_profiles"), (entry.name for entry in cluster.device_profiles), "profile")
    for phone in cluster.phones:
        yield from _phone_mistakes(cluster, phone, (*path, "phones", phone.name))
    for profile in cluster.device_profiles:
        yield from _profile_mistakes(cluster, profile, (*path, "device_profiles", profile.name))
    for user in cluster.users:
        yield from _user_mistakes(cluster, user, (*path, "users", user.user_id))


def _server_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    for node in cluster.nodes[1:]:
        for field in ("ils", "bulk_provisioning"):
            if getattr(node, field):
                yield Mistake((*path, "nodes", node.name, field), "runs on the publisher only, which is the first node")
    addresses = {node.address for node in cluster.nodes}
    valid = addresses | set(cluster.nodes_by_name) | {"auto", "none"}
    for field in ("default_tftp_server", "backup_tftp_server", "default_update_server", "backup_update_server"):
        yield from unknown_name((*path, "emcc", field), getattr(cluster.emcc, field), valid, "node or address")
    geolocation_filter = cluster.emcc.geolocation_filter
    yield from unknown_name(
        (*path, "emcc", "geolocation_filter"), geolocation_filter, cluster.geolocation_filters_by_name, "filter"
    )
    if len(";".join(cluster.service_parameters.trusted_ips)) > _MAX_TRUSTED_IPS_CHARACTERS:
        field_path = (*path, "service_parameters", "trusted_ips")
        yield Mistake(field_path, f"has more than {_MAX_TRUSTED_IPS_CHARACTERS} characters, separators included")


def _device_pool_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    for pool in cluster.device_pools:
        pool_path = (*path, "device_pools", pool.name)
        for index, node in enumerate(pool.call_manager_group):
            yield from unknown_name((*pool_path, "call_manager_group", index), node, cluster.nodes_by_name, "node")
        yield from unknown_name(
            (*pool_path, "geolocation"), pool.geolocation, cluster.geolocations_by_name, "geolocation"
        )
        yield from unknown_name(
            (*pool_path, "local_route_group"), pool.local_route_group, cluster.route_groups_by_name, "route group"
        )
        yield from unknown_name(
            (*pool_path, "adjunct_css"), pool.adjunct_css, cluster.css_by_name, "calling search space"
        )
    if not cluster.device_pools:
        yield Mistake((*path, "device_pools"), "is empty; a cluster needs a device pool")
    geolocation = cluster.enterprise_geolocation
    yield from unknown_name((*path, "enterprise_geolocation"), geolocation, cluster.geolocations_by_name, "geolocation")
    for template in cluster.emcc_templates:
        template_path = (*path, "emcc_templates", template.name)
        pools, shared = cluster.device_pools_by_name, cluster.common_device_configurations_by_name
        yield from unknown_name((*template_path, "device_pool"), template.device_pool, pools, "device pool")
        configuration = template.common_device_configuration
        shared_path = (*template_path, "common_device_configuration")
        yield from unknown_name(shared_path, configuration, shared, "common device configuration")
    templates = cluster.emcc_templates_by_name
    yield from unknown_name((*path, "base_devices", "template"), cluster.base_devices.template, templates, "template")
    pool_name = cluster.base_devices.device_pool
    yield from unknown_name(
        (*path, "base_devices", "device_pool"), pool_name, cluster.device_pools_by_name, "device pool"
    )


def _service_profile_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    profile = cluster.intercluster_service_profile
    emcc_trunks = [trunk.name for trunk in cluster.trunks if trunk.is_emcc]
    if len(emcc_trunks) > MAX_EMCC_TRUNKS:
        yield Mistake((*path, "trunks"), f"has {len(emcc_trunks)} EMCC trunks; at most {MAX_EMCC_TRUNKS} allowed")
    for field in ("pstn_access", "rsvp_agent"):
        trunk_path = (*path, "intercluster_service_profile", f"{field}_trunk")
        trunk = getattr(profile, f"{field}_trunk")
        yield from unknown_name(trunk_path, trunk, emcc_trunks, "EMCC trunk")
        if getattr(profile, f"{field}_active") and not trunk:
            yield Mistake(trunk_path, f"is missing, although {field}_active is true")
    for remote in cluster.remote_clusters:
        remote_path = (*path, "remote_clusters", remote.cluster_id)
        if remote.cluster_id == cluster.cluster_id:
            yield Mistake(remote_path, "is this cluster itself")
        elif not remote.fully_qualified_name:
            yield Mistake(remote_path, "is no Cluster ID of this lab, so it needs a fully_qualified_name")
        if remote.tftp:
            yield Mistake((*remote_path, "tftp"), "has to stay off: proxy TFTP does not work with EMCC")


def _capacity_mistakes(cluster: ClusterConfig, path: Path) -> Iterator[Mistake]:
    """Each EMCC session counts twice in the number of phones: base device and temporary device."""
    count = cluster.base_devices.count
    needed = len(cluster.phones) + 2 * count
    if needed > cluster.call_manager.max_phones:
        problem = (
            f"{len(cluster.phones)} phones and twice {count} EMCC devices are {needed}, "
            f"more than {cluster.call_manager.max_phones} (phones + 2 × EMCC devices ≤ MaxPhones)"
        )
        yield Mistake((*path, "base_devices"), problem)


def _phone_mistakes(cluster: ClusterConfig, phone: PhoneConfig, path: Path) -> Iterator[Mistake]:
    if phone.is_third_party and not phone.digest_user:
        yield Mistake(path, "is a third-party SIP phone and needs a digest_user")
    if not phone.is_third_party and _CISCO_DEVICE_NAME.fullmatch(phone.name) is None:
        yield Mistake(path, "is no device name: SEP and twelve hexadecimal digits in upper case")
    if phone.device_security_mode != "non_secure" and cluster.security_mode == "non_secure":
        yield Mistake((*path, "device_security_mode"), "needs a cluster in mixed mode")
    yield from unknown_name((*path, "digest_user"), phone.digest_user, cluster.users_by_id, "user")
    yield from unknown_name((*path, "device_pool"), phone.device_pool, cluster.device_pools_by_name, "device pool")
    yield from unknown_name((*path, "css"), phone.css, cluster.css_by_name, "calling search space")
    yield from unknown_name((*path, "geolocation"), phone.geolocation, cluster.geolocations_by_name, "geolocation")
    profiles = cluster.device_profiles_by_name
    yield from unknown_name((*path, "logout_profile"), phone.logout_profile, profiles, "device profile")
    yield from _button_mistakes(cluster, phone, path)


def _profile_mistakes(cluster: ClusterConfig, profile: DeviceProfile, path: Path) -> Iterator[Mistake]:
    yield from unknown_name((*path, "emcc_css"), profile.emcc_css, cluster.css_by_name, "calling search space")
    yield from unknown_name((*path, "login_user_id"), profile.login_user_id, cluster.users_by_id, "user")
    if profile.model == THIRD_PARTY_MODEL:
        yield Mistake((*path, "model"), "has no device profiles")
    pools_without = [pool.name for pool in cluster.device_pools if pool.mlpp_indication == "off"]
    if profile.mlpp_preemption == "forceful" and profile.mlpp_indication == "off":
        yield Mistake((*path, "mlpp_preemption"), "'forceful' needs mlpp_indication: on")
    elif profile.mlpp_preemption == "forceful" and profile.mlpp_indication == "default" and pools_without:
        problem = f"'forceful' needs MLPP indication, which device pool {pools_without[0]} has off"
        yield Mistake((*path, "mlpp_preemption"), problem)
    yield from _button_mistakes(cluster, profile, path)


def _button_mistakes(cluster: ClusterConfig, device: PhoneConfig | DeviceProfile, path: Path) -> Iterator[Mistake]:
    """Mistakes in what phones and profiles have in common: lines and services."""
    max_lines = PHONE_MODELS[device.model].max_lines
    if len(device.lines) > max_lines:
        yield Mistake((*path, "lines"), f"has {len(device.lines)} lines; a {device.model} has {max_lines}")
    for index, line in enumerate(device.lines):
        yield from _line_mistakes(cluster, line, (*path, "lines", index))
    for index, service in enumerate(device.services):
        service_path = (*path, "services", index)
        yield from unknown_name(service_path, service, cluster.phone_services_by_name, "phone service")


def _line_mistakes(cluster: ClusterConfig, line: Line, path: Path) -> Iterator[Mistake]:
    yield from unknown_name((*path, "partition"), line.partition, cluster.partitions, "partition")
    yield from unknown_name((*path, "css"), line.css, cluster.css_by_name, "calling search space")
    if line.busy_trigger > line.max_calls:
        yield Mistake((*path, "busy_trigger"), f"{line.busy_trigger} is above max_calls {line.max_calls}")


def _user_mistakes(cluster: ClusterConfig, user: User, path: Path) -> Iterator[Mistake]:
    profiles = cluster.device_profiles_by_name
    for index, profile in enumerate(user.profiles):
        yield from unknown_name((*path, "profiles", index), profile, profiles, "device profile")
    if user.default_profile and user.default_profile not in user.profiles:
        nearest = nearest_word(user.default_profile, user.profiles)
        problem = f"{show_value(user.default_profile)} is none of the user's profiles"
        yield Mistake((*path, "default_profile"), problem, nearest=nearest)
    if not cluster.service_parameters.alphanumeric_user_id and not user.user_id.isdigit():
        yield Mistake(path, "is not numeric, although alphanumeric_user_id is false")


def _equal_region_parameters(lab: Lab) -> Iterator[Mistake]:
    """The EMCC region parameters have to be equal everywhere, or audio may be one-way."""
    first = lab.clusters[0]
    for cluster in lab.clusters[1:]:
        for field in ("region_max_audio_kbps", "region_max_video_kbps", "region_link_loss_type"):
            ours, theirs = getattr(cluster.emcc, field), getattr(first.emcc, field)
            if ours != theirs and not lab.allow_unequal_region_parameters:
                path = ("clusters", cluster.name, "emcc", field)
                yield Mistake(path, f"{show_value(str(ours))} differs from {first.name}'s {show_value(str(theirs))}")


def _example_mistakes(lab: Lab, example: Example) -> Iterator[Mistake]:
    phones = [phone.name for cluster in lab.clusters for phone in cluster.phones]
    users = {user.user_id: user for cluster in lab.clusters for user in cluster.users}
    if example.visiting_phone not in phones:
        problem = f"{show_value(example.visiting_phone)} is no phone of this lab"
        nearest = nearest_word(example.visiting_phone, phones)
        yield Mistake(("example", "visiting_phone"), problem, nearest=nearest)
    user = users.get(example.home_user)
    if user is None:
        problem = f"{show_value(example.home_user)} is no user of this lab"
        yield Mistake(("example", "home_user"), problem, nearest=nearest_word(example.home_user, users))
    elif user.pin != example.pin:
        yield Mistake(("example", "pin"), f"is not the PIN of {example.home_user}")
    yield from _api_user_mistakes(lab, example)
    numbers = {line.directory_number for cluster in lab.clusters for line in _lines(cluster)}
    if example.extension and example.extension not in numbers:
        problem = f"{show_value(example.extension)} is no directory number of this lab"
        yield Mistake(("example", "extension"), problem, nearest=nearest_word(example.extension, numbers))


def _api_user_mistakes(lab: Lab, example: Example) -> Iterator[Mistake]:
    for cluster in lab.clusters:
        user = cluster.application_users_by_name.get(example.api_user)
        if user is None:
            problem = f"{show_value(example.api_user)} is no application user of {cluster.name}"
            nearest = nearest_word(example.api_user, cluster.application_users_by_name)
            yield Mistake(("example", "api_user"), problem, nearest=nearest)
        elif user.password != example.api_password:
            yield Mistake(("example", "api_password"), f"is not the password of {example.api_user} in {cluster.name}")


def _lines(cluster: ClusterConfig) -> Iterator[Line]:
    for phone in cluster.phones:
        yield from phone.lines
    for profile in cluster.device_profiles:
        yield from profile.lines
