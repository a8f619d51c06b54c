"""URIs of phone services: internal schemes, the tokens that a phone replaces, and how a form is submitted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from emcc_emu.wire.phone_objects import MenuItem, PhoneInput, PhoneMenu

__all__ = [
    "EXECUTABLE_SCHEMES",
    "PAGE_SCHEMES",
    "PhoneUri",
    "append_query",
    "append_query_string_param",
    "build_services_menu",
    "expand_tokens",
    "is_fetched",
    "recognise_uri",
    "submit_url",
]

EXECUTABLE_SCHEMES = frozenset(
    {"Key", "Dial", "EditDial", "SendDigits", "Play", "Vibrate", "Display", "RTPRx", "RTPTx", "RTPMRx", "RTPMTx"}
    | {"Init", "App", "Device", "http", "https"}
)
"""Schemes allowed in CiscoIPPhoneExecute; `SoftKey` and `Notify` are not."""

PAGE_SCHEMES = frozenset(
    (EXECUTABLE_SCHEMES - {"Device"})
    | {"SoftKey", "Notify", "Application", "QueryStringParam", "Resource"}
    | {"UserCallData", "UserCallDataSoftKey", "UserDataSoftKey", "UserData"}
)
"""Schemes allowed in softkeys and menu entries."""

SERVICES_PROMPT = "Select a service..."
SERVICES_TITLE = "Services"


@dataclasses.dataclass(frozen=True, slots=True)
class PhoneUri:
    """A URI that a phone knows."""

    scheme: str
    """As written: schemes are case-sensitive."""

    rest: str
    """What stands behind the first colon."""

    @property
    def is_executable(self) -> bool:
        """Whether an Execute may hold it."""
        return self.scheme in EXECUTABLE_SCHEMES

    @property
    def is_fetched(self) -> bool:
        """Whether the phone fetches it by HTTP."""
        return self.scheme in ("http", "https")


def recognise_uri(uri: str) -> PhoneUri | None:
    """Take a URI apart, or None when no phone knows its scheme."""
    scheme, colon, rest = uri.partition(":")
    if not colon or (scheme not in PAGE_SCHEMES and scheme not in EXECUTABLE_SCHEMES):
        return None
    if scheme in ("http", "https") and not rest.startswith("//"):
        return None
    return PhoneUri(scheme, rest)


def is_fetched(uri: str) -> bool:
    """Whether a phone fetches this URI by HTTP."""
    return uri.startswith(("http://", "https://"))


def append_query(url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """Append parameters, percent-encoded UTF-8, behind `?` or `&` as needed; an empty value is written as `name=`."""
    query = "&".join([f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in parameters])
    return _join_query(url, query) if query else url


def _join_query(url: str, query: str) -> str:
    separator = "&" if "?" in url else "?"
    return f"{url}{'' if url.endswith(('?', '&')) else separator}{query}"


def submit_url(form: PhoneInput, values: Mapping[str, str]) -> str:
    """The URL that Submit fetches: the form's URL with every field appended in document order.

    Args:
        form: The form.
        values: What the user typed, by `query_string_param`; a field not named here sends its default value.
    """
    fields = [(item.query_string_param, values.get(item.query_string_param, item.default_value)) for item in form.items]
    return append_query(form.url, fields)


def append_query_string_param(url: str, uri: str) -> str:
    """Append the data of a `QueryStringParam:` URI to a URL; any other URI leaves it as it is.

    A softkey with such a URI opens the highlighted entry's URL with the data; a menu entry with such a URI gives its
    data to the softkey's URL.
    """
    scheme, _, query = uri.partition(":")
    return _join_query(url, query) if scheme == "QueryStringParam" and query else url


def expand_tokens(url: str, *, device_name: str, is_emcc_capable: bool | None = None) -> str:
    """Replace `#DEVICENAME#` and `#EMCC#` in a service URL, as a phone does just before it fetches it.

    Args:
        url: The URL of the subscription.
        device_name: `SEP` and twelve hex digits.
        is_emcc_capable: What `#EMCC#` becomes; None leaves it, as phones do that do not know the token, and as a
            server does that only knows the name of the device.
    """
    url = url.replace("#DEVICENAME#", device_name)
    if is_emcc_capable is None:
        return url
    return url.replace("#EMCC#", "true" if is_emcc_capable else "false")


def build_services_menu(services: Sequence[tuple[str, str]], device_name: str) -> PhoneMenu:
    """The page behind `servicesURL`: the services that a device is subscribed to.

    Args:
        services: Names and URLs of the subscriptions; URLs may hold the tokens.
        device_name: Device that asks; `#EMCC#` stays for the phone to replace.
    """
    items = tuple([MenuItem(name, expand_tokens(url, device_name=device_name)) for name, url in services])
    return PhoneMenu(title=SERVICES_TITLE, prompt=SERVICES_PROMPT, items=items)
