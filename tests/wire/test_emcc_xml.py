"""Requests between clusters. Their shape is our own design, except where a docstring says otherwise."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import EmError
from emcc_emu.wire.emcc_xml import (
    AppInfo,
    CheckUser,
    DeviceInfo,
    EmccInfo,
    EmccLogin,
    HomeLogin,
    HomeLogout,
    VisitingLogout,
    build_em_uri,
    build_emcc_request,
    parse_emcc_request,
    parse_service_document,
)

FIXTURES = Path(__file__).parents[2] / "fixtures" / "xml"
INFO = EmccInfo("ClusterA", "12.5.1.14900-11", 0, 3)
EM_URI = "http://192.0.2.10:8080/emapp/EMAppServlet?device=SEP001122334455&doLogout=true"
EM_URI_ENCODED = "http%3A%2F%2F192.0.2.10%3A8080%2Femapp%2FEMAppServlet%3Fdevice%3DSEP001122334455%26doLogout%3Dtrue"
DEVICE = DeviceInfo(
    device_name="SEP001122334455",
    product=508,
    model=621,
    ip_address="192.0.2.51",
    geolocation={"country": "JP", "A1": "Tokyo", "A3": "Minato"},
)
HOME_LOGIN = HomeLogin(
    info=INFO, user_id="ayamada", credential="13579", device_profile="UDP-ayamada", device=DEVICE, em_uri=EM_URI
)

REQUESTS = [
    EmccLogin(
        app=AppInfo("CCMSysUser", "shared", is_encrypted=True),
        device_name="SEP001122334455",
        user_id="ayamada",
        credential="13579",
        em_uri=EM_URI,
        remote_ip="192.0.2.51",
    ),
    EmccLogin(
        app=AppInfo("CCMSysUser", "shared", is_encrypted=True),
        device_name="D",
        user_id="a&b",
        credential="1<3",
        device_profile="UDP",
        login_type="DN",
        em_uri="http://x/?a=1+2 3",
        remote_ip="192.0.2.51",
        is_via_header_set=True,
    ),
    CheckUser(info=INFO, user_id="ayamada", credential="13579", device_name="SEP001122334455"),
    CheckUser(info=INFO, user_id="2001", credential="13579", login_type="DN", device_name="SEP001122334455"),
    HOME_LOGIN,
    HomeLogin(
        info=EmccInfo("Ä", "9.1", 1, 2**40),
        user_id="u",
        credential="1",
        login_type="SP",
        device_profile="P",
        device=DeviceInfo(
            device_name="D",
            product=1,
            model=2,
            protocol=12,
            device_security_mode=3,
            ip_address="192.0.2.1",
            load_information="sip78xx.12-1-1-12",
            user_locale="Japanese_Japan",
        ),
        em_uri=EM_URI,
    ),
    HomeLogout(info=INFO, device_name="SEP001122334455", user_id="ayamada", reason="user"),
    VisitingLogout(info=INFO, device_name="SEP001122334455", user_id="ayamada", reason="multiLogin"),
]


def failure_code(data, **options):
    with pytest.raises(EmError) as caught:
        parse_emcc_request(data.encode(), **options)
    return caught.value.code


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: type(request).__name__)
def test_every_request_comes_back_as_it_was_written(request_):
    assert parse_emcc_request(build_emcc_request(request_)) == request_


def test_check_user_is_one_line_without_declaration():
    """Pins a shape of our own design."""
    assert build_emcc_request(REQUESTS[2]) == (
        b"<emccRequest><emccInfo><clusterID>ClusterA</clusterID><clusterVersion>12.5.1.14900-11</clusterVersion>"
        b"<securityMode>0</securityMode><requestID>3</requestID></emccInfo>"
        b"<checkUser><userID>ayamada</userID><credential>13579</credential>"
        b"<deviceName>SEP001122334455</deviceName></checkUser></emccRequest>"
    )


def test_home_login_equals_the_fixture_but_for_line_breaks():
    """Pins a shape of our own design."""
    fixture = (FIXTURES / "emcc-home-login.xml").read_bytes()
    assert build_emcc_request(HOME_LOGIN) == fixture.replace(b"\n", b"")
    assert parse_emcc_request(fixture) == HOME_LOGIN


def test_the_logout_address_is_percent_encoded_on_the_wire():
    """The form of the encoded address is published."""
    assert build_em_uri("192.0.2.10", 8080, "SEP001122334455") == EM_URI
    assert f"<emURI>{EM_URI_ENCODED}</emURI>".encode() in build_emcc_request(HOME_LOGIN)
    assert build_em_uri("192.0.2.10", 8443, "D", scheme="https").startswith("https://192.0.2.10:8443/")


def test_login_type_is_code_1_before_release_12():
    data = build_emcc_request(REQUESTS[3]).decode()
    assert parse_emcc_request(data.encode()).login_type == "DN"
    assert failure_code(data, accepts_login_type=False) == 1
    assert parse_emcc_request(build_emcc_request(REQUESTS[2]), accepts_login_type=False) == REQUESTS[2]
    assert parse_emcc_request(build_emcc_request(REQUESTS[6]), accepts_login_type=False) == REQUESTS[6]


def test_service_documents_may_be_of_either_kind():
    query = (
        b"<query><appInfo><appID>a</appID><appCertificate>b</appCertificate></appInfo>"
        b"<userDevicesQuery><userID>u</userID></userDevicesQuery></query>"
    )
    assert parse_service_document(query).user_ids == ("u",)
    assert parse_service_document(build_emcc_request(HOME_LOGIN)) == HOME_LOGIN
    assert failure_code(query.decode()) == 1
    with pytest.raises(EmError):
        parse_service_document(b"<query")


INFO_XML = (
    "<emccInfo><clusterID>A</clusterID><clusterVersion>12.5</clusterVersion><securityMode>0</securityMode>"
    "<requestID>3</requestID></emccInfo>"
)
APP_XML = "<appInfo><appID>a</appID><appEncryptedCertificate>b</appEncryptedCertificate></appInfo>"
LOGOUT_XML = "<deviceName>D</deviceName><userID>U</userID><reason>user</reason>"


@pytest.mark.parametrize(
    "content",
    [
        "",
        INFO_XML,
        f"{INFO_XML}<other/>",
        f"{APP_XML}<homeLogout>{LOGOUT_XML}</homeLogout>",
        f"{INFO_XML}<emccLogin/>",
        f"{INFO_XML}<homeLogout><deviceName>D</deviceName></homeLogout>",
        f"{INFO_XML}<homeLogout>{LOGOUT_XML.replace('user<', 'whim<')}</homeLogout>",
        f"{INFO_XML.replace('>3<', '>three<')}<homeLogout>{LOGOUT_XML}</homeLogout>",
        f"{INFO_XML}<homeLogin><userID>U</userID></homeLogin>",
        f"{INFO_XML}<checkUser><credential>1</credential><userID>U</userID><deviceName>D</deviceName></checkUser>",
    ],
)
def test_what_does_not_conform_is_code_1(content):
    assert failure_code(f"<emccRequest>{content}</emccRequest>") == 1


def test_pins_are_not_shown():
    assert all("13579" not in repr(request) for request in REQUESTS)


@given(st.binary(max_size=200))
def test_reading_bytes_returns_or_raises_our_error(data):
    try:
        parse_service_document(data)
    except EmError as error:
        assert error.code in (1, 8)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)


@given(TEXT, TEXT, TEXT)
def test_any_identity_survives(user_id, credential, profile):
    request = HomeLogin(
        info=INFO, user_id=user_id, credential=credential, device_profile=profile, device=DEVICE, em_uri=EM_URI
    )
    assert parse_emcc_request(build_emcc_request(request)) == request
