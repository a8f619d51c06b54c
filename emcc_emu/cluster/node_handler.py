"""What one call-processing node does with each SIP request, by method: the order of checks above the transaction layer.

The layer below has already refused what breaks RFC 3261 (400, 405, 415, 416, 420, 482, 483, 501, 505, 513).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster.call_control import CallControl
from emcc_emu.cluster.phone_refers import answer_phone_refer
from emcc_emu.cluster.registrar import Registrar
from emcc_emu.cluster.sip_node import SipNode, is_in_dialog
from emcc_emu.cluster.trunks import Trunk
from emcc_emu.errors import SipInvalid
from emcc_emu.lab.model import ClusterConfig
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.wire import sip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["NodeHandler"]

log = structlog.get_logger(__name__)

EVENT_PACKAGES = "presence, kpml"
"""Allow-Events of Unified CM."""

HOOK_STATE_EVENT = "dialog"
"""Event of the NOTIFY by which a Cisco phone reports its hook state, unasked."""


class NodeHandler:
    """The `SipHandler` of one node.

    Args:
        registrar: Of the cluster.
        calls: Of the cluster.
        trunks: Of the cluster, by name.
        config: The cluster; its gateways may ask OPTIONS too.
    """

    node: SipNode
    """The node itself; set before its first message arrives."""

    def __init__(
        self, registrar: Registrar, calls: CallControl, trunks: Mapping[str, Trunk], config: ClusterConfig
    ) -> None:
        self._registrar = registrar
        self._calls = calls
        self._trunks = trunks
        self._gateway_ips = frozenset(gateway.address for gateway in config.gateways)
        self._by_method: dict[str, Callable[[ServerTransaction, sip.SipRequest, Flow], None]] = {
            "REGISTER": self._register,
            "OPTIONS": self._options,
            "INVITE": self._invite,
            "REFER": self._refer,
            "NOTIFY": self._notify,
            "SUBSCRIBE": self._subscribe,
            "PUBLISH": self._publish,
        }

    # -- SipHandler ----------------------------------------------------------------------------------------------

    def request_received(
        self, endpoint: SipEndpoint, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        """Answer a request, or refuse it; nothing that a peer sends may end the loop."""
        try:
            self._by_method.get(request.method, self._in_dialog)(transaction, request, flow)
        except SipInvalid as error:
            endpoint.respond(transaction, self.node.refusal(request, error))
        except Exception:
            log.exception("request_failed", node=self.node.name, method=request.method)
            endpoint.respond(transaction, self.node.reply(request, 500))

    def ack_received(
        self,
        endpoint: SipEndpoint,
        request: sip.SipRequest,
        flow: Flow,
        transaction: InviteServerTransaction | None,
    ) -> None:
        """The ACK of a 200 of ours."""
        try:
            self._calls.ack_received(request, transaction)
        except Exception:
            log.exception("ack_failed", node=self.node.name)

    def cancel_received(
        self, endpoint: SipEndpoint, transaction: InviteServerTransaction, request: sip.SipRequest
    ) -> None:
        """The caller gives up."""
        if not self._calls.cancel_received(transaction):
            endpoint.respond(transaction, self.node.reply(transaction.request, 487))

    def ack_missing(self, endpoint: SipEndpoint, transaction: InviteServerTransaction, status: int) -> None:
        """Nobody acknowledged a final response of ours."""
        self._calls.ack_missing(transaction, status)

    def connection_lost(self, endpoint: SipEndpoint, flow: Flow) -> None:
        """A phone's or peer's connection is gone."""
        self._registrar.connection_lost(self.node, flow)

    # -- methods --------------------------------------------------------------------------------------------------

    def _options(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        """The hot path: a ping from a trunk's peer, a gateway or a registered phone gets an empty 200."""
        node = self.node
        if is_in_dialog(request):
            self._in_dialog(transaction, request, flow)
            return
        status = 200 if self._is_known(flow.remote[0]) else 503
        node.endpoint.respond(transaction, node.answer(request, status, to_tag=transaction.local_tag))

    def _is_known(self, ip: str) -> bool:
        if ip in self._gateway_ips or self._registrar.book.has_address(ip):
            return True
        return any([trunk.has_peer(ip) for trunk in self._trunks.values()])

    def _register(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        self._registrar.receive(self.node, transaction, request, flow)

    def _invite(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        if is_in_dialog(request):
            self._in_dialog(transaction, request, flow)
        elif isinstance(transaction, InviteServerTransaction):
            self._calls.invite_received(self.node, transaction, request, flow)

    def _refer(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        if is_in_dialog(request):
            self._in_dialog(transaction, request, flow)
            return
        is_registered = self._registrar.book.has_address(flow.remote[0])
        answer_phone_refer(self.node, transaction, request, flow, is_registered=is_registered)

    def _notify(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        event = (request.get("Event") or "").partition(";")[0].strip().lower()
        if event == HOOK_STATE_EVENT and self._registrar.book.has_address(flow.remote[0]):
            self.node.endpoint.respond(transaction, self.node.answer(request, 200))
        elif is_in_dialog(request):
            self._in_dialog(transaction, request, flow)
        else:
            raise _bad_event(event)

    def _subscribe(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        raise _bad_event(request.get("Event") or "")

    def _publish(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        raise SipInvalid("PUBLISH is not taken here", status=405, headers=(("Allow", sip.CUCM_ALLOW),))

    def _in_dialog(self, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        self._calls.request_received(transaction, request)


def _bad_event(event: str) -> SipInvalid:
    return SipInvalid(f"event package {event!r} is not served", status=489, headers=(("Allow-Events", EVENT_PACKAGES),))
