"""Events compare by content."""

from emcc_emu.protocol.sip_events import Discarded
from emcc_emu.protocol.sip_flow import Flow

FLOW = Flow("udp", ("192.0.2.1", 1), ("192.0.2.2", 2))


def test_events_of_equal_content_are_equal():
    assert Discarded("reason", b"x", FLOW) == Discarded("reason", b"x", FLOW, is_malformed=True)
    assert Discarded("reason", b"x", FLOW) != Discarded("reason", b"y", FLOW)
