"""What the process that directs a load and those that carry its phones tell each other: one JSON object a line."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from phones.load.measure import Delta
from phones.scenario import Scenario

__all__ = [
    "Booted",
    "ChangeRate",
    "Done",
    "Failed",
    "FileServerJob",
    "Order",
    "Pause",
    "PhoneJob",
    "Progress",
    "Report",
    "Resume",
    "ShardJob",
    "Start",
    "Stop",
]


class PhoneJob(msgspec.Struct, frozen=True, array_like=True):
    """One phone of a shard."""

    name: str
    model: str
    address: str
    """Where it sends from; where that is empty, or cannot reach the servers, whatever the machine sends from."""


class FileServerJob(msgspec.Struct, frozen=True, array_like=True):
    """A TFTP server that the phones boot from."""

    address: str
    tftp: int
    http: int


class ShardJob(msgspec.Struct, frozen=True):
    """What one process does: its phones, its users, and its part of the plan."""

    scenario: Scenario
    phones: tuple[PhoneJob, ...]
    file_servers: tuple[FileServerJob, ...]
    ca_pem: str = ""
    """Certificates that the phones trust."""
    shard: int = 0
    shards: int = 1
    journal: bool = False
    """Whether every step is told, for a run with one phone."""


class Start(msgspec.Struct, frozen=True, tag="start"):
    """Begin at this instant, wall time in seconds, on which all processes agree."""

    at_s: float


class ChangeRate(msgspec.Struct, frozen=True, tag="rate"):
    """Let sessions come so many times as fast as planned."""

    factor: float


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Let no more sessions begin for now."""


class Resume(msgspec.Struct, frozen=True, tag="resume"):
    """Go on after a pause."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """Let no more sessions begin, finish those under way, log out, unregister."""

    at_once: bool = False
    """Do not wait for the sessions under way."""


class Booted(msgspec.Struct, frozen=True, tag="booted"):
    """The phones are on."""

    ok: int
    failed: tuple[str, ...]
    """Names of some phones that did not register."""
    failed_count: int
    duration_s: float


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How it goes."""

    delta: Delta
    """What was measured since the last report."""
    sessions: int = 0
    """Sessions under way."""
    waiting: int = 0
    """Sessions that are due and wait for a phone or a user."""
    logged_in: tuple[tuple[str, str], ...] = ()
    """New since the last report: phone and its user, empty when it has logged out."""
    emergencies: tuple[str, ...] = ()
    """Phones that placed an answered emergency call since the last report, once per call."""
    violation: str = ""
    """What should never happen, seen from the phones."""
    violation_phone: str = ""
    journal: tuple[str, ...] = ()


class Done(msgspec.Struct, frozen=True, tag="done"):
    """Everything is over; `progress` has been told before."""

    duration_s: float
    """From the start to the end of the last session."""
    cpu_s: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The process cannot go on."""

    reason: str


Order: TypeAlias = Start | ChangeRate | Pause | Resume | Stop
Report: TypeAlias = Booted | Progress | Done | Failed
