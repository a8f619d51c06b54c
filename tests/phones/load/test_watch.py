"""What clusters must never say is noticed, whichever cluster says it."""

from __future__ import annotations

from typing import Any

from phones.load.watch import find_violation, find_wrong_sessions


def cluster(
    registered: tuple[str, ...] = (),
    home: tuple[tuple[str, str], ...] = (),
    logins: tuple[str, ...] = (),
    in_use: int = 0,
) -> dict[str, Any]:
    return {
        "call_processing": {"registrations": [{"device": device} for device in registered]},
        "home_sessions": {"listed": [{"device": device, "emcc_device": base} for device, base in home]},
        "visiting_sessions": {"listed": []},
        "logins": {"listed": [{"device": device} for device in logins]},
        "base_devices": {"count": 2, "in_use": in_use},
    }


def test_nothing_is_wrong_with_phones_in_one_place() -> None:
    assert list(find_violation({"a": cluster(("P1",)), "b": cluster(("P2",), (("P2", "EMCC1"),), in_use=1)})) == []


def test_a_phone_in_two_places_is_wrong() -> None:
    found = list(find_violation({"a": cluster(("P1",)), "b": cluster(("P1",))}))
    assert found == [("P1 is registered at a and at b", "P1")]


def test_a_base_device_that_serves_two_is_wrong() -> None:
    found = list(find_violation({"b": cluster(home=(("P1", "EMCC1"), ("P2", "EMCC1")))}))
    assert found == [("b: the base device EMCC1 serves two phones", "P2")]


def test_two_sessions_or_logins_on_one_phone_are_wrong() -> None:
    found = list(find_violation({"b": cluster(home=(("P1", "EMCC1"), ("P1", "EMCC2")), logins=("P3", "P3"))}))
    assert [what for what, _ in found] == ["b: P1 has two home sessions", "b: P3 has two logins"]


def test_more_base_devices_in_use_than_there_are_is_wrong() -> None:
    assert [what for what, _ in find_violation({"b": cluster(in_use=3)})] == ["b: 3 base devices in use of 2"]


def test_clusters_and_phones_have_to_agree_on_who_is_logged_in() -> None:
    found = dict(
        reversed(pair)
        for pair in find_wrong_sessions({"P1": "ann", "P2": "bob"}, ["P1", "P2", "P3"], {"P1": "ann", "P3": "cy"})
    )
    assert "the cluster says that bob is logged in on it, but there nobody has" in found["P2"]
    assert "the cluster says that nobody is logged in on it, but there cy has logged in" in found["P3"]
    assert "P1" not in found
