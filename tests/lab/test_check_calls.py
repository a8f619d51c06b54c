import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.load import parse_lab

TOP = """
clusters:
  us:
    nodes: {pub: 127.1.0.10}
    gateways: {gw: 127.1.0.50}
"""


def mistakes(body):
    with pytest.raises(InputError) as refused:
        parse_lab(TOP + body)
    return [line.split(":", 2)[2].strip().removeprefix("clusters.us.") for line in str(refused.value).splitlines()]


@pytest.mark.parametrize(
    ("body", "mistake"),
    [
        ("    partitions: [a, b, a]", "partitions[2]: 'a' is there already"),
        (
            "    partitions: [pstn]\n    calling_search_spaces: {phones: [pstm]}",
            "calling_search_spaces.phones[0]: 'pstm' is no partition of this cluster; did you mean 'pstn'?",
        ),
        (
            "    route_patterns: [{pattern: '911', destination: gww}]",
            "route_patterns[0].destination: 'gww' is no route list, gateway or trunk of this cluster; "
            "did you mean 'gw'?",
        ),
        ("    route_patterns: [{pattern: '911'}]", "route_patterns[0]: has no destination and does not block"),
        (
            "    route_patterns: [{pattern: '911', block: yes, discard: pre_dot}]",
            "route_patterns[0].discard: 'pre_dot' needs a dot in the pattern",
        ),
        (
            "    route_patterns: [{pattern: '9Y', block: yes}]",
            "route_patterns[0].pattern: '9Y' has 'Y', which is no digit, X, !, [ ], dot or \\+",
        ),
        (
            "    translation_patterns: [{pattern: '8'}, {pattern: '7'}, {pattern: '8'}]",
            "translation_patterns[2].pattern: '8' is in this partition already",
        ),
        (
            "    translation_patterns: [{pattern: '0', partition: x}]",
            "translation_patterns[0].partition: 'x' is no partition of this cluster",
        ),
        (
            "    translation_patterns: [{pattern: '0', css: x}]",
            "translation_patterns[0].css: 'x' is no calling search space of this cluster",
        ),
        ("    route_lists: {out: []}", "route_lists.out: has no members"),
        (
            "    route_lists: {out: [Standard Local Route Grup]}",
            "route_lists.out[0]: 'Standard Local Route Grup' is no route group of this cluster; "
            "did you mean 'Standard Local Route Group'?",
        ),
        (
            "    route_groups: {g: [emcc]}",
            "route_groups.g[0]: 'emcc' is no gateway or ordinary trunk of this cluster",
        ),
        (
            "    route_lists: {gw: [Standard Local Route Group]}",
            "gateways.gw: is the name of another route list, gateway or trunk too",
        ),
        ("    trunks: {emcc: {css: x}}", "trunks.emcc.css: 'x' is no calling search space of this cluster"),
        (
            "    trunks: {emcc: {device_pool: Defalt}}",
            "trunks.emcc.device_pool: 'Defalt' is no device pool of this cluster; did you mean 'Default'?",
        ),
        (
            "    trunks: {emcc: {destinations: [127.2.0.10]}}",
            "trunks.emcc.destinations: an EMCC trunk learns its peers and has no destinations",
        ),
        (
            "    trunks: {emcc: {}, ict: {service_type: none}}",
            "trunks.ict: is an ordinary trunk and needs destinations",
        ),
        (
            "    trunks: {emcc: {}, ict: {service_type: none, destinations: [127.2.0.10, far]}}",
            "trunks.ict.destinations[1]: 'far' is no address or address:port",
        ),
        (
            "    trunks: {emcc: {}, ict: {service_type: none, destinations: ['127.2.0.10:99999']}}",
            "trunks.ict.destinations[0]: '127.2.0.10:99999' is no address or address:port",
        ),
    ],
)
def test_says_what_is_wrong_in_a_dial_plan(body, mistake):
    assert mistakes(body) == [mistake]


def test_the_same_pattern_as_route_and_translation_pattern_is_a_mistake():
    body = (
        "    route_patterns: [{pattern: '9', block: yes}]\n    translation_patterns: [{pattern: '9', called_mask: '8'}]"
    )
    assert mistakes(body) == ["translation_patterns[0].pattern: '9' is in this partition already"]
