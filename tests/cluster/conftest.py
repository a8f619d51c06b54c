"""Two clusters of the ready-made lab on free loopback addresses: their EM side on real sockets, phone orders noted."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.database import Database
from emcc_emu.cluster.em_services import EmServices
from emcc_emu.cluster.state import ClusterState
from emcc_emu.host.addresses import free_block
from emcc_emu.host.certificates import CertificateStore, NodeNames
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from emcc_emu.net.http_client import HttpClient, HttpReply
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.em_form import encode_form
from emcc_emu.wire.phone_objects import PhoneObject
from emcc_emu.wire.phone_xml import parse_phone_object

LAB_FILE = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"

PHONE = "SEP02AA00000001"
API = "<appInfo><appID>emproxy</appID><appCertificate>emproxy-2580</appCertificate></appInfo>"


@pytest.fixture
def lab() -> Lab:
    """The lab, moved to addresses that nobody uses."""
    lab = load_lab(LAB_FILE)
    addresses = [node.address for cluster in lab.clusters for node in cluster.nodes]
    addresses += [phone.address for cluster in lab.clusters for phone in cluster.phones]
    addresses += [gateway.address for cluster in lab.clusters for gateway in cluster.gateways]
    block = free_block(addresses, random.Random(os.urandom(8)))
    return with_addresses(lab, lambda address: block.get(address, address))


@pytest.fixture(scope="session")
def certificate_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


class NotedOrders:
    """Stands in for call processing: notes which phones were told what, and registers whom the test says."""

    def __init__(self) -> None:
        self.orders: list[tuple[str, str]] = []
        self.registered: dict[str, str] = {}
        self.is_down = False
        self.happened = asyncio.Event()

    def reset_device(self, device_name: str, action: str = "restart") -> bool:
        self.orders.append((device_name, action))
        self.happened.set()
        return True

    def is_registered(self, device_name: str) -> bool:
        return device_name in self.registered

    def registered_addresses(self) -> list[str] | None:
        return None if self.is_down else list(self.registered.values())

    def refresh_trunk_peers(self) -> None:
        pass


@dataclasses.dataclass
class EmCluster:
    """The EM side of one running cluster, and a phone's and an application's way to it."""

    config: ClusterConfig
    state: ClusterState
    em: EmServices
    control: NotedOrders
    client: HttpClient

    @property
    def address(self) -> str:
        return self.config.nodes[0].address

    @property
    def base_url(self) -> str:
        host, port = next(iter(self.em.nodes.values())).http.address
        return f"http://{host}:{port}"

    @property
    def service(self) -> Any:
        return next(iter(self.em.nodes.values())).em_service

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; looked at whenever a device changes or a phone is told something."""
        happened = self.control.happened
        self.state.device_listeners.append(lambda name: happened.set())
        while not condition():
            happened.clear()
            await happened.wait()

    async def get(self, path: str, **headers: str) -> HttpReply:
        fields = [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await self.client.get(path if path.startswith("http") else self.base_url + path, headers=fields)

    async def page(self, query: str, **headers: str) -> PhoneObject:
        """What a phone is shown for `/emapp/EMAppServlet?` and the query."""
        reply = await self.get(f"/emapp/EMAppServlet?{query}", **headers)
        assert reply.status == 200
        return parse_phone_object(reply.body)

    async def post(self, document: str, path: str = "/emservice/EMServiceServlet") -> HttpReply:
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        return await self.client.request("POST", self.base_url + path, headers=form, body=encode_form(document))

    async def ask(self, document: str) -> str:
        """EMService's answer to one document."""
        reply = await self.post(document)
        assert reply.status == 200
        return reply.body.decode()

    async def request(self, action: str) -> str:
        return await self.ask(f"<request>{API}{action}</request>")

    async def query(self, query: str) -> str:
        return await self.ask(f"<query>{API}{query}</query>")


Start = Callable[..., Any]


@pytest.fixture
async def clock() -> AsyncIterator[Clock]:
    clock = Clock()
    yield clock
    await clock.close()


@pytest.fixture
async def start(certificate_directory: Path, tmp_path: Path, clock: Clock) -> AsyncIterator[Start]:
    """Starts the EM side of one cluster of a lab; everything ends with the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start_cluster(
            lab: Lab, name: str, *, trusts: tuple[str, ...] | None = None, recorder: Recorder | None = None
        ) -> EmCluster:
            config = lab.by_name[name]
            store = CertificateStore(certificate_directory)
            others = {c.name: [o.name for o in lab.clusters if o is not c] for c in lab.clusters}
            if trusts is not None:
                others[name] = list(trusts)
            store.make([NodeNames(c.name, n.name, n.address) for c in lab.clusters for n in c.nodes], others)
            database = Database(tmp_path / f"{name}.sqlite")
            stack.push_async_callback(database.close)
            state = ClusterState(config, lab, database=database, clock=clock)
            control = NotedOrders()
            context = ServiceContext(
                state=state,
                clock=clock,
                rng=random.Random(1),
                control=control,
                client_context=store.client_context(name),
                recorder=recorder,
                shared_secret="secret of the cluster",
            )
            em = EmServices(context, {node.name: store.server_context(name, node.name) for node in config.nodes})
            stack.push_async_callback(em.close)
            await em.start()
            phone_address = config.phones[0].address if config.phones else ""
            client = await stack.enter_async_context(HttpClient(local_ip=phone_address or None))
            return EmCluster(config, state, em, control, client)

        yield start_cluster


@pytest.fixture
async def sanjose(start: Start, lab: Lab) -> EmCluster:
    """The visiting cluster alone."""
    cluster: EmCluster = await start(lab, "sanjose")
    return cluster


@dataclasses.dataclass
class TwoClusters:
    """The visiting and the home cluster, updated about each other."""

    visiting: EmCluster
    home: EmCluster


@pytest.fixture
async def both(start: Start, lab: Lab) -> TwoClusters:
    """Both clusters of the lab."""
    return await start_both(start, lab)


async def start_both(start: Start, lab: Lab) -> TwoClusters:
    clusters = TwoClusters(await start(lab, "sanjose"), await start(lab, "tokyo"))
    await clusters.visiting.em.update_remote_clusters()
    await clusters.home.em.update_remote_clusters()
    return clusters


@pytest.fixture
def edit(lab: Lab) -> Callable[..., Lab]:
    """Changes one cluster's configuration: `edit("tokyo", base_devices=...)`; nested groups by `__`."""

    current = lab

    def change(cluster_name: str, **changes: Any) -> Lab:
        nonlocal current
        clusters = tuple(
            _replaced(cluster, changes) if cluster.name == cluster_name else cluster for cluster in current.clusters
        )
        current = msgspec.structs.replace(current, clusters=clusters)
        return current

    return change


def _replaced(value: Any, changes: dict[str, Any]) -> Any:
    for name, change in changes.items():
        head, _, rest = name.partition("__")
        change = _replaced(getattr(value, head), {rest: change}) if rest else change
        value = msgspec.structs.replace(value, **{head: change})
    return value


@pytest.fixture
def start_two(start: Start) -> Callable[[Lab], Any]:
    """Starts both clusters of a changed lab."""

    async def run(lab: Lab) -> TwoClusters:
        return await start_both(start, lab)

    return run


@pytest.fixture
def phone() -> Iterator[str]:
    """Name of the phone that most tests use."""
    yield PHONE
