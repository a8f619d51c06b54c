"""The header fields of one SIP message: exact order, any case, compact forms, comma lists.

RFC 3261 sections 7.3 and 20. Lines are kept as they came (name, value, order), so a message that passes through is
not rewritten; a lookup knows that `v`, `VIA` and `Via` are the same field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from emcc_emu.wire.sip_text import is_token, split_comma_list

__all__ = ["COMPACT_FORMS", "KNOWN_KEYS", "LIST_HEADERS", "Headers", "header_key"]

_T = TypeVar("_T")

COMPACT_FORMS: Final = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact header names of the IANA registry (RFC 3261, 3265, 3515, 3841, 3892, 4028, 8224)."""

_USUAL_NAMES: Final = (
    "Accept, Accept-Encoding, Accept-Language, Alert-Info, Allow, Allow-Events, Authorization, Call-ID, Call-Info, "
    "Cisco-Guid, Contact, Content-Disposition, Content-Encoding, Content-ID, Content-Length, Content-Type, CSeq, Date, "
    "Diversion, Event, Expires, From, Geolocation, Geolocation-Error, Geolocation-Routing, Max-Forwards, MIME-Version, "
    "Mime-Version, Min-Expires, Min-SE, P-Asserted-Identity, Path, Privacy, Proxy-Authenticate, Proxy-Authorization, "
    "Proxy-Require, RAck, Reason, Record-Route, Refer-To, Referred-By, Remote-Party-ID, Replaces, Require, "
    "Retry-After, Route, RSeq, Send-Info, Server, Session-Expires, Session-ID, Subject, Subscription-State, "
    "Supported, Timestamp, To, Unsupported, User-Agent, Via, Warning, WWW-Authenticate"
).split(", ")

KNOWN_KEYS: Final[dict[str, str]] = {
    **{name: name.lower() for name in _USUAL_NAMES},
    **{name.lower(): name.lower() for name in _USUAL_NAMES},
    **COMPACT_FORMS,
    **{short.upper(): name for short, name in COMPACT_FORMS.items()},
}
"""Usual spellings of header names and their keys: one dictionary look-up on the hot path."""

LIST_HEADERS: Final = frozenset(
    (
        "accept accept-contact accept-encoding accept-language accept-resource-priority alert-info allow allow-events "
        "call-info contact content-encoding content-language diversion error-info geolocation history-info in-reply-to "
        "p-asserted-identity p-associated-uri p-preferred-identity path proxy-require reason record-route recv-info "
        "reject-contact remote-party-id request-disposition require resource-priority route security-client "
        "security-server security-verify send-info service-route supported unsupported via warning"
    ).split()
)
"""Header fields that are comma lists. Date, WWW-Authenticate, Authorization, Subject and unknown fields are not."""


def header_key(name: str) -> str:
    """The lower-case long name under which any spelling of a header field is found."""
    key = KNOWN_KEYS.get(name)
    if key is None:
        lowered = name.lower()
        key = KNOWN_KEYS.get(lowered, lowered)
    return key


def _checked(name: str, value: str) -> str:
    """Refuse what would let a value start a header line of its own."""
    if "\r" in value or "\n" in value or not (name in KNOWN_KEYS or is_token(name)):
        raise ValueError(f"header {name!r} cannot hold {value!r}")
    return value


