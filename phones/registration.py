"""One phone's registration with one CallManager node, as a Cisco phone registers.

Alarms go first, as REFERs; then the full REGISTER with two bodies ("all my lines" and "what I can do"); then a bare
refresh every granted interval less five seconds, with the same Call-ID, From tag and Contact.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from emcc_emu.errors import EmccEmuError, SipInvalid, TransportError
from emcc_emu.net.sip import SipEndpoint
from emcc_emu.protocol import sip_digest
from emcc_emu.protocol.sip_flow import Address, Flow
from emcc_emu.wire import remotecc, sip
from emcc_emu.wire.device_config import LineConfig
from emcc_emu.wire.sip_identity import format_date, format_session_id, sip_instance
from phones.identity import PhoneIdentity, PhoneNames
from phones.timing import DEFAULT_TIMING, PhoneTiming

__all__ = ["LAST_ALARMS", "SUPPORTED", "RegistrationLost", "RegistrationRefused", "SipRegistration", "ask", "date_now"]

REQUESTED_EXPIRES_S = 3600
"""What a Cisco phone always asks for; the cluster grants its keepalive interval."""

NEW_REGISTRATION = "x-cisco-newreg"
"""Contact parameter by which a node says that it did not know the phone before."""

MAX_OVERLOADED_TRIES = 3
"""How often a REGISTER that is answered 503 is sent to the same node."""

LAST_ALARMS: dict[str, int] = {
    **remotecc.LAST_ALARMS,
    "cm-reset-tcp": 13,
    "cm-aborted-tcp": 15,
    "keepalive-timeout": 16,
    "phone-reg-rej": 17,
    "fallback": 18,
    "reset-reset": 22,
}
"""Alarm numbers by the words of `Last=`; those that were seen on the wire, and others that operators expect."""

SUPPORTED = (
    "replaces,join,sdp-anat,norefersub,resource-priority,extended-refer,X-cisco-callinfo,X-cisco-serviceuri,"
    "X-cisco-escapecodes,X-cisco-service-control,X-cisco-srtp-fallback,X-cisco-monrec,X-cisco-config,"
    "X-cisco-sis-7.0.0,X-cisco-xsi-8.5.1"
)


class RegistrationRefused(EmccEmuError):
    """The node answered a REGISTER with a final error.

    Args:
        status: The response's status.
        reason: Its reason phrase.
        retry_after_s: What its Retry-After says, None when it says nothing.
    """

    def __init__(self, status: int, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.retry_after_s = retry_after_s


class RegistrationLost(EmccEmuError):
    """A registration ended without the phone's doing.

    Args:
        last: The word for it that the next REGISTER says in `Last=`.
    """

    def __init__(self, last: str, reason: str = "") -> None:
        super().__init__(reason or last)
        self.last = last


def date_now() -> str:
    """Now, as a Date header writes it."""
    return format_date(time.time())


async def ask(
    endpoint: SipEndpoint, request: sip.SipRequest, flow: Flow, timeout_s: float | None = None
) -> sip.SipResponse:
    """Send a request and wait for its final response.

    Raises:
        TransportError: None came.
    """
    future: asyncio.Future[sip.SipResponse] = asyncio.get_running_loop().create_future()

    def answered(response: sip.SipResponse, _: Flow) -> None:
        if response.status >= 200 and not future.done():
            future.set_result(response)

    def failed(reason: str) -> None:
        if not future.done():
            future.set_exception(TransportError(f"{request.method} to {flow.remote[0]}:{flow.remote[1]}: {reason}"))

    endpoint.send_request(
        request, flow.remote, flow.transport, on_response=answered, on_failure=failed, flow=flow, timeout_s=timeout_s
    )
    return await future


class SipRegistration:
    """Keeps one phone registered with one node.

    Args:
        identity: The phone.
        names: Makes its identifiers.
        endpoint: Its SIP sockets.
        flow: The connection to the node.
        lines: Its lines; the first is the primary one, whose REGISTER registers all.
        on_lost: Told when a refresh fails: `RegistrationRefused` when the node said no, else `RegistrationLost`.
        timing: How long before its end the registration is refreshed, and how long to wait at the end.
    """

    __slots__ = (
        "_challenge",
        "_cseq",
        "_endpoint",
        "_identity",
        "_names",
        "_nonce_uses",
        "_on_lost",
        "_session",
        "_tag",
        "_timer",
        "_timing",
        "call_id",
        "flow",
        "granted_s",
        "lines",
        "refreshes",
    )

    def __init__(
        self,
        identity: PhoneIdentity,
        names: PhoneNames,
        endpoint: SipEndpoint,
        flow: Flow,
        lines: Sequence[LineConfig],
        on_lost: Callable[[EmccEmuError], None],
        timing: PhoneTiming = DEFAULT_TIMING,
    ) -> None:
        self._identity = identity
        self._names = names
        self._endpoint = endpoint
        self._on_lost = on_lost
        self._timing = timing
        self._tag = names.tag()
        self._session = names.session()
        self._cseq = 100
        self._timer: asyncio.TimerHandle | None = None
        self._challenge: sip_digest.Challenge | None = None
        self._nonce_uses = 0
        self.flow = flow
        self.lines = tuple(lines)
        self.call_id = names.call_id()
        """Call-ID of the registration: what an order of the node has to name."""
        self.granted_s = 0.0
        """Keepalive interval granted by the node, seconds; 0 before the first 200."""
        self.refreshes = 0

    @property
    def node(self) -> Address:
        """Where the phone registers."""
        return self.flow.remote

    @property
    def contact_uri(self) -> str:
        """Where the node reaches the phone."""
        local = self.flow.local
        return f"sip:{self.lines[0].contact}@{local[0]}:{local[1]};transport={self.flow.transport}"

    async def send_alarm(self, alarm: str, values: Sequence[tuple[str, str]]) -> None:
        """Report a stored alarm before registering; the node answers 202 though it does not know the phone yet.

        Raises:
            TransportError: Nobody answered.
        """
        content_id = self._names.content_id()
        host, primary = self.node[0], self.lines[0].name
        own = f'"{primary}" <sip:{primary}@{self._identity.address}>'
        request = sip.SipRequest(
            "REFER",
            f"sip:{host}",
            [
                ("From", f"{own};tag={self._names.tag()}"),
                ("To", f"<sip:{host}>"),
                ("Call-ID", self._names.call_id()),
                ("Session-ID", format_session_id(self._names.session())),
                ("Date", date_now()),
                ("CSeq", "1000 REFER"),
                ("User-Agent", self._identity.model.user_agent),
                ("Expires", "10"),
                ("Max-Forwards", "70"),
                ("Contact", f"<{self.contact_uri}>"),
                ("Require", "norefersub"),
                ("Referred-By", own),
                ("Refer-To", f"cid:{content_id}"),
                ("Content-Id", f"<{content_id}>"),
                ("Content-Disposition", "session;handling=required"),
                ("Content-Type", remotecc.ALARM_TYPE),
            ],
            remotecc.build_alarm(alarm, values),
        )
        await ask(self._endpoint, request, self.flow)

    async def register(self, last: str) -> None:
        """Register all lines.

        Args:
            last: Why the phone registers, a key of `LAST_ALARMS`.

        Raises:
            RegistrationRefused: The node said no.
            TransportError: The node said nothing.
        """
        load = self._identity.model.load
        reason = remotecc.AlarmReason(LAST_ALARMS[last], self._identity.name, load, load, last)
        content_type, body = remotecc.build_register_body()
        headers = (("Content-Type", content_type), ("Mime-Version", "1.0"))
        expires_s = REQUESTED_EXPIRES_S
        for _ in range(MAX_OVERLOADED_TRIES):
            request = self._build(expires_s, reason.format(), headers, body)
            response = await self._ask_authorized(request)
            if response.status < 300:
                self._granted(response)
                return
            if response.status == 503 and (pause_s := self._retry_after(response)) is not None:
                await asyncio.sleep(pause_s)
            elif response.status == 423 and (response.get("Min-Expires") or "").isdecimal():
                expires_s, self.call_id = int(response.get("Min-Expires") or ""), self._names.call_id()
            else:
                break
        raise RegistrationRefused(response.status, response.reason, self._retry_after(response))

    async def unregister(self) -> None:
        """Take the registration back; silence of the node is no error, its timer will end it."""
        self.stop()
        self.call_id = self._names.call_id()
        with contextlib.suppress(TransportError):
            await self._ask_authorized(self._build(0), timeout_s=self._timing.unregister_s)

    def stop(self) -> None:
        """Refresh no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def take_challenge(self, response: sip.SipResponse) -> bool:
        """Note the challenge of a 401, so that `add_credentials` can answer it.

        Returns:
            False when there is none, or the line has no credentials: asking again is of no use.
        """
        if response.status != 401 or not self.lines[0].auth_name:
            return False
        try:
            self._challenge = sip_digest.parse_challenge(response.get("WWW-Authenticate") or "")
        except SipInvalid:
            return False
        self._nonce_uses = 0
        return True

    def add_credentials(self, request: sip.SipRequest) -> None:
        """Write credentials into a request of the phone, once the node has challenged it."""
        if self._challenge is None:
            return
        self._nonce_uses += 1
        line = self.lines[0]
        credentials = sip_digest.authorization(
            self._challenge,
            username=line.auth_name,
            password=line.auth_password,
            method=request.method,
            uri=request.uri,
            cnonce=f"{self._names.rng.getrandbits(32):08x}",
            count=self._nonce_uses,
        )
        request.set("Authorization", str(credentials))

    def _granted(self, response: sip.SipResponse) -> None:
        self.granted_s = float(response.expires or REQUESTED_EXPIRES_S)
        delay_s = max(self.granted_s - self._timing.refresh_delta_s, self.granted_s / 2)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._refresh)

    def refresh(self) -> None:
        """Send the bare REGISTER that keeps the registration now, not only when it is due."""
        self.stop()
        self._refresh()

    def _refresh(self, *, is_retry: bool = False) -> None:
        """Send the bare REGISTER that keeps the registration."""
        self._timer = None
        request = self._build(REQUESTED_EXPIRES_S)
        self.add_credentials(request)
        self._endpoint.send_request(
            request,
            self.node,
            self.flow.transport,
            on_response=self._refreshed_again if is_retry else self._refreshed,
            on_failure=lambda reason: self._on_lost(RegistrationLost("keepalive-timeout", reason)),
            flow=self.flow,
        )

    def _refreshed(self, response: sip.SipResponse, flow: Flow) -> None:
        if self.take_challenge(response):
            self._refresh(is_retry=True)
        else:
            self._refreshed_again(response, flow)

    def _refreshed_again(self, response: sip.SipResponse, _: Flow) -> None:
        """The outcome of a refresh; a node that takes it for a new registration has forgotten all the lines."""
        if response.status < 200:
            return
        if response.status >= 300:
            self._on_lost(RegistrationRefused(response.status, response.reason, self._retry_after(response)))
        elif NEW_REGISTRATION in (response.get("Contact") or ""):
            self._on_lost(RegistrationLost("cm-aborted-tcp", "the node does not know the phone any more"))
        else:
            self.refreshes += 1
            self._granted(response)

    def _retry_after(self, response: sip.SipResponse) -> float | None:
        """Seconds that the node asks to wait, within the phone's bound."""
        text = (response.get("Retry-After") or "").partition(";")[0].partition("(")[0].strip()
        is_number = text.isascii() and text.isdigit() and len(text) < 10
        return min(float(text), self._timing.max_retry_after_s) if is_number else None

    async def _ask_authorized(self, request: sip.SipRequest, timeout_s: float | None = None) -> sip.SipResponse:
        """Ask, and once more with credentials when the node wants them (or newer ones)."""
        again = request.copy()
        self.add_credentials(request)
        response = await ask(self._endpoint, request, self.flow, timeout_s)
        if self.take_challenge(response):
            self._cseq += 1
            again.set("CSeq", f"{self._cseq} REGISTER")
            self.add_credentials(again)
            response = await ask(self._endpoint, again, self.flow, timeout_s)
        return response

    def _build(
        self,
        expires_s: int,
        reason: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> sip.SipRequest:
        """A REGISTER of the primary line."""
        self._cseq += 1
        host, identity = self.node[0], self._identity
        address = f"<sip:{self.lines[0].name}@{host}>"
        contact = (
            f'<{self.contact_uri}>;+sip.instance="{sip_instance(identity.mac)}"'
            f';+u.sip!devicename.ccm.cisco.com="{identity.name}";+u.sip!model.ccm.cisco.com="{identity.model.number}"'
        )
        lines = [
            ("From", f"{address};tag={self._tag}"),
            ("To", address),
            ("Call-ID", self.call_id),
            ("Max-Forwards", "70"),
            ("Session-ID", format_session_id(self._session)),
            ("Date", date_now()),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("User-Agent", identity.model.user_agent),
            ("Contact", contact),
            ("Supported", SUPPORTED),
            *([("Reason", reason)] if reason else []),
            ("Expires", str(expires_s)),
            *headers,
        ]
        return sip.SipRequest("REGISTER", f"sip:{host}", lines, body)
