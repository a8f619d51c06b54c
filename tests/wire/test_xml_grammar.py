"""Content models written as in a DTD."""

import pytest

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.xml import parse_xml
from emcc_emu.wire.xml_grammar import ContentModel, leaf_text

LOGIN = ContentModel("deviceName, userID+, (time|never)?")


def tags(children):
    return [child.tag for child in children]


@pytest.mark.parametrize(
    "content", ["<deviceName/><userID/>", "<deviceName/><userID/><userID/><time/>", "<deviceName/><userID/><never/>"]
)
def test_accepts_what_conforms(content):
    children = LOGIN.children(parse_xml(f"<login>\n{content}\n</login>".encode()))
    assert len(children) == content.count("<")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<deviceName/>",
        "<userID/><deviceName/>",
        "<deviceName/><userID/><time/><never/>",
        "<deviceName/><userID/><x/>",
        "<DEVICENAME/><userID/>",
        "<deviceName/>text<userID/>",
        "text<deviceName/><userID/>",
    ],
)
def test_refuses_what_does_not(content):
    with pytest.raises(XmlInvalid):
        LOGIN.children(parse_xml(f"<login>{content}</login>".encode()))


def test_lenient_reading_puts_children_into_the_order_of_the_model():
    root = parse_xml(b"<login><time/><userID>1</userID><deviceName/><userID>2</userID></login>")
    children = LOGIN.children(root, is_lenient=True)
    assert tags(children) == ["deviceName", "userID", "userID", "time"]
    assert [child.text for child in children[1:3]] == ["1", "2"]


def test_lenient_reading_still_counts():
    with pytest.raises(XmlInvalid):
        LOGIN.children(parse_xml(b"<login><userID/></login>"), is_lenient=True)
    with pytest.raises(XmlInvalid):
        LOGIN.children(parse_xml(b"<login><x/><userID/><deviceName/></login>"), is_lenient=True)


def test_an_empty_model_is_an_empty_element():
    assert ContentModel("").children(parse_xml(b"<a/>")) == []
    with pytest.raises(XmlInvalid):
        ContentModel("").children(parse_xml(b"<a><b/></a>"))


def test_gives_texts_by_name():
    model = ContentModel("a, b?")
    assert model.texts(parse_xml(b"<x><a> 1 </a><b/></x>")) == {"a": "1", "b": ""}


def test_a_leaf_has_no_children():
    with pytest.raises(XmlInvalid, match="elements instead of text"):
        leaf_text(parse_xml(b"<a><b/></a>"))
