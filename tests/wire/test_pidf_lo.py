"""Locations."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire.pidf_lo import (
    CIVIC_FIELDS,
    build_pidf_lo,
    geolocation_content_id,
    geolocation_header,
    parse_pidf_lo,
)

CIVIC = {
    "country": "US",
    "A1": "NC",
    "A3": "Example City",
    "A6": "Main",
    "STS": "St",
    "HNO": "7",
    "FLR": "2",
    "PC": "27000",
}


def build(civic: dict[str, str]) -> bytes:
    return build_pidf_lo(
        civic, entity="pres:2222@198.51.100.10", tuple_id="SEP02AA00000001", timestamp="2026-01-01T09:00:00Z"
    )


def test_document_golden():
    assert build({"country": "US", "PC": "1 & 2"}) == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gp="urn:ietf:params:xml:ns:pidf:geopriv10"\n'
        b' xmlns:cl="urn:ietf:params:xml:ns:pidf:geopriv10:civicLoc" entity="pres:2222@198.51.100.10">\n'
        b' <tuple id="SEP02AA00000001"><status><gp:geopriv>\n'
        b"  <gp:location-info><cl:civicAddress><cl:country>US</cl:country><cl:PC>1 &amp; 2</cl:PC></cl:civicAddress>"
        b"</gp:location-info>\n"
        b"  <gp:usage-rules><gp:retransmission-allowed>yes</gp:retransmission-allowed></gp:usage-rules>\n"
        b" </gp:geopriv></status><timestamp>2026-01-01T09:00:00Z</timestamp></tuple>\n"
        b"</presence>\n"
    )


def test_round_trip_leaves_out_empty_fields():
    assert parse_pidf_lo(build({**CIVIC, "LOC": ""})) == CIVIC


@given(st.dictionaries(st.sampled_from(CIVIC_FIELDS), st.text("abcÄ日<>&\"' ", min_size=1).map(str.strip).filter(bool)))
def test_any_address_survives(civic):
    assert parse_pidf_lo(build(civic)) == civic


def test_unknown_field_is_refused():
    with pytest.raises(ValueError, match="RD"):
        build({"RD": "Main"})


def test_later_namespace_and_road_name_are_read():
    document = (
        b'<presence><civicAddress xmlns="urn:ietf:params:xml:ns:pidf:geopriv10:civicAddr">'
        b"<Country> US </Country><RD>Main</RD><A6>late</A6><XYZ>x</XYZ><A1/></civicAddress></presence>"
    )
    assert parse_pidf_lo(document) == {"country": "US", "A6": "Main"}


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"junk",
        b"<presence/>",
        b"<civicAddress/>",
        b"<!DOCTYPE p [<!ENTITY a 'b'>]><p>&a;</p>",
        b"<p>" + b" " * 20000 + b"</p>",
    ],
)
def test_location_that_cannot_be_processed(document):
    with pytest.raises(SipInvalid) as refused:
        parse_pidf_lo(document)
    assert refused.value.status == 424
    assert refused.value.headers == (("Geolocation-Error", '100;code="Cannot Process Location"'),)


def test_geolocation_header_points_at_the_part():
    assert geolocation_header("2222.31000007@198.51.100.10") == "<cid:2222.31000007@198.51.100.10>"


@pytest.mark.parametrize(
    ("values", "content_id"),
    [
        (["<cid:a@b>"], "a@b"),
        (["<sip:x@y>, <CID:a@b>;inserted-by=z;routing-allowed=yes"], "a@b"),
        (["<https://lis.example.test/1>", "<cid:a@b>"], "a@b"),
        (["<pres:x@y>"], None),
        ([], None),
    ],
)
def test_content_id_of_a_geolocation(values, content_id):
    assert geolocation_content_id(values) == content_id


def test_bad_geolocation():
    with pytest.raises(SipInvalid):
        geolocation_content_id(["cid:a@b"])
