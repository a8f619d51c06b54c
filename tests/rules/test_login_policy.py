import dataclasses

import pytest

from emcc_emu.lab.model import ServiceParameters
from emcc_emu.rules.login_policy import (
    CheckUserFacts,
    HomeLoginFacts,
    LoginFacts,
    LogoutFacts,
    RemoteUserFacts,
    SourceFacts,
    VisitingLoginFacts,
    check_user_refusal,
    home_login_refusal,
    login_refusal,
    logout_refusal,
    maximum_login_time_s,
    multiple_login_outcome,
    remote_user_refusal,
    search_refusal,
    source_refusal,
    visiting_login_refusal,
)
from emcc_emu.rules.versions import Version

V12_0, V12_5 = Version(12), Version(12, 5)

LOGIN_STATUS = frozenset({"login_status"})
DEVICE = LOGIN_STATUS | {"device"}
POLICY = DEVICE | {"policy"}
LOGIN = LoginFacts(
    has_proxy_rights=True, device_exists=True, is_extension_mobility_enabled=True, is_device_in_use=False,
    user_exists=True, multiple_login="allow", has_profile=True,
)  # fmt: skip
LOGIN_ORDER = [
    (10, {"has_proxy_rights": False}),
    (4, {"unreadable": POLICY}),
    (11, {"device_exists": False}),
    (20, {"unreadable": DEVICE}),
    (22, {"is_extension_mobility_enabled": False}),
    (21, {"unreadable": LOGIN_STATUS}),
    (18, {"is_device_in_use": True}),
    (23, {"user_exists": False}),
    (25, {"multiple_login": "refuse"}),
    (12, {"has_profile": False}),
]
LOGOUT = LogoutFacts(
    has_proxy_rights=True, device_exists=True, is_extension_mobility_enabled=True, is_device_in_use=True
)
LOGOUT_ORDER = [
    (10, {"has_proxy_rights": False}),
    (4, {"unreadable": POLICY}),
    (11, {"device_exists": False}),
    (20, {"unreadable": DEVICE}),
    (5, {"is_extension_mobility_enabled": False}),
    (21, {"unreadable": LOGIN_STATUS}),
    (19, {"is_device_in_use": False}),
]
VISITING = VisitingLoginFacts(
    device_exists=True, is_extension_mobility_enabled=True, supports_emcc=True, is_device_in_use=False,
    has_remote_clusters=True,
)  # fmt: skip
VISITING_ORDER = [
    (4, {"unreadable": POLICY}),
    (11, {"device_exists": False}),
    (20, {"unreadable": DEVICE}),
    (22, {"is_extension_mobility_enabled": False}),
    (32, {"supports_emcc": False}),
    (21, {"unreadable": LOGIN_STATUS}),
    (18, {"is_device_in_use": True}),
    (36, {"has_remote_clusters": False}),
]
CHECK_USER = CheckUserFacts(
    is_extension_ambiguous=False, is_pin_correct=True, must_change_pin=False, is_cluster_known=True,
    is_emcc_active=True, is_emcc_enabled_for_user=True, has_profiles=True,
)  # fmt: skip
CHECK_USER_ORDER = [
    (47, {"is_extension_ambiguous": True}),
    (9, {"is_directory_available": False}),
    (2, {"is_pin_correct": False}),
    (41, {"must_change_pin": True}),
    (35, {"is_cluster_known": False}),
    (38, {"is_emcc_active": False}),
    (31, {"is_emcc_enabled_for_user": False}),
    (12, {"has_profiles": False}),
]
HOME = HomeLoginFacts(
    security_refusal=None, is_base_device_security_right=True, is_pin_correct=True, is_cluster_known=True,
    is_emcc_active=True, is_emcc_enabled_for_user=True, has_profile=True, is_device_name_taken=False,
    multiple_login="log_out_other", has_tftp_server=True, has_free_base_device=True,
)  # fmt: skip
HOME_ORDER = [
    (46, {"security_refusal": 46}),
    (43, {"is_base_device_security_right": False}),
    (44, {"is_own_cluster_id_usable": False}),
    (9, {"is_directory_available": False}),
    (2, {"is_pin_correct": False}),
    (35, {"is_cluster_known": False}),
    (4, {"unreadable": POLICY}),
    (31, {"is_emcc_enabled_for_user": False}),
    (38, {"is_emcc_active": False}),
    (12, {"has_profile": False}),
    (37, {"is_device_name_taken": True}),
    (25, {"multiple_login": "refuse"}),
    (39, {"has_tftp_server": False}),
    (33, {"has_free_base_device": False}),
]


@pytest.mark.parametrize(
    ("refusal", "good", "order"),
    [
        (login_refusal, LOGIN, LOGIN_ORDER),
        (logout_refusal, LOGOUT, LOGOUT_ORDER),
        (visiting_login_refusal, VISITING, VISITING_ORDER),
        (check_user_refusal, CHECK_USER, CHECK_USER_ORDER),
        (home_login_refusal, HOME, HOME_ORDER),
    ],
)
def test_each_check_has_its_code_and_earlier_checks_win(refusal, good, order):
    assert refusal(good) is None
    everything_wrong_from_here = good
    for code, wrong in reversed(order):
        assert refusal(dataclasses.replace(good, **wrong)) == code
        everything_wrong_from_here = dataclasses.replace(everything_wrong_from_here, **wrong)
        assert refusal(everything_wrong_from_here) == code


