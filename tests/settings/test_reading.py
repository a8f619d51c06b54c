from typing import Annotated

import pytest
from msgspec import Meta

from emcc_emu.errors import InputError
from emcc_emu.settings.declaration import Address, Duration, Settings
from emcc_emu.settings.reading import read_changes, read_record, read_settings, read_text_file
from emcc_emu.settings.yaml_tree import MAX_FILE_BYTES


class Line(Settings, frozen=True, kw_only=True):
    __shorthand__ = "number"
    number: Annotated[str, Meta(pattern="^[0-9]+$")]
    label: str = ""


class Group(Settings, frozen=True, kw_only=True):
    __keyed_by__ = "name"
    __shorthand__ = "members"
    name: str
    members: Annotated[tuple[str, ...], Meta(max_length=2)] = ()


class Phone(Settings, frozen=True, kw_only=True):
    __keyed_by__ = "name"
    name: Annotated[str, Meta(max_length=15)]
    count: Annotated[int, Meta(ge=1, le=10)] = 1
    address: Address = ""
    lines: tuple[Line, ...] = ()


class Top(Settings, frozen=True, kw_only=True):
    phones: Annotated[tuple[Phone, ...], Meta(min_length=1)]
    groups: tuple[Group, ...] = ()
    wait_s: Duration = 1
    limit_s: Duration | None = None
    emcc: bool = True


def mistakes(text):
    reading = read_settings(text, Top)
    assert reading.settings is None
    return [(mistake.line, mistake.text()) for mistake in reading.mistakes]


def test_reads_mappings_lists_and_shorthands():
    reading = read_settings(
        """
phones:
  desk: {lines: [2001, {number: "0123", label: no}]}
  wall:
groups: {all: [desk, wall]}
wait: 10:00
limit: ~
emcc: "false"
""",
        Top,
    )
    assert reading.mistakes == ()
    assert reading.settings == Top(
        phones=(Phone(name="desk", lines=(Line(number="2001"), Line(number="0123", label="no"))), Phone(name="wall")),
        groups=(Group(name="all", members=("desk", "wall")),),
        wait_s=36000.0,
        emcc=False,
    )


def test_counted_entries_are_expanded_and_keep_their_line():
    reading = read_settings('phones:\n  "p{1}": {count: 3, address: "127.1.0.{5}", lines: ["{7}"]}\n', Top)
    assert [phone.name for phone in reading.settings.phones] == ["p1", "p2", "p3"]
    assert reading.settings.phones[2] == Phone(name="p3", address="127.1.0.7", lines=(Line(number="9"),))
    assert reading.line_of(("phones", "p3", "lines", 0)) == 2


def test_lines_are_known_for_every_field_or_what_is_around_it():
    reading = read_settings("phones:\n  desk:\n    lines:\n    - 2001\n", Top)
    assert reading.line_of(("phones", "desk", "lines", 0)) == 4
    assert reading.line_of(("phones", "desk", "address")) == 2
    assert reading.line_of(("groups",)) == 1


