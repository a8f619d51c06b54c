"""A load scenario: which phones, which users, what they do, and how many of them come when.

A scenario is one short YAML file; `load_scenario` reads it, and all its mistakes come at once, each with its line.
The same file runs a fleet or, once and slowly, one phone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta

from emcc_emu.errors import InputError
from emcc_emu.settings.counting import counted_copies
from emcc_emu.settings.declaration import Duration, Settings
from emcc_emu.settings.json_schema import json_schema
from emcc_emu.settings.mistakes import Mistake, input_error, nearest_word
from emcc_emu.settings.reading import read_settings, read_text_file
from phones.identity import MODELS
from phones.load.thresholds import parse_expectation

__all__ = [
    "ACTIONS",
    "Action",
    "Calls",
    "LoadShape",
    "PhonePool",
    "Retry",
    "Scenario",
    "SessionKind",
    "ThinkTime",
    "User",
    "UserPool",
    "load_scenario",
    "one_by_one",
    "parse_scenario",
    "scenario_schema_text",
]

MAX_PHONES = 60_000
"""Phones of one Unified CM cluster at most."""

MAX_RATE_PER_S = 10_000.0

ONCE_AT_MOST_S = 86_400.0
"""A run of one phone ends when it has done every kind of session, and in any case after a day."""

Action = Literal["login", "wrong_pin", "think", "call", "emergency_call", "logout"]
ACTIONS: tuple[Action, ...] = ("login", "wrong_pin", "think", "call", "emergency_call", "logout")

Number = Annotated[str, Meta(max_length=24, pattern="^[0-9*#+]*$")]


class PhonePool(Settings, frozen=True, kw_only=True):
    """The phones that people walk up to."""

    cluster: str = ""
    """Cluster of the lab whose phones these are; empty when they are told apart by `name` and `tftp`."""

    count: Annotated[int, Meta(ge=1, le=MAX_PHONES)] = 1
    """How many of them."""

    name: Annotated[str, Meta(max_length=24)] = ""
    """Names of the phones of a cluster that is no lab of ours, with a number in braces: `SEP0011223{00001}`."""

    model: str = "7821"
    """Model of those phones."""

    tftp: tuple[str, ...] = ()
    """TFTP servers of those phones: `192.0.2.10` or `192.0.2.10:6969`."""

    boots_at_once: Annotated[int, Meta(ge=1, le=10_000)] = 64
    """How many phones boot at the same time before the load begins."""


class User(Settings, frozen=True, kw_only=True):
    """Somebody who logs in."""

    user_id: Annotated[str, Meta(min_length=1)]
    """User ID, as it is typed."""

    pin: Annotated[str, Meta(min_length=1)]
    """PIN, as it is typed."""

    count: int = 1
    """How many there are, with a number in braces that counts up."""


class UserPool(Settings, frozen=True, kw_only=True):
    """Users who are alike."""

    __keyed_by__: ClassVar[str] = "name"

    name: str
    """Name of the pool."""

    user_id: Annotated[str, Meta(min_length=1, max_length=128)]
    """User ID with a number in braces that counts up: `user{0001}`."""

    pin: Annotated[str, Meta(min_length=1, max_length=20)]
    """Their PIN; a number in braces counts up with the user's."""

    people: Annotated[int, Meta(ge=1, le=MAX_PHONES)] = 1
    """How many users there are."""

    def expanded(self) -> tuple[User, ...]:
        """Every user of the pool."""
        return counted_copies(User(user_id=self.user_id, pin=self.pin), self.people)


class SessionKind(Settings, frozen=True, kw_only=True):
    """What one person does at one phone, from walking up to it to leaving it."""

    __keyed_by__: ClassVar[str] = "name"

    name: str
    """Name of the kind."""

    users: str
    """Pool that the person comes from. Users of the phone's own cluster make EM logins, those of others EMCC logins."""

    weight: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """Its share among all sessions: this weight to the sum of all."""

    do: Annotated[tuple[Action, ...], Meta(min_length=1, max_length=50)] = ("login", "think", "logout")
    """What is done, in order. Without `logout` the user stays."""


