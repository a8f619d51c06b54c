"""Bulk jobs with EMCC base devices and the job scheduler."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from administered_lab import AdministeredLab, administered_lab

from emcc_emu.lab.model import DeviceProfile, Lab

BULK = "/clusters/tokyo/jobs/bulk"


async def results(lab: AdministeredLab) -> list[tuple[str, str]]:
    jobs = (await lab.get("/clusters/tokyo/jobs"))["jobs"]
    return [(job["status"], job["result"]) for job in jobs if "EMCC devices" in job["name"]]


async def test_inserted_devices_are_numbered_on_from_the_highest(lab: AdministeredLab) -> None:
    job = await lab.post(BULK, action="insert", count=27)
    assert (job["status"], job["result"]) == ("completed", "27 inserted: EMCC51 to EMCC77")
    entry = await lab.get("/clusters/tokyo/base-devices")
    assert (entry["count"], entry["in_use"]) == (77, 0)


async def test_a_taken_name_is_reported_and_the_rest_is_inserted() -> None:
    def with_namesake(lab: Lab) -> Lab:
        clusters = tuple(
            msgspec.structs.replace(c, device_profiles=(*c.device_profiles, DeviceProfile(name="EMCC52")))
            for c in lab.clusters
        )
        return msgspec.structs.replace(lab, clusters=clusters)

    async with administered_lab(change=with_namesake) as lab:
        job = await lab.post(BULK, action="insert", count=3)
        assert job["result"] == (
            "2 inserted: EMCC51 to EMCC53; naming error, 1 not inserted because the name is taken: EMCC52"
        )
        assert (await lab.get("/clusters/tokyo/base-devices"))["count"] == 52


async def test_no_more_fit_than_max_phones_allows(lab: AdministeredLab) -> None:
    job = await lab.post(BULK, action="insert", count=29_950)
    assert (job["status"], job["result"]) == (
        "failed",
        "failed: 29950 more do not fit, 29948 would (phones + 2 x EMCC devices <= MaxPhones)",
    )
    assert (await lab.post(BULK, action="insert", count=29_948))["status"] == "completed"


async def test_without_default_template_nothing_is_inserted(lab: AdministeredLab) -> None:
    await lab.change("tokyo/base-devices", template="none")
    status, answer = await lab.ask("POST", BULK, {"action": "insert", "count": 1})
    assert status == 400 and "there is no default EMCC template" in answer["error"]


async def test_without_bulk_provisioning_service_a_job_fails(lab: AdministeredLab) -> None:
    await lab.change("tokyo/nodes/tokyo-pub", bulk_provisioning=False)
    await lab.post(BULK, action="insert", count=1)
    assert await results(lab) == [("failed", "failed: Cisco Bulk Provisioning Service is not active on the publisher")]


async def test_a_device_in_use_is_not_deleted(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    job = await lab.post(BULK, action="delete", count=60)
    assert job["result"] == "49 deleted: EMCC2 to EMCC50; 1 are in use and stay"
    assert (await lab.get("/clusters/tokyo/base-devices"))["count"] == 1
    await lab.change("tokyo/users/ksato", profiles=["UDP-ksato"])
    assert "33" in await lab.log_in("ksato", "24680", phone="SEP02AA00000002")


async def test_an_update_resets_the_phones_that_stand_on_base_devices(lab: AdministeredLab) -> None:
    job = await lab.post(BULK, action="update", reset=True)
    assert job["result"] == "50 updated from EMCC Base Phone, 0 phones reset"


async def test_a_later_job_waits_for_its_moment_even_over_a_restart(tmp_path: Path) -> None:
    async with administered_lab(tmp_path) as lab:
        job = await lab.post(BULK, action="insert", count=5, delay="2:00")
        assert job["status"] == "pending"
        await lab.post("/clock/advance", by="1:00")
        assert await results(lab) == [("pending", "")]
    async with administered_lab(tmp_path) as lab:
        assert await results(lab) == [("pending", "")]
        ran: list[dict[str, Any]] = (await lab.post("/clock/advance", by="2:00"))["ran"]
        assert f"job {job['id']} of tokyo: insert EMCC devices" in [work["work"] for work in ran]
        assert await results(lab) == [("completed", "5 inserted: EMCC51 to EMCC55")]


async def test_a_periodic_job_runs_when_told(lab: AdministeredLab) -> None:
    answer = await lab.post("/clusters/tokyo/jobs/run", job="remote cluster update")
    assert answer["result"] == "1 asked"
    status, refusal = await lab.ask("POST", "/clusters/tokyo/jobs/run", {"job": "remote cluster updates"})
    assert status == 400 and "did you mean 'remote cluster update'?" in refusal["error"]
