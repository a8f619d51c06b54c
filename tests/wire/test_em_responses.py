"""Answers of EMService, byte for byte as traces show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.em_documents import (
    CheckUserResult,
    DeviceUserResult,
    Failure,
    ProfileEntry,
    Success,
    UserDevicesResult,
    UserProfilesResult,
)
from emcc_emu.wire.em_responses import (
    build_check_user_results,
    build_device_user_results,
    build_failure,
    build_profile_results,
    build_success,
    build_user_devices_results,
    parse_em_response,
)


def test_success_is_56_octets():
    assert build_success() == b'<?xml version="1.0"?>\n<response>\n<success/>\n</response>\n'
    assert len(build_success()) == 56
    assert parse_em_response(build_success()) == Success()


def test_failure_of_a_login_carries_code_and_text():
    answer = build_failure(3, "Could not authenticate '<emproxy>'")
    assert answer == (
        b'<?xml version="1.0"?>\n<response>\n<failure>\n'
        b"<error code=\"3\">Could not authenticate '&lt;emproxy&gt;'</error>\n</failure>\n</response>\n"
    )
    assert parse_em_response(answer) == Failure(3, "Could not authenticate '<emproxy>'")


def test_failure_of_a_query_has_no_declaration():
    assert build_failure(8, "Query type undetermined", is_query=True) == (
        b'<response>\n<failure>\n<error code="8">Query type undetermined</error>\n</failure>\n</response>\n'
    )


def test_failure_may_have_the_shape_of_the_dtd():
    answer = build_failure(6, "Database Error", is_query=True, uses_error_message=True)
    assert answer == (b"<response>\n<failure>\n<errorMessage>Database Error</errorMessage>\n</failure>\n</response>\n")
    assert parse_em_response(answer) == Failure(0, "Database Error")


def test_device_query_answer_for_a_phone_that_nobody_ever_used():
    assert build_device_user_results([DeviceUserResult("SEP001122334455")]) == (
        b'<response>\n<deviceUserResults>\n<device name="SEP001122334455">\n<none/>\n<none/>\n'
        b"<emccDevice>no</emccDevice>\n</device>\n</deviceUserResults>\n</response>\n"
    )


def test_device_query_answer_in_every_state():
    results = (
        DeviceUserResult("SEP1", user_id="em@example.com", last_user_id="b@example.com"),
        DeviceUserResult("SEP2", last_user_id="bsato"),
        DeviceUserResult("SEP3", does_exist=False),
        DeviceUserResult("SEP4", user_id="ayamada", is_emcc_device=True),
    )
    answer = build_device_user_results(results)
    assert answer == (
        b"<response>\n<deviceUserResults>\n"
        b'<device name="SEP1">\n<userID>em%40example.com</userID>\n<lastlogin>b@example.com</lastlogin>\n'
        b"<emccDevice>no</emccDevice>\n</device>\n"
        b'<device name="SEP2">\n<none/>\n<lastlogin>bsato</lastlogin>\n<emccDevice>no</emccDevice>\n</device>\n'
        b'<device name="SEP3">\n<doesNotExist/>\n</device>\n'
        b'<device name="SEP4">\n<userID>ayamada</userID>\n<none/>\n<emccDevice>yes</emccDevice>\n</device>\n'
        b"</deviceUserResults>\n</response>\n"
    )
    assert parse_em_response(answer) == results


def test_old_releases_have_no_emcc_device():
    assert b"emccDevice" not in build_device_user_results([DeviceUserResult("D")], has_emcc_device=False)


def test_user_query_answer():
    results = (
        UserDevicesResult("ayamada", device_names=("SEP001122334455", "SEP0011223344AA")),
        UserDevicesResult("bsato"),
        UserDevicesResult("nobody@example.com", does_exist=False),
    )
    answer = build_user_devices_results(results)
    assert answer == (
        b'<response>\n<userDevicesResults>\n<user id="ayamada">\n<deviceName>SEP001122334455</deviceName>\n'
        b"<deviceName>SEP0011223344AA</deviceName>\n</user>\n"
        b'<user id="bsato">\n<none/>\n</user>\n<user id="nobody%40example.com">\n<doesNotExist/>\n</user>\n'
        b"</userDevicesResults>\n</response>\n"
    )
    assert parse_em_response(answer) == results


def test_profile_query_answer():
    results = (
        UserProfilesResult(
            "em@example.com", profiles=(ProfileEntry("UDP-ayamada", is_default=True), ProfileEntry("UDP-2"))
        ),
        UserProfilesResult("bsato"),
        UserProfilesResult("nobody", does_exist=False),
    )
    answer = build_profile_results(results)
    assert answer.startswith(
        b'<response>\n<deviceProfileResults>\n<user id="em%40example.com">\n<deviceProfile>\n'
        b"<deviceProfileName>UDP-ayamada</deviceProfileName>\n<isDefaultDeviceProfile>t</isDefaultDeviceProfile>\n"
        b"</deviceProfile>\n"
    )
    assert parse_em_response(answer) == results


def test_check_user_answer():
    results = (CheckUserResult("ayamada", "ayamada"),)
    answer = build_check_user_results(results)
    assert answer == (
        b'<response>\n<checkUserResults>\n<user id="ayamada">\n<exists>ayamada</exists>\n</user>\n'
        b"</checkUserResults>\n</response>\n"
    )
    assert parse_em_response(answer) == results


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html/>",
        b"<response/>",
        b"<response><other/></response>",
        b"<response><success/><success/></response>",
        b"<response><failure/></response>",
        b'<response><failure><error code="x"/></failure></response>',
        b"<response><failure><error/></failure></response>",
        b'<response><failure><other code="3"/></failure></response>',
    ],
)
def test_what_is_no_answer_is_refused(data):
    with pytest.raises(XmlInvalid):
        parse_em_response(data)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text == text.strip()))
def test_any_user_id_survives(user_id):
    user_id = user_id.encode("utf-8", "replace").decode()
    (result,) = parse_em_response(build_user_devices_results([UserDevicesResult(user_id)]))
    assert result.user_id == user_id


@given(st.binary(max_size=100))
def test_reading_bytes_returns_or_raises_our_error(data):
    try:
        parse_em_response(b"<response>" + data + b"</response>")
    except XmlInvalid:
        pass
