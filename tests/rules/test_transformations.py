import pytest

from emcc_emu.lab.model import DigitTransformation
from emcc_emu.rules.transformations import Numbers, apply_mask, transform, transform_for_member


@pytest.mark.parametrize(
    ("mask", "number", "result"),
    [
        ("", "2001", "2001"),
        ("XXXX", "2001", "2001"),
        ("XX", "2001", "01"),
        ("408555XXXX", "2001", "4085552001"),
        ("14085550199", "2001", "14085550199"),
        ("XXXXXX", "2001", "2001"),
        ("xx00", "2001", "2000"),
    ],
)
def test_a_mask_lies_over_the_right_end(mask, number, result):
    assert apply_mask(mask, number) == result


@pytest.mark.parametrize(
    ("discard", "called", "result"),
    [
        ("none", "9011#", "9011#"),
        ("pre_dot", "9011#", "011#"),
        ("trailing_hash", "9011#", "9011"),
        ("pre_dot_trailing_hash", "9011#", "011"),
    ],
)
def test_digits_are_discarded_by_the_pattern(discard, called, result):
    out = transform(Numbers("2001", called), DigitTransformation(discard=discard), "9.011!#")
    assert out == Numbers("2001", result)


def test_discarding_without_a_dot_keeps_all_digits():
    assert transform(Numbers("1", "911"), DigitTransformation(discard="pre_dot"), "911").called == "911"


def test_mask_then_prefix():
    change = DigitTransformation(called_mask="XXXX", called_prefix="8", calling_mask="5XXX", calling_prefix="+1")
    assert transform(Numbers("2001", "4085550100"), change) == Numbers("+15001", "80100")


def test_external_mask_is_laid_under_the_calling_mask():
    change = DigitTransformation(use_external_mask=True, calling_prefix="1")
    assert transform(Numbers("2001", "911"), change, external_mask="408555XXXX").calling == "14085552001"


def test_a_member_that_says_nothing_leaves_it_to_the_pattern():
    from_pattern = DigitTransformation(discard="pre_dot", calling_mask="4085550199")
    out = transform_for_member(Numbers("2001", "9911"), from_pattern, DigitTransformation(), "9.911")
    assert out == Numbers("4085550199", "911")


def test_a_member_replaces_only_the_half_it_speaks_about():
    from_pattern = DigitTransformation(discard="pre_dot", calling_mask="4085550199")
    called_half = transform_for_member(
        Numbers("2001", "9911"), from_pattern, DigitTransformation(called_prefix="7"), "9.911"
    )
    calling_half = transform_for_member(
        Numbers("2001", "9911"), from_pattern, DigitTransformation(calling_prefix="7"), "9.911"
    )
    assert called_half == Numbers("4085550199", "79911")
    assert calling_half == Numbers("72001", "911")
