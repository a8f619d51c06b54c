import pytest

from emcc_emu.lab.patterns import parse_pattern, pattern_problem


@pytest.mark.parametrize(
    ("pattern", "digits", "weight"),
    [
        ("911", "911", 1),
        ("9.911", "9911", 1),
        ("9XX", "911", 100),
        ("9[1-3]X", "911", 30),
        ("9[^1-3]X", "955", 70),
        ("9[135*]", "9*", 4),
        ("9!", "911", 144),
        ("9!#", "9011#", 1728),
        ("\\+81X", "+815", 10),
        ("9!", "9", None),
        ("9!#", "9#", None),
        ("9!#", "9011", None),
        ("9!", "9A", None),
        ("9XX", "91", None),
        ("9XX", "9111", None),
        ("9XX", "811", None),
        ("9[^1-3]X", "911", None),
    ],
)
def test_weight_is_how_many_numbers_match_as_well(pattern, digits, weight):
    assert parse_pattern(pattern).weight(digits) == weight


@pytest.mark.parametrize(
    ("pattern", "digits", "expected"),
    [
        ("911", "91", True),
        ("911", "911", False),
        ("911", "92", False),
        ("9!", "9", True),
        ("9!", "91", True),
        ("9!", "9A", False),
    ],
)
def test_patterns_know_whether_more_digits_may_follow(pattern, digits, expected):
    assert parse_pattern(pattern).can_grow(digits) is expected


def test_the_dot_says_what_stands_before_it():
    assert parse_pattern("91.X").dot_position == 2
    assert parse_pattern("91X").dot_position is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("9.1.1", "second dot"),
        ("9!.1", "dot after"),
        ("9!!", "more than one '!'"),
        ("9Y", "'Y'"),
        ("9+1", r"'\+'"),
        ("9[12", r"'\[' without"),
        ("9[]", "empty brackets"),
        ("9[5-2]", "5-2"),
        ("9[X]", "'X' in brackets"),
        (".", "matches no number"),
        ("9@", "'@'"),
    ],
)
def test_refuses_what_is_no_pattern(pattern, problem):
    with pytest.raises(ValueError, match=problem):
        parse_pattern(pattern)
    assert pattern_problem(pattern)


def test_a_good_pattern_has_no_problem():
    assert pattern_problem("9.1[2-9]XXXXXXXXX") == ""
