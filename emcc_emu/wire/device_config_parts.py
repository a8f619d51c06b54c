"""Parts that several of a phone's files share: CallManager groups, trust verification servers, and leaf elements."""

from __future__ import annotations

from collections.abc import Sequence

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.device_config import CallManagerMember, TvsMember
from emcc_emu.wire.xml import Element, escape

__all__ = [
    "MAX_MEMBERS",
    "flag",
    "number",
    "read_call_managers",
    "read_tvs",
    "text",
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


def text(element: Element, path: str, default: str = "") -> str:
    """Text at a path without surrounding white space; `default` when the element is missing or empty."""
    found = element.findtext(path)
    return found.strip() or default if found else default


def number(element: Element, path: str, default: int) -> int:
    """Number at a path; `default` when the element is missing or empty.

    Raises:
        XmlInvalid: The text is not a number.
    """
    found = text(element, path)
    if not found:
        return default
    if not (found.isascii() and found.isdigit() and len(found) <= 9):
        raise XmlInvalid(f"{path} {found[:32]!r} is not a number")
    return int(found)


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


def read_call_managers(group: Element | None) -> tuple[CallManagerMember, ...]:
    """Read the members of a `callManagerGroup` by priority; a member without an address is skipped.

    Raises:
        XmlInvalid: Text stands where a number must be.
    """
    if group is None:
        return ()
    members = [
        _read_member(member, manager)
        for member in group.iterfind("members/member")
        if (manager := member.find("callManager")) is not None and text(manager, "processNodeName")
    ]
    return tuple(sorted(members, key=lambda member: member.priority)[:MAX_MEMBERS])


def _read_member(member: Element, manager: Element) -> CallManagerMember:
    oauth = number(manager, "ports/sipOAuthPort", 0)
    mra_oauth = number(manager, "ports/sipMRAOAuthPort", 0)
    return CallManagerMember(
        address=text(manager, "processNodeName"),
        name=text(manager, "name"),
        priority=_priority(member),
        sip_port=number(manager, "ports/sipPort", 5060),
        secured_sip_port=number(manager, "ports/securedSipPort", 5061),
        ethernet_phone_port=number(manager, "ports/ethernetPhonePort", 2000),
        mgcp_listen_port=number(manager, "ports/mgcpPorts/listen", 2427),
        mgcp_keepalive_port=number(manager, "ports/mgcpPorts/keepAlive", 2428),
        sip_oauth_port=oauth or None,
        sip_mra_oauth_port=mra_oauth or None,
        description=text(manager, "description"),
    )


def _priority(member: Element) -> int:
    value = member.get("priority", "0")
    if not (value.isascii() and value.isdigit() and len(value) <= 9):
        raise XmlInvalid(f"member priority {value[:32]!r} is not a number")
    return int(value)


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


def read_tvs(element: Element | None) -> tuple[TvsMember, ...]:
    """Read the trust verification servers by priority.

    Raises:
        XmlInvalid: Text stands where a number must be.
    """
    if element is None:
        return ()
    members = [
        TvsMember(text(member, "address"), number(member, "port", 2445), _priority(member))
        for member in element.iterfind("members/member")
    ]
    return tuple(sorted(members, key=lambda member: member.priority)[:MAX_MEMBERS])
