"""What a virtual phone has on keys and screen after a login: lines, speed dials, services, locale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from emcc_emu.lab.model import Lab, Line, PhoneService, SpeedDial
from phones.phone import Phone, PhoneState
from phones.services import displayed_code
from tests.support.running_lab import PATIENCE_S, changed, running_lab

PHONE = "SEP02AA00000001"

replaced = msgspec.structs.replace


def buttons(phone: Phone) -> list[tuple[str, str]]:
    assert phone.config is not None
    return [(button.label, button.speed_dial_number) for button in phone.config.buttons]


def services(phone: Phone) -> list[str]:
    assert phone.config is not None
    return [service.name for service in phone.config.phone_services]


def locale(phone: Phone) -> str:
    assert phone.config is not None
    return phone.config.user_locale.name


async def logged_in(phone: Phone, user: str, pin: str, number: str) -> None:
    """Log in, and wait until the phone is back with this directory number first."""
    page = await phone.login(user, pin)
    assert displayed_code(page) is None, phone.page_text
    await phone.wait_until(
        lambda: phone.state is PhoneState.REGISTERED and phone.directory_numbers[:1] == (number,), PATIENCE_S
    )


def with_profile(lab: Lab, cluster: str, **changes: Any) -> Lab:
    first, *others = lab.by_name[cluster].device_profiles
    return changed(lab, cluster, device_profiles=(replaced(first, **changes), *others))


async def test_an_emcc_login_brings_the_profiles_lines_speed_dials_services_and_locale(tmp_path: Path) -> None:
    def change(lab: Lab) -> Lab:
        news = PhoneService(name="News", url="http://192.0.2.80/news")
        lab = changed(lab, "tokyo", phone_services=(*lab.by_name["tokyo"].phone_services, news))
        intercom = Line(directory_number="3777", partition="internal", intercom=True)
        profile = lab.by_name["tokyo"].device_profiles[0]
        return with_profile(
            lab,
            "tokyo",
            lines=(intercom, *profile.lines),
            speed_dials=(SpeedDial(number="3001", label="Front desk"), SpeedDial(number="3002")),
            services=("Extension Mobility", "News"),
            user_locale="Japanese_Japan",
        )

    async with running_lab(tmp_path, change=change) as running:
        phone = await running.phone(PHONE)
        assert (phone.directory_numbers, buttons(phone), locale(phone)) == (("2001",), [], "English_United_States")
        await logged_in(phone, "ayamada", "13579", "3101")
        assert phone.registered_at is not None and phone.registered_at[0] == running.node("tokyo")
        assert phone.directory_numbers == ("3101",)  # the intercom line stays at home
        assert buttons(phone) == [("Front desk", "3001"), ("3002", "3002")]
        assert services(phone) == ["Extension Mobility", "News"]
        assert locale(phone) == "Japanese_Japan"
        before = phone.registrations
        await phone.open_extension_mobility()
        await phone.browser.press("はい")  # the question comes in the profile's language
        await phone.wait_registered(after=before, timeout_s=PATIENCE_S)
        assert (phone.directory_numbers, buttons(phone), locale(phone)) == (("2001",), [], "English_United_States")


async def test_a_login_in_the_cluster_keeps_intercom_lines_and_brings_another_locale(
    tmp_path: Path,
) -> None:
    def change(lab: Lab) -> Lab:
        intercom = Line(directory_number="2777", partition="internal", intercom=True)
        lines = (*lab.by_name["sanjose"].device_profiles[0].lines, intercom)
        return with_profile(lab, "sanjose", user_locale="Japanese_Japan", lines=lines)

    async with running_lab(tmp_path, "sanjose", change=change) as running:
        phone = await running.phone(PHONE)
        await logged_in(phone, "bmiller", "86420", "2101")
        assert (phone.directory_numbers, locale(phone)) == (("2101", "2777"), "Japanese_Japan")


async def test_services_vanish_when_the_profile_is_not_subscribed_unless_the_enterprise_is(tmp_path: Path) -> None:
    def change(is_enterprise: bool) -> Callable[[Lab], Lab]:
        def run(lab: Lab) -> Lab:
            (em,) = lab.by_name["sanjose"].phone_services
            lab = changed(lab, "sanjose", phone_services=(replaced(em, enterprise_subscription=is_enterprise),))
            return with_profile(lab, "sanjose", services=())

        return run

    for is_enterprise, after in ((False, []), (True, ["Extension Mobility"])):
        async with running_lab(tmp_path, "sanjose", change=change(is_enterprise)) as running:
            phone = await running.phone(PHONE)
            assert services(phone) == ["Extension Mobility"]
            await logged_in(phone, "bmiller", "86420", "2101")
            assert services(phone) == after
