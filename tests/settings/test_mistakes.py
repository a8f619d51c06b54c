import pytest

from emcc_emu.errors import InputError
from emcc_emu.settings.mistakes import (
    MAX_MISTAKES_SHOWN,
    Mistake,
    input_error,
    nearest_word,
    path_text,
    plain_error,
    show_value,
)


def test_mistake_names_field_problem_and_nearest_word():
    mistake = Mistake(("clusters", "tokyo", "route_patterns", 2, "partition"), "'pstm' is no partition", 7, "pstn")
    assert mistake.text() == "clusters.tokyo.route_patterns[2].partition: 'pstm' is no partition; did you mean 'pstn'?"


def test_mistake_of_the_whole_file_names_no_field():
    assert Mistake((), "is empty", 1).text() == "is empty"


def test_path_may_begin_with_an_index():
    assert path_text((0, "name")) == "[0].name"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Phonse", "phones"), ("PHONES", "phones"), ("zzz", ""), ("user", "users")],
)
def test_nearest_word_ignores_case_and_gives_up_on_strangers(word, expected):
    assert nearest_word(word, ["phones", "users", "lines"]) == expected


def test_values_are_escaped_and_cut_short():
    assert show_value("a\n\x1b[0m") == r"'a\n\x1b[0m'"
    assert len(show_value("x" * 5000)) < 80


def test_error_lists_mistakes_in_the_order_of_the_file():
    error = input_error("lab.yaml", [Mistake(("b",), "late", 9), Mistake(("a",), "early", 2)])
    assert isinstance(error, InputError)
    assert str(error) == "lab.yaml:2: a: early\nlab.yaml:9: b: late"


def test_error_counts_what_it_does_not_show():
    error = input_error("lab.yaml", [Mistake(("a",), "wrong", line) for line in range(MAX_MISTAKES_SHOWN + 5)])
    assert str(error).splitlines()[-1] == "lab.yaml: and 5 more mistakes"


def test_mistakes_outside_of_files_are_listed_without_lines():
    error = plain_error([Mistake(("a",), "wrong", 0)] * (MAX_MISTAKES_SHOWN + 5))
    assert str(error).splitlines()[0] == "a: wrong"
    assert str(error).splitlines()[-1] == "and 5 more mistakes"
    assert str(plain_error([Mistake(("a",), "wrong", 0)])) == "a: wrong"
