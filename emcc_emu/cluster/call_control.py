"""Call control of a cluster: who sent an INVITE, which call a message belongs to, and the calls themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog

from emcc_emu.cluster.call_headers import DEVICE_NAME_PARAMETER, identity_in
from emcc_emu.cluster.call_leg import Leg
from emcc_emu.cluster.call_parties import Caller, Destination, NumberIdentity
from emcc_emu.cluster.call_records import CallRecord
from emcc_emu.cluster.call_routes import RouteFinder, partitions_of_line
from emcc_emu.cluster.caller_leg import CallerLeg
from emcc_emu.cluster.calls import Call
from emcc_emu.cluster.registrar import Registrar
from emcc_emu.cluster.registration import Registration
from emcc_emu.cluster.session_timer import MIN_SESSION_S
from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.cluster.trunks import Trunk
from emcc_emu.cluster.wire_timers import WireTimers
from emcc_emu.errors import SipInvalid
from emcc_emu.lab.model import ClusterConfig, Gateway
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.protocol.sip_server_transactions import InviteServerTransaction, ServerTransaction
from emcc_emu.rules.codecs import CodecLimit
from emcc_emu.rules.routing import trunk_partitions
from emcc_emu.wire import sip

if TYPE_CHECKING:
    from emcc_emu.cluster.devices import EffectiveLine
    from emcc_emu.cluster.state import ClusterState

__all__ = ["MAX_CALLS", "CallControl"]

log = structlog.get_logger(__name__)

MAX_CALLS = 10_000
"""Calls of one cluster at once; one more is answered 503."""

RETRY_AFTER_S = "5"

GONE_STATUS = 503
"""How the record of a call ends whose phone has vanished."""

UNSUPPORTED_OPTIONS = ("100rel", "precondition")
"""Options that Unified CM knows but does not do unless its SIP profile says so ("SIP Rel1XX Options" is off)."""


class CallControl:
    """All calls of one cluster.

    Args:
        config: The cluster.
        state: Devices and logins; takes the call records.
        registrar: Tells which phone sent an INVITE.
        trunks: The cluster's trunks by name.
        timers: Wakes calls that ring too long.
        calendar: Calendar time, seconds since the epoch.
    """

    routes: RouteFinder
    """Finds where calls go; set before the first call."""

    def __init__(
        self,
        config: ClusterConfig,
        state: ClusterState,
        registrar: Registrar,
        trunks: dict[str, Trunk],
        timers: WireTimers,
        calendar: Callable[[], float],
    ) -> None:
        self.timers = timers
        self.calendar = calendar
        self._state = state
        self._registrar = registrar
        self._trunks = trunks
        self._gateways = {gateway.address: gateway for gateway in config.gateways}
        self._legs: dict[tuple[str, str], Leg] = {}
        self._by_invite: dict[ServerTransaction, Call] = {}
        self._calls: dict[int, Call] = {}
        self._legs_of_phone: dict[str, dict[Leg, None]] = {}
        self._count = 0
        registrar.on_gone = self.phone_gone

    @property
    def config(self) -> ClusterConfig:
        """The cluster as configured now."""
        return self._state.config

    def __len__(self) -> int:
        return len(self._calls)

    # -- messages -------------------------------------------------------------------------------------------------

    def invite_received(
        self, node: SipNode, transaction: InviteServerTransaction, request: sip.SipRequest, flow: Flow
    ) -> None:
        """Begin a call.

        Raises:
            SipInvalid: It is refused.
        """
        node.endpoint.respond(transaction, node.trying(request))
        wanted = {option.lower() for option in request.require}
        refused = [option for option in UNSUPPORTED_OPTIONS if option in wanted]
        if refused:
            raise SipInvalid("Bad Extension", status=420, headers=(("Unsupported", ", ".join(refused)),))
        caller = self._caller(node, request, flow)
        if len(self._calls) >= MAX_CALLS:
            raise SipInvalid("too many calls", status=503, headers=(("Retry-After", RETRY_AFTER_S),))
        _check_session_timer(request)
        dialled = sip.parse_uri(request.uri).user or ""
        sip.parse_uri(request.contacts[0].uri if request.contacts else "")
        leg = CallerLeg(node, caller.kind, caller.device_name, caller.identity, transaction, flow)
        offer = leg.read_body(request)
        self._count += 1
        call = Call(self, self._count, caller, leg, dialled, offer)
        self._calls[call.number] = call
        self._by_invite[transaction] = call
        self.dialog_made(leg)
        call.begin()

    def request_received(self, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        """A request that belongs to a call, or to none.

        Raises:
            SipInvalid: 481 when it belongs to none, 500 when its CSeq is out of order, or what the call says.
        """
        leg = self._leg_of(request)
        if leg is None or leg.dialog is None:
            raise SipInvalid("no such call", status=481)
        leg.dialog.accept(request)
        leg.call.received(leg, transaction, request)

    def ack_received(self, request: sip.SipRequest, transaction: InviteServerTransaction | None) -> None:
        """The ACK of a 200 to an INVITE or re-INVITE."""
        leg = self._leg_of(request)
        if leg is None:
            return
        call = leg.call
        renegotiation = call.renegotiation
        if renegotiation is not None and renegotiation.transaction is transaction:
            renegotiation.acknowledged(request)
        elif transaction is not None and transaction is call.caller_leg.transaction:
            call.acknowledged(request)

    def cancel_received(self, transaction: InviteServerTransaction) -> bool:
        """The caller of this INVITE gives up; False when it began no call."""
        call = self._by_invite.get(transaction)
        if call is not None:
            call.cancelled()
        return call is not None

    def ack_missing(self, transaction: InviteServerTransaction, status: int) -> None:
        """A final response was never acknowledged: after a 200 the call is hung up (RFC 3261 section 13.3.1.4)."""
        if status >= 300:
            return
        for call in list(self._calls.values()):
            renegotiation = call.renegotiation
            is_first = call.caller_leg.transaction is transaction
            if is_first or (renegotiation is not None and renegotiation.transaction is transaction):
                call.end(None, 408)

    def _leg_of(self, request: sip.SipRequest) -> Leg | None:
        tag = request.to.tag
        leg = None if tag is None else self._legs.get((request.call_id, tag))
        if leg is None or leg.dialog is None or leg.dialog.remote_tag != (request.from_.tag or ""):
            return None
        return leg

    # -- who calls ------------------------------------------------------------------------------------------------

    def _caller(self, node: SipNode, request: sip.SipRequest, flow: Flow) -> Caller:
        registration = self._registrar.book.sender_of(node, request, flow)
        if registration is not None:
            return self._calling_phone(registration, request)
        ip = flow.remote[0]
        gateway = self._gateways.get(ip)
        if gateway is not None:
            return self._calling_gateway(gateway, request)
        for trunk in self._trunks.values():
            if trunk.has_peer(ip):
                return self._calling_trunk(trunk, request, ip)
        raise SipInvalid(f"{ip} is no phone and no trunk of ours", status=503)

    def _calling_phone(self, registration: Registration, request: sip.SipRequest) -> Caller:
        device = self._state.device(registration.device_name)
        line = _line_in(registration, request)
        if device is None or line is None:
            raise SipInvalid("the device is not configured any more", status=404)
        return Caller(
            kind="line",
            device_name=device.name,
            identity=NumberIdentity(line.directory_number.lstrip("\\"), line.display),
            partitions=partitions_of_line(device, line),
            device_pool=device.device_pool,
            external_mask=line.external_mask,
            is_emcc=device.is_emcc,
            visiting_cluster_id=device.visiting_cluster_id,
            geolocation=device.geolocation,
        )

    def _calling_gateway(self, gateway: Gateway, request: sip.SipRequest) -> Caller:
        return Caller(
            kind="gateway",
            device_name=gateway.name,
            identity=_identity_of(request),
            partitions=self.config.partitions_of(gateway.css),
            device_pool=gateway.device_pool,
        )

    def _calling_trunk(self, trunk: Trunk, request: sip.SipRequest, ip: str) -> Caller:
        config, identity = trunk.config, _identity_of(request)
        if not config.is_emcc:
            return Caller(
                kind="trunk",
                device_name=trunk.name,
                identity=identity,
                partitions=self.config.partitions_of(config.css),
                device_pool=config.device_pool,
            )
        phone_name = self._visiting_phone(request, trunk.cluster_of(ip))
        phone = self.config.phones_by_name.get(phone_name)
        if phone is None:
            log.info("emcc_call_of_unknown_phone", trunk=trunk.name, address=ip)
        partitions = trunk_partitions(self.config, config, None if phone is None else phone.css)
        return Caller(
            kind="trunk",
            device_name=trunk.name,
            identity=identity,
            partitions=partitions or (),
            is_refused=partitions is None,
            device_pool=config.device_pool if phone is None else phone.device_pool,
            is_emcc=True,
            visiting_device=phone_name,
        )

    def _visiting_phone(self, request: sip.SipRequest, cluster_id: str) -> str:
        """The phone of ours from which a home cluster's call comes.

        The Contact names it. Without that the one phone counts that a user of the calling cluster is on, if there is
        only one: numbers of other clusters are not known here.
        """
        contacts = request.contacts
        name = (contacts[0].params.get(DEVICE_NAME_PARAMETER) or "").upper() if contacts else ""
        if name in self.config.phones_by_name:
            return name
        here = [login.device_name for login in self._state.remote_logins() if login.home_cluster_id == cluster_id]
        return here[0] if len(here) == 1 and not name else ""

    # -- for calls ------------------------------------------------------------------------------------------------

    def node_for(self, destination: Destination, default: SipNode) -> SipNode:
        """The node that calls a destination: a phone's own node, one that runs the trunk, else the caller's."""
        if destination.registration is not None:
            return destination.registration.node
        trunk = self._trunks.get(destination.device_name) if destination.kind == "trunk" else None
        if trunk is None or default in trunk.nodes or not trunk.nodes:
            return default
        return trunk.nodes[0]

    def codec_limit(self, is_emcc: bool) -> CodecLimit | None:
        """The EMCC region's limit, which holds for every call of an EMCC phone; None for other calls."""
        emcc = self.config.emcc
        return CodecLimit(emcc.region_max_audio_kbps, emcc.region_link_loss_type) if is_emcc else None

    def dialog_made(self, leg: Leg) -> None:
        """A leg has its dialog: requests in it find the call."""
        if leg.dialog is not None:
            self._legs[leg.dialog.call_id, leg.local_tag] = leg

    def line_taken(self, leg: Leg) -> None:
        """A phone's line has one call more."""
        self._legs_of_phone.setdefault(leg.device_name, {})[leg] = None

    def line_released(self, leg: Leg) -> None:
        """A phone's line has one call less."""
        legs = self._legs_of_phone.get(leg.device_name, {})
        legs.pop(leg, None)
        if not legs:
            self._legs_of_phone.pop(leg.device_name, None)

    def count_calls(self, device_name: str, number: str) -> int:
        """Calls that a line has now."""
        return sum(leg.own_number == number for leg in self._legs_of_phone.get(device_name, ()))

    def phone_gone(self, device_name: str) -> None:
        """A phone is not registered any more, or has started anew: nobody is left at its end of its calls.

        A destination that still rings is left to its search, which gives up on it by itself.
        """
        for leg in list(self._legs_of_phone.get(device_name, ())):
            if leg in leg.call.legs:
                leg.call.end(leg, GONE_STATUS)

    def finished(self, call: Call, record: CallRecord) -> None:
        """A call is over: forget it and write its record."""
        self._calls.pop(call.number, None)
        self._by_invite.pop(call.caller_leg.transaction, None)
        for leg in call.legs:
            if leg.dialog is not None:
                self._legs.pop((leg.dialog.call_id, leg.local_tag), None)
        log.info(
            "call_ended",
            call=call.number,
            caller=record.calling_device,
            called=record.called_device,
            status=record.final_status,
            duration_s=round(record.duration_s, 3),
        )
        self._state.write_call_record(record)

    def hang_up_all(self) -> None:
        """End every call, as when the service stops."""
        for call in list(self._calls.values()):
            call.end(None, 503)

    def views(self) -> list[dict[str, Any]]:
        """The calls as screens show them."""
        return [
            {
                "number": call.number,
                "caller": call.caller.device_name,
                "dialled": call.dialled,
                "called": call.callee.device_name if call.callee is not None else "",
                "phase": call.phase.value,
                "emergency": call.is_emergency,
            }
            for call in self._calls.values()
        ]


def _line_in(registration: Registration, request: sip.SipRequest) -> EffectiveLine | None:
    """The line that a phone calls from: the number in From, else its first line."""
    number = sip.parse_uri(request.from_.uri).user or ""
    lines = registration.device.lines
    return next((line for line in lines if line.directory_number.lstrip("\\") == number), lines[0] if lines else None)


def _identity_of(request: sip.SipRequest) -> NumberIdentity:
    sender = request.from_
    return identity_in(request, NumberIdentity(sip.parse_uri(sender.uri).user or "", sender.display))


def _check_session_timer(request: sip.SipRequest) -> None:
    """Refuse a session interval below our own minimum (RFC 4028 section 9)."""
    text = (request.get("Session-Expires") or "").partition(";")[0].strip()
    if text.isdigit() and int(text) < MIN_SESSION_S and request.supports("timer"):
        raise SipInvalid("Session Interval Too Small", status=422, headers=(("Min-SE", str(MIN_SESSION_S)),))
