import pytest

from emcc_emu.settings.counting import counted_copies, has_counter, without_braces
from emcc_emu.settings.declaration import Settings


class Line(Settings, frozen=True, kw_only=True):
    number: str
    partition: str = ""


class Phone(Settings, frozen=True, kw_only=True):
    name: str
    count: int = 1
    address: str = ""
    lines: tuple[Line, ...] = ()


def test_numbers_in_braces_count_up_with_their_width():
    phones = counted_copies(Phone(name="user{0009}", count=3, lines=(Line(number="{50009}"), Line(number="1"))), 3)
    assert [phone.name for phone in phones] == ["user0009", "user0010", "user0011"]
    assert [phone.lines[0].number for phone in phones] == ["50009", "50010", "50011"]
    assert {phone.lines[1].number for phone in phones} == {"1"}
    assert {phone.count for phone in phones} == {1}


def test_device_names_count_in_hexadecimal():
    assert counted_copies(Phone(name="SEP02AA{0000000F}"), 2)[1].name == "SEP02AA00000010"


def test_addresses_count_as_a_whole():
    phones = counted_copies(Phone(name="a{1}", address="127.1.100.{254}"), 4)
    assert [phone.address for phone in phones] == ["127.1.100.254", "127.1.100.255", "127.1.101.0", "127.1.101.1"]


def test_without_braces_all_copies_are_alike():
    assert counted_copies(Phone(name="same", count=2), 2) == (Phone(name="same"), Phone(name="same"))


def test_hexadecimal_digits_outside_of_device_names_are_refused():
    with pytest.raises(ValueError, match="invalid literal"):
        counted_copies(Phone(name="user{0A}"), 2)


def test_addresses_end_where_addresses_end():
    with pytest.raises(ValueError, match="not permitted"):
        counted_copies(Phone(name="a{1}", address="255.255.255.{255}"), 2)


def test_braces_are_recognised_and_removed():
    assert has_counter("user{0001}@x")
    assert not has_counter("user{x}")
    assert without_braces("user{0001}@x") == "user0001@x"
