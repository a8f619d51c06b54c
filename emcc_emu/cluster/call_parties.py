"""Who places a call and where it may go: the words that call control and routing share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from emcc_emu.cluster.registration import Registration
from emcc_emu.protocol.sip_flow import Address

__all__ = ["Caller", "Destination", "NumberIdentity", "PartyKind", "Refusal", "Route", "Stage"]

PartyKind = Literal["line", "trunk", "gateway"]


@dataclasses.dataclass(frozen=True, slots=True)
class NumberIdentity:
    """A party as the other one is shown it."""

    number: str
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who placed a call, and what decides where it may go."""

    kind: PartyKind
    device_name: str
    """Phone, trunk or gateway."""
    identity: NumberIdentity
    partitions: tuple[str, ...]
    """Partitions that may be searched, in order."""
    device_pool: str
    """Device pool whose local route group applies; for a visitor's call on an EMCC trunk the phone's own pool."""
    external_mask: str = ""
    """External phone number mask of the calling line."""
    is_emcc: bool = False
    """Whether an EMCC phone placed it, here as a device of ours or at its home cluster."""
    visiting_cluster_id: str | None = None
    """For an EMCC phone of ours: the cluster where it stands."""
    visiting_device: str = ""
    """On an EMCC trunk: the phone of ours that its user is on."""
    geolocation: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Civic address of the phone; empty when unknown."""
    is_refused: bool = False
    """True when policy wants the calling phone known and it is not: the call is answered 404."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """One place to send an INVITE to."""

    kind: PartyKind
    device_name: str
    called_number: str
    """Digits after every transformation."""
    calling: NumberIdentity
    called: NumberIdentity | None = None
    """How a line is shown to the caller before it says more itself."""
    registration: Registration | None = None
    """Of a line."""
    address: Address | None = None
    """Of a trunk's peer or a gateway."""
    transport: Literal["udp", "tcp"] = "tcp"
    is_emcc: bool = False
    """Whether it is an EMCC phone of ours or an EMCC trunk: then the EMCC region limits the codec."""
    sends_geolocation: bool = False
    is_early_offer: bool = False
    """Whether its INVITE carries the caller's offer."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Destinations that are tried together; the next stage follows when all have failed."""

    destinations: tuple[Destination, ...]
    group: int = 0
    """Stages of one route list member have one number: it is skipped as a whole after a refusal that is no outage."""
    ring_time_s: float | None = None
    """How long it may ring before `on_no_answer` is dialled; None for the INVITE's own expiry."""
    on_no_answer: str = ""
    forward_partitions: tuple[str, ...] = ()
    """Where `on_no_answer` is looked up."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refusal:
    """A call that goes nowhere."""

    status: int
    why: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a call goes, in order."""

    stages: tuple[Stage, ...]
    is_emergency: bool = False
    pattern: str = ""
    """The pattern that matched, for logs."""
