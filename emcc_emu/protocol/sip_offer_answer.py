"""Offer/answer of one session: whose turn it is, and what was agreed. RFC 3264 with the rules of RFC 6337 and 3311.

The machine looks at no SDP; it keeps bodies and says when one is out of turn. An INVITE without a body (delayed offer)
needs nothing special: the offer then travels in the 2xx and the answer in the ACK.
"""

from __future__ import annotations

import enum
from typing import Final

from emcc_emu.errors import SipInvalid

__all__ = ["TURNS", "NegotiationState", "OfferAnswer", "Step"]


class NegotiationState(enum.Enum):
    """Where a session stands."""

    EMPTY = "empty"
    """No offer has been answered yet."""
    STABLE = "stable"
    """Both ends agree."""
    LOCAL_OFFER = "local offer"
    """Our offer waits for the peer's answer."""
    REMOTE_OFFER = "remote offer"
    """The peer's offer waits for our answer."""


class Step(enum.Enum):
    """What happens to a session."""

    SEND_OFFER = "send offer"
    RECEIVE_OFFER = "receive offer"
    SEND_ANSWER = "send answer"
    RECEIVE_ANSWER = "receive answer"


TURNS: Final = {
    (NegotiationState.EMPTY, Step.SEND_OFFER): NegotiationState.LOCAL_OFFER,
    (NegotiationState.EMPTY, Step.RECEIVE_OFFER): NegotiationState.REMOTE_OFFER,
    (NegotiationState.STABLE, Step.SEND_OFFER): NegotiationState.LOCAL_OFFER,
    (NegotiationState.STABLE, Step.RECEIVE_OFFER): NegotiationState.REMOTE_OFFER,
    (NegotiationState.LOCAL_OFFER, Step.RECEIVE_ANSWER): NegotiationState.STABLE,
    (NegotiationState.REMOTE_OFFER, Step.SEND_ANSWER): NegotiationState.STABLE,
}
"""Next state by state and step; any other step is out of turn."""


class OfferAnswer:
    """Negotiation of one dialog, from one end."""

    __slots__ = ("_local", "_pending", "_remote", "state")

    state: NegotiationState

    def __init__(self) -> None:
        self.state = NegotiationState.EMPTY
        self._local: bytes | None = None
        self._remote: bytes | None = None
        self._pending: bytes = b""

    @property
    def local(self) -> bytes | None:
        """Our agreed session description, None before the first agreement."""
        return self._local

    @property
    def remote(self) -> bytes | None:
        """The peer's agreed session description."""
        return self._remote

    @property
    def pending_offer(self) -> bytes | None:
        """The offer, of either side, that waits for its answer."""
        return self._pending if self.is_pending else None

    @property
    def is_pending(self) -> bool:
        """Whether an offer waits for its answer, so that no other may be made."""
        return self.state in (NegotiationState.LOCAL_OFFER, NegotiationState.REMOTE_OFFER)

    def sent(self, body: bytes) -> Step:
        """A description goes out: it is the answer when the peer's offer waits, else an offer. Says which.

        Raises:
            ValueError: Our own offer still waits; the caller is at fault, nothing may be sent.
        """
        if self.state is NegotiationState.LOCAL_OFFER:
            raise ValueError("an offer of ours still waits for its answer")
        return self._take(Step.SEND_ANSWER if self.is_pending else Step.SEND_OFFER, body)

    def received(self, body: bytes) -> Step:
        """A description came in a response, PRACK or ACK: it is the answer when our offer waits, else an offer.

        Raises:
            SipInvalid: Status 500 when the peer makes a second offer before the first is answered.
        """
        if self.state is NegotiationState.REMOTE_OFFER:
            raise SipInvalid("offer before the answer to the last one", status=500, headers=_RETRY)
        return self._take(Step.RECEIVE_ANSWER if self.is_pending else Step.RECEIVE_OFFER, body)

    def received_in_request(self, body: bytes) -> Step:
        """A description came in INVITE or UPDATE, where it can only be an offer.

        Raises:
            SipInvalid: Status 491 when our own offer waits (glare), 500 when the peer's does (RFC 3311 section 5.2).
        """
        if self.state is NegotiationState.LOCAL_OFFER:
            raise SipInvalid("offers crossed", status=491)
        return self.received(body)

    def withdraw(self) -> None:
        """The exchange failed (an error response, CANCEL): the session is as it was before the offer."""
        if self.is_pending:
            self.state = NegotiationState.EMPTY if self._local is None else NegotiationState.STABLE
            self._pending = b""

    def _take(self, step: Step, body: bytes) -> Step:
        self.state = TURNS[self.state, step]
        if step is Step.SEND_ANSWER:
            self._local, self._remote = body, self._pending
        elif step is Step.RECEIVE_ANSWER:
            self._local, self._remote = self._pending, body
        else:
            self._pending = body
        return step


_RETRY: Final = (("Retry-After", "5"),)
