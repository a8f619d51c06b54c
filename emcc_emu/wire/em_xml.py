"""The XML of the EM API: reads requests and queries, writes answers, and both the other way round for clients.

Requests are checked against the published DTD, order included, because EMService answers code 1 to whatever does not
conform. Answers are in `emcc_emu.wire.em_responses` and can be imported from here.

The same documents travel between EMApp and its own EMService, with `appEncryptedCertificate` instead of a password.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from emcc_emu.errors import EmError, XmlInvalid
from emcc_emu.wire.em_documents import (
    AppInfo,
    CheckUserQuery,
    CheckUserResult,
    DeviceProfileQuery,
    DeviceUserQuery,
    DeviceUserResult,
    EmDocument,
    EmResponse,
    Failure,
    Indefinite,
    LoginRequest,
    LogoutAllRequest,
    LogoutRequest,
    ProfileEntry,
    Success,
    UserDevicesQuery,
    UserDevicesResult,
    UserProfilesResult,
)
from emcc_emu.wire.em_form import decode_form, decode_user_id, encode_form, encode_user_id
from emcc_emu.wire.em_responses import (
    RESPONSE_CONTENT_TYPE,
    build_check_user_results,
    build_device_user_results,
    build_failure,
    build_profile_results,
    build_success,
    build_user_devices_results,
    parse_em_response,
)
from emcc_emu.wire.xml import Element, escape, parse_xml
from emcc_emu.wire.xml_grammar import ContentModel, leaf_text

__all__ = [
    "ERROR_PARSING",
    "ERROR_QUERY_TYPE",
    "MAX_NAMES_PER_QUERY",
    "RESPONSE_CONTENT_TYPE",
    "AppInfo",
    "CheckUserQuery",
    "CheckUserResult",
    "DeviceProfileQuery",
    "DeviceUserQuery",
    "DeviceUserResult",
    "EmDocument",
    "EmResponse",
    "Failure",
    "LoginRequest",
    "LogoutAllRequest",
    "LogoutRequest",
    "ProfileEntry",
    "Success",
    "UserDevicesQuery",
    "UserDevicesResult",
    "UserProfilesResult",
    "build_check_user_results",
    "build_device_user_results",
    "build_em_document",
    "build_failure",
    "build_profile_results",
    "build_success",
    "build_user_devices_results",
    "decode_form",
    "decode_user_id",
    "encode_form",
    "encode_user_id",
    "parse_app_info",
    "parse_em_document",
    "parse_em_response",
    "read_em_document",
]

ERROR_PARSING = 1
"""Code for a document that cannot be parsed or does not conform to the DTD."""

ERROR_QUERY_TYPE = 8
"""Code for a query without a known query element."""

MAX_NAMES_PER_QUERY = 100
"""Most devices or users asked for in one query; more is code 1."""

_APP_INFO = ContentModel("appID, (appCertificate|appEncryptedCertificate)")
_REQUEST = ContentModel("appInfo, (login|logout|logoutAll)")
_LOGIN = ContentModel("deviceName, userID, deviceProfile?, exclusiveDuration?, remoteIPAddr?, isViaHeaderSet?")
_LOGOUT = ContentModel("deviceName, remoteIPAddr?, isViaHeaderSet?")
_LOGOUT_ALL = ContentModel("remoteIPAddr?, isViaHeaderSet?")
_EXCLUSIVE_DURATION = ContentModel("(time|indefinite)")

_QUERY_NAMES = frozenset(
    {"deviceUserQuery", "userDevicesQuery", "checkUser", "deviceProfileQuery", "userDeviceProfileQuery"}
)
_QUERY = ContentModel(f"appInfo, ({'|'.join(sorted(_QUERY_NAMES))})")
_DEVICE_USER_QUERY = ContentModel("deviceName+, remoteIPAddr?")
_DEVICE_USER_QUERY_12 = ContentModel("deviceName+, loginType?, remoteIPAddr?")
_USER_DEVICES_QUERY = ContentModel("userID+, remoteIPAddr?")
_CHECK_USER = ContentModel("userID+, remoteIPAddr?, isViaHeaderSet?")
_CHECK_USER_12 = ContentModel("userID+, loginType?, remoteIPAddr?, isViaHeaderSet?")
_PROFILE_QUERY = ContentModel("userID+, remoteIPAddr?, isViaHeaderSet?")


def parse_em_document(data: bytes, *, accepts_login_type: bool = True, is_lenient: bool = False) -> EmDocument:
    """Read a `request` or `query` document.

    Args:
        data: The document, as the form control carried it.
        accepts_login_type: Whether the grammar knows `loginType`: clusters from 12.0 on.
        is_lenient: Accept children in any order, for hand-made clients.

    Raises:
        EmError: Code 8 for a query without a known query element, code 1 for every other mistake.
    """
    try:
        root = parse_xml(data)
    except XmlInvalid as error:
        raise EmError(ERROR_PARSING, str(error)) from None
    return read_em_document(root, accepts_login_type=accepts_login_type, is_lenient=is_lenient)


def read_em_document(root: Element, *, accepts_login_type: bool = True, is_lenient: bool = False) -> EmDocument:
    """Read the tree of a `request` or `query` document; see `parse_em_document`."""
    try:
        if root.tag == "request":
            return _read_request(root, is_lenient)
        if root.tag == "query":
            return _read_query(root, accepts_login_type, is_lenient)
    except XmlInvalid as error:
        raise EmError(ERROR_PARSING, str(error)) from None
    raise EmError(ERROR_PARSING, f"root element {str(root.tag)[:64]!r} is neither request nor query")


def parse_app_info(element: Element, is_lenient: bool = False) -> AppInfo:
    """Read an `appInfo` element.

    Raises:
        XmlInvalid: It does not conform.
    """
    app_id, certificate = _APP_INFO.children(element, is_lenient=is_lenient)
    return AppInfo(leaf_text(app_id), leaf_text(certificate), certificate.tag == "appEncryptedCertificate")


def _read_request(root: Element, is_lenient: bool) -> EmDocument:
    app_element, action = _REQUEST.children(root, is_lenient=is_lenient)
    app = parse_app_info(app_element, is_lenient)
    if action.tag == "login":
        return _read_login(app, action, is_lenient)
    if action.tag == "logout":
        texts = _LOGOUT.texts(action, is_lenient=is_lenient)
        return LogoutRequest(
            app=app,
            device_name=texts["deviceName"],
            remote_ip=texts.get("remoteIPAddr"),
            is_via_header_set=_read_flag(texts),
        )
    texts = _LOGOUT_ALL.texts(action, is_lenient=is_lenient)
    return LogoutAllRequest(app=app, remote_ip=texts.get("remoteIPAddr"), is_via_header_set=_read_flag(texts))


def _read_login(app: AppInfo, element: Element, is_lenient: bool) -> LoginRequest:
    texts: dict[str, str] = {}
    duration: int | Indefinite | None = None
    for child in _LOGIN.children(element, is_lenient=is_lenient):
        if child.tag == "exclusiveDuration":
            duration = _read_duration(child)
        else:
            texts[str(child.tag)] = leaf_text(child)
    return LoginRequest(
        app=app,
        device_name=texts["deviceName"],
        user_id=texts["userID"],
        device_profile=texts.get("deviceProfile"),
        exclusive_duration_min=duration,
        remote_ip=texts.get("remoteIPAddr"),
        is_via_header_set=_read_flag(texts),
    )


def _read_duration(element: Element) -> int | Indefinite:
    (choice,) = _EXCLUSIVE_DURATION.children(element)
    text = leaf_text(choice)
    if choice.tag == "indefinite":
        if text:
            raise XmlInvalid("indefinite must be empty")
        return "indefinite"
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) > 0):
        raise XmlInvalid(f"exclusiveDuration time {text[:32]!r} is not a positive number of minutes")
    return int(text)


def _read_query(root: Element, accepts_login_type: bool, is_lenient: bool) -> EmDocument:
    try:
        app_element, query = _QUERY.children(root, is_lenient=is_lenient)
    except XmlInvalid:
        if any(child.tag in _QUERY_NAMES for child in root):
            raise
        raise EmError(ERROR_QUERY_TYPE) from None
    app = parse_app_info(app_element, is_lenient)
    if query.tag == "deviceUserQuery":
        model = _DEVICE_USER_QUERY_12 if accepts_login_type else _DEVICE_USER_QUERY
        names, texts = _read_names(model, query, "deviceName", is_lenient)
        return DeviceUserQuery(
            app=app, device_names=names, login_type=texts.get("loginType"), remote_ip=texts.get("remoteIPAddr")
        )
    if query.tag == "userDevicesQuery":
        names, texts = _read_names(_USER_DEVICES_QUERY, query, "userID", is_lenient)
        return UserDevicesQuery(app=app, user_ids=names, remote_ip=texts.get("remoteIPAddr"))
    if query.tag == "checkUser":
        model = _CHECK_USER_12 if accepts_login_type else _CHECK_USER
        names, texts = _read_names(model, query, "userID", is_lenient)
        return CheckUserQuery(
            app=app,
            user_ids=names,
            login_type=texts.get("loginType"),
            remote_ip=texts.get("remoteIPAddr"),
            is_via_header_set=_read_flag(texts),
        )
    names, texts = _read_names(_PROFILE_QUERY, query, "userID", is_lenient)
    return DeviceProfileQuery(
        app=app, user_ids=names, remote_ip=texts.get("remoteIPAddr"), is_via_header_set=_read_flag(texts)
    )


def _read_names(
    model: ContentModel, element: Element, name: str, is_lenient: bool
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The repeated names of a query in the order asked, and the texts of its other children."""
    names: list[str] = []
    texts: dict[str, str] = {}
    for child in model.children(element, is_lenient=is_lenient):
        if child.tag == name:
            names.append(leaf_text(child))
        else:
            texts[str(child.tag)] = leaf_text(child)
    if len(names) > MAX_NAMES_PER_QUERY:
        raise XmlInvalid(f"{len(names)} names in one query, more than {MAX_NAMES_PER_QUERY}")
    return tuple(names), texts


