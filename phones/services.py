"""The Services button: a phone's XML browser, which knows pages and keys but no URL of its own.

It opens what the configuration subscribed the phone to, shows the object that comes back, fills in the page's own
fields and follows the page's own submit URL, menu entries and softkeys (IP Phone Services Application Development
Notes).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import urlencode, urljoin, urlsplit

from emcc_emu.errors import EmccEmuError, TransportError, XmlInvalid
from emcc_emu.net.http_client import HttpClient, HttpReply
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_files import EmccMiniConfig
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
from emcc_emu.wire.phone_uri import append_query, append_query_string_param, expand_tokens, is_fetched, submit_url
from emcc_emu.wire.phone_xml import parse_phone_object
from phones.identity import PhoneIdentity
from phones.screen import default_soft_keys, page_text

__all__ = ["Browser", "NoSuchKey", "displayed_code"]

MAX_COOKIES_PER_HOST = 4
MAX_COOKIE_BYTES = 255
MAX_COOKIE_HOSTS = 8
MAX_STACK = 20
MAX_REDIRECTS = 3
MAX_EXECUTE_DEPTH = 4
"""Execute pages in a row that a phone runs: a page may name another one, but not for ever."""

HTTP_OK = 200
REDIRECTS = (301, 302, 303, 307, 308)

EXTENSION_MOBILITY_PATH = "/emapp/"
"""Path of the service that a phone in EMCC mode asks of the cluster where it stands, whatever home's file says."""

_CODE = re.compile(r"\((\d{1,3})\)\s*$")


class NoSuchKey(EmccEmuError):
    """The page on the screen has no such key, entry or field."""


def displayed_code(page: PhoneObject | None) -> int | None:
    """The number in parentheses that ends a page's text or prompt: the code that a user would report."""
    found = _CODE.search(page_text(page).strip())
    return int(found.group(1)) if found else None


