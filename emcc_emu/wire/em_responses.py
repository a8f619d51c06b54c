"""The answers of EMService: exact bytes out, dataclasses in.

Layout as in published traces: one element per line, no indentation, a line feed behind each line; login and logout
answers start with an XML declaration, query answers do not.
"""

from __future__ import annotations

from collections.abc import Sequence

from emcc_emu.errors import XmlInvalid
from emcc_emu.wire.em_documents import (
    CheckUserResult,
    DeviceUserResult,
    EmResponse,
    Failure,
    ProfileEntry,
    Success,
    UserDevicesResult,
    UserProfilesResult,
)
from emcc_emu.wire.em_form import decode_user_id, encode_user_id
from emcc_emu.wire.xml import Element, child_text, element_text, escape, escape_attribute, parse_xml

__all__ = [
    "RESPONSE_CONTENT_TYPE",
    "UNKNOWN_ERROR",
    "build_check_user_results",
    "build_device_user_results",
    "build_failure",
    "build_profile_results",
    "build_success",
    "build_user_devices_results",
    "parse_em_response",
    "read_failure",
]

RESPONSE_CONTENT_TYPE = "text/xml;charset=UTF-8"
"""Content type of every answer of EMService."""

UNKNOWN_ERROR = 0
"""Code taken for a failure that names none (`errorMessage` of old releases)."""

_DECLARATION = '<?xml version="1.0"?>\n'
_SUCCESS = f"{_DECLARATION}<response>\n<success/>\n</response>\n".encode()


def build_success() -> bytes:
    """The answer to a login or logout that was carried out; 56 octets."""
    return _SUCCESS


def build_failure(code: int, text: str, *, is_query: bool = False, uses_error_message: bool = False) -> bytes:
    """The answer to a request that was refused.

    Args:
        code: EMService code.
        text: Message for people; clients act on the code.
        is_query: The refused document was a query: no XML declaration.
        uses_error_message: Write `errorMessage` without a code, as the DTD has it for queries.
    """
    declaration = "" if is_query else _DECLARATION
    if uses_error_message:
        error = f"<errorMessage>{escape(text)}</errorMessage>"
    else:
        error = f'<error code="{code}">{escape(text)}</error>'
    return f"{declaration}<response>\n<failure>\n{error}\n</failure>\n</response>\n".encode()


def build_device_user_results(results: Sequence[DeviceUserResult], *, has_emcc_device: bool = True) -> bytes:
    """The answer to deviceUserQuery.

    Args:
        results: One per device asked for, in the order asked.
        has_emcc_device: Write `emccDevice`, as releases from 8.x on do.
    """
    return _wrap("deviceUserResults", [_write_device(result, has_emcc_device) for result in results])


def _write_device(result: DeviceUserResult, has_emcc_device: bool) -> str:
    opening = f'<device name="{escape_attribute(result.device_name)}">\n'
    if not result.does_exist:
        return f"{opening}<doesNotExist/>\n</device>\n"
    user = "<none/>" if result.user_id is None else f"<userID>{escape(encode_user_id(result.user_id))}</userID>"
    last = "<none/>" if result.last_user_id is None else f"<lastlogin>{escape(result.last_user_id)}</lastlogin>"
    emcc = f"<emccDevice>{'yes' if result.is_emcc_device else 'no'}</emccDevice>\n" if has_emcc_device else ""
    return f"{opening}{user}\n{last}\n{emcc}</device>\n"


def build_user_devices_results(results: Sequence[UserDevicesResult]) -> bytes:
    """The answer to userDevicesQuery, one result per user asked for."""
    return _wrap(
        "userDevicesResults",
        [
            _write_user(
                result.user_id,
                result.does_exist,
                [f"<deviceName>{escape(name)}</deviceName>\n" for name in result.device_names],
            )
            for result in results
        ],
    )


def build_profile_results(results: Sequence[UserProfilesResult]) -> bytes:
    """The answer to deviceProfileQuery, one result per user asked for."""
    return _wrap(
        "deviceProfileResults",
        [
            _write_user(result.user_id, result.does_exist, [_write_profile(profile) for profile in result.profiles])
            for result in results
        ],
    )