def _read_flag(texts: dict[str, str]) -> bool | None:
    text = texts.get("isViaHeaderSet")
    return None if text is None else text.lower() == "true"


def build_em_document(document: EmDocument) -> bytes:
    """Write a request or query, as EMApp and applications send it."""
    app = build_app_info(document.app)
    return _WRITERS[type(document)](app, document).encode("utf-8")


def build_app_info(app: AppInfo) -> str:
    """Write the `appInfo` element."""
    name = "appEncryptedCertificate" if app.is_encrypted else "appCertificate"
    return f"<appInfo><appID>{escape(app.app_id)}</appID><{name}>{escape(app.certificate)}</{name}></appInfo>"


def _leaf(name: str, text: str | None) -> str:
    return "" if text is None else f"<{name}>{escape(text)}</{name}>"


def _leaves(name: str, texts: Sequence[str]) -> str:
    return "".join([f"<{name}>{escape(text)}</{name}>" for text in texts])


def _caller(document: LoginRequest | LogoutRequest | LogoutAllRequest | CheckUserQuery | DeviceProfileQuery) -> str:
    via = document.is_via_header_set
    return _leaf("remoteIPAddr", document.remote_ip) + _leaf(
        "isViaHeaderSet", None if via is None else ("true" if via else "false")
    )


