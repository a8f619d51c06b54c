"""Looks at the clusters while a load runs: how many requests they have in progress, and what they must never say.

It reads the control API of a lab; what a cluster of others does not tell is reported as not checked.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from emcc_emu.errors import TransportError
from emcc_emu.net.http_client import HttpClient

__all__ = ["INVARIANTS", "ClusterSample", "ClusterWatch", "find_violation", "find_wrong_sessions"]

LEAST_INTERVAL_S = 0.25
SHARE_OF_TIME = 20
"""A look that took long is followed by a pause of so many times its duration, so that watching is no load."""

MAX_STATUS_BYTES = 64 * 1024 * 1024
STATUS_TIMEOUT_S = 10.0

MAX_SESSIONS = 100_000
"""Sessions asked of one cluster at most, more than it has phones."""

SESSION_KINDS = {"logins": "login", "home_sessions": "home", "visiting_sessions": "visiting"}
"""Where a cluster's status has sessions, and what the list of all sessions calls them."""

ONE_CLUSTER = "a phone is registered at one cluster"
ONE_LOGIN = "every accepted login is one login"
ONE_BASE_DEVICE = "no base device serves two"
EMERGENCY = "every emergency call left from where its phone stands"
INVARIANTS = (ONE_CLUSTER, ONE_LOGIN, ONE_BASE_DEVICE, EMERGENCY)

Status = Mapping[str, Mapping[str, Any] | None]


@dataclass(slots=True)
class ClusterSample:
    """What the clusters said at one moment."""

    at_s: float
    """Wall time."""
    in_progress: dict[str, int]
    registered: dict[str, int]


