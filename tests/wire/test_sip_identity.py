"""Identifiers in the forms of Unified CM and of Cisco phones."""

import email.utils
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sip_identity as identity

MAC = "02AA00000001"


def rng() -> random.Random:
    return random.Random(7)


def test_call_id_ends_with_the_reversed_address():
    call_id = identity.cucm_call_id("198.51.100.10", guid_word=0xA1B2C380, time_word=0x0F00AB00, counter=0x2C4)
    assert call_id == "a1b2c380-0f00ab00-2c4-0a6433c6@198.51.100.10"
    assert identity.reversed_ip_word("198.51.100.10") == 0x0A6433C6


def test_guid_agrees_with_the_call_id():
    guid = identity.cisco_guid("198.51.100.10", guid_word=0xA1B2C380, call_counter=12)
    assert guid == "2712847232-0000065536-0000000012-0174339014"


def test_tags_and_branches_of_unified_cm():
    assert identity.cucm_leg_tag(88122, "9b8c-uuid", 31000007) == "88122~9b8c-uuid-31000007"
    assert re.fullmatch(r"[0-9]{1,10}", identity.cucm_tag(rng()))
    assert re.fullmatch(r"z9hG4bK1300[0-9a-f]{8}", identity.cucm_branch(0x1300, rng()))


@pytest.mark.parametrize(
    ("version", "product"), [("14", "14.0"), ("12.5", "12.5"), ("11.5.1.900", "11.5"), ("15.", "15.0")]
)
def test_product(version, product):
    assert identity.cucm_product(version) == f"Cisco-CUCM{product}"


def test_identifiers_of_a_phone():
    word = "[0-9a-f]{8}"
    assert re.fullmatch(
        rf"02aa0000-00010003-{word}-{word}@203\.0\.113\.101", identity.phone_call_id(MAC, "203.0.113.101", 3, rng())
    )
    assert re.fullmatch(rf"02aa000000010014{word}-{word}", identity.phone_tag(MAC, 0x10014, rng()))
    assert re.fullmatch(rf"z9hG4bK{word}", identity.phone_branch(rng()))
    assert re.fullmatch(rf"{word}00105000a00002aa00000001", identity.phone_session_id(MAC, rng()))
    assert identity.sip_instance(MAC) == "<urn:uuid:00000000-0000-0000-0000-02aa00000001>"


def test_same_seed_gives_the_same_identifiers():
    assert identity.phone_tag(MAC, 1, rng()) == identity.phone_tag(MAC, 1, rng())


def test_session_ids():
    local = identity.new_session_id(rng())
    assert re.fullmatch("[0-9a-f]{32}", local)
    text = identity.format_session_id(local)
    assert text == f"{local};remote={'0' * 32}"
    assert identity.parse_session_id(text) == (local, identity.NULL_SESSION_ID)
    assert identity.parse_session_id(f" {local.upper()} ; remote = {'A' * 32};x=1") == (local, "a" * 32)
    assert identity.parse_session_id(local) == (local, identity.NULL_SESSION_ID)


@pytest.mark.parametrize("text", ["", "abc", "g" * 32, "0" * 31, "0" * 33])
def test_bad_session_id(text):
    with pytest.raises(SipInvalid):
        identity.parse_session_id(text)


@given(st.integers(0, 253402300799))
def test_date_is_that_of_the_standard_library(second):
    assert identity.format_date(second + 0.5) == email.utils.formatdate(second, usegmt=True)


def test_header_order_starts_like_unified_cm():
    assert identity.CUCM_HEADER_ORDER[:6] == ["Via", "Route", "From", "To", "Date", "Call-ID"]
