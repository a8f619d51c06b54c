import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.load import parse_lab

BASE = """
    nodes: {pub: 127.1.0.10}
    device_pools: {office: {}}
    partitions: [internal]
    calling_search_spaces: {phones: [internal]}
"""
US = "      SEP02AA00000001: "


def mistakes(body, rest="", top=""):
    with pytest.raises(InputError) as refused:
        parse_lab(f"clusters:\n  us:{BASE}{body}\n{rest}{top}")
    return [line.split(":", 2)[2].strip() for line in str(refused.value).splitlines()]


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        (
            "    phones: {SEP02AA00000001: {device_pool: ofice}}",
            "clusters.us.phones.SEP02AA00000001.device_pool: 'ofice' is no device pool of this cluster; "
            "did you mean 'office'?",
        ),
        (
            "    phones: {SEP02AA00000001: {css: phone}}",
            "clusters.us.phones.SEP02AA00000001.css: 'phone' is no calling search space of this cluster; "
            "did you mean 'phones'?",
        ),
        (
            "    phones: {SEP02AA00000001: {lines: [{directory_number: 2001, partition: intern}]}}",
            "clusters.us.phones.SEP02AA00000001.lines[0].partition: 'intern' is no partition of this cluster; "
            "did you mean 'internal'?",
        ),
        (
            "    phones: {SEP02AA00000001: {lines: [{directory_number: 2001, max_calls: 1}]}}",
            "clusters.us.phones.SEP02AA00000001.lines[0].busy_trigger: 2 is above max_calls 1",
        ),
        (
            "    phones: {SEP02AA00000001: {lines: [1, 2, 3]}}",
            "clusters.us.phones.SEP02AA00000001.lines: has 3 lines; a 7821 has 2",
        ),
        (
            "    phones: {SEP02AA00000001: {services: [Weather]}}",
            "clusters.us.phones.SEP02AA00000001.services[0]: 'Weather' is no phone service of this cluster",
        ),
        (
            "    phones: {SEP02AA1: {}}",
            "clusters.us.phones.SEP02AA1: is no device name: SEP and twelve hexadecimal digits in upper case",
        ),
        (
            "    phones: {softphone: {model: Third-party SIP}}",
            "clusters.us.phones.softphone: is a third-party SIP phone and needs a digest_user",
        ),
        (
            "    phones: {SEP02AA00000001: {device_security_mode: encrypted}}",
            "clusters.us.phones.SEP02AA00000001.device_security_mode: needs a cluster in mixed mode",
        ),
        (
            "    phones: {SEP02AA00000001: {address: 127.1.0.10}}",
            "clusters.us.phones.SEP02AA00000001.address: 127.1.0.10 is the address of pub in us too",
        ),
        (
            '    phones: {"SEP02AA{00000001}": {count: 2}, SEP02AA00000002: {}}',
            "clusters.us.phones.SEP02AA00000002: 'SEP02AA00000002' is the name of more than one phone",
        ),
        (
            "    device_profiles: {p: {mlpp_preemption: forceful}}",
            "clusters.us.device_profiles.p.mlpp_preemption: 'forceful' needs mlpp_indication: on",
        ),
        (
            "    device_profiles: {p: {model: Third-party SIP}}",
            "clusters.us.device_profiles.p.model: has no device profiles",
        ),
        (
            "    device_profiles: {p: {emcc_css: fones}}",
            "clusters.us.device_profiles.p.emcc_css: 'fones' is no calling search space of this cluster; "
            "did you mean 'phones'?",
        ),
        (
            "    users: {u: {profiles: [p]}}",
            "clusters.us.users.u.profiles[0]: 'p' is no device profile of this cluster",
        ),
        (
            "    device_profiles: {p: {}, q: {}}\n    users: {u: {profiles: [p], default_profile: q}}",
            "clusters.us.users.u.default_profile: 'q' is none of the user's profiles",
        ),
        (
            "    service_parameters: {alphanumeric_user_id: no}\n    users: {u: {}}",
            "clusters.us.users.u: is not numeric, although alphanumeric_user_id is false",
        ),
        (
            f"    service_parameters: {{trusted_ips: [{', '.join(['127.100.100.100'] * 65)}]}}",
            "clusters.us.service_parameters.trusted_ips: has more than 1024 characters, separators included",
        ),
        (
            "    base_devices: 30000\n    phones: {SEP02AA00000001: {}}",
            "clusters.us.base_devices: 1 phones and twice 30000 EMCC devices are 60001, more than 60000 "
            "(phones + 2 × EMCC devices ≤ MaxPhones)",
        ),
        (
            "    base_devices: {device_pool: ofice}",
            "clusters.us.base_devices.device_pool: 'ofice' is no device pool of this cluster; did you mean 'office'?",
        ),
        (
            "    emcc: {default_tftp_server: pup}",
            "clusters.us.emcc.default_tftp_server: 'pup' is no node or address of this cluster; did you mean 'pub'?",
        ),
        (
            "    emcc: {geolocation_filter: x}",
            "clusters.us.emcc.geolocation_filter: 'x' is no filter of this cluster",
        ),
        (
            "    trunks: {a: {}, b: {}, c: {}}",
            "clusters.us.trunks: has 3 EMCC trunks; at most 2 allowed",
        ),
        (
            "    trunks: {}",
            "clusters.us.intercluster_service_profile.pstn_access_trunk: "
            "is missing, although pstn_access_active is true",
        ),
        (
            "    intercluster_service_profile: {rsvp_agent_trunk: emc}",
            "clusters.us.intercluster_service_profile.rsvp_agent_trunk: 'emc' is no EMCC trunk of this cluster; "
            "did you mean 'emcc'?",
        ),
        ("    remote_clusters: {us: {}}", "clusters.us.remote_clusters.us: is this cluster itself"),
        (
            "    remote_clusters: {jp: {}}",
            "clusters.us.remote_clusters.jp: is no Cluster ID of this lab, so it needs a fully_qualified_name",
        ),
        (
            "    remote_clusters: {jp: {fully_qualified_name: 127.2.0.10, tftp: yes}}",
            "clusters.us.remote_clusters.jp.tftp: has to stay off: proxy TFTP does not work with EMCC",
        ),
        ("    enterprise_geolocation: x", "clusters.us.enterprise_geolocation: 'x' is no geolocation of this cluster"),
    ],
)
def test_says_what_is_wrong_in_a_cluster(body, mistake):
    assert mistakes(body) == [mistake]


