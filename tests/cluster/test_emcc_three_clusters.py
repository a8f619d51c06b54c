"""Which cluster is a user's home? Three clusters on sockets; the visiting one asks the others in order."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from emcc_emu.host.addresses import free_block
from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.load import parse_lab
from emcc_emu.lab.model import Lab
from emcc_emu.wire.phone_objects import PhoneExecute

PHONE = "SEP02CC00000001"
OPEN = f"device={PHONE}&EMCC=true"

LAB = """
name: three-clusters
clusters:
  oslo:
    nodes: {oslo-pub: 127.3.0.10}
    phones: {SEP02CC00000001: {address: 127.3.100.1, lines: [4001]}}
  lima:
    nodes: {lima-pub: 127.4.0.10}
    device_profiles: {UDP-lvega: {lines: [5101]}, UDP-twin: {lines: [5102]}}
    users:
      lvega: {pin: "11223", profiles: [UDP-lvega]}
      twin: {pin: "55667", profiles: [UDP-twin]}
  rome:
    nodes: {rome-pub: 127.5.0.10}
    device_profiles: {UDP-grossi: {lines: [6101]}, UDP-twin: {lines: [6102]}}
    users:
      grossi: {pin: "33445", profiles: [UDP-grossi]}
      twin: {pin: "77889", profiles: [UDP-twin]}
"""


@pytest.fixture
def lab() -> Lab:
    """Three clusters at addresses that nobody uses."""
    lab = parse_lab(LAB)
    addresses = [node.address for cluster in lab.clusters for node in cluster.nodes]
    block = free_block([*addresses, "127.3.100.1"], random.SystemRandom())
    return with_addresses(lab, lambda address: block.get(address, address))


class Three:
    """The visiting cluster, and the two that may be home."""

    def __init__(self, oslo: Any, lima: Any, rome: Any) -> None:
        self.oslo, self.lima, self.rome = oslo, lima, rome

    async def log_in(self, user: str, pin: str) -> str:
        page = await self.oslo.page(f"{OPEN}&userid={user}&seq={pin}")
        return "ok" if isinstance(page, PhoneExecute) else page.text

    def checks(self) -> tuple[int, int]:
        """Users that lima and rome were asked about."""
        counters = [cluster.service.counters for cluster in (self.lima, self.rome)]
        return counters[0].emcc_check_user_requests_handled, counters[1].emcc_check_user_requests_handled


async def started(start: Any, lab: Lab) -> Three:
    three = Three(await start(lab, "oslo"), await start(lab, "lima"), await start(lab, "rome"))
    for cluster in (three.oslo, three.lima, three.rome):
        await cluster.em.update_remote_clusters()
    return three


@pytest.fixture
async def three(start: Any, lab: Lab) -> Three:
    return await started(start, lab)


async def test_a_user_is_found_in_the_third_cluster_after_the_second_was_asked(three: Three) -> None:
    assert await three.log_in("grossi", "33445") == "ok"
    assert three.checks() == (1, 1)
    assert three.oslo.state.visiting_session(PHONE).home_cluster_id == "rome"
    assert three.rome.state.home_session(PHONE).user_id == "grossi"
    assert three.lima.state.home_session(PHONE) is None


async def test_the_search_ends_where_the_user_is_found(three: Three) -> None:
    assert await three.log_in("lvega", "11223") == "ok"
    assert three.checks() == (1, 0)


async def test_of_two_clusters_that_know_the_user_the_first_by_cluster_id_is_home(three: Three) -> None:
    assert await three.log_in("twin", "55667") == "ok"
    assert three.oslo.state.visiting_session(PHONE).home_cluster_id == "lima"
    assert three.checks() == (1, 0)


async def test_a_wrong_pin_at_the_first_that_knows_the_user_ends_the_search(three: Three) -> None:
    assert await three.log_in("twin", "77889") == "Login is unavailable (2)"  # the PIN of his namesake in rome
    assert three.checks() == (1, 0)


async def test_the_order_is_that_of_the_cluster_ids_not_of_the_list(start: Any, edit: Any) -> None:
    edit("oslo", remote_clusters=tuple(reversed(edit("oslo").by_name["oslo"].remote_clusters)))
    three = await started(start, edit("oslo"))
    assert await three.log_in("twin", "55667") == "ok"
    assert three.oslo.state.visiting_session(PHONE).home_cluster_id == "lima"


async def test_an_unknown_user_is_code_23_after_all_were_asked(three: Three) -> None:
    assert await three.log_in("nobody", "1") == "Login is unavailable (23)"
    assert three.checks() == (1, 1)


async def test_a_cluster_that_is_down_is_passed_over(three: Three) -> None:
    await three.lima.em.close()
    assert await three.log_in("grossi", "33445") == "ok"
    assert three.oslo.state.visiting_session(PHONE).home_cluster_id == "rome"


async def test_a_cluster_that_does_not_answer_in_time_is_passed_over(start: Any, edit: Any) -> None:
    edit("lima", service_times__check_user_s=30)
    three = await started(start, edit("oslo", service_times__remote_answer_timeout_s=0.1))
    assert await three.log_in("grossi", "33445") == "ok"
    assert await three.log_in("nobody", "1") == "Login is unavailable (18)"  # grossi is on
    await three.oslo.page(f"{OPEN}&doLogout=true")
    assert await three.log_in("nobody", "1") == "Please try to login again (23)"  # code 40: one is silent, nobody knows


async def test_a_cluster_that_cannot_read_the_question_is_passed_over_and_remembered(start: Any, edit: Any) -> None:
    three = await started(start, edit("lima", version="11.5.1.10000-6"))
    page = await three.oslo.page(f"{OPEN}&loginType=UID&userid=grossi&seq=33445")
    assert isinstance(page, PhoneExecute)
    await three.oslo.page(f"{OPEN}&doLogout=true")
    page = await three.oslo.page(f"{OPEN}&loginType=UID&userid=nobody&seq=1")
    assert page.text == "Login is unavailable (1)"


@pytest.mark.parametrize("field", ["emcc"])
async def test_a_disabled_cluster_is_not_asked(start: Any, edit: Any, lab: Lab, field: str) -> None:
    remotes = tuple(
        msgspec.structs.replace(remote, **{field: False}) if remote.cluster_id == "lima" else remote
        for remote in lab.by_name["oslo"].remote_clusters
    )
    three = await started(start, edit("oslo", remote_clusters=remotes))
    assert await three.log_in("lvega", "11223") == "Login is unavailable (23)"
    assert await three.log_in("twin", "77889") == "ok"  # lima's namesake is out of sight
    assert three.oslo.state.visiting_session(PHONE).home_cluster_id == "rome"


async def test_every_cluster_is_home_and_visiting_at_once(start: Any, lab: Lab) -> None:
    three = await started(start, lab)
    assert await three.log_in("lvega", "11223") == "ok"
    phone = three.oslo.state.directory.phone(PHONE)
    device = three.lima.state.device(PHONE)
    assert device.visiting_cluster_id == "oslo" and device.model == phone.model
    assert [line.directory_number for line in device.lines] == ["5101"]
    assert b"Init:CallHistory" in (await three.oslo.get(f"/emapp/EMAppServlet?{OPEN}&doLogout=true")).body
    assert await three.log_in("grossi", "33445") == "ok"
    assert three.lima.state.base_devices.in_use_count == 0
