"""The Services button: a phone's XML browser, which knows pages and keys but no URL of its own.

It opens what the configuration subscribed the phone to, shows the object that comes back, fills in the page's own
fields and follows the page's own submit URL, menu entries and softkeys (IP Phone Services Application Development
Notes).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

from emcc_emu.errors import EmccEmuError, TransportError, XmlInvalid
from emcc_emu.net.http_client import HttpClient, HttpReply
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_objects import (
    MenuItem,
    PhoneExecute,
    PhoneInput,
    PhoneMenu,
    PhoneObject,
    PhonePage,
    PhoneText,
    SoftKeyItem,
)
from emcc_emu.wire.phone_uri import append_query, expand_tokens, is_fetched, submit_url
from emcc_emu.wire.phone_xml import parse_phone_object
from phones.identity import PhoneIdentity
from phones.screen import default_soft_keys

__all__ = ["Browser", "NoSuchKey", "displayed_code"]

MAX_COOKIES_PER_HOST = 4
MAX_COOKIE_BYTES = 255
MAX_STACK = 20
HTTP_OK = 200

_CODE = re.compile(r"\((\d{1,3})\)\s*$")


class NoSuchKey(EmccEmuError):
    """The page on the screen has no such key, entry or field."""


def displayed_code(page: PhoneObject | None) -> int | None:
    """The number in parentheses that ends a page's text or prompt: the code that a user would report."""
    if not isinstance(page, PhonePage):
        return None
    shown = page.text if isinstance(page, PhoneText) else page.prompt or ""
    found = _CODE.search(shown.strip())
    return int(found.group(1)) if found else None


