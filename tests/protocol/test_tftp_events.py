"""What a transfer tells its owner compares by value, so that tests and owners can match on it."""

from __future__ import annotations

from emcc_emu.protocol.tftp_events import Delivered, GaveUp, Received, Refused


def test_events_with_the_same_values_are_the_same() -> None:
    assert Received(b"x") == Received(b"x") != Received(b"y")
    assert GaveUp(1, 5) == GaveUp(block=1, tries=5)
    assert Refused(1, "File not found", True) != Refused(1, "File not found", False)
    assert len({Delivered(1), Delivered(1), Delivered(2)}) == 2
