"""What a call manager sends to a registered phone outside calls: orders, settings after registration, message waiting.

None of these is needed by the phone's calls, so their answers are logged and otherwise ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster.sip_node import HeaderLine
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import sip
from emcc_emu.wire.service_control import build_service_control

if TYPE_CHECKING:
    from emcc_emu.cluster.registration import Registration

__all__ = ["send_message_waiting", "send_service_control", "send_settings"]

log = structlog.get_logger(__name__)

MESSAGE_WAITING_NONE = b"Messages-Waiting: no\r\n"


def send_service_control(registration: Registration, action: str, config_stamp: str) -> None:
    """Order a phone to reset, restart or look at its files again.

    Args:
        registration: The phone, which has a flow.
        action: `restart`, `reset`, `apply-config` or `check-version`.
        config_stamp: Version stamp of its present configuration file.
    """
    body = build_service_control(action, registration.call_id, config_stamp=config_stamp)
    headers = (("Event", "service-control"), ("Subscription-State", "active"), ("Content-Type", "text/plain"))
    _send(registration, "NOTIFY", headers, body)


def send_settings(registration: Registration, content_type: str, body: bytes) -> None:
    """The REFER after a Cisco phone's registration: do not disturb, hunt group state, and each line's lamps."""
    node = registration.node
    content_id = f"{node.identity.tag()}@{node.ip}"
    headers = (
        ("Expires", "0"),
        ("Refer-To", f"cid:{content_id}"),
        ("Content-Id", f"<{content_id}>"),
        ("Require", "norefersub"),
        ("Content-Type", content_type),
    )
    _send(registration, "REFER", headers, body)


def send_message_waiting(registration: Registration) -> None:
    """The unsolicited message-summary NOTIFY that a third-party phone gets after its registration."""
    headers = (
        ("Event", "message-summary"),
        ("Subscription-State", "active"),
        ("Content-Type", "application/simple-message-summary"),
    )
    _send(registration, "NOTIFY", headers, MESSAGE_WAITING_NONE)


def _send(registration: Registration, method: str, headers: tuple[HeaderLine, ...], body: bytes) -> None:
    node = registration.node
    flow = registration.flow
    if flow is None:
        return
    number = registration.directory_number
    request = node.out_of_dialog(
        method,
        registration.contact_uri,
        from_uri=f"sip:{number}@{node.ip}",
        to_uri=f"sip:{number}@{registration.address[0]}",
        transport=flow.transport,
        headers=headers,
        body=body,
    )
    device_name = registration.device_name

    def answered(response: sip.SipResponse, _flow: Flow) -> None:
        if response.status >= 300:
            log.info("phone_refused_message", device=device_name, method=method, status=response.status)

    def failed(reason: str) -> None:
        log.info("phone_unreachable", device=device_name, method=method, reason=reason)

    node.endpoint.send_request(request, flow.remote, flow.transport, on_response=answered, on_failure=failed, flow=flow)
