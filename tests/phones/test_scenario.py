"""A scenario file says everything that is wrong with it at once, and its schema knows every setting."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emcc_emu.errors import InputError
from phones.scenario import Scenario, load_scenario, one_by_one, parse_scenario, scenario_schema_text

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"

GOOD = """
phones: {cluster: sanjose, count: 3}
users: {roaming: {user_id: "user{0001}", pin: "13579", people: 3}}
sessions: {roam: {users: roaming, do: [login, think, logout]}}
load: {rate: 90/min, duration: 10 s}
"""


def mistakes_of(text: str) -> str:
    with pytest.raises(InputError) as refused:
        parse_scenario(text, "load.yaml")
    return str(refused.value)


@pytest.mark.parametrize("file", sorted(SCENARIOS.glob("*.yaml")), ids=lambda file: file.stem)
def test_the_ready_made_scenarios_are_right(file: Path) -> None:
    scenario = load_scenario(file)
    assert scenario.name == file.stem
    assert (file.parent / scenario.lab).exists()


def test_rates_and_durations_are_read_with_their_units() -> None:
    scenario = parse_scenario(GOOD)
    assert (scenario.load.rate_per_s, scenario.load.duration_s) == (1.5, 10.0)


def test_users_count_up() -> None:
    (pool,) = parse_scenario(GOOD).users
    assert [user.user_id for user in pool.expanded()] == ["user0001", "user0002", "user0003"]


def test_every_mistake_is_named_with_its_line_and_the_nearest_word() -> None:
    text = GOOD.replace("users: roaming", "users: roming").replace("think, logout", "thnk, logout")
    told = mistakes_of(text.replace("90/min", "90"))
    assert "load.yaml:4: sessions.roam.do[1]: 'thnk' is none of" in told
    assert "did you mean 'think'?" in told
    assert "load.yaml:5: load.rate: '90' is no rate such as 20/s" in told


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("users: roaming", "users: roming"), "'roming' is no pool of users; did you mean 'roaming'?"),
        (("{rate: 90/min, duration: 10 s}", "{shape: ramp}"), "has no rate, which the shape ramp needs"),
        (("{rate: 90/min,", "{rate: 1/s, shape: spike,"), "has no spike_rate"),
        (("{rate: 90/min,", "{rate: 1/s, shape: spike, spike_rate: 9/s, spike_at: 10 s,"), "ends after the load"),
        (("{rate: 90/min,", "{shape: morning,"), "has no arrivals"),
        (("cluster: sanjose, ", ""), "needs either the cluster of a lab, or tftp and name"),
        (("cluster: sanjose, ", "tftp: [192.0.2.10], "), "has no name"),
        (("count: 3}", "count: 3, model: '7822'}"), "'7822' is no model of a virtual phone; did you mean"),
        (("[login, think, logout]", "[logout]"), "logout comes before a login"),
        (("[login, think, logout]", "[login, login]"), "login comes while the user is still logged in"),
        (("[login, think, logout]", "[login, call]"), "call needs calls.number"),
        (("users: {", "expect: [login p59 < 2s]\nusers: {"), "did you mean 'p99'?"),
    ],
)
def test_what_does_not_fit_together_is_refused(change: tuple[str, str], message: str) -> None:
    assert message in mistakes_of(GOOD.replace(*change))


def test_once_is_one_phone_that_does_each_kind_once() -> None:
    scenario = one_by_one(load_scenario(SCENARIOS / "morning.yaml"))
    assert scenario.phones.count == 1
    assert scenario.load.arrivals == len(scenario.sessions)
    assert {kind.weight for kind in scenario.sessions} == {1}


def test_once_whoever_would_stay_logs_out_for_the_next() -> None:
    (kind,) = one_by_one(parse_scenario(GOOD.replace("[login, think, logout]", "[login, think]"))).sessions
    assert kind.do == ("login", "think", "logout")


def test_the_published_schema_is_current() -> None:
    published = SCENARIOS / "scenario.schema.json"
    assert published.read_text(encoding="utf-8") == scenario_schema_text(), (
        "run: emcc-emu load --schema > fixtures/scenarios/scenario.schema.json"
    )
    assert json.loads(scenario_schema_text())["required"] == ["phones", "users", "sessions"]
    assert Scenario.__doc__ is not None