def _write_login(app: str, document: LoginRequest) -> str:
    minutes = document.exclusive_duration_min
    if minutes is None:
        duration = ""
    elif minutes == "indefinite":
        duration = "<exclusiveDuration><indefinite/></exclusiveDuration>"
    else:
        duration = f"<exclusiveDuration><time>{minutes}</time></exclusiveDuration>"
    return (
        f"<request>{app}<login><deviceName>{escape(document.device_name)}</deviceName>"
        f"<userID>{escape(document.user_id)}</userID>{_leaf('deviceProfile', document.device_profile)}"
        f"{duration}{_caller(document)}</login></request>"
    )


def _write_logout(app: str, document: LogoutRequest) -> str:
    name = escape(document.device_name)
    return f"<request>{app}<logout><deviceName>{name}</deviceName>{_caller(document)}</logout></request>"


def _write_logout_all(app: str, document: LogoutAllRequest) -> str:
    return f"<request>{app}<logoutAll>{_caller(document)}</logoutAll></request>"


def _write_device_user_query(app: str, document: DeviceUserQuery) -> str:
    return (
        f"<query>{app}<deviceUserQuery>{_leaves('deviceName', document.device_names)}"
        f"{_leaf('loginType', document.login_type)}{_leaf('remoteIPAddr', document.remote_ip)}"
        "</deviceUserQuery></query>"
    )


def _write_user_devices_query(app: str, document: UserDevicesQuery) -> str:
    return (
        f"<query>{app}<userDevicesQuery>{_leaves('userID', document.user_ids)}"
        f"{_leaf('remoteIPAddr', document.remote_ip)}</userDevicesQuery></query>"
    )


def _write_check_user(app: str, document: CheckUserQuery) -> str:
    return (
        f"<query>{app}<checkUser>{_leaves('userID', document.user_ids)}"
        f"{_leaf('loginType', document.login_type)}{_caller(document)}</checkUser></query>"
    )


def _write_profile_query(app: str, document: DeviceProfileQuery) -> str:
    return (
        f"<query>{app}<userDeviceProfileQuery>{_leaves('userID', document.user_ids)}"
        f"{_caller(document)}</userDeviceProfileQuery></query>"
    )


_WRITERS: dict[type, Callable[..., str]] = {
    LoginRequest: _write_login,
    LogoutRequest: _write_logout,
    LogoutAllRequest: _write_logout_all,
    DeviceUserQuery: _write_device_user_query,
    UserDevicesQuery: _write_user_devices_query,
    CheckUserQuery: _write_check_user,
    DeviceProfileQuery: _write_profile_query,
}
