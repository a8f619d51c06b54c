"""Finds out which phone's story a packet belongs to, from packets alone.

A story is named after its device. What ties packets to it: the device name in a URL, a document, a file name or a
SIP Contact; then the address, the TFTP port, the HTTP exchange, the Call-ID and Session-ID that those packets used.
The second leg of a call that passes through a cluster is tied by `X-CID`, by Session-ID, or because the cluster sent
an INVITE with the same caller or called number just after it had received one.

The same code serves live recordings, ladders and imported captures; nothing here knows the lab, though labels of
nodes help where phones share addresses with servers.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict, deque
from collections.abc import Hashable, Iterable

from emcc_emu.trace.meaning import Message
from emcc_emu.trace.record import Address, NodeLabel

__all__ = ["MAX_OPEN_LEGS", "MAX_TIES", "Story", "StoryTracker"]

MAX_TIES = 400_000
"""Addresses, Call-IDs and the like that are remembered; the least recently used is forgotten first."""

MAX_OPEN_LEGS = 512
"""INVITEs that wait for a second leg to be recognised."""

_LEG_WINDOW_NS = 5_000_000_000
_USER_WINDOW_NS = 10_000_000_000
_SHARED = ""

Names = tuple[str, ...]


@dataclasses.dataclass(slots=True)
class Story:
    """How much a trace tells about one device."""

    device_name: str
    first_ns: int
    last_ns: int
    packets: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class _Leg:
    time_ns: int
    place: str
    host: str
    numbers: tuple[str, str]
    names: Names


class StoryTracker:
    """Reads messages in the order of their times and names the stories of each.

    Attributes:
        stories: What was found so far, by device name, in order of appearance.
    """

    def __init__(self, nodes: Iterable[NodeLabel] = ()) -> None:
        self.stories: dict[str, Story] = {}
        self._places: dict[Address, str] = {}
        self._ties: OrderedDict[Hashable, Names] = OrderedDict()
        self._user_times: OrderedDict[str, int] = OrderedDict()
        self._legs: deque[_Leg] = deque(maxlen=MAX_OPEN_LEGS)
        for node in nodes:
            if node.role == "phone":
                self._tie(node.address if not node.port else (node.address, node.port), (node.name,))
            else:
                self._places[node.address, node.port] = node.cluster or node.name

    def device_at(self, address: Address) -> str:
        """Return the device that speaks from an address, or an empty text if none or several do."""
        names = self._ties.get(address) or self._ties.get(address[0]) or ()
        return names[0] if names and names[0] != _SHARED else ""

    def names_of(self, message: Message) -> Names:
        """Return the stories that a message belongs to, the most telling first; often one, none for OPTIONS pings."""
        match message.record.protocol:
            case "tftp":
                names = self._tftp_names(message)
            case "http":
                names = self._http_names(message)
            case _:
                names = self._sip_names(message)
        for name in names:
            self._count(name, message.record.time_ns)
        return names

    def _count(self, name: str, time_ns: int) -> None:
        story = self.stories.get(name)
        if story is None:
            story = self.stories[name] = Story(name, time_ns, time_ns)
        story.packets += 1
        story.last_ns = time_ns

    def _tie(self, key: Hashable, names: Names) -> None:
        self._ties[key] = names
        self._ties.move_to_end(key)
        if len(self._ties) > MAX_TIES:
            self._ties.popitem(last=False)

    def _tie_phone(self, address: Address, name: str) -> None:
        """Remember where a phone speaks from: surely this port, and the whole address while no other phone uses it."""
        self._tie(address, (name,))
        host = address[0]
        if (host, 0) not in self._places:
            known = self._ties.get(host)
            self._tie(host, (name,) if known in (None, (name,)) else (_SHARED,))

    def _tied(self, *keys: Hashable) -> Names:
        names = (name for key in keys for name in self._ties.get(key, ()) if name != _SHARED)
        return tuple(dict.fromkeys(names))

    def _at(self, address: Address) -> Names:
        name = self.device_at(address)
        return (name,) if name else ()

    def _tftp_names(self, message: Message) -> Names:
        source, destination = message.record.source, message.record.destination
        meaning = message.meaning
        if meaning.kind == "request":
            if meaning.device_names:
                self._tie_phone(source, meaning.device_names[0])
            names = meaning.device_names[:1] or self._at((source[0], 0))
            self._tie(("tftp", source), names)
            return names
        return self._tied(("tftp", source), ("tftp", destination))

    def _http_names(self, message: Message) -> Names:
        record, meaning = message.record, message.meaning
        exchange = (
            "http",
            *sorted((record.source, record.destination)),
        )  # each end may name the connection differently
        if meaning.kind == "response":
            return _merged(self._tied(exchange), meaning.device_names)
        names = meaning.device_names[:1]
        if names and meaning.method == "GET":
            self._tie_phone(record.source, names[0])
        names = names or self._at(record.source) or self._names_of_users(meaning.user_ids, record.time_ns)
        for user in meaning.user_ids if names else ():
            self._tie(("user", user.lower()), names)
            self._user_times[user.lower()] = record.time_ns
            if len(self._user_times) > MAX_TIES:
                self._user_times.popitem(last=False)
        self._tie(exchange, names)
        return names

    def _names_of_users(self, user_ids: Names, now_ns: int) -> Names:
        """The phone at which a user was just named: EMApp asks about users without saying where they are."""
        fresh = [
            ("user", user.lower())
            for user in user_ids
            if now_ns - self._user_times.get(user.lower(), -_USER_WINDOW_NS) < _USER_WINDOW_NS
        ]
        return self._tied(*fresh)

    def _sip_names(self, message: Message) -> Names:
        record, meaning = message.record, message.meaning
        if meaning.device_names and meaning.kind == "request" and not self._is_server(record.source):
            self._tie_phone(record.source, meaning.device_names[0])
        call, sessions = ("call", meaning.call_id), [("session", each) for each in meaning.session_ids]
        linked = ("call", meaning.linked_call_id)
        names = _merged(
            meaning.device_names[:1],
            self._at(record.source),
            self._at(record.destination),
            self._tied(call, linked, *sessions),
        )
        if meaning.method == "INVITE" and meaning.kind == "request":
            if call not in self._ties and not self._at(record.source):
                names = _merged(names, self._names_of_first_leg(message))
            self._legs.append(
                _Leg(
                    record.time_ns,
                    self._place(record.destination),
                    record.destination[0],
                    (meaning.calling, meaning.called),
                    names,
                )
            )
        if names and meaning.call_id:
            for key in (call, *sessions):
                self._tie(key, _merged(self._ties.get(key, ()), names))
        return names

    def _names_of_first_leg(self, message: Message) -> Names:
        record, meaning = message.record, message.meaning
        place = self._place(record.source)
        for leg in reversed(self._legs):
            is_recent = record.time_ns - leg.time_ns < _LEG_WINDOW_NS
            is_from_there = place == leg.place or record.source[0] == leg.host
            is_same_call = any(
                mine and mine == theirs
                for mine, theirs in zip((meaning.calling, meaning.called), leg.numbers, strict=True)
            )
            if is_recent and is_from_there and is_same_call and leg.names:
                return leg.names
        return ()

    def _place(self, address: Address) -> str:
        return self._places.get(address) or self._places.get((address[0], 0)) or address[0]

    def _is_server(self, address: Address) -> bool:
        return address in self._places or (address[0], 0) in self._places


def _merged(*groups: Names) -> Names:
    return tuple(dict.fromkeys(name for group in groups for name in group if name))