@dataclass(slots=True)
class ClusterWatch:
    """Asks the control API again and again; run `keep_watching` as a task.

    Args:
        control_url: Of the control API; empty when there is none.
        on_violation: Told what happened, and of which phone.
        phones: Names of the fleet's phones.
        phones_cluster: Where they stand.
    """

    control_url: str
    on_violation: Callable[[str, str], None]
    phones: frozenset[str] = frozenset()
    phones_cluster: str = ""
    samples: list[ClusterSample] = field(default_factory=list)
    first: dict[str, Any] = field(default_factory=dict)
    """The clusters' status before the load."""
    last: dict[str, Any] = field(default_factory=dict)
    unchecked: set[str] = field(default_factory=set)
    """Invariants that the clusters do not tell enough to check."""
    emergencies: Counter[str] = field(default_factory=Counter)
    """Emergency calls that left where the phones stand, by phone, as the cluster there recorded them."""
    _suspects: Counter[tuple[str, str]] = field(default_factory=Counter)
    _records_seen: dict[str, int] = field(default_factory=dict)

    @property
    def is_possible(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self.control_url)

    @property
    def limit(self) -> int | None:
        """The smallest Maximum Concurrent Requests of the clusters; None when nobody says."""
        limits = [entry["maximum_concurrent_requests"] for entry in self.first.values() if entry]
        return min(limits) if limits else None

    @property
    def max_in_progress(self) -> dict[str, int]:
        """The most requests that any node of each cluster had in progress during the load.

        The cluster's own highest value counts when it rose during the load; otherwise, the highest that was seen.
        """
        highest: dict[str, int] = {}
        for name, entry in self.last.items():
            if not entry:
                continue
            seen = max((sample.in_progress.get(name, 0) for sample in self.samples), default=0)
            before, after = _highest(self.first.get(name)), _highest(entry)
            highest[name] = after if after > before else seen
        return highest

    def throttled(self) -> dict[str, int]:
        """Requests that each cluster refused with code 26 during the load."""
        return {
            name: _counter(entry, "requests_throttled") - _counter(self.first.get(name), "requests_throttled")
            for name, entry in self.last.items()
            if entry
        }

    async def look_first(self) -> None:
        """Note how the clusters are before the load."""
        async with self._client() as client:
            self.first = self.last = await self._ask(client)
            for name in self.first:
                self._records_seen[name] = 0
                await self._read_calls(client, name, is_counted=False)

    async def keep_watching(self) -> None:
        """Ask until cancelled; a cluster that does not answer is asked again."""
        async with self._client() as client:
            while True:
                began_s = time.monotonic()
                try:
                    self._take(await self._ask(client))
                    for name in self.last:
                        await self._read_calls(client, name)
                except TransportError:
                    self._suspects.clear()
                took_s = time.monotonic() - began_s
                await asyncio.sleep(max(LEAST_INTERVAL_S, SHARE_OF_TIME * took_s))

    async def look_last(self, logged_in: Mapping[str, str], emergencies: Iterable[str]) -> None:
        """Look once more, when all is quiet, and compare what the clusters say with what the phones have seen.

        Args:
            logged_in: Who is on which phone, as the phones know it.
            emergencies: Phones by their answered emergency calls.
        """
        async with self._client() as client:
            try:
                self._take(await self._ask(client))
                for name in self.last:
                    await self._read_calls(client, name)
                sessions = self._sessions()
            except TransportError:
                self.unchecked |= {ONE_LOGIN, EMERGENCY}
                return
        if ONE_LOGIN not in self.unchecked:
            for what, phone in find_wrong_sessions(sessions, self.phones, logged_in):
                self.on_violation(what, phone)
        if EMERGENCY not in self.unchecked:
            for phone, count in (Counter(emergencies) - self.emergencies).items():
                what = f"{count} emergency calls of {phone} did not leave at {self.phones_cluster}, where it stands"
                self.on_violation(what, phone)

    def _sessions(self) -> dict[str, str]:
        """Who is on which phone, as the cluster where the phones stand says."""
        entry = self.last.get(self.phones_cluster)
        if not entry:
            self.unchecked.add(ONE_LOGIN)
            return {}
        kinds = (entry["logins"], entry["visiting_sessions"])
        return {session["device"]: session["user"] for kind in kinds for session in kind["listed"]}

    async def _read_calls(self, client: HttpClient, cluster: str, *, is_counted: bool = True) -> None:
        """Take in the call records that a cluster has written since the last time."""
        reply = await client.get(f"{self.control_url}/clusters/{cluster}/call-records")
        if reply.status != 200:
            self.unchecked.add(EMERGENCY)
            return
        told: Any = msgspec.json.decode(reply.body)
        records: list[dict[str, Any]] = told["entries"] if isinstance(told, dict) else told
        new = [record for record in records if record["global_call_id"] > self._records_seen[cluster]]
        self._records_seen[cluster] = max(
            (record["global_call_id"] for record in new), default=self._records_seen[cluster]
        )
        entry = self.last.get(cluster)
        if not entry or not is_counted:
            return
        gateways = {gateway["name"] for gateway in entry["call_processing"]["gateways"]}
        for record in new:
            phone = record["visiting_device"] or record["calling_device"]
            if record["is_emergency"] and record["called_device"] in gateways and phone in self.phones:
                if cluster == self.phones_cluster:
                    self.emergencies[phone] += record["connected_at"] is not None
                else:
                    what = f"an emergency call of {phone} left at {cluster}, but it stands at {self.phones_cluster}"
                    self.on_violation(what, phone)

    def _client(self) -> HttpClient:
        return HttpClient(timeout_s=STATUS_TIMEOUT_S, max_body_bytes=MAX_STATUS_BYTES)

    async def _ask(self, client: HttpClient) -> dict[str, Any]:
        reply = await client.get(f"{self.control_url}/status")
        if reply.status != 200:
            raise TransportError(f"the control API answered {reply.status}")
        status: dict[str, Any] = msgspec.json.decode(reply.body)
        for name, entry in status.items():
            if entry and _is_cut(entry):
                await self._complete(client, name, entry)
        return status

    async def _complete(self, client: HttpClient, cluster: str, entry: dict[str, Any]) -> None:
        """The status lists some sessions of many; put all of them into it."""
        reply = await client.get(f"{self.control_url}/clusters/{cluster}/sessions?limit={MAX_SESSIONS}")
        if reply.status == 200:
            told: dict[str, Any] = msgspec.json.decode(reply.body)
            for field_name, kind in SESSION_KINDS.items():
                found = [session for session in told["entries"] if session["kind"] == kind]
                entry[field_name] = {"count": len(found), "listed": found}
        if reply.status != 200 or told["count"] > len(told["entries"]):
            self.unchecked |= {ONE_LOGIN, ONE_BASE_DEVICE}

    def _take(self, status: dict[str, Any]) -> None:
        self.last = {name: entry or self.last.get(name) for name, entry in status.items()}
        up = {name: entry for name, entry in status.items() if entry}
        self.samples.append(
            ClusterSample(
                time.time(),
                {name: _counter(entry, "requests_in_progress") for name, entry in up.items()},
                {name: entry["call_processing"]["registered"] for name, entry in up.items()},
            )
        )
        found = Counter(dict.fromkeys(find_violation(up), 1))
        for suspect in list(self._suspects):
            if suspect not in found:
                del self._suspects[suspect]
        for suspect in found:
            self._suspects[suspect] += 1
            if self._suspects[suspect] >= LOOKS_TO_CONVINCE:
                self.on_violation(*suspect)