def _write_profile(profile: ProfileEntry) -> str:
    return (
        f"<deviceProfile>\n<deviceProfileName>{escape(profile.name)}</deviceProfileName>\n"
        f"<isDefaultDeviceProfile>{'t' if profile.is_default else 'f'}</isDefaultDeviceProfile>\n</deviceProfile>\n"
    )


def build_check_user_results(results: Sequence[CheckUserResult]) -> bytes:
    """The answer to checkUser when all users are local."""
    return _wrap(
        "checkUserResults",
        [
            _write_user(result.user_id, True, [f"<exists>{escape(result.resolved_user_id)}</exists>\n"])
            for result in results
        ],
    )


def _write_user(user_id: str, does_exist: bool, children: list[str]) -> str:
    opening = f'<user id="{escape_attribute(encode_user_id(user_id))}">\n'
    if not does_exist:
        return f"{opening}<doesNotExist/>\n</user>\n"
    return f"{opening}{''.join(children) or '<none/>' + chr(10)}</user>\n"


def _wrap(name: str, items: list[str]) -> bytes:
    return f"<response>\n<{name}>\n{''.join(items)}</{name}>\n</response>\n".encode()


def parse_em_response(data: bytes) -> EmResponse:
    """Read an answer of EMService; white space and the order of leaves do not matter.

    Raises:
        XmlInvalid: Not an answer: unparsable, another root, or nothing known in it.
    """
    root = parse_xml(data)
    if root.tag != "response" or len(root) != 1:
        raise XmlInvalid("not a response with one element")
    content = root[0]
    match content.tag:
        case "success":
            return Success()
        case "failure":
            return read_failure(content)
        case "deviceUserResults":
            return tuple([_read_device(device) for device in content])
        case "userDevicesResults":
            return tuple([_read_user_devices(user) for user in content])
        case "deviceProfileResults":
            return tuple([_read_user_profiles(user) for user in content])
        case "checkUserResults":
            return tuple([_read_checked_user(user) for user in content])
    raise XmlInvalid(f"unknown response element {str(content.tag)[:64]!r}")


def read_failure(element: Element) -> Failure:
    """Read a `failure` element, in the shape with a code or in the one with `errorMessage`.

    Raises:
        XmlInvalid: The code is no number, or no error is there.
    """
    if len(element) == 0:
        raise XmlInvalid("failure without error")
    error = element[0]
    if error.tag == "errorMessage":
        return Failure(UNKNOWN_ERROR, element_text(error))
    code = error.get("code", "")
    if error.tag != "error" or not (code.isascii() and code.isdigit() and len(code) <= 9):
        raise XmlInvalid(f"failure with {str(error.tag)[:64]!r} and code {code[:32]!r}")
    return Failure(int(code), element_text(error), child_text(element, "changeCredentialURL") or None)


def _read_device(element: Element) -> DeviceUserResult:
    tags = [child.tag for child in element]
    user = child_text(element, "userID")
    return DeviceUserResult(
        device_name=element.get("name", ""),
        does_exist="doesNotExist" not in tags,
        user_id=decode_user_id(user) if user else None,
        last_user_id=child_text(element, "lastlogin") or None,
        is_emcc_device=child_text(element, "emccDevice") == "yes",
    )


def _read_user_id(element: Element) -> str:
    return decode_user_id(element.get("id", ""))


def _exists(element: Element) -> bool:
    return all(child.tag != "doesNotExist" for child in element)


def _read_user_devices(element: Element) -> UserDevicesResult:
    names = [element_text(child) for child in element if child.tag == "deviceName"]
    return UserDevicesResult(_read_user_id(element), _exists(element), tuple(names))


def _read_user_profiles(element: Element) -> UserProfilesResult:
    profiles = [
        ProfileEntry(child_text(child, "deviceProfileName"), child_text(child, "isDefaultDeviceProfile") == "t")
        for child in element
        if child.tag == "deviceProfile"
    ]
    return UserProfilesResult(_read_user_id(element), _exists(element), tuple(profiles))


def _read_checked_user(element: Element) -> CheckUserResult:
    return CheckUserResult(_read_user_id(element), child_text(element, "exists"))
