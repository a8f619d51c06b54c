"""A cluster's state: what devices look like, what survives a restart, who is on what."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import msgspec
import pytest

from emcc_emu.cluster.database import Database
from emcc_emu.cluster.records import EmccSession, RemoteLogin
from emcc_emu.cluster.state import ClusterState
from emcc_emu.errors import EmError
from emcc_emu.lab.model import ClusterConfig, Lab
from emcc_emu.net.clock import Clock

PHONE = "SEP02AA00000001"


class Restartable:
    """A state whose database file can be closed and opened again."""

    def __init__(self, config: ClusterConfig, lab: Lab, path: Path) -> None:
        self._config, self._lab, self._path = config, lab, path
        self.clock = Clock()

    async def open(self) -> ClusterState:
        self.database = Database(self._path)
        return ClusterState(self._config, self._lab, database=self.database, clock=self.clock)

    async def reopen(self) -> ClusterState:
        await self.database.close()
        return await self.open()


@pytest.fixture
async def sanjose(lab: Lab, tmp_path: Path) -> Any:
    cluster = Restartable(lab.by_name["sanjose"], lab, tmp_path / "sanjose.sqlite")
    yield cluster
    await cluster.database.close()


@pytest.fixture
async def tokyo(lab: Lab, tmp_path: Path) -> Any:
    cluster = Restartable(lab.by_name["tokyo"], lab, tmp_path / "tokyo.sqlite")
    yield cluster
    await cluster.database.close()


def session(**changes: Any) -> EmccSession:
    base = EmccSession(
        device_name=PHONE,
        emcc_device="EMCC1",
        user_id="ayamada",
        profile="UDP-ayamada",
        visiting_cluster_id="sanjose",
        em_uri="http://visiting.example.test/",
        login_time_s=1000.0,
        login_duration_s=36000.0,
        roaming_device_pool="roaming-us",
        geolocation={"country": "US"},
        model=621,
    )
    return msgspec.structs.replace(base, **changes)


async def test_a_login_lays_the_profile_over_the_phone_and_keeps_what_is_the_phones(sanjose: Any) -> None:
    state = await sanjose.open()
    before = state.device(PHONE)
    assert [line.directory_number for line in before.lines] == ["2001"]
    await state.log_in(PHONE, "bmiller", "UDP-bmiller", 0.0)
    after = state.device(PHONE)
    assert [line.directory_number for line in after.lines] == ["2101"]
    assert (after.device_css, after.device_pool, after.uuid) == (before.device_css, before.device_pool, before.uuid)
    assert (after.user_id, after.profile) == ("bmiller", "UDP-bmiller")
    assert after.version_stamp > before.version_stamp


async def test_numbers_are_found_where_they_are_now(sanjose: Any) -> None:
    state = await sanjose.open()
    assert [place.device_name for place in state.find_directory_number("2001", "internal")] == [PHONE]
    assert state.find_directory_number("2101", "internal") == []
    await state.log_in(PHONE, "bmiller", "UDP-bmiller", 0.0)
    assert state.find_directory_number("2001", "internal") == []
    assert [place.line_index for place in state.find_directory_number("2101", "internal")] == [1]
    assert state.find_directory_number("2101", "") == []


async def test_listeners_hear_of_every_change_of_a_device(sanjose: Any) -> None:
    state = await sanjose.open()
    heard: list[str] = []
    state.device_listeners.append(heard.append)
    await state.log_in(PHONE, "bmiller", "UDP-bmiller", 0.0)
    await state.log_out(PHONE)
    assert heard == [PHONE, PHONE]


async def test_logins_and_last_users_survive_a_restart(sanjose: Any) -> None:
    state = await sanjose.open()
    await state.log_in(PHONE, "bmiller", "UDP-bmiller", 60.0)
    await state.log_in("SEP02AA00000002", "bmiller", "UDP-bmiller", 0.0)
    await state.log_out("SEP02AA00000002")
    state = await sanjose.reopen()
    assert state.login(PHONE).login_duration_s == 60.0
    assert state.login("SEP02AA00000002").last_user_id == "bmiller"
    assert state.devices_of_user("bmiller") == [PHONE]
    assert state.device(PHONE).user_id == "bmiller"


async def test_sessions_and_base_devices_survive_a_restart(tokyo: Any) -> None:
    state = await tokyo.open()
    assert state.base_devices.take() == "EMCC1"
    await state.open_home_session(session())
    state = await tokyo.reopen()
    assert state.home_session(PHONE).geolocation == {"country": "US"}
    assert state.base_devices.take() == "EMCC2"
    await state.close_home_session(PHONE)
    assert state.base_devices.take() == "EMCC1"
    assert state.login("EMCC1").last_user_id == "ayamada"
    state = await tokyo.reopen()
    assert state.home_session(PHONE) is None
    assert state.device(PHONE) is None


async def test_visiting_sessions_intents_and_pins_survive_a_restart(sanjose: Any) -> None:
    state = await sanjose.open()
    intent = state.new_intent("homeLogin", PHONE, "ayamada", "tokyo", url="https://home.example.test/")
    await state.add_intent(intent)
    other = state.new_intent("homeLogout", PHONE, "ayamada", "tokyo")
    await state.add_intent(other)
    await state.open_visiting_session(
        RemoteLogin(PHONE, "ayamada", home_cluster_id="tokyo", tftp_servers=("192.0.2.1", "192.0.2.2")), intent
    )
    await state.change_pin("bmiller", "97531")
    state = await sanjose.reopen()
    assert state.visiting_session(PHONE).tftp_servers == ("192.0.2.1", "192.0.2.2")
    assert state.intents() == [other]
    assert state.is_pin_right("bmiller", "97531")
    assert not state.is_pin_right("bmiller", "86420")
    assert b"97531" not in (sanjose.database.path).read_bytes()


async def test_a_database_that_fails_leaves_the_state_as_it_was(tokyo: Any) -> None:
    state = await tokyo.open()
    state.database.fail("disk full")
    with pytest.raises(EmError) as caught:
        await state.open_home_session(session())
    assert caught.value.code == 6
    assert state.home_session(PHONE) is None
    assert state.device(PHONE) is None


async def test_a_device_in_transition_is_in_use(sanjose: Any) -> None:
    state = await sanjose.open()
    with state.transition(PHONE, 18):
        assert state.is_in_use(PHONE)
        with pytest.raises(EmError), state.transition(PHONE, 19):
            pass
    assert not state.is_in_use(PHONE)


async def test_a_visitor_whose_profile_was_removed_has_no_device(tokyo: Any) -> None:
    state = await tokyo.open()
    await state.open_home_session(session(profile="UDP-removed"))
    assert state.device(PHONE) is None


@dataclasses.dataclass(frozen=True)
class Call:
    """Any record that can be written."""

    called: str


async def test_call_records_are_kept_and_written(sanjose: Any) -> None:
    state = await sanjose.open()
    await state.write_call_record(Call("911"))
    assert list(state.call_records) == [Call("911")]
    await sanjose.reopen()
    assert sanjose.database.read("SELECT record FROM call_records") == [('{"called":"911"}',)]
