"""The facade."""

from emcc_emu.wire import sip


def test_every_public_name_is_there():
    assert all(hasattr(sip, name) for name in sip.__all__)
