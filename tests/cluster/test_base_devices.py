"""EMCC base devices: the lowest free one first."""

from __future__ import annotations

from emcc_emu.cluster.base_devices import BaseDevices, base_device_number


def test_the_lowest_free_number_is_taken_first() -> None:
    devices = BaseDevices(range(1, 4))
    assert [devices.take() for _ in range(4)] == ["EMCC1", "EMCC2", "EMCC3", None]
    devices.free("EMCC3")
    devices.free("EMCC1")
    devices.free("EMCC1")
    assert (devices.take(), devices.in_use_count, devices.has_free) == ("EMCC1", 2, True)


def test_inserted_devices_are_free_and_deleted_ones_gone_unless_in_use() -> None:
    devices = BaseDevices([1, 2])
    devices.insert([2, 4])
    assert (devices.take(), devices.numbers(), devices.free_numbers()) == ("EMCC1", {1, 2, 4}, [2, 4])
    devices.delete([1, 2])
    assert (devices.numbers(), devices.free_numbers(), len(devices)) == ({1, 4}, [4], 2)


def test_a_session_of_the_database_keeps_its_device() -> None:
    devices = BaseDevices([])
    devices.take_named("EMCC123")
    assert (devices.has("EMCC123"), devices.take()) == (True, None)


def test_other_names_are_no_base_devices() -> None:
    devices = BaseDevices([1])
    assert devices.has("EMCC1")
    assert not devices.has("EMCC2") and not devices.has("SEP02AA00000001") and not devices.has("EMCC")
    assert [base_device_number(name) for name in ("EMCC7", "EMCCx", "EMCC", "7")] == [7, 0, 0, 0]
