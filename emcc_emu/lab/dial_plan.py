"""The dial plan: calling search spaces, patterns, route lists, route groups and gateways."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.settings.declaration import Address, Settings

__all__ = [
    "STANDARD_LOCAL_ROUTE_GROUP",
    "CallingSearchSpace",
    "DigitDiscard",
    "DigitTransformation",
    "Gateway",
    "Name",
    "RouteGroup",
    "RouteList",
    "RouteListMember",
    "RoutePattern",
    "TranslationPattern",
]

STANDARD_LOCAL_ROUTE_GROUP = "Standard Local Route Group"
"""Route list member that stands for the local route group of the caller's device pool."""

Name = Annotated[str, Meta(min_length=1, max_length=50)]

DigitDiscard = Literal["none", "pre_dot", "trailing_hash", "pre_dot_trailing_hash"]
"""Digits removed before a call is sent: those before the pattern's dot, a final `#`, both, or none."""

PatternText = Annotated[str, Meta(min_length=1, max_length=50)]
"""A pattern: digits, `X` one digit, `!` one or more digits, `[2-9]` a set, `.` the discard mark, `\\+` a plus."""

Mask = Annotated[str, Meta(max_length=50, pattern=r"^[0-9Xx*#+]*$")]
"""A transformation mask: `X` keeps a digit, counted from the right, anything else replaces it."""


class DigitTransformation(Settings, frozen=True, kw_only=True):
    """What happens to the calling and the called number on the way out; applied in the order of these fields."""

    discard: DigitDiscard = "none"
    """Digits of the called number that are removed first."""

    called_mask: Mask = ""
    """Mask laid over the called number; empty keeps it."""

    called_prefix: Mask = ""
    """Digits put before the called number."""

    use_external_mask: bool = False
    """Whether the calling line's external phone number mask is laid over the calling number first."""

    calling_mask: Mask = ""
    """Mask laid over the calling number; a full number replaces it, for example an ELIN."""

    calling_prefix: Mask = ""
    """Digits put before the calling number."""


class CallingSearchSpace(Settings, frozen=True, kw_only=True):
    """An ordered list of partitions; its order breaks ties between patterns that match equally well."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "partitions"

    name: Name
    """Name of the calling search space."""

    partitions: tuple[str, ...] = ()
    """Its partitions, in order. Numbers in no partition are always reachable."""


class RoutePattern(DigitTransformation, frozen=True, kw_only=True):
    """A pattern that sends calls out by a route list, gateway or trunk."""

    pattern: PatternText
    """The digits it matches, for example `9.1[2-9]XXXXXXXXX`."""

    partition: str = ""
    """Partition it is in; empty is none."""

    destination: str = ""
    """Name of a route list, gateway or trunk of this cluster."""

    block: bool = False
    """Whether calls that match are refused."""

    urgent: bool = False
    """Whether a match ends digit collection at once, even if more digits could match a longer pattern."""

    emergency: bool = False
    """Whether calls that match are emergency calls: marked in traces, never held back."""


class TranslationPattern(DigitTransformation, frozen=True, kw_only=True):
    """A pattern that changes digits and looks them up again."""

    pattern: PatternText
    """The digits it matches."""

    partition: str = ""
    """Partition it is in; empty is none."""

    css: str = ""
    """Calling search space of the second look-up; empty keeps the caller's."""

    block: bool = False
    """Whether calls that match are refused."""

    urgent: bool = True
    """Whether a match ends digit collection at once."""


class RouteListMember(DigitTransformation, frozen=True, kw_only=True):
    """A route group of a route list, with its own changes of digits."""

    __shorthand__: ClassVar[str] = "route_group"

    route_group: str
    """Name of a route group, or `Standard Local Route Group`."""


class RouteList(Settings, frozen=True, kw_only=True):
    """Route groups tried in order."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "members"

    name: Name
    """Name of the route list."""

    members: tuple[RouteListMember, ...] = ()
    """Its route groups, in order."""


class RouteGroup(Settings, frozen=True, kw_only=True):
    """Gateways and trunks that share calls."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "members"

    name: Name
    """Name of the route group."""

    members: tuple[str, ...] = ()
    """Names of gateways and trunks, in order."""

    algorithm: Literal["circular", "top_down"] = "circular"
    """Where the search for a free member begins: after the last one used, or at the top."""


class Gateway(Settings, frozen=True, kw_only=True):
    """A SIP gateway to the PSTN: ours, or a foreign program that listens on its address."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "address"

    name: Name
    """Name of the gateway."""

    address: Address
    """Its IP address."""

    port: Annotated[int, Meta(ge=1, le=65535)] = 5060
    """Its SIP port."""

    transport: Literal["udp", "tcp"] = "udp"
    """How SIP reaches it."""

    external: bool = False
    """Whether a foreign program answers there; false makes the lab run a gateway that answers calls."""

    device_pool: str = ""
    """Its device pool; empty is the cluster's first."""

    css: str = ""
    """Calling search space of calls that arrive from it; empty reaches numbers in no partition."""
