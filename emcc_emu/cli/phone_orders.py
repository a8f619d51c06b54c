"""What a virtual phone can be told in words, by `emcc-emu phone`."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Awaitable, Callable

import click

from emcc_emu.errors import EmccEmuError, InputError, TransportError
from emcc_emu.wire.phone_objects import PhoneInput, PhoneObject
from phones.call import CallState
from phones.phone import Phone
from phones.services import displayed_code

__all__ = ["ORDERS_HELP", "OrderFailed", "Orders", "check_order"]

USAGE = {
    "login": "login USER [PIN]",
    "logout": "logout",
    "dial": "dial NUMBER",
    "answer": "answer",
    "hangup": "hangup",
    "screen": "screen",
    "press": "press KEY",
    "select": "select ENTRY",
    "wait": "wait registered",
    "quit": "quit",
}
"""How each order is written."""

ORDERS_HELP = ", ".join(USAGE.values())

ReadPin = Callable[[], Awaitable[str]]


class OrderFailed(EmccEmuError):
    """An order was understood and could not be carried out."""


def check_order(order: str) -> list[str]:
    """The words of an order, the verb in lower case.

    Raises:
        InputError: There is no such order, or it has too few or too many words.
    """
    try:
        verb, *words = shlex.split(order) or [""]
    except ValueError as error:
        raise InputError(f"order {order!r}: {error}") from None
    verb = "quit" if verb.lower() == "exit" else verb.lower()
    usage = USAGE.get(verb)
    if usage is None:
        nearest = difflib.get_close_matches(verb, USAGE, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else f"there are {ORDERS_HELP}"
        raise InputError(f"no such order: {verb!r}; {hint}")
    most = len(usage.split()) - 1
    least = most - usage.count("[")
    is_free_text = verb in ("press", "select")
    if len(words) < least or (len(words) > most and not is_free_text) or (verb == "wait" and words != ["registered"]):
        raise InputError(f"order {order!r}: write it as: {usage}")
    return [verb, *words]


class Orders:
    """Obeys the orders of one phone.

    Args:
        phone: The phone.
        read_pin: Gives the PIN when an order has none.
        timeout_s: Longest wait for any one thing.
    """

    def __init__(self, phone: Phone, read_pin: ReadPin, timeout_s: float) -> None:
        self._phone = phone
        self._read_pin = read_pin
        self._timeout_s = timeout_s
        self._actions: dict[str, Callable[..., Awaitable[None]]] = {
            "login": self._login,
            "logout": self._logout,
            "dial": self._dial,
            "answer": self._answer,
            "hangup": self._hangup,
            "screen": self._screen,
            "press": self._press,
            "select": self._select,
            "wait": self._wait,
        }

    async def obey(self, order: str) -> None:
        """Do one order, and say on standard output what came of it.

        Raises:
            InputError: There is no such order, or its words are wrong.
            EmccEmuError: It could not be done.
        """
        verb, *words = check_order(order)
        await self._actions[verb](*words)

    async def _login(self, user_id: str, pin: str | None = None) -> None:
        await self._registered()
        typed = await self._read_pin() if pin is None else pin
        before = self._phone.registrations
        await self._settled("login", await self._phone.login(user_id, typed), before)

    async def _logout(self) -> None:
        await self._registered()
        before = self._phone.registrations
        page = await self._phone.logout()
        if isinstance(page, PhoneInput):
            raise OrderFailed("logout failed: nobody is logged in on this phone")
        await self._settled("logout", page, before)

    async def _settled(self, what: str, page: PhoneObject | None, before: int) -> None:
        """Wait until the phone has come back from its restart; a page with a number in it is a refusal."""
        if displayed_code(page) is not None or isinstance(page, PhoneInput):
            raise OrderFailed(f"{what} failed: {self._phone.page_text}\n{self._phone.draw()}")
        try:
            await self._phone.wait_registered(after=before, timeout_s=self._timeout_s)
        except TransportError as error:
            raise OrderFailed(f"{what} failed: {self._phone.page_text or 'no page came'}; {error}") from None
        click.echo(f"{what} ok: {self._whereabouts()}")

    def _whereabouts(self) -> str:
        node = self._phone.registered_at
        where = f"{node[0]}:{node[1]}" if node is not None else "nowhere"
        return f"{self._phone.identity.name} has {', '.join(self._phone.directory_numbers)} at {where}"

    async def _dial(self, number: str) -> None:
        await self._registered()
        call = await self._phone.dial(number)
        await self._phone.wait_until(lambda: call.state in (CallState.CONNECTED, CallState.ENDED), self._timeout_s)
        if call.state is CallState.ENDED:
            raise OrderFailed(f"call to {number} failed: {call.end_reason}")
        click.echo(call.describe())

    async def _answer(self) -> None:
        calls = self._phone.calls
        await self._phone.wait_until(lambda: calls.ringing is not None, self._timeout_s)
        call = calls.ringing
        assert call is not None  # just waited for
        calls.answer(call)
        await self._phone.wait_until(lambda: bool(call.codec) or call.state is CallState.ENDED, self._timeout_s)
        if call.state is CallState.ENDED:
            raise OrderFailed(f"call from {call.number} failed: {call.end_reason}")
        click.echo(call.describe())

    async def _hangup(self) -> None:
        calls = list(self._phone.calls.all)
        if not calls:
            raise OrderFailed("hangup failed: there is no call")
        await self._phone.calls.hang_up_all()
        for call in calls:
            click.echo(call.describe())

    async def _screen(self) -> None:
        click.echo(self._phone.draw())

    async def _press(self, *key: str) -> None:
        await self._registered()
        await self._phone.press(" ".join(key))
        click.echo(self._phone.draw())

    async def _select(self, *entry: str) -> None:
        await self._phone.browser.select(" ".join(entry))
        click.echo(self._phone.draw())

    async def _wait(self, _: str) -> None:
        await self._registered()
        click.echo(f"registered: {self._whereabouts()}")

    async def _registered(self) -> None:
        await self._phone.wait_registered(timeout_s=self._timeout_s)
