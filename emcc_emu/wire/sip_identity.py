"""Call-IDs, tags, branches and Session-IDs in the forms that Unified CM and Cisco phones write.

Pure functions: counters, clocks and randomness are arguments. Forms checked against published traces; Session-ID is
RFC 7989.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Final

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.sip_text import shown

if TYPE_CHECKING:
    import random

__all__ = [
    "CUCM_HEADER_ORDER",
    "NULL_SESSION_ID",
    "cisco_guid",
    "cucm_branch",
    "cucm_call_id",
    "cucm_leg_tag",
    "cucm_product",
    "cucm_tag",
    "format_date",
    "format_session_id",
    "new_session_id",
    "parse_session_id",
    "phone_branch",
    "phone_call_id",
    "phone_session_id",
    "phone_tag",
    "reversed_ip_word",
    "sip_instance",
]

NULL_SESSION_ID: Final = "0" * 32
"""The half of a Session-ID that is not known yet (RFC 7989 section 5)."""

CUCM_HEADER_ORDER: Final = (
    "Via, Route, From, To, Date, Call-ID, Supported, Min-SE, User-Agent, Server, Allow, CSeq, Expires, Allow-Events, "
    "Require, Record-Route, Geolocation, Geolocation-Routing, Send-Info, Call-Info, Alert-Info, Diversion, Session-ID, "
    "Cisco-Guid, Session-Expires, P-Asserted-Identity, Remote-Party-ID, Contact, Max-Forwards, Warning, MIME-Version, "
    "Content-Type, Content-Disposition, Content-ID, Content-Length"
).split(", ")
"""Header order of Unified CM's calls as operators know it from traces, for `Headers.arrange`."""

_SESSION_ID: Final = re.compile(r"\s*([0-9a-fA-F]{32})\s*(?:;\s*remote\s*=\s*([0-9a-fA-F]{32})\s*)?(?:;.*)?")
_DAYS: Final = ("Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _word(rng: random.Random) -> str:
    return f"{rng.getrandbits(32):08x}"


def reversed_ip_word(ip: str) -> int:
    """An IPv4 address as the byte-reversed 32-bit word that closes a Unified CM Call-ID."""
    return int.from_bytes(ipaddress.IPv4Address(ip).packed, "little")


def cucm_call_id(ip: str, *, guid_word: int, time_word: int, counter: int) -> str:
    """`AAAAAAAA-BBBBBBBB-C-DDDDDDDD@ip` in lower-case hexadecimal.

    Args:
        guid_word: First word of the call's Cisco-Guid, 32 bits.
        time_word: A word that grows with time, 32 bits.
        counter: Goes up by one with each new Call-ID of the node; written without leading zeros.
    """
    return f"{guid_word:08x}-{time_word:08x}-{counter:x}-{reversed_ip_word(ip):08x}@{ip}"


def cisco_guid(ip: str, *, guid_word: int, call_counter: int) -> str:
    """The Cisco-Guid header: four decimal words of ten digits; first and last equal those of the Call-ID."""
    return f"{guid_word:010d}-0000065536-{call_counter:010d}-{reversed_ip_word(ip):010d}"


def cucm_leg_tag(leg_number: int, node_uuid: str, call_leg_id: int) -> str:
    """Tag inside a call, `N~uuid-L`; N is also the session id in the `o=` line of that leg."""
    return f"{leg_number}~{node_uuid}-{call_leg_id}"


def cucm_tag(rng: random.Random) -> str:
    """Tag outside a call: up to ten decimal digits."""
    return str(rng.getrandbits(31))


def cucm_branch(counter: int, rng: random.Random) -> str:
    """Via branch: magic cookie, hexadecimal counter, eight random hexadecimal digits."""
    return f"z9hG4bK{counter:x}{_word(rng)}"


def cucm_product(version: str) -> str:
    """Text of User-Agent and Server, `Cisco-CUCM14.0` for version `14` or `14.0.1`."""
    major, _, rest = version.partition(".")
    return f"Cisco-CUCM{major}.{rest.partition('.')[0] or '0'}"


def phone_call_id(mac: str, ip: str, counter: int, rng: random.Random) -> str:
    """`<mac 8>-<mac 4><counter 4>-<random>-<random>@ip`; `mac` is 12 hexadecimal digits without separators."""
    lowered = mac.lower()
    return f"{lowered[:8]}-{lowered[8:]}{counter & 0xFFFF:04x}-{_word(rng)}-{_word(rng)}@{ip}"


def phone_tag(mac: str, counter: int, rng: random.Random) -> str:
    """`<mac 12><counter 4><random>-<random>`."""
    return f"{mac.lower()}{counter & 0xFFFF:04x}{_word(rng)}-{_word(rng)}"


def phone_branch(rng: random.Random) -> str:
    """Via branch of a phone: magic cookie and eight random hexadecimal digits."""
    return f"z9hG4bK{_word(rng)}"


def phone_session_id(mac: str, rng: random.Random) -> str:
    """A phone's half of a Session-ID, constant for one call."""
    return f"{_word(rng)}00105000a000{mac.lower()}"


def sip_instance(mac: str) -> str:
    """The `+sip.instance` value of a phone: a zero UUID with the MAC in its node field, without quotes."""
    return f"<urn:uuid:00000000-0000-0000-0000-{mac.lower()}>"


def new_session_id(rng: random.Random) -> str:
    """A Session-ID half made for an endpoint that sends none; never all zeros."""
    return f"{rng.getrandbits(128) or 1:032x}"


def format_session_id(local: str, remote: str = NULL_SESSION_ID) -> str:
    """Text of a Session-ID header."""
    return f"{local};remote={remote}"


def parse_session_id(value: str) -> tuple[str, str]:
    """Local and remote half, lower case; a missing remote half is all zeros.

    Raises:
        SipInvalid: Status 400.
    """
    found = _SESSION_ID.fullmatch(value)
    if found is None:
        raise SipInvalid(f"Bad Session-ID {shown(value)}")
    return found[1].lower(), (found[2] or NULL_SESSION_ID).lower()


def format_date(wall_s: float) -> str:
    """The Date header (RFC 1123, GMT) for seconds since the epoch, years 1970 to 9999."""
    days, second = divmod(int(wall_s), 86400)
    year, month, day = _civil(days)
    clock = f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"
    return f"{_DAYS[days % 7]}, {day:02d} {_MONTHS[month - 1]} {year} {clock} GMT"


def _civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a day number since 1970-01-01 (proleptic Gregorian, eras of 400 years)."""
    era, day_of_era = divmod(days + 719468, 146097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524 - day_of_era // 146096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1
