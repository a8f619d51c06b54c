"""Thresholds are short sentences, strictly read."""

from __future__ import annotations

import pytest

from emcc_emu.errors import InputError
from phones.load.thresholds import check_expectations, parse_expectation


@pytest.mark.parametrize(
    ("text", "figure", "bound"),
    [
        ("login p95 < 2s", "login p95", 2.0),
        ("login p99.9 <= 1500 ms", "login p99.9", 1.5),
        ("errors < 1%", "errors", 0.01),
        ("throttled > 0.1", "throttled", 0.1),
        ("login rate >= 75/min", "login rate", 1.25),
        ("logout ok = 30", "logout ok", 30.0),
        ("unserved=0", "unserved", 0.0),
    ],
)
def test_a_threshold_is_read(text: str, figure: str, bound: float) -> None:
    expectation = parse_expectation(text)
    assert (expectation.figure, expectation.bound) == (figure, pytest.approx(bound))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("be quick", "is no expectation such as"),
        ("logn p95 < 2s", "did you mean 'login'?"),
        ("login p59 < 2s", "did you mean 'p99'?"),
        ("erors < 1%", "did you mean 'errors'?"),
        ("login p95 < 2%", "login p95 is a time, not a share"),
        ("login p95 < 2", "login p95 is a time, not a number"),
        ("errors < 2s", "errors is a share, not a time"),
        ("login < 2s", "'login' is none of"),
    ],
)
def test_a_wrong_threshold_says_what_would_be_right(text: str, message: str) -> None:
    with pytest.raises(InputError, match="(?s)" + message.replace("?", r"\?")):
        parse_expectation(text)


def test_thresholds_hold_break_or_were_not_measured() -> None:
    wanted = tuple(parse_expectation(text) for text in ("login p95 < 2s", "errors < 1%", "call p50 < 1s"))
    held, broken, missing = check_expectations(wanted, {"login p95": 1.5, "errors": 0.02})
    assert (held.is_met, broken.is_met, missing.is_met) == (True, False, False)
    assert (held.shown_value, broken.shown_value, missing.shown_value) == ("1.50 s", "2.00%", "not measured")
