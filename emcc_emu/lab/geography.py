"""Geolocations and geolocation filters: civic addresses, and which of their elements count (RFC 4119 names)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from msgspec import Meta

from emcc_emu.settings.declaration import Settings

__all__ = ["CIVIC_ELEMENTS", "CivicElement", "Geolocation", "GeolocationFilter"]

CivicElement = Literal[
    "country", "A1", "A2", "A3", "A4", "A5", "A6", "PRD", "POD", "STS", "HNO", "HNS", "LMK", "LOC", "FLR", "NAM", "PC"
]
"""Name of an element of a civic address."""

CIVIC_ELEMENTS: tuple[CivicElement, ...] = (
    "country", "A1", "A2", "A3", "A4", "A5", "A6", "PRD", "POD", "STS", "HNO", "HNS", "LMK", "LOC", "FLR", "NAM", "PC",
)  # fmt: skip
"""Every element, in the order in which it is written to PIDF-LO and to the EM service of another cluster."""

Text16 = Annotated[str, Meta(max_length=16)]
Text50 = Annotated[str, Meta(max_length=50)]
Text100 = Annotated[str, Meta(max_length=100)]
Text255 = Annotated[str, Meta(max_length=255)]


class Geolocation(
    Settings, frozen=True, kw_only=True, rename=lambda name: name if name in ("name", "country") else name.upper()
):
    """A civic address; empty elements are unknown. Lengths as in the AXL schema of release 12.5."""

    __keyed_by__: ClassVar[str] = "name"

    name: Annotated[str, Meta(min_length=1, max_length=50)]
    """Name of the geolocation."""

    country: Annotated[str, Meta(pattern="^([A-Za-z]{2})?$")] = ""
    """Country, two letters."""

    a1: Text100 = ""
    """State, region or province."""

    a2: Text255 = ""
    """County or parish."""

    a3: Text255 = ""
    """City or township."""

    a4: Text255 = ""
    """Borough or city district."""

    a5: Text255 = ""
    """Neighbourhood."""

    a6: Text255 = ""
    """Street."""

    prd: Text50 = ""
    """Leading street direction."""

    pod: Text50 = ""
    """Trailing street suffix."""

    sts: Text255 = ""
    """Street suffix, such as Avenue."""

    hno: Text16 = ""
    """House number."""

    hns: Text100 = ""
    """House number suffix."""

    lmk: Text255 = ""
    """Landmark."""

    loc: Text255 = ""
    """Additional location, such as a room."""

    flr: Text16 = ""
    """Floor."""

    nam: Text255 = ""
    """Business or resident."""

    pc: Text100 = ""
    """Postal code."""

    def element(self, name: CivicElement) -> str:
        """The text of one element, empty if unknown."""
        text: str = getattr(self, name.lower())
        return text

    def elements(self) -> dict[CivicElement, str]:
        """The elements that are known, in `CIVIC_ELEMENTS` order."""
        return {name: text for name in CIVIC_ELEMENTS if (text := self.element(name))}


class GeolocationFilter(Settings, frozen=True, kw_only=True):
    """Which elements of a geolocation count when device pools are matched."""

    __keyed_by__: ClassVar[str] = "name"
    __shorthand__: ClassVar[str] = "use"

    name: Annotated[str, Meta(min_length=1, max_length=50)]
    """Name of the filter."""

    use: tuple[CivicElement, ...] = ("country",)
    """The elements that count."""