@pytest.mark.parametrize(
    ("pool", "mistake"),
    [
        ("{call_manager_group: [pup]}", "call_manager_group[0]: 'pup' is no node of this cluster; did you mean 'pub'?"),
        ("{geolocation: x}", "geolocation: 'x' is no geolocation of this cluster"),
        ("{local_route_group: x}", "local_route_group: 'x' is no route group of this cluster"),
        ("{adjunct_css: x}", "adjunct_css: 'x' is no calling search space of this cluster"),
    ],
)
def test_says_what_is_wrong_in_a_device_pool(pool, mistake):
    with pytest.raises(InputError) as refused:
        parse_lab(f"clusters: {{us: {{nodes: {{pub: 127.1.0.10}}, device_pools: {{p: {pool}}}}}}}")
    assert str(refused.value) == f"lab:1: clusters.us.device_pools.p.{mistake}"


def test_a_cluster_needs_a_device_pool():
    with pytest.raises(InputError, match=r"clusters\.us\.device_pools: is empty"):
        parse_lab("clusters: {us: {nodes: {pub: 127.1.0.10}, device_pools: {}}}")


def test_cluster_ids_and_addresses_are_unique_in_the_lab():
    assert mistakes("", "  jp: {cluster_id: us, nodes: {a: 127.1.0.10}, remote_clusters: {}}") == [
        "clusters.jp.cluster_id: 'us' is the Cluster ID of us too",
        "clusters.jp.nodes.a.address: 127.1.0.10 is the address of pub in us too",
    ]


def test_region_parameters_are_equal_unless_the_lab_wants_them_not_to_be():
    second = "  jp: {nodes: {a: 127.2.0.10}, emcc: {region_max_audio_kbps: 64}}"
    assert mistakes("", second) == ["clusters.jp.emcc.region_max_audio_kbps: '64' differs from us's '8'"]
    assert parse_lab(f"allow_unequal_region_parameters: yes\nclusters:\n  us:{BASE}\n{second}")


def test_the_example_has_to_be_real():
    body = "    phones: {SEP02AA00000001: {}}\n    users: {ayamada: {}}"
    top = "example: {visiting_phone: SEP02AA00000002, home_user: ayamda, pin: '1', api_user: emprox, extension: '1'}\n"
    assert mistakes(body, top=top) == [
        "example.visiting_phone: 'SEP02AA00000002' is no phone of this lab; did you mean 'SEP02AA00000001'?",
        "example.home_user: 'ayamda' is no user of this lab; did you mean 'ayamada'?",
        "example.api_user: 'emprox' is no application user of us; did you mean 'emproxy'?",
        "example.extension: '1' is no directory number of this lab",
    ]


def test_the_examples_secrets_have_to_be_right_and_are_not_shown():
    body = "    phones: {SEP02AA00000001: {}}\n    users: {ayamada: {}}"
    top = "example: {visiting_phone: SEP02AA00000001, home_user: ayamada, pin: '987', api_password: wrong}\n"
    assert mistakes(body, top=top) == [
        "example.pin: is not the PIN of ayamada",
        "example.api_password: is not the password of emproxy in us",
    ]
