"""Reading XML from peers without trusting them, and escaping text for XML that we write.

Nothing is ever resolved: no entity, no DTD, no network. A DOCTYPE may stand in a document (the real EMService
writes one in front of every query), but a document that declares entities is refused, because the only known use of
them here is an attack. Size, depth and number of elements are bounded.

Building is done elsewhere by f-strings whose values went through `escape`: four times as fast as a tree.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from lxml import etree

from emcc_emu.errors import XmlInvalid

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_ELEMENTS",
    "Element",
    "child_text",
    "element_text",
    "escape",
    "escape_attribute",
    "parse_xml",
]

Element: TypeAlias = etree._Element
"""An lxml element; the tree holds elements only, neither comments nor processing instructions."""

MAX_BYTES = 256 * 1024
"""Largest document read. Bytes; a full phone configuration has about 15 kB."""

MAX_DEPTH = 32
"""Deepest nesting read; a phone configuration needs 9 levels."""

MAX_ELEMENTS = 20_000
"""Most elements read in one document."""

_PARSER = etree.XMLParser(  # holds options only; lxml makes a context for each document
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    remove_comments=True,
    remove_pis=True,
    huge_tree=False,
)

_ROOT_TAG = re.compile(rb"<([A-Za-z_][\w.\-]*)")
_XSI_DECLARED = rb'<\1 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 production 2


def parse_xml(
    data: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_elements: int = MAX_ELEMENTS,
) -> Element:
    """Read one document and return its root element.

    The prefix `xsi:` may be used without a declaration, as the configuration files of real clusters do.

    Args:
        data: The document, UTF-8 unless it declares another one-byte-compatible encoding.
        max_bytes: Longest accepted document.
        max_depth: Deepest accepted nesting; the root counts 1.
        max_elements: Most accepted elements, the root included.

    Raises:
        XmlInvalid: Not well-formed, out of bounds, or declaring or using entities of its own.
    """
    if len(data) > max_bytes:
        raise XmlInvalid(f"document of {len(data)} bytes is longer than {max_bytes}")
    if b"\0" in data:  # UTF-16 and UTF-32 would hide markup from the checks below
        raise XmlInvalid("document holds NUL bytes")
    if b"xsi:" in data and b"xmlns:xsi" not in data:
        data = _ROOT_TAG.sub(_XSI_DECLARED, data, count=1)
    has_declarations = b"<!DOCTYPE" in data
    if has_declarations and b"<!ENTITY" in data:
        raise XmlInvalid("document declares entities")
    try:
        root = etree.fromstring(data, _PARSER)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlInvalid(f"not well-formed: {error}") from None
    if has_declarations or b"encoding" in data:
        _refuse_entities(root)
    if data.count(b"</") >= max_depth or data.count(b"<") > max_elements:  # else neither bound can be reached
        _check_shape(root, max_depth, max_elements)
    return root


def _refuse_entities(root: Element) -> None:
    """Refuse what the search for `<!ENTITY` misses: another encoding, or a reference to an external declaration."""
    dtd = root.getroottree().docinfo.internalDTD
    if dtd is not None and any(True for _ in dtd.iterentities()):  # type: ignore[attr-defined]  # missing in the stubs
        raise XmlInvalid("document declares entities")
    if next(root.iter(etree.Entity), None) is not None:
        raise XmlInvalid("document refers to an unknown entity")


def _check_shape(root: Element, max_depth: int, max_elements: int) -> None:
    """Walk the tree level by level until a bound is broken or the leaves are reached."""
    level, depth, elements = [root], 1, 1
    while level := [child for element in level for child in element]:
        depth += 1
        elements += len(level)
        if depth > max_depth:
            raise XmlInvalid(f"elements are nested deeper than {max_depth}")
        if elements > max_elements:
            raise XmlInvalid(f"document has more than {max_elements} elements")


def element_text(element: Element) -> str:
    """Text of a leaf element without surrounding white space; empty for an empty element."""
    text = element.text
    return text.strip() if text else ""


def child_text(element: Element, name: str, default: str = "") -> str:
    """Text of the first child of that name, or `default` when there is no such child."""
    for child in element:
        if child.tag == name:
            return element_text(child)
    return default


def escape(text: str) -> str:
    """Make text fit for element content and, on one line, for a quoted attribute.

    Characters that XML 1.0 cannot carry become U+FFFD; a carriage return is written as a reference, since a parser
    would turn it into a line feed.
    """
    if not text.isprintable():
        text = _NOT_XML.sub("\ufffd", text)
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    if ">" in text:
        text = text.replace(">", "&gt;")
    if '"' in text:
        text = text.replace('"', "&quot;")
    if "\r" in text:
        text = text.replace("\r", "&#13;")
    return text


def escape_attribute(text: str) -> str:
    """Make text fit for an attribute in double quotes, keeping its tabs and line breaks."""
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")
