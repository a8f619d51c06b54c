"""Configuration files by HTTP 6970 and by TFTP: the same bytes, from memory, as the device is now."""

from __future__ import annotations

from typing import Any

import pytest

from emcc_emu.errors import TftpRefused
from emcc_emu.net.tftp_client import tftp_fetch
from emcc_emu.wire.device_config import DeviceConfig
from emcc_emu.wire.phone_files import parse_config_file, parse_default_config, parse_soft_keys

PHONE = "SEP02AA00000001"


async def by_http(cluster: Any, name: str) -> Any:
    node = next(iter(cluster.em.nodes.values()))
    return await cluster.client.get(f"http://{node.tftp.http.address[0]}:{node.tftp.http.address[1]}/{name}")


async def by_tftp(cluster: Any, name: str) -> bytes:
    node = next(iter(cluster.em.nodes.values()))
    return await tftp_fetch(node.tftp.tftp.address, name)


async def test_both_transports_serve_the_same_file(sanjose: Any) -> None:
    reply = await by_http(sanjose, f"{PHONE}.cnf.xml")
    assert (reply.status, reply.get("Content-Type"), reply.get("Cache-Control")) == (200, "*/*", "no-store")
    assert await by_tftp(sanjose, f"{PHONE}.cnf.xml") == reply.body


async def test_the_file_says_where_to_register_with_what_line_and_which_service(sanjose: Any) -> None:
    config = parse_config_file((await by_http(sanjose, f"{PHONE}.cnf.xml")).body)
    assert isinstance(config, DeviceConfig)
    assert [member.address for member in config.call_managers] == [sanjose.address]
    device = sanjose.state.device(PHONE)
    assert [(line.name, line.contact) for line in config.lines] == [("2001", device.lines[0].contact)]
    assert config.version_stamp == device.version_stamp
    service = config.phone_services[0]
    assert service.url == f"{sanjose.base_url}/emapp/EMAppServlet?device=#DEVICENAME#&EMCC=#EMCC#"


async def test_a_login_changes_file_and_stamp_before_the_phone_is_told(sanjose: Any) -> None:
    name = f"{PHONE}.cnf.xml"
    before = parse_config_file(sanjose.em.files.find(name))
    told: list[Any] = []

    def read_when_told(device_name: str, action: str = "restart") -> bool:
        told.append(parse_config_file(sanjose.em.files.find(name)))
        return True

    sanjose.control.reset_device = read_when_told
    await sanjose.page(f"device={PHONE}&userid=bmiller&seq=86420")
    assert [line.name for line in told[0].lines] == ["2101"]
    assert told[0].version_stamp != before.version_stamp
    assert told[0].user_id == "bmiller"


async def test_named_files_exist(sanjose: Any) -> None:
    config = parse_config_file(sanjose.em.files.find(f"{PHONE}.cnf.xml"))
    stamp, sets = parse_soft_keys((await by_http(sanjose, config.soft_key_file)).body)
    assert stamp and sets
    for name in (config.dial_template_file, "AppDialRules.xml", "Ringlist.xml", "Ringlist-wb.xml"):
        assert (await by_http(sanjose, name)).status == 200
    default = parse_default_config(await by_tftp(sanjose, "XMLDefault.cnf.xml"))
    assert not default.is_auto_registration_on
    listed = (await by_http(sanjose, "ConfigFileCacheList.txt")).body.decode().split()
    assert f"{PHONE}.cnf.xml" in listed and "SEP02AA000000F1.cnf.xml" not in listed


@pytest.mark.parametrize(
    "name",
    ["CTLSEP02AA00000001.tlv", "SEPFFFFFFFFFFFF.cnf.xml", "sep02aa00000001.cnf.xml", "SEP02AA000000F1.cnf.xml", "x"],
)
async def test_a_missing_file_is_503_by_http_and_error_1_by_tftp(sanjose: Any, name: str) -> None:
    assert (await by_http(sanjose, name)).status == 503
    with pytest.raises(TftpRefused) as caught:
        await by_tftp(sanjose, name)
    assert caught.value.code == 1


async def test_nothing_outside_the_files_is_found(sanjose: Any) -> None:
    assert (await by_http(sanjose, "%2e%2e/%2e%2e/etc/passwd")).status == 503
    with pytest.raises(TftpRefused) as caught:
        await by_tftp(sanjose, "../../etc/passwd")
    assert caught.value.code == 2
