"""Reads an HTTP request or answer for its meaning: phone services, EM and EMCC documents, configuration files."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import parse_qsl

from emcc_emu.errors import XmlInvalid
from emcc_emu.trace.meaning import Meaning
from emcc_emu.wire.xml import Element, parse_xml

__all__ = ["HttpMessage", "read_http", "split_http", "split_target"]

_REQUEST = re.compile(r"(?P<method>[A-Z]+) (?P<target>\S+) HTTP/1\.[01]$")
_RESPONSE = re.compile(r"HTTP/1\.[01] (?P<status>\d{3}) ?(?P<reason>.*)$")
_FILE_DEVICE = re.compile(r"(?:SEP|ATA)[0-9A-Fa-f]{12}")
_SERVLETS = {
    "/emapp/EMAppServlet": "emapp",
    "/emservice/EMServiceServlet": "emservice",
    "/changecredential/ChangeCredentialServlet": "changecredential",
}
_SHOWN_PARAMETERS = ("userid", "deviceProfile", "loginType", "doLogout", "changePin", "refresh", "getClusterInfo")
_DEVICE_ELEMENTS = ("deviceName", "remoteDeviceName")
_ROOT_NAMES = {"request": "em", "query": "em query", "response": "em", "emccRequest": "emcc", "emccResponse": "emcc"}
_ENVELOPE_PARTS = frozenset({"appInfo", "emccInfo"})
_MAX_DOCUMENT_BYTES = 256 * 1024
_MAX_TEXT_CHARS = 60


@dataclasses.dataclass(frozen=True, slots=True)
class HttpMessage:
    """One HTTP message, split."""

    start_line: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first value of a header in any case, else an empty text."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def split_http(payload: bytes) -> HttpMessage:
    """Split a message at its blank line; never fails."""
    head, _, body = payload.partition(b"\r\n\r\n")
    start_line, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return HttpMessage(start_line, tuple((name.strip(), value.strip()) for name, colon, value in pairs if colon), body)


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into its path, without scheme and host, and its decoded parameters; never fails."""
    path, _, query = target.partition("#")[0].partition("?")
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, dict(parse_qsl(query, keep_blank_values=True))


def read_http(payload: bytes) -> Meaning:
    """Read one HTTP message; junk becomes kind `other`."""
    message = split_http(payload)
    if request := _REQUEST.match(message.start_line):
        return _read_request(request["method"], request["target"], message)
    if response := _RESPONSE.match(message.start_line):
        return _read_response(int(response["status"]), response["reason"], message)
    return Meaning("other", f"not HTTP: {payload[:_MAX_TEXT_CHARS]!r}")


def _read_request(method: str, target: str, message: HttpMessage) -> Meaning:
    path, parameters = split_target(target)
    document = _document(message, parameters)
    devices = [parameters[name] for name in ("device", "name", "devicename") if parameters.get(name)]
    devices += _FILE_DEVICE.findall(path)
    users = [parameters["userid"]] if parameters.get("userid") else []
    if document is not None:
        devices += _texts(document, _DEVICE_ELEMENTS)
        users += _texts(document, ("userID",))
    servlet = _SERVLETS.get(path)
    return Meaning(
        "request",
        f"{method} {_request_subject(servlet, path, parameters, document)}".rstrip(),
        method=method,
        target=target,
        device_names=tuple(dict.fromkeys(devices)),
        user_ids=tuple(dict.fromkeys(users)),
        size_bytes=len(message.body),
    )


def _request_subject(servlet: str | None, path: str, parameters: dict[str, str], document: Element | None) -> str:
    if document is not None:
        return _document_name(document)
    shown = [
        f"{name}={parameters[name]}" if name in ("userid", "deviceProfile", "loginType") else name
        for name in _SHOWN_PARAMETERS
        if parameters.get(name)
    ]
    return " ".join([servlet or path.lstrip("/") or "/", *shown])


def _read_response(status: int, reason: str, message: HttpMessage) -> Meaning:
    document = _document(message, {})
    devices = _texts(document, _DEVICE_ELEMENTS) if document is not None else []
    subject = _response_subject(document, message) if status == 200 else reason
    return Meaning(
        "response",
        f"{status} {subject}".rstrip(),
        status=status,
        device_names=tuple(dict.fromkeys(devices)),
        size_bytes=len(message.body),
    )


def _response_subject(document: Element | None, message: HttpMessage) -> str:
    if document is not None:
        return _document_name(document)
    return f"({len(message.body):,} bytes)" if message.body else "OK"


def _document(message: HttpMessage, parameters: dict[str, str]) -> Element | None:
    """The XML document of a body or of the form control `xml`, if there is one."""
    text = message.body
    if parameters.get("xml"):
        text = parameters["xml"].encode()
    elif b"xml=" in text[:64] and "urlencoded" in message.header("content-type"):
        text = dict(parse_qsl(text.decode("latin-1"))).get("xml", "").encode()
    if text.lstrip()[:1] != b"<" or len(text) > _MAX_DOCUMENT_BYTES:
        return None
    try:
        return parse_xml(text)
    except XmlInvalid:
        return None


def _document_name(document: Element) -> str:
    """Names a document by what it asks or says: `emcc homeLogin`, `em login`, `CiscoIPPhoneInput "Please sign on"`."""
    root = str(document.tag)
    if root.startswith("CiscoIPPhone"):
        said = _quoted(document.findtext("Prompt") or document.findtext("Text") or document.findtext("Title") or "")
        return f"{root} {said}".rstrip()
    if root not in _ROOT_NAMES:
        return root
    failure = document.find(".//error")
    if failure is not None:
        return f"{_ROOT_NAMES[root]} failure {failure.get('code') or ''}".rstrip()
    parts = [child for child in document if str(child.tag) not in _ENVELOPE_PARTS]
    words = [_ROOT_NAMES[root], *(str(part.tag) for part in parts[:1])]
    if root == "emccResponse" and parts and parts[0].find(".//exists") is not None:
        words.append("exists")
    if root == "emccResponse" and parts and parts[0].find(".//doesNotExist") is not None:
        words.append("doesNotExist")
    return " ".join(words)


def _quoted(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > _MAX_TEXT_CHARS:
        text = f"{text[: _MAX_TEXT_CHARS - 1]}…"
    return f"“{text}”" if text else ""


def _texts(document: Element, names: tuple[str, ...]) -> list[str]:
    return [element.text for element in document.iter(*names) if element.text]
