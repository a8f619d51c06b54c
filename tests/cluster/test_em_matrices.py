"""The guide's tables 5 to 8: EMCC logins by release, login type and security mode, each row a login over sockets.

Rows stand as in the guide, with its misprints resolved: a secure phone in a non-secure cluster (table 8, last row)
cannot be, so the row is that of a non-secure phone.
"""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from emcc_emu.lab.check import find_mistakes
from emcc_emu.rules.security_modes import is_configuration_encrypted
from emcc_emu.rules.versions import parse_version
from emcc_emu.wire.phone_files import parse_config_file
from emcc_emu.wire.phone_objects import PhoneExecute
from emcc_emu.wire.phone_uri import submit_url
from emcc_emu.wire.phone_xml import parse_phone_object

PHONE = "SEP02AA00000001"

SUCCESS = "success"
V8, V9, V11, V12 = "8.6.2.20000-2", "9.1.2.10000-28", "11.5.1.10000-6", "12.0.1.21900-7"
V14 = "14.0.1.13900-155"

TABLE_5 = [
    # visiting, home, loginType in the visiting cluster's service URL, result
    (V12, V12, "", SUCCESS),
    (V12, V12, "UID", SUCCESS),
    (V12, V12, "SP", SUCCESS),
    (V12, V12, "DN", SUCCESS),
    (V12, V11, "", SUCCESS),
    (V12, V11, "UID", "Login is unavailable (1)"),
    (V12, V11, "SP", "Login is unavailable (1)"),
    (V12, V11, "DN", "Login is unavailable (1)"),
    (V11, V12, "", SUCCESS),
    (V11, V12, "UID", SUCCESS),
    (V11, V12, "SP", SUCCESS),
    (V11, V12, "DN", SUCCESS),
]

NOT_SUPPORTED = "Login is unavailable (43)"
"""What the guide calls not supported and gives no code."""

TABLES_6_TO_8 = [
    # table, home release, home mode, visiting release, visiting mode, phone, result
    (6, V9, "mixed", V9, "mixed", "secure", "secure"),
    (6, V14, "mixed", V12, "mixed", "secure", "secure"),
    (6, V9, "mixed", V9, "mixed", "non_secure", "non_secure"),
    (6, V9, "mixed", V9, "non_secure", "non_secure", "non_secure"),
    (6, V9, "non_secure", V9, "mixed", "secure", "Login is unsuccessful (46)"),
    (6, V9, "non_secure", V9, "mixed", "non_secure", "non_secure"),
    (6, V9, "non_secure", V9, "non_secure", "non_secure", "non_secure"),
    (7, V9, "mixed", V8, "mixed", "secure", NOT_SUPPORTED),
    (7, V9, "mixed", V8, "mixed", "non_secure", "non_secure"),
    (7, V9, "mixed", V8, "non_secure", "non_secure", "non_secure"),
    (7, V9, "non_secure", V8, "mixed", "secure", NOT_SUPPORTED),
    (7, V9, "non_secure", V8, "mixed", "non_secure", "non_secure"),
    (7, V9, "non_secure", V8, "non_secure", "non_secure", "non_secure"),
    (8, V8, "mixed", V9, "mixed", "secure", "Login is unsuccessful (45)"),
    (8, V8, "mixed", V9, "mixed", "non_secure", "non_secure"),
    (8, V8, "mixed", V9, "non_secure", "non_secure", "non_secure"),
    (8, V8, "non_secure", V9, "mixed", "secure", "Login is unsuccessful (45)"),
    (8, V8, "non_secure", V9, "mixed", "non_secure", "non_secure"),
    (8, V8, "non_secure", V9, "non_secure", "non_secure", "non_secure"),
]

TYPED = {"": "ayamada", "UID": "ayamada", "SP": "83101", "DN": "3101"}
"""What the user of the login types enters."""

LABELS = {"": "User ID", "UID": "User ID", "SP": "Self Service User ID", "DN": "Primary Extension"}
"""What the login form asks for."""


def result_of(page: Any) -> str:
    if isinstance(page, PhoneExecute):  # EMCC clears the call logs first
        return SUCCESS
    return getattr(page, "text", None) or str(page.prompt)


