"""The dataclasses of the EM API."""

from emcc_emu.wire.em_documents import AppInfo, DeviceUserResult, Failure, LoginRequest


def test_secrets_stay_out_of_repr():
    request = LoginRequest(app=AppInfo("emproxy", "s3cret"), device_name="D", user_id="U")
    assert "s3cret" not in repr(request)


def test_requests_are_values():
    assert Failure(3) == Failure(3, "")
    assert DeviceUserResult("D") != DeviceUserResult("D", user_id="U")
