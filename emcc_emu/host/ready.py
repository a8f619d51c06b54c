"""The ready file: where everything of a running lab is, for scripts, phones and API clients."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from emcc_emu.errors import InputError
from emcc_emu.lab.model import ClusterConfig, Lab

__all__ = [
    "ReadyCluster",
    "ReadyExample",
    "ReadyFile",
    "ReadyGateway",
    "ReadyNode",
    "ReadyPhone",
    "describe_lab",
    "read_ready_file",
]


class ReadyNode(msgspec.Struct, frozen=True):
    """A node and the ports of its services."""

    name: str
    address: str
    http: int
    https: int
    tftp: int
    tftp_http: int
    tftp_https: int
    sip: int
    sips: int


class ReadyGateway(msgspec.Struct, frozen=True):
    """A PSTN gateway."""

    name: str
    address: str
    sip: int


class ReadyCluster(msgspec.Struct, frozen=True):
    """One running cluster."""

    nodes: tuple[ReadyNode, ...]
    gateways: tuple[ReadyGateway, ...]
    database: str


class ReadyPhone(msgspec.Struct, frozen=True):
    """A phone that the lab knows: what it is called, where it lives, which address it should use."""

    name: str
    cluster: str
    address: str
    model: str = ""


class ReadyExample(msgspec.Struct, frozen=True):
    """Who and what to try first."""

    visiting_phone: str
    home_user: str
    pin: str
    api_user: str
    api_password: str
    extension: str = ""
    pstn_number: str = ""
    emergency_number: str = ""


class ReadyFile(msgspec.Struct, frozen=True):
    """Everything about a running lab that a program outside it needs."""

    clusters: dict[str, ReadyCluster]
    control: str
    trace: str
    state: str
    ca_file: str
    pid: int
    phones: tuple[ReadyPhone, ...]
    example: ReadyExample | None

    def write(self, path: Path) -> None:
        """Write the file at once, so that a reader never sees half of it; only its owner may read it."""
        draft = path.with_name(f".{path.name}.{self.pid}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        draft.replace(path)


def read_ready_file(path: Path) -> ReadyFile:
    """Read a ready file.

    Raises:
        InputError: it is missing or is something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=ReadyFile)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; start a lab with: emcc-emu up LAB --ready-file {path}") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{path}: this is no ready file of a running lab: {error}") from None


def describe_cluster(config: ClusterConfig, database: Path) -> ReadyCluster:
    """Addresses and ports of one cluster."""
    nodes = tuple(
        ReadyNode(
            node.name,
            node.address,
            node.ports.http,
            node.ports.https,
            node.ports.tftp,
            node.ports.tftp_http,
            node.ports.tftp_https,
            node.ports.sip,
            node.ports.sips,
        )
        for node in config.nodes
    )
    gateways = tuple(ReadyGateway(gateway.name, gateway.address, gateway.port) for gateway in config.gateways)
    return ReadyCluster(nodes, gateways, str(database))


def describe_phones(lab: Lab) -> tuple[ReadyPhone, ...]:
    """Every phone of the lab."""
    return tuple(
        ReadyPhone(phone.name, cluster.name, phone.address, phone.model)
        for cluster in lab.clusters
        for phone in cluster.phones
    )


def describe_example(lab: Lab) -> ReadyExample | None:
    """The lab's own example, if it has one."""
    if lab.example is None:
        return None
    fields = {name: getattr(lab.example, name) for name in ReadyExample.__struct_fields__}
    return ReadyExample(**fields)


def describe_lab(
    lab: Lab, databases: Mapping[str, Path], *, trace: Path | None, state: Path, ca_file: Path, control: str = ""
) -> ReadyFile:
    """The ready file of a lab of which the named clusters run here."""
    return ReadyFile(
        clusters={name: describe_cluster(lab.by_name[name], database) for name, database in databases.items()},
        control=control,
        trace=str(trace or ""),
        state=str(state),
        ca_file=str(ca_file),
        pid=os.getpid(),
        phones=describe_phones(lab),
        example=describe_example(lab),
    )
