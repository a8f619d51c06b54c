"""The rows of the code table."""

from emcc_emu.rules.code_table import CODE_ROWS

NUMBERS = [*range(13), *range(18, 24), *range(25, 34), *range(35, 48)]
NUMBERS += [201, 202, 204, 205, 207, 208, 210, 211, 212, 213, 215, 216]


def test_has_every_code_once_and_no_other():
    assert [row.number for row in CODE_ROWS] == NUMBERS


def test_every_row_says_all():
    for row in CODE_ROWS:
        assert row.meaning and row.cause.endswith(".") and row.provoke.endswith(".")
        assert row.operations and set(row.operations) <= set("LOQU")
