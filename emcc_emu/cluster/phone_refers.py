"""REFERs that a phone sends outside dialogs: alarms, the token of a fall-back, answers, softkeys."""

from __future__ import annotations

import structlog

from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import ServerTransaction
from emcc_emu.wire import remotecc, sip

__all__ = ["answer_phone_refer"]

log = structlog.get_logger(__name__)

TOKEN_URN = "urn:x-cisco-remotecc:token-registration"


def answer_phone_refer(
    node: SipNode, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow, *, is_registered: bool
) -> None:
    """Answer a REFER without To tag.

    Alarms and token requests come before registration and are accepted from anyone; they are never challenged,
    because some phones cannot authenticate a REFER.

    Raises:
        SipInvalid: 603 for a softkey, 403 for anything else.
    """
    refer_to = sip.parse_name_addr(request.get("Refer-To") or "<sip:missing.invalid>").uri
    content_type = request.content_type or ""
    is_token = refer_to.lower() == TOKEN_URN
    if content_type == remotecc.ALARM_TYPE:
        log.info("phone_alarm", node=node.name, address=flow.remote[0], size_bytes=len(request.body))
    elif is_token:
        log.info("phone_token_granted", node=node.name, address=flow.remote[0])
    elif content_type == remotecc.REQUEST_TYPE:
        raise SipInvalid("softkeys are not handled here", status=603)
    elif not (is_registered and content_type == remotecc.RESPONSE_TYPE):
        raise SipInvalid("REFER outside a dialog is not allowed", status=403)
    contact = f"<{node.contact_uri('', flow.transport)}>"
    node.endpoint.respond(transaction, node.answer(request, 202, headers=(("Contact", contact),), with_server=False))
