"""`emcc-emu codes`."""

import json

import pytest
from click.testing import CliRunner

from emcc_emu.cli.codes import command
from emcc_emu.errors import InputError


def run(*arguments):
    result = CliRunner().invoke(command, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_json_has_every_code_with_the_agreed_keys():
    records = json.loads(run("--json"))
    assert len(records) == 53
    assert all(
        list(record) == ["code", "service", "display_en", "display_ja", "meaning", "cause", "provoke"]
        for record in records
    )
    by_code = {record["code"]: record for record in records}
    assert by_code[25]["display_en"] == "Multi-Login Not Allowed (25)"
    assert by_code[201]["display_ja"] == "再度ログインしてください (201)"


def test_json_of_chosen_codes_and_an_older_release():
    (record,) = json.loads(run("25", "--json", "--version", "11.5"))
    assert record["display_en"] == "Login is unavailable (25)"


def test_the_table_lists_all():
    output = run()
    assert "Multi-Login Not Allowed" in output
    assert "216" in output
    assert "ログインできません" in run("--locale", "ja")


def test_one_code_is_explained():
    output = run("26", "7")
    assert "Busy, please try again" in output
    assert "maximum_concurrent_requests" in output
    assert "never shown on a phone" in output


def test_an_unknown_code_names_the_nearest():
    with pytest.raises(InputError, match="no error code 24; the nearest is 23"):
        run("24")


def test_a_version_that_is_none_is_told():
    with pytest.raises(InputError, match="--version"):
        run("--version", "x")


def test_help_has_an_example():
    assert "emcc-emu codes 26" in run("--help")
