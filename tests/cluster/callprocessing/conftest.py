"""A lab's call managers without their EM services, and phones for them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from sip_agents import PATIENCE_S, Agent, Phone

from emcc_emu.cluster.callmanager import CallManager
from emcc_emu.cluster.database import Database
from emcc_emu.cluster.records import PSTN_ACCESS, EmccSession, RemoteClusterStatus, RemoteLogin, RemoteService
from emcc_emu.cluster.state import ClusterState
from emcc_emu.cluster.trunks import Trunk
from emcc_emu.lab.changes import Change
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.load import load_lab, parse_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from emcc_emu.protocol.sip_flow import Address, TransportName
from emcc_emu.protocol.sip_options_ping import TrunkStatus

LABS = Path(__file__).parents[3] / "fixtures" / "labs"


def own_block(address: str) -> str:
    """The address in a block of 127/8 that belongs to this test process."""
    _, second, third, fourth = address.split(".")
    return f"127.{64 + os.getpid() % 150}.{int(second) * 16 + int(third) % 16}.{fourth}"


class Site:
    """One cluster's call manager and what the tests need of it."""

    def __init__(self, config: ClusterConfig, state: ClusterState, manager: CallManager) -> None:
        self.config = config
        self.state = state
        self.manager = manager
        self.records: asyncio.Queue[object] = asyncio.Queue()
        self._write = state.write_call_record
        state.write_call_record = self._note_record  # type: ignore[method-assign]

    def _note_record(self, record: object) -> asyncio.Future[None]:
        self.records.put_nowait(record)
        return self._write(record)

    @property
    def address(self) -> Address:
        return (self.config.publisher.address, 5060)

    def ip_of(self, device_name: str) -> str:
        return self.config.phones_by_name[device_name].address

    async def trunk_reaches(self, name: str, status: TrunkStatus) -> Trunk:
        """Wait for a trunk's status; a first ping may have come before the other side knew us, so they are repeated."""
        trunk = self.manager.trunks[name]
        async with asyncio.timeout(PATIENCE_S):
            await trunk.wait_pinged()
            while trunk.status is not status:
                trunk.reset()
                await trunk.wait_pinged()
        return trunk

    async def reconfigure(self, section: str, **values: object) -> None:
        """Change a section of the configuration while the cluster runs."""
        config = msgspec.structs.replace(self.state.config, **values)
        clusters = tuple(config if other.name == config.name else other for other in self.state.lab.clusters)
        change = Change(section=section)
        await self.state.reconfigure(change, msgspec.structs.replace(self.state.lab, clusters=clusters))

    async def next_record(self) -> object:
        """The next call record that is written."""
        return await asyncio.wait_for(self.records.get(), PATIENCE_S)