class Browser:
    """One phone's screen for services: the page that shows, what is typed, and the pages below.

    Args:
        identity: The phone.
        http: Its HTTP client.
        on_uri: Told of every internal URI that a page runs (`Init:CallHistory`, `Dial:2001`, ...).
    """

    __slots__ = (
        "_cookies",
        "_http",
        "_identity",
        "_is_away",
        "_is_kept",
        "_language",
        "_on_uri",
        "_stack",
        "_url",
        "last_page",
        "page",
        "selected",
        "typed",
    )

    def __init__(self, identity: PhoneIdentity, http: HttpClient, on_uri: Callable[[str], None]) -> None:
        self._identity = identity
        self._http = http
        self._on_uri = on_uri
        self._stack: list[PhoneObject] = []
        self._cookies: dict[str, dict[str, str]] = {}
        self._url = ""
        self._language = "en"
        self._is_kept = False  # whether the page on the screen may be returned to
        self._is_away = False  # whether the phone left services, perhaps while a page was being fetched
        self.page: PhoneObject | None = None
        """What is on the screen; None shows the idle screen."""
        self.last_page: PhoneObject | None = None
        """The page that came last, even when it came too late for the screen because the phone restarted."""
        self.typed: dict[str, str] = {}
        """Values of the form on the screen, by parameter name."""
        self.selected = 0
        """Index of the highlighted entry of a menu."""

    async def open_services(self, config: DeviceConfig, emcc: EmccMiniConfig | None = None) -> None:
        """Press the Services button: the phone's own list, the server's, or both.

        Args:
            config: Names the services.
            emcc: In EMCC mode, where Extension Mobility is to be asked.
        """
        self.leave()
        self._is_away = False
        self._language = config.user_locale.language_code.partition("_")[0] or "en"
        items = [MenuItem(service.name, service.url) for service in config.phone_services if service.type == 0]
        if config.service_provisioning == 1:
            items = []
        if config.service_provisioning:
            button = [("locale", config.network_locale), ("name", self._identity.name)]
            await self.open(append_query(config.urls.services, button))
            if not isinstance(self.page, PhoneMenu):
                return
            items += self.page.items
        if not items:
            self._show(PhoneText(title="Services", text="No services configured"))
            return
        self.page = None
        self._show(PhoneMenu(title="Services", items=tuple(MenuItem(i.name, self._fill(i.url, emcc)) for i in items)))

    def _fill(self, url: str, emcc: EmccMiniConfig | None) -> str:
        """Replace the tokens of a service URL, and send Extension Mobility to the cluster where the phone stands."""
        identity = self._identity
        url = expand_tokens(url, device_name=identity.name, is_emcc_capable=identity.model.supports_emcc)
        parts = urlsplit(url)
        if emcc is None or not parts.path.startswith(EXTENSION_MOBILITY_PATH):
            return url
        return f"http://{emcc.visiting_em_address}:{emcc.visiting_em_port}{parts.path}?{parts.query}"

    async def open(self, url: str, *, body: bytes = b"") -> None:
        """Fetch a page and show it, or run it when it is an Execute.

        Args:
            url: http or https.
            body: Posted when given; else the page is got.
        """
        await self._open(url, body, MAX_EXECUTE_DEPTH)

    async def _open(self, url: str, body: bytes, depth: int) -> None:
        for _ in range(1 + MAX_REDIRECTS):
            self._url = url
            try:
                reply = await self._http.request(
                    "POST" if body else "GET", url, headers=self._headers(url, body), body=body
                )
            except TransportError:
                self._show_text("HTTP Error[10]")
                return
            self._keep_cookies(url, reply)
            location = reply.get("Location")
            if reply.status not in REDIRECTS or not location:
                await self._take(reply, depth)
                return
            url, body = urljoin(url, location), b""
        self._show_text("HTTP Error[8]")

    async def select(self, choice: str | int) -> None:
        """Choose a menu entry by its name or its number from 1.

        Raises:
            NoSuchKey: There is no such entry.
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
            NoSuchKey: The page has no such field.
        """
        fields = {item.query_string_param for item in self.page.items} if isinstance(self.page, PhoneInput) else set()
        for name, value in values.items():
            if name not in fields:
                raise NoSuchKey(f"no field {name!r} here; there are {', '.join(sorted(fields)) or 'none'}")
            self.typed[name] = value

    @property
    def link_keys(self) -> list[str]:
        """Labels of the page's softkeys that lead to another page, such as Yes in whatever language."""
        return [soft_key.name for soft_key in self._soft_keys() if is_fetched(soft_key.url)]

    async def press(self, key: str) -> None:
        """Press a softkey of the page by its label, or by what the phone itself does for it (`Submit`, `Exit`).

        Raises:
            NoSuchKey: The page has no such key.
        """
        for soft_key in self._soft_keys():
            if key.casefold() in (soft_key.name.casefold(), soft_key.url.casefold().removeprefix("softkey:")):
                await self._follow(soft_key.url)
                return
        names = ", ".join(soft_key.name for soft_key in self._soft_keys())
        raise NoSuchKey(f"no key {key!r} here; there are {names or 'none'}")

    def leave(self) -> None:
        """Leave services: the idle screen shows. A page that is still being fetched will not come up any more."""
        self._is_away = True
        self._stack.clear()
        self._is_kept = False
        self.page = None
        self.typed = {}
        self.selected = 0

    def _soft_keys(self) -> Sequence[SoftKeyItem]:
        """The page's softkeys, or those that the phone supplies."""
        if self.page is None:
            return ()
        if isinstance(self.page, PhonePage) and self.page.soft_keys:
            return self.page.soft_keys
        names = default_soft_keys(self.page)
        return [SoftKeyItem(name, f"SoftKey:{name}", position) for position, name in enumerate(names, start=1)]

    async def _follow(self, url: str, depth: int = MAX_EXECUTE_DEPTH) -> None:
        """Do what a key, an entry or an Execute says."""
        if is_fetched(url):
            await self._open(url, b"", depth)
        elif url.startswith("QueryStringParam:"):
            if isinstance(self.page, PhoneMenu) and self.page.items:
                await self._follow(append_query_string_param(self.page.items[self.selected].url, url), depth)
        elif url.startswith("SoftKey:"):
            await self._press_native(url.removeprefix("SoftKey:"))
        elif url == "Init:Services":
            self._stack.clear()
            self._is_kept = False
        else:
            self._on_uri(url)

    async def _press_native(self, action: str) -> None:
        """Do what the phone itself does for a softkey action."""
        page = self.page
        if action == "Submit" and isinstance(page, PhoneInput):
            await self._submit(page)
        elif action == "Select" and isinstance(page, PhoneMenu) and page.items:
            await self._follow(page.items[self.selected].url)
        elif action == "Update":
            await self.open(self._url)
        elif action in ("Exit", "Cancel", "Back"):
            self.page = self._stack.pop() if self._stack else None
            self._is_kept = self.page is not None
            self.typed = {}
            self.selected = 0

    async def _submit(self, form: PhoneInput) -> None:
        if form.method != "post":
            await self.open(submit_url(form, self.typed))
            return
        fields = {
            item.query_string_param: self.typed.get(item.query_string_param, item.default_value) for item in form.items
        }
        await self.open(form.url, body=urlencode(fields).encode())

    async def _take(self, reply: HttpReply, depth: int) -> None:
        """Show what the server sent."""
        if reply.status != HTTP_OK:
            self._show_text("File Not Found" if reply.status == 404 else f"HTTP Error[{reply.status}]")
            return
        if (reply.get("Content-Type") or "").lower().startswith("text/plain"):
            self._show_text(reply.body.decode("utf-8", "replace"), is_kept=not _has_expired(reply))
            return
        try:
            page = parse_phone_object(reply.body)
        except XmlInvalid:
            self._show_text("XML Error[4]: XML parser error")
            return
        if not isinstance(page, PhoneExecute):
            self._show(page, is_kept=not _has_expired(reply))
        elif depth:
            for item in page.items:
                await self._follow(item.url, depth - 1)
        else:
            self._show_text("XML Error[5]: unsupported")

    def _show_text(self, text: str, *, is_kept: bool = True) -> None:
        self._show(PhoneText(title="Services", text=text), is_kept=is_kept)

    def _show(self, page: PhoneObject, *, is_kept: bool = True) -> None:
        """Put a page on the screen; one that has expired when it comes will not be returned to."""
        self.last_page = page
        if self._is_away:
            return
        if self.page is not None and self._is_kept and len(self._stack) < MAX_STACK:
            self._stack.append(self.page)
        self._is_kept = is_kept
        self.page = page
        self.typed = {}
        self.selected = 0

    def _headers(self, url: str, body: bytes) -> list[tuple[str, str]]:
        model = self._identity.model
        headers = [
            ("User-Agent", "Allegro-Software-WebClient/4.34"),
            ("Accept", "x-CiscoIPPhone/*, text/*,image/png,*/*"),
            ("Accept-Language", self._language),
            ("Accept-Charset", "utf-8,iso-8859-1;q=0.8"),
            ("x-CiscoIPPhoneModelName", f"CP-{model.name}"),
            ("x-CiscoIPPhoneSDKVersion", "8.5.1"),
            ("x-CiscoIPPhoneDisplay", model.display),
        ]
        if cookies := self._cookies.get(urlsplit(url).netloc):
            headers.append(("Cookie", "; ".join(f"{name}={value}" for name, value in cookies.items())))
        if body:
            headers.append(("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"))
        return headers

    def _keep_cookies(self, url: str, reply: HttpReply) -> None:
        """Phones keep up to four cookies a host, 255 octets each, of up to eight hosts."""
        for name, value in reply.headers:
            if name.lower() != "set-cookie":
                continue
            pair = value.partition(";")[0].strip()
            host = urlsplit(url).netloc
            if host not in self._cookies and len(self._cookies) >= MAX_COOKIE_HOSTS:
                del self._cookies[next(iter(self._cookies))]
            cookies = self._cookies.setdefault(host, {})
            key, sign, content = pair.partition("=")
            if sign and len(pair) <= MAX_COOKIE_BYTES and (key in cookies or len(cookies) < MAX_COOKIES_PER_HOST):
                cookies[key] = content


def _has_expired(reply: HttpReply) -> bool:
    """Whether the page asks not to be returned to: an Expires in the past, as a date or as -1."""
    text = reply.get("Expires")
    if text is None:
        return False
    try:
        return parsedate_to_datetime(text).timestamp() <= time.time()
    except (ValueError, OverflowError):
        return True
