"""EMCC base devices: the lowest free one first, numbers go on from the highest ever used."""

from __future__ import annotations

from emcc_emu.cluster.base_devices import BaseDevices, base_device_number


def test_the_lowest_free_number_is_taken_first() -> None:
    devices = BaseDevices(3)
    assert [devices.take() for _ in range(4)] == ["EMCC1", "EMCC2", "EMCC3", None]
    devices.free("EMCC3")
    devices.free("EMCC1")
    devices.free("EMCC1")
    assert (devices.take(), devices.in_use_count, devices.has_free) == ("EMCC1", 2, True)


def test_inserted_devices_continue_after_the_highest_number() -> None:
    devices = BaseDevices(0)
    devices.take_named("EMCC123")
    assert devices.insert(27)[::26] == ["EMCC124", "EMCC150"]
    assert (len(devices), devices.take()) == (28, "EMCC124")


def test_other_names_are_no_base_devices() -> None:
    devices = BaseDevices(1)
    assert devices.has("EMCC1")
    assert not devices.has("EMCC2") and not devices.has("SEP02AA00000001") and not devices.has("EMCC")
    assert [base_device_number(name) for name in ("EMCC7", "EMCCx", "EMCC", "7")] == [7, 0, 0, 0]
