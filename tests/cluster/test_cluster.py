"""A whole cluster: starts, stops and leaves nothing behind, tells what it is doing."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from pathlib import Path
from typing import Any

import pytest

from emcc_emu.cluster.cluster import Cluster, ClusterCertificates, settle
from emcc_emu.errors import LabError
from emcc_emu.host.certificates import CertificateStore, NodeNames
from emcc_emu.lab.model import Lab
from emcc_emu.net.clock import Clock


@pytest.fixture
def make(lab: Lab, certificate_directory: Path, clock: Clock) -> Any:
    """Makes a cluster of the lab."""
    store = CertificateStore(certificate_directory / "whole")
    names = [NodeNames(cluster.name, node.name, node.address) for cluster in lab.clusters for node in cluster.nodes]
    store.make(names, {cluster.name: [other.name for other in lab.clusters] for cluster in lab.clusters})

    def make_cluster(name: str, database_path: Path | None = None) -> Cluster:
        config = lab.by_name[name]
        certificates = ClusterCertificates(
            {node.name: store.server_context(name, node.name) for node in config.nodes}, store.client_context(name)
        )
        return Cluster(
            config,
            lab,
            recorder=None,
            database_path=database_path,
            certificates=certificates,
            clock=clock,
            rng=random.Random(1),
        )

    return make_cluster


async def test_starting_and_stopping_leaves_no_task_and_no_port(make: Any, lab: Lab) -> None:
    before = asyncio.all_tasks()
    async with make("sanjose"):
        pass
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    node = lab.by_name["sanjose"].nodes[0]
    for port in (node.ports.http, node.ports.https, node.ports.tftp_http, node.ports.sip):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections linger, listeners must not
            probe.bind((node.address, port))


async def test_two_clusters_settle_and_say_so(make: Any) -> None:
    async with make("sanjose") as sanjose, make("tokyo") as tokyo:
        await settle([sanjose, tokyo])
        status = json.loads(json.dumps(sanjose.status()))
        assert status["remote_clusters"][0]["services"]["EMCC"]["is_remote_activated"]
        assert status["call_processing"]["trunks"][0]["status"] == "Full Service"
        assert status["base_devices"] == {"count": 50, "in_use": 0}
        assert status["nodes"][0]["em_active"]


async def test_a_taken_port_stops_the_start_and_frees_everything(make: Any, lab: Lab) -> None:
    node = lab.by_name["sanjose"].nodes[0]
    with socket.socket() as taken:
        taken.bind((node.address, node.ports.tftp_http))
        taken.listen()
        with pytest.raises(LabError, match=f"{node.address}:{node.ports.tftp_http}"):
            async with make("sanjose"):
                raise AssertionError
    async with make("sanjose"):
        pass


async def test_sessions_go_on_after_a_restart(make: Any, lab: Lab, tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "sanjose.sqlite"
    async with make("sanjose", path) as cluster:
        await cluster.em.desk.log_in("SEP02AA00000001", "bmiller", "UDP-bmiller", 60.0)
    async with make("sanjose", path) as cluster:
        assert cluster.state.device("SEP02AA00000001").user_id == "bmiller"
        await clock.advance(61)
        assert cluster.state.device("SEP02AA00000001").user_id is None
