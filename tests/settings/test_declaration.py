import msgspec
import pytest

from emcc_emu.settings.declaration import Settings


class Box(Settings, frozen=True, kw_only=True):
    size: int = 1


def test_settings_cannot_be_changed():
    with pytest.raises(AttributeError):
        Box().size = 2


def test_settings_are_compared_by_value_and_copied_with_changes():
    assert msgspec.structs.replace(Box(), size=3) == Box(size=3)
    assert (Box.__keyed_by__, Box.__shorthand__) == ("", "")
