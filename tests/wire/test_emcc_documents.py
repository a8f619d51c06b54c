"""The dataclasses between clusters."""

from emcc_emu.wire.emcc_documents import GEOLOCATION_FIELDS, LOGOUT_REASONS, CheckUser, EmccInfo


def test_geolocation_has_the_seventeen_fields_in_order():
    assert " ".join(GEOLOCATION_FIELDS) == "country A1 A2 A3 A4 A5 A6 PRD POD STS HNO HNS LMK LOC FLR NAM PC"


def test_reasons_of_a_logout():
    assert LOGOUT_REASONS == ("user", "admin", "timer", "multiLogin", "maintenance", "logoutAll")


def test_pins_stay_out_of_repr():
    request = CheckUser(info=EmccInfo("A", "12.5"), user_id="u", credential="13579", device_name="D")
    assert "13579" not in repr(request)
