"""The body of an INVITE: session description, location of the caller, or both (RFC 6442, RFC 4119)."""

from __future__ import annotations

import dataclasses
import time

from emcc_emu.cluster.call_parties import Caller, Destination
from emcc_emu.cluster.sip_node import HeaderLine, SipNode
from emcc_emu.wire.mime import BOUNDARY, Part, build_multipart
from emcc_emu.wire.pidf_lo import PIDF_TYPE, build_pidf_lo, geolocation_header
from emcc_emu.wire.sdp import SDP_TYPE

__all__ = ["InviteBody", "invite_body"]


@dataclasses.dataclass(frozen=True, slots=True)
class InviteBody:
    """A body and the header lines that describe it."""

    headers: tuple[HeaderLine, ...] = ()
    content: bytes = b""


def invite_body(
    caller: Caller, destination: Destination, node: SipNode, leg_number: int, description: bytes
) -> InviteBody:
    """What the INVITE to a destination carries.

    Args:
        caller: Its geolocation is conveyed when the destination takes one.
        destination: Whom.
        node: Who sends.
        leg_number: Makes the Content-ID unique.
        description: SDP; empty for a delayed offer.
    """
    civic = {name: text for name, text in caller.geolocation.items() if text}
    if not (destination.sends_geolocation and civic):
        return InviteBody((("Content-Type", SDP_TYPE),) if description else (), description)
    number = destination.calling.number
    content_id = f"{number}.{leg_number}@{node.ip}"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(node.calendar()))
    location = build_pidf_lo(civic, entity=f"pres:{number}@{node.ip}", tuple_id=caller.device_name, timestamp=stamp)
    told: tuple[HeaderLine, ...] = (
        ("Supported", "Geolocation"),
        ("Geolocation", geolocation_header(content_id)),
        ("Geolocation-Routing", "yes"),
    )
    if not description:
        return InviteBody((*told, ("Content-Type", PIDF_TYPE), ("Content-ID", f"<{content_id}>")), location)
    parts = (
        Part(SDP_TYPE, description, (("Content-Disposition", "session;handling=required"),)),
        Part(
            PIDF_TYPE,
            location,
            (("Content-ID", f"<{content_id}>"), ("Content-Disposition", "render;handling=optional")),
        ),
    )
    headers = (*told, ("MIME-Version", "1.0"), ("Content-Type", f"multipart/mixed;boundary={BOUNDARY}"))
    return InviteBody(headers, build_multipart(parts))
