"""Many phones in one process: switch them on, log users in and out, count what came of it, with bounded concurrency."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from emcc_emu.errors import EmccEmuError
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire.phone_objects import PhoneObject
from phones.downloads import FileServer
from phones.identity import PhoneIdentity
from phones.phone import Phone
from phones.provisioning import SharedParts
from phones.services import displayed_code
from phones.timing import DEFAULT_TIMING, PhoneTiming

__all__ = ["DEFAULT_CONCURRENCY", "Fleet", "Tally", "UserLogin"]

DEFAULT_CONCURRENCY = 64
"""How many phones of a fleet do something at the same time, unless the caller says otherwise."""


@dataclass(frozen=True, slots=True)
class UserLogin:
    """What a user types."""

    user_id: str
    pin: str = field(repr=False)
    profile: str = ""
    """Entry of the profile menu; the first one when empty."""


@dataclass(slots=True)
class Tally:
    """What came of one thing that a fleet did; `attempted` is the sum of all the others."""

    attempted: int = 0
    ok: int = 0
    by_code: dict[int, int] = field(default_factory=dict)
    """Refusals by the number that the phone displayed."""
    no_answer: int = 0
    """Neither done nor refused: no page, a page without a number, or no registration afterwards."""
    latencies_s: list[float] = field(default_factory=list)
    """Of those that are `ok`: from the first key pressed to the phone's registration."""
    max_in_flight: int = 0
    """Most phones that were at it at the same time."""
    duration_s: float = 0.0

    @property
    def rate_per_s(self) -> float:
        """Successes per second."""
        return self.ok / self.duration_s if self.duration_s else 0.0

    def percentile_s(self, share: float) -> float:
        """The latency that this share (0 to 1) of the successes did not exceed; 0 when there are none."""
        if not self.latencies_s:
            return 0.0
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def refuse(self, code: int) -> None:
        """Count a refusal."""
        self.by_code[code] = self.by_code.get(code, 0) + 1


class Fleet:
    """Phones that boot from the same servers. Use it as `async with fleet.switched_on()`.

    Args:
        identities: Who they are.
        file_servers: TFTP servers as DHCP option 150 would give them.
        rng: Source of everything random in all of them.
        recorder: Records packets when nobody else does.
        ssl_context: TLS settings for https service URLs.
        timing: How long a phone waits for what.
    """

    def __init__(
        self,
        identities: Iterable[PhoneIdentity],
        file_servers: Sequence[FileServer],
        *,
        rng: random.Random,
        recorder: Recorder | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timing: PhoneTiming = DEFAULT_TIMING,
    ) -> None:
        servers, parts = tuple(file_servers), SharedParts()
        self.phones = [
            Phone(identity, servers, rng=rng, recorder=recorder, ssl_context=ssl_context, timing=timing, parts=parts)
            for identity in identities
        ]

    @asynccontextmanager
    async def switched_on(
        self, *, concurrency: int = DEFAULT_CONCURRENCY, timeout_s: float = 60.0
    ) -> AsyncIterator[Tally]:
        """Boot all phones, and at the end unregister them; yields what came of the boots."""
        try:
            yield await self.power_on(concurrency=concurrency, timeout_s=timeout_s)
        finally:
            await self.power_off(concurrency=concurrency)

    async def power_on(self, *, concurrency: int = DEFAULT_CONCURRENCY, timeout_s: float = 60.0) -> Tally:
        """Boot all phones, `concurrency` at a time, each given `timeout_s` to register."""

        async def boot(phone: Phone) -> PhoneObject | None:
            phone.power_on()
            return None

        return await _at_most(concurrency, self.phones, lambda phone, tally: _do(phone, boot, timeout_s, tally))

    async def log_in(
        self, users: Sequence[UserLogin], *, concurrency: int = DEFAULT_CONCURRENCY, timeout_s: float = 60.0
    ) -> Tally:
        """Log a user in on each phone, the first on the first, until either runs out."""
        typed = dict(zip(self.phones, users, strict=False))

        async def log_in(phone: Phone) -> PhoneObject | None:
            user = typed[phone]
            return await phone.login(user.user_id, user.pin, user.profile)

        return await _at_most(concurrency, list(typed), lambda phone, tally: _do(phone, log_in, timeout_s, tally))

    async def log_out(
        self, *, count: int | None = None, concurrency: int = DEFAULT_CONCURRENCY, timeout_s: float = 60.0
    ) -> Tally:
        """Log out on the first `count` phones, or on all."""
        return await _at_most(
            concurrency, self.phones[:count], lambda phone, tally: _do(phone, Phone.logout, timeout_s, tally)
        )

    async def power_off(self, *, concurrency: int = DEFAULT_CONCURRENCY) -> None:
        """Unregister all phones."""

        async def switch_off(phone: Phone, _: Tally) -> None:
            await phone.power_off()

        await _at_most(concurrency, self.phones, switch_off)


async def _do(
    phone: Phone, action: Callable[[Phone], Awaitable[PhoneObject | None]], timeout_s: float, tally: Tally
) -> None:
    """Let one phone do something that ends with its registration, and count what came of it."""
    loop = asyncio.get_running_loop()
    began_at, before = loop.time(), phone.registrations
    try:
        code = displayed_code(await action(phone))
        if code is not None:
            tally.refuse(code)
            return
        await phone.wait_registered(after=before, timeout_s=timeout_s)
    except EmccEmuError:
        tally.no_answer += 1
        return
    tally.ok += 1
    tally.latencies_s.append(loop.time() - began_at)


async def _at_most(concurrency: int, phones: Sequence[Phone], work: Callable[[Phone, Tally], Awaitable[None]]) -> Tally:
    """Do it on all phones, so many at a time; returns the count."""
    tally, waiting = Tally(), iter(phones)
    in_flight = 0
    loop = asyncio.get_running_loop()
    began_at = loop.time()

    async def take_turns() -> None:
        nonlocal in_flight
        for phone in waiting:
            in_flight += 1
            tally.attempted += 1
            tally.max_in_flight = max(tally.max_in_flight, in_flight)
            await work(phone, tally)
            in_flight -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(phones))):
            group.create_task(take_turns())
    tally.duration_s = loop.time() - began_at
    return tally
