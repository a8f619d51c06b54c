"""Flows and default ports."""

import pytest

from emcc_emu.protocol.sip_flow import Flow, default_port


@pytest.mark.parametrize(("transport", "is_reliable"), [("udp", False), ("tcp", True), ("tls", True)])
def test_streams_are_reliable(transport, is_reliable):
    assert Flow(transport, ("192.0.2.1", 1), ("192.0.2.2", 2)).is_reliable is is_reliable


def test_flows_are_told_apart_by_connection():
    flow = Flow("tcp", ("192.0.2.1", 1), ("192.0.2.2", 2), 1)
    assert flow == Flow("tcp", ("192.0.2.1", 1), ("192.0.2.2", 2), 1)
    assert flow != flow._replace(connection_id=2)
    assert len({flow, flow._replace(connection_id=2)}) == 2


@pytest.mark.parametrize(("transport", "port"), [("UDP", 5060), ("tcp", 5060), ("TLS", 5061)])
def test_ports_by_default(transport, port):
    assert default_port(transport) == port
