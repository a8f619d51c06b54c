"""EMCC templates and the defaults that follow from them."""

from pathlib import Path

import pytest

from emcc_emu.errors import InputError
from emcc_emu.lab.load import parse_lab

TEXT = """
clusters:
  tokyo:
    nodes: {tokyo-pub: 127.2.0.10, tokyo-sub: 127.2.0.11}
    device_pools: {first: {}, spare: {}}
"""


def tokyo(more=""):
    return parse_lab(TEXT + more).by_name["tokyo"]


def test_the_first_template_is_the_default_one_and_gives_the_device_pool():
    assert tokyo().base_devices.template == "EMCC Base Phone"
    assert tokyo().base_devices.device_pool == "first"
    config = tokyo("    emcc_templates: {mine: {device_pool: spare}}\n")
    assert (config.base_devices.template, config.base_devices.device_pool) == ("mine", "spare")
    config = tokyo("    base_devices: {template: none, count: 3}\n")
    assert (config.base_devices.template, config.base_devices.device_pool) == ("", "first")


def test_a_template_names_what_exists():
    with pytest.raises(InputError, match=r"emcc_templates\.mine\.common_device_configuration: 'away'"):
        tokyo("    emcc_templates: {mine: {common_device_configuration: away}}\n")
    with pytest.raises(InputError, match=r"base_devices\.template: 'other'"):
        tokyo("    base_devices: {template: other}\n")


def test_publisher_services_are_on_at_the_publisher_and_nowhere_else():
    publisher, subscriber = tokyo().nodes
    assert (publisher.ils, publisher.bulk_provisioning) == (True, True)
    assert (subscriber.ils, subscriber.bulk_provisioning) == (False, False)
    with pytest.raises(InputError, match="runs on the publisher only"):
        parse_lab(TEXT.replace("tokyo-sub: 127.2.0.11", "tokyo-sub: {address: 127.2.0.11, ils: yes}"))


def test_the_ready_made_lab_has_a_template():
    text = (Path(__file__).parents[2] / "fixtures" / "labs" / "two-clusters.yaml").read_text()
    assert parse_lab(text).by_name["sanjose"].base_devices.template
