"""One virtual phone, as the person in front of it and the network behind it see it."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from emcc_emu.errors import SipInvalid, TransportError
from emcc_emu.net.http_client import HttpClient
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_flow import Address, Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.trace.recorder import Recorder
from emcc_emu.wire import remotecc, sip
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_files import EmccMiniConfig
from emcc_emu.wire.phone_objects import PhoneInput, PhoneMenu, PhoneObject, PhoneText
from phones.call import Call
from phones.calls import PHONE_ALLOW, PhoneCalls
from phones.downloads import FileServer
from phones.identity import PhoneIdentity, PhoneNames
from phones.life import Life, PhoneState
from phones.provisioning import NotProvisioned, SharedParts
from phones.registration import SipRegistration
from phones.screen import draw_screen, page_text
from phones.services import Browser
from phones.timing import DEFAULT_TIMING, PhoneTiming

__all__ = ["Phone", "PhoneState"]

EXTENSION_MOBILITY = "Extension Mobility"
"""Name of the service in the Services menu, unless the administrator has given it another one."""

HeaderLines = Sequence[tuple[str, str]]


class Phone:
    """One phone; use it as `async with`, which switches it on on entry and off on exit.

    Args:
        identity: Name, model, source address.
        file_servers: TFTP servers as DHCP option 150 would give them.
        rng: Source of everything random in the phone.
        recorder: Records packets when nobody else does; None records nothing.
        ssl_context: TLS settings for https service URLs.
        timing: How long it waits for what.
        parts: Keeps what many phones have in common; None for a phone alone.
    """

    __slots__ = (
        "_browser",
        "_calls",
        "_http",
        "_life",
        "_order",
        "_recorder",
        "_ssl_context",
        "_timing",
        "_waiting",
        "identity",
        "names",
    )

    def __init__(
        self,
        identity: PhoneIdentity,
        file_servers: Sequence[FileServer],
        *,
        rng: random.Random,
        recorder: Recorder | None = None,
        ssl_context: ssl.SSLContext | None = None,
        timing: PhoneTiming = DEFAULT_TIMING,
        parts: SharedParts | None = None,
    ) -> None:
        self.identity = identity
        self.names = PhoneNames(identity, rng)
        """Makes its identifiers."""
        self._recorder = recorder
        self._ssl_context = ssl_context
        self._timing = timing
        self._life = Life(
            identity, self.names, file_servers, self, self.notify, recorder=recorder, timing=timing, parts=parts
        )
        self._http: HttpClient | None = None
        self._browser: Browser | None = None
        self._calls: PhoneCalls | None = None
        self._order: remotecc.ServiceControl | None = None  # waits for the end of the calls
        self._waiting: list[asyncio.Future[None]] | None = None

    async def __aenter__(self) -> Self:
        self.power_on()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.power_off()

    # What a user or a test does with the phone.

    def power_on(self) -> None:
        """Switch the phone on: it fetches its files and registers, which `wait_registered` waits for."""
        self._life.power_on()

    async def power_off(self) -> None:
        """Unregister and let go of every socket."""
        self._order = None
        if self._calls is not None:
            self._calls.drop_all("switched off")
        await self._life.power_off()
        if self._http is not None:
            await self._http.close()
        if self._browser is not None:
            self._browser.leave()

    async def wait_until(self, condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
        """Wait until the condition holds; it is looked at whenever the phone changes.

        Raises:
            TransportError: It did not within the time.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                while not condition():
                    change = loop.create_future()
                    self._waiting = [*(self._waiting or ()), change]
                    await change
        except TimeoutError:
            why = f": {self.failure}" if self.failure else ""
            raise TransportError(f"{self.identity.name} is {self.state.value} after {timeout_s:g} s{why}") from None

    async def wait_registered(self, *, after: int = 0, timeout_s: float = 30.0) -> None:
        """Wait until the phone is registered, and has registered more than `after` times in all.

        Raises:
            TransportError: It is not within the time.
        """
        await self.wait_until(
            lambda: self.state is PhoneState.REGISTERED and self.registrations > after, timeout_s=timeout_s
        )

    async def press(self, key: str) -> None:
        """Press a hard key (`Services`) or a softkey of the page on the screen.

        Raises:
            NotProvisioned: Services, before the phone has its configuration.
            NoSuchKey: There is no such key.
        """
        if key.casefold() != "services":
            await self.browser.press(key)
        elif self.config is None:
            raise NotProvisioned(f"{self.identity.name} has no configuration yet")
        else:
            await self.browser.open_services(self.config, self.emcc)

    async def open_extension_mobility(self) -> None:
        """Press Services and choose Extension Mobility.

        Raises:
            NoSuchKey: The phone is not subscribed to it.
        """
        await self.press("Services")
        await self.browser.select(EXTENSION_MOBILITY)

    async def login(self, user_id: str, pin: str, profile: str = "") -> PhoneObject | None:
        """Log in by the service's own pages: fill its fields, submit, choose a profile when it asks.

        The order to restart may come before the page that says so; the page is returned all the same.

        Args:
            user_id: For the form's first field.
            pin: For its second field.
            profile: Entry of the profile menu, the first one when empty.

        Returns:
            The page that came last; `displayed_code` finds the number in it, if it was a refusal.
        """
        await self.open_extension_mobility()
        form = self.browser.last_page
        fields = form.items if isinstance(form, PhoneInput) else ()
        if len(fields) < 2:
            return form
        self.browser.type({fields[0].query_string_param: user_id, fields[1].query_string_param: pin})
        await self.browser.press("Submit")
        if isinstance(self.browser.page, PhoneMenu):
            await self.browser.select(profile or 1)
        return self.browser.last_page

    async def logout(self) -> PhoneObject | None:
        """Log out by the service's own pages; returns the page that came last."""
        await self.open_extension_mobility()
        if isinstance(self.browser.page, PhoneText) and (keys := self.browser.link_keys):
            await self.browser.press(keys[0])
        return self.browser.last_page

    async def dial(self, number: str) -> Call:
        """Call a number; returns as soon as the INVITE is on its way.

        Raises:
            TransportError: The phone is not registered.
        """
        registration = self._life.registration
        if self.registered_at is None or registration is None:
            raise TransportError(f"{self.identity.name} is not registered")
        return self.calls.dial(number, registration)

    # What it is like.

    @property
    def state(self) -> PhoneState:
        """Where it is in its life."""
        return self._life.state

    @property
    def failure(self) -> str:
        """Why it is not registered, when it is not."""
        return self._life.failure

    @property
    def config(self) -> DeviceConfig | None:
        """Its configuration, None before the first one came."""
        return self._life.config

    @property
    def emcc(self) -> EmccMiniConfig | None:
        """What put it into EMCC mode; None when it belongs to its own cluster."""
        return self._life.emcc

    @property
    def registration(self) -> SipRegistration | None:
        """Its registration, in force or being made."""
        return self._life.registration

    @property
    def registrations(self) -> int:
        """How often it has registered in full."""
        return self._life.registrations

    @property
    def registered_at(self) -> Address | None:
        """The node where it is registered, None when it is not."""
        return self._life.registered_at

    @property
    def directory_numbers(self) -> tuple[str, ...]:
        """Its lines, as configured now."""
        return tuple(line.name for line in self.config.lines) if self.config is not None else ()

    @property
    def endpoint(self) -> SipEndpoint:
        """Its SIP sockets.

        Raises:
            TransportError: It is switched off.
        """
        if self._life.endpoint is None:
            raise TransportError(f"{self.identity.name} is switched off")
        return self._life.endpoint

    @property
    def browser(self) -> Browser:
        """Its screen for services."""
        if self._browser is None:
            self._http = HttpClient(
                local_ip=self.identity.address,
                recorder=self._recorder,
                ssl_context=self._ssl_context,
                timeout_s=self._timing.page_timeout_s,
                keep_alive=False,
            )
            self._browser = Browser(self.identity, self._http, self._run_uri)
        return self._browser

    @property
    def calls(self) -> PhoneCalls:
        """Its calls."""
        if self._calls is None:
            self._calls = PhoneCalls(self)
        return self._calls

    @property
    def page_text(self) -> str:
        """What the page that came last says: its text, or its prompt."""
        return page_text(self._browser.last_page) if self._browser is not None else ""

    def draw(self) -> str:
        """The screen as text."""
        browser = self._browser
        labels = [line.label or line.name for line in self.config.lines] if self.config is not None else []
        status = [call.describe() for call in self._calls.all] if self._calls is not None else []
        if self.state is not PhoneState.REGISTERED:
            status.insert(0, f"({self.state.value}) {self.failure}".strip())
        return draw_screen(
            browser.page if browser is not None else None,
            heading=self.identity.name,
            lines=labels,
            status=status,
            typed=browser.typed if browser is not None else None,
            selected=browser.selected if browser is not None else 0,
        )

    def notify(self) -> None:
        """Wake whoever waits for a change of the phone, and carry out an order that waited for the end of a call."""
        if self._order is not None and not self.calls.all:
            order, self._order = self._order, None
            self._carry_out(order)
        waiting, self._waiting = self._waiting, None
        for change in waiting or ():
            if not change.done():
                change.set_result(None)

    def _run_uri(self, uri: str) -> None:
        """Run an internal URI of a page; what has nothing to do with calls changes nothing here."""
        scheme, _, rest = uri.partition(":")
        registration = self._life.registration
        if scheme == "Dial" and self.registered_at is not None and registration is not None:
            self.calls.dial(rest.partition(":")[0], registration)

    # What the network does with the phone: the endpoint's `SipHandler`.

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        """Answer a request of the call manager."""
        if request.method == "NOTIFY" and (request.get("Event") or "").lower() == "service-control":
            self._obey(transaction, request)
        elif (self._calls is not None or request.method == "INVITE") and self.calls.request_received(
            transaction, request, flow
        ):
            return
        elif request.method in ("OPTIONS", "NOTIFY"):
            self._answer(transaction, request, 200)
        elif request.method == "REFER":
            self._answer(transaction, request, 202)
        elif request.method == "SUBSCRIBE":
            self._answer(transaction, request, 489, [("Allow-Events", "dialog")])
        elif request.method in ("BYE", "UPDATE", "INFO", "PRACK", "INVITE"):
            self._answer(transaction, request, 481)
        else:
            self._answer(transaction, request, 405, [("Allow", PHONE_ALLOW)])

    def ack_received(
        self, endpoint: SipEndpoint, request: sip.SipRequest, flow: Flow, transaction: InviteServerTransaction | None
    ) -> None:
        """Somebody acknowledged a 2xx of ours."""
        if self._calls is not None:
            self._calls.ack_received(request)

    def cancel_received(
        self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: sip.SipRequest
    ) -> None:
        """Somebody gave up calling."""
        if self._calls is not None:
            self._calls.cancel_received(transaction)

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        """Nobody acknowledged our answer."""
        if self._calls is not None:
            self._calls.ack_missing(transaction)

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        """The node closed the connection, unless we did; the calls on it are gone too."""
        registration = self._life.registration
        if self._calls is not None and registration is not None and registration.flow == flow:
            self._calls.drop_all("the node closed the connection")
        self._life.connection_lost(flow)

    def _obey(self, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        """Answer a service-control order, then act on it; while a call is up, reset and restart wait for its end."""
        registration = self._life.registration
        try:
            order = remotecc.parse_service_control(request.body)
        except SipInvalid as error:
            self._answer(transaction, request, error.status)
            return
        if registration is None or order.register_call_id != registration.call_id:
            self._answer(transaction, request, 400)
            return
        self._answer(transaction, request, 200)
        if self._calls is not None and self._calls.all:
            self._order = order
        else:
            self._carry_out(order)

    def _carry_out(self, order: remotecc.ServiceControl) -> None:
        if order.action in ("restart", "reset") and self._browser is not None:
            self._browser.leave()
        self._life.obey(order)

    def _answer(
        self, transaction: ServerTransaction, request: sip.SipRequest, status: int, headers: HeaderLines = ()
    ) -> None:
        response = sip.build_response(request, status, to_tag=transaction.local_tag, headers=headers)
        self.endpoint.respond(transaction, response)
