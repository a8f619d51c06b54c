import pytest

from emcc_emu.rules.versions import Version, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("9", Version(9)),
        ("12.5", Version(12, 5)),
        ("14.0.1", Version(14, 0, 1)),
        ("12.5.1.14900-11", Version(12, 5, 1, 14900, 0, 11)),
        ("8.6.2.10000.30-1", Version(8, 6, 2, 10000, 30, 1)),
    ],
)
def test_reads_releases(text, version):
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "twelve", "12.", "12.5-", "1.2.3.4.5.6", "12.5.1 SU3"])
def test_refuses_what_is_no_release(text):
    with pytest.raises(ValueError, match="is no release"):
        parse_version(text)


@pytest.mark.parametrize(
    ("version", "other", "expected"),
    [("12.5.1.14900-11", "12.5", True), ("12.0", "12.5", False), ("9.1", "10", False), ("12", "12.0", True)],
)
def test_compares_numbers_not_texts(version, other, expected):
    assert parse_version(version).is_at_least(other) is expected
