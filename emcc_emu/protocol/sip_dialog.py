"""A SIP dialog: what two ends remember between requests. RFC 3261 section 12.

A dialog makes in-dialog requests (complete but for the Via, which the transaction layer adds) and judges those of
the peer. It knows nothing of media; `sip_offer_answer` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Self

from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_requests import DEFAULT_MAX_FORWARDS
from emcc_emu.wire.sip import Headers, NameAddr, SipRequest, SipResponse, format_name_addr, parse_name_addr, parse_uri

__all__ = ["FIRST_CSEQ", "TARGET_REFRESHERS", "Dialog", "DialogId", "dialog_id"]

FIRST_CSEQ = 101
"""CSeq number of the first request in Cisco's stacks."""

TARGET_REFRESHERS = frozenset(("INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"))
"""Methods whose Contact moves the remote target (RFC 3261 section 12.2, RFC 6665)."""


class DialogId(NamedTuple):
    """What a dialog is found by, seen from our side."""

    call_id: str
    local_tag: str
    remote_tag: str


def dialog_id(message: SipRequest | SipResponse) -> DialogId | None:
    """The dialog that a received message belongs to; None when a tag is missing, so it belongs to none (yet).

    Raises:
        SipInvalid: From, To or Call-ID is missing or broken.
    """
    from_tag, to_tag = message.from_.tag, message.to.tag
    if from_tag is None or to_tag is None:
        return None
    if isinstance(message, SipRequest):
        return DialogId(message.call_id, to_tag, from_tag)
    return DialogId(message.call_id, from_tag, to_tag)


