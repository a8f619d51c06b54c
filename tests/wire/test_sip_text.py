"""Splitting of header text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import SipInvalid
from emcc_emu.wire import sip_text as text


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", []),
        ("  ", []),
        ("a", ["a"]),
        (" a , b,,c ", ["a", "b", "c"]),
        ('"x, y" <sip:a@b>, <sip:c,d@e>', ['"x, y" <sip:a@b>', "<sip:c,d@e>"]),
        (r'"quote \", still" <sip:a@b>,c', [r'"quote \", still" <sip:a@b>', "c"]),
        ('"never closed, a', ['"never closed, a']),
        (r'a\,"b\\",c', ["a\\", r'"b\\"', "c"]),
    ],
)
def test_commas_count_only_outside_quotes_and_brackets(line, values):
    assert text.split_comma_list(line) == values


@pytest.mark.parametrize(
    ("line", "params"),
    [
        ("", ()),
        (";a;b=1;;c = 2 ", (("a", None), ("b", "1"), ("c", "2"))),
        ('a="x;y";a="z"', (("a", '"x;y"'), ("a", '"z"'))),
        ("=5;a", (("a", None),)),
    ],
)
def test_parameters_keep_order_and_duplicates(line, params):
    assert text.split_params(line) == params


def test_parameters_are_written_as_they_were_read():
    assert text.format_params((("a", None), ("b", '"x"'))) == ';a;b="x"'


@given(st.text())
def test_quoting_is_undone_by_unquoting(content):
    assert text.unquote(text.quote(content)) == content


def test_unquoted_text_stays():
    assert text.unquote("plain") == "plain"
    assert text.unquote('"') == '"'


def test_tokens():
    assert text.is_token("X-Cisco_a.b!%*+`'~9")
    assert not text.is_token("a b")
    assert not text.is_token("")


def test_numbers_have_bounds():
    assert text.parse_number(" 0070 ", "Max-Forwards", 255) == 70
    assert text.parse_number("0", "Max-Forwards", 255) == 0
    for bad in ("256", "-1", "", "1e3", "٣", "9" * 5000):
        with pytest.raises(SipInvalid, match="Max-Forwards"):
            text.parse_number(bad, "Max-Forwards", 255)


def test_peer_text_is_shown_escaped_and_cut():
    assert text.shown("a\nb") == r"'a\nb'"
    assert len(text.shown("x" * 500)) < 70
