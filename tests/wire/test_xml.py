"""Reading XML that a peer may have written to hurt us, and escaping what we write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.xml import child_text, element_text, escape, escape_attribute, parse_xml

BILLION_LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">'
    b'<!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]><a>&d;&d;&d;&d;</a>'
)


def test_reads_a_document():
    root = parse_xml(b"<a><b> text </b><c/></a>")
    assert (root.tag, child_text(root, "b"), child_text(root, "c"), child_text(root, "d", "none")) == (
        "a",
        "text",
        "",
        "none",
    )
    assert element_text(root) == ""


def test_drops_comments_and_processing_instructions():
    root = parse_xml(b"<?xml version='1.0'?><!-- x --><a>on<!-- y -->e<?php echo ?><b/></a>")
    assert [child.tag for child in root] == ["b"]
    assert root.text == "one"


def test_tolerates_a_doctype_without_fetching_it():
    root = parse_xml(b'<!DOCTYPE query SYSTEM "http://192.0.2.1/x.dtd"><query><a>1</a></query>')
    assert child_text(root, "a") == "1"


def test_reads_the_undeclared_prefix_of_real_configuration_files():
    root = parse_xml(b'<?xml version="1.0"?>\n<!-- c -->\n<device  xsi:type="axl:XIPPhone"><x/></device>')
    assert root.tag == "device"
    assert [child.tag for child in root] == ["x"]


def test_reads_a_declared_prefix_as_well():
    root = parse_xml(b'<device xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x"/>')
    assert root.tag == "device"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"text",
        b"<a b='1' b='2'/>",
        b"<a>&undefined;</a>",
        b"<a>\x01</a>",
        b"<a>\xff</a>",
        b"<x:a/>",
        b"<a/><b/>",
        "<a>ä</a>".encode("utf-16"),
        "<a/>".encode("utf-32"),
    ],
)
def test_refuses_what_is_not_well_formed(data):
    with pytest.raises(XmlInvalid):
        parse_xml(data)


@pytest.mark.parametrize(
    "data",
    [
        BILLION_LAUGHS,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://192.0.2.1/x">%x;]><a/>',
        b'<!DOCTYPE a [<!ENTITY x "y">]><a b="&x;"/>',
        b'<!DOCTYPE a SYSTEM "http://192.0.2.1/x"><a>&x;</a>',
    ],
)
def test_refuses_entities(data):
    with pytest.raises(XmlInvalid):
        parse_xml(data)


def test_refuses_entities_hidden_by_another_encoding():
    hidden = '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'.encode("utf-7")
    with pytest.raises(XmlInvalid):
        parse_xml(b'<?xml version="1.0" encoding="UTF-7"?>' + hidden)
    ebcdic = '<?xml version="1.0" encoding="cp037"?><!DOCTYPE a [<!ENTITY x "y">]><a b="1"/>'.encode("cp037")
    with pytest.raises(XmlInvalid):
        parse_xml(ebcdic)


def test_refuses_entities_declared_where_the_text_search_cannot_see_them():
    # UTF-7 writes "<!ENTITY" without these letters, and the DOCTYPE stands in front in clear text
    hidden = b'<?xml version="1.0" encoding="UTF-7"?><!DOCTYPE a [<+ACE-ENTITY x "y">]><a/>'
    with pytest.raises(XmlInvalid):
        parse_xml(hidden)


def test_bounds_size_depth_and_number():
    with pytest.raises(XmlInvalid, match="longer than 10"):
        parse_xml(b"<a>" + b" " * 20 + b"</a>", max_bytes=10)
    nested = b"<a>" * 5 + b"</a>" * 5
    assert parse_xml(nested, max_depth=5).tag == "a"
    with pytest.raises(XmlInvalid, match="deeper than 4"):
        parse_xml(nested, max_depth=4)
    many = b"<a>" + b"<b/>" * 10 + b"</a>"
    assert len(parse_xml(many, max_elements=11)) == 10
    with pytest.raises(XmlInvalid, match="more than 10"):
        parse_xml(many, max_elements=10)


def test_refuses_a_document_that_is_deeper_than_the_parser_goes():
    with pytest.raises(XmlInvalid):
        parse_xml(b"<a>" * 5000 + b"</a>" * 5000)


def test_flat_documents_may_have_many_end_tags():
    assert len(parse_xml(b"<a>" + b"<b>1</b>" * 500 + b"</a>")) == 500


@given(st.binary(max_size=300))
def test_parsing_bytes_returns_or_raises_our_error(data):
    try:
        parse_xml(data)
    except XmlInvalid:
        pass


@given(st.text(alphabet="<>&\"'!?/-[]=; abxsi:\n%DOCTYPEN", max_size=120))
def test_parsing_markup_soup_returns_or_raises_our_error(text):
    try:
        parse_xml(text.encode())
    except XmlInvalid:
        pass


@given(st.text(max_size=60))
def test_escaped_text_survives_the_way_through_a_parser(text):
    root = parse_xml(f'<a b="{escape_attribute(text)}">{escape(text)}</a>'.encode())
    legal = "".join(
        c if c in "\t\n\r" or (" " <= c and c not in "\ufffe\uffff" and not _is_surrogate(c)) else "\ufffd"
        for c in text
    )
    assert (root.text or "") == legal
    assert root.get("b") == legal


def _is_surrogate(character):
    return "\ud800" <= character <= "\udfff"


def test_escapes_markup():
    assert escape('a&b<c>d"e') == "a&amp;b&lt;c&gt;d&quot;e"
    assert escape("plain") == "plain"
    assert escape("a\x00b") == "a\ufffdb"
    assert escape_attribute("a\tb\nc\rd") == "a&#9;b&#10;c&#13;d"
