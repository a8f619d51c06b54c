"""The header container."""

import pytest

from emcc_emu.wire.sip_headers import Headers, header_key


def sample() -> Headers:
    return Headers(
        [
            ("v", "SIP/2.0/UDP a, SIP/2.0/UDP b"),
            ("Supported", "replaces,join"),
            ("Date", "Thu, 01 Jan 2026 00:00:05 GMT"),
            ("VIA", "SIP/2.0/UDP c"),
            ("k", "timer"),
        ]
    )


def test_names_match_in_any_case_and_in_compact_form():
    headers = sample()
    assert headers.get("Via") == "SIP/2.0/UDP a, SIP/2.0/UDP b"
    assert headers.get_all("via") == ["SIP/2.0/UDP a", "SIP/2.0/UDP b", "SIP/2.0/UDP c"]
    assert headers.get_all("SUPPORTED") == ["replaces", "join", "timer"]
    assert headers.count("Supported") == 2
    assert "V" in headers and "X-Other" not in headers
    assert header_key("cALL-id") == header_key("I") == "call-id"
    assert header_key("X-New") == "x-new"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Date", "Thu, 01 Jan 2026 00:00:05 GMT"),
        ("WWW-Authenticate", 'Digest realm="ccmsipline", nonce="abc", algorithm=MD5'),
        ("Authorization", 'Digest username="a", realm="b"'),
        ("Subject", "one, two"),
        ("X-Unknown", "one, two"),
        ("Retry-After", "5 (busy, sorry)"),
    ],
)
def test_fields_that_are_no_lists_are_never_split(name, value):
    assert Headers([(name, value)]).get_all(name) == [value]


def test_missing_header():
    assert sample().get("Contact") is None
    assert sample().get("Contact", "none") == "none"
    assert sample().get_all("Contact") == []


def test_order_and_spelling_are_kept():
    assert [name for name, _ in sample()] == ["v", "Supported", "Date", "VIA", "k"]
    assert len(sample()) == 5


def test_set_replaces_in_place_and_drops_other_lines():
    headers = sample()
    headers.set("Via", "SIP/2.0/TCP z")
    assert next(iter(headers)) == ("v", "SIP/2.0/TCP z")
    assert headers.count("Via") == 1
    headers.set("Expires", "120")
    assert list(headers)[-1] == ("Expires", "120")


def test_remove_takes_all_lines():
    headers = sample()
    headers.remove("supported")
    headers.remove("supported")
    assert [name for name, _ in headers] == ["v", "Date", "VIA"]


def test_prepend_goes_before_lines_of_its_name_or_to_the_top():
    headers = sample()
    headers.prepend("Supported", "x")
    headers.prepend("Route", "<sip:a;lr>")
    assert [name for name, _ in headers][:4] == ["Route", "v", "Supported", "Supported"]
    empty = Headers()
    empty.prepend("Via", "x")
    assert list(empty) == [("Via", "x")]


def test_insert_before():
    headers = sample()
    headers.insert_before("date", "Reason", "SIP")
    headers.insert_before("nothing", "Last", "1")
    assert [name for name, _ in headers] == ["v", "Supported", "Reason", "Date", "VIA", "k", "Last"]


def test_first_value_is_replaced_and_the_rest_of_the_line_stays():
    headers = sample()
    headers.replace_first("Via", "SIP/2.0/UDP a;received=192.0.2.1")
    assert headers.get_all("Via")[:2] == ["SIP/2.0/UDP a;received=192.0.2.1", "SIP/2.0/UDP b"]
    headers.replace_first("Via", None)
    headers.replace_first("Via", None)
    assert headers.get_all("Via") == ["SIP/2.0/UDP c"]
    headers.replace_first("Date", "never")
    assert headers.get("Date") == "never"
    with pytest.raises(KeyError):
        headers.replace_first("Route", "x")


def test_arrange_sorts_known_names_and_keeps_line_order():
    headers = sample()
    headers.arrange(["Via", "Date"])
    assert [name for name, _ in headers] == ["v", "VIA", "Date", "Supported", "k"]


@pytest.mark.parametrize(("name", "value"), [("X", "a\r\nB: c"), ("X", "a\n"), ("X Y", "a"), ("", "a"), ("A:", "b")])
def test_no_value_can_start_a_line_of_its_own(name, value):
    headers = Headers()
    for change in (headers.add, headers.prepend, headers.set):
        with pytest.raises(ValueError):
            change(name, value)
    assert len(headers) == 0


def test_views_are_kept_until_a_header_changes():
    headers = sample()
    calls = []

    def count(_: Headers) -> int:
        calls.append(1)
        return len(calls)

    assert headers.view("n", count) == headers.view("n", count) == 1
    headers.add("X", "1")
    assert headers.view("n", count) == 2


def test_copies_are_independent_and_equal():
    headers = sample()
    copy = headers.copy()
    assert copy == headers
    assert copy != [1]
    copy.add("X", "1")
    assert copy != headers
    assert "X" not in headers


def test_columns_are_three_parallel_lists():
    assert Headers([("v", "a"), ("X-B", "c")]).columns() == (["via", "x-b"], ["v", "X-B"], ["a", "c"])


def test_repr_shows_the_lines():
    assert repr(Headers([("A", "b")])) == "Headers([('A', 'b')])"
