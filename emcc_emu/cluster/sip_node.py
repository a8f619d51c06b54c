"""One call-processing node's SIP side: its endpoint, its identity, and messages in the header order of Unified CM."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Iterable

from emcc_emu.cluster.sip_identity import NodeIdentity
from emcc_emu.errors import SipInvalid
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import sip

__all__ = ["ALLOW", "SUPPORTED_LINE", "HeaderLine", "SipNode", "is_in_dialog"]

HeaderLine = tuple[str, str]

ALLOW = "INVITE, OPTIONS, INFO, BYE, CANCEL, ACK, PRACK, UPDATE, REFER, SUBSCRIBE, NOTIFY"
"""The Allow header as Unified CM writes it; REGISTER and PUBLISH are handled but not listed."""

SUPPORTED_LINE = "timer,resource-priority,replaces"
"""First Supported line of a call's requests and answers."""


class SipNode:
    """What the registrar, the calls and the trunks of one node send with.

    Args:
        name: Node name in the lab.
        endpoint: The node's started endpoint.
        identity: Generates the node's identifiers.
        ip: Address that goes into From, Contact and SDP.
        port: SIP port that goes into Contact.
        calendar: Calendar time, seconds since the epoch, for Date headers.
    """

    __slots__ = ("calendar", "endpoint", "identity", "ip", "name", "port")

    def __init__(
        self,
        name: str,
        endpoint: SipEndpoint,
        identity: NodeIdentity,
        ip: str,
        port: int,
        calendar: Callable[[], float],
    ) -> None:
        self.name = name
        self.endpoint = endpoint
        self.identity = identity
        self.ip = ip
        self.port = port
        self.calendar = calendar

    def date(self) -> str:
        """The Date header of this second."""
        return self.identity.date(self.calendar())

    def contact_uri(self, user: str, transport: str) -> str:
        """A URI at which this node takes requests."""
        user_part = f"{user}@" if user else ""
        return f"sip:{user_part}{self.ip}:{self.port};transport={transport}"

    def stable_tag(self, call_id: str) -> str:
        """A decimal tag that is the same whenever the same Call-ID is answered (401 and the 200 after it)."""
        return str(zlib.crc32(call_id.encode("utf-8", "surrogateescape"), self.identity.tag_seed))

    def trying(self, request: sip.SipRequest) -> sip.WrittenResponse:
        """`100 Trying`, which carries neither tag nor Server."""
        return _write_response(request, 100, None, self.date(), None, (), b"")

    def answer(
        self,
        request: sip.SipRequest,
        status: int,
        *,
        to_tag: str | None = None,
        headers: Iterable[HeaderLine] = (),
        body: bytes = b"",
        with_server: bool = True,
    ) -> sip.WrittenResponse:
        """The same as `reply` for any request but INVITE, at half the cost: it can be sent but not be looked at."""
        tag = to_tag if to_tag is not None else self.stable_tag(request.get("Call-ID") or "")
        server = self.identity.product if with_server else None
        return _write_response(request, status, tag, self.date(), server, headers, body)

    def reply(
        self,
        request: sip.SipRequest,
        status: int,
        reason: str | None = None,
        *,
        to_tag: str | None = None,
        headers: Iterable[HeaderLine] = (),
        body: bytes = b"",
        with_server: bool = True,
    ) -> sip.SipResponse:
        """A response with Date and Server; `headers` follow CSeq.

        Args:
            request: The request that is answered.
            status: Status code.
            reason: Reason phrase; None takes the usual one.
            to_tag: Tag for a To header that has none; None derives one from the Call-ID.
            headers: Further headers, in order, with Content-Type when there is a body.
            body: The body.
            with_server: False leaves the Server header out.
        """
        tag = to_tag if to_tag is not None else self.stable_tag(request.get("Call-ID") or "")
        server = self.identity.product if with_server else None
        return _response(request, status, reason, tag, self.date(), server, headers, body)

    def refusal(self, request: sip.SipRequest, error: SipInvalid) -> sip.SipResponse:
        """The answer that a `SipInvalid` asks for; the reason phrase of a 400 says what is wrong."""
        reason = f"Bad Request - {error.reason}" if error.status == 400 else None
        return self.reply(request, error.status, reason, headers=error.headers)

    def close_connection(self, flow: Flow) -> None:
        """Close a connection in the next turn of the loop, after what has just been answered is written."""
        asyncio.get_running_loop().call_soon(self.endpoint.close_connection, flow)

    def out_of_dialog(
        self,
        method: str,
        uri: str,
        *,
        from_uri: str,
        to_uri: str,
        transport: str,
        headers: Iterable[HeaderLine] = (),
        body: bytes = b"",
        max_forwards: int = 70,
    ) -> sip.SipRequest:
        """A request outside any dialog: new Call-ID, numeric From tag, CSeq 101; Via is the endpoint's to add.

        Args:
            method: Its method.
            uri: Request-URI.
            from_uri: URI of From.
            to_uri: URI of To.
            transport: `udp` or `tcp`, for Contact.
            headers: Further headers, in order, with Content-Type when there is a body.
            body: The body.
            max_forwards: Max-Forwards; an OPTIONS ping of Unified CM carries 0.
        """
        names = [*_NAMES_OUT_OF_DIALOG]
        values = [
            f"<{from_uri}>;tag={self.identity.tag()}",
            f"<{to_uri}>",
            self.date(),
            self.identity.call_id(),
            self.identity.product,
            f"101 {method}",
            str(max_forwards),
            f"<{self.contact_uri('', transport)}>",
        ]
        for name, value in headers:
            names.append(name)
            values.append(value)
        keys = [sip.header_key(name) for name in names]
        return sip.SipRequest(method, uri, sip.Headers.from_columns(keys, names, values), body)


