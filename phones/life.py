"""A phone's life between power-on and power-off: it boots, registers, obeys orders, fails over, moves home and back.

An idle phone has no task: its registration wakes by a timer, everything else by a packet. Booting, failing over and
coming back after an order run in one task, which ends when the phone is registered or has to wait.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import structlog

from emcc_emu.errors import EmccEmuError, TransportError
from emcc_emu.net.http_client import HttpClient
from emcc_emu.net.sip import SipEndpoint, SipHandler
from emcc_emu.protocol.sip_flow import Address, Flow
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.device_config import CallManagerMember, DeviceConfig
from emcc_emu.wire.phone_files import EmccMiniConfig
from emcc_emu.wire.remotecc import ServiceControl
from emcc_emu.wire.sip_identity import phone_branch
from phones.downloads import Downloads, FileServer, ServersSilent
from phones.identity import PhoneIdentity, PhoneNames
from phones.provisioning import NotProvisioned, SharedParts, fetch_configuration, fetch_extras
from phones.registration import RegistrationLost, RegistrationRefused, SipRegistration
from phones.timing import DEFAULT_TIMING, PhoneTiming

__all__ = ["Life", "PhoneState"]

log = structlog.get_logger(__name__)

COLD_BOOT = "initialized"
"""`Last=` of a phone that was just switched on; the other words stand in `LAST_ALARMS`."""

FALLBACK = "fallback"

ORDERS = {"restart": "reset-restart", "reset": "reset-reset"}
"""`Last=` of a phone that was ordered to start again, by order."""


class PhoneState(enum.Enum):
    """Where a phone is in its life."""

    OFF = "off"
    BOOTING = "booting"
    REGISTERING = "registering"
    REGISTERED = "registered"
    REJECTED = "rejected"
    """Nobody gives it a file or a registration; it tries again after a while."""


class Life:
    """Keeps one phone registered where it belongs.

    Args:
        identity: Name, model, source address.
        names: Makes its identifiers.
        file_servers: TFTP servers as DHCP option 150 would give them.
        handler: Takes the requests that come over SIP.
        on_change: Called after each change of state.
        recorder: Records packets; None records nothing.
        timing: How long it waits for what.
        parts: Keeps what many phones have in common; None for a phone alone.
    """

    __slots__ = (
        "_file_servers",
        "_handler",
        "_names",
        "_on_change",
        "_own_config",
        "_parts",
        "_recorder",
        "_retry",
        "_timing",
        "_work",
        "config",
        "emcc",
        "endpoint",
        "failure",
        "identity",
        "registration",
        "registrations",
        "state",
    )

    def __init__(
        self,
        identity: PhoneIdentity,
        names: PhoneNames,
        file_servers: Sequence[FileServer],
        handler: SipHandler,
        on_change: Callable[[], None],
        *,
        recorder: Recorder | None = None,
        timing: PhoneTiming = DEFAULT_TIMING,
        parts: SharedParts | None = None,
    ) -> None:
        self.identity = identity
        self._names = names
        self._file_servers = tuple(file_servers)
        self._handler = handler
        self._on_change = on_change
        self._recorder = recorder
        self._timing = timing
        self._parts = parts
        self._own_config: DeviceConfig | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._work: asyncio.Task[None] | None = None
        self.config: DeviceConfig | None = None
        """The configuration in use: that of the phone's own cluster, or in EMCC mode that of home."""
        self.emcc: EmccMiniConfig | None = None
        """What put the phone into EMCC mode; None when it belongs to its own cluster."""
        self.endpoint: SipEndpoint | None = None
        self.registration: SipRegistration | None = None
        """The registration in force or being made."""
        self.registrations = 0
        """How often the phone has registered in full."""
        self.state = PhoneState.OFF
        self.failure = ""
        """Why the phone is not registered, when it is not."""

    @property
    def registered_at(self) -> Address | None:
        """The node where the phone is registered, None when it is not."""
        if self.state is PhoneState.REGISTERED and self.registration is not None:
            return self.registration.node
        return None

    def power_on(self) -> None:
        """Begin to boot; nothing happens when the phone is on."""
        if self.state is not PhoneState.OFF:
            return
        names = self._names
        self.endpoint = SipEndpoint(
            handler=self._handler,
            recorder=self._recorder,
            rng=names.rng,
            local_ip=self.identity.address,
            make_branch=phone_branch,
            timers=self._timing.sip,
        )
        self._enter(PhoneState.BOOTING)
        self._begin(self._cold_boot(self.endpoint))

    async def power_off(self) -> None:
        """Unregister and let go of every socket."""
        self._stop_retry()
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
            self._work = None
        was_registered = self.state is PhoneState.REGISTERED
        self._enter(PhoneState.OFF)
        if self.registration is not None and was_registered:
            await self.registration.unregister()
        await self._drop_registration()
        self.emcc = None
        if self.endpoint is not None:
            await self.endpoint.close()
            self.endpoint = None

    def obey(self, order: ServiceControl) -> None:
        """Act on an order of the node; the caller has checked that it is meant for this registration."""
        if order.action in ORDERS:
            self._begin(self._restart(ORDERS[order.action]))
        elif order.action == "check-version":
            if self.config is not None and order.config_stamp != self.config.version_stamp:
                self._begin(self._restart(ORDERS["restart"]))
        elif order.action == "apply-config" and order.cucm_result != "no_change":
            self._begin(self._restart(ORDERS["restart"]))

    def connection_lost(self, flow: Flow) -> None:
        """The node closed the connection: look for another one."""
        if self.registration is not None and self.registration.flow == flow:
            self._lost(RegistrationLost("cm-closed-tcp", "the node closed the connection"))

    # How it goes on.

    def _enter(self, state: PhoneState, failure: str = "") -> None:
        self.state = state
        self.failure = failure
        self._on_change()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start to boot, restart or fail over; what is under way, if anything, is given up."""
        self._stop_retry()
        if self._work is not None:
            self._work.cancel()
        self._work = asyncio.get_running_loop().create_task(work)

    def _stop_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None

    async def _cold_boot(self, endpoint: SipEndpoint) -> None:
        await endpoint.start()
        await self._boot(COLD_BOOT)

    async def _restart(self, last: str) -> None:
        """Unregister, then boot from the file of the phone's own cluster."""
        registration = self.registration
        self._enter(PhoneState.BOOTING)
        if registration is not None:
            await registration.unregister()
        await self._drop_registration()
        await self._boot(last)

    async def _boot(self, last: str, *, is_home_lost: bool = False) -> None:
        """Fetch files and register: at the own cluster, or at home in EMCC mode; back from home when it fails there.

        Args:
            last: Why, as the REGISTER will say.
            is_home_lost: Whether home was tried already, so that the phone stays where it stands.
        """
        self._enter(PhoneState.BOOTING)
        try:
            self.config = await self._provide(is_home_lost)
            await self._register(self.config, last)
        except (TransportError, NotProvisioned, RegistrationRefused) as error:
            await self._drop_registration()
            if self.emcc is None:
                self._try_again_later(error)
                return
            log.info("phone_left_emcc", device=self.identity.name, reason=str(error))
            await self._boot(FALLBACK, is_home_lost=True)
            return
        self._settle()

    async def _fail_over(self, last: str) -> None:
        """Register with the next node of the group; when none answers, look at the files again."""
        config, lost = self.config, self.registration
        self._enter(PhoneState.REGISTERING)
        await self._drop_registration()
        if config is None:
            await self._boot(last)
            return
        try:
            await self._register(config, last, lost.node[0] if lost is not None else "")
        except (TransportError, RegistrationRefused) as error:
            log.info("phone_failed_over_in_vain", device=self.identity.name, reason=str(error))
            await self._drop_registration()
            await self._boot(last if self.emcc is None else FALLBACK, is_home_lost=self.emcc is not None)
            return
        self._settle()

    def _settle(self) -> None:
        """The phone is registered: nothing runs until a packet or the timer wakes it."""
        self._work = None
        self.registrations += 1
        self._enter(PhoneState.REGISTERED)

    def _try_again_later(self, error: EmccEmuError) -> None:
        self._work = None
        self._enter(PhoneState.REJECTED, str(error))
        asked_s = error.retry_after_s if isinstance(error, RegistrationRefused) else None
        delay_s = self._timing.retry_s if asked_s is None else asked_s
        self._retry = asyncio.get_running_loop().call_later(delay_s, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._begin(self._boot(COLD_BOOT))

    def _lost(self, error: EmccEmuError) -> None:
        """The registration is gone: after a refusal start over, else go to the next node."""
        if self.state is not PhoneState.REGISTERED:
            return
        log.info("phone_registration_lost", device=self.identity.name, reason=str(error))
        if isinstance(error, RegistrationLost):
            self._begin(self._fail_over(error.last))
        else:
            self._begin(self._start_over())

    async def _start_over(self) -> None:
        """The node refused a refresh: the phone belongs there no longer."""
        is_home_lost = self.emcc is not None
        await self._drop_registration()
        await self._boot("phone-reg-rej", is_home_lost=is_home_lost)

    async def _drop_registration(self) -> None:
        registration, self.registration = self.registration, None
        if registration is not None and self.endpoint is not None:
            registration.stop()
            self.endpoint.close_connection(registration.flow)
            await asyncio.sleep(0)  # the loop takes the connection down before we open one to the same node

    # Files.

    async def _provide(self, is_home_lost: bool) -> DeviceConfig:
        """Fetch the files of a boot, in the order of a real phone; an EMCC mini file leads to home's servers.

        A phone keeps the last configuration of its own cluster. It uses it when no server answers, and when its
        cluster still points it to a home that is lost.

        Raises:
            ServersSilent: Nobody answers, and there is no configuration yet.
            NotProvisioned: There is nothing to register with.
        """
        self.emcc = None
        async with HttpClient(
            local_ip=self.identity.address, recorder=self._recorder, timeout_s=self._timing.http_timeout_s
        ) as http:
            own = self._downloads(http, self._file_servers)
            try:
                found = await fetch_configuration(own, self.identity.name, self._parts)
            except ServersSilent:
                if self._own_config is None:
                    raise
                return self._own_config
            if not isinstance(found, EmccMiniConfig):
                self._own_config = found
                await fetch_extras(own, found)
                return found
            if is_home_lost:
                return self._config_without_home()
            self.emcc = found
            log.info("phone_entered_emcc", device=self.identity.name, servers=found.tftp_servers)
            home = self._downloads(http, self._servers_of_home(found))
            config = await fetch_configuration(home, self.identity.name, self._parts)
            if isinstance(config, EmccMiniConfig):
                raise NotProvisioned("home points to yet another cluster")
            await fetch_extras(home, config)
            return config

    def _config_without_home(self) -> DeviceConfig:
        if self._own_config is None:
            raise NotProvisioned("its own cluster points it to a home that is lost")
        return self._own_config

    def _downloads(self, http: HttpClient, servers: Sequence[FileServer]) -> Downloads:
        return Downloads(http, self.identity.address, servers, timing=self._timing, recorder=self._recorder)

    def _servers_of_home(self, emcc: EmccMiniConfig) -> list[FileServer]:
        """Home's servers; the ports stay those of the phone."""
        return [dataclasses.replace(self._file_servers[0], address=address) for address in emcc.tftp_servers]

    # Registering.

    async def _register(self, config: DeviceConfig, last: str, lost_node: str = "") -> None:
        """Register with the first node of the CallManager group that answers; in EMCC mode ask them again for a while.

        Args:
            config: Names the nodes.
            last: Why, as the REGISTER will say.
            lost_node: Address of a node that has just failed, which is asked last.

        Raises:
            RegistrationRefused: A node said no; the others are then not asked.
            TransportError: No node answered.
        """
        self._enter(PhoneState.REGISTERING)
        members = sorted(config.call_managers, key=lambda member: (member.address == lost_node, member.priority))
        loop = asyncio.get_running_loop()
        last_round_at = loop.time() + (self._timing.home_attempts_s if self.emcc is not None else 0.0)
        while True:
            failure = await self._register_with_first(config, members, last)
            if failure is None:
                return
            if loop.time() + self._timing.home_pause_s > last_round_at:
                raise failure
            await asyncio.sleep(self._timing.home_pause_s)

    async def _register_with_first(
        self, config: DeviceConfig, members: Sequence[CallManagerMember], last: str
    ) -> TransportError | None:
        """One round over the nodes; returns why the last one failed, None when the phone is registered."""
        failure = TransportError("its configuration names no CallManager")
        for member in members:
            try:
                await self._register_at(member, config, last)
                return None
            except TransportError as error:
                failure = error
                await self._drop_registration()
        return failure

    async def _register_at(self, member: CallManagerMember, config: DeviceConfig, last: str) -> None:
        assert self.endpoint is not None  # made at power-on
        flow = await self.endpoint.connect((member.address, member.sip_port), "tcp")
        registration = SipRegistration(
            self.identity, self._names, self.endpoint, flow, config.lines, self._lost, self._timing
        )
        self.registration = registration
        for values in self._alarms():
            await registration.send_alarm("DeviceTLInfo", values)
        await registration.register(last)

    def _alarms(self) -> list[tuple[tuple[str, str], ...]]:
        """What the phone reports about trust lists: in EMCC mode one alarm for each of the two clusters."""
        servers = [self._file_servers[0].address]
        if self.emcc is not None:
            servers.append(self.emcc.tftp_servers[0])
        return [
            (
                ("DeviceName", self.identity.name),
                ("IPv4Address", self.identity.address),
                ("ITL_TFTP_Server", server),
                ("StatusCode", "3"),
            )
            for server in servers
        ]