class Sites:
    """The running call managers of a lab, and user agents that are closed with them."""

    def __init__(self, lab: Lab, stack: contextlib.AsyncExitStack, folder: Path) -> None:
        self.lab = lab
        self._stack = stack
        self._folder = folder
        self.clock = Clock()
        self.by_name: dict[str, Site] = {}

    def __getitem__(self, name: str) -> Site:
        return self.by_name[name]

    def set_parameters(self, cluster: str, **values: object) -> None:
        """Give a cluster other call manager parameters, before it starts."""

        def changed(config: ClusterConfig) -> ClusterConfig:
            parameters = msgspec.structs.replace(config.call_manager, **values)
            return msgspec.structs.replace(config, call_manager=parameters) if config.name == cluster else config

        self.lab = msgspec.structs.replace(self.lab, clusters=tuple(map(changed, self.lab.clusters)))

    async def start(self, *names: str) -> None:
        """Start the call managers of these clusters, of all by default."""
        for config in self.lab.clusters:
            if names and config.name not in names:
                continue
            database = Database(self._folder / f"{config.name}.sqlite")
            self._stack.push_async_callback(database.close)
            state = ClusterState(config, self.lab, database=database, clock=self.clock)
            manager = CallManager(
                config,
                self.lab,
                state,
                recorder=None,
                rng=random.Random(config.name),
                clock=self.clock,
            )
            self._stack.push_async_callback(manager.close)
            await manager.start()
            self.by_name[config.name] = Site(config, state, manager)

    async def update_remote_clusters(self) -> None:
        """What the remote cluster update of every cluster brings when all is well."""
        for site in self.by_name.values():
            for other in self.lab.clusters:
                if other.name == site.config.name:
                    continue
                addresses = tuple(node.address for node in other.nodes[:3])
                service = RemoteService(is_enabled=True, is_remote_activated=True, addresses=addresses)
                status = RemoteClusterStatus(other.cluster_id, "12.5.1", services={PSTN_ACCESS: service})
                await site.state.put_remote_cluster(status)
            site.manager.refresh_trunk_peers()

    async def log_in_across(self, visiting: Site, home: Site, device_name: str, user_id: str, pool: str) -> None:
        """What both clusters know after an EMCC login."""
        phone = visiting.config.phones_by_name[device_name]
        user = home.config.users_by_id[user_id]
        geolocation = visiting.config.geolocation_of(phone)
        now = self.clock.time()
        base = home.state.base_devices.take()
        assert base is not None
        await home.state.open_home_session(
            EmccSession(
                device_name=device_name,
                emcc_device=base,
                user_id=user_id,
                profile=user.profiles[0],
                visiting_cluster_id=visiting.config.cluster_id,
                em_uri="",
                login_time_s=now,
                login_duration_s=0.0,
                roaming_device_pool=pool,
                geolocation={} if geolocation is None else {str(k): v for k, v in geolocation.elements().items()},
                model=621,
            )
        )
        await visiting.state.open_visiting_session(
            RemoteLogin(device_name, user_id=user_id, login_time_s=now, home_cluster_id=home.config.cluster_id)
        )

    async def phone(
        self, site: Site, device_name: str, *, number: str = "", transport: TransportName = "tcp", ip: str = ""
    ) -> Phone:
        """A phone of the lab, not registered yet."""
        device = site.state.device(device_name)
        assert device is not None or number
        shown = number or (device.lines[0].directory_number if device is not None else "")
        name = device_name if device is None or not device.is_third_party else "third-party"
        phone = Phone(ip or site.ip_of(device_name), name, shown, site.address, transport)
        await self.use(phone)
        return phone

    async def registered(self, site: Site, device_name: str, **options: object) -> Phone:
        """A Cisco phone that is registered."""
        phone = await self.phone(site, device_name, **options)  # type: ignore[arg-type]
        assert (await phone.register()).status == 200
        return phone

    async def use(self, agent: Agent) -> None:
        """Start an agent, and close it at the end."""
        await self._stack.enter_async_context(agent.endpoint)


@pytest.fixture
def make_lab() -> Callable[[str], Lab]:
    """Reads a lab text into this process's own address block."""
    return lambda text: with_addresses(parse_lab(text), own_block)


@pytest_asyncio.fixture
async def start_sites(tmp_path: Path) -> AsyncIterator[Callable[[Lab], Sites]]:
    """Makes the sites of a lab; everything is closed at the end."""
    async with contextlib.AsyncExitStack() as stack:
        yield lambda lab: Sites(lab, stack, tmp_path)


@pytest_asyncio.fixture
async def sites(start_sites: Callable[[Lab], Sites]) -> Sites:
    """The two-cluster lab, not started."""
    return start_sites(with_addresses(load_lab(LABS / "two-clusters.yaml"), own_block))


@pytest_asyncio.fixture
async def pair(sites: Sites) -> tuple[Phone, Phone]:
    """Two registered phones of one cluster, numbers 3001 and 3002."""
    await sites.start("tokyo")
    tokyo = sites["tokyo"]
    return await sites.registered(tokyo, "SEP02BB00000001"), await sites.registered(tokyo, "SEP02BB00000002")


@pytest_asyncio.fixture
async def roaming(sites: Sites) -> Phone:
    """A phone of sanjose on which a user of tokyo is logged in, registered at tokyo."""
    await sites.start()
    await sites.update_remote_clusters()
    sanjose, tokyo = sites["sanjose"], sites["tokyo"]
    visitor = "SEP02AA00000001"
    await sites.log_in_across(sanjose, tokyo, visitor, "ayamada", "roaming-us")
    for site in (sanjose, tokyo):
        await site.trunk_reaches("emcc", TrunkStatus.FULL_SERVICE)
    return await sites.registered(tokyo, visitor, number="3101", ip=sanjose.ip_of(visitor))
