"""The form control `xml=` that carries every EM and EMCC document, and the percent-encoding of user IDs."""

from __future__ import annotations

from urllib.parse import quote_plus, unquote_plus, unquote_to_bytes

from yarl import URL

__all__ = ["FORM_CONTENT_TYPE", "MAX_FORM_BYTES", "decode_form", "decode_user_id", "encode_form", "encode_user_id"]

FORM_CONTENT_TYPE = "application/x-www-form-urlencoded"
"""Content type of every request to EMService."""

MAX_FORM_BYTES = 256 * 1024
"""Longest form read; percent-encoding triples the brackets of a document. Bytes."""


REPLACEMENT = "\ufffd"
"""Stands for bytes that could not be decoded."""


def encode_form(document: str | bytes, control: str = "xml") -> bytes:
    """Write a document as the one control of a form."""
    return f"{control}={quote_plus(document)}".encode("ascii")


def decode_form(form: bytes | str, control: str = "xml") -> bytes | None:
    """Find a control in a form body or a query string and return its decoded value.

    Hex digits of either case and `+` for a space are understood. Other controls are passed over.

    Args:
        form: The body, or the query string without its question mark.
        control: Name of the control, compared with case.

    Returns:
        The value as UTF-8, or None when the control is missing, empty, there twice or not UTF-8, or the form is longer
        than `MAX_FORM_BYTES`.
    """
    if len(form) > MAX_FORM_BYTES:
        return None
    text = form if isinstance(form, str) else form.decode("utf-8", "replace")
    values = URL.build(query_string=text, encoded=True).query.getall(control, ())  # in C, 8 times as fast as urllib
    if len(values) != 1 or not values[0]:
        return None
    if REPLACEMENT in values[0] and not _is_utf8(form):
        return None
    return values[0].encode("utf-8", "replace")


def _is_utf8(form: bytes | str) -> bool:
    """Whether the decoded form is UTF-8, as it may be although it holds the replacement character."""
    try:
        unquote_to_bytes(form).decode()
    except UnicodeDecodeError:
        return False
    return True


def encode_user_id(user_id: str) -> str:
    """Write a user ID as answers carry it: `em@example.com` becomes `em%40example.com`.

    Like Java's URLEncoder: letters, digits and `.-*_` stay, a space becomes `+`, the rest `%XX` of its UTF-8.
    """
    if user_id.isascii() and user_id.isalnum():
        return user_id
    return quote_plus(user_id, safe="*-._", errors="replace").replace("~", "%7E")


def decode_user_id(text: str) -> str:
    """Read a user ID of an answer."""
    return unquote_plus(text) if "%" in text or "+" in text else text
