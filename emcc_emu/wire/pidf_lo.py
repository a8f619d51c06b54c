"""Where a phone stands, as SIP conveys it: a PIDF-LO document with a civic address.

RFC 4119 (fields and the `civicLoc` namespace, which Unified CM uses), RFC 5139 (the later `civicAddr` namespace, read
too, its `RD` taken for the street in `A6`), RFC 6442 (the Geolocation header that points at the body part).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from emcc_emu.errors import SipInvalid, XmlInvalid
from emcc_emu.wire.sip_text import shown, split_comma_list
from emcc_emu.wire.xml import escape, escape_attribute, parse_xml

__all__ = [
    "CIVIC_FIELDS",
    "PIDF_TYPE",
    "build_pidf_lo",
    "geolocation_content_id",
    "geolocation_header",
    "parse_pidf_lo",
]

PIDF_TYPE: Final = "application/pidf+xml"
CIVIC_FIELDS: Final = "country A1 A2 A3 A4 A5 A6 PRD POD STS HNO HNS LMK LOC FLR NAM PC".split()
"""Civic address fields that Unified CM conveys, in the order of RFC 4119 section 2.2.1."""
MAX_PIDF_BYTES: Final = 16384
MAX_FIELD_CHARS: Final = 255

_PIDF: Final = "urn:ietf:params:xml:ns:pidf"
_GEOPRIV: Final = "urn:ietf:params:xml:ns:pidf:geopriv10"
_CIVIC_LOC: Final = "urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc"
_CIVIC_ADDR: Final = "urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr"
_FIELD_OF: Final = {name.lower(): name for name in CIVIC_FIELDS} | {"rd": "A6"}


def build_pidf_lo(civic: Mapping[str, str], *, entity: str, tuple_id: str, timestamp: str) -> bytes:
    """Write the document; empty fields are left out.

    Args:
        civic: Fields of `CIVIC_FIELDS` and their texts.
        entity: Who is there: `pres:2222@198.51.100.10`.
        tuple_id: The device name.
        timestamp: RFC 3339 time in UTC.

    Raises:
        ValueError: A field that RFC 4119 does not know.
    """
    unknown = sorted(set(civic) - set(CIVIC_FIELDS))
    if unknown:
        raise ValueError(f"unknown civic address fields {unknown}")
    fields = "".join(f"<cl:{name}>{escape(civic[name])}</cl:{name}>" for name in CIVIC_FIELDS if civic.get(name))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<presence xmlns="{_PIDF}" xmlns:gp="{_GEOPRIV}"\n'
        f' xmlns:cl="{_CIVIC_LOC}" entity="{escape_attribute(entity)}">\n'
        f' <tuple id="{escape_attribute(tuple_id)}"><status><gp:geopriv>\n'
        f"  <gp:location-info><cl:civicAddress>{fields}</cl:civicAddress></gp:location-info>\n"
        "  <gp:usage-rules><gp:retransmission-allowed>yes</gp:retransmission-allowed></gp:usage-rules>\n"
        f" </gp:geopriv></status><timestamp>{escape(timestamp)}</timestamp></tuple>\n"
        "</presence>\n"
    ).encode()


def parse_pidf_lo(document: bytes) -> dict[str, str]:
    """The civic address in a document, known fields only, texts stripped.

    Raises:
        SipInvalid: Status 424 (RFC 6442 section 4.3): not XML, out of bounds, or without a civic address.
    """
    try:
        root = parse_xml(document.strip(), max_bytes=MAX_PIDF_BYTES, max_depth=16, max_elements=200)
    except XmlInvalid as error:
        raise _bad_location(str(error)) from error
    for namespace in (_CIVIC_LOC, _CIVIC_ADDR):
        address = next(root.iter(f"{{{namespace}}}civicAddress"), None)
        if address is not None:
            civic: dict[str, str] = {}
            for child in address:
                name = _FIELD_OF.get(str(child.tag).rpartition("}")[2].lower())
                text = (child.text or "").strip()
                if name is not None and text:
                    civic.setdefault(name, text[:MAX_FIELD_CHARS])
            return civic
    raise _bad_location("no civic address")


def _bad_location(why: str) -> SipInvalid:
    header = ("Geolocation-Error", '100;code="Cannot Process Location"')
    return SipInvalid(f"Bad location: {why}", 424, (header,))


def geolocation_header(content_id: str) -> str:
    """Value of a Geolocation header that points at the body part with this Content-ID."""
    return f"<cid:{content_id}>"


def geolocation_content_id(values: list[str]) -> str | None:
    """The Content-ID that the first `cid:` value of Geolocation names; older parameters after it are ignored.

    None when the location is elsewhere (a `sip:`, `pres:` or `https:` reference) or there is none.

    Raises:
        SipInvalid: Status 424 for a value that is no `<uri>`.
    """
    for line in values:
        for value in split_comma_list(line):
            if not value.startswith("<") or ">" not in value:
                raise _bad_location(f"Geolocation {shown(value)}")
            uri = value[1 : value.index(">")]
            if uri[:4].lower() == "cid:":
                return uri[4:]
    return None
