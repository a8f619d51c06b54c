from emcc_emu.lab.load import parse_lab

LAB = parse_lab("""
clusters:
  us:
    nodes: {pub: 127.1.0.10, sub: {address: 127.1.0.11, em: no}}
    geolocation_filters: {f: [country, A1]}
    geolocations: {g: {country: US}}
    partitions: [a, b]
    calling_search_spaces: {c: [b, a]}
    gateways: {gw: 127.1.0.50}
    route_groups: {rg: [gw]}
    route_lists: {rl: [rg]}
    device_profiles: {p: {}}
    users: {u: {profiles: [p]}}
    phones: {SEP02AA00000001: {}, soft: {model: Third-party SIP, digest_user: u}}
  jp: {nodes: {pub: 127.2.0.10}, cluster_id: Tokyo}
""")
US = LAB.by_name["us"]


def test_everything_is_found_by_name():
    assert US.nodes_by_name["sub"].address == "127.1.0.11"
    assert US.phones_by_name["SEP02AA00000001"].model == "7821"
    assert US.users_by_id["u"].pin == "12345"
    assert US.device_profiles_by_name["p"].model == "7821"
    assert US.device_pools_by_name["Default"].time_zone == "UTC"
    assert US.geolocations_by_name["g"].country == "US"
    assert US.geolocation_filters_by_name["f"].use == ("country", "A1")
    assert US.css_by_name["c"].partitions == ("b", "a")
    assert US.route_lists_by_name["rl"].members[0].route_group == "rg"
    assert US.route_groups_by_name["rg"].members == ("gw",)
    assert US.gateways_by_name["gw"].port == 5060
    assert US.trunks_by_name["emcc"].is_emcc
    assert US.phone_services_by_name["Extension Mobility"].with_emcc
    assert US.application_users_by_name["emproxy"].em_proxy_rights
    assert US.remote_clusters_by_id["Tokyo"].emcc
    assert LAB.by_cluster_id["Tokyo"].name == "jp"


def test_the_first_node_is_the_publisher_and_not_all_run_extension_mobility():
    assert US.publisher.name == "pub"
    assert [node.name for node in US.em_nodes] == ["pub"]


def test_no_css_is_no_partitions():
    assert US.partitions_of("") == ()
    assert US.partitions_of("c") == ("b", "a")


def test_phones_know_whether_they_are_ciscos_and_whose_they_are():
    assert [phone.is_third_party for phone in US.phones] == [False, True]
    assert LAB.cluster_of_phone("soft") is US
    assert LAB.cluster_of_phone("SEP02AA00000009") is None
