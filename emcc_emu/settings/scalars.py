"""Scalar texts into values of their declared type, by that type alone."""

from __future__ import annotations

import ipaddress
import re

from emcc_emu.settings.mistakes import nearest_word, show_value
from emcc_emu.settings.plans import AddressPlan, ChoicePlan, DurationPlan, FlagPlan, NumberPlan, RatePlan, TextPlan

__all__ = ["ScalarPlan", "ScalarRefused", "duration_text", "rate_text", "scalar_value"]

ScalarPlan = TextPlan | NumberPlan | DurationPlan | RatePlan | FlagPlan | AddressPlan | ChoicePlan

_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_HOURS_MINUTES = re.compile(r"(\d{1,4}):([0-5]\d)")
_AMOUNT = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]*)")
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*/\s*([a-z]+)")
_WHOLE_NUMBER = re.compile(r"-?\d{1,19}")


class ScalarRefused(ValueError):
    """A text is no value of the declared type.

    Args:
        problem: The value and the rule that it breaks.
        nearest: The nearest valid word, empty for none.
    """

    def __init__(self, problem: str, nearest: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.nearest = nearest


def scalar_value(plan: ScalarPlan, text: str) -> str | int | float | bool:
    """The value that `text` is under `plan`.

    Raises:
        ScalarRefused: It is none.
    """
    match plan:
        case TextPlan():
            return _text(plan, text)
        case NumberPlan():
            return _number(plan, text)
        case DurationPlan():
            return _duration(plan, text)
        case RatePlan():
            return _rate(plan, text)
        case FlagPlan():
            return _flag(text)
        case AddressPlan():
            return _address(text)
        case _:
            return _choice(plan, text)


def duration_text(duration_s: float) -> str:
    """A duration as a file writes it, in the largest unit that keeps it whole."""
    for unit, unit_s in (("d", 86400), ("h", 3600), ("min", 60)):
        if duration_s and duration_s % unit_s == 0 and duration_s >= unit_s:
            return f"{duration_s / unit_s:g} {unit}"
    return f"{duration_s:g} s" if duration_s >= 1 or duration_s == 0 else f"{duration_s * 1000:g} ms"


def rate_text(rate_per_s: float) -> str:
    """A rate as a file writes it, in the smallest unit that keeps it whole."""
    for unit in ("s", "min", "h"):
        amount = rate_per_s * _UNITS_S[unit]
        if abs(amount - round(amount)) < 1e-9:
            return f"{amount:.0f}/{unit}"
    return f"{rate_per_s:g}/s"


def _text(plan: TextPlan, text: str) -> str:
    if len(text) < plan.min_length:
        raise ScalarRefused("is empty")
    if len(text) > plan.max_length:
        raise ScalarRefused(f"{show_value(text)} is longer than {plan.max_length} characters")
    if plan.pattern and re.fullmatch(plan.pattern.removeprefix("^").removesuffix("$"), text) is None:
        raise ScalarRefused(f"{show_value(text)} does not have the form {plan.pattern}")
    return text


def _number(plan: NumberPlan, text: str) -> int:
    if _WHOLE_NUMBER.fullmatch(text) is None:
        raise ScalarRefused(f"{show_value(text)} is no whole number")
    number = int(text)
    if plan.minimum is not None and number < plan.minimum:
        raise ScalarRefused(f"{number} is below {plan.minimum}")
    if plan.maximum is not None and number > plan.maximum:
        raise ScalarRefused(f"{number} is above {plan.maximum}")
    return number


def _duration(plan: DurationPlan, text: str) -> float:
    duration_s = _seconds(text.strip().lower())
    if duration_s < plan.minimum_s:
        raise ScalarRefused(f"{show_value(text)} is shorter than {duration_text(plan.minimum_s)}")
    if plan.maximum_s is not None and duration_s > plan.maximum_s:
        raise ScalarRefused(f"{show_value(text)} is longer than {duration_text(plan.maximum_s)}")
    return duration_s


def _seconds(text: str) -> float:
    if clock := _HOURS_MINUTES.fullmatch(text):
        return int(clock[1]) * 3600.0 + int(clock[2]) * 60.0
    amount = _AMOUNT.fullmatch(text)
    if amount is None:
        raise ScalarRefused(f"{show_value(text)} is no duration such as 10:00, 15 s or 30 min")
    if amount[2] not in _UNITS_S:
        if not amount[2] and float(amount[1]) == 0:
            return 0.0
        raise ScalarRefused(
            f"{show_value(text)} needs a unit: ms, s, min, h or d; or hours and minutes as in 10:00",
            nearest_word(amount[2], _UNITS_S) if amount[2] else "",
        )
    return float(amount[1]) * _UNITS_S[amount[2]]


def _rate(plan: RatePlan, text: str) -> float:
    rate = _RATE.fullmatch(text.strip().lower())
    if rate is None:
        raise ScalarRefused(f"{show_value(text)} is no rate such as 20/s, 75/min or 300/h")
    if rate[2] not in _UNITS_S:
        raise ScalarRefused(f"{show_value(text)} needs a unit: /s, /min, /h or /d", nearest_word(rate[2], _UNITS_S))
    rate_per_s = float(rate[1]) / _UNITS_S[rate[2]]
    if rate_per_s < plan.minimum_per_s:
        raise ScalarRefused(f"{show_value(text)} is below {rate_text(plan.minimum_per_s)}")
    if plan.maximum_per_s is not None and rate_per_s > plan.maximum_per_s:
        raise ScalarRefused(f"{show_value(text)} is above {rate_text(plan.maximum_per_s)}")
    return rate_per_s


def _flag(text: str) -> bool:
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise ScalarRefused(f"{show_value(text)} is neither true nor false", nearest_word(text, ("true", "false")))
    return flag


def _address(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ScalarRefused(f"{show_value(text)} is no IPv4 address") from None


def _choice(plan: ChoicePlan, text: str) -> str | int:
    by_text = {str(choice): choice for choice in plan.choices}
    if text not in by_text:
        words = ", ".join(word or "''" for word in by_text)
        raise ScalarRefused(f"{show_value(text)} is none of {words}", nearest_word(text, by_text))
    return by_text[text]
