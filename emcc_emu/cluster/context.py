"""What the services of one cluster share: its state, its clock, the way to its phones, and its background work."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Collection, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from emcc_emu.cluster.pin_gate import PinGate
from emcc_emu.cluster.service_times import Operation, ServiceTimer
from emcc_emu.cluster.state import ClusterState
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from emcc_emu.net.faults import FaultBoard
from emcc_emu.trace.recorder import Recorder

__all__ = ["Background", "DeviceControl", "ServiceContext"]

log = structlog.get_logger()


class DeviceControl(Protocol):
    """What the EM services need of call processing: a database change notification is a function call."""

    def reset_device(self, device_name: str, action: str = "restart") -> bool:
        """Order the phone to restart or reset; False when it is not registered here."""

    def is_registered(self, device_name: str) -> bool:
        """Whether the phone is registered here."""

    def registered_addresses(self) -> Collection[str] | None:
        """IP addresses of all registered phones, as the RIS data collector knows them; None when it is down."""

    def refresh_trunk_peers(self) -> None:
        """Take the addresses that a remote cluster update has brought."""


class Background:
    """Work that nobody waits for, kept referenced and cancelled when the cluster stops."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background; a failure is logged."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    async def close(self) -> None:
        """Cancel what runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background_work_failed", work=task.get_name(), error=str(error), exc_info=error)


@dataclass(slots=True)
class ServiceContext:
    """One cluster's shared parts."""

    state: ClusterState
    clock: Clock
    rng: random.Random
    control: DeviceControl
    client_context: ssl.SSLContext
    """Trust of the cluster's services when they call each other and other clusters."""
    recorder: Recorder | None
    shared_secret: str = field(repr=False)
    """What EMApp shows its own EMService as `appEncryptedCertificate`."""
    background: Background = field(default_factory=Background)
    _timer: ServiceTimer = field(init=False)
    pins: PinGate = field(init=False)
    """Checks what people type as PIN."""

    def __post_init__(self) -> None:
        self.pins = PinGate(self.state)
        self._timer = ServiceTimer(self.rng)

    @property
    def config(self) -> ClusterConfig:
        """The cluster as configured now."""
        return self.state.config

    @property
    def faults(self) -> FaultBoard:
        """What goes wrong on purpose."""
        return self.state.faults

    @property
    def lab(self) -> Lab:
        """The lab it belongs to."""
        return self.state.lab

    @property
    def own_addresses(self) -> frozenset[str]:
        """Addresses of the cluster's nodes."""
        return self.state.own_addresses

    async def spend(self, operation: Operation) -> None:
        """Let the extra time of one operation pass, as the cluster's service times say."""
        await self._timer.spend(operation, self.config.service_times)
