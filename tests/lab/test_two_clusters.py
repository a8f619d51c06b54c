"""The lab of the demo: does its dial plan do what the demo tells?"""

import time

import pytest

from emcc_emu.lab.load import load_lab
from emcc_emu.rules.dial_plan import DialPlan, DirectoryNumberFound, PatternFound, line_partitions
from emcc_emu.rules.geolocation import roaming_device_pool
from emcc_emu.rules.routing import Caller, GatewayHop, VisitingClusterHop, hops, trunk_partitions
from emcc_emu.rules.transformations import Numbers

LAB_FILE = "fixtures/labs/two-clusters.yaml"


@pytest.fixture(scope="module")
def lab():
    return load_lab(LAB_FILE)


def find(cluster, called, partitions):
    numbers = {(line.directory_number, line.partition) for phone in cluster.phones for line in phone.lines}
    plan = DialPlan(cluster.route_patterns, cluster.translation_patterns)
    return plan.find(Numbers("3101", called), partitions, lambda number, partition: (number, partition) in numbers)


def emcc_phone_partitions(lab):
    """What the example user's line reaches at home while the phone stands in the visited cluster."""
    sanjose, tokyo = lab.by_name["sanjose"], lab.by_name["tokyo"]
    phone = sanjose.phones_by_name[lab.example.visiting_phone]
    pool = roaming_device_pool(tokyo, sanjose.geolocation_of(phone).elements())
    assert pool.device_pool == "roaming-us"
    profile = tokyo.device_profiles_by_name[tokyo.users_by_id[lab.example.home_user].default_profile]
    names = (profile.lines[0].css, profile.emcc_css, tokyo.device_pools_by_name[pool.device_pool].adjunct_css)
    return line_partitions(*(tokyo.partitions_of(name) for name in names))


def test_it_fits_on_two_screens():
    with open(LAB_FILE) as file:
        assert len(file.readlines()) <= 110


def test_it_loads_in_well_under_a_tenth_of_a_second():
    load_lab(LAB_FILE)
    start = time.process_time()
    load_lab(LAB_FILE)
    assert time.process_time() - start < 0.1


def test_an_emcc_phone_calls_a_home_extension_inside_the_home_cluster(lab):
    found = find(lab.by_name["tokyo"], lab.example.extension, emcc_phone_partitions(lab))
    assert isinstance(found, DirectoryNumberFound)


@pytest.mark.parametrize(
    ("dialled", "at_the_gateway"),
    [("914085550100", "14085550100"), ("95550100", "5550100"), ("911", "911"), ("9911", "911")],
)
def test_an_emcc_phone_leaves_by_the_gateway_where_it_stands(lab, dialled, at_the_gateway):
    sanjose, tokyo = lab.by_name["sanjose"], lab.by_name["tokyo"]
    found = find(tokyo, dialled, emcc_phone_partitions(lab))
    assert isinstance(found, PatternFound)
    (hop,) = hops(tokyo, found.pattern, found.numbers, Caller("roaming-us", visiting_cluster_id="sanjose"))
    assert isinstance(hop, VisitingClusterHop)
    assert hop.cluster_id == "sanjose"
    arrived = find(sanjose, hop.numbers.called, trunk_partitions(sanjose, sanjose.trunks[0], "phones"))
    phone = sanjose.phones_by_name[lab.example.visiting_phone]
    (last,) = hops(sanjose, arrived.pattern, arrived.numbers, Caller(phone.device_pool))
    assert isinstance(last, GatewayHop)
    assert (last.gateway.address, last.numbers.called) == ("127.1.0.50", at_the_gateway)


@pytest.mark.parametrize("number", ["914085550100", "911"])
def test_the_examples_numbers_are_those(lab, number):
    assert number in (lab.example.pstn_number, lab.example.emergency_number)


def test_home_pstn_numbers_leave_by_the_home_gateway(lab):
    tokyo = lab.by_name["tokyo"]
    found = find(tokyo, "00355550100", emcc_phone_partitions(lab))
    (hop,) = hops(tokyo, found.pattern, found.numbers, Caller("roaming-us", visiting_cluster_id="sanjose"))
    assert (hop.gateway.address, hop.numbers.called) == ("127.2.0.50", "0355550100")


@pytest.mark.parametrize(
    ("cluster_name", "dialled", "emergency"),
    [
        ("sanjose", "911", True),
        ("sanjose", "9911", True),
        ("tokyo", "110", True),
        ("tokyo", "119", True),
        ("tokyo", "00355550100", False),
    ],
)
def test_local_phones_reach_their_own_gateway(lab, cluster_name, dialled, emergency):
    cluster = lab.by_name[cluster_name]
    found = find(cluster, dialled, cluster.partitions_of("phones"))
    (hop,) = hops(cluster, found.pattern, found.numbers, Caller(cluster.phones[0].device_pool))
    assert isinstance(hop, GatewayHop)
    assert found.pattern.emergency is emergency


def test_both_directions_know_each_other(lab):
    sanjose, tokyo = lab.by_name["sanjose"], lab.by_name["tokyo"]
    assert [remote.cluster_id for remote in sanjose.remote_clusters] == ["tokyo"]
    assert tokyo.remote_clusters[0].fully_qualified_name == "127.1.0.10"
    assert {phone.address for phone in sanjose.phones if phone.is_third_party} == {"127.1.100.241"}
