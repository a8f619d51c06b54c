"""Changes to a running cluster: made on the lab, checked with it, and merged for keeping."""

from pathlib import Path

import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.changes import Change, apply_change, find_entry, merge_changes, sections_of_a_cluster
from emcc_emu.lab.load import load_lab

LAB = load_lab(Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml")


def changed(**change):
    return apply_change(LAB, "tokyo", Change(**change)).by_name["tokyo"]


def test_only_what_is_named_changes():
    config = changed(section="users", name="ayamada", values={"enable_emcc": "no", "maximum_login_time": "2:00"})
    before, after = LAB.by_name["tokyo"].users_by_id["ayamada"], config.users_by_id["ayamada"]
    assert (after.enable_emcc, after.maximum_login_time_s, after.pin) == (False, 7200, before.pin)
    assert config.users_by_id["ksato"] == LAB.by_name["tokyo"].users_by_id["ksato"]
    assert changed(section="emcc", values={"geolocation_filter": "none"}).emcc.geolocation_filter == ""
    assert changed(section="emcc", values={"geolocation_filter": None}).emcc.geolocation_filter == "by-country"


def test_entries_are_added_with_derived_defaults_and_removed():
    config = changed(section="users", name="new", action="add", values={"profiles": ["UDP-ksato"], "locked": None})
    assert config.users_by_id["new"].primary_extension == "3102"
    config = changed(section="phones", name="SEP02BB00000001", action="remove")
    assert "SEP02BB00000001" not in config.phones_by_name


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"section": "users", "name": "new", "action": "add", "values": {"profiles": ["UDP-x"]}}, "UDP-x"),
        ({"section": "users", "name": "ayamada", "action": "add"}, "has 'ayamada' in users already"),
        ({"section": "users", "name": "ayamada", "values": {"user_id": "x"}}, "is the key"),
        ({"section": "users", "name": "amada", "action": "remove"}, "did you mean 'ayamada'?"),
        ({"section": "device_profiles", "name": "UDP-ksato", "action": "remove"}, "users.ksato.profiles"),
        ({"section": "call_manager", "values": {"max_phones": 60}}, "phones + 2 × EMCC devices"),
        ({"section": "device_pools", "name": "x", "action": "add", "values": {"geolocation": "moon"}}, "'moon'"),
        ({"section": "emcc_templates", "name": "x", "action": "add", "values": {"device_pool": "moon"}}, "'moon'"),
    ],
)
def test_the_rules_of_the_lab_file_hold(change, rule):
    with pytest.raises(InputError) as raised:
        changed(**change)
    assert rule in str(raised.value)


def test_region_parameters_may_differ_for_a_moment():
    assert changed(section="emcc", values={"region_max_audio_kbps": 64}).emcc.region_max_audio_kbps == 64


def test_later_changes_of_an_entry_are_kept_in_one():
    first = Change(section="users", name="a", values={"pin_must_change": True, "name": "A"})
    second = Change(section="users", name="a", values={"name": "B"})
    assert merge_changes(None, first) is first
    assert merge_changes(first, second).values == {"pin_must_change": True, "name": "B"}
    added = Change(section="users", name="a", action="add", values={"name": "A"})
    merged = merge_changes(added, second)
    assert (merged.action, merged.values) == ("add", {"name": "B"})
    removed = Change(section="users", name="a", action="remove")
    assert merge_changes(merged, removed) is removed
    assert merge_changes(removed, added) is added


def test_every_keyed_part_and_every_record_is_a_section():
    sections = sections_of_a_cluster()
    assert sections["users"].key_field == "user_id"
    assert sections["emcc"].key_field == ""
    assert find_entry(LAB.by_name["tokyo"], sections["emcc"], "") is LAB.by_name["tokyo"].emcc
