import pytest

from emcc_emu.rules.security_modes import is_configuration_encrypted, security_refusal, version_refusal
from emcc_emu.rules.versions import Version

V8, V9, V12 = Version(8, 6), Version(9, 1), Version(12, 5)

TABLE_6 = [
    ("mixed", "mixed", True, None),
    ("mixed", "mixed", False, None),
    ("mixed", "non_secure", False, None),
    ("non_secure", "mixed", True, 46),
    ("non_secure", "non_secure", False, None),
    ("non_secure", "mixed", False, None),
]
TABLE_7 = [
    ("mixed", "mixed", True, 43),
    ("mixed", "mixed", False, None),
    ("mixed", "non_secure", False, None),
    ("non_secure", "mixed", True, 43),
    ("non_secure", "non_secure", False, None),
    ("non_secure", "mixed", False, None),
]
TABLE_8 = [
    ("mixed", "mixed", True, 45),
    ("mixed", "mixed", False, None),
    ("mixed", "non_secure", False, None),
    ("non_secure", "mixed", True, 45),
    ("non_secure", "non_secure", False, None),
    ("non_secure", "mixed", False, None),
]


@pytest.mark.parametrize("visiting", [V9, V12])
@pytest.mark.parametrize(("home_mode", "visiting_mode", "is_phone_secure", "code"), TABLE_6)
def test_table_6_both_of_release_9_or_later(visiting, home_mode, visiting_mode, is_phone_secure, code):
    assert security_refusal(V9, home_mode, visiting, visiting_mode, is_phone_secure=is_phone_secure) == code


@pytest.mark.parametrize(("home_mode", "visiting_mode", "is_phone_secure", "code"), TABLE_7)
def test_table_7_visiting_before_9(home_mode, visiting_mode, is_phone_secure, code):
    assert security_refusal(V9, home_mode, V8, visiting_mode, is_phone_secure=is_phone_secure) == code


@pytest.mark.parametrize(("home_mode", "visiting_mode", "is_phone_secure", "code"), TABLE_8)
def test_table_8_home_before_9(home_mode, visiting_mode, is_phone_secure, code):
    assert security_refusal(V8, home_mode, V9, visiting_mode, is_phone_secure=is_phone_secure) == code


def test_a_secure_phone_in_a_non_secure_cluster_cannot_be():
    assert security_refusal(V9, "mixed", V9, "non_secure", is_phone_secure=True) == 43


@pytest.mark.parametrize(("home", "is_secure", "code"), [(V8, True, 45), (V8, False, None), (V9, True, None)])
def test_visiting_refuses_by_the_home_release_before_it_asks(home, is_secure, code):
    assert version_refusal(home, is_phone_secure=is_secure) == code


@pytest.mark.parametrize(
    ("home", "visiting", "is_flag_on", "expected"),
    [(V9, V12, True, True), (V9, V12, False, False), (V8, V12, True, False), (V12, V8, True, False)],
)
def test_configuration_is_encrypted_only_between_releases_9_and_with_the_flag(home, visiting, is_flag_on, expected):
    assert is_configuration_encrypted(home, visiting, is_flag_on=is_flag_on) is expected
