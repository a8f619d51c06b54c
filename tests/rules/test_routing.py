import msgspec
import pytest

from emcc_emu.lab.model import (
    STANDARD_LOCAL_ROUTE_GROUP,
    CallingSearchSpace,
    ClusterConfig,
    DevicePool,
    EmccFeatureParameters,
    Gateway,
    InterclusterServiceProfile,
    Node,
    RouteGroup,
    RouteList,
    RouteListMember,
    RoutePattern,
    TrunkConfig,
)
from emcc_emu.rules.routing import Caller, GatewayHop, TrunkHop, VisitingClusterHop, hops, trunk_partitions
from emcc_emu.rules.transformations import Numbers

GATEWAYS = tuple(Gateway(name=name, address=f"127.1.0.5{index}") for index, name in enumerate("abc"))
EMCC = TrunkConfig(name="emcc", css="from-trunk")
INTERCLUSTER = TrunkConfig(name="ict", service_type="none", destinations=("127.3.0.10",))
CLUSTER = ClusterConfig(
    name="sanjose",
    nodes=(Node(name="pub", address="127.1.0.10"),),
    device_pools=(DevicePool(name="office", local_route_group="local"), DevicePool(name="empty")),
    gateways=GATEWAYS,
    trunks=(EMCC, INTERCLUSTER),
    intercluster_service_profile=InterclusterServiceProfile(pstn_access_trunk="emcc"),
    partitions=("pstn", "internal"),
    calling_search_spaces=(
        CallingSearchSpace(name="from-trunk", partitions=("pstn",)),
        CallingSearchSpace(name="phones", partitions=("internal", "pstn")),
    ),
    route_groups=(
        RouteGroup(name="local", members=("a",)),
        RouteGroup(name="round", members=("a", "b", "c")),
        RouteGroup(name="top", members=("a", "b"), algorithm="top_down"),
    ),
    route_lists=(
        RouteList(name="slrg", members=(RouteListMember(route_group=STANDARD_LOCAL_ROUTE_GROUP),)),
        RouteList(
            name="both",
            members=(
                RouteListMember(route_group=STANDARD_LOCAL_ROUTE_GROUP),
                RouteListMember(route_group="top", called_prefix="00"),
            ),
        ),
        RouteList(name="round", members=(RouteListMember(route_group="round"),)),
    ),
)
NUMBERS = Numbers("2001", "9911")
HERE = Caller("office")
VISITOR = Caller("office", visiting_cluster_id="osaka")


def tried(destination, caller=HERE, cluster=CLUSTER, turn=0):
    pattern = RoutePattern(pattern="9.911", destination=destination, discard="pre_dot")
    return hops(cluster, pattern, NUMBERS, caller, turn)


def test_a_pattern_may_name_a_gateway_or_trunk_directly():
    assert tried("b") == [GatewayHop(GATEWAYS[1], Numbers("2001", "911"))]
    assert tried("ict") == [TrunkHop(INTERCLUSTER, Numbers("2001", "911"))]


def test_a_pattern_without_destination_goes_nowhere():
    assert tried("") == []


def test_standard_local_route_group_is_that_of_the_callers_device_pool():
    assert tried("slrg") == [GatewayHop(GATEWAYS[0], Numbers("2001", "911"))]


@pytest.mark.parametrize("pool", ["empty", ""])
def test_without_a_local_route_group_nothing_is_tried(pool):
    assert tried("slrg", Caller(pool)) == []


def test_standard_local_route_group_of_an_emcc_phone_is_the_cluster_it_stands_in():
    assert tried("slrg", VISITOR) == [VisitingClusterHop("osaka", EMCC, Numbers("2001", "911"))]


def test_other_members_of_the_list_are_the_same_for_everyone_and_change_digits_their_own_way():
    assert tried("both", VISITOR) == [
        VisitingClusterHop("osaka", EMCC, Numbers("2001", "911")),
        GatewayHop(GATEWAYS[0], Numbers("2001", "009911")),
        GatewayHop(GATEWAYS[1], Numbers("2001", "009911")),
    ]


@pytest.mark.parametrize(
    "profile",
    [
        InterclusterServiceProfile(pstn_access_active=False, pstn_access_trunk="emcc"),
        InterclusterServiceProfile(pstn_access_trunk=""),
    ],
)
def test_without_pstn_access_an_emcc_call_does_not_leave_by_the_wrong_country(profile):
    cluster = msgspec.structs.replace(CLUSTER, intercluster_service_profile=profile)
    assert tried("slrg", VISITOR, cluster) == []


def test_circular_groups_start_after_the_last_one_used():
    orders = [[hop.gateway.name for hop in tried("round", turn=turn)] for turn in (0, 1, 2, 3)]
    assert orders == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_the_trunk_css_is_that_of_the_trunk_or_of_the_phone():
    assert trunk_partitions(CLUSTER, EMCC, "phones") == ("pstn",)
    by_phone = msgspec.structs.replace(
        CLUSTER, emcc=EmccFeatureParameters(css_for_pstn_access_trunk="use_phones_original_device_css")
    )
    assert trunk_partitions(by_phone, EMCC, "phones") == ("internal", "pstn")
    assert trunk_partitions(by_phone, EMCC, "") == ()
    assert trunk_partitions(by_phone, EMCC, None) is None
