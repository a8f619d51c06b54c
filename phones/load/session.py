"""What one person does at one phone, and what it counts as."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from emcc_emu.errors import EmccEmuError, TransportError
from phones.calls import CallState
from phones.load.measure import Measurement
from phones.phone import Phone, PhoneState
from phones.scenario import Action, Retry, Scenario, SessionKind, User
from phones.services import displayed_code

__all__ = ["Desk", "Session"]

WRONG_PIN_SUFFIX = "0"
"""Typed after the right PIN to make it wrong."""


class Desk(Protocol):
    """What a session needs of the load that it belongs to."""

    scenario: Scenario

    @property
    def measured(self) -> Measurement:
        """Where to count."""

    def now_s(self) -> float:
        """Seconds since the start of the load."""

    def random(self) -> float:
        """A random number from 0 to 1."""

    def exponential(self, mean_s: float) -> float:
        """An exponentially distributed time."""

    @property
    def is_stopping(self) -> bool:
        """Whether nobody should try again."""

    def signed_in(self, phone: Phone, user: User | None) -> None:
        """Somebody has logged in, or out when `user` is None."""

    def called_emergency(self, phone: Phone) -> None:
        """An emergency call has been answered."""

    def violated(self, phone: Phone, what: str) -> None:
        """Something happened that never should."""

    def tell(self, phone: Phone, text: str) -> None:
        """Say what is going on, when somebody listens."""


class Session:
    """One person at one phone.

    Args:
        desk: The load.
        phone: The phone.
        user: Who it is.
        kind: What is done.
        due_s: When it should have begun, seconds since the start of the load.
    """

    def __init__(self, desk: Desk, phone: Phone, user: User, kind: SessionKind, due_s: float) -> None:
        self._desk = desk
        self.phone = phone
        self.user = user
        self.kind = kind
        self._due_s = due_s
        self.is_in = False
        """Whether the user is logged in on the phone."""

    async def run(self) -> None:
        """Do everything in order, until something does not come right."""
        for action in self.kind.do:
            if not await self._act(action):
                return
            self._due_s = self._desk.now_s()

    async def _act(self, action: Action) -> bool:
        match action:
            case "login":
                return await self._log_in()
            case "wrong_pin":
                return await self._mistype()
            case "think":
                await self._think()
                return True
            case "logout":
                return await self.log_out(self._due_s)
            case "call":
                return await self._call(action, self._desk.scenario.calls.number)
            case "emergency_call":
                return await self._call(action, self._desk.scenario.calls.emergency_number)

    async def _think(self) -> None:
        think = self._desk.scenario.think
        await asyncio.sleep(think.mean_s if think.kind == "fixed" else self._desk.exponential(think.mean_s))

    async def _log_in(self) -> bool:
        async def submit() -> None:
            await self.phone.login(self.user.user_id, self.user.pin)

        if not await self._try("login", submit, self._due_s):
            return False
        self.is_in = True
        self._desk.signed_in(self.phone, self.user)
        return True

    async def log_out(self, due_s: float) -> bool:
        """Log out, trying again while the phone says that it is busy; returns whether it came right."""

        async def submit() -> None:
            await self.phone.logout()

        if not await self._try("logout", submit, due_s):
            return False
        self.is_in = False
        self._desk.signed_in(self.phone, None)
        return True

    async def _try(self, operation: str, submit: Callable[[], Awaitable[None]], due_s: float) -> bool:
        """Submit until it comes right, is refused for good, or the tries are used up."""
        retry = self._desk.scenario.retry
        code: int | None = None
        for number in range(1, retry.tries + 1):
            code, is_ok = await self._submit(operation, submit, due_s)
            if is_ok:
                return True
            if code not in retry.codes or self._desk.is_stopping or number == retry.tries:
                break
            await asyncio.sleep(self._pause_s(retry, number))
        is_as_expected = operation == "wrong_pin" and code is not None and code not in retry.codes
        self._desk.measured.operations[operation].failed += not is_as_expected
        return False

    def _pause_s(self, retry: Retry, number: int) -> float:
        """The pause after a try: doubled each time, and spread, so that phones do not come back in step."""
        whole_s = min(retry.longest_s, retry.first_s * 2.0 ** min(30, number - 1))
        return whole_s * (0.5 + self._desk.random() / 2)

    async def _submit(
        self, operation: str, submit: Callable[[], Awaitable[None]], due_s: float
    ) -> tuple[int | None, bool]:
        """One submission: the code that the phone displays, if any, and whether it registered anew."""
        desk, phone = self._desk, self.phone
        before = phone.registrations
        desk.measured.attempted(operation, desk.now_s())
        code: int | None = None
        latency_s: float | None = None
        try:
            async with asyncio.timeout(desk.scenario.patience_s):
                await submit()
                code = displayed_code(phone.browser.last_page)
                if code is None:
                    await phone.wait_registered(after=before, timeout_s=desk.scenario.patience_s)
                    latency_s = desk.now_s() - due_s
        except (EmccEmuError, TimeoutError) as error:
            desk.tell(phone, f"{operation}: {error or 'no answer'}")
        finally:
            desk.measured.ended(operation, desk.now_s(), code=code, latency_s=latency_s)
        if phone.page_text:
            desk.measured.displayed(" ".join(phone.page_text.split()))
        desk.tell(phone, f"{operation}: {phone.page_text!r}, {phone.state.value} {' '.join(phone.directory_numbers)}")
        if code is not None and phone.registrations != before:
            desk.violated(phone, f"{operation} was refused with {code}, and yet the phone registered anew")
        return code, latency_s is not None

    async def _mistype(self) -> bool:
        """Log in with a wrong PIN, which has to be refused."""

        async def submit() -> None:
            await self.phone.login(self.user.user_id, self.user.pin + WRONG_PIN_SUFFIX)

        if await self._try("wrong_pin", submit, self._due_s):
            self._desk.violated(self.phone, f"{self.user.user_id} logged in with a wrong PIN")
            return False
        return True

    async def _call(self, operation: Action, number: str) -> bool:
        """Call somebody, talk, hang up."""
        desk, phone = self._desk, self.phone
        desk.measured.attempted(operation, desk.now_s())
        status: int | None = None
        try:
            call = await phone.dial(number)
            try:
                await phone.wait_until(
                    lambda: call.state in (CallState.CONNECTED, CallState.ENDED), timeout_s=desk.scenario.patience_s
                )
                latency_s = desk.now_s() - self._due_s
                is_answered = call.state is CallState.CONNECTED
                status = None if is_answered else call.status or None
                if is_answered:
                    await asyncio.sleep(desk.scenario.calls.talk_s)
            finally:
                await phone.calls.hang_up(call)
        except EmccEmuError as error:
            is_answered, latency_s = False, 0.0
            desk.tell(phone, f"{operation}: {error}")
        desk.measured.ended(operation, desk.now_s(), code=status, latency_s=latency_s if is_answered else None)
        desk.tell(phone, f"{operation} {number}: {'answered' if is_answered else status or 'no answer'}")
        if not is_answered:
            desk.measured.operations[operation].failed += 1
        elif operation == "emergency_call":
            desk.called_emergency(phone)
        return True

    async def wait_ready(self) -> bool:
        """Wait until the phone is registered, as a person waits until the screen is back; returns whether it is."""
        if self.phone.state is PhoneState.REGISTERED:
            return True
        try:
            await self.phone.wait_registered(timeout_s=self._desk.scenario.patience_s)
        except TransportError:
            return False
        return True