class LoadShape(Settings, frozen=True, kw_only=True):
    """How many sessions begin when."""

    shape: Literal["constant", "ramp", "steps", "spike", "morning", "closed"] = "constant"
    """`constant` rate; `ramp` from one rate to another; `steps` of equal length between them; a `spike` on a constant
    rate; a `morning` peak, a bell around the start of a shift; `closed`: every phone begins its next session when its
    last one has ended."""

    duration_s: Annotated[float, Meta(ge=0.1, le=7 * 86400, extra={"text": "duration"})] = 60.0
    """How long new sessions begin."""

    rate_per_s: Annotated[float, Meta(ge=0, le=MAX_RATE_PER_S, extra={"text": "rate"})] | None = None
    """Sessions that begin per time: the rate, the last rate of a ramp or of steps, or the rate around a spike."""

    from_rate_per_s: Annotated[float, Meta(ge=0, le=MAX_RATE_PER_S, extra={"text": "rate"})] = 0.0
    """First rate of a ramp or of steps."""

    steps: Annotated[int, Meta(ge=2, le=100)] = 5
    """Number of steps."""

    spike_rate_per_s: Annotated[float, Meta(ge=0, le=MAX_RATE_PER_S, extra={"text": "rate"})] | None = None
    """Rate during the spike."""

    spike_at_s: Duration | None = None
    """When the spike begins; the middle of the duration unless said."""

    spike_duration_s: Duration = 1.0
    """How long it lasts."""

    arrivals: Annotated[int, Meta(ge=1, le=10_000_000)] | None = None
    """Sessions of a morning in all; for the other shapes, the most that begin."""

    peak_at_s: Duration | None = None
    """When a morning's rate is highest; the middle of the duration unless said."""

    spread_s: Duration | None = None
    """Standard deviation of a morning's arrivals; a sixth of the duration unless said."""

    spacing: Literal["even", "random"] = "even"
    """Gaps between arrivals: as even as the rate allows, or random (a Poisson process)."""


class Retry(Settings, frozen=True, kw_only=True):
    """What people do when the phone says that it is busy."""

    codes: tuple[Annotated[int, Meta(ge=0, le=999)], ...] = (26,)
    """Displayed codes after which they try again."""

    tries: Annotated[int, Meta(ge=1, le=1000)] = 20
    """How often they try in all."""

    first_s: Duration = 0.5
    """Pause before the second try; it doubles from try to try."""

    longest_s: Duration = 8.0
    """Longest pause."""


class ThinkTime(Settings, frozen=True, kw_only=True):
    """How long `think` takes."""

    __shorthand__: ClassVar[str] = "mean_s"

    mean_s: Duration = 1.0
    """Mean."""

    kind: Literal["fixed", "exponential"] = "fixed"
    """Always the mean, or exponentially distributed."""


class Calls(Settings, frozen=True, kw_only=True):
    """What is dialled."""

    number: Number = ""
    """By `call`."""

    emergency_number: Number = "911"
    """By `emergency_call`."""

    talk_s: Duration = 1.0
    """How long an answered call lasts."""


class Scenario(Settings, frozen=True, kw_only=True):
    """A load on a lab or on real clusters."""

    name: str = "load"
    """Name of the scenario."""

    about: str = ""
    """What it shows, in a sentence or two, for the report."""

    lab: str = ""
    """Lab file that it runs on, relative to the scenario; `--against` takes a running lab instead."""

    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    """Seed of everything random in the load."""

    phones: PhonePool
    """The phones."""

    users: Annotated[tuple[UserPool, ...], Meta(min_length=1)]
    """The users, by pool."""

    sessions: Annotated[tuple[SessionKind, ...], Meta(min_length=1)]
    """What they do."""

    load: LoadShape = LoadShape()
    """How many come when."""

    retry: Retry = Retry()
    """What they do when the phone says that it is busy."""

    think: ThinkTime = ThinkTime()
    """How long they think."""

    calls: Calls = Calls()
    """What they dial."""

    patience_s: Annotated[float, Meta(ge=0.1, le=3600, extra={"text": "duration"})] = 30.0
    """How long anybody waits for one thing: a page, a registration, an answered call."""

    drain_s: Duration = 60.0
    """How long sessions may go on after the last one has begun."""

    log_out_at_end: bool = True
    """Whether phones with a user log out when all is done."""

    expect: tuple[str, ...] = ()
    """What has to hold, such as `login p95 < 2s` or `errors < 1%`; the run fails when one does not."""


