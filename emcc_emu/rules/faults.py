"""What faults do: to a service, to the database, to one message. Nothing here is random.

Whether a fault hits a message is drawn from a hash of the lab's seed, the fault, the link with its direction, the
message's story and its number in that story. So neither the order in which stories interleave nor the speed of the
machine changes it.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from emcc_emu.lab.faults import LINK_KINDS, MESSAGE_KINDS, DatabaseOperation, Fault

__all__ = [
    "FaultedMessage",
    "Protocol",
    "Verdict",
    "database_fails",
    "draw",
    "is_service_down",
    "is_service_failing",
    "service_delay_s",
    "story_of",
    "verdict",
]

Protocol: TypeAlias = Literal["http", "sip", "tftp"]
Damage: TypeAlias = Callable[[bytes], bytes]

JUNK_EVERY_BYTES = 32
"""A junk message has one byte in so many replaced, and at least one."""

_DEVICE = re.compile(rb"SEP[0-9A-Fa-f]{12}")
_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\s]+)", re.IGNORECASE | re.MULTILINE)
_LENGTH = re.compile(rb"(\r\ncontent-length:[ \t]*)\d+", re.IGNORECASE)
_READ_REQUEST = b"\0\1"


class FaultedMessage(NamedTuple):
    """One message on its way."""

    protocol: Protocol
    source: str
    """Cluster whose node or phone sends it."""
    destination: str
    """Cluster whose node or phone it is for; empty when that is unknown."""
    story: str
    """What it belongs to, see `story_of`."""
    number: int
    """How many messages of the story went this way before."""
    payload: bytes


class Verdict(NamedTuple):
    """What becomes of a message."""

    payload: bytes
    """What is left of it."""
    is_dropped: bool = False
    delay_s: float = 0.0
    fault: str = ""
    """What a trace says of it: what befell it, and by which faults; empty when nothing did."""


def verdict(faults: Iterable[Fault], message: FaultedMessage, seed: int) -> Verdict:
    """What the faults do to a message: the first that drops it ends it, damages and delays add up."""
    payload, delay_s = message.payload, 0.0
    told: list[str] = []
    for fault in faults:
        if not _concerns(fault, message) or _draw_for(fault, message, seed) * 100 >= fault.percent:
            continue
        match fault.kind:
            case "link_delay":
                delay_s += fault.delay_s
                told.append(f"delayed {fault.delay_s * 1000:g} ms ({fault.name})")
            case "message_truncated":
                payload = _on_body(message.protocol, payload, _cut)
                told.append(f"truncated ({fault.name})")
            case "message_junk":
                key = f"{seed}|{fault.name}|{message.source}|{message.story}|{message.number}"
                payload = _on_body(message.protocol, payload, functools.partial(_with_junk, key))
                told.append(f"junk ({fault.name})")
            case _:
                return Verdict(message.payload, is_dropped=True, fault=f"dropped ({fault.name})")
    return Verdict(payload, delay_s=delay_s, fault=", ".join(told))


def _concerns(fault: Fault, message: FaultedMessage) -> bool:
    if fault.protocol not in ("any", message.protocol):
        return False
    if fault.link and fault.kind in LINK_KINDS | MESSAGE_KINDS:
        return {message.source, message.destination} == set(fault.link)
    return fault.kind in MESSAGE_KINDS and fault.cluster == message.source


def _draw_for(fault: Fault, message: FaultedMessage, seed: int) -> float:
    return draw(seed, fault.name, f"{message.source}>{message.destination}", message.story, message.number)


def draw(seed: int, fault: str, link: str, story: str, number: int) -> float:
    """The number of a message, from 0 up to but not including 1, that decides whether a fault hits it."""
    text = "\0".join((str(seed), fault, link, story, str(number)))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


def story_of(protocol: Protocol, payload: bytes) -> str:
    """What a message belongs to: a SIP dialog, a file, a phone; empty when the message does not tell.

    The answers of HTTP and the packets of a transfer do not tell; who passes them on knows what they answer.
    """
    if protocol == "sip":
        found = _CALL_ID.search(payload)
        return found[1].decode("utf-8", "replace") if found else ""
    if protocol == "tftp":
        name = payload[2:].partition(b"\0")[0] if payload.startswith(_READ_REQUEST) else b""
        return name.decode("utf-8", "replace")
    device = _DEVICE.search(payload)
    return device[0].decode().upper() if device else ""


def _on_body(protocol: Protocol, payload: bytes, damage: Damage) -> bytes:
    """Damage a datagram or SIP message anywhere, an HTTP message in its body, whose new length it then tells."""
    if protocol != "http":
        return damage(payload)
    head, separator, body = payload.partition(b"\r\n\r\n")
    if not body:
        return payload
    body = damage(body)
    return _LENGTH.sub(rb"\g<1>%d" % len(body), head) + separator + body


def _cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def _with_junk(key: str, body: bytes) -> bytes:
    damaged = bytearray(body)
    for at, byte in _junk(key, len(body)):
        damaged[at] = byte
    return bytes(damaged)


def _junk(key: str, size_bytes: int) -> Iterator[tuple[int, int]]:
    """Positions and new bytes."""
    for number in range(1 + size_bytes // JUNK_EVERY_BYTES if size_bytes else 0):
        digest = hashlib.blake2b(f"{key}|{number}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
        yield int.from_bytes(digest[:7], "big") % size_bytes, digest[7]


# ------------------------------------------------------------------ services and database


def is_service_down(faults: Iterable[Fault], cluster: str, service: str, node: str = "") -> bool:
    """Whether a service of a cluster does not run, on this node or at all."""
    return any(True for _ in _of_service(faults, "service_down", cluster, service, node))


def is_service_failing(faults: Iterable[Fault], cluster: str, service: str, node: str = "") -> bool:
    """Whether a service fails for no reason that it knows."""
    return any(True for _ in _of_service(faults, "service_error", cluster, service, node))


def service_delay_s(faults: Iterable[Fault], cluster: str, service: str, node: str = "") -> float:
    """How much longer a service takes."""
    return sum(fault.delay_s for fault in _of_service(faults, "service_slow", cluster, service, node))


def _of_service(faults: Iterable[Fault], kind: str, cluster: str, service: str, node: str) -> Iterator[Fault]:
    for fault in faults:
        if (fault.kind, fault.cluster, fault.service) == (kind, cluster, service) and fault.node in ("", node):
            yield fault


def database_fails(faults: Iterable[Fault], cluster: str, operation: DatabaseOperation) -> bool:
    """Whether the cluster's database fails at an operation.

    An error of every write is one of writing logins too, but not of the automatic logout, which is a write of its own
    and has a code of its own.
    """
    names = {operation, "any"} | ({"write"} if operation == "login" else set())
    return any(
        fault.kind == "database_error" and fault.cluster == cluster and fault.operation in names for fault in faults
    )
