import pytest

from emcc_emu.settings.plans import AddressPlan, ChoicePlan, DurationPlan, FlagPlan, NumberPlan, RatePlan, TextPlan
from emcc_emu.settings.scalars import ScalarRefused, duration_text, rate_text, scalar_value

LOGIN_TIME = DurationPlan(0, 168 * 3600.0)


@pytest.mark.parametrize(
    ("plan", "text", "value"),
    [
        (TextPlan(), "0123", "0123"),
        (TextPlan(), "10:00", "10:00"),
        (TextPlan(), "yes", "yes"),
        (TextPlan(pattern="^[0-9]+$"), "12", "12"),
        (NumberPlan(1, 100), "100", 100),
        (NumberPlan(), "-5", -5),
        (FlagPlan(), "false", False),
        (FlagPlan(), "No", False),
        (FlagPlan(), "on", True),
        (LOGIN_TIME, "10:00", 36000.0),
        (LOGIN_TIME, "168:00", 604800.0),
        (LOGIN_TIME, "0:00", 0.0),
        (LOGIN_TIME, "0", 0.0),
        (LOGIN_TIME, "500 ms", 0.5),
        (LOGIN_TIME, "1.5h", 5400.0),
        (LOGIN_TIME, "30 min", 1800.0),
        (LOGIN_TIME, "1 d", 86400.0),
        (RatePlan(), "20/s", 20.0),
        (RatePlan(), "75 / min", 1.25),
        (RatePlan(0, 100), "1.5/h", 1.5 / 3600),
        (AddressPlan(), "127.1.0.10", "127.1.0.10"),
        (ChoicePlan(("low_loss", "lossy")), "lossy", "lossy"),
        (ChoicePlan((8, 64)), "64", 64),
    ],
)
def test_text_becomes_the_declared_type(plan, text, value):
    assert scalar_value(plan, text) == value


@pytest.mark.parametrize(
    ("plan", "text", "problem", "nearest"),
    [
        (TextPlan(min_length=1), "", "is empty", ""),
        (TextPlan(max_length=3), "abcd", "'abcd' is longer than 3 characters", ""),
        (TextPlan(pattern="^[0-9]+$"), "1a", "'1a' does not have the form ^[0-9]+$", ""),
        (TextPlan(pattern="^[0-9]+$"), "1\n", r"'1\n' does not have the form ^[0-9]+$", ""),
        (NumberPlan(1, 100), "0", "0 is below 1", ""),
        (NumberPlan(1, 100), "101", "101 is above 100", ""),
        (NumberPlan(), "5.0", "'5.0' is no whole number", ""),
        (NumberPlan(), "true", "'true' is no whole number", ""),
        (FlagPlan(), "ture", "'ture' is neither true nor false", "true"),
        (LOGIN_TIME, "169:00", "'169:00' is longer than 7 d", ""),
        (DurationPlan(600), "9 min", "'9 min' is shorter than 10 min", ""),
        (LOGIN_TIME, "30", "'30' needs a unit: ms, s, min, h or d; or hours and minutes as in 10:00", ""),
        (LOGIN_TIME, "30 mn", "'30 mn' needs a unit: ms, s, min, h or d; or hours and minutes as in 10:00", "min"),
        (LOGIN_TIME, "10:60", "'10:60' is no duration such as 10:00, 15 s or 30 min", ""),
        (RatePlan(), "20", "'20' is no rate such as 20/s, 75/min or 300/h", ""),
        (RatePlan(), "20/mn", "'20/mn' needs a unit: /s, /min, /h or /d", "min"),
        (RatePlan(1), "30/min", "'30/min' is below 1/s", ""),
        (RatePlan(0, 10), "11/s", "'11/s' is above 10/s", ""),
        (AddressPlan(), "127.1.0.256", "'127.1.0.256' is no IPv4 address", ""),
        (AddressPlan(), "::1", "'::1' is no IPv4 address", ""),
        (ChoicePlan(("low_loss", "lossy")), "low_los", "'low_los' is none of low_loss, lossy", "low_loss"),
        (ChoicePlan(("", "UID")), "uid", "'uid' is none of '', UID", "UID"),
    ],
)
def test_refuses_with_value_rule_and_nearest_word(plan, text, problem, nearest):
    with pytest.raises(ScalarRefused) as refused:
        scalar_value(plan, text)
    assert (refused.value.problem, refused.value.nearest) == (problem, nearest)


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [(0, "0 s"), (0.5, "500 ms"), (15, "15 s"), (90, "90 s"), (1800, "30 min"), (36000, "10 h"), (86400, "1 d")],
)
def test_durations_are_written_in_the_largest_whole_unit(duration_s, text):
    assert duration_text(duration_s) == text
    assert scalar_value(LOGIN_TIME, text) == duration_s


@pytest.mark.parametrize(
    ("rate_per_s", "text"), [(20.0, "20/s"), (1.25, "75/min"), (1.5 / 60, "90/h"), (1 / 7, "0.142857/s")]
)
def test_rates_are_written_in_the_smallest_whole_unit(rate_per_s, text):
    assert rate_text(rate_per_s) == text
    assert scalar_value(RatePlan(), text) == pytest.approx(rate_per_s, rel=1e-5)
