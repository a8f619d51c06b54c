"""Settings as plain values, which read back as the same settings."""

from typing import Annotated

from msgspec import Meta

from emcc_emu.settings.declaration import Duration, Rate, Settings
from emcc_emu.settings.reading import read_record
from emcc_emu.settings.writing import plain_settings


class Line(Settings, frozen=True, kw_only=True):
    number: Annotated[str, Meta(pattern="^[0-9]+$")]
    secret: str = ""


class Phone(Settings, frozen=True, kw_only=True):
    __keyed_by__ = "name"
    name: str
    lines: tuple[Line, ...] = ()


class Top(Settings, frozen=True, kw_only=True):
    phones: tuple[Phone, ...] = ()
    main: Line = Line(number="1")
    wait_s: Duration = 90
    limit_s: Duration | None = None
    rate_per_s: Rate = 1.25
    emcc: bool = True


TOP = Top(phones=(Phone(name="desk", lines=(Line(number="2001"),)),), limit_s=0.25)


def test_everything_is_spelt_as_in_a_file():
    assert plain_settings(TOP) == {
        "phones": {"desk": {"lines": [{"number": "2001", "secret": ""}]}},
        "main": {"number": "1", "secret": ""},
        "wait": "90 s",
        "limit": "250 ms",
        "rate": "75/min",
        "emcc": True,
    }


def test_what_is_written_reads_back():
    assert read_record(Top, plain_settings(TOP)) == TOP
    assert read_record(Top, plain_settings(Top())) == Top()


def test_secrets_are_left_out():
    assert plain_settings(Line(number="1", secret="x"), without=("secret",)) == {"number": "1"}