@pytest.mark.parametrize(
    ("requested", "emcc", "pstn", "remote", "code"),
    [
        (False, True, True, True, 213),
        (False, True, True, False, 23),
        (False, False, True, True, 23),
        (True, False, True, True, 201),
        (True, True, False, True, 211),
        (True, True, True, True, None),
        (True, True, True, False, None),
    ],
)
def test_a_user_who_is_not_local(requested, emcc, pstn, remote, code):
    facts = RemoteUserFacts(
        is_emcc_requested=requested, is_emcc_active=emcc, is_pstn_access_active=pstn, has_remote_clusters=remote
    )
    assert remote_user_refusal(facts) == code


@pytest.mark.parametrize(
    ("facts", "parameters", "code"),
    [
        (SourceFacts(True, False), {}, None),
        (SourceFacts(True, True), {"validate_ip_address": True}, 30),
        (SourceFacts(True, True), {"validate_ip_address": True, "allow_proxy": True}, None),
        (SourceFacts(False, False), {"validate_ip_address": True}, 28),
        (SourceFacts(False, False, is_device_data_available=False), {"validate_ip_address": True}, 29),
        (SourceFacts(False, True, is_device_data_available=False), {"validate_ip_address": True}, None),
        (
            SourceFacts(True, True, is_between_clusters=True),
            {"validate_ip_address": True, "allow_proxy": True},
            30,
        ),
        (
            SourceFacts(True, True, is_between_clusters=True),
            {"validate_ip_address": True, "emcc_allow_proxy": True},
            None,
        ),
    ],
)
def test_where_a_request_may_come_from(facts, parameters, code):
    assert source_refusal(facts, ServiceParameters(**parameters)) == code


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([], 23),
        ([None, None], 23),
        ([None, 40], 40),
        ([40, 1, None], 1),
        ([40, 31], 31),
        ([None, 2, 41], 2),
        ([6], 23),
    ],
)
def test_what_a_vain_search_for_the_home_cluster_ends_with(answers, code):
    assert search_refusal(answers) == code


@pytest.mark.parametrize(
    ("behavior", "version", "elsewhere", "is_emcc", "outcome"),
    [
        ("not_allowed", V12_5, False, True, "allow"),
        ("not_allowed", V12_5, True, True, "refuse"),
        ("not_allowed", V12_5, True, False, "refuse"),
        ("auto_logout", V12_5, True, True, "log_out_other"),
        ("allowed", V12_5, True, True, "allow"),
        ("not_allowed", V12_0, True, True, "allow"),
        ("not_allowed", V12_0, True, False, "refuse"),
        ("auto_logout", V12_0, True, False, "log_out_other"),
    ],
)
def test_multiple_login_behavior_covers_emcc_from_12_5_on(behavior, version, elsewhere, is_emcc, outcome):
    decided = multiple_login_outcome(behavior, version, is_logged_in_elsewhere=elsewhere, is_emcc=is_emcc)
    assert decided == outcome


@pytest.mark.parametrize(
    ("enforce", "version", "user_limit_s", "is_emcc", "requested_s", "limit_s"),
    [
        (False, V12_5, None, True, None, 36000),
        (False, V12_5, None, False, None, 0),
        (True, V12_5, None, False, None, 28800),
        (True, V12_5, 600, False, None, 600),
        (True, V12_5, 0, True, None, 0),
        (True, V12_0, 600, True, None, 36000),
        (True, V12_5, 600, False, 60, 60),
        (True, V12_5, 600, False, 0, 0),
    ],
)
def test_how_long_a_login_lasts(enforce, version, user_limit_s, is_emcc, requested_s, limit_s):
    parameters = ServiceParameters(enforce_intra_cluster_maximum_login_time=enforce)
    assert (
        maximum_login_time_s(parameters, version, user_limit_s=user_limit_s, is_emcc=is_emcc, requested_s=requested_s)
        == limit_s
    )


@pytest.mark.parametrize(
    ("version", "enforce", "maximum_s", "limit_s"),
    [
        (Version(11, 5), False, 7200, 7200),
        (V12_5, False, 7200, 7200),
        (V12_5, False, 28800, 0),
        (V12_5, False, 0, 0),
        (Version(14), False, 7200, 0),
        (Version(14), True, 7200, 7200),
    ],
)
def test_a_maximum_time_that_was_set_is_enforced_before_release_14(version, enforce, maximum_s, limit_s):
    parameters = ServiceParameters(
        enforce_intra_cluster_maximum_login_time=enforce, intra_cluster_maximum_login_time_s=maximum_s
    )
    assert maximum_login_time_s(parameters, version, user_limit_s=None, is_emcc=False) == limit_s
