"""Who is logged in, logouts by an administrator, and the counters of the performance monitor."""

from __future__ import annotations

import asyncio

from administered_lab import PHONE, AdministeredLab


async def kinds(lab: AdministeredLab, cluster: str) -> list[str]:
    sessions = await lab.get(f"/clusters/{cluster}/sessions")
    return [session["kind"] for session in sessions["entries"]]


async def test_each_cluster_lists_its_side_of_a_session(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    await lab.change("tokyo/users/ksato", profiles=["UDP-ksato"])
    assert await lab.log_in("ksato", "24680", phone="SEP02BB00000001", at="tokyo") == "ok"
    (visiting,) = (await lab.get("/clusters/sanjose/sessions"))["entries"]
    assert (visiting["kind"], visiting["user"], visiting["cluster_id"]) == ("visiting", "ayamada", "tokyo")
    (home,) = (await lab.get("/clusters/tokyo/sessions?user=AYAMADA"))["entries"]
    assert (home["kind"], home["emcc_device"], home["registered"]) == ("home", "EMCC1", False)
    (login,) = (await lab.get("/clusters/tokyo/sessions?device=sep02bb00000001"))["entries"]
    assert (login["kind"], login["profile"]) == ("login", "UDP-ksato")
    assert (await lab.get("/clusters/tokyo/sessions?limit=1"))["count"] == 2
    user = await lab.get("/clusters/tokyo/users/ayamada")
    phone = await lab.get(f"/clusters/sanjose/phones/{PHONE}")
    assert (user["devices"], phone["user"], phone["logged_in_to"]) == ([PHONE], "ayamada", "tokyo")


async def test_a_logout_at_the_visiting_cluster_only_cleans_its_database(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    answer = await lab.ask("DELETE", f"/clusters/sanjose/sessions/{PHONE}")
    assert answer == (200, {"device": PHONE, "kind": "visiting", "user": "ayamada"})
    assert (await kinds(lab, "sanjose"), await kinds(lab, "tokyo")) == ([], ["home"])


async def test_a_logout_at_home_frees_the_base_device(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    status, answer = await lab.ask("DELETE", f"/clusters/tokyo/sessions/{PHONE}")
    assert (status, answer["kind"]) == (200, "home")
    assert await kinds(lab, "tokyo") == []
    assert (await lab.get("/clusters/tokyo/base-devices"))["in_use"] == 0


async def test_nobody_can_be_logged_out_twice(lab: AdministeredLab) -> None:
    status, answer = await lab.ask("DELETE", f"/clusters/tokyo/sessions/{PHONE}")
    assert (status, answer) == (400, {"error": f"nobody is logged in on '{PHONE}'"})


async def test_counters_have_the_performance_monitors_names(lab: AdministeredLab) -> None:
    assert await lab.log_in() == "ok"
    assert await lab.log_in("nobody", phone="SEP02AA00000002") != "ok"
    visiting, home = await lab.get("/clusters/sanjose/counters"), await lab.get("/clusters/tokyo/counters")
    node = visiting["nodes"]["sanjose-pub"]
    assert (node["LoginsSuccessful"], node["RequestsInProgress"], node["RequestsThrottled"]) == (1, 0, 0)
    assert node["Total Login/LogoutRequestsAttempted"] == 2
    assert node["Number of Unknown Remote Users"] == 1
    assert home["nodes"]["tokyo-pub"]["EMCC Check User Requests Handled"] >= 2
    assert visiting["cluster"] == {
        "Number of Remote Devices": 0,
        "Total Number of Remote Users": 1,
        "Active Inter-cluster Sessions": 1,
    }
    assert home["cluster"]["Number of Remote Devices"] == 1


async def test_a_request_beyond_the_limit_is_throttled_and_the_limit_changes_live(lab: AdministeredLab) -> None:
    await lab.change("sanjose/service-parameters", maximum_concurrent_requests=1)
    await lab.change("tokyo/service-times", home_login="300 ms")
    await lab.change("tokyo/users/ksato", profiles=["UDP-ksato"])

    async def both() -> list[str]:
        other = lab.log_in("ksato", "24680", phone="SEP02AA00000002")
        return sorted(await asyncio.gather(lab.log_in(), other), key=len)

    first, second = await both()
    assert first == "ok" and "26" in second
    (session,) = (await lab.get("/clusters/tokyo/sessions"))["entries"]
    for cluster in ("tokyo", "sanjose"):
        await lab.ask("DELETE", f"/clusters/{cluster}/sessions/{session['device']}")
    await lab.change("sanjose/service-parameters", maximum_concurrent_requests=2)
    assert await both() == ["ok", "ok"]
    node = (await lab.get("/clusters/sanjose/counters"))["nodes"]["sanjose-pub"]
    assert node["RequestsThrottled"] == 1


async def test_a_phone_that_is_not_registered_takes_no_order(lab: AdministeredLab) -> None:
    answer = await lab.post(f"/clusters/sanjose/phones/{PHONE}/order", order="reset")
    assert answer == {"device": PHONE, "sent": False}
    status, refusal = await lab.ask("POST", "/clusters/sanjose/phones/SEP02AA00000009/order", {})
    assert status == 400 and "did you mean 'SEP02AA0000000" in refusal["error"]
