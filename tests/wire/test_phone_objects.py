"""The dataclasses of a phone's screen."""

import pytest

from emcc_emu.wire.phone_objects import InputItem, PhoneText


@pytest.mark.parametrize(("flags", "is_masked"), [("A", False), ("NP", True), ("PN", True)])
def test_a_field_with_p_is_masked(flags, is_masked):
    assert InputItem("PIN", "seq", flags).is_masked is is_masked


def test_a_page_without_title_has_none():
    assert PhoneText(text="x").title is None
