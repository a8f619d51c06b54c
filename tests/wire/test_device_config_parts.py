"""Parts that a phone's files share."""

from emcc_emu.wire.device_config import CallManagerMember, TvsMember
from emcc_emu.wire.device_config_parts import (
    MAX_MEMBERS,
    flag,
    read_call_managers,
    read_tvs,
    write_call_manager_group,
    write_leaf,
    write_tvs,
)
from emcc_emu.wire.xml_section import parse_section


def test_leaves_are_escaped():
    assert write_leaf("name", "A & B") == "<name>A &amp; B</name>"
    assert (flag(True), flag(False)) == ("true", "false")


def test_a_group_comes_back_by_priority():
    second, first = (
        CallManagerMember("192.0.2.11", "b", 1),
        CallManagerMember("192.0.2.10", "a", 0, sip_oauth_port=5090, sip_mra_oauth_port=5091),
    )
    written = write_call_manager_group("Group", (second, first))
    assert read_call_managers(parse_section(written.encode(), "callManagerGroup")) == (first, second)


def test_members_without_an_address_are_skipped():
    written = write_call_manager_group("Group", (CallManagerMember("", "nameless"),))
    assert read_call_managers(parse_section(written.encode(), "callManagerGroup")) == ()


def test_trust_verification_servers_are_bounded():
    members = tuple(TvsMember(f"192.0.2.{priority}", 2445, priority) for priority in range(MAX_MEMBERS + 2))
    written = write_tvs(members)
    assert written.startswith('<TVS>\n<members>\n<member priority="0"><port>2445</port><address>192.0.2.0</address>')
    assert read_tvs(parse_section(written.encode(), "TVS")) == members[:MAX_MEMBERS]
