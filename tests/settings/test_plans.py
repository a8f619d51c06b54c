from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from emcc_emu.settings.declaration import Address, Duration, Rate, Settings
from emcc_emu.settings.plans import (
    AddressPlan,
    ChoicePlan,
    DurationPlan,
    FlagPlan,
    KeyedPlan,
    ListPlan,
    NumberPlan,
    OptionalPlan,
    RatePlan,
    RecordPlan,
    TextPlan,
    settings_of,
)


class Inner(Settings, frozen=True, kw_only=True):
    __keyed_by__ = "name"
    name: str


class Plain(Settings, frozen=True, kw_only=True):
    size: int = 1


class Everything(Settings, frozen=True, kw_only=True):
    text: Annotated[str, Meta(min_length=1, max_length=9, pattern="^a+$")]
    number: Annotated[int, Meta(ge=1, le=100)] = 5
    any_number: int = 0
    wait_s: Duration = 1.5
    limit_s: Annotated[float, Meta(ge=5, le=600, extra={"text": "duration"})] | None = None
    rate_per_s: Rate = 1.0
    flag: bool = False
    address: Address = ""
    choice: Literal["a", "b"] = "a"
    names: Annotated[tuple[str, ...], Meta(max_length=2)] = ()
    plain: Plain = Plain()
    plains: tuple[Plain, ...] = ()
    inners: Annotated[tuple[Inner, ...], Meta(min_length=1)] = ()


def test_every_annotation_has_its_plan():
    assert {setting.field: setting.plan for setting in settings_of(Everything)} == {
        "text": TextPlan(1, 9, "^a+$"),
        "number": NumberPlan(1, 100),
        "any_number": NumberPlan(),
        "wait_s": DurationPlan(0.0, None),
        "limit_s": OptionalPlan(DurationPlan(5.0, 600.0)),
        "rate_per_s": RatePlan(),
        "flag": FlagPlan(),
        "address": AddressPlan(),
        "choice": ChoicePlan(("a", "b")),
        "names": ListPlan(TextPlan(), 0, 2),
        "plain": RecordPlan(Plain),
        "plains": ListPlan(RecordPlan(Plain)),
        "inners": KeyedPlan(Inner, 1),
    }


def test_files_write_durations_and_rates_without_the_unit_in_the_key():
    keys = {setting.field: setting.key for setting in settings_of(Everything)}
    assert (keys["wait_s"], keys["limit_s"], keys["rate_per_s"], keys["text"]) == ("wait", "limit", "rate", "text")


def test_a_field_without_default_is_required():
    assert [setting.field for setting in settings_of(Everything) if setting.is_required] == ["text"]
    assert settings_of(Everything)[0].default is msgspec.NODEFAULT


def test_a_type_that_files_cannot_express_is_refused():
    class Wrong(Settings, frozen=True, kw_only=True):
        pair: tuple[int, str]

    with pytest.raises(TypeError, match="cannot express"):
        settings_of(Wrong)
