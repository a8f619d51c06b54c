import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.faults import Fault, plain_fault, read_fault
from emcc_emu.lab.load import parse_lab

LAB = parse_lab("clusters: {sanjose: {nodes: {sj-pub: 127.1.0.10}}, tokyo: {nodes: {tk-pub: 127.2.0.10}}}")
LINK = ["sanjose", "tokyo"]


def refused(**values):
    with pytest.raises(InputError) as error:
        read_fault(LAB, "x", values)
    return str(error.value).splitlines()


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"kind": "link_cut", "link": LINK}, {"link": ("sanjose", "tokyo")}),
        ({"kind": "link_loss", "link": LINK, "percent": 5}, {"link": ("sanjose", "tokyo"), "percent": 5}),
        ({"kind": "link_delay", "link": LINK, "delay": "80 ms", "protocol": "sip"},
         {"link": ("sanjose", "tokyo"), "delay_s": 0.08, "protocol": "sip"}),
        ({"kind": "service_down", "cluster": "tokyo", "service": "ris"}, {"cluster": "tokyo", "service": "ris"}),
        ({"kind": "service_slow", "cluster": "tokyo", "service": "em_app", "node": "tk-pub", "delay": "1 s"},
         {"cluster": "tokyo", "service": "em_app", "node": "tk-pub", "delay_s": 1.0}),
        ({"kind": "database_error", "cluster": "tokyo", "operation": "policy"},
         {"cluster": "tokyo", "operation": "policy"}),
        ({"kind": "message_junk", "cluster": "tokyo", "percent": "50"}, {"cluster": "tokyo", "percent": 50}),
    ],
)  # fmt: skip
def test_a_fault_is_read_by_the_names_of_the_lab_file_and_written_back(values, fields):
    fault = read_fault(LAB, "x", values)
    assert fault == Fault(name="x", kind=values["kind"], **fields)
    assert read_fault(LAB, "x", plain_fault(fault)) == fault


def test_a_lab_file_has_faults_by_name():
    lab = parse_lab(
        "clusters: {a: {nodes: {n: 127.1.0.10}}, b: {nodes: {m: 127.2.0.10}}}\n"
        "faults: {wan: {kind: link_loss, link: [a, b], percent: 10}}"
    )
    assert lab.faults == (Fault(name="wan", kind="link_loss", link=("a", "b"), percent=10),)


def test_a_mistake_in_a_lab_file_is_shown_with_its_line():
    with pytest.raises(InputError, match=r"lab:3: faults.wan.link: 'c' is no cluster of this lab"):
        parse_lab(
            "clusters: {a: {nodes: {n: 127.1.0.10}}, b: {nodes: {m: 127.2.0.10}}}\n"
            "faults:\n  wan: {kind: link_cut, link: [a, c]}"
        )


@pytest.mark.parametrize(
    ("values", "mistakes"),
    [
        ({"kind": "link_cutt", "link": LINK}, ["did you mean 'link_cut'?"]),
        ({"kind": "link_cut"}, ["faults.x: has no link, which link_cut needs"]),
        ({"kind": "link_cut", "link": ["tokyo", "tokyo"]}, ["faults.x.link: has to name two clusters"]),
        ({"kind": "link_cut", "link": ["sanjose", "tokio"]},
         ["faults.x.link: 'tokio' is no cluster of this lab; did you mean 'tokyo'?"]),
        ({"kind": "link_cut", "link": LINK, "percent": 9, "service": "tftp"},
         ["faults.x.service: means nothing for link_cut", "faults.x.percent: means nothing for link_cut"]),
        ({"kind": "link_loss", "link": LINK, "percent": 101}, ["faults.x.percent: 101 is above 100"]),
        ({"kind": "service_down", "cluster": "tokyo"}, ["faults.x: has no service, which service_down needs"]),
        ({"kind": "service_down", "cluster": "tokio", "service": "tftp"},
         ["faults.x.cluster: 'tokio' is no cluster of this lab; did you mean 'tokyo'?"]),
        ({"kind": "service_down", "cluster": "tokyo", "service": "tftp", "node": "tk-sub"},
         ["faults.x.node: 'tk-sub' is no node of tokyo; did you mean 'tk-pub'?"]),
        ({"kind": "service_down", "cluster": "tokyo", "service": "ris", "node": "tk-pub"},
         ["faults.x.node: means nothing for ris"]),
        ({"kind": "service_slow", "cluster": "tokyo", "service": "directory"},
         ["faults.x.kind: has to be service_down for directory"]),
        ({"kind": "service_error", "cluster": "tokyo", "service": "tftp"},
         ["faults.x.service: has to be em_service or em_app for service_error"]),
        ({"kind": "message_junk"}, ["faults.x: needs a link or a cluster, one of them, for message_junk"]),
        ({"kind": "message_junk", "link": LINK, "cluster": "tokyo"},
         ["faults.x: needs a link or a cluster, one of them, for message_junk"]),
        ({"kind": "service_slow", "cluster": "tokyo", "service": "em_app", "delay": "3 sec"}, ["needs a unit"]),
    ],
)  # fmt: skip
def test_every_mistake_is_named_with_its_field(values, mistakes):
    lines = refused(**values)
    assert len(lines) == len(mistakes)
    assert all(mistake in line for mistake, line in zip(mistakes, lines, strict=True))