def test_all_mistakes_are_found_at_once():
    assert mistakes(
        """phonse: {}
phones:
  desk: {lines: [20x1], adress: 127.1.0.1}
  desk: {}
  wall: {address: 127.1.0.999, count: 11}
emcc: flase
wait: [1]
"""
    ) == [
        (1, "phonse: 'phonse' is no setting here; did you mean 'phones'?"),
        (4, "phones.desk: is there already, in line 3"),
        (3, "phones.desk.lines[0]: '20x1' does not have the form ^[0-9]+$"),
        (3, "phones.desk.adress: 'adress' is no setting here; did you mean 'address'?"),
        (5, "phones.wall.address: '127.1.0.999' is no IPv4 address"),
        (5, "phones.wall.count: 11 is above 10"),
        (6, "emcc: 'flase' is neither true nor false; did you mean 'false'?"),
        (7, "wait: a list stands where one value is expected"),
    ]


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("a: [", 2, "is no YAML: did not find expected node content"),
        ("emcc: true", 1, "has no phones"),
        ("phones: {}", 1, "phones: has 0 entries; at least 1 needed"),
        ("[1]", 1, "a list stands where a mapping is expected"),
        ("phones: [a]", 1, "phones: a list stands where a mapping by name is expected"),
        ("phones:", 1, "phones: nothing stands where a mapping by name is expected"),
        ("phones: {a: {lines: 5}}", 1, "phones.a.lines: '5' stands where a list is expected"),
        ("phones: {a: 5}", 1, "phones.a: '5' stands where a mapping is expected"),
        ("phones: {a: {lines: [{label: x}]}}", 1, "phones.a.lines[0]: has no number"),
        ("phones: {a: {}}\ngroups: {g: [a, b, c]}", 2, "groups.g: has 3 entries; at most 2 allowed"),
        ("phones: {a: {}}\nwait:", 2, "wait: has no value"),
        ("phones: {a: {}}\nwait: {b: c}", 2, "wait: a mapping stands where one value is expected"),
        (
            "phones: {abcdefghijklmnop: {}}",
            1,
            "phones.abcdefghijklmnop: 'abcdefghijklmnop' is longer than 15 characters",
        ),
        ("phones: {a: {count: 2}}", 1, "phones.a: is counted, so its name needs a number in braces, such as user{001}"),
        (
            'phones: {"a{1}": {count: 2, address: "255.255.255.{255}"}}',
            1,
            "phones.a{1}: has a number in braces that cannot count up that far",
        ),
        ('phones: {"a": {address: "127.1.0.{1}"}}', 1, "phones.a.address: '127.1.0.{1}' is no IPv4 address"),
    ],
)
def test_mistake_says_line_field_and_rule(text, line, problem):
    assert mistakes(text) == [(line, problem)]


def test_file_may_begin_with_a_byte_order_mark(tmp_path):
    file = tmp_path / "lab.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x")
    assert read_text_file(file) == "name: x"


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"\xff", "is not UTF-8 at byte 0"), (b"a" * (MAX_FILE_BYTES + 1), f"is longer than {MAX_FILE_BYTES} bytes")],
)
def test_unreadable_files_are_refused(tmp_path, content, problem):
    file = tmp_path / "lab.yaml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_text_file(file)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml: No such file or directory"):
        read_text_file(tmp_path / "nowhere.yaml")


def test_a_record_is_read_from_what_json_has():
    values = {"phones": {"desk": {"lines": [2001, {"number": "0123", "label": True}]}}, "wait": "10:00", "emcc": False}
    top = read_record(Top, values)
    assert top.phones == (Phone(name="desk", lines=(Line(number="2001"), Line(number="0123", label="true"))),)
    assert (top.wait_s, top.emcc, top.limit_s) == (36000, False, None)


def test_a_wrong_record_says_where_in_words_of_the_caller():
    with pytest.raises(InputError) as raised:
        read_record(Top, {"emcc": "maybe", "wiat": "1 s"}, ("lab",))
    assert str(raised.value).splitlines() == [
        "lab.emcc: 'maybe' is neither true nor false",
        "lab.wiat: 'wiat' is no setting here; did you mean 'wait'?",
        "lab: has no phones",
    ]


def test_changes_hold_only_what_was_given_and_null_is_the_default():
    assert read_changes(Top, {"wait": None, "groups": None, "limit": "1 s"}) == {
        "wait_s": 1,
        "groups": (),
        "limit_s": 1,
    }
    assert read_changes(Top, {}) == {}


def test_a_change_is_refused_like_a_file():
    with pytest.raises(InputError, match="is no setting here; did you mean 'emcc'"):
        read_changes(Top, {"emc": True})
    with pytest.raises(InputError, match="phones: nothing stands where a mapping by name"):
        read_changes(Top, {"phones": None})


def test_many_mistakes_are_counted():
    with pytest.raises(InputError, match="and 10 more mistakes"):
        read_changes(Top, {f"field{number}": "x" for number in range(60)})
