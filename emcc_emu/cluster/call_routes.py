"""Where a dialled number leads in a running cluster: the dial plan's answer, turned into places that can be called now.

`rules` decides; here its answer meets what is registered, busy or out of service at this moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from emcc_emu.cluster.call_parties import Caller, Destination, NumberIdentity, Refusal, Route, Stage
from emcc_emu.lab.model import ClusterConfig
from emcc_emu.rules import routing
from emcc_emu.rules.dial_plan import DialPlan, DirectoryNumberFound, NotFound, PatternFound, Reason, line_partitions
from emcc_emu.rules.transformations import Numbers

if TYPE_CHECKING:
    from emcc_emu.cluster.devices import EffectiveDevice, EffectiveLine
    from emcc_emu.cluster.registrar import Registrar
    from emcc_emu.cluster.state import ClusterState
    from emcc_emu.cluster.trunks import Trunk

__all__ = ["MAX_FORWARDS_BEFORE_RINGING", "RouteFinder", "partitions_of_line"]

MAX_FORWARDS_BEFORE_RINGING = 12
"""Lines in a row that may forward a call before anything has rung."""

STATUS_BY_REASON = {
    Reason.UNALLOCATED: 404,
    Reason.BLOCKED: 403,
    Reason.INCOMPLETE: 484,
    Reason.TRANSLATION_LOOP: 482,
}

CallCount = Callable[[str, str], int]
"""Calls that a line of a device has now, from device name and directory number."""


def partitions_of_line(device: EffectiveDevice, line: EffectiveLine) -> tuple[str, ...]:
    """What a line of a device may call."""
    return line_partitions(line.css, device.device_css, device.adjunct_css)


class RouteFinder:
    """Finds routes in one cluster.

    Args:
        state: Knows devices and their lines.
        registrar: Knows which of them are registered.
        trunks: The cluster's trunks by name.
        call_count: Tells how busy a line is.
    """

    def __init__(
        self, state: ClusterState, registrar: Registrar, trunks: dict[str, Trunk], call_count: CallCount
    ) -> None:
        self._state = state
        self._registrar = registrar
        self._trunks = trunks
        self._call_count = call_count
        self._plan = DialPlan(state.config.route_patterns, state.config.translation_patterns)
        self._turn = 0

    @property
    def _config(self) -> ClusterConfig:
        return self._state.config

    def find(self, caller: Caller, dialled: str, *, partitions: tuple[str, ...] | None = None) -> Route | Refusal:
        """Where `dialled` leads.

        Args:
            caller: Who calls.
            dialled: The digits.
            partitions: Where to look instead of the caller's partitions, for forwarded calls.
        """
        if caller.is_refused:
            return Refusal(404, "the calling phone is not known")
        searched = caller.partitions if partitions is None else partitions
        return self._find(caller, Numbers(caller.identity.number, dialled), searched, 0)

    def _find(
        self, caller: Caller, numbers: Numbers, partitions: tuple[str, ...], forward_count: int
    ) -> Route | Refusal:
        if forward_count > MAX_FORWARDS_BEFORE_RINGING:
            return Refusal(482, "the call is forwarded in a circle")
        found = self._plan.find(numbers, partitions, self._is_directory_number, self._config.partitions_of)
        if isinstance(found, NotFound):
            return Refusal(STATUS_BY_REASON[found.reason], f"{numbers.called} is {found.reason.value}")
        if isinstance(found, DirectoryNumberFound):
            return self._line_route(caller, found, forward_count)
        return self._pattern_route(caller, found)

    # -- lines ------------------------------------------------------------------------------------------------

    def _is_directory_number(self, number: str, partition: str) -> bool:
        return bool(self._appearances(number, partition))

    def _appearances(self, number: str, partition: str) -> list[tuple[EffectiveDevice, EffectiveLine]]:
        spellings = (number, f"\\{number}") if number.startswith("+") else (number,)
        found = []
        for spelling in spellings:
            for appearance in self._state.find_directory_number(spelling, partition):
                device = self._state.device(appearance.device_name)
                if device is not None:
                    found.append((device, device.lines[appearance.line_index - 1]))
        return found

    def _line_route(self, caller: Caller, found: DirectoryNumberFound, forward_count: int) -> Route | Refusal:
        appearances = self._appearances(found.directory_number, found.partition)
        forward_all = next((line.forward_all for _, line in appearances if line.forward_all), "")
        registered = [(device, line) for device, line in appearances if self._registrar.get(device.name) is not None]
        free = [(device, line) for device, line in registered if not self._is_busy(device, line)]
        device, line = (free or registered or appearances)[0]
        forward_to = forward_all or _forward_number(line, is_registered=bool(registered), is_free=bool(free))
        if forward_to:
            onward = Numbers(found.numbers.calling, forward_to)
            return self._find(caller, onward, partitions_of_line(device, line), forward_count + 1)
        if not free:
            return Refusal(486, "busy") if registered else Refusal(480, "not registered")
        calling = NumberIdentity(found.numbers.calling, caller.identity.name)
        stage = Stage(
            destinations=tuple(self._line_destination(device, line, calling) for device, line in free),
            ring_time_s=self._config.call_manager.forward_no_answer_timer_s if line.forward_no_answer else None,
            on_no_answer=line.forward_no_answer,
            forward_partitions=partitions_of_line(device, line),
        )
        return Route(stages=(stage,), pattern=found.directory_number)

    def _is_busy(self, device: EffectiveDevice, line: EffectiveLine) -> bool:
        return self._call_count(device.name, line.directory_number) >= line.busy_trigger

    def _line_destination(self, device: EffectiveDevice, line: EffectiveLine, calling: NumberIdentity) -> Destination:
        registration = self._registrar.get(device.name)
        return Destination(
            kind="line",
            device_name=device.name,
            called_number=line.directory_number,
            calling=calling,
            called=NumberIdentity(line.directory_number, line.display),
            registration=registration,
            is_emcc=device.is_emcc,
        )

    # -- route patterns ---------------------------------------------------------------------------------------

    def _pattern_route(self, caller: Caller, found: PatternFound) -> Route | Refusal:
        routing_caller = routing.Caller(
            device_pool=caller.device_pool,
            visiting_cluster_id=caller.visiting_cluster_id or "",
            external_mask=caller.external_mask,
        )
        self._turn += 1
        hops = routing.hops(self._config, found.pattern, found.numbers, routing_caller, self._turn)
        stages = tuple(
            Stage(destinations=(destination,), group=group)
            for group, hop in enumerate(hops)
            for destination in self._hop_destinations(caller, hop)
        )
        if not stages:
            return Refusal(503, f"nothing that {found.pattern.pattern} leads to is in service")
        return Route(stages=stages, is_emergency=found.pattern.emergency, pattern=found.pattern.pattern)

    def _hop_destinations(self, caller: Caller, hop: routing.Hop) -> Iterator[Destination]:
        calling = NumberIdentity(hop.numbers.calling, caller.identity.name)
        if isinstance(hop, routing.GatewayHop):
            gateway = hop.gateway
            yield Destination(
                kind="gateway",
                device_name=gateway.name,
                called_number=hop.numbers.called,
                calling=calling,
                address=(gateway.address, gateway.port),
                transport=gateway.transport,
                sends_geolocation=False,
            )
            return
        trunk = self._trunks[hop.trunk.name]
        cluster_id = hop.cluster_id if isinstance(hop, routing.VisitingClusterHop) else None
        yield from _trunk_destinations(trunk, trunk.callable_peers(cluster_id), hop.numbers, calling)


def _trunk_destinations(
    trunk: Trunk, peers: Iterable[tuple[str, int]], numbers: Numbers, calling: NumberIdentity
) -> Iterator[Destination]:
    config = trunk.config
    for address in peers:
        yield Destination(
            kind="trunk",
            device_name=config.name,
            called_number=numbers.called,
            calling=calling,
            address=address,
            transport=config.transport,
            is_emcc=config.is_emcc,
            sends_geolocation=config.send_geolocation,
            is_early_offer=config.early_offer,
        )


def _forward_number(line: EffectiveLine, *, is_registered: bool, is_free: bool) -> str:
    if not is_registered:
        return line.forward_unregistered
    return "" if is_free else line.forward_busy