class Headers:
    """Ordered header lines of one message.

    `get` gives the first line, `get_all` all values merged over lines and commas, as the field's grammar allows.
    Changing a header drops every cached view, so typed views never go stale.
    """

    __slots__ = ("_keys", "_names", "_values", "_views")

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self._keys: list[str] = []
        self._names: list[str] = []
        self._values: list[str] = []
        self._views: dict[str, object] = {}
        for name, value in lines:
            self.add(name, value)

    @classmethod
    def from_columns(cls, keys: list[str], names: list[str], values: list[str]) -> Headers:
        """Wrap three parallel lists without copying or checking: for the parser and builder, which made them."""
        headers = cls.__new__(cls)
        headers._keys = keys
        headers._names = names
        headers._values = values
        headers._views = {}
        return headers

    @classmethod
    def from_lines(cls, lines: Iterable[str]) -> Headers:
        """Split header lines that are known to be well formed: a name, a colon, a value, no folding."""
        parts = [line.partition(":") for line in lines]
        names = [name for name, _, _ in parts]
        keys = [KNOWN_KEYS.get(name) or header_key(name) for name in names]
        return cls.from_columns(keys, names, [value.strip(" \t") for _, _, value in parts])

    def get(self, name: str, default: str | None = None) -> str | None:
        """Value of the first line called `name`, or `default`."""
        try:
            return self._values[self._keys.index(KNOWN_KEYS.get(name) or header_key(name))]
        except ValueError:
            return default

    def lines(self, name: str) -> list[str]:
        """Values of all lines called `name`, unsplit."""
        key = header_key(name)
        keys = self._keys
        if key not in keys:
            return []
        return [value for known, value in zip(keys, self._values, strict=True) if known == key]

    def get_all(self, name: str) -> list[str]:
        """All values of `name` in order: lines merged, and split at commas when the field is a list."""
        lines = self.lines(name)
        if header_key(name) not in LIST_HEADERS:
            return lines
        return [value for line in lines for value in split_comma_list(line)]

    def count(self, name: str) -> int:
        """Number of lines called `name`."""
        return self._keys.count(header_key(name))

    def add(self, name: str, value: str) -> None:
        """Append a line.

        Raises:
            ValueError: `name` is no token or `value` holds a line break.
        """
        self._values.append(_checked(name, value))
        self._keys.append(header_key(name))
        self._names.append(name)
        self._views.clear()

    def prepend(self, name: str, value: str) -> None:
        """Insert a line before the first line of the same name, or before all lines: a new top Via, a Route."""
        key = header_key(name)
        self._insert(self._keys.index(key) if key in self._keys else 0, name, value)

    def insert_before(self, before: str, name: str, value: str) -> None:
        """Insert a line before the first line called `before`; at the end when there is none."""
        key = header_key(before)
        self._insert(self._keys.index(key) if key in self._keys else len(self._keys), name, value)

    def _insert(self, position: int, name: str, value: str) -> None:
        self._values.insert(position, _checked(name, value))
        self._keys.insert(position, header_key(name))
        self._names.insert(position, name)
        self._views.clear()

    def set(self, name: str, value: str) -> None:
        """Make `value` the only line of `name`: in the place of the first such line, else at the end."""
        key = header_key(name)
        if key not in self._keys:
            self.add(name, value)
            return
        position = self._keys.index(key)
        self._values[position] = _checked(name, value)
        for later in range(len(self._keys) - 1, position, -1):
            if self._keys[later] == key:
                self._delete(later)
        self._views.clear()

    def replace_first(self, name: str, value: str | None) -> None:
        """Replace the first value of `name` (not the line: the rest of its comma list stays); None takes it out.

        Raises:
            KeyError: There is no such header.
        """
        key = header_key(name)
        if key not in self._keys:
            raise KeyError(name)
        position = self._keys.index(key)
        rest = split_comma_list(self._values[position])[1:] if key in LIST_HEADERS else []
        values = rest if value is None else [_checked(name, value), *rest]
        if values:
            self._values[position] = ", ".join(values)
        else:
            self._delete(position)
        self._views.clear()

    def remove(self, name: str) -> None:
        """Remove every line of `name`; nothing happens when there is none."""
        key = header_key(name)
        while key in self._keys:
            self._delete(self._keys.index(key))
        self._views.clear()

    def _delete(self, position: int) -> None:
        del self._keys[position], self._names[position], self._values[position]

    def arrange(self, order: Iterable[str]) -> None:
        """Sort lines into the given order of names; lines of one name keep their order, unknown ones go last."""
        rank = {header_key(name): position for position, name in enumerate(order)}
        last = len(rank)
        positions = sorted(range(len(self._keys)), key=lambda position: rank.get(self._keys[position], last))
        self._keys[:] = [self._keys[position] for position in positions]
        self._names[:] = [self._names[position] for position in positions]
        self._values[:] = [self._values[position] for position in positions]

    def view(self, name: str, parse: Callable[[Headers], _T]) -> _T:
        """The result of `parse(self)`, kept under `name` until a header changes."""
        views = self._views
        if name in views:
            return views[name]  # type: ignore[return-value]
        parsed = views[name] = parse(self)
        return parsed

    def columns(self) -> tuple[list[str], list[str], list[str]]:
        """Keys, names and values, three parallel lists owned by this object: for reading only."""
        return self._keys, self._names, self._values

    def copy(self) -> Headers:
        """An independent copy."""
        return Headers.from_columns(self._keys[:], self._names[:], self._values[:])

    def __contains__(self, name: str) -> bool:
        return header_key(name) in self._keys

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(list(zip(self._names, self._values, strict=True)))

    def __len__(self) -> int:
        return len(self._keys)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._keys == other._keys and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"
