"""Where registrations are found: by device, by Call-ID, by the path that a phone's requests come on, by address."""

from __future__ import annotations

from collections.abc import Iterator

from emcc_emu.cluster.registration import Registration, read_contact
from emcc_emu.cluster.sip_node import SipNode
from emcc_emu.protocol.sip_flow import Flow
from emcc_emu.wire import sip

__all__ = ["RegistrationBook"]


class RegistrationBook:
    """All registrations of one cluster, each device at most once."""

    __slots__ = ("_by_call_id", "_by_device", "_by_path", "_count_by_ip")

    def __init__(self) -> None:
        self._by_device: dict[str, Registration] = {}
        self._by_call_id: dict[str, Registration] = {}
        self._by_path: dict[object, Registration | list[Registration]] = {}
        self._count_by_ip: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._by_device)

    def __iter__(self) -> Iterator[Registration]:
        return iter(list(self._by_device.values()))

    def of_device(self, device_name: str) -> Registration | None:
        """The registration of a device, its name in upper case."""
        return self._by_device.get(device_name)

    def of_call_id(self, call_id: str) -> Registration | None:
        """The registration that REGISTERs with this Call-ID refresh."""
        return self._by_call_id.get(call_id)

    def addresses(self) -> frozenset[str]:
        """IP addresses of all registered phones."""
        return frozenset(self._count_by_ip)

    def has_address(self, ip: str) -> bool:
        """Whether some registered phone is at this IP address."""
        return ip in self._count_by_ip

    def has_path(self, node: SipNode, flow: Flow) -> bool:
        """Whether some registered phone uses this connection."""
        return _path_of(node, flow) in self._by_path

    def sender_of(self, node: SipNode, request: sip.SipRequest, flow: Flow) -> Registration | None:
        """The registered device that sent a request: by connection, by address, or by the device name it gives.

        Several devices may share one path (a tester with one socket); then the number in From decides.

        Raises:
            SipInvalid: 400, From or Contact is broken.
        """
        found = self._by_path.get(_path_of(node, flow))
        if found is None:
            return self._sender_by_contact(request, flow)
        if isinstance(found, Registration):
            return found
        number = sip.parse_uri(request.from_.uri).user or ""
        return next((entry for entry in found if number in entry.directory_numbers()), found[0])

    def _sender_by_contact(self, request: sip.SipRequest, flow: Flow) -> Registration | None:
        """A phone whose connection was opened anew, or that sends from another UDP port than it listens on."""
        if flow.remote[0] not in self._count_by_ip or not request.contacts:
            return None
        contact = read_contact(request)
        if contact.device_name:
            registration = self._by_device.get(contact.device_name)
            is_same_host = registration is not None and registration.address[0] == flow.remote[0]
            return registration if is_same_host else None
        number = sip.parse_uri(request.from_.uri).user or ""
        candidates = (entry for entry in self._by_device.values() if entry.address == contact.address)
        return next((entry for entry in candidates if number in entry.directory_numbers()), None)

    def add(self, registration: Registration) -> None:
        """Enter a registration; its device has none."""
        self._by_device[registration.device.name] = registration
        self._by_call_id[registration.call_id] = registration
        ip = registration.address[0]
        self._count_by_ip[ip] = self._count_by_ip.get(ip, 0) + 1
        if registration.flow is None:
            return
        path = _path_of(registration.node, registration.flow)
        found = self._by_path.get(path)
        if found is None:
            self._by_path[path] = registration
        elif isinstance(found, list):
            found.append(registration)
        else:
            self._by_path[path] = [found, registration]

    def remove(self, registration: Registration) -> None:
        """Take a registration out."""
        self._by_device.pop(registration.device.name, None)
        if self._by_call_id.get(registration.call_id) is registration:
            del self._by_call_id[registration.call_id]
        ip = registration.address[0]
        left = self._count_by_ip[ip] - 1
        if left:
            self._count_by_ip[ip] = left
        else:
            del self._count_by_ip[ip]
        if registration.flow is None:
            return
        path = _path_of(registration.node, registration.flow)
        found = self._by_path.get(path)
        if isinstance(found, list):
            found.remove(registration)
            if not found:
                del self._by_path[path]
        elif found is registration:
            del self._by_path[path]

    def connection_lost(self, node: SipNode, flow: Flow) -> None:
        """A connection is gone; the registrations that used it stay, but cannot be reached."""
        found = self._by_path.pop(_path_of(node, flow), None)
        for registration in found if isinstance(found, list) else [found] if found is not None else []:
            registration.flow = None


def _path_of(node: SipNode, flow: Flow) -> object:
    """By what later requests are attributed: the connection, or for datagrams the peer's address."""
    return (node.name, flow.connection_id) if flow.is_reliable else (node.name, flow.remote)
