"""The dataclasses of a phone's configuration."""

from emcc_emu.wire.device_config import LineConfig, ServiceUrls


def test_default_urls_point_to_one_node():
    urls = ServiceUrls.of_node("192.0.2.10", 8080, 8443)
    assert urls.services == "http://192.0.2.10:8080/ccmcip/getservicesmenu.jsp"
    assert urls.secure_authentication == "https://192.0.2.10:8443/ccmcip/authenticate.jsp"
    assert urls.idle == urls.messages == ""


def test_digest_passwords_stay_out_of_repr():
    line = LineConfig(button=1, line_index=1, name="2001", contact="c", auth_name="ann", auth_password="s3cret")
    assert "s3cret" not in repr(line)
