"""SIP, SIPS and tel URIs, and the name-addr form (`"Name" <uri>;params`) of From, To, Contact and Route.

RFC 3261 sections 19.1 and 20.10, RFC 3966. Display names and user parts are liberal where real phones are
(UTF-8, `#`); what RFC 4475 calls an error (spaces inside `<>`, unbalanced quotes, `?` outside `<>`) is one.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Final
from urllib.parse import quote as percent_encode
from urllib.parse import unquote as percent_decode

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import Parameters, format_params, quote, shown, split_params, unquote

__all__ = [
    "NameAddr",
    "SipUri",
    "format_name_addr",
    "host_port",
    "parse_name_addr",
    "parse_uri",
    "same_uri",
    "split_name_addr",
    "uri_scheme",
]

_ESCAPED = r"%[0-9A-Fa-f]{2}"
_USER = rf"(?:[^\s\x00-\x20\x7f%\"<>@:\[\]\\^`{{|}}]|{_ESCAPED})+"
_PASSWORD = rf"(?:[^\s\x00-\x20\x7f%\"<>@:;?/\[\]\\^`{{|}}]|{_ESCAPED})*"
_HOST = r"\[[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?"
_PARAMCHAR = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/:&+$@,]|{_ESCAPED})"
_HEADERCHAR = rf"(?:[A-Za-z0-9\-_.!~*'()\[\]/?:+$@;,]|{_ESCAPED})"
_SIP_URI: Final = re.compile(
    rf"(?P<scheme>[sS][iI][pP][sS]?):(?:(?P<user>{_USER})(?::(?P<password>{_PASSWORD}))?@)?(?P<host>{_HOST})"
    rf"(?::(?P<port>[0-9]{{1,5}}))?(?P<params>(?:;{_PARAMCHAR}+(?:={_PARAMCHAR}*)?)*)"
    rf"(?P<headers>\?{_HEADERCHAR}+={_HEADERCHAR}*(?:&{_HEADERCHAR}+={_HEADERCHAR}*)*)?"
)
_TEL_URI: Final = re.compile(
    rf"(?P<scheme>[tT][eE][lL]):(?P<number>\+?[0-9A-Fa-f*#().\-]+)(?P<params>(?:;{_PARAMCHAR}+(?:={_PARAMCHAR}*)?)*)"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_USER_SAFE: Final = "-_.!~*'()&=+$,;?/#"
_SURROGATES: Final = "surrogateescape"
_PARAMS_THAT_MUST_MATCH: Final = ("user", "ttl", "method", "maddr", "transport")


@dataclasses.dataclass(frozen=True, slots=True)
class SipUri:
    """One parsed URI; `str()` writes it back."""

    scheme: str
    """`sip`, `sips` or `tel`, lower case."""
    user: str | None
    """User part with escapes decoded (`None` when the URI has none); the number of a tel URI."""
    password: str | None
    host: str
    """Host name or address as written, IPv6 in brackets; empty for a tel URI."""
    port: int | None = None
    params: dict[str, str | None] = dataclasses.field(default_factory=dict)
    """URI parameters, names in lower case, values decoded, None without `=`."""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    """Header fields after `?` (Refer-To with Replaces), names in lower case, values decoded."""

    def __str__(self) -> str:
        if self.scheme == "tel":
            return f"tel:{self.user}{_format_uri_params(self.params)}"
        userinfo = ""
        if self.user is not None:
            secret = "" if self.password is None else f":{_escape(self.password, '-_.!~*()&=+$,')}"
            userinfo = f"{_escape(self.user, _USER_SAFE)}{secret}@"
        port = "" if self.port is None else f":{self.port}"
        headers = "&".join(f"{name}={_escape(value, '-_.!~*()')}" for name, value in self.headers.items())
        query = f"?{headers}" if headers else ""
        return f"{self.scheme}:{userinfo}{self.host}{port}{_format_uri_params(self.params)}{query}"

    @property
    def transport(self) -> str | None:
        """The transport parameter in lower case, None when there is none."""
        value = self.params.get("transport")
        return value.lower() if value else None


def _escape(text: str, safe: str) -> str:
    return percent_encode(text, safe=safe, errors=_SURROGATES)


def _format_uri_params(params: dict[str, str | None]) -> str:
    safe = "-_.!~*'()[]/:&+$"
    return "".join(
        f";{_escape(name, safe)}" if value is None else f";{_escape(name, safe)}={_escape(value, safe)}"
        for name, value in params.items()
    )


def _decode(text: str) -> str:
    return percent_decode(text, errors=_SURROGATES) if "%" in text else text


def _uri_params(text: str) -> dict[str, str | None]:
    params: dict[str, str | None] = {}
    for name, value in split_params(text):
        params.setdefault(_decode(name).lower(), None if value is None else _decode(value))
    return params


def uri_scheme(text: str) -> str:
    """The scheme of an absolute URI in lower case.

    Raises:
        SipInvalid: Status 400 when `text` does not start with a scheme.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or not rest or _SCHEME.fullmatch(scheme) is None:
        raise SipInvalid(f"Bad URI {shown(text)}")
    return scheme.lower()