class Dialog:
    """One dialog from one end.

    Make it by `from_response` (we sent the request) or `from_request` (we answer it).
    """

    __slots__ = (
        "call_id",
        "is_confirmed",
        "is_uac",
        "local_cseq",
        "local_tag",
        "local_uri",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "remote_uri",
        "route_set",
    )

    call_id: str
    local_tag: str
    remote_tag: str
    """Empty for a peer of RFC 2543 that sends none."""
    local_uri: NameAddr
    """Our name-addr without tag: From of our requests."""
    remote_uri: NameAddr
    remote_target: str
    """Request-URI of our requests, taken from the peer's Contact."""
    route_set: tuple[str, ...]
    """Route values of our requests, in order."""
    local_cseq: int
    remote_cseq: int | None
    """Greatest CSeq number of the peer, None before its first request."""
    is_confirmed: bool
    """False for an early dialog."""
    is_uac: bool
    """Whether we sent the request that made the dialog."""

    def __init__(
        self,
        *,
        call_id: str,
        local: NameAddr,
        remote: NameAddr,
        remote_target: str,
        route_set: Sequence[str],
        local_cseq: int,
        remote_cseq: int | None,
        is_confirmed: bool,
        is_uac: bool,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local.tag or ""
        self.remote_tag = remote.tag or ""
        self.local_uri = local
        self.remote_uri = remote
        self.remote_target = remote_target
        self.route_set = tuple(route_set)
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.is_confirmed = is_confirmed
        self.is_uac = is_uac

    @classmethod
    def from_response(cls, request: SipRequest, response: SipResponse) -> Self:
        """The dialog that a 101 to 299 response to our request makes, RFC 3261 section 12.1.2.

        Raises:
            SipInvalid: A header field is broken.
        """
        return cls(
            call_id=request.call_id,
            local=request.from_,
            remote=response.to,
            remote_target=_contact_uri(response) or request.uri,
            route_set=response.get_all("Record-Route")[::-1],
            local_cseq=request.cseq.number,
            remote_cseq=None,
            is_confirmed=response.status >= 200,
            is_uac=True,
        )

    @classmethod
    def from_request(cls, request: SipRequest, local_tag: str, *, first_cseq: int = FIRST_CSEQ) -> Self:
        """The dialog that our answer to a request makes, RFC 3261 section 12.1.1; early until `confirm`.

        Raises:
            SipInvalid: Status 400 when the request has no usable Contact.
        """
        target = _contact_uri(request)
        if target is None:
            raise SipInvalid("Missing Contact")
        return cls(
            call_id=request.call_id,
            local=request.to.with_param("tag", local_tag),
            remote=request.from_,
            remote_target=target,
            route_set=request.get_all("Record-Route"),
            local_cseq=first_cseq - 1,
            remote_cseq=request.cseq.number,
            is_confirmed=False,
            is_uac=False,
        )

    @property
    def id(self) -> DialogId:
        """What messages of this dialog are found by."""
        return DialogId(self.call_id, self.local_tag, self.remote_tag)

    def confirm(self, response: SipResponse | None = None) -> None:
        """A 2xx was sent (None) or received: the dialog is no longer early, and its routes are settled.

        A 2xx fixes the route set and remote target, also when an early dialog had others (section 13.2.2.4).
        """
        if response is not None:
            if not self.is_confirmed:
                self.route_set = tuple(response.get_all("Record-Route")[::-1])
            self.refresh_target(response)
        self.is_confirmed = True

    def refresh_target(self, message: SipRequest | SipResponse) -> None:
        """Take the Contact of a target refresh request or its 2xx as the new remote target."""
        self.remote_target = _contact_uri(message) or self.remote_target

    def request(
        self,
        method: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        max_forwards: int = DEFAULT_MAX_FORWARDS,
    ) -> SipRequest:
        """A new request of ours in this dialog, with the next CSeq number; not for ACK and CANCEL."""
        self.local_cseq += 1
        return self._build(method, self.local_cseq, headers, body, max_forwards)

    def ack(self, cseq_number: int, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> SipRequest:
        """The ACK of a 2xx to our INVITE that had this CSeq number."""
        return self._build("ACK", cseq_number, headers, body, DEFAULT_MAX_FORWARDS)

    def accept(self, request: SipRequest) -> None:
        """Check and count a request of the peer in this dialog (new ones only, no ACK or CANCEL).

        Raises:
            SipInvalid: Status 500 when its CSeq number is lower than one before, or the same (section 12.2.2).
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number <= self.remote_cseq:
            raise SipInvalid(f"CSeq {number} is not above {self.remote_cseq}", status=500)
        self.remote_cseq = number
        if request.method in TARGET_REFRESHERS:
            self.refresh_target(request)

    def response_headers(self, request: SipRequest) -> list[tuple[str, str]]:
        """Record-Route lines that our response to the dialog-making request must repeat."""
        return [("Record-Route", line) for line in request.headers.lines("Record-Route")]

    def _build(
        self, method: str, number: int, headers: Iterable[tuple[str, str]], body: bytes, max_forwards: int
    ) -> SipRequest:
        uri, routes = self._route()
        lines = Headers()
        lines.add("From", str(self.local_uri))
        lines.add("To", str(self.remote_uri))
        lines.add("Call-ID", self.call_id)
        lines.add("CSeq", f"{number} {method}")
        lines.add("Max-Forwards", str(max_forwards))
        for route in routes:
            lines.add("Route", route)
        for name, value in headers:
            lines.add(name, value)
        return SipRequest(method, uri, lines, body)

    def _route(self) -> tuple[str, Sequence[str]]:
        """Request-URI and Route values by loose, or for old proxies strict, routing (section 12.2.1.1)."""
        if not self.route_set:
            return self.remote_target, ()
        first = parse_name_addr(self.route_set[0]).uri
        if "lr" in parse_uri(first).params:
            return self.remote_target, self.route_set
        return first, (*self.route_set[1:], format_name_addr(self.remote_target))


def _contact_uri(message: SipRequest | SipResponse) -> str | None:
    contacts = message.contacts
    return contacts[0].uri if contacts and contacts[0].uri != "*" else None
