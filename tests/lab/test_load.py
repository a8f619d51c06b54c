import pickle
import time

import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.load import load_lab, parse_lab

SMALL = """
clusters:
  tokyo:
    nodes: {pub: 127.2.0.10}
    phones:
      SEP02BB00000001: {lines: [3001]}
"""


def test_a_small_lab_is_complete():
    (cluster,) = parse_lab(SMALL).clusters
    phone = cluster.phones[0]
    assert cluster.cluster_id == "tokyo"
    assert (phone.device_pool, phone.services, phone.lines[0].directory_number) == (
        "Default",
        ("Extension Mobility",),
        "3001",
    )
    assert cluster.device_pools[0].call_manager_group == ("pub",)
    assert cluster.trunks[0].is_emcc
    assert cluster.trunks[0].is_pinged
    assert cluster.intercluster_service_profile.emcc_active
    assert cluster.application_users[0].name == "emproxy"


def test_mistakes_of_form_are_listed_with_their_lines():
    with pytest.raises(InputError) as refused:
        parse_lab(SMALL.replace("lines", "linse"), "small.yaml")
    assert str(refused.value) == (
        "small.yaml:6: clusters.tokyo.phones.SEP02BB00000001.linse: 'linse' is no setting here; did you mean 'lines'?"
    )


def test_mistakes_between_fields_are_listed_with_their_lines():
    text = SMALL.replace("{lines: [3001]}", "{css: phones, lines: [3001]}")
    with pytest.raises(InputError) as refused:
        parse_lab(text, "small.yaml")
    assert str(refused.value) == (
        "small.yaml:6: clusters.tokyo.phones.SEP02BB00000001.css: 'phones' is no calling search space of this cluster"
    )


def test_a_missing_file_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        load_lab(tmp_path / "nowhere.yaml")


def test_thousands_by_count_are_cheap():
    text = """
clusters:
  tokyo:
    nodes: {pub: 127.2.0.10}
    phones: {"SEP02BB{00000001}": {count: 5000, address: "127.2.101.{0}", lines: ["{50001}"]}}
    device_profiles: {"UDP-{0001}": {count: 5000, lines: ["{60001}"]}}
    users: {"user{0001}": {count: 5000, profiles: ["UDP-{0001}"]}}
"""
    start = time.process_time()
    cluster = parse_lab(text).clusters[0]
    assert time.process_time() - start < 1.0
    assert cluster.phones[-1].name == "SEP02BB00001388"
    assert cluster.phones[-1].address == "127.2.120.135"
    assert cluster.users[-1].primary_extension == "65000"
    assert cluster.users_by_id["user5000"].default_profile == "UDP-5000"


def test_a_lab_travels_between_processes():
    lab = load_lab("fixtures/labs/two-clusters.yaml")
    assert lab.by_name
    assert pickle.loads(pickle.dumps(lab)) == lab
