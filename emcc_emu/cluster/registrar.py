"""The registrar of a cluster: which phone is registered at which node, and for how long (line side of Unified CM).

A REGISTER is answered `100`, then finally. A Cisco phone is known by the device name in its Contact, a third-party
phone by its digest user. One device has one registration in the whole cluster; a standby keepalive to another node
leaves it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from emcc_emu.cluster.digest_gate import DigestGate
from emcc_emu.cluster.phone_messages import (
    send_message_waiting,
    send_service_control,
    send_settings,
)
from emcc_emu.cluster.register_bodies import RegisterBodies
from emcc_emu.cluster.registration import (
    ContactIdentity,
    Registration,
    RegistrationView,
    read_contact,
)
from emcc_emu.cluster.registration_book import RegistrationBook
from emcc_emu.cluster.sip_node import HeaderLine, SipNode
from emcc_emu.cluster.wire_timers import WireTimers
from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import remotecc, sip
from emcc_emu.wire.cisco_contact import mark_new_registration

if TYPE_CHECKING:
    from emcc_emu.cluster.devices import EffectiveDevice
    from emcc_emu.cluster.state import ClusterState
    from emcc_emu.protocol.sip_server_transactions import ServerTransaction

__all__ = ["EXPIRY_GRACE_S", "MIN_EXPIRES_S", "Registrar"]

log = structlog.get_logger(__name__)

EXPIRY_GRACE_S = 10.0
"""How long after the granted interval a phone counts as gone: a published case shows 130 s for 120."""

MIN_EXPIRES_S = 30
"""Shortest interval that is granted: real phones unregister at once when it is too low."""

DEFAULT_EXPIRES_S = 3600

MAX_LINES_PER_DEVICE = 200
"""Line registrations kept for one device that registers line by line."""

SERVER_SIS_OPTION = {11: "8.0.0", 12: "9.1.0", 14: "10.0.0", 15: "10.0.0"}
"""SIP line interface version that a release answers with, by major version."""


class Registrar:
    """Registrations of one cluster.

    Args:
        state: Knows the devices.
        timers: Wakes registrations that expire.
        gate: Checks digest credentials.
        calendar: Calendar time, seconds since the epoch.
    """

    def __init__(
        self,
        state: ClusterState,
        timers: WireTimers,
        gate: DigestGate,
        calendar: Callable[[], float],
    ) -> None:
        self._state = state
        self._timers = timers
        self._gate = gate
        self._calendar = calendar
        self._interval_s = int(state.config.call_manager.station_keepalive_interval_s)
        major = int(state.config.version.partition(".")[0])
        sis = SERVER_SIS_OPTION.get(major, SERVER_SIS_OPTION[14])
        self._supported_cisco = f"X-cisco-srtp-fallback,X-cisco-sis-{sis}"
        self._supported_other = f"X-cisco-sis-{sis}"
        self._bodies = RegisterBodies()
        self._book = RegistrationBook()
        self._devices_of_digest_user: dict[str, list[str]] = {}
        self._index_digest_users()
        state.config_listeners.append(lambda _: self._index_digest_users())
        self.on_change: Callable[[str, bool], None] | None = None
        """Called with device name and whether it is registered now, after each change."""
        self.on_unknown_phone: Callable[[str], None] | None = None
        """Called with the name of a device that is not configured and wants to register."""
        self.on_gone: Callable[[str], None] | None = None
        """Called with the device name when a registration has ended for good, or a new start has taken its place."""

    def _index_digest_users(self) -> None:
        self._devices_of_digest_user.clear()
        for phone in self._state.config.phones:
            if phone.digest_user:
                self._devices_of_digest_user.setdefault(phone.digest_user, []).append(phone.name)

    # -- questions ------------------------------------------------------------------------------------------------

    @property
    def book(self) -> RegistrationBook:
        """All registrations; for reading only."""
        return self._book

    def __len__(self) -> int:
        return len(self._book)

    def get(self, device_name: str) -> Registration | None:
        """The registration of a device, None while it is not registered."""
        return self._book.of_device(device_name.upper())

    def views(self) -> list[RegistrationView]:
        """All registrations, for screens."""
        return [registration.view() for registration in self._book]

    # -- REGISTER -------------------------------------------------------------------------------------------------

    def receive(self, node: SipNode, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        """Answer one REGISTER.

        Raises:
            SipInvalid: With the final answer of a refusal; the caller sends it.
        """
        known = self._book.of_call_id(request.get("Call-ID") or "")
        node.endpoint.respond(transaction, node.trying(request))
        if known is not None and self._is_refresh(known, node, request, flow):
            self._refresh(known, transaction, request)
        else:
            try:
                self._register(node, transaction, request, flow)
            except SipInvalid as error:
                if known is not None and error.status == 404:
                    self.remove(known, "not configured any more")
                raise

    def _is_refresh(self, known: Registration, node: SipNode, request: sip.SipRequest, flow: Flow) -> bool:
        return (
            known.flow == flow
            and known.node is node
            and not request.body
            and request.get("Contact") == known.contact_line
            and request.get("Expires") != "0"
            and known.device is self._state.device(known.device.name)
            and known.device.digest_user is None
            and not known.other_lines
        )

    def _refresh(self, known: Registration, transaction: ServerTransaction, request: sip.SipRequest) -> None:
        number = request.cseq.number
        if number <= known.cseq:
            raise SipInvalid("CSeq out of order", status=500)
        known.cseq = number
        known.interval_s = self._granted(request, None)
        self._extend(known)
        self._answer(known, transaction, request, known.contact_line)

    def _register(self, node: SipNode, transaction: ServerTransaction, request: sip.SipRequest, flow: Flow) -> None:
        contact = read_contact(request)
        leaving = self._leaving(contact, request, flow)
        if leaving is not None:
            self._answer_zero_expires(node, leaving, contact, transaction, request, flow)
            return
        device = self._identify(node, request, contact)
        number = sip.parse_uri(request.to.uri).user or ""
        if number not in {line.directory_number.lstrip("\\") for line in device.lines}:
            raise SipInvalid(f"{device.name} has no line {number!r}", status=404)
        known = self._book.of_device(device.name)
        asked_s = contact.expires_s if contact.expires_s is not None else request.expires
        if asked_s == 0 or contact.is_keepalive:
            self._answer_zero_expires(node, known, contact, transaction, request, flow)
            return
        interval_s = self._granted(request, contact.expires_s)
        if known is not None and self._is_other_line(known, device, node, number):
            self._register_other_line(known, transaction, request, contact, number)
            return
        self._bind(node, transaction, request, flow, device, contact, number, interval_s)

    def _leaving(self, contact: ContactIdentity, request: sip.SipRequest, flow: Flow) -> Registration | None:
        """The registration that a phone ends on the connection that made it.

        Since then a login or logout may have given its device other lines, or taken the device away.
        """
        known = self._book.of_device(contact.device_name) if contact.device_name else None
        asked_s = contact.expires_s if contact.expires_s is not None else request.expires
        if known is None or asked_s != 0 or known.flow != flow or known.device.digest_user is not None:
            return None
        return known

    def _granted(self, request: sip.SipRequest, contact_expires_s: int | None) -> int:
        asked_s = contact_expires_s if contact_expires_s is not None else request.expires
        least_s = min(MIN_EXPIRES_S, self._interval_s)
        if asked_s is None:
            asked_s = DEFAULT_EXPIRES_S
        if asked_s < least_s:
            raise SipInvalid("Interval Too Brief", status=423, headers=(("Min-Expires", str(least_s)),))
        return min(asked_s, self._interval_s)

    # -- who it is ------------------------------------------------------------------------------------------------

    def _identify(self, node: SipNode, request: sip.SipRequest, contact: ContactIdentity) -> EffectiveDevice:
        if not contact.device_name:
            return self._identify_by_digest(request)
        device = self._state.device(contact.device_name)
        if device is None:
            stale = self._book.of_device(contact.device_name)
            if stale is not None:
                self.remove(stale, "not configured any more")
            if self.on_unknown_phone is not None:
                self.on_unknown_phone(contact.device_name)
            raise SipInvalid(f"device {contact.device_name!r} is not configured", status=404)
        if device.digest_user is not None:
            self._gate.check(request, device.digest_user, device.digest_password)
        return device

    def _identify_by_digest(self, request: sip.SipRequest) -> EffectiveDevice:
        user = self._gate.user_of(request)
        number = sip.parse_uri(request.to.uri).user or ""
        names = self._devices_of_digest_user.get(user, [])
        devices = [device for name in names if (device := self._state.device(name)) is not None]
        if not devices:
            raise SipInvalid(f"digest user {user!r} has no device", status=404)
        device = next((d for d in devices if number in {line.directory_number for line in d.lines}), devices[0])
        self._gate.check(request, user, device.digest_password)
        return device

    # -- binding --------------------------------------------------------------------------------------------------

    def _bind(
        self,
        node: SipNode,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        flow: Flow,
        device: EffectiveDevice,
        contact: ContactIdentity,
        number: str,
        interval_s: int,
    ) -> None:
        known = self._book.of_device(device.name)
        is_same = (
            known is not None
            and known.node is node
            and known.call_id == request.call_id
            and known.contact_line == contact.line
        )
        if known is not None and is_same and request.cseq.number <= known.cseq:
            raise SipInvalid("CSeq out of order", status=500)
        registered_at = known.registered_at if known is not None and is_same else self._calendar()
        other_lines = known.other_lines if known is not None and is_same else None
        is_bulk = known.is_bulk if known is not None and is_same else False
        if known is not None:
            self._unlink(known)
            if known.call_id != request.call_id and known.flow != flow:
                self._tell_gone(known)  # a Call-ID lasts from start to start (RFC 3261 section 10.2)
        registration = Registration(self, node, device, contact, registered_at)
        registration.read(request, flow, number)
        registration.interval_s = interval_s
        registration.other_lines = other_lines
        said = self._bodies.read(request)
        registration.is_bulk = said.is_bulk or is_bulk
        self._book.add(registration)
        self._extend(registration)
        echo = contact.line if is_same else mark_new_registration(contact.line)
        self._answer(registration, transaction, request, echo, said.answer)
        if not is_same:
            self._welcome(registration)

    def _welcome(self, registration: Registration) -> None:
        device = registration.device
        log.info(
            "phone_registered",
            device=device.name,
            node=registration.node.name,
            transport=registration.transport,
            expires_s=registration.interval_s,
        )
        if not device.is_third_party:
            send_settings(registration, *self._bodies.settings(tuple(line.forward_all for line in device.lines)))
        elif self._state.config.call_manager.third_party_message_waiting:
            send_message_waiting(registration)
        if self.on_change is not None:
            self.on_change(device.name, True)

    @staticmethod
    def _is_other_line(known: Registration, device: EffectiveDevice, node: SipNode, number: str) -> bool:
        return (
            known.node is node
            and known.device is device
            and number != known.directory_number
            and number != device.lines[0].directory_number
        )

    def _register_other_line(
        self,
        known: Registration,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        contact: ContactIdentity,
        number: str,
    ) -> None:
        """Line 2 and up of a phone that registers each line by itself; the primary line keeps the device alive."""
        lines = known.other_lines = known.other_lines or {}
        for call_id in [call_id for call_id, listed in lines.items() if listed == number]:
            del lines[call_id]
        if len(lines) < MAX_LINES_PER_DEVICE:
            lines[request.call_id] = number
        self._answer(known, transaction, request, contact.line)

    def _answer(
        self,
        registration: Registration,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        contact_line: str,
        body: bytes = b"",
    ) -> None:
        is_third_party = registration.device.is_third_party
        headers: list[HeaderLine] = [
            ("Expires", str(registration.interval_s)),
            ("Contact", contact_line),
            ("Supported", self._supported_other if is_third_party else self._supported_cisco),
        ]
        if body:
            headers.append(("Content-Type", remotecc.RESPONSE_TYPE))
        node = registration.node
        node.endpoint.respond(transaction, node.answer(request, 200, headers=headers, body=body))

    # -- leaving --------------------------------------------------------------------------------------------------

    def _answer_zero_expires(
        self,
        node: SipNode,
        known: Registration | None,
        contact: ContactIdentity,
        transaction: ServerTransaction,
        request: sip.SipRequest,
        flow: Flow,
    ) -> None:
        """`Expires: 0`: from the registered phone to its own node it unregisters, anything else is a keepalive."""
        headers = [("Expires", "0"), ("Contact", contact.line), ("Supported", self._supported_other)]
        node.endpoint.respond(transaction, node.answer(request, 200, headers=headers))
        if known is None or known.node is not node or contact.is_keepalive:
            return
        if known.flow != flow and known.address != contact.address:
            return
        if (other_lines := known.other_lines) and request.call_id in other_lines:
            del other_lines[request.call_id]
            return
        self.remove(known, "unregistered")
        if flow.is_reliable and not known.device.is_third_party and not self._book.has_path(node, flow):
            node.close_connection(flow)

    def expire(self, registration: Registration) -> None:
        """A phone did not refresh in time: forget it and close its connection."""
        self.remove(registration, "expired")
        flow = registration.flow
        if flow is not None and flow.is_reliable and not self._book.has_path(registration.node, flow):
            registration.node.close_connection(flow)

    def remove(self, registration: Registration, why: str) -> None:
        """Forget a registration; the phone is not told."""
        if self._book.of_device(registration.device.name) is not registration:
            return
        self._unlink(registration)
        log.info("phone_unregistered", device=registration.device.name, node=registration.node.name, why=why)
        self._tell_gone(registration)
        if self.on_change is not None:
            self.on_change(registration.device.name, False)

    def connection_lost(self, node: SipNode, flow: Flow) -> None:
        """A phone's connection is gone; its registration stays until it expires."""
        self._book.connection_lost(node, flow)

    def order(self, device_name: str, action: str) -> bool:
        """Send a registered phone a service-control order; False when it cannot be reached or takes none."""
        registration = self.get(device_name)
        if registration is None or registration.flow is None or not registration.takes_service_control:
            return False
        device = self._state.device(device_name) or registration.device
        send_service_control(registration, action, device.version_stamp)
        return True

    def _tell_gone(self, registration: Registration) -> None:
        if self.on_gone is not None:
            self.on_gone(registration.device.name)

    def _extend(self, registration: Registration) -> None:
        self._timers.set_after(registration, registration.interval_s + EXPIRY_GRACE_S)

    def _unlink(self, registration: Registration) -> None:
        self._timers.cancel(registration)
        self._book.remove(registration)
