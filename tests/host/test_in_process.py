"""A lab in one loop: quick to start, isolated, gone without a trace."""

from __future__ import annotations

import asyncio
from pathlib import Path

from emcc_emu.host.in_process import LabInProcess
from emcc_emu.lab.load import load_lab
from emcc_emu.trace.reader import open_trace

LAB = load_lab(Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml")


async def test_every_trunk_is_in_service_once_a_lab_has_started() -> None:
    async with LabInProcess(LAB) as lab:
        trunks = [trunk.view() for cluster in lab.clusters.values() for trunk in cluster.call_manager.trunks.values()]
        assert [trunk["status"] for trunk in trunks] == ["Full Service"] * 2


async def test_labs_run_side_by_side_on_addresses_of_their_own() -> None:
    async with LabInProcess(LAB) as first, LabInProcess(LAB) as second:
        nodes = [lab.describe().clusters["tokyo"].nodes[0].address for lab in (first, second)]
        assert len(set(nodes)) == 2


async def test_a_stopped_lab_leaves_no_task_and_no_file() -> None:
    before = asyncio.all_tasks()
    async with LabInProcess(LAB) as lab:
        directory = lab.directory
    assert asyncio.all_tasks() == before
    assert not directory.exists()


async def test_a_directory_given_is_kept_with_the_packets_in_it(tmp_path: Path) -> None:
    async with LabInProcess(LAB, directory=tmp_path) as lab:
        assert lab.trace_directory is not None
    protocols = {record.protocol for record in open_trace(tmp_path / "trace").records()}
    assert protocols == {"http", "sip"}
