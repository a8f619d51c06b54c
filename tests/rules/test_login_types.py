import pytest

from emcc_emu.rules.login_types import is_login_type, login_type_refusal, understood_login_type
from emcc_emu.rules.versions import Version

V11, V12 = Version(11, 5), Version(12)


@pytest.mark.parametrize(
    ("visiting", "home", "login_type", "code"),
    [
        (V12, V12, "", None),
        (V12, V12, "UID", None),
        (V12, V12, "SP", None),
        (V12, V12, "DN", None),
        (V12, V11, "", None),
        (V12, V11, "UID", 1),
        (V12, V11, "SP", 1),
        (V12, V11, "DN", 1),
        (V11, V12, "", None),
        (V11, V12, "UID", None),
        (V11, V12, "SP", None),
        (V11, V12, "DN", None),
    ],
)
def test_table_5(visiting, home, login_type, code):
    assert login_type_refusal(home, understood_login_type(visiting, login_type)) == code


def test_a_visiting_cluster_before_12_ignores_the_login_type():
    assert understood_login_type(V11, "DN") == ""
    assert understood_login_type(V12, "DN") == "DN"


@pytest.mark.parametrize(("text", "expected"), [("", True), ("UID", True), ("SP", True), ("DN", True), ("dn", False)])
def test_only_three_login_types_exist(text, expected):
    assert is_login_type(text) is expected
