"""A phone calls and is called, against a call manager that the test plays by hand."""

from __future__ import annotations

from typing import Any

import pytest

from emcc_emu.errors import TransportError
from emcc_emu.wire import sip
from emcc_emu.wire.device_config import LineConfig
from emcc_emu.wire.sdp import parse_sdp
from phones.call import Call, CallState
from phones.phone import Phone

Node = Any  # tests/phones/conftest.py

REMOTE = "5c1e77a000105000a00002aa000000ff"


def description(*lines: str, codec: str = "18") -> bytes:
    given = lines or ("a=sendrecv",)
    text = ["v=0", "o=x 1 1 IN IP4 192.0.2.9", "s=-", "c=IN IP4 192.0.2.9", "t=0 0", f"m=audio 4000 RTP/AVP {codec}"]
    return ("\r\n".join([*text, *given]) + "\r\n").encode()


class Leg:
    """The call manager's side of one call."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.cseq = 100
        self.call_id = "call-1@192.0.2.10"
        self.from_ = "<sip:3333@192.0.2.10>;tag=77"
        self.to = f"<{node.contact_uri}>"
        self.transaction: Any = None

    async def ask(self, method: str, body: bytes = b"", *headers: tuple[str, str], number: int = 0) -> sip.SipResponse:
        """Send a request in this call and wait for its final response (an INVITE's: the next one)."""
        self.cseq += 1
        lines = [
            ("From", self.from_),
            ("To", self.to),
            ("Call-ID", self.call_id),
            ("Contact", f"<sip:{self.node.address}:5060;transport=tcp>"),
            ("Session-ID", f"{REMOTE};remote={'0' * 32}"),
            *headers,
        ]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        responses: list[sip.SipResponse] = self.node.responses
        seen = len(responses)
        self.transaction = self.node.send(method, lines, body, cseq=number or self.cseq)
        await self.node.until(lambda: len(responses) > seen)
        return responses[-1]

    async def ring(self, body: bytes = b"") -> sip.SipResponse:
        ringing = await self.ask("INVITE", body)
        self.to = ringing.get("To") or ""
        return ringing

    async def final(self) -> sip.SipResponse:
        """The final response of the INVITE."""
        await self.node.until(lambda: any(r.status >= 200 and r.cseq.method == "INVITE" for r in self.node.responses))
        responses: list[sip.SipResponse] = self.node.responses
        return next(r for r in responses if r.status >= 200 and r.cseq.method == "INVITE")

    def acknowledge(self, number: int, body: bytes = b"") -> None:
        lines = [
            ("From", self.from_),
            ("To", self.to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} ACK"),
            ("Max-Forwards", "70"),
        ]
        ack = sip.SipRequest("ACK", self.node.contact_uri, lines, body)
        if body:
            ack.set("Content-Type", "application/sdp")
        self.node.endpoint.send_ack(ack, self.node.flow)


@pytest.fixture
async def registered(phone: Phone) -> Phone:
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    return phone


async def invited(node: Node) -> tuple[Any, sip.SipRequest]:
    await node.until(lambda: node.count("INVITE") > 0)
    place = max(i for i, request in enumerate(node.requests) if request.method == "INVITE")
    return node.transactions[place], node.requests[place]


async def entered(phone: Phone, call: Call, state: CallState) -> None:
    await phone.wait_until(lambda: call.state is state, 5)


def ok(node: Node, transaction: Any, request: sip.SipRequest, body: bytes = b"") -> None:
    node.respond(transaction, request, 200, [("Contact", f"<sip:{node.address}:5060;transport=tcp>")], body)


# Calling.


async def test_dials_as_a_cisco_phone_does(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    _, invite = await invited(visiting)
    assert invite.uri == f"sip:3333@{visiting.address};user=phone"
    assert invite.cseq == (101, "INVITE")
    assert (invite.get("From") or "").startswith(f'"2001" <sip:2001@{visiting.address}>;tag=02aa00000001')
    assert invite.get("Allow-Events") == "kpml,dialog"
    assert (invite.get("Remote-Party-ID") or "").startswith('"2001" <sip:2001@')
    offer = parse_sdp(invite.body)
    assert offer.media[0].formats == ["9", "0", "8", "18", "101"]
    assert 16384 <= offer.media[0].port < 32766
    assert call.state is CallState.CALLING and registered.calls.all == [call]


async def test_rings_connects_and_hangs_up(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 180, [("Contact", "<sip:x@127.0.0.1>"), ("Session-ID", f"{REMOTE};remote=0")])
    await entered(registered, call, CallState.PROCEEDING)
    ok(visiting, transaction, invite, description())
    await entered(registered, call, CallState.CONNECTED)
    await visiting.until(lambda: visiting.count("ACK") == 1)
    assert call.codec == "G729" and call.remote_media == ("192.0.2.9", 4000)
    assert call.describe() == "connected to 3333 (G729)"
    await registered.calls.hang_up(call)
    bye = visiting.requests[-1]
    assert bye.method == "BYE" and bye.cseq.number == 102
    assert call.state is CallState.ENDED and registered.calls.all == []


async def test_learns_the_far_ends_session_id(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(
        transaction,
        invite,
        200,
        [("Contact", "<sip:x@127.0.0.1>"), ("Session-ID", f"{REMOTE};remote={call.session}")],
        description(),
    )
    await entered(registered, call, CallState.CONNECTED)
    await registered.calls.hang_up(call)
    assert visiting.requests[-1].get("Session-ID") == f"{call.session};remote={REMOTE}"


async def test_an_unreadable_answer_is_acknowledged_and_ended(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 183, [("Contact", "<<>")], b"nonsense")
    await entered(registered, call, CallState.PROCEEDING)
    ok(visiting, transaction, invite, b"nonsense")
    await visiting.until(lambda: visiting.count("ACK") == 1 and visiting.count("BYE") == 1)
    assert call.state is CallState.ENDED and "Session description" in call.end_reason


async def test_an_answer_that_makes_no_dialog_is_no_answer(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 200, [("Contact", "<<>")], description())
    await entered(registered, call, CallState.ENDED)
    assert registered.calls.all == []


async def test_a_refusal_says_why(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 486)
    await entered(registered, call, CallState.ENDED)
    assert call.end_reason == "486 Busy Here"
    assert call.describe() == "ended to 3333 (486 Busy Here)"


async def test_hanging_up_before_the_answer_cancels(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 180)
    await entered(registered, call, CallState.PROCEEDING)
    await registered.calls.hang_up(call)
    assert visiting.count("CANCEL") == 1
    assert call.end_reason == "487 Request Terminated"


async def test_an_answer_that_crosses_the_cancel_is_acknowledged_and_ended(registered: Phone, visiting: Node) -> None:
    call = await registered.dial("3333")
    transaction, invite = await invited(visiting)
    call.is_cancelled = True
    ok(visiting, transaction, invite, description())
    await visiting.until(lambda: visiting.count("BYE") == 1)
    assert visiting.count("ACK") == 1
    await entered(registered, call, CallState.ENDED)


async def test_sends_the_invite_again_with_credentials(phone: Phone, visiting: Node) -> None:
    line = LineConfig(button=1, line_index=1, name="2001", contact="c", auth_name="u", auth_password="p")
    visiting.serve_phone(lines=(line,))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    call = await phone.dial("3333")
    transaction, invite = await invited(visiting)
    visiting.respond(transaction, invite, 401, [("WWW-Authenticate", 'Digest realm="ccmsipline", nonce="n1"')])
    await visiting.until(lambda: visiting.count("INVITE") == 2)
    transaction, again = await invited(visiting)
    assert again.cseq.number == 102 and 'username="u"' in (again.get("Authorization") or "")
    visiting.respond(transaction, again, 401, [("WWW-Authenticate", 'Digest realm="ccmsipline", nonce="n2"')])
    await entered(phone, call, CallState.ENDED)
    assert call.end_reason == "401 Unauthorized"


async def test_a_phone_that_is_not_registered_cannot_call(phone: Phone, visiting: Node) -> None:
    with pytest.raises(TransportError, match="not registered"):
        await phone.dial("3333")


# Being called.


async def test_is_called_without_an_offer_and_makes_it_in_the_answer(registered: Phone, visiting: Node) -> None:
    leg = Leg(visiting)
    ringing = await leg.ring()
    assert ringing.status == 180
    call = registered.calls.ringing
    assert call is not None and call.number == "3333" and call.is_incoming
    registered.calls.answer(call)
    answered = await leg.final()
    assert answered.status == 200
    assert parse_sdp(answered.body).media[0].formats == ["9", "0", "8", "18", "101"]
    leg.acknowledge(101, description())
    await registered.wait_until(lambda: call.codec == "G729", 5)
    assert (await leg.ask("BYE")).status == 200
    assert call.end_reason == "ended by the other side"


async def test_an_acknowledgement_without_a_readable_answer_ends_the_call(registered: Phone, visiting: Node) -> None:
    leg = Leg(visiting)
    await leg.ring()
    call = registered.calls.ringing
    assert call is not None
    registered.calls.answer(call)
    await leg.final()
    leg.acknowledge(101, b"nonsense")
    await visiting.until(lambda: visiting.count("BYE") == 1)
    assert call.state is CallState.ENDED


async def test_answers_by_itself_when_told_to(registered: Phone, visiting: Node) -> None:
    registered.calls.is_auto_answer = True
    leg = Leg(visiting)
    await leg.ask("INVITE", description(codec="0"))
    answered = await leg.final()
    assert parse_sdp(answered.body).media[0].formats == ["0"]
    assert (answered.get("Session-ID") or "").endswith(f"remote={REMOTE}")
    assert registered.calls.all[0].codec == "PCMU"


async def test_answers_by_itself_when_its_line_says_so(phone: Phone, visiting: Node) -> None:
    line = LineConfig(button=1, line_index=1, name="2001", contact="c", is_auto_answer=True)
    visiting.serve_phone(lines=(line,))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    leg = Leg(visiting)
    await leg.ask("INVITE", description())
    assert (await leg.final()).status == 200


async def test_rejects_a_call(registered: Phone, visiting: Node) -> None:
    leg = Leg(visiting)
    await leg.ring()
    call = registered.calls.ringing
    assert call is not None
    await registered.calls.hang_up(call)
    assert (await leg.final()).status == 486
    assert call.end_reason == "rejected 486"


async def test_refuses_an_offer_of_which_it_can_use_nothing(registered: Phone, visiting: Node) -> None:
    registered.calls.is_auto_answer = True
    leg = Leg(visiting)
    await leg.ask("INVITE", description(codec="3"))
    refused = await leg.final()
    assert refused.status == 488 and refused.get("Warning")
    assert registered.calls.all == []


async def test_is_busy_when_it_has_as_many_calls_as_its_line_allows(phone: Phone, visiting: Node) -> None:
    visiting.serve_phone(lines=(LineConfig(button=1, line_index=1, name="2001", contact="c", max_calls=1),))
    phone.power_on()
    await phone.wait_registered(timeout_s=5)
    await Leg(visiting).ring()
    second = Leg(visiting)
    second.call_id = "call-2@192.0.2.10"
    assert (await second.ask("INVITE")).status == 486


async def test_stops_ringing_when_the_caller_gives_up(registered: Phone, visiting: Node) -> None:
    leg = Leg(visiting)
    await leg.ring()
    call = registered.calls.ringing
    assert call is not None
    visiting.endpoint.cancel(leg.transaction)
    assert (await leg.final()).status == 487
    assert call.end_reason == "cancelled"


# In a call.


@pytest.fixture
async def leg(registered: Phone, visiting: Node) -> Leg:
    """A call to the phone that it has answered."""
    registered.calls.is_auto_answer = True
    leg = Leg(visiting)
    await leg.ask("INVITE", description())
    answered = await leg.final()
    leg.to = answered.get("To") or ""
    leg.acknowledge(101)
    return leg


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
async def test_is_put_on_hold_and_taken_back(registered: Phone, leg: Leg, direction: str) -> None:
    call = registered.calls.all[0]
    held = await leg.ask("INVITE", description(f"a={direction}"))
    assert parse_sdp(held.body).media[0].direction == {"sendonly": "recvonly"}.get(direction, direction)
    leg.acknowledge(leg.cseq)
    assert call.is_on_hold and call.describe().endswith("on hold")
    assert parse_sdp(held.body).origin.version == 1
    taken = await leg.ask("INVITE", description())
    leg.acknowledge(leg.cseq)
    assert taken.status == 200 and not call.is_on_hold


async def test_offers_all_it_can_when_a_reinvite_has_no_offer(registered: Phone, leg: Leg) -> None:
    answered = await leg.ask("INVITE")
    assert parse_sdp(answered.body).media[0].formats == ["9", "0", "8", "18", "101"]
    leg.acknowledge(leg.cseq, description("a=sendonly", codec="0"))
    call = registered.calls.all[0]
    await registered.wait_until(lambda: call.codec == "PCMU", 5)
    assert call.is_on_hold


async def test_an_update_without_a_description_changes_nothing(registered: Phone, leg: Leg) -> None:
    assert (await leg.ask("UPDATE")).body == b""
    assert registered.calls.all[0].codec == "G729"


async def test_offers_that_cross_are_refused(registered: Phone, leg: Leg) -> None:
    await leg.ask("INVITE")  # the phone's offer now waits for the ACK
    assert (await leg.ask("UPDATE", description())).status == 491


async def test_an_offer_of_no_use_leaves_the_session_as_it_was(registered: Phone, leg: Leg) -> None:
    assert (await leg.ask("INVITE", description(codec="3"))).status == 488
    assert registered.calls.all[0].codec == "G729"
    assert (await leg.ask("INVITE", description())).status == 200


async def test_a_request_out_of_order_is_refused(registered: Phone, leg: Leg) -> None:
    assert (await leg.ask("INFO", number=50)).status == 500


async def test_a_request_of_a_call_that_is_over_is_refused(registered: Phone, leg: Leg) -> None:
    assert (await leg.ask("BYE")).status == 200
    assert (await leg.ask("INFO")).status == 481


async def test_a_restart_waits_until_the_call_is_over(registered: Phone, visiting: Node, leg: Leg) -> None:
    visiting.order("restart")
    await visiting.until(lambda: visiting.responses[-1].cseq.method == "NOTIFY")
    assert visiting.responses[-1].status == 200
    assert visiting.count("REGISTER 0") == 0
    await leg.ask("BYE")
    await registered.wait_registered(after=1, timeout_s=5)
    assert visiting.count("REGISTER 0") == 1


async def test_calls_end_with_their_node(registered: Phone, visiting: Node, leg: Leg) -> None:
    call = registered.calls.all[0]
    visiting.endpoint.close_connection(visiting.flow)
    await entered(registered, call, CallState.ENDED)
    assert call.end_reason == "the node closed the connection"
    await registered.wait_registered(after=1, timeout_s=5)
