"""One registered phone, and what a REGISTER says about the phone that sent it."""

from __future__ import annotations

import dataclasses
import re
import sys
from typing import TYPE_CHECKING

from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.cluster.wire_timers import WaitingItem
from emcc_emu.errors import SipInvalid
from emcc_emu.protocol.sip_flow import Address, Flow, default_port
from emcc_emu.wire import cisco_contact, sip

if TYPE_CHECKING:
    from emcc_emu.cluster.devices import EffectiveDevice
    from emcc_emu.cluster.registrar import Registrar

__all__ = ["ContactIdentity", "Registration", "RegistrationView", "read_contact"]

CISCO_INSTANCE_PREFIX = "<urn:uuid:00000000-0000-0000-0000-"
"""Start of a `+sip.instance` that holds a MAC address; anyone else's instance is a random UUID."""

MAX_PORT = 65535

_USUAL_CONTACT = re.compile(
    r'<(sip:[^@<>"\s;?]*@([0-9.]{7,15}):([1-9][0-9]{0,4})(?:;transport=[a-z]+)?)>'
    r';\+sip\.instance="<urn:uuid:0{8}-0{4}-0{4}-0{4}-[0-9a-f]{12}>"'
    r';\+u\.sip!devicename\.ccm\.cisco\.com="([A-Za-z0-9]{1,50})"'
    r';\+u\.sip!model\.ccm\.cisco\.com="[0-9]{1,6}"'
)
"""The Contact of a Cisco phone to the letter: recognised at a tenth of what taking it apart costs, which is a fifth of
a whole registration. Any other form goes the general way."""

SERVICE_CONTROL_OPTION = "x-cisco-service-control"


@dataclasses.dataclass(frozen=True, slots=True)
class ContactIdentity:
    """What the Contact of a REGISTER says."""

    line: str
    """The header value as received, to be echoed."""
    uri: str
    address: Address
    """Host and port of the Contact URI."""
    device_name: str
    """Device name in upper case; empty when the Contact names none."""
    is_keepalive: bool
    """Whether it is marked as a standby keepalive."""
    expires_s: int | None
    """The Contact's own `expires` parameter."""


def read_contact(request: sip.SipRequest) -> ContactIdentity:
    """The Contact of a REGISTER; of several the first that is not being removed.

    Raises:
        SipInvalid: 400 for `Contact: *`, which Unified CM does not support, for none, and for a broken one.
    """
    written = request.get_lines("Contact")
    if len(written) == 1 and (usual := _USUAL_CONTACT.fullmatch(written[0])) is not None:
        uri, host, port, device_name = usual.groups()
        if int(port) <= MAX_PORT:
            return ContactIdentity(written[0], uri, (host, int(port)), device_name.upper(), False, None)
    lines = request.headers.get_all("Contact")
    if not lines:
        raise SipInvalid("Missing Contact")
    if "*" in (line.strip() for line in lines):
        raise SipInvalid("Contact: * is not supported")
    identities = [_identity(line) for line in lines]
    return next((identity for identity in identities if identity.expires_s != 0), identities[0])


def _identity(line: str) -> ContactIdentity:
    address = sip.parse_name_addr(line)
    uri = sip.parse_uri(address.uri)
    contact = cisco_contact.read_contact(address)
    device_name = contact.device_name or ""
    is_named = any("devicename" in name.lower() for name, _ in address.parameters)
    if not is_named and not (contact.instance or "").startswith(CISCO_INSTANCE_PREFIX):
        device_name = ""
    return ContactIdentity(
        line=line,
        uri=contact.uri,
        address=(uri.host, uri.port or default_port(uri.transport or "udp")),
        device_name=device_name.upper(),
        is_keepalive=contact.is_keepalive,
        expires_s=contact.expires_s,
    )


