"""Forms, tokens and URI schemes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from emcc_emu.wire.phone_objects import InputItem, MenuItem, PhoneInput, PhoneMenu
from emcc_emu.wire.phone_uri import (
    append_query,
    append_query_string_param,
    build_services_menu,
    expand_tokens,
    is_fetched,
    recognise_uri,
    submit_url,
)

EM_URL = "http://192.0.2.10:8080/emapp/EMAppServlet?device=#DEVICENAME#&EMCC=#EMCC#"


def test_submitting_appends_the_fields_in_order():
    form = PhoneInput(
        url="http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP001122334455&EMCC=true",
        items=(InputItem("User ID", "userid"), InputItem("PIN", "seq", "NP")),
    )
    assert submit_url(form, {"seq": "12345", "userid": "jdoe", "other": "x"}) == (
        "http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP001122334455&EMCC=true&userid=jdoe&seq=12345"
    )


def test_an_empty_field_sends_its_default_or_nothing():
    form = PhoneInput(url="http://x/a", items=(InputItem("", "u", "A", "last"), InputItem("", "p")))
    assert submit_url(form, {}) == "http://x/a?u=last&p="
    assert submit_url(form, {"u": ""}) == "http://x/a?u=&p="


@pytest.mark.parametrize(
    ("url", "result"),
    [
        ("http://x", "http://x?a=1"),
        ("http://x?", "http://x?a=1"),
        ("http://x?b&", "http://x?b&a=1"),
        ("http://x?b=2", "http://x?b=2&a=1"),
    ],
)
def test_the_separator_fits_the_url(url, result):
    assert append_query(url, [("a", "1")]) == result


def test_no_parameters_leave_the_url_alone():
    assert append_query("http://x", []) == "http://x"


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_any_value_arrives(value):
    assert URL(append_query("http://x/", [("userid", value)]), encoded=True).query["userid"] == value


def test_the_phone_replaces_the_tokens():
    assert expand_tokens(EM_URL, device_name="SEP001122334455", is_emcc_capable=True).endswith(
        "?device=SEP001122334455&EMCC=true"
    )
    assert expand_tokens(EM_URL, device_name="D", is_emcc_capable=False).endswith("?device=D&EMCC=false")
    assert expand_tokens(EM_URL, device_name="D").endswith("?device=D&EMCC=#EMCC#")


@pytest.mark.parametrize(
    ("uri", "scheme", "is_executable"),
    [
        ("SoftKey:Exit", "SoftKey", False),
        ("Init:CallHistory", "Init", True),
        ("Key:Line1", "Key", True),
        ("Device:Unlock", "Device", True),
        ("Notify:http:h:80:p", "Notify", False),
        ("http://x/", "http", True),
        ("https://x/", "https", True),
    ],
)
def test_recognises_uris(uri, scheme, is_executable):
    found = recognise_uri(uri)
    assert (found.scheme, found.is_executable) == (scheme, is_executable)
    assert found.is_fetched == is_fetched(uri)


@pytest.mark.parametrize("uri", ["", "Init", "init:Services", "HTTP://x/", "http:x", "Bogus:x"])
def test_knows_no_other_uris(uri):
    assert recognise_uri(uri) is None


def test_query_string_param_adds_to_the_other_url():
    assert append_query_string_param("http://x/a", "QueryStringParam:action=delete") == "http://x/a?action=delete"
    assert append_query_string_param("http://x/?b=1", "QueryStringParam:action=delete") == "http://x/?b=1&action=delete"
    assert append_query_string_param("http://x/a", "QueryStringParam:") == "http://x/a"
    assert append_query_string_param("http://x/a", "SoftKey:Exit") == "http://x/a"


def test_the_services_menu_names_the_device():
    assert build_services_menu([("Extension Mobility", EM_URL)], "SEP001122334455") == PhoneMenu(
        title="Services",
        prompt="Select a service...",
        items=(
            MenuItem(
                "Extension Mobility",
                "http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP001122334455&EMCC=#EMCC#",
            ),
        ),
    )
