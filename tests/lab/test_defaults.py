from emcc_emu.lab.defaults import with_addresses
from emcc_emu.lab.load import load_lab, parse_lab
from emcc_emu.lab.model import Ports

THREE = """
clusters:
  a: {nodes: {a1: 127.1.0.10, a2: 127.1.0.11}, cluster_id: ClusterA, ports: {https: 9443}}
  b:
    nodes: {b1: {address: 127.2.0.10, em: no, tftp: no, ports: {sip: 5070}}, b2: 127.2.0.11}
    emcc: {default_tftp_server: b2, backup_tftp_server: none}
    trunks: {}
    intercluster_service_profile: {pstn_access_active: no}
    geolocation_filters: {by-country: {}}
    device_profiles: {one: {lines: [3001]}, two: {}}
    users:
      first: {profiles: [two, one]}
      second: {profiles: [two, one], default_profile: one}
      third: {primary_extension: "+81300", profiles: [one]}
  c:
    nodes: {c1: 127.3.0.10}
    remote_clusters: {ClusterA: {rsvp_agent: no}, "*": {}, far: {fully_qualified_name: far.example.test}}
"""
LAB = parse_lab(THREE)
A, B, C = LAB.clusters


def test_servers_are_the_first_nodes_that_run_the_service():
    assert (A.emcc.default_tftp_server, A.emcc.backup_tftp_server) == ("127.1.0.10", "127.1.0.11")
    assert (B.emcc.default_tftp_server, B.emcc.backup_tftp_server) == ("127.2.0.11", "")
    assert (B.emcc.default_update_server, B.emcc.backup_update_server) == ("127.2.0.11", "")


def test_a_filter_is_taken_when_there_is_one():
    assert (A.emcc.geolocation_filter, B.emcc.geolocation_filter) == ("", "by-country")


def test_nodes_have_the_clusters_ports_unless_they_have_their_own():
    assert {node.ports for node in A.nodes} == {Ports(https=9443)}
    assert B.nodes[0].ports == Ports(sip=5070)


def test_the_first_emcc_trunk_serves_unless_there_is_none():
    assert A.intercluster_service_profile.pstn_access_trunk == "emcc"
    assert A.intercluster_service_profile.rsvp_agent_trunk == "emcc"
    assert B.intercluster_service_profile.pstn_access_trunk == ""


def test_extensions_come_from_the_default_profile():
    users = B.users_by_id
    assert (users["first"].default_profile, users["first"].primary_extension) == ("two", "")
    assert (users["second"].primary_extension, users["second"].self_service_id) == ("3001", "3001")
    assert (users["third"].primary_extension, users["third"].self_service_id) == ("+81300", "81300")


def test_the_star_stands_for_clusters_that_are_not_listed():
    assert [remote.cluster_id for remote in A.remote_clusters] == ["b", "c"]
    assert [(remote.cluster_id, remote.rsvp_agent) for remote in C.remote_clusters] == [
        ("ClusterA", False),
        ("b", True),
        ("far", True),
    ]


def test_remote_clusters_of_the_lab_have_their_address_and_port():
    known = C.remote_clusters_by_id
    assert (known["ClusterA"].fully_qualified_name, known["ClusterA"].https_port) == ("127.1.0.10", 9443)
    assert (known["far"].fully_qualified_name, known["far"].https_port) == ("far.example.test", 8443)


def test_no_remote_clusters_can_be_said():
    lab = parse_lab("clusters: {a: {nodes: {n: 127.1.0.10}, remote_clusters: {}}, b: {nodes: {m: 127.2.0.10}}}")
    assert [len(cluster.remote_clusters) for cluster in lab.clusters] == [0, 1]


def test_addresses_can_be_moved_together():
    lab = with_addresses(load_lab("fixtures/labs/two-clusters.yaml"), lambda address: "127.9" + address[5:])
    sanjose = lab.by_name["sanjose"]
    assert sanjose.publisher.address == "127.9.0.10"
    assert sanjose.emcc.default_tftp_server == "127.9.0.10"
    assert sanjose.remote_clusters[0].fully_qualified_name == "127.9.0.10"
    assert sanjose.gateways[0].address == "127.9.0.50"
    assert sanjose.phones[0].address == "127.9.100.1"


def test_trunk_destinations_move_and_names_stay():
    text = """
clusters:
  a:
    nodes: {n: 127.1.0.10}
    phones: {SEP02AA00000001: {}}
    trunks: {ict: {service_type: none, destinations: ["127.2.0.10:5070"]}, emcc: {}}
    remote_clusters: {far: {fully_qualified_name: far.example.test}}
"""
    moved = with_addresses(parse_lab(text), lambda address: "127.0.0.1").clusters[0]
    assert moved.trunks[0].destinations == ("127.0.0.1:5070",)
    assert moved.remote_clusters[0].fully_qualified_name == "far.example.test"
    assert moved.phones[0].address == ""