def is_in_dialog(request: sip.SipRequest) -> bool:
    """Whether To has a tag; without taking the usual To apart, which ends with its URI."""
    to = request.get("To") or ">"
    return to[-1:] != ">" and request.to.tag is not None


_NAMES_OUT_OF_DIALOG = ("From", "To", "Date", "Call-ID", "User-Agent", "CSeq", "Max-Forwards", "Contact")

_KEYS_BEFORE_SERVER = ("from", "to", "date", "call-id")
_NAMES_BEFORE_SERVER = ("From", "To", "Date", "Call-ID")


def _write_response(
    request: sip.SipRequest,
    status: int,
    tag: str | None,
    date: str,
    server: str | None,
    headers: Iterable[HeaderLine],
    body: bytes,
) -> sip.WrittenResponse:
    """The bytes of a response: every OPTIONS and REGISTER of every peer comes through here."""
    vias, from_, to, call_id, cseq = request.echoed()
    via = "\r\nVia: ".join(vias)
    if tag is not None and (to[-1:] == ">" or request.to.tag is None):
        to = f"{to};tag={tag}"
    server_line = f"Server: {server}\r\n" if server is not None else ""
    more = "".join([f"{name}: {value}\r\n" for name, value in headers]) if headers else ""
    head = (
        f"SIP/2.0 {status} {sip.reason_phrase(status)}\r\nVia: {via}\r\nFrom: {from_}\r\n"
        f"To: {to}\r\nDate: {date}\r\nCall-ID: {call_id}\r\n{server_line}"
        f"CSeq: {cseq}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return sip.WrittenResponse(status, head.encode("utf-8", "surrogateescape") + body)


def _response(
    request: sip.SipRequest,
    status: int,
    phrase: str | None,
    tag: str | None,
    date: str,
    server: str | None,
    headers: Iterable[HeaderLine],
    body: bytes,
) -> sip.SipResponse:
    """Writes the columns of the headers directly, which is cheaper than to add lines."""
    known, _, told = request.headers.columns()
    to = told[known.index("to")]
    if tag is not None and not is_in_dialog(request):
        to = f"{to};tag={tag}"
    values = [value for key, value in zip(known, told, strict=True) if key == "via"]
    via_count = len(values)
    keys = ["via"] * via_count
    names = ["Via"] * via_count
    keys += _KEYS_BEFORE_SERVER
    names += _NAMES_BEFORE_SERVER
    values += (told[known.index("from")], to, date, told[known.index("call-id")])
    if server is not None:
        keys.append("server")
        names.append("Server")
        values.append(server)
    keys.append("cseq")
    names.append("CSeq")
    values.append(told[known.index("cseq")])
    for name, value in headers:
        keys.append(sip.header_key(name))
        names.append(name)
        values.append(value)
    return sip.SipResponse(status, phrase, sip.Headers.from_columns(keys, names, values), body)
