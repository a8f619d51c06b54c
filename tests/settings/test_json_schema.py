import re
from typing import Annotated, Literal

from msgspec import Meta

from emcc_emu.settings.declaration import Address, Duration, Rate, Settings
from emcc_emu.settings.json_schema import json_schema


class Line(Settings, frozen=True, kw_only=True):
    """A line."""

    __shorthand__ = "number"

    number: Annotated[str, Meta(pattern="^[0-9]+$", min_length=1)]
    """Its number."""


class Phone(Settings, frozen=True, kw_only=True):
    """A phone."""

    __keyed_by__ = "name"

    name: str
    """Its name."""

    lines: Annotated[tuple[Line, ...], Meta(max_length=2)] = ()
    """Its lines."""

    first: Line | None = None
    """A line, or none."""


class Top(Settings, frozen=True, kw_only=True):
    """A file."""

    phones: Annotated[tuple[Phone, ...], Meta(min_length=1)]
    """Phones."""

    wait_s: Duration = 0
    """A wait."""

    rate_per_s: Rate = 1
    """A rate."""

    address: Address = ""
    """An address."""

    flag: bool = True
    """A flag."""

    size: Annotated[int, Meta(ge=1)] = 1
    """A size."""

    model: Literal["7821", "soft"] = "7821"
    """A model."""


SCHEMA = json_schema(Top, "files")


def test_top_is_closed_and_lists_what_is_required():
    assert (SCHEMA["title"], SCHEMA["type"], SCHEMA["additionalProperties"]) == ("files", "object", False)
    assert SCHEMA["required"] == ["phones"]
    assert SCHEMA["properties"]["wait"]["description"] == "A wait."


def test_keyed_settings_are_a_mapping_without_the_key_field():
    phones = SCHEMA["properties"]["phones"]
    assert phones["additionalProperties"]["anyOf"][0] == {"$ref": "#/$defs/Phone"}
    assert phones["minProperties"] == 1
    assert set(SCHEMA["$defs"]["Phone"]["properties"]) == {"lines", "first"}


def test_a_shorthand_is_an_alternative():
    shorthand, full = SCHEMA["$defs"]["Line"]["anyOf"]
    assert shorthand["minLength"] == 1
    assert full["required"] == ["number"]


def test_patterns_let_counters_pass():
    pattern = SCHEMA["$defs"]["Line"]["anyOf"][0]["pattern"]
    assert re.search(pattern, "{50001}")
    assert not re.search(pattern, "5a")


def test_values_are_typed():
    properties = SCHEMA["properties"]
    assert re.search(properties["wait"]["pattern"], "30 min")
    assert re.search(properties["rate"]["pattern"], "75/min")
    assert re.search(properties["address"]["pattern"], "127.1.100.{1}")
    assert properties["size"]["minimum"] == 1
    assert True in properties["flag"]["enum"]
    assert properties["model"]["enum"] == ["7821", "soft", 7821]
    assert SCHEMA["$defs"]["Phone"]["properties"]["lines"]["maxItems"] == 2
    assert {"type": "null"} in SCHEMA["$defs"]["Phone"]["properties"]["first"]["anyOf"]
