import pytest

from emcc_emu.lab.model import RoutePattern, TranslationPattern
from emcc_emu.rules.dial_plan import (
    DialPlan,
    DirectoryNumberFound,
    NotFound,
    PatternFound,
    Reason,
    line_partitions,
)
from emcc_emu.rules.transformations import Numbers


def route(pattern, partition="pstn", **more):
    return RoutePattern(pattern=pattern, partition=partition, destination="gateway", **more)


def nobody(number, partition):
    return False


def found(plan, called, partitions=("pstn",), is_directory_number=nobody, **more):
    return plan.find(Numbers("2001", called), partitions, is_directory_number, **more)


def matched(plan, called, partitions=("pstn",), **more):
    result = found(plan, called, partitions, **more)
    assert isinstance(result, PatternFound), result
    return result.pattern.pattern


@pytest.mark.parametrize(
    ("called", "pattern"),
    [
        ("914085550100", "9.1[2-9]XXXXXXXXX"),
        ("911", "911"),
        ("9911", "9.911"),
        ("95550100", "9.[2-9]XXXXXX"),
        ("90115550100", "9.011!"),
        ("9011555#", "9.011!#"),
        ("+81300000000", "\\+81!"),
        ("7*5", "7*X"),
        ("80", "8[^1-9]"),
        ("6A", "6A"),
    ],
)
def test_matches_each_kind_of_pattern(called, pattern):
    patterns = [
        "9.1[2-9]XXXXXXXXX", "911", "9.911", "9.[2-9]XXXXXX", "9.011!", "9.011!#", "\\+81!", "7*X", "8[^1-9]", "6A",
    ]  # fmt: skip
    assert matched(DialPlan([route(text) for text in patterns]), called) == pattern


@pytest.mark.parametrize(
    ("patterns", "called", "closest"),
    [
        (["9XXX", "91XX"], "9123", "91XX"),
        (["91XX", "9XXX"], "9123", "91XX"),
        (["9!", "9XXX"], "9123", "9XXX"),
        (["1[2-4]X", "1XX", "12X"], "125", "12X"),
        (["1[2-4]X", "1XX", "12X"], "135", "1[2-4]X"),
        (["X!", "9!"], "9123", "9!"),
    ],
)
def test_the_closest_pattern_wins(patterns, called, closest):
    assert matched(DialPlan([route(text) for text in patterns]), called) == closest


def test_the_closest_pattern_wins_over_the_order_of_partitions():
    plan = DialPlan([route("9XXX", "first"), route("9123", "second")])
    assert matched(plan, "9123", ("first", "second")) == "9123"


def test_the_order_of_partitions_breaks_ties():
    plan = DialPlan([route("911", "home"), route("911", "adjunct")])
    result = found(plan, "911", ("adjunct", "home"))
    assert result.pattern.partition == "adjunct"


def test_partitions_outside_of_the_css_are_not_reached():
    plan = DialPlan([route("911", "emergency")])
    assert found(plan, "911", ("internal",)) == NotFound(Reason.UNALLOCATED)


def test_what_is_in_no_partition_is_reached_by_everyone_but_last():
    plan = DialPlan([route("911", ""), route("911", "emergency")])
    assert found(plan, "911", ()).pattern.partition == ""
    assert found(plan, "911", ("emergency",)).pattern.partition == "emergency"


def test_a_directory_number_is_as_close_as_can_be():
    plan = DialPlan([route("3XXX")])
    result = found(
        plan, "3001", ("pstn", "internal"), lambda number, partition: (number, partition) == ("3001", "internal")
    )
    assert result == DirectoryNumberFound("3001", "internal", Numbers("2001", "3001"))


def test_a_directory_number_and_an_equal_pattern_are_tied():
    plan = DialPlan([route("3001", "first")])
    assert (
        found(plan, "3001", ("first", "second"), lambda _, partition: partition == "second").pattern.pattern == "3001"
    )
    assert isinstance(
        found(plan, "3001", ("second", "first"), lambda _, partition: partition == "second"), DirectoryNumberFound
    )


def test_blocking_patterns_refuse():
    plan = DialPlan([route("9.1900XXXXXXX", block=True)])
    assert found(plan, "919005550100") == NotFound(Reason.BLOCKED)


@pytest.mark.parametrize(
    ("called", "reason"), [("91", Reason.INCOMPLETE), ("5", Reason.UNALLOCATED), ("9999999999", Reason.UNALLOCATED)]
)
def test_too_few_digits_are_told_from_wrong_ones(called, reason):
    assert found(DialPlan([route("9.1XXX")]), called) == NotFound(reason)


def test_translation_patterns_change_digits_and_look_again():
    translation = TranslationPattern(pattern="0", partition="internal", called_mask="3001", css="lines")
    plan = DialPlan([], [translation])
    result = found(
        plan, "0", ("internal",), lambda number, partition: (number, partition) == ("3001", "desk"),
        partitions_of={"lines": ("desk",)}.__getitem__,
    )  # fmt: skip
    assert result == DirectoryNumberFound("3001", "desk", Numbers("2001", "3001"))


def test_translation_patterns_without_a_css_keep_the_callers():
    plan = DialPlan([route("9.911")], [TranslationPattern(pattern="112", partition="pstn", called_mask="9911")])
    result = found(plan, "112")
    assert (result.pattern.pattern, result.numbers.called) == ("9.911", "9911")


def test_translation_loops_end():
    plan = DialPlan([], [TranslationPattern(pattern="0", called_mask="0")])
    assert found(plan, "0") == NotFound(Reason.TRANSLATION_LOOP)


@pytest.mark.parametrize(
    ("called", "is_complete"),
    [("9", False), ("91", False), ("911", True), ("9114085", False), ("91140855", True), ("5", False), ("0119", False)],
)
def test_digit_collection_ends_at_urgent_matches_or_when_nothing_longer_fits(called, is_complete):
    plan = DialPlan([route("911", urgent=True), route("911XXXXX"), route("011!")])
    assert plan.is_complete(called, ("pstn",), nobody) is is_complete


def test_an_extension_is_complete_when_no_pattern_is_longer():
    assert DialPlan([]).is_complete("3001", (), lambda number, _: number == "3001")
    assert not DialPlan([route("3001X")]).is_complete("3001", ("pstn",), lambda number, _: number == "3001")


def test_partitions_of_a_line_come_before_those_of_the_device_and_after_the_adjunct_ones():
    line, device = ("internal", "block"), ("internal", "pstn")
    assert line_partitions(line, device) == ("internal", "block", "pstn")
    assert line_partitions((), device) == ("internal", "pstn")
    assert line_partitions(line, device, ("emergency", "internal")) == ("emergency", "internal", "block", "pstn")
