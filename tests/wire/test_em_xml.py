"""Requests and queries of the EM API: what conforms, what is code 1, what is code 8."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import EmError
from emcc_emu.wire.em_form import decode_form
from emcc_emu.wire.em_xml import (
    AppInfo,
    CheckUserQuery,
    DeviceProfileQuery,
    DeviceUserQuery,
    LoginRequest,
    LogoutAllRequest,
    LogoutRequest,
    UserDevicesQuery,
    build_em_document,
    parse_em_document,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"
APP = AppInfo("emproxy", "s3cret")
APP_XML = "<appInfo><appID>emproxy</appID><appCertificate>s3cret</appCertificate></appInfo>"
OWN = AppInfo("CCMSysUser", "shared secret", is_encrypted=True)

DOCUMENTS = [
    LoginRequest(app=APP, device_name="SEP001122334455", user_id="ayamada"),
    LoginRequest(
        app=OWN,
        device_name="SEP001122334455",
        user_id="a&b",
        device_profile="UDP <1>",
        exclusive_duration_min=60,
        remote_ip="192.0.2.51",
        is_via_header_set=False,
    ),
    LoginRequest(app=APP, device_name="D", user_id="U", exclusive_duration_min="indefinite", is_via_header_set=True),
    LogoutRequest(app=APP, device_name="SEP001122334455"),
    LogoutRequest(app=OWN, device_name="SEP001122334455", remote_ip="192.0.2.51", is_via_header_set=True),
    LogoutAllRequest(app=APP),
    DeviceUserQuery(app=APP, device_names=("SEP001122334455", "SEP0011223344AA")),
    DeviceUserQuery(app=OWN, device_names=("SEP001122334455",), login_type="DN", remote_ip="192.0.2.51"),
    UserDevicesQuery(app=APP, user_ids=("ayamada", "bsato"), remote_ip="192.0.2.51"),
    CheckUserQuery(app=OWN, user_ids=("ayamada",), login_type="SP", remote_ip="192.0.2.51", is_via_header_set=False),
    DeviceProfileQuery(app=APP, user_ids=("em@example.com",)),
]


def failure_code(data, **options):
    with pytest.raises(EmError) as caught:
        parse_em_document(data if isinstance(data, bytes) else data.encode(), **options)
    return caught.value.code


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: type(document).__name__)
def test_every_document_comes_back_as_it_was_written(document):
    assert parse_em_document(build_em_document(document)) == document


def test_writes_a_query_byte_for_byte():
    query = DeviceUserQuery(app=APP, device_names=("SEP001122334455",))
    assert build_em_document(query) == (
        f"<query>{APP_XML}<deviceUserQuery><deviceName>SEP001122334455</deviceName></deviceUserQuery></query>".encode()
    )


def test_reads_a_login_with_declaration_and_doctype():
    assert parse_em_document((FIXTURES / "em-login.xml").read_bytes()) == LoginRequest(
        app=APP,
        device_name="SEP001122334455",
        user_id="ayamada",
        device_profile="UDP-ayamada",
        exclusive_duration_min=60,
    )


def test_reads_a_logout_out_of_its_form():
    form = (
        b"xml=%3Crequest%3E%3CappInfo%3E%3CappID%3Eemproxy%3C%2FappID%3E%3CappCertificate%3Es3cret%3C%2FappCertificate"
        b"%3E%3C%2FappInfo%3E%3Clogout%3E%3CdeviceName%3ESEP001122334455%3C%2FdeviceName%3E%3C%2Flogout%3E%3C%2Frequest"
        b"%3E"
    )
    assert len(form) == 220
    assert parse_em_document(decode_form(form)) == LogoutRequest(app=APP, device_name="SEP001122334455")


def test_both_names_of_the_profile_query_are_known():
    for name in ("deviceProfileQuery", "userDeviceProfileQuery"):
        data = f"<query>{APP_XML}<{name}><userID>ayamada</userID></{name}></query>".encode()
        assert parse_em_document(data) == DeviceProfileQuery(app=APP, user_ids=("ayamada",))


def test_an_indefinite_duration_may_be_written_with_two_tags():
    data = (
        f"<request>{APP_XML}<login><deviceName>D</deviceName><userID>U</userID>"
        "<exclusiveDuration><indefinite></indefinite></exclusiveDuration></login></request>"
    )
    assert parse_em_document(data.encode()).exclusive_duration_min == "indefinite"


def test_an_unknown_query_is_code_8():
    assert failure_code(f"<query>{APP_XML}<fooQuery/></query>") == 8
    assert failure_code(f"<query>{APP_XML}</query>") == 8
    assert failure_code("<query/>") == 8


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<request>",
        "<results/>",
        "<emccRequest/>",
        "<request/>",
        f"<request>{APP_XML}</request>",
        f"<request>{APP_XML}<LOGIN><deviceName>D</deviceName><userID>U</userID></LOGIN></request>",
        f"<request>{APP_XML}<login><userID>U</userID><deviceName>D</deviceName></login></request>",
        f"<request>{APP_XML}<login><deviceName>D</deviceName></login></request>",
        f"<request>{APP_XML}<login><deviceName><b/></deviceName><userID>U</userID></login></request>",
        f"<request>{APP_XML}<logout/></request>",
        f"<request>{APP_XML}<logoutAll><deviceName>D</deviceName></logoutAll></request>",
        f"<request>{APP_XML}<logoutAll/><logoutAll/></request>",
        f"<request><logoutAll/>{APP_XML}</request>",
        "<request><appInfo><appID>a</appID></appInfo><logoutAll/></request>",
        f"<query>{APP_XML}<deviceUserQuery/></query>",
        "<query><deviceUserQuery><deviceName>D</deviceName></deviceUserQuery></query>",
        f"<query>{APP_XML}<userDevicesQuery><deviceName>D</deviceName></userDevicesQuery></query>",
    ],
)
def test_what_does_not_conform_is_code_1(data):
    assert failure_code(data) == 1


@pytest.mark.parametrize(
    "duration",
    [
        "<time>0</time>",
        "<time>-5</time>",
        "<time>1.5</time>",
        "<time/>",
        "<time>9999999999</time>",
        "<time>²</time>",
        "<indefinite>x</indefinite>",
        "<forever/>",
        "",
    ],
)
def test_a_duration_that_is_no_positive_number_is_code_1(duration):
    data = (
        f"<request>{APP_XML}<login><deviceName>D</deviceName><userID>U</userID>"
        f"<exclusiveDuration>{duration}</exclusiveDuration></login></request>"
    )
    assert failure_code(data) == 1


def test_more_than_a_hundred_names_are_code_1():
    names = "<deviceName>D</deviceName>"
    query = f"<query>{APP_XML}<deviceUserQuery>{{}}</deviceUserQuery></query>"
    assert len(parse_em_document(query.format(names * 100).encode()).device_names) == 100
    assert failure_code(query.format(names * 101)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "<deviceUserQuery><deviceName>D</deviceName><loginType>DN</loginType></deviceUserQuery>",
        "<checkUser><userID>U</userID><loginType>DN</loginType></checkUser>",
    ],
)
def test_login_type_is_code_1_before_release_12(query):
    data = f"<query>{APP_XML}{query}</query>".encode()
    assert parse_em_document(data).login_type == "DN"
    assert failure_code(data, accepts_login_type=False) == 1


def test_lenient_reading_accepts_another_order():
    data = f"<request><login><userID>U</userID><deviceName>D</deviceName></login>{APP_XML}</request>".encode()
    assert parse_em_document(data, is_lenient=True) == LoginRequest(app=APP, device_name="D", user_id="U")


def test_passwords_are_not_shown():
    assert "s3cret" not in repr(APP)


@given(st.binary(max_size=200))
def test_reading_bytes_returns_or_raises_our_error(data):
    try:
        parse_em_document(data)
    except EmError as error:
        assert error.code in (1, 8)


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_name_survives(device_name, user_id):
    document = LoginRequest(app=APP, device_name=device_name, user_id=user_id)
    read = parse_em_document(build_em_document(document))
    assert read == parse_em_document(build_em_document(read))
