"""Looking up children by name."""

import pytest

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.xml_section import parse_section

SECTION = parse_section(b'<a n="5" t="x"><b> 1 </b><b>2</b><c/><d><e>7</e></d><f>1x</f></a>', "a")


def test_gives_texts_and_numbers():
    assert SECTION.text("b") == "1"
    assert SECTION.number("b", 0) == 1
    assert "b" in SECTION
    assert SECTION.section("d").number("e", 0) == 7
    assert [child.element.text for child in SECTION.sections("b")] == [" 1 ", "2"]
    assert SECTION.attribute("t") == "x"
    assert SECTION.attribute_number("n") == 5


def test_what_is_missing_or_empty_has_its_default():
    assert SECTION.text("c", "none") == SECTION.text("x", "none") == "none"
    assert SECTION.number("c", 3) == SECTION.number("x", 3) == 3
    assert "x" not in SECTION
    assert SECTION.section("x").section("y").text("z") == ""
    assert SECTION.sections("x") == []
    assert SECTION.attribute("x", "y") == "y"
    assert SECTION.attribute_number("x", 9) == 9


def test_text_is_no_number():
    with pytest.raises(XmlInvalid, match="f '1x' is not a number"):
        SECTION.number("f", 0)
    with pytest.raises(XmlInvalid):
        SECTION.attribute_number("t")


def test_another_root_is_refused():
    with pytest.raises(XmlInvalid, match="instead of device"):
        parse_section(b"<a/>", "device")