@dataclasses.dataclass(slots=True)
class Browser:
    """One phone's screen for services: the page that shows, what is typed, and the pages below.

    Args:
        identity: The phone.
        http: Its HTTP client.
        on_uri: Told of every internal URI that a page runs (`Init:CallHistory`, `Dial:2001`, ...).
    """

    identity: PhoneIdentity
    http: HttpClient
    on_uri: Callable[[str], None] = lambda uri: None
    page: PhoneObject | None = None
    """What is on the screen; None shows the idle screen."""
    typed: dict[str, str] = dataclasses.field(default_factory=dict)
    """Values of the form on the screen, by parameter name."""
    selected: int = 0
    _stack: list[PhoneObject] = dataclasses.field(default_factory=list)
    _cookies: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)
    _url: str = ""
    _is_kept: bool = False
    """Whether the page on the screen may be returned to."""
    _language: str = "en"

    async def open_services(self, config: DeviceConfig) -> None:
        """Press the Services button: the phone's own list, the server's, or both."""
        self.close()
        self._language = config.user_locale.language_code.partition("_")[0]
        items = [
            MenuItem(
                service.name,
                expand_tokens(
                    service.url,
                    device_name=self.identity.name,
                    is_emcc_capable=self.identity.model.supports_emcc,
                ),
            )
            for service in config.phone_services
            if service.type == 0
        ]
        if config.service_provisioning:
            button = [("locale", config.network_locale), ("name", self.identity.name)]
            await self.open(append_query(config.urls.services, button))
            if isinstance(self.page, PhoneMenu):
                items = items + list(self.page.items) if config.service_provisioning == 2 else list(self.page.items)
        if not items:
            self._show(PhoneText(title="Services", text="No services configured"))
        else:
            self._show(PhoneMenu(title="Services", items=tuple(items)))

    async def open(self, url: str) -> None:
        """Fetch a page and show it, or run it when it is an Execute."""
        self._url = url
        try:
            reply = await self.http.request("GET", url, headers=self._headers(url))
        except TransportError:
            self._show(PhoneText(title="Services", text="HTTP Error[10]"))
            return
        self._keep_cookies(url, reply)
        await self._take(reply)

    async def select(self, choice: str | int) -> None:
        """Choose a menu entry by its name or its number from 1.

        Raises:
            NoSuchKey: there is no such entry.
        """
        items: Sequence[MenuItem] = self.page.items if isinstance(self.page, PhoneMenu) else ()
        for number, item in enumerate(items, start=1):
            if choice == number or str(choice).casefold() in (item.name.casefold(), str(number)):
                self.selected = number - 1
                await self._follow(item.url)
                return
        raise NoSuchKey(f"no entry {choice!r} here; there are {', '.join(item.name for item in items) or 'none'}")

    def type(self, values: Mapping[str, str]) -> None:
        """Type into fields of the form, by parameter name.

        Raises:
            NoSuchKey: the page has no such field.
        """
        fields = {item.query_string_param for item in self.page.items} if isinstance(self.page, PhoneInput) else set()
        for name, value in values.items():
            if name not in fields:
                raise NoSuchKey(f"no field {name!r} here; there are {', '.join(sorted(fields)) or 'none'}")
            self.typed[name] = value

    async def press(self, key: str) -> None:
        """Press a softkey of the page by its label.

        Raises:
            NoSuchKey: the page has no such key.
        """
        for soft_key in self._soft_keys():
            if soft_key.name.casefold() == key.casefold():
                await self._follow(soft_key.url)
                return
        names = ", ".join(soft_key.name for soft_key in self._soft_keys())
        raise NoSuchKey(f"no key {key!r} here; there are {names or 'none'}")

    def close(self) -> None:
        """Leave services; the idle screen shows."""
        self._stack.clear()
        self._is_kept = False
        self.page = None
        self.typed = {}

    def _soft_keys(self) -> Sequence[SoftKeyItem]:
        """The page's softkeys, or those that the phone supplies."""
        if self.page is None:
            return ()
        if isinstance(self.page, PhonePage) and self.page.soft_keys:
            return self.page.soft_keys
        names = default_soft_keys(self.page)
        return [SoftKeyItem(name, f"SoftKey:{name}", position) for position, name in enumerate(names, start=1)]

    async def _follow(self, url: str) -> None:
        """Do what a key or entry says."""
        if is_fetched(url):
            await self.open(url)
        elif url == "SoftKey:Submit" and isinstance(self.page, PhoneInput):
            await self.open(submit_url(self.page, self.typed))
        elif url == "SoftKey:Select" and isinstance(self.page, PhoneMenu) and self.page.items:
            await self._follow(self.page.items[self.selected].url)
        elif url == "SoftKey:Update":
            await self.open(self._url)
        elif url in ("SoftKey:Exit", "SoftKey:Cancel", "SoftKey:Back"):
            self.page = self._stack.pop() if self._stack else None
            self.typed = {}
        elif url == "Init:Services":
            self.close()
        else:
            self.on_uri(url)

    async def _take(self, reply: HttpReply) -> None:
        """Show what the server sent."""
        if reply.status != HTTP_OK:
            text = "File Not Found" if reply.status == 404 else f"HTTP Error[{reply.status}]"
            self._show(PhoneText(title="Services", text=text))
            return
        try:
            page = parse_phone_object(reply.body)
        except XmlInvalid:
            self._show(PhoneText(title="Services", text="XML Error[4]: XML parser error"))
            return
        if isinstance(page, PhoneExecute):
            await self._run(page)
        else:
            self._show(page, is_kept=not _has_expired(reply))

    async def _run(self, execute: PhoneExecute) -> None:
        """Run an Execute that came as a page: internal URIs at once, then its one URL."""
        for item in execute.items:
            await self._follow(item.url)

    def _show(self, page: PhoneObject, *, is_kept: bool = True) -> None:
        """Put a page on the screen; one that has expired when it comes will not be returned to."""
        if self.page is not None and self._is_kept and len(self._stack) < MAX_STACK:
            self._stack.append(self.page)
        self._is_kept = is_kept
        self.page = page
        self.typed = {}
        self.selected = 0

    def _headers(self, url: str) -> list[tuple[str, str]]:
        model = self.identity.model
        headers = [
            ("User-Agent", "Allegro-Software-WebClient/4.34"),
            ("Accept", "x-CiscoIPPhone/*, text/*,image/png,*/*"),
            ("Accept-Language", self._language),
            ("Accept-Charset", "utf-8,iso-8859-1;q=0.8"),
            ("x-CiscoIPPhoneModelName", f"CP-{model.name}"),
            ("x-CiscoIPPhoneSDKVersion", "8.5.1"),
            ("x-CiscoIPPhoneDisplay", model.display),
        ]
        if cookies := self._cookies.get(_host(url)):
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        return headers

    def _keep_cookies(self, url: str, reply: HttpReply) -> None:
        """Phones keep up to four cookies a host, 255 octets each."""
        for name, value in reply.headers:
            if name.lower() != "set-cookie":
                continue
            pair = value.partition(";")[0].strip()
            cookies = self._cookies.setdefault(_host(url), {})
            key, sign, content = pair.partition("=")
            if sign and len(pair) <= MAX_COOKIE_BYTES and (key in cookies or len(cookies) < MAX_COOKIES_PER_HOST):
                cookies[key] = content


def _host(url: str) -> str:
    return url.split("/", 3)[2]


def _has_expired(reply: HttpReply) -> bool:
    """Whether the page asks not to be returned to: an Expires in the past, as a date or as -1."""
    return any(name.lower() == "expires" for name, _ in reply.headers)
