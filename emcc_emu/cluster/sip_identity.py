"""The running counters behind the values by which one Unified CM node signs its SIP messages.

Operators recognise a cluster by the shape of its Call-IDs, tags and GUIDs; `wire.sip_identity` knows the shapes.
"""

from __future__ import annotations

import random
import uuid

from emcc_emu.wire import sip_identity as shapes

__all__ = ["CallIdentity", "NodeIdentity"]


class CallIdentity:
    """What the Call-IDs and the Cisco-Guid of one call are made of."""

    __slots__ = ("counter", "guid_word")

    def __init__(self, guid_word: int, counter: int) -> None:
        self.guid_word = guid_word
        self.counter = counter


class NodeIdentity:
    """Generates one node's identifiers.

    Args:
        ip: The node's IPv4 address as text; goes into Call-IDs, byte-reversed too.
        version: The cluster's release, `14` or `12.5.1`; becomes `Cisco-CUCM12.5` in User-Agent and Server.
        rng: Source of all random parts, so that a seeded run repeats.
    """

    __slots__ = (
        "_branch_count",
        "_call_count",
        "_call_id_count",
        "_call_id_end",
        "_call_leg_id",
        "_date",
        "_date_second",
        "_leg_count",
        "_rng",
        "_time_word",
        "_uuid",
        "ip",
        "product",
        "tag_seed",
    )

    def __init__(self, ip: str, version: str, rng: random.Random) -> None:
        self.ip = ip
        self.product = shapes.cucm_product(version)
        self.tag_seed = rng.getrandbits(32)
        """Start value of tags that are derived from a Call-ID."""
        self._rng = rng
        self._uuid = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        self._branch_count = rng.randrange(0x100, 0x1000)
        self._call_count = 0
        self._call_id_count = 0
        # The address part never changes, and taking an address apart is the dear part of a Call-ID.
        self._call_id_end = shapes.cucm_call_id(ip, guid_word=0, time_word=0, counter=0).split("-", 3)[3]
        self._leg_count = rng.randrange(1000, 90_000)
        self._call_leg_id = rng.randrange(20_000_000, 40_000_000)
        self._time_word = rng.getrandbits(32)
        self._date_second = -1
        self._date = ""

    def new_call(self) -> CallIdentity:
        """Identity of a new call; each of its legs has its own Call-ID made from it."""
        self._call_count += 1
        return CallIdentity(self._rng.getrandbits(32), self._call_count)

    def call_id(self, call: CallIdentity | None = None) -> str:
        """A new Call-ID, of a call or of a request outside calls."""
        self._call_id_count += 1
        self._time_word = (self._time_word + 1) & 0xFFFFFFFF
        guid_word = self._rng.getrandbits(32) if call is None else call.guid_word
        return f"{guid_word:08x}-{self._time_word:08x}-{self._call_id_count:x}-{self._call_id_end}"

    def cisco_guid(self, call: CallIdentity) -> str:
        """The Cisco-Guid header of a call."""
        return shapes.cisco_guid(self.ip, guid_word=call.guid_word, call_counter=call.counter)

    def leg_number(self) -> int:
        """Number of a new call leg: first part of its tag and session id of its `o=` line."""
        self._leg_count += 1
        return self._leg_count

    def call_tag(self, leg_number: int) -> str:
        """Tag of a call leg."""
        self._call_leg_id += 1
        return shapes.cucm_leg_tag(leg_number, self._uuid, self._call_leg_id)

    def tag(self) -> str:
        """A tag outside calls."""
        return shapes.cucm_tag(self._rng)

    def branch(self, _: random.Random | None = None) -> str:
        """A new Via branch; fits `SipEndpoint(make_branch=…)`."""
        self._branch_count += 1
        return shapes.cucm_branch(self._branch_count, self._rng)

    def session_id(self) -> str:
        """A Session-ID half for an endpoint that sends none."""
        return shapes.new_session_id(self._rng)

    def date(self, calendar_now: float) -> str:
        """The Date header for a moment in seconds since the epoch; formatted once a second."""
        second = int(calendar_now)
        if second != self._date_second:
            self._date_second = second
            self._date = shapes.format_date(second)
        return self._date