LOOKS_TO_CONVINCE = 3
"""Clusters are asked one after another, so a phone that moves may be seen twice; one that stays so is wrong."""


def find_violation(status: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """What the clusters say that must not be: what, and of which phone.

    Args:
        status: Every cluster's status by name.
    """
    places: dict[str, str] = {}
    for name, entry in status.items():
        for registration in entry["call_processing"]["registrations"]:
            device = registration["device"]
            if places.setdefault(device, name) != name:
                yield f"{device} is registered at {places[device]} and at {name}", device
    for name, entry in status.items():
        sessions = entry["home_sessions"]["listed"]
        yield from _doubles(sessions, "emcc_device", f"{name}: the base device {{}} serves two phones")
        yield from _doubles(sessions, "device", f"{name}: {{}} has two home sessions")
        yield from _doubles(entry["visiting_sessions"]["listed"], "device", f"{name}: {{}} has two visiting sessions")
        yield from _doubles(entry["logins"]["listed"], "device", f"{name}: {{}} has two logins")
        base = entry["base_devices"]
        if base["in_use"] > base["count"]:
            yield f"{name}: {base['in_use']} base devices in use of {base['count']}", ""


def find_wrong_sessions(
    sessions: Mapping[str, str], phones: Iterable[str], logged_in: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """Where the clusters and the phones disagree about who is logged in: what, and of which phone.

    Args:
        sessions: Who is on which phone, as the clusters say.
        phones: The fleet's phones.
        logged_in: Who is on which phone, as the phones know it.
    """
    for phone in phones:
        said, known = sessions.get(phone, ""), logged_in.get(phone, "")
        if said != known:
            at_cluster = f"{said} is logged in on it" if said else "nobody is logged in on it"
            at_phone = f"{known} has logged in" if known else "nobody has"
            yield f"{phone}: the cluster says that {at_cluster}, but there {at_phone}", phone


def _doubles(entries: list[dict[str, Any]], key: str, text: str) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for entry in entries:
        if entry[key] in seen:
            yield text.format(entry[key]), entry["device"]
        seen.add(entry[key])


def _is_cut(entry: Mapping[str, Any]) -> bool:
    return any(entry[name]["count"] > len(entry[name]["listed"]) for name in SESSION_KINDS)


def _counter(entry: Mapping[str, Any] | None, name: str) -> int:
    return sum(node["counters"][name] for node in entry["nodes"]) if entry else 0


def _highest(entry: Mapping[str, Any] | None) -> int:
    nodes = entry["nodes"] if entry else ()
    return max((node["counters"]["requests_in_progress_max"] for node in nodes), default=0)
