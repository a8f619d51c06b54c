"""Brings two clusters to agree about a login or logout that was interrupted between them.

Before one cluster asks the other for something it commits an intent. After a crash, a lost answer or a cut link the
intent is still there, and is carried to the one end that both sides can reach:

- homeLogin of unknown outcome: the user was told that it failed, so home is asked to log out, again and again while it
  is still busy with that login;
- homeLogout of unknown outcome: home is asked again, and then our record goes;
- visitingLogout: the visiting cluster is told until it answers.

"No such session" (19) is as good as success. With the lab setting `reconcile` off nothing is repeated, as in the
product.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
from collections.abc import Iterator

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
        self._asking: collections.Counter[str] = collections.Counter()

    @property
    def retry_after_s(self) -> float:
        """Time between two rounds. Seconds."""
        return self._retry_after_s

    def start_soon(self, intent: Intent) -> None:
        """Try at once, in the background; what fails waits for the next round."""
        if self._context.config.reconcile:
            self._context.background.start(f"reconcile {intent.kind} {intent.device_name}", self._settle_soon(intent))

    async def run_once(self) -> int:
        """Try every intent that is left; returns how many remain. A cluster that is silent is asked once a round."""
        silent: set[str] = set()
        if self._context.config.reconcile:
            for intent in self._state.intents():
                if intent.cluster_id not in silent and not await self._settle_quietly(intent):
                    silent.add(intent.cluster_id)
        return len(self._state.intents())

    def is_asking(self, device_name: str) -> bool:
        """Whether another cluster is being asked about an older login of the phone at this moment.

        A new login has to wait, or the question could arrive after it and end it.
        """
        return self._asking[device_name] > 0

    async def tell_visiting(self, intent: Intent) -> None:
        """Tell the visiting cluster once that home has ended a session; a silent one is told again later."""
        await self._settle_quietly(intent)
        if not self._context.config.reconcile:
            await self._state.remove_intent(intent)

    async def _settle_soon(self, intent: Intent) -> None:
        await self._settle_quietly(intent)

    async def _settle_quietly(self, intent: Intent) -> bool:
        """Try one intent; False when the other cluster is silent."""
        is_heard = True
        async with self._under_way.setdefault(intent.id, asyncio.Lock()):  # two at once would ask twice
            if not self._state.is_open(intent) or self._state.is_in_transition(intent.device_name):
                return True
            try:
                with self._question_under_way(intent.device_name):
                    await self._settle(intent)
            except PeerSilent as error:
                log.warning("reconcile_unanswered", kind=intent.kind, device=intent.device_name, reason=str(error))
                is_heard = False
            except EmError as error:
                log.error("reconcile_failed", kind=intent.kind, device=intent.device_name, code=error.code)
        if not self._state.is_open(intent):
            self._under_way.pop(intent.id, None)
        return is_heard

    @contextlib.contextmanager
    def _question_under_way(self, device_name: str) -> Iterator[None]:
        self._asking[device_name] += 1
        try:
            yield
        finally:
            self._asking[device_name] -= 1
            if not self._asking[device_name]:
                del self._asking[device_name]

    async def _settle(self, intent: Intent) -> None:
        if self._is_overtaken(intent):
            await self._state.remove_intent(intent)
            return
        urls = [intent.url] if intent.url else self._peers.urls(intent.cluster_id)
        config = self._context.config
        node = (config.em_nodes or config.nodes)[0]
        answer, _ = await self._peers.ask_any(node, urls, self._question(intent))
        is_settled = isinstance(answer, Success) or (isinstance(answer, Failure) and answer.code == CODE_NO_USER)
        if not is_settled:
            log.error("reconcile_refused", kind=intent.kind, device=intent.device_name, answer=str(answer)[:200])
            return
        if intent.kind == "homeLogout" and self._is_session_of(intent):
            await self._state.close_visiting_session(intent.device_name, intent)
        else:
            await self._state.remove_intent(intent)
        log.info("reconciled", kind=intent.kind, device=intent.device_name, cluster=self._context.config.name)

    def _is_session_of(self, intent: Intent) -> bool:
        """Whether the session that a logout means is still in our books."""
        visiting = self._state.visiting_session(intent.device_name)
        return visiting is not None and visiting.stamp_s == intent.session_stamp_s

    def _is_overtaken(self, intent: Intent) -> bool:
        """Whether a later login of the phone between these clusters has made the intent meaningless, even harmful."""
        if intent.kind == "visitingLogout":
            session = self._state.home_session(intent.device_name)
            return session is not None and session.visiting_cluster_id == intent.cluster_id
        visiting = self._state.visiting_session(intent.device_name)
        if visiting is None or visiting.home_cluster_id != intent.cluster_id:
            return False
        return intent.kind == "homeLogin" or visiting.stamp_s != intent.session_stamp_s

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
