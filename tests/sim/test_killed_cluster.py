"""500 phones log in through a limit of 100 while one cluster's process is killed: what a phone was told stays true."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from emcc_emu.errors import EmccEmuError
from emcc_emu.host.lab_host import LabHost, RunOptions, prepare_lab
from emcc_emu.lab.load import load_lab
from emcc_emu.lab.model import ClusterConfig, Lab
from phones.downloads import FileServer
from phones.fleet import Fleet
from phones.identity import PhoneIdentity
from phones.phone import Phone
from phones.services import displayed_code
from phones.timing import PhoneTiming

LAB_FILE = Path(__file__).parents[2] / "fixtures" / "labs" / "many-phones.yaml"
PHONES = 500
LIMIT = 100
KILL_AFTER = 150
"""Logins that phones have seen succeed when the process is killed."""
BUSY = 26
RETRY_AFTER_S = 0.3
PATIENCE_S = 60.0
TIMING = PhoneTiming(retry_s=0.5, http_timeout_s=3.0)


class Session(NamedTuple):
    device: str
    user: str
    emcc_device: str


def lab_with_a_limit() -> Lab:
    """The lab for load tests, without artificial service times."""

    def changed(cluster: ClusterConfig) -> ClusterConfig:
        replace = msgspec.structs.replace
        times = replace(cluster.service_times, login_s=0, logout_s=0, home_login_s=0)
        parameters = replace(cluster.service_parameters, maximum_concurrent_requests=LIMIT)
        return replace(cluster, service_times=times, service_parameters=parameters)

    lab = load_lab(LAB_FILE)
    return msgspec.structs.replace(lab, clusters=tuple(changed(cluster) for cluster in lab.clusters))


class Crowd:
    """The users, each at a phone, who try again until the phone says that they are logged in."""

    def __init__(self, lab: Lab) -> None:
        visiting, home = lab.by_name["sanjose"], lab.by_name["tokyo"]
        servers = [FileServer(node.address, node.ports.tftp, node.ports.tftp_http) for node in visiting.nodes]
        identities = [PhoneIdentity(phone.name, address=phone.address) for phone in visiting.phones[:PHONES]]
        phones = Fleet(identities, servers, rng=random.Random(lab.seed), timing=TIMING).phones
        self._users = list(zip(phones, home.users, strict=True))
        self._places = asyncio.Semaphore(LIMIT + LIMIT // 2)
        self.acknowledged: dict[str, str] = {}
        """User by phone, of those whose phone has said that the login succeeded."""
        self.busy_count = 0
        self.is_time_to_kill = asyncio.Event()

    async def log_in(self) -> None:
        """Return when every phone has said so."""
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            for phone, user in self._users:
                group.create_task(self._log_in(phone, user.user_id, user.pin))

    async def _log_in(self, phone: Phone, user_id: str, pin: str) -> None:
        """Boot, log in, and leave the network, so that only what the clusters wrote is left of the phone."""
        async with self._places:
            phone.power_on()
            await phone.wait_registered(timeout_s=PATIENCE_S)
            while not await self._is_on(phone, user_id, pin):  # noqa: ASYNC110 (a user who tries again)
                await asyncio.sleep(RETRY_AFTER_S)
            self.acknowledged[phone.identity.name] = user_id
            if len(self.acknowledged) >= KILL_AFTER:
                self.is_time_to_kill.set()
            await phone.power_off()

    async def _is_on(self, phone: Phone, user_id: str, pin: str) -> bool:
        try:
            page = await phone.login(user_id, pin)
        except EmccEmuError:
            return False
        self.busy_count += displayed_code(page) == BUSY
        # A phone whose answer was lost finds its user on it, by the service's question whether to log out.
        return phone.page_text == "Login successful" or user_id in phone.page_text


def sessions_at_home(database: Path) -> set[Session]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute(
            "SELECT e.device, m.user, e.emcc_device FROM emccdynamic e"
            " JOIN extensionmobilitydynamic m ON m.device = e.emcc_device"
        )
        return {Session(*row) for row in rows}


def sessions_at_visiting(database: Path) -> set[Session]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT device, user, emcc_device FROM emremotedynamic WHERE user IS NOT NULL")
        return {Session(*row) for row in rows}


async def settled(host: LabHost) -> None:
    """Wait until neither cluster has anything open with the other."""
    async with asyncio.timeout(PATIENCE_S):
        while any([entry["open_intents"] for entry in (await host.status()).values()]):
            for name in host.cluster_names:
                await host.ask(name, "update_remote_clusters")


@pytest.mark.parametrize("victim", ["tokyo", "sanjose"], ids=["home", "visiting"])
async def test_every_login_that_a_phone_saw_outlives_a_kill(tmp_path: Path, victim: str) -> None:
    options = RunOptions(state=tmp_path, record=False, ephemeral=True, restart=True)
    lab = prepare_lab(lab_with_a_limit(), options, random.Random(os.urandom(8)))
    restarts: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    host = LabHost(lab, options, on_restart=lambda name, failure: restarts.put_nowait((name, failure)))
    async with host:
        crowd = Crowd(lab)
        logging_in = asyncio.create_task(crowd.log_in())
        await crowd.is_time_to_kill.wait()
        os.kill(host.process_id(victim), signal.SIGKILL)
        before = dict(crowd.acknowledged)
        assert await asyncio.wait_for(restarts.get(), PATIENCE_S) == (victim, "")
        kept = sessions_at_home(tmp_path / "tokyo.sqlite")
        assert before.items() <= {(session.device, session.user) for session in kept}
        await logging_in
        await settled(host)
        base_devices = (await host.ask("tokyo", "status"))["base_devices"]
    at_home = sessions_at_home(tmp_path / "tokyo.sqlite")
    assert {session.device: session.user for session in at_home} == crowd.acknowledged
    assert sessions_at_visiting(tmp_path / "sanjose.sqlite") == at_home
    assert len({session.emcc_device for session in at_home}) == base_devices["in_use"] == len(at_home) == PHONES
    assert crowd.busy_count > 0
