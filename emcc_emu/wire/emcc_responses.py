"""The answers of one cluster to another: `emccResponse`, on one line and without a declaration."""

from __future__ import annotations

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.em_responses import read_failure
from emcc_emu.wire.emcc_documents import (
    ClusterInfo,
    ClusterService,
    EmccResponse,
    FoundUser,
    HomeLoginAnswer,
    UnknownUser,
)
from emcc_emu.wire.xml import Element, child_text, element_text, escape, escape_attribute, parse_xml

__all__ = ["MAX_PROFILES", "MAX_SERVICE_ADDRESSES", "build_emcc_response", "parse_emcc_response"]

MAX_PROFILES = 1000
"""Most device profiles read from one answer to checkUser."""

MAX_SERVICE_ADDRESSES = 3
"""Addresses that a remote cluster update reports per service."""


def build_emcc_response(response: EmccResponse) -> bytes:
    """Write an `emccResponse` document."""
    return f"<emccResponse>{_write_content(response)}</emccResponse>".encode()


def _write_content(response: EmccResponse) -> str:
    match response:
        case Success():
            return "<success/>"
        case Failure():
            return _write_failure(response)
        case FoundUser():
            return _write_found_user(response)
        case UnknownUser(user_id):
            return f'<checkUser><user id="{escape_attribute(user_id)}"><doesNotExist/></user></checkUser>'
        case HomeLoginAnswer():
            return _write_home_login(response)
    return _write_cluster_info(response)


def _write_failure(failure: Failure) -> str:
    url = failure.change_credential_url
    link = "" if url is None else f"<changeCredentialURL>{escape(url)}</changeCredentialURL>"
    return f'<failure><error code="{failure.code}">{escape(failure.text)}</error>{link}</failure>'


def _write_found_user(found: FoundUser) -> str:
    profiles = [
        f"<deviceProfile{number}>{escape(name)}</deviceProfile{number}>"
        for number, name in enumerate(found.profiles, start=1)
    ]
    return (
        f'<checkUser><user id="{escape_attribute(found.user_id)}"><numProfiles>{len(found.profiles)}</numProfiles>'
        f"<exists/>{''.join(profiles)}</user></checkUser>"
    )


def _write_home_login(answer: HomeLoginAnswer) -> str:
    return (
        f"<homeLogin><clusterID>{escape(answer.cluster_id)}</clusterID><userID>{escape(answer.user_id)}</userID>"
        f"<deviceProfile>{escape(answer.device_profile)}</deviceProfile>"
        f"<emccDevice>{escape(answer.emcc_device)}</emccDevice>"
        f"<roamingDevicePool>{escape(answer.roaming_device_pool)}</roamingDevicePool>"
        f"<tftpServer1>{escape(answer.tftp_server_1)}</tftpServer1>"
        f"<tftpServer2>{escape(answer.tftp_server_2)}</tftpServer2>"
        f"<loginTime>{answer.login_time_epoch_s}</loginTime>"
        f"<loginDuration>{answer.login_duration_s}</loginDuration></homeLogin>"
    )


def _write_cluster_info(info: ClusterInfo) -> str:
    services = [
        f'<service name="{escape_attribute(service.name)}" activated="{"true" if service.is_activated else "false"}">'
        + "".join([f"<address>{escape(address)}</address>" for address in service.addresses])
        + "</service>"
        for service in info.services
    ]
    return (
        f"<clusterInfo><clusterID>{escape(info.cluster_id)}</clusterID><version>{escape(info.version)}</version>"
        f"<securityMode>{info.security_mode}</securityMode><services>{''.join(services)}</services></clusterInfo>"
    )


def parse_emcc_response(data: bytes) -> EmccResponse:
    """Read an `emccResponse` document.

    Raises:
        XmlInvalid: Unparsable, another root, or nothing known in it.
    """
    root = parse_xml(data)
    if root.tag != "emccResponse" or len(root) != 1:
        raise XmlInvalid("not an emccResponse with one element")
    content = root[0]
    match content.tag:
        case "success":
            return Success()
        case "failure":
            return read_failure(content)
        case "checkUser":
            return _read_checked_user(content)
        case "homeLogin":
            return _read_home_login(content)
        case "clusterInfo":
            return _read_cluster_info(content)
    raise XmlInvalid(f"unknown emccResponse element {str(content.tag)[:64]!r}")


def _read_checked_user(element: Element) -> FoundUser | UnknownUser:
    if len(element) != 1 or element[0].tag != "user":
        raise XmlInvalid("checkUser without user")
    user = element[0]
    texts = {str(child.tag): element_text(child) for child in user}
    user_id = user.get("id", "")
    if "doesNotExist" in texts:
        return UnknownUser(user_id)
    if "exists" not in texts:
        raise XmlInvalid("checkUser says neither exists nor doesNotExist")
    count = _read_number(texts, "numProfiles")
    if count > MAX_PROFILES:
        raise XmlInvalid(f"numProfiles {count} is more than {MAX_PROFILES}")
    names = [texts.get(f"deviceProfile{number}") for number in range(1, count + 1)]
    if None in names:
        raise XmlInvalid(f"fewer device profiles than numProfiles {count}")
    return FoundUser(user_id, tuple(name for name in names if name is not None))


def _read_number(texts: dict[str, str], name: str) -> int:
    text = texts.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise XmlInvalid(f"{name} {text[:32]!r} is not a number")
    return int(text)


def _read_home_login(element: Element) -> HomeLoginAnswer:
    texts = {str(child.tag): element_text(child) for child in element}
    try:
        return HomeLoginAnswer(
            cluster_id=texts["clusterID"],
            user_id=texts["userID"],
            device_profile=texts["deviceProfile"],
            emcc_device=texts["emccDevice"],
            roaming_device_pool=texts["roamingDevicePool"],
            tftp_server_1=texts["tftpServer1"],
            tftp_server_2=texts.get("tftpServer2", ""),
            login_time_epoch_s=_read_number(texts, "loginTime"),
            login_duration_s=_read_number(texts, "loginDuration"),
        )
    except KeyError as error:
        raise XmlInvalid(f"homeLogin without {error.args[0]}") from None


def _read_cluster_info(element: Element) -> ClusterInfo:
    texts = {str(child.tag): element_text(child) for child in element}
    services = [
        _read_service(service)
        for child in element
        if child.tag == "services"
        for service in child.iterchildren("service")
    ]
    if not texts.get("clusterID"):
        raise XmlInvalid("clusterInfo without clusterID")
    return ClusterInfo(
        texts["clusterID"], child_text(element, "version"), _read_number(texts, "securityMode"), tuple(services)
    )


def _read_service(element: Element) -> ClusterService:
    addresses = [element_text(child) for child in element if child.tag == "address"]
    return ClusterService(
        element.get("name", ""), element.get("activated") == "true", tuple(addresses[:MAX_SERVICE_ADDRESSES])
    )
