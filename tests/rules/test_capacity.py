import pytest

from emcc_emu.rules.capacity import (
    base_device_names,
    free_base_device_capacity,
    phones_counted,
)


@pytest.mark.parametrize(
    ("phones", "base_devices", "counted", "free"),
    [(0, 0, 0, 30000), (59000, 500, 60000, 0), (59001, 0, 59001, 499), (60000, 100, 60200, 0)],
)
def test_base_devices_count_twice(phones, base_devices, counted, free):
    assert phones_counted(phones, base_devices) == counted
    assert free_base_device_capacity(phones, base_devices) == free


def test_base_devices_continue_after_the_highest_number():
    made, refused = base_device_names(["EMCC1", "EMCC123", "EMCC7", "SEP02AA00000001"], 27)
    assert (made[0], made[-1], len(made), refused) == ("EMCC124", "EMCC150", 27, [])


def test_taken_names_are_not_made_and_the_rest_is():
    assert base_device_names([], 3, taken={"EMCC2"}) == (["EMCC1", "EMCC3"], ["EMCC2"])
