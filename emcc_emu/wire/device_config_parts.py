"""Parts that several of a phone's files share: CallManager groups, trust verification servers, and leaf elements."""

from __future__ import annotations

from collections.abc import Sequence

from emcc_emu.wire.device_config import CallManagerMember, TvsMember
from emcc_emu.wire.xml import escape
from emcc_emu.wire.xml_section import Section

__all__ = [
    "MAX_MEMBERS",
    "flag",
    "read_call_managers",
    "read_tvs",
    "write_call_manager_group",
    "write_leaf",
    "write_tvs",
]

MAX_MEMBERS = 5
"""Most servers of a CallManager group, and most trust verification servers, that a phone reads."""


def write_leaf(name: str, content: str) -> str:
    """One element with escaped text."""
    return f"<{name}>{escape(content)}</{name}>"


def flag(is_set: bool) -> str:
    """How a configuration file writes a truth value."""
    return "true" if is_set else "false"


def write_call_manager_group(name: str, members: Sequence[CallManagerMember]) -> str:
    """Write `callManagerGroup`, one element per line."""
    written = "".join([_write_member(member) for member in members])
    return (
        f"<callManagerGroup>\n{write_leaf('name', name)}\n<tftpDefault>true</tftpDefault>\n"
        f"<members>\n{written}</members>\n</callManagerGroup>\n"
    )


def _write_member(member: CallManagerMember) -> str:
    oauth = "" if member.sip_oauth_port is None else f"<sipOAuthPort>{member.sip_oauth_port}</sipOAuthPort>\n"
    if member.sip_mra_oauth_port is not None:
        oauth += f"<sipMRAOAuthPort>{member.sip_mra_oauth_port}</sipMRAOAuthPort>\n"
    return (
        f'<member priority="{member.priority}">\n<callManager>\n{write_leaf("name", member.name or member.address)}\n'
        f"{write_leaf('description', member.description)}\n<ports>\n"
        f"<ethernetPhonePort>{member.ethernet_phone_port}</ethernetPhonePort>\n<sipPort>{member.sip_port}</sipPort>\n"
        f"<securedSipPort>{member.secured_sip_port}</securedSipPort>\n<mgcpPorts>\n"
        f"<listen>{member.mgcp_listen_port}</listen>\n<keepAlive>{member.mgcp_keepalive_port}</keepAlive>\n"
        f"</mgcpPorts>\n{oauth}</ports>\n{write_leaf('processNodeName', member.address)}\n</callManager>\n</member>\n"
    )


def read_call_managers(group: Section) -> tuple[CallManagerMember, ...]:
    """Read the members of a `callManagerGroup` by priority; a member without an address is skipped.

    Raises:
        XmlInvalid: Text stands where a number must be.
    """
    members = [
        _read_member(member.attribute_number("priority"), member.section("callManager"))
        for member in group.section("members").sections("member")
    ]
    found = sorted([member for member in members if member.address], key=lambda member: member.priority)
    return tuple(found[:MAX_MEMBERS])


def _read_member(priority: int, manager: Section) -> CallManagerMember:
    ports = manager.section("ports")
    mgcp = ports.section("mgcpPorts")
    return CallManagerMember(
        address=manager.text("processNodeName"),
        name=manager.text("name"),
        priority=priority,
        sip_port=ports.number("sipPort", 5060),
        secured_sip_port=ports.number("securedSipPort", 5061),
        ethernet_phone_port=ports.number("ethernetPhonePort", 2000),
        mgcp_listen_port=mgcp.number("listen", 2427),
        mgcp_keepalive_port=mgcp.number("keepAlive", 2428),
        sip_oauth_port=ports.number("sipOAuthPort", 0) or None,
        sip_mra_oauth_port=ports.number("sipMRAOAuthPort", 0) or None,
        description=manager.text("description"),
    )


def write_tvs(members: Sequence[TvsMember]) -> str:
    """Write `TVS`, one member per line."""
    written = "".join(
        [
            f'<member priority="{member.priority}"><port>{member.port}</port>'
            f"{write_leaf('address', member.address)}</member>\n"
            for member in members
        ]
    )
    return f"<TVS>\n<members>\n{written}</members>\n</TVS>\n"


def read_tvs(element: Section) -> tuple[TvsMember, ...]:
    """Read the trust verification servers by priority.

    Raises:
        XmlInvalid: Text stands where a number must be.
    """
    members = [
        TvsMember(member.text("address"), member.number("port", 2445), member.attribute_number("priority"))
        for member in element.section("members").sections("member")
    ]
    return tuple(sorted(members, key=lambda member: member.priority)[:MAX_MEMBERS])
