"""Brings two clusters to agree about a login or logout that was interrupted between them.

Before one cluster asks the other for something it commits an intent. After a crash, a lost answer or a cut link the
intent is still there, and is carried to the one end that both sides can reach:

- homeLogin of unknown outcome: the user was told that it failed, so home is asked to log out;
- homeLogout of unknown outcome: home is asked again, and then our record goes;
- visitingLogout: the visiting cluster is told until it answers.

"No such session" (19) is as good as success. With the lab setting `reconcile` off nothing is repeated, as in the
product.
"""

from __future__ import annotations

import asyncio

import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.peers import ClusterPeers, PeerSilent
from emcc_emu.cluster.records import Intent
from emcc_emu.errors import EmError
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.emcc_documents import EmccRequest, HomeLogout, LogoutReason, VisitingLogout

__all__ = ["Reconciler"]

log = structlog.get_logger()

CODE_NO_USER = 19

RETRY_AFTER_S = 15.0
"""Wire time between two rounds while intents are left. Seconds."""


class Reconciler:
    """Carries the intents of one cluster to their end.

    Args:
        context: The cluster.
        peers: Asks other clusters.
        retry_after_s: Time between two rounds.
    """

    def __init__(self, context: ServiceContext, peers: ClusterPeers, *, retry_after_s: float = RETRY_AFTER_S) -> None:
        self._context = context
        self._state = context.state
        self._peers = peers
        self._retry_after_s = retry_after_s
        self._under_way: dict[int, asyncio.Lock] = {}

    @property
    def retry_after_s(self) -> float:
        """Time between two rounds. Seconds."""
        return self._retry_after_s

    def start_soon(self, intent: Intent) -> None:
        """Try at once, in the background; what fails waits for the next round."""
        if self._context.config.reconcile:
            self._context.background.start(
                f"reconcile {intent.kind} {intent.device_name}", self._settle_quietly(intent)
            )

    async def run_once(self) -> int:
        """Try every intent that is left; returns how many remain."""
        if self._context.config.reconcile:
            for intent in self._state.intents():
                await self._settle_quietly(intent)
        return len(self._state.intents())

    async def tell_visiting(self, intent: Intent) -> None:
        """Tell the visiting cluster once that home has ended a session; a silent one is told again later."""
        await self._settle_quietly(intent)
        if not self._context.config.reconcile:
            await self._state.remove_intent(intent)

    async def _settle_quietly(self, intent: Intent) -> None:
        async with self._under_way.setdefault(intent.id, asyncio.Lock()):  # two at once would ask twice
            if not self._state.is_open(intent) or self._state.is_in_transition(intent.device_name):
                return
            try:
                await self._settle(intent)
            except PeerSilent as error:
                log.warning("reconcile_unanswered", kind=intent.kind, device=intent.device_name, reason=str(error))
            except EmError as error:
                log.error("reconcile_failed", kind=intent.kind, device=intent.device_name, code=error.code)
        if not self._state.is_open(intent):
            self._under_way.pop(intent.id, None)

    async def _settle(self, intent: Intent) -> None:
        if self._is_overtaken(intent):
            await self._state.remove_intent(intent)
            return
        urls = [intent.url] if intent.url else self._peers.urls(intent.cluster_id)
        answer, _ = await self._peers.ask_any(self._context.config.em_nodes[0], urls, self._question(intent))
        is_settled = isinstance(answer, Success) or (isinstance(answer, Failure) and answer.code == CODE_NO_USER)
        if not is_settled:
            log.error("reconcile_refused", kind=intent.kind, device=intent.device_name, answer=str(answer)[:200])
            return
        if intent.kind == "homeLogout" and self._state.visiting_session(intent.device_name) is not None:
            await self._state.close_visiting_session(intent.device_name, intent)
        else:
            await self._state.remove_intent(intent)
        log.info("reconciled", kind=intent.kind, device=intent.device_name, cluster=self._context.config.name)

    def _is_overtaken(self, intent: Intent) -> bool:
        """Whether a later login of the same phone has made the intent meaningless, even harmful."""
        visiting = self._state.visiting_session(intent.device_name)
        match intent.kind:
            case "homeLogin":
                return visiting is not None
            case "homeLogout":
                return visiting is not None and visiting.stamp_s != intent.session_stamp_s
            case _:
                return self._state.home_session(intent.device_name) is not None

    def _question(self, intent: Intent) -> EmccRequest:
        info = self._peers.info()
        if intent.kind == "visitingLogout":
            reason = _reason(intent.reason)
            return VisitingLogout(info=info, device_name=intent.device_name, user_id=intent.user_id, reason=reason)
        reason = "admin" if intent.kind == "homeLogin" else _reason(intent.reason)
        return HomeLogout(info=info, device_name=intent.device_name, user_id=intent.user_id, reason=reason)


def _reason(text: str) -> LogoutReason:
    match text:
        case "user" | "timer" | "multiLogin" | "maintenance" | "logoutAll":
            return text
        case _:
            return "admin"