@pytest.mark.parametrize(("visiting", "home", "login_type", "result"), TABLE_5)
async def test_table_5_login_types_between_releases(
    edit: Any, start_two: Any, lab: Any, visiting: str, home: str, login_type: str, result: str
) -> None:
    users = tuple(
        msgspec.structs.replace(user, self_service_id="83101") if user.user_id == "ayamada" else user
        for user in lab.by_name["tokyo"].users
    )
    edit("tokyo", version=home, users=users)
    service = msgspec.structs.replace(lab.by_name["sanjose"].phone_services[0], login_type=login_type)
    both = await start_two(edit("sanjose", version=visiting, phone_services=(service,)))

    menu = await both.visiting.get(f"/ccmcip/getservicesmenu.jsp?name={PHONE}")
    (item,) = parse_phone_object(menu.body).items
    url = item.url.replace("#DEVICENAME#", PHONE).replace("#EMCC#", "true")
    form = parse_phone_object((await both.visiting.client.get(url)).body)
    is_ignored = visiting == V11
    assert (f"loginType={login_type}" in url) == bool(login_type)
    assert form.items[0].display_name == LABELS["" if is_ignored else login_type]
    typed = TYPED["" if is_ignored else login_type]
    page = parse_phone_object(
        (await both.visiting.client.get(submit_url(form, {"userid": typed, "seq": "13579"}))).body
    )
    assert result_of(page) == result
    session = both.home.state.home_session(PHONE)
    assert (session is not None and session.user_id == "ayamada") == (result == SUCCESS)


@pytest.mark.parametrize(
    ("table", "home", "home_mode", "visiting", "visiting_mode", "phone_mode", "result"), TABLES_6_TO_8
)
async def test_tables_6_to_8_security_modes(
    edit: Any,
    start_two: Any,
    lab: Any,
    table: int,
    home: str,
    home_mode: str,
    visiting: str,
    visiting_mode: str,
    phone_mode: str,
    result: str,
) -> None:
    assert table == {(True, True): 6, (True, False): 7, (False, True): 8}[home != V8, visiting != V8]
    phone, *others = lab.by_name["sanjose"].phones
    if phone_mode == "secure":
        phone = msgspec.structs.replace(phone, device_security_mode="encrypted")
    edit("tokyo", version=home, security_mode=home_mode)
    changed = edit("sanjose", version=visiting, security_mode=visiting_mode, phones=(phone, *others))
    assert find_mistakes(changed) == []

    both = await start_two(changed)
    page = await both.visiting.page(f"device={PHONE}&EMCC=true&userid=ayamada&seq=13579")
    device = both.home.state.device(PHONE)
    if result in ("secure", "non_secure"):
        assert result_of(page) == SUCCESS
        assert device.device_security_mode == {"secure": 3, "non_secure": 1}[result]
        file = parse_config_file(both.home.em.files.find(f"{PHONE}.cnf.xml"))
        assert file.device_security_mode == device.device_security_mode
    else:
        assert result_of(page) == result
        assert device is None and both.home.state.base_devices.in_use_count == 0


def test_a_secure_phone_in_a_non_secure_cluster_cannot_be_configured(edit: Any, lab: Any) -> None:
    phone = msgspec.structs.replace(lab.by_name["sanjose"].phones[0], device_security_mode="encrypted")
    (mistake,) = find_mistakes(edit("sanjose", phones=(phone,)))
    assert "needs a cluster in mixed mode" in str(mistake)


@pytest.mark.parametrize(
    ("home", "visiting", "is_flag_on", "is_encrypted"),
    [(V9, V9, True, True), (V9, V9, False, False), (V8, V9, True, False), (V9, V8, True, False), (V8, V8, True, False)],
)
def test_configuration_files_are_encrypted_between_clusters_from_release_9_with_the_flag(
    home: str, visiting: str, is_flag_on: bool, is_encrypted: bool
) -> None:
    assert (
        is_configuration_encrypted(parse_version(home), parse_version(visiting), is_flag_on=is_flag_on) is is_encrypted
    )
