"""Fleets of phones on two whole clusters: boots, EMCC logins, logouts, and the loss of home."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from emcc_emu.cluster.cluster import Cluster, ClusterCertificates, settle
from emcc_emu.host.addresses import free_block
from emcc_emu.host.certificates import CertificateStore, NodeNames
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock
from phones.downloads import FileServer
from phones.fleet import Fleet, Tally, UserLogin
from phones.identity import PhoneIdentity, find_model
from phones.timing import PhoneTiming

LAB = Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml"
PHONES = 5
TIMING = PhoneTiming(retry_s=0.1, tftp_timeout_s=0.1, tftp_tries=2, home_attempts_s=0.3, home_pause_s=0.1)


def many(text: str) -> str:
    """The two-cluster lab with more phones at sanjose and more users at tokyo."""
    phones = (
        f'      "SEP02CC{{00000001}}": {{count: {PHONES}, address: "127.1.110.{{1}}", css: phones,\n'
        '        lines: [{directory_number: "{50001}", partition: internal}]}\n'
    )
    profiles = (
        f'      "UDP-load{{01}}": {{count: {PHONES}, emcc_css: emcc,\n'
        '        lines: [{directory_number: "{60001}", partition: internal, css: lines}]}\n'
    )
    users = f'      "load{{01}}": {{count: {PHONES}, pin: "24680", password: pw, profiles: ["UDP-load{{01}}"]}}\n'
    text = text.replace("      SEP02AA00000001:", f"{phones}      SEP02AA00000001:", 1)
    text = text.replace("      UDP-ayamada:", f"{profiles}      UDP-ayamada:", 1)
    return text.replace("      ayamada:", f"{users}      ayamada:", 1)


@dataclass
class Two:
    """Both clusters, running."""

    lab: Lab
    sanjose: Cluster
    tokyo: Cluster

    async def until_nobody_visits(self) -> None:
        """Wait until sanjose has no record of an EMCC session of its phones."""
        changed = asyncio.Event()
        state = self.sanjose.state
        state.device_listeners.append(lambda name: changed.set())
        async with asyncio.timeout(10):
            while any(state.visiting_session(phone.name) is not None for phone in self.sanjose.config.phones):
                changed.clear()
                await changed.wait()

    def fleet(self, *names: str) -> Fleet:
        """Phones of sanjose: those named, or all that were counted."""
        config = self.sanjose.config
        wanted = names or [phone.name for phone in config.phones if phone.name.startswith("SEP02CC")]
        phones = [phone for phone in config.phones if phone.name in wanted]
        identities = [PhoneIdentity(phone.name, find_model(phone.model), phone.address) for phone in phones]
        return Fleet(identities, file_servers(config), rng=random.Random(3), timing=TIMING)


def file_servers(config: ClusterConfig) -> list[FileServer]:
    return [FileServer(node.address, node.ports.tftp, node.ports.tftp_http) for node in config.nodes]


@pytest.fixture(scope="module")
def certificate_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture
async def two(tmp_path: Path, certificate_directory: Path) -> AsyncIterator[Two]:
    file = tmp_path / "lab.yaml"
    file.write_text(many(LAB.read_text()))
    lab = load_lab(file)
    addresses = [node.address for cluster in lab.clusters for node in cluster.nodes]
    addresses += [phone.address for cluster in lab.clusters for phone in cluster.phones]
    addresses += [gateway.address for cluster in lab.clusters for gateway in cluster.gateways]
    block = free_block(addresses, random.Random(os.urandom(8)))
    lab = with_addresses(lab, lambda address: block.get(address, address))
    store = CertificateStore(certificate_directory)
    names = [NodeNames(cluster.name, node.name, node.address) for cluster in lab.clusters for node in cluster.nodes]
    store.make(names, {cluster.name: [other.name for other in lab.clusters] for cluster in lab.clusters})
    clock = Clock()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(clock.close)
        running = []
        for config in lab.clusters:
            certificates = ClusterCertificates(
                {node.name: store.server_context(config.name, node.name) for node in config.nodes},
                store.client_context(config.name),
            )
            cluster = Cluster(
                config,
                lab,
                recorder=None,
                database_path=None,
                certificates=certificates,
                clock=clock,
                rng=random.Random(1),
            )
            running.append(await stack.enter_async_context(cluster))
        await settle(running)
        yield Two(lab, *running)


def logins(pin: str = "24680") -> list[UserLogin]:
    return [UserLogin(f"load{number:02d}", pin) for number in range(1, PHONES + 1)]


def assert_all_ok(tally: Tally) -> None:
    assert (tally.attempted, tally.ok, tally.no_answer, tally.by_code) == (PHONES, PHONES, 0, {})
    assert len(tally.latencies_s) == PHONES
    assert 0 < tally.percentile_s(0.5) <= tally.percentile_s(1.0) <= tally.duration_s
    assert tally.rate_per_s > 0


async def test_boots_logs_in_at_home_and_comes_back(two: Two) -> None:
    fleet = two.fleet()
    home, visiting = two.tokyo.config.nodes[0].address, two.sanjose.config.nodes[0].address
    async with fleet.switched_on(concurrency=3, timeout_s=10) as boots:
        assert_all_ok(boots)
        assert boots.max_in_flight == 3
        assert_all_ok(await fleet.log_in(logins(), concurrency=2, timeout_s=10))
        assert {phone.registered_at[0] for phone in fleet.phones if phone.registered_at} == {home}
        assert [phone.directory_numbers for phone in fleet.phones] == [(str(60001 + i),) for i in range(PHONES)]
        assert_all_ok(await fleet.log_out(concurrency=2, timeout_s=10))
        assert {phone.registered_at[0] for phone in fleet.phones if phone.registered_at} == {visiting}
    names = [phone.identity.name for phone in fleet.phones]
    assert not any(two.sanjose.call_manager.is_registered(name) for name in names)


async def test_counts_refusals_by_the_number_on_the_screen(two: Two) -> None:
    fleet = two.fleet()
    async with fleet.switched_on(timeout_s=10):
        tally = await fleet.log_in(logins("99999"), timeout_s=10)
    assert (tally.attempted, tally.ok, tally.no_answer) == (PHONES, 0, 0)
    assert sum(tally.by_code.values()) == PHONES
    assert tally.percentile_s(0.99) == 0.0


async def test_counts_phones_that_nobody_answers() -> None:
    identities = [PhoneIdentity("SEP02CC00000001", address="127.83.0.1")]
    fleet = Fleet(identities, [FileServer("127.83.0.99", 1, 1)], rng=random.Random(1), timing=TIMING)
    async with fleet.switched_on(timeout_s=0.05) as boots:
        assert (boots.attempted, boots.ok, boots.no_answer) == (1, 0, 1)


async def test_a_user_with_several_profiles_chooses_one(two: Two) -> None:
    fleet = two.fleet("SEP02AA00000001")
    async with fleet.switched_on(timeout_s=10):
        user = UserLogin("ksato", "24680", "UDP-ksato-assistant")
        assert (await fleet.log_in([user], timeout_s=10)).ok == 1
        assert fleet.phones[0].directory_numbers == ("3103",)


async def test_a_local_login_gives_the_phone_the_users_lines(two: Two) -> None:
    fleet = two.fleet("SEP02AA00000002")
    async with fleet.switched_on(timeout_s=10):
        assert (await fleet.log_in([UserLogin("bmiller", "86420")], timeout_s=10)).ok == 1
        assert fleet.phones[0].directory_numbers == ("2101",)
        assert (await fleet.log_out(timeout_s=10)).ok == 1
        assert fleet.phones[0].directory_numbers == ("2002",)


async def test_phones_come_back_when_home_dies_and_their_cluster_takes_note(two: Two) -> None:
    fleet = two.fleet()
    visiting = two.sanjose.config.nodes[0].address
    async with fleet.switched_on(timeout_s=10):
        assert_all_ok(await fleet.log_in(logins(), timeout_s=10))
        before = [phone.registrations for phone in fleet.phones]
        await two.tokyo.__aexit__(None, None, None)
        for phone, registrations in zip(fleet.phones, before, strict=True):
            await phone.wait_registered(after=registrations, timeout_s=20)
        assert {phone.registered_at[0] for phone in fleet.phones if phone.registered_at} == {visiting}
        await two.until_nobody_visits()
