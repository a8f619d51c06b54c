"""The IP phone services of a cluster with their URLs, as configuration files and the Services menu list them."""

from __future__ import annotations

from collections.abc import Sequence

from emcc_emu.cluster.emapp import EMAPP_PATH
from emcc_emu.lab.model import ClusterConfig, Node
from emcc_emu.lab.model import PhoneService as ConfiguredService
from emcc_emu.wire.device_config import PhoneService

__all__ = ["subscribed_services"]


def subscribed_services(config: ClusterConfig, node: Node, names: Sequence[str]) -> list[PhoneService]:
    """The services of these names that are enabled, in the order of subscription, then those of the enterprise.

    Args:
        config: The cluster.
        node: The node whose EMApp a service without its own URL means.
        names: Subscriptions of a device or profile.
    """
    everywhere = [service.name for service in config.phone_services if service.enterprise_subscription]
    found = (config.phone_services_by_name.get(name) for name in dict.fromkeys([*names, *everywhere]))
    return [PhoneService(service.name, service_url(service, node)) for service in found if service and service.enabled]


def service_url(service: ConfiguredService, node: Node) -> str:
    """The service's URL, with the tokens that the phone replaces."""
    if service.url:
        return service.url
    scheme, port = ("https", node.ports.https) if service.secure else ("http", node.ports.http)
    emcc = "&EMCC=#EMCC#" if service.with_emcc else ""
    login_type = f"&loginType={service.login_type}" if service.login_type else ""
    return f"{scheme}://{node.address}:{port}{EMAPP_PATH}?device=#DEVICENAME#{emcc}{login_type}"
