from emcc_emu.lab.geography import CIVIC_ELEMENTS, Geolocation
from emcc_emu.lab.load import parse_lab
from emcc_emu.settings.plans import settings_of


def test_files_call_the_elements_as_rfc_4119_does():
    assert tuple(setting.key for setting in settings_of(Geolocation))[1:] == CIVIC_ELEMENTS


def test_only_known_elements_are_listed_in_order():
    place = Geolocation(name="x", a3="Minato", country="JP")
    assert list(place.elements().items()) == [("country", "JP"), ("A3", "Minato")]


def test_a_phones_geolocation_is_its_own_then_the_pools_then_the_enterprises():
    cluster = parse_lab("""
clusters:
  us:
    nodes: {pub: 127.1.0.10}
    geolocations: {own: {}, pool: {}, all: {}}
    enterprise_geolocation: all
    device_pools: {with: {geolocation: pool}, without: {}}
    phones:
      SEP02AA00000001: {geolocation: own}
      SEP02AA00000002: {}
      SEP02AA00000003: {device_pool: without}
""").clusters[0]
    assert [cluster.geolocation_of(phone).name for phone in cluster.phones] == ["own", "pool", "all"]


def test_a_phone_may_have_none():
    cluster = parse_lab("clusters: {us: {nodes: {pub: 127.1.0.10}, phones: {SEP02AA00000001: {}}}}").clusters[0]
    assert cluster.geolocation_of(cluster.phones[0]) is None
