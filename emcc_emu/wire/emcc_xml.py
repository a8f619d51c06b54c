"""The XML between two clusters: `emccRequest` and `emccResponse`, on one line and without a declaration.

Published: the root `emccResponse` and the answer to checkUser. Everything else here is our own design, kept in the
style of the EM API: a request is `emccInfo` (or `appInfo`, when EMApp asks its own EMService) and one action.

| element | content |
| --- | --- |
| `emccRequest` | (`emccInfo` or `appInfo`), one of `emccLogin` `checkUser` `homeLogin` `homeLogout` `visitingLogout` |
| `emccInfo` | `clusterID`, `clusterVersion`, `securityMode`, `requestID` |
| `emccResponse` | one of `checkUser` `homeLogin` `clusterInfo` `success` `failure` |

`loginType` is in the grammar of clusters from 12.0 on only; older ones answer code 1 to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast
from urllib.parse import quote_plus, unquote_plus

from emcc_emu.errors import EmError, XmlInvalid
from emcc_emu.wire.em_documents import AppInfo, EmDocument, Failure, Success
from emcc_emu.wire.em_xml import ERROR_PARSING, build_app_info, parse_app_info, read_em_document
from emcc_emu.wire.emcc_documents import (
    GEOLOCATION_FIELDS,
    LOGOUT_REASONS,
    CheckUser,
    ClusterInfo,
    ClusterService,
    DeviceInfo,
    EmccInfo,
    EmccLogin,
    EmccRequest,
    EmccResponse,
    FoundUser,
    HomeLogin,
    HomeLoginAnswer,
    HomeLogout,
    LogoutReason,
    UnknownUser,
    VisitingLogout,
)
from emcc_emu.wire.emcc_responses import build_emcc_response, parse_emcc_response
from emcc_emu.wire.xml import Element, escape, parse_xml
from emcc_emu.wire.xml_grammar import ContentModel, leaf_text

__all__ = [
    "GEOLOCATION_FIELDS",
    "LOGOUT_REASONS",
    "AppInfo",
    "CheckUser",
    "ClusterInfo",
    "ClusterService",
    "DeviceInfo",
    "EmccInfo",
    "EmccLogin",
    "EmccRequest",
    "EmccResponse",
    "Failure",
    "FoundUser",
    "HomeLogin",
    "HomeLoginAnswer",
    "HomeLogout",
    "LogoutReason",
    "Success",
    "UnknownUser",
    "VisitingLogout",
    "build_em_uri",
    "build_emcc_request",
    "build_emcc_response",
    "parse_emcc_request",
    "parse_emcc_response",
    "parse_service_document",
]

_INFO = ContentModel("clusterID, clusterVersion, securityMode, requestID")
_REQUEST = ContentModel("emccInfo, (checkUser|homeLogin|homeLogout|visitingLogout)")
_APP_REQUEST = ContentModel("appInfo, emccLogin")
_EMCC_LOGIN = ContentModel(
    "deviceName, userID, credential, deviceProfile?, loginType?, emURI, remoteIPAddr, isViaHeaderSet"
)
_CHECK_USER = ContentModel("userID, credential, loginType?, deviceName")
_HOME_LOGIN = ContentModel("userID, credential, loginType?, deviceProfile, deviceInfo, emURI")
_LOGOUT = ContentModel("deviceName, userID, reason")
_DEVICE_INFO = ContentModel(
    "deviceName, product, model, protocol, deviceSecurityMode, ipAddress, loadInformation?, userLocale?, geolocation?"
)
_GEOLOCATION = ContentModel(", ".join(f"{field}?" for field in GEOLOCATION_FIELDS))


def parse_service_document(
    data: bytes, *, accepts_login_type: bool = True, is_lenient: bool = False
) -> EmDocument | EmccRequest:
    """Read whatever may arrive at EMServiceServlet: a request or query of the EM API, or an EMCC request.

    Args:
        data: The document, as the form control carried it.
        accepts_login_type: Whether the grammar knows `loginType`: clusters from 12.0 on.
        is_lenient: Accept the children of EM API elements in any order.

    Raises:
        EmError: Code 8 for a query without a known query element, code 1 for every other mistake.
    """
    try:
        root = parse_xml(data)
    except XmlInvalid as error:
        raise EmError(ERROR_PARSING, str(error)) from None
    if root.tag == "emccRequest":
        return _read_emcc_request(root, accepts_login_type)
    return read_em_document(root, accepts_login_type=accepts_login_type, is_lenient=is_lenient)


def parse_emcc_request(data: bytes, *, accepts_login_type: bool = True) -> EmccRequest:
    """Read an `emccRequest` document.

    Raises:
        EmError: Code 1: not parsable, another document, or not conforming.
    """
    document = parse_service_document(data, accepts_login_type=accepts_login_type)
    if not isinstance(document, EmccRequest):
        raise EmError(ERROR_PARSING, "not an emccRequest")
    return document


def _read_emcc_request(root: Element, accepts_login_type: bool) -> EmccRequest:
    try:
        request = _read_action(root)
    except XmlInvalid as error:
        raise EmError(ERROR_PARSING, str(error)) from None
    if not accepts_login_type and getattr(request, "login_type", None) is not None:
        raise EmError(ERROR_PARSING, "loginType is unknown to this release")
    return request


def _read_action(root: Element) -> EmccRequest:
    if len(root) and root[0].tag == "appInfo":
        app, action = _APP_REQUEST.children(root)
        return _read_emcc_login(parse_app_info(app), action)
    info_element, action = _REQUEST.children(root)
    info = _read_info(info_element)
    if action.tag == "checkUser":
        texts = _CHECK_USER.texts(action)
        return CheckUser(
            info=info,
            user_id=texts["userID"],
            credential=texts["credential"],
            login_type=texts.get("loginType"),
            device_name=texts["deviceName"],
        )
    if action.tag == "homeLogin":
        return _read_home_login(info, action)
    texts = _LOGOUT.texts(action)
    if texts["reason"] not in LOGOUT_REASONS:
        raise XmlInvalid(f"unknown reason {texts['reason'][:32]!r}")
    make = HomeLogout if action.tag == "homeLogout" else VisitingLogout
    return make(
        info=info,
        device_name=texts["deviceName"],
        user_id=texts["userID"],
        reason=cast("LogoutReason", texts["reason"]),
    )


def _read_info(element: Element) -> EmccInfo:
    texts = _INFO.texts(element)
    return EmccInfo(
        texts["clusterID"],
        texts["clusterVersion"],
        _read_number(texts, "securityMode"),
        _read_number(texts, "requestID"),
    )


def _read_number(texts: dict[str, str], name: str) -> int:
    text = texts[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise XmlInvalid(f"{name} {text[:32]!r} is not a number")
    return int(text)


def _read_emcc_login(app: AppInfo, element: Element) -> EmccLogin:
    texts = _EMCC_LOGIN.texts(element)
    return EmccLogin(
        app=app,
        device_name=texts["deviceName"],
        user_id=texts["userID"],
        credential=texts["credential"],
        device_profile=texts.get("deviceProfile"),
        login_type=texts.get("loginType"),
        em_uri=unquote_plus(texts["emURI"]),
        remote_ip=texts["remoteIPAddr"],
        is_via_header_set=texts["isViaHeaderSet"].lower() == "true",
    )


def _read_home_login(info: EmccInfo, element: Element) -> HomeLogin:
    children = {str(child.tag): child for child in _HOME_LOGIN.children(element)}
    device = _read_device_info(children.pop("deviceInfo"))
    texts = {name: leaf_text(child) for name, child in children.items()}
    return HomeLogin(
        info=info,
        user_id=texts["userID"],
        credential=texts["credential"],
        login_type=texts.get("loginType"),
        device_profile=texts["deviceProfile"],
        device=device,
        em_uri=unquote_plus(texts["emURI"]),
    )


def _read_device_info(element: Element) -> DeviceInfo:
    children = {str(child.tag): child for child in _DEVICE_INFO.children(element)}
    geolocation = children.pop("geolocation", None)
    texts = {name: leaf_text(child) for name, child in children.items()}
    return DeviceInfo(
        device_name=texts["deviceName"],
        product=_read_number(texts, "product"),
        model=_read_number(texts, "model"),
        protocol=_read_number(texts, "protocol"),
        device_security_mode=_read_number(texts, "deviceSecurityMode"),
        ip_address=texts["ipAddress"],
        load_information=texts.get("loadInformation"),
        user_locale=texts.get("userLocale"),
        geolocation=None if geolocation is None else _GEOLOCATION.texts(geolocation),
    )


def build_em_uri(address: str, port: int, device_name: str, *, scheme: str = "http") -> str:
    """The logout URL of a phone at the visiting EMApp, plain; it is percent-encoded when it is written."""
    return f"{scheme}://{address}:{port}/emapp/EMAppServlet?device={device_name}&doLogout=true"


def build_emcc_request(request: EmccRequest) -> bytes:
    """Write an `emccRequest` document on one line."""
    head = build_app_info(request.app) if isinstance(request, EmccLogin) else _write_info(request.info)
    return f"<emccRequest>{head}{_WRITERS[type(request)](request)}</emccRequest>".encode()


def _write_info(info: EmccInfo) -> str:
    return (
        f"<emccInfo><clusterID>{escape(info.cluster_id)}</clusterID>"
        f"<clusterVersion>{escape(info.cluster_version)}</clusterVersion>"
        f"<securityMode>{info.security_mode}</securityMode><requestID>{info.request_id}</requestID></emccInfo>"
    )


def _leaf(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{escape(text)}</{name}>"


def _write_emcc_login(request: EmccLogin) -> str:
    return (
        f"<emccLogin><deviceName>{escape(request.device_name)}</deviceName><userID>{escape(request.user_id)}</userID>"
        f"<credential>{escape(request.credential)}</credential>{_leaf('deviceProfile', request.device_profile)}"
        f"{_leaf('loginType', request.login_type)}<emURI>{quote_plus(request.em_uri)}</emURI>"
        f"<remoteIPAddr>{escape(request.remote_ip)}</remoteIPAddr>"
        f"<isViaHeaderSet>{'true' if request.is_via_header_set else 'false'}</isViaHeaderSet></emccLogin>"
    )


def _write_check_user(request: CheckUser) -> str:
    return (
        f"<checkUser><userID>{escape(request.user_id)}</userID><credential>{escape(request.credential)}</credential>"
        f"{_leaf('loginType', request.login_type)}<deviceName>{escape(request.device_name)}</deviceName></checkUser>"
    )


def _write_home_login(request: HomeLogin) -> str:
    return (
        f"<homeLogin><userID>{escape(request.user_id)}</userID><credential>{escape(request.credential)}</credential>"
        f"{_leaf('loginType', request.login_type)}<deviceProfile>{escape(request.device_profile)}</deviceProfile>"
        f"{_write_device_info(request.device)}<emURI>{quote_plus(request.em_uri)}</emURI></homeLogin>"
    )


def _write_device_info(device: DeviceInfo) -> str:
    geolocation = device.geolocation
    if geolocation is None:
        place = ""
    else:
        fields = [_leaf(field, geolocation[field]) for field in GEOLOCATION_FIELDS if field in geolocation]
        place = f"<geolocation>{''.join(fields)}</geolocation>"
    return (
        f"<deviceInfo><deviceName>{escape(device.device_name)}</deviceName><product>{device.product}</product>"
        f"<model>{device.model}</model><protocol>{device.protocol}</protocol>"
        f"<deviceSecurityMode>{device.device_security_mode}</deviceSecurityMode>"
        f"<ipAddress>{escape(device.ip_address)}</ipAddress>{_leaf('loadInformation', device.load_information)}"
        f"{_leaf('userLocale', device.user_locale)}{place}</deviceInfo>"
    )


def _write_logout(request: HomeLogout | VisitingLogout) -> str:
    name = "homeLogout" if isinstance(request, HomeLogout) else "visitingLogout"
    return (
        f"<{name}><deviceName>{escape(request.device_name)}</deviceName><userID>{escape(request.user_id)}</userID>"
        f"<reason>{request.reason}</reason></{name}>"
    )


_WRITERS: dict[type, Callable[..., str]] = {
    EmccLogin: _write_emcc_login,
    CheckUser: _write_check_user,
    HomeLogin: _write_home_login,
    HomeLogout: _write_logout,
    VisitingLogout: _write_logout,
}
