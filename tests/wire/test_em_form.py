"""The form control around every document, and user IDs in answers."""

from urllib.parse import unquote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.wire.em_form import MAX_FORM_BYTES, decode_form, decode_user_id, encode_form, encode_user_id

DEVICE_QUERY = (
    "<query><appInfo><appID>emproxy</appID><appCertificate>s3cret</appCertificate></appInfo>"
    "<deviceUserQuery><deviceName>SEP001122334455</deviceName></deviceUserQuery></query>"
)
DEVICE_QUERY_FORM = (
    b"xml=%3Cquery%3E%3CappInfo%3E%3CappID%3Eemproxy%3C%2FappID%3E%3CappCertificate%3Es3cret%3C%2FappCertificate%3E"
    b"%3C%2FappInfo%3E%3CdeviceUserQuery%3E%3CdeviceName%3ESEP001122334455%3C%2FdeviceName%3E%3C%2FdeviceUserQuery%3E"
    b"%3C%2Fquery%3E"
)


def test_a_request_body_is_234_octets_long():
    assert encode_form(DEVICE_QUERY) == DEVICE_QUERY_FORM
    assert len(DEVICE_QUERY_FORM) == 234
    assert decode_form(DEVICE_QUERY_FORM) == DEVICE_QUERY.encode()


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (b"xml=%3ca+b%3D%221%22/%3E", b'<a b="1"/>'),
        ("other=1&xml=%3Ca%2F%3E", b"<a/>"),
        (b"xml=<a b='1'>x</a>", b"<a b='1'>x</a>"),
        (b"xml=%E5%B1%B1", "山".encode()),
        (b"XML=%3Ca%2F%3E", None),
        (b"xml=", None),
        (b"", None),
        (b"xml", None),
        (b"xml=%FF", None),
        (b"xml=\xff", None),
        ("xml=%3Ca%3E%C0%80", None),
        (b"xml=%EF%BF%BD", "\ufffd".encode()),
        (b"xml=a&xml=b", None),
        (b"xml=a&more=b", b"a"),
        (b"xml=%zz", b"%zz"),
        (b"x" * (MAX_FORM_BYTES + 1), None),
    ],
)
def test_decodes_the_control(form, value):
    assert decode_form(form) == value


def test_other_controls_can_be_asked_for():
    assert decode_form(b"XML=%3Ca%2F%3E", "XML") == b"<a/>"
    assert encode_form(b"<a/>", "XML") == b"XML=%3Ca%2F%3E"


@given(st.text(min_size=1, max_size=80))
def test_every_text_survives_the_form(text):
    text = text.encode("utf-8", "replace").decode()
    assert decode_form(encode_form(text)) == text.encode()


@given(st.binary(max_size=80))
def test_any_bytes_decode_or_are_missing(form):
    assert decode_form(form) is None or isinstance(decode_form(form), bytes)


@pytest.mark.parametrize(
    ("user_id", "encoded"),
    [("ayamada", "ayamada"), ("em@example.com", "em%40example.com"), ("a b*c-._~", "a+b*c-._%7E"), ("山", "%E5%B1%B1")],
)
def test_user_ids_are_encoded_as_java_does(user_id, encoded):
    assert encode_user_id(user_id) == encoded
    assert decode_user_id(encoded) == user_id


@given(st.text(max_size=40))
def test_encoded_user_ids_come_back(user_id):
    user_id = user_id.encode("utf-8", "replace").decode()
    assert decode_user_id(encode_user_id(user_id)) == user_id == unquote_plus(encode_user_id(user_id))
