"""What requests are matched by and where responses go: RFC 3261 sections 17.2.3, 18.2.1 and 18.2.2, RFC 3581."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from emcc_emu.protocol.sip_flow import DEFAULT_PORT, default_port
from emcc_emu.wire.sip import BRANCH_COOKIE

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_flow import Address, Flow
    from emcc_emu.wire.sip import SipRequest, SipResponse

__all__ = ["accepted_key", "client_key", "invite_key", "note_source", "reconnect_address", "server_key"]


def server_key(request: SipRequest) -> str:
    """What copies of `request`, and its ACK, have in common; the method, INVITE for ACK, comes last.

    A branch with the cookie is compared together with sent-by and method. A peer of RFC 2543 sends no cookie: then
    Request-URI, From tag, Call-ID, CSeq number and top Via count. (A text, because a tuple costs the garbage
    collector time, and an element under load keeps a hundred thousand of these.)

    Raises:
        SipInvalid: A header field that is needed here is missing or broken.
    """
    via = request.via
    method = request.method
    if method == "ACK":
        method = "INVITE"
    branch = via.params.get("branch") or ""
    if branch.startswith(BRANCH_COOKIE) and len(branch) > len(BRANCH_COOKIE):
        return f"{branch} {via.host} {via.port or default_port(via.transport)} {method}"
    top_via = request.headers.get_all("Via")[0]
    return f"{request.uri}\n{request.from_.tag}\n{request.call_id}\n{request.cseq.number}\n{top_via} {method}"


def client_key(branch: str | None, method: str) -> str:
    """What a request of ours and its responses have in common: branch and CSeq method."""
    return f"{branch} {method}"


def invite_key(cancel_key: str) -> str:
    """The key of the INVITE that a CANCEL with this key is about."""
    return cancel_key.removesuffix("CANCEL") + "INVITE"


def accepted_key(request: SipRequest) -> tuple[object, ...]:
    """What an INVITE and the ACK of its 2xx have in common: both belong to one dialog and one CSeq number."""
    return (request.call_id, request.cseq.number, request.from_.tag)


def note_source(request: SipRequest, flow: Flow) -> Flow:
    """Write `received` and `rport` into the top Via and return the flow that the responses take.

    On a stream that is the connection of the request. Over UDP it is the source address, with the source port when
    the peer asks for it (RFC 3581), else with the port of sent-by, which need not be the same. A `received` that the
    peer wrote itself counts for nothing, so nobody can have responses sent to a third host by it.
    """
    via = request.via
    host, port = flow.remote
    params = via.params
    if via.host != host or "rport" in params:
        request.note_source(host, port)
    if flow.transport != "udp":
        return flow
    if "maddr" in params and _is_ip_address(params["maddr"]):
        return flow._replace(remote=(str(params["maddr"]), via.port or DEFAULT_PORT))
    if "rport" in params and params["rport"] is None:
        return flow
    sent_by_port = via.port or DEFAULT_PORT
    return flow if sent_by_port == port else flow._replace(remote=(host, sent_by_port))


def reconnect_address(response: SipResponse, flow: Flow) -> Address:
    """Where to open a connection for a response whose own one is gone, RFC 3261 section 18.2.2."""
    via = response.via
    return (flow.remote[0], via.port or default_port(via.transport))


def _is_ip_address(text: str | None) -> bool:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return False
    return True
