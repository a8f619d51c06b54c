"""Answers between clusters. Only the answer to checkUser is published; the other shapes are our own design."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.emcc_documents import ClusterInfo, ClusterService, FoundUser, HomeLoginAnswer, UnknownUser
from emcc_emu.wire.emcc_responses import MAX_PROFILES, build_emcc_response, parse_emcc_response

ANSWER = HomeLoginAnswer(
    cluster_id="ClusterB",
    user_id="ayamada",
    device_profile="UDP-ayamada",
    emcc_device="EMCC1",
    roaming_device_pool="DP-Roam-JP",
    tftp_server_1="198.51.100.20",
    login_time_epoch_s=1552156348,
    login_duration_s=36000,
)
CLUSTER_INFO = ClusterInfo(
    "ClusterB",
    "12.5.1.14900-11",
    0,
    (
        ClusterService("EMCC", True, ("198.51.100.20",)),
        ClusterService("PSTN Access", True, ("198.51.100.20", "198.51.100.21")),
        ClusterService("RSVP Agent", False),
    ),
)


def test_check_user_answer_as_published():
    answer = build_emcc_response(FoundUser("ayamada", ("UDP-ayamada",)))
    assert answer == (
        b'<emccResponse><checkUser><user id="ayamada"><numProfiles>1</numProfiles><exists/>'
        b"<deviceProfile1>UDP-ayamada</deviceProfile1></user></checkUser></emccResponse>"
    )
    assert parse_emcc_response(answer) == FoundUser("ayamada", ("UDP-ayamada",))


def test_home_login_answer():
    assert build_emcc_response(ANSWER) == (
        b"<emccResponse><homeLogin><clusterID>ClusterB</clusterID><userID>ayamada</userID>"
        b"<deviceProfile>UDP-ayamada</deviceProfile><emccDevice>EMCC1</emccDevice>"
        b"<roamingDevicePool>DP-Roam-JP</roamingDevicePool><tftpServer1>198.51.100.20</tftpServer1>"
        b"<tftpServer2></tftpServer2><loginTime>1552156348</loginTime><loginDuration>36000</loginDuration>"
        b"</homeLogin></emccResponse>"
    )


def test_cluster_information():
    assert build_emcc_response(CLUSTER_INFO) == (
        b"<emccResponse><clusterInfo><clusterID>ClusterB</clusterID><version>12.5.1.14900-11</version>"
        b'<securityMode>0</securityMode><services><service name="EMCC" activated="true">'
        b'<address>198.51.100.20</address></service><service name="PSTN Access" activated="true">'
        b"<address>198.51.100.20</address><address>198.51.100.21</address></service>"
        b'<service name="RSVP Agent" activated="false"></service></services></clusterInfo></emccResponse>'
    )


def test_failure_and_success():
    assert build_emcc_response(Success()) == b"<emccResponse><success/></emccResponse>"
    assert build_emcc_response(Failure(33, "No free EMCC dummy device")) == (
        b'<emccResponse><failure><error code="33">No free EMCC dummy device</error></failure></emccResponse>'
    )


@pytest.mark.parametrize(
    "response",
    [
        Success(),
        Failure(2, "a<b"),
        Failure(41, "PIN change is required", "https://198.51.100.20:8443/changecredential/x?a=1&b=2"),
        FoundUser("a&b", ()),
        FoundUser("ayamada", ("one", "two <2>", "three")),
        UnknownUser("nobody"),
        ANSWER,
        CLUSTER_INFO,
        ClusterInfo("C", "9.1", 1),
    ],
)
def test_every_answer_comes_back_as_it_was_written(response):
    assert parse_emcc_response(build_emcc_response(response)) == response


@pytest.mark.parametrize(
    "content",
    [
        "",
        "<other/>",
        "<success/><success/>",
        "<checkUser/>",
        "<checkUser><device/></checkUser>",
        '<checkUser><user id="a"/></checkUser>',
        '<checkUser><user id="a"><exists/></user></checkUser>',
        '<checkUser><user id="a"><numProfiles>x</numProfiles><exists/></user></checkUser>',
        '<checkUser><user id="a"><numProfiles>2</numProfiles><exists/><deviceProfile1>p</deviceProfile1></user>'
        "</checkUser>",
        f'<checkUser><user id="a"><numProfiles>{MAX_PROFILES + 1}</numProfiles><exists/></user></checkUser>',
        "<homeLogin/>",
        "<clusterInfo/>",
        "<clusterInfo><clusterID>C</clusterID></clusterInfo>",
        "<failure/>",
    ],
)
def test_what_is_no_answer_is_refused(content):
    with pytest.raises(XmlInvalid):
        parse_emcc_response(f"<emccResponse>{content}</emccResponse>".encode())


def test_another_root_is_refused():
    with pytest.raises(XmlInvalid):
        parse_emcc_response(b"<response><success/></response>")


def test_at_most_three_addresses_are_kept():
    info = ClusterInfo("C", "1", 0, (ClusterService("EMCC", True, ("a", "b", "c", "d")),))
    assert parse_emcc_response(build_emcc_response(info)).services[0].addresses == ("a", "b", "c")


@given(st.text(alphabet="<>/= \"'&;abcdehinorsu", max_size=80))
def test_reading_soup_returns_or_raises_our_error(text):
    try:
        parse_emcc_response(f"<emccResponse>{text}</emccResponse>".encode())
    except XmlInvalid:
        pass
