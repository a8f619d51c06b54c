"""Requests that a transaction derives from another message: ACK of a refusal, CANCEL, and the Via that both share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emcc_emu.wire.sip import Headers, SipRequest

if TYPE_CHECKING:
    from emcc_emu.protocol.sip_flow import Address
    from emcc_emu.wire.sip import SipResponse

__all__ = ["DEFAULT_MAX_FORWARDS", "ack_of_refusal", "cancel_of", "format_host", "via_value"]

DEFAULT_MAX_FORWARDS = 70
"""RFC 3261 section 8.1.1.6."""


def format_host(host: str) -> str:
    """A host as URIs and Via write it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def via_value(transport: str, sent_by: Address, branch: str) -> str:
    """The Via of a request of ours."""
    return f"SIP/2.0/{transport.upper()} {format_host(sent_by[0])}:{sent_by[1]};branch={branch}"


def ack_of_refusal(invite: SipRequest, response: SipResponse) -> SipRequest:
    """The ACK of a 300 to 699 response, RFC 3261 section 17.1.1.3: part of the INVITE transaction, same branch."""
    return _same_transaction("ACK", invite, response.headers.get("To") or "")


def cancel_of(invite: SipRequest) -> SipRequest:
    """The CANCEL of an INVITE, RFC 3261 section 9.1: same Request-URI, Via, Call-ID, From, To and CSeq number."""
    return _same_transaction("CANCEL", invite, invite.headers.get("To") or "")


def _same_transaction(method: str, invite: SipRequest, to_value: str) -> SipRequest:
    headers = Headers()
    headers.add("Via", invite.headers.get_all("Via")[0])
    headers.add("From", invite.headers.get("From") or "")
    headers.add("To", to_value)
    headers.add("Call-ID", invite.call_id)
    headers.add("CSeq", f"{invite.cseq.number} {method}")
    headers.add("Max-Forwards", str(DEFAULT_MAX_FORWARDS))
    for route in invite.headers.lines("Route"):
        headers.add("Route", route)
    return SipRequest(method, invite.uri, headers)
