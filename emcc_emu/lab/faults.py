"""Faults: what goes wrong in a lab on purpose, from its start on or while it runs.

One declaration describes one fault. Which fields it needs follows from its kind:

| kind | needs | takes |
| --- | --- | --- |
| `service_down`, `service_error` | `cluster`, `service` | `node` |
| `service_slow` | `cluster`, `service` | `node`, `delay` |
| `database_error` | `cluster` | `operation` |
| `link_cut`, `link_refused` | `link` | `protocol` |
| `link_loss` | `link` | `protocol`, `percent` |
| `link_delay` | `link` | `protocol`, `percent`, `delay` |
| `message_truncated`, `message_junk` | `link` or `cluster` | `protocol`, `percent` |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from msgspec import Meta

from emcc_emu.settings.declaration import Duration, Settings
from emcc_emu.settings.mistakes import Mistake, Path, nearest_word, plain_error, show_value
from emcc_emu.settings.plans import settings_of
from emcc_emu.settings.reading import read_record
from emcc_emu.settings.writing import plain_settings

if TYPE_CHECKING:
    from emcc_emu.lab.model import Lab

__all__ = [
    "DatabaseOperation",
    "Fault",
    "FaultKind",
    "FaultProtocol",
    "FaultService",
    "fault_mistakes",
    "plain_fault",
    "read_fault",
]

FaultKind = Literal[
    "service_down",
    "service_slow",
    "service_error",
    "database_error",
    "link_cut",
    "link_refused",
    "link_loss",
    "link_delay",
    "message_truncated",
    "message_junk",
]

FaultService = Literal["", "em_service", "em_app", "tftp", "call_manager", "directory", "ris"]

DatabaseOperation = Literal[
    "write",
    "any",
    "start",
    "user",
    "user_profile",
    "policy",
    "device",
    "login_status",
    "query",
    "login",
    "automatic_logout",
]

FaultProtocol = Literal["any", "http", "sip", "tftp"]

LINK_KINDS: frozenset[str] = frozenset({"link_cut", "link_refused", "link_loss", "link_delay"})
MESSAGE_KINDS: frozenset[str] = frozenset({"message_truncated", "message_junk"})
SERVICE_KINDS: frozenset[str] = frozenset({"service_down", "service_slow", "service_error"})

WHOLE_CLUSTER_SERVICES: frozenset[str] = frozenset({"directory", "ris"})
"""Services that the cluster has once, so that no node is named and only `service_down` applies."""

WEB_SERVICES: frozenset[str] = frozenset({"em_service", "em_app"})

_NEEDED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(SERVICE_KINDS, ("cluster", "service")),
    "database_error": ("cluster",),
    **dict.fromkeys(LINK_KINDS, ("link",)),
    **dict.fromkeys(MESSAGE_KINDS, ()),
}
_TAKEN: dict[str, tuple[str, ...]] = {
    "service_down": ("node",),
    "service_slow": ("node", "delay_s"),
    "service_error": ("node",),
    "database_error": ("operation",),
    "link_cut": ("protocol",),
    "link_refused": ("protocol",),
    "link_loss": ("protocol", "percent"),
    "link_delay": ("protocol", "percent", "delay_s"),
    "message_truncated": ("link", "cluster", "protocol", "percent"),
    "message_junk": ("link", "cluster", "protocol", "percent"),
}


class Fault(Settings, frozen=True, kw_only=True):
    """Something that goes wrong on purpose, from the start of the lab on; the control API sets and clears faults too.

    Whether a message is hit is drawn from the lab's seed, the fault, the link, the message's story (one call, one
    phone) and its number in that story, so the same run fails in the same places.
    """

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    """Name of the fault, by which it is cleared."""

    kind: FaultKind
    """What goes wrong. `service_down`: a service does not run. `service_slow`: it takes longer. `service_error`: it
    fails for no reason that it knows (EMService: code 0, EMApp: HTTP 500). `database_error`: the cluster's database
    fails. `link_cut`: nothing passes between two clusters, and nobody says so. `link_refused`: the same, but HTTP
    connections are refused at once. `link_loss`, `link_delay`: messages are lost or late. `message_truncated`,
    `message_junk`: messages lose their second half, or have some of their bytes replaced."""

    cluster: str = ""
    """The cluster it happens in; of a message fault the cluster that sends the message."""

    node: str = ""
    """The node of a service fault; empty is every node."""

    service: FaultService = ""
    """The service: `em_service`, `em_app`, `tftp`, `call_manager`, or what the cluster has once: `directory`, which
    checks PINs and passwords (codes 204 and 9), and `ris`, the real-time data collector (code 29)."""

    operation: DatabaseOperation = "write"
    """What the database is doing when it fails. `write`: any commit (code 6). `any`: everything. `start`: the start
    of EMApp (210). `user`: reading an application or end user for the EM API (9). `user_profile`: EMApp reading a
    user's profiles (205). `policy`: reading the login policy (4). `device`: reading whether Extension Mobility is
    enabled on the phone (20). `login_status`: reading who is on the phone (21). `query`: answering a query (6).
    `login`: writing a login or logout (6). `automatic_logout`: setting or removing the automatic logout (7)."""

    link: tuple[str, ...] = ()
    """The two clusters that a link joins; it carries their HTTPS and trunks, and what phones of one say to the
    other."""

    protocol: FaultProtocol = "any"
    """Which messages are hit."""

    percent: Annotated[int, Meta(ge=0, le=100)] = 100
    """How many of them."""

    delay_s: Duration = 0.5
    """How much longer it takes."""


def read_fault(lab: Lab, name: str, values: Mapping[str, Any]) -> Fault:
    """A fault from values that did not come from a file, such as the body of a request.

    Args:
        lab: Where it shall happen.
        name: Name of the fault.
        values: Fields by the names that a lab file uses, spelt as there.

    Raises:
        InputError: They have mistakes; its text lists all of them.
    """
    fault = read_record(Fault, {**values, "name": name}, ("faults", name))
    mistakes = list(fault_mistakes(lab, fault))
    if mistakes:
        raise plain_error(mistakes)
    return fault


def plain_fault(fault: Fault) -> dict[str, Any]:
    """A fault by the names that a lab file uses, with the fields that mean something for its kind."""
    fields = ("kind", *_NEEDED[fault.kind], *_TAKEN[fault.kind])
    plain = plain_settings(fault, without=[name for name in fault.__struct_fields__ if name not in fields])
    return {name: value for name, value in plain.items() if value not in ("", [])}


def fault_mistakes(lab: Lab, fault: Fault) -> Iterator[Mistake]:
    """What is wrong in a fault whose fields are right one by one."""
    path: Path = ("faults", fault.name)
    yield from _field_mistakes(fault, path)
    yield from _place_mistakes(lab, fault, path)


def _field_mistakes(fault: Fault, path: Path) -> Iterator[Mistake]:
    needed, taken = _NEEDED[fault.kind], _TAKEN[fault.kind]
    for setting in settings_of(Fault):
        is_default = getattr(fault, setting.field) == setting.default
        if setting.field in needed and is_default:
            yield Mistake(path, f"has no {setting.key}, which {fault.kind} needs")
        elif setting.field not in (*needed, *taken, "name", "kind") and not is_default:
            yield Mistake((*path, setting.key), f"means nothing for {fault.kind}")
    if fault.kind in MESSAGE_KINDS and bool(fault.cluster) == bool(fault.link):
        yield Mistake(path, f"needs a link or a cluster, one of them, for {fault.kind}")
    if fault.service in WHOLE_CLUSTER_SERVICES and fault.kind != "service_down":
        yield Mistake((*path, "kind"), f"has to be service_down for {fault.service}")
    if fault.service in WHOLE_CLUSTER_SERVICES and fault.node:
        yield Mistake((*path, "node"), f"means nothing for {fault.service}")
    if fault.kind == "service_error" and fault.service and fault.service not in WEB_SERVICES:
        yield Mistake((*path, "service"), "has to be em_service or em_app for service_error")


def _place_mistakes(lab: Lab, fault: Fault, path: Path) -> Iterator[Mistake]:
    for name in (fault.cluster, *fault.link):
        if name and name not in lab.by_name:
            where = "cluster" if name == fault.cluster else "link"
            problem = f"{show_value(name)} is no cluster of this lab"
            yield Mistake((*path, where), problem, nearest=nearest_word(name, lab.by_name))
    if fault.link and len(set(fault.link)) != 2:
        yield Mistake((*path, "link"), "has to name two clusters")
    cluster = lab.by_name.get(fault.cluster)
    if fault.node and cluster is not None and fault.node not in cluster.nodes_by_name:
        nearest = nearest_word(fault.node, cluster.nodes_by_name)
        problem = f"{show_value(fault.node)} is no node of {cluster.name}"
        yield Mistake((*path, "node"), problem, nearest=nearest)
