import pytest

from emcc_emu.lab.model import (
    BaseDevices,
    ClusterConfig,
    DevicePool,
    EmccFeatureParameters,
    Geolocation,
    GeolocationFilter,
    Node,
)
from emcc_emu.rules.geolocation import RoamingChoice, roaming_device_pool


def home(filter_name="filter", use=("country", "A1", "A3")):
    return ClusterConfig(
        name="tokyo",
        nodes=(Node(name="a", address="127.2.0.10"),),
        emcc=EmccFeatureParameters(geolocation_filter=filter_name),
        base_devices=BaseDevices(device_pool="template"),
        geolocation_filters=(GeolocationFilter(name="filter", use=use),),
        geolocations=(
            Geolocation(name="us", country="US"),
            Geolocation(name="ca", country="us", a1="CA"),
            Geolocation(name="sj", country="US", a1="CA", a3=" San Jose "),
            Geolocation(name="jp", country="JP"),
            Geolocation(name="nothing"),
        ),
        device_pools=(
            DevicePool(name="template"),
            DevicePool(name="z-us", geolocation="us"),
            DevicePool(name="a-us", geolocation="us"),
            DevicePool(name="california", geolocation="ca"),
            DevicePool(name="san-jose", geolocation="sj"),
            DevicePool(name="japan", geolocation="jp"),
            DevicePool(name="nowhere", geolocation="nothing"),
        ),
    )


@pytest.mark.parametrize(
    ("phone", "choice"),
    [
        ({"country": "US", "A1": "CA", "A3": "san jose"}, RoamingChoice("san-jose", 3)),
        ({"country": "US", "A1": "CA", "A3": "Fresno"}, RoamingChoice("california", 2)),
        ({"country": "US", "A1": "NV"}, RoamingChoice("a-us", 1)),
        ({"country": " us "}, RoamingChoice("a-us", 1)),
        ({"country": "JP", "A1": "Tokyo"}, RoamingChoice("japan", 1)),
        ({"country": "FR"}, RoamingChoice("template", 0)),
        ({}, RoamingChoice("template", 0)),
    ],
)
def test_the_pool_with_most_equal_elements_and_none_that_differs_wins(phone, choice):
    assert roaming_device_pool(home(), phone) == choice


def test_only_elements_of_the_filter_count():
    assert roaming_device_pool(home(use=("country",)), {"country": "US", "A1": "NV"}).device_pool == "a-us"
    assert roaming_device_pool(home(use=("A3",)), {"country": "US"}) == RoamingChoice("template", 0)


def test_without_a_filter_the_templates_pool_is_taken():
    assert roaming_device_pool(home(filter_name=""), {"country": "US"}) == RoamingChoice("template", 0)