@dataclasses.dataclass(frozen=True, slots=True)
class RegistrationView:
    """One registered phone as screens and tests see it."""

    device_name: str
    node: str
    transport: str
    address: Address
    """Where its Contact says it is."""
    user_agent: str
    directory_numbers: tuple[str, ...]
    registered_at: float
    """Calendar time of the first REGISTER of this registration."""
    call_id: str
    """Call-ID of its registration, the `RegisterCallId` of orders to the phone."""
    is_partial: bool
    """True while the phone registers line by line and some lines are missing."""


class Registration(WaitingItem):
    """A phone that is registered at a node; waits for its own expiry."""

    __slots__ = (
        "address",
        "call_id",
        "contact_line",
        "cseq",
        "device",
        "directory_number",
        "flow",
        "interval_s",
        "is_bulk",
        "node",
        "other_lines",
        "registered_at",
        "registrar",
        "takes_service_control",
        "user_agent",
    )

    def __init__(
        self,
        registrar: Registrar,
        node: SipNode,
        device: EffectiveDevice,
        contact: ContactIdentity,
        registered_at: float,
    ) -> None:
        super().__init__()
        self.registrar = registrar
        self.node = node
        self.device = device
        self.contact_line = contact.line
        self.address = contact.address
        self.registered_at = registered_at
        self.flow: Flow | None = None
        self.call_id = ""
        self.cseq = 0
        self.directory_number = ""
        self.interval_s = 0
        self.is_bulk = False
        self.other_lines: dict[str, str] | None = None
        self.takes_service_control = False
        self.user_agent = ""

    def read(self, request: sip.SipRequest, flow: Flow, directory_number: str) -> None:
        """Take over what a REGISTER of the primary line says."""
        self.flow = flow
        self.call_id = request.call_id
        self.cseq = request.cseq.number
        self.directory_number = directory_number
        self.user_agent = sys.intern(request.get("User-Agent") or "")
        supported = ",".join(request.get_lines("Supported")).lower()
        self.takes_service_control = SERVICE_CONTROL_OPTION in supported

    @property
    def device_name(self) -> str:
        """Name of the registered device."""
        return self.device.name

    @property
    def contact_uri(self) -> str:
        """URI to which requests for the phone are sent; taken from the line, which saves a string per phone."""
        start, end = self.contact_line.rfind("<", 0, self.contact_line.find(">")), self.contact_line.find(">")
        if start >= 0 and '"' not in self.contact_line[:start]:
            return self.contact_line[start + 1 : end]
        return sip.parse_name_addr(self.contact_line).uri

    @property
    def transport(self) -> str:
        """`udp`, `tcp` or `tls`; `tcp` when its connection is gone for the moment."""
        return self.flow.transport if self.flow is not None else "tcp"

    def contact_for(self, directory_number: str) -> str:
        """The Contact URI of one of its lines: the registered one with the line's own user part."""
        uri = self.contact_uri
        if directory_number == self.directory_number:
            return uri
        line = next((line for line in self.device.lines if line.directory_number == directory_number), None)
        if line is None or "@" not in uri or self.device.is_third_party:
            return uri
        return f"sip:{line.contact}@{uri.partition('@')[2]}"

    def directory_numbers(self) -> tuple[str, ...]:
        """The directory numbers that this registration covers."""
        if self.is_bulk:
            return tuple(line.directory_number for line in self.device.lines)
        return (self.directory_number, *(self.other_lines or {}).values())

    def view(self) -> RegistrationView:
        """What others may see of it."""
        numbers = self.directory_numbers()
        return RegistrationView(
            device_name=self.device.name,
            node=self.node.name,
            transport=self.transport,
            address=self.address,
            user_agent=self.user_agent,
            directory_numbers=numbers,
            registered_at=self.registered_at,
            call_id=self.call_id,
            is_partial=len(numbers) < len(self.device.lines),
        )

    def deadline_reached(self, now: float) -> None:
        """The phone has not refreshed its registration in time."""
        self.registrar.expire(self)