def parse_uri(text: str) -> SipUri:
    """Parse a sip, sips or tel URI.

    Raises:
        SipInvalid: Status 416 for another scheme, 400 for a URI that breaks the grammar of its scheme.
    """
    found = _SIP_URI.fullmatch(text)
    if found is None:
        return _parse_tel_uri(text)
    scheme, user, password, host, port, params, headers = found.groups()
    if port is not None and not 0 < int(port) < 65536:
        raise SipInvalid(f"Bad port in URI {shown(text)}")
    return SipUri(
        scheme=scheme.lower(),
        user=None if user is None else _decode(user),
        password=None if password is None else _decode(password),
        host=host,
        port=None if port is None else int(port),
        params=_uri_params(params) if params else {},
        headers=_uri_headers(headers[1:]) if headers else {},
    )


def _uri_headers(text: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in text.split("&"):
        name, _, value = pair.partition("=")
        headers.setdefault(_decode(name).lower(), _decode(value))
    return headers


def _parse_tel_uri(text: str) -> SipUri:
    found = _TEL_URI.fullmatch(text)
    if found is not None:
        return SipUri("tel", found["number"], None, "", None, _uri_params(found["params"]))
    if uri_scheme(text) in ("sip", "sips", "tel"):
        raise SipInvalid(f"Bad URI {shown(text)}")
    raise SipInvalid(f"Unsupported URI scheme in {shown(text)}", status=416)


def same_uri(left: SipUri, right: SipUri) -> bool:
    """Whether two URIs are equal by RFC 3261 section 19.1.4.

    User and password are compared with case, host without; user, ttl, method, maddr and transport must be equal or
    absent in both, any other parameter only when both have it.
    """
    if (left.scheme, left.user, left.password, left.host.lower(), left.port, left.headers) != (
        right.scheme,
        right.user,
        right.password,
        right.host.lower(),
        right.port,
        right.headers,
    ):
        return False
    shared = left.params.keys() & right.params.keys()
    names = shared.union(_PARAMS_THAT_MUST_MATCH)
    return all((left.params.get(name) or "").lower() == (right.params.get(name) or "").lower() for name in names)


def host_port(text: str) -> tuple[str, int | None]:
    """Split `host`, `host:port` or `[v6]:port`.

    Raises:
        SipInvalid: Status 400 for an empty host or a port outside 1 to 65535.
    """
    host, colon, port = text.partition(":")
    if text[:1] == "[":
        host, colon, port = text.partition("]")
        host, colon, port = f"{host}]" if colon else "", port[:1], port[1:]
    host = host.strip()
    port = port.strip()
    if not host or colon not in ("", ":"):
        raise SipInvalid(f"Bad host {shown(text)}")
    if not colon:
        return host, None
    if not (port.isascii() and port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        raise SipInvalid(f"Bad port {shown(text)}")
    return host, int(port)


@dataclasses.dataclass(slots=True)
class NameAddr:
    """One value of From, To, Contact, Route, Refer-To, Remote-Party-ID…; `str()` writes it back."""

    display: str
    """Display name without quotes; empty when there is none."""
    uri: str
    """The URI exactly as received; `parse_uri` takes it apart."""
    parameters: Parameters = ()
    """Header parameters in wire order, raw values, duplicates kept."""

    @property
    def params(self) -> dict[str, str | None]:
        """Header parameters by lower-case name, quotes removed; the first of duplicates wins."""
        found: dict[str, str | None] = {}
        for name, value in self.parameters:
            found.setdefault(name.lower(), None if value is None else unquote(value))
        return found

    @property
    def tag(self) -> str | None:
        """The tag parameter, None when there is none. Tags are compared with case (RFC 3261 section 7.3.1)."""
        for name, value in self.parameters:
            if name == "tag" or name.lower() == "tag":
                return value
        return None

    def with_param(self, name: str, value: str | None = None) -> NameAddr:
        """A copy with one more parameter at the end; a parameter of that name is replaced in its place."""
        lowered = name.lower()
        if any(known.lower() == lowered for known, _ in self.parameters):
            changed = tuple((k, value if k.lower() == lowered else v) for k, v in self.parameters)
        else:
            changed = (*self.parameters, (name, value))
        return NameAddr(self.display, self.uri, changed)

    def __str__(self) -> str:
        return format_name_addr(self.uri, self.display, self.parameters)


def format_name_addr(uri: str, display: str = "", parameters: Parameters = ()) -> str:
    """The text `"display" <uri>;params`, without the display part when it is empty."""
    shown_name = f"{quote(display)} " if display else ""
    return f"{shown_name}<{uri}>{format_params(parameters)}"


_QUOTED: Final = re.compile(r'\s*("(?:[^"\\]|\\.)*")\s*(?=<)', re.DOTALL)
_BAD_DISPLAY: Final = re.compile(r'[",;<>@\\]')
_BAD_IN_BRACKETS: Final = re.compile(r'[\s"<>]')
_BAD_ADDR_SPEC: Final = re.compile(r'[\s"<>,?]')


def parse_name_addr(text: str) -> NameAddr:
    """Parse one name-addr or addr-spec with its header parameters.

    Without `<>`, everything after the first `;` belongs to the header, and `?` or `,` is an error (section 20.10).

    Raises:
        SipInvalid: Status 400.
    """
    display, uri, tail = split_name_addr(text)
    return NameAddr(display, uri, split_params(tail) if tail else ())


def split_name_addr(text: str) -> tuple[str, str, str]:
    """Display name, URI and the unparsed parameters (from their `;` on) of one address.

    Raises:
        SipInvalid: Status 400.
    """
    start = text.find("<")
    display = ""
    if '"' in text and (quoted := _QUOTED.match(text)) is not None:
        display = unquote(quoted[1])
        start = quoted.end()
    elif start < 0 or ('"' in text[:start] and ";" in text[: text.index('"')]):
        return _split_addr_spec(text)
    elif start:
        display = text[:start].strip()
        if _BAD_DISPLAY.search(display):
            raise SipInvalid(f"Bad display name in {shown(text)}")
    end = text.find(">", start)
    uri = text[start + 1 : end]
    if end < 0 or not uri or _BAD_IN_BRACKETS.search(uri):
        raise SipInvalid(f"Bad address {shown(text)}")
    tail = text[end + 1 :].strip()
    if tail and tail[0] != ";":
        raise SipInvalid(f"Bad parameters in {shown(text)}")
    return display, uri, tail


def _split_addr_spec(text: str) -> tuple[str, str, str]:
    uri, semicolon, params = text.partition(";")
    uri = uri.strip()
    if not uri or _BAD_ADDR_SPEC.search(uri):
        raise SipInvalid(f"Bad address {shown(text)}")
    return "", uri, semicolon + params