def load_scenario(path: Path) -> Scenario:
    """The scenario that a file describes.

    Raises:
        InputError: The file cannot be read, or has mistakes; its text lists all of them with line and field.
    """
    return parse_scenario(read_text_file(path), str(path))


def parse_scenario(text: str, file_name: str = "scenario") -> Scenario:
    """The scenario that a YAML text describes.

    Raises:
        InputError: It has mistakes.
    """
    reading = read_settings(text, Scenario)
    if reading.settings is None:
        raise input_error(file_name, reading.mistakes)
    mistakes = [
        dataclasses.replace(mistake, line=reading.line_of(mistake.path)) for mistake in _mistakes(reading.settings)
    ]
    if mistakes:
        raise input_error(file_name, mistakes)
    return reading.settings


def scenario_schema_text() -> str:
    """The JSON Schema of scenario files."""
    return json.dumps(json_schema(Scenario, "emcc-emu load scenario"), indent=1, ensure_ascii=False) + "\n"


def _mistakes(scenario: Scenario) -> Iterator[Mistake]:
    """What is wrong beyond the form of single values."""
    yield from _wrong_phones(scenario.phones)
    yield from _wrong_shape(scenario.load)
    pools = {pool.name: pool for pool in scenario.users}
    for kind in scenario.sessions:
        if kind.users not in pools:
            nearest = nearest_word(kind.users, pools)
            yield Mistake(("sessions", kind.name, "users"), f"{kind.users!r} is no pool of users", nearest=nearest)
        yield from _wrong_order(kind, scenario.calls)
    for index, text in enumerate(scenario.expect):
        try:
            parse_expectation(text)
        except InputError as error:
            yield Mistake(("expect", index), str(error))


def _wrong_phones(phones: PhonePool) -> Iterator[Mistake]:
    if bool(phones.cluster) == bool(phones.tftp):
        yield Mistake(("phones",), "needs either the cluster of a lab, or tftp and name")
    if phones.tftp and not phones.name:
        yield Mistake(("phones",), "has no name")
    models = [model.name for model in MODELS]
    if phones.model not in models:
        nearest = nearest_word(phones.model, models)
        yield Mistake(("phones", "model"), f"{phones.model!r} is no model of a virtual phone", nearest=nearest)


def _wrong_shape(load: LoadShape) -> Iterator[Mistake]:
    if load.shape in ("constant", "ramp", "steps", "spike") and load.rate_per_s is None:
        yield Mistake(("load",), f"has no rate, which the shape {load.shape} needs")
    if load.shape == "spike" and load.spike_rate_per_s is None:
        yield Mistake(("load",), "has no spike_rate, which the shape spike needs")
    if load.shape == "morning" and load.arrivals is None:
        yield Mistake(("load",), "has no arrivals, which the shape morning needs")
    spike_end_s = (load.spike_at_s or 0.0) + load.spike_duration_s
    if load.shape == "spike" and spike_end_s > load.duration_s:
        yield Mistake(("load", "spike_duration"), "ends after the load")


def _wrong_order(kind: SessionKind, calls: Calls) -> Iterator[Mistake]:
    """Actions that cannot be done when their turn comes."""
    is_in = False
    for index, action in enumerate(kind.do):
        path = ("sessions", kind.name, "do", index)
        if action in ("login", "wrong_pin") and is_in:
            yield Mistake(path, f"{action} comes while the user is still logged in")
        if action == "logout" and not is_in:
            yield Mistake(path, "logout comes before a login")
        if action == "call" and not calls.number:
            yield Mistake(path, "call needs calls.number, the number to dial")
        is_in = action == "login" or (is_in and action != "logout")


def one_by_one(scenario: Scenario) -> Scenario:
    """The same scenario for one phone that does one session of each kind; whoever would stay logs out for the next."""
    phones = msgspec.structs.replace(scenario.phones, count=1)
    load = LoadShape(shape="closed", duration_s=ONCE_AT_MOST_S, arrivals=len(scenario.sessions))
    sessions = tuple(
        msgspec.structs.replace(kind, weight=1, do=kind.do + (("logout",) if _stays(kind) else ()))
        for kind in scenario.sessions
    )
    return msgspec.structs.replace(scenario, phones=phones, load=load, sessions=sessions)


def _stays(kind: SessionKind) -> bool:
    """Whether the user is still logged in at the end."""
    changes = [action for action in kind.do if action in ("login", "logout")]
    return bool(changes) and changes[-1] == "login"
