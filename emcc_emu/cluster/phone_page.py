"""How a page reaches a phone: language and charset from its headers, and the headers that keep it off the URL stack."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from aiohttp import web

from emcc_emu.cluster.em_pages import Language
from emcc_emu.wire.phone_objects import PhoneObject
from emcc_emu.wire.phone_xml import build_phone_object

__all__ = ["PhonePageWriter", "choose_charset", "choose_language"]

EXPIRED = "Thu, 01 Jan 1970 00:00:01 GMT"
"""In the past, so that Exit does not come back to the page; later than the epoch, which 88xx phones insist on."""

CHARSETS = ("utf-8", "iso-8859-1", "shift_jis")
"""Character sets that phones of any age ask for."""

SESSION_COOKIE = "JSESSIONID"


def choose_language(accept_language: str) -> Language:
    """The language of the pages by Accept-Language; English unless the first one is Japanese."""
    return "ja" if accept_language[:2].lower() == "ja" else "en"


def choose_charset(accept_charset: str) -> str:
    """The acceptable charset with the highest q, the first one on a tie; utf-8 where the header names none we know."""
    best, best_quality = "utf-8", 0.0
    for item in accept_charset.split(","):
        name, _, parameter = item.partition(";")
        name = name.strip().lower()
        quality = _quality(parameter)
        if name in CHARSETS and quality > best_quality:
            best, best_quality = name, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 1.0


@dataclass(slots=True)
class PhonePageWriter:
    """Writes pages in answer to one request of a phone.

    Args:
        request: The request.
        cookie_path: Path for which the session cookie counts.
    """

    request: web.BaseRequest
    cookie_path: str

    @property
    def language(self) -> Language:
        """Language that the phone asked for."""
        return choose_language(self.request.headers.get("Accept-Language", ""))

    @property
    def session(self) -> str:
        """The session cookie that the phone sent, empty when it sent none."""
        return self.request.cookies.get(SESSION_COOKIE, "")

    def write(self, page: PhoneObject, session: str = "") -> web.Response:
        """The answer that shows a page.

        Args:
            page: The page.
            session: Session to remember; a new one when empty and the phone has none yet.
        """
        charset = choose_charset(self.request.headers.get("Accept-Charset", ""))
        headers = {"Content-Type": f"text/xml; charset={charset}", "Expires": EXPIRED}
        if session or not self.session:
            name = session or new_session()
            headers["Set-Cookie"] = f"{SESSION_COOKIE}={name}; Path={self.cookie_path}"
        return web.Response(body=build_phone_object(page, charset), headers=headers)


def new_session() -> str:
    """A session identifier as Tomcat makes them: 32 upper-case hex digits, unguessable."""
    return secrets.token_hex(16).upper()
