"""The visiting side of EMCC: logs a user of another cluster in on one of our phones, and out again.

Order for a login: device (11), Extension Mobility enabled (22), the model's EMCC feature (32), somebody on (18), remote
clusters configured (36), search for the home cluster, release of the home cluster (45), profile (12), homeLogin there,
our own record. 201, 211 and 213 were decided by EMApp before.
"""

from __future__ import annotations

import structlog

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.cluster.peers import ClusterPeers, PeerSilent
from emcc_emu.cluster.reconcile import Reconciler
from emcc_emu.cluster.records import EMCC, Intent, RemoteLogin
from emcc_emu.errors import EmError
from emcc_emu.lab.model import PHONE_MODELS, Node, PhoneConfig
from emcc_emu.rules.login_policy import KNOWN_ELSEWHERE, VisitingLoginFacts, visiting_login_refusal
from emcc_emu.rules.login_types import understood_login_type
from emcc_emu.rules.security_modes import version_refusal
from emcc_emu.rules.versions import parse_version
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.emcc_documents import (
    CheckUser,
    DeviceInfo,
    EmccLogin,
    EmccResponse,
    FoundUser,
    HomeLogin,
    HomeLoginAnswer,
    HomeLogout,
    LogoutReason,
    VisitingLogout,
)

__all__ = ["VisitingService"]

log = structlog.get_logger()

CODE_UNKNOWN = 0
CODE_PARSING = 1
CODE_PROFILE_NOT_FOUND = 12
CODE_ANOTHER_USER = 18
CODE_NO_USER = 19
CODE_USER_UNKNOWN = 23
CODE_NO_RESPONSE = 40
CODE_INVALID_CLUSTER_ID = 42
CODE_NO_CONNECTION = 208

LEAVES_DOUBT = frozenset({CODE_UNKNOWN, CODE_ANOTHER_USER})
"""Refusals of homeLogin after which home may yet have a session: it failed half-way, or is busy with an older login."""

SECURITY_MODES = {"non_secure": 1, "authenticated": 2, "encrypted": 3}


class VisitingService:
    """Serves users of other clusters on the phones of this one.

    Args:
        context: The cluster.
        desk: Begins and ends sessions.
        peers: Asks other clusters.
        reconciler: Finishes or undoes what was interrupted.
    """

    def __init__(self, context: ServiceContext, desk: LoginDesk, peers: ClusterPeers, reconciler: Reconciler) -> None:
        self._context = context
        self._state = context.state
        self._desk = desk
        self._peers = peers
        self._reconciler = reconciler

    # ------------------------------------------------------------------ login

    async def log_in(self, request: EmccLogin, node: Node) -> EmccResponse:
        """Log a user of another cluster in on a phone of ours.

        Returns:
            Success; or what home said about the user when a profile has to be chosen first; or home's refusal.

        Raises:
            EmError: As listed at the top.
        """
        device_name = request.device_name.upper()
        phone = self._require_usable_phone(device_name)
        if self._reconciler.is_asking(device_name):
            raise EmError(CODE_ANOTHER_USER)
        with self._state.transition(device_name, CODE_ANOTHER_USER):
            found = await self._find_home(request, node)
            if isinstance(found, Failure):
                return found
            cluster_id, url, user = found
            home = self._state.remote_cluster(cluster_id)
            is_secure = phone.device_security_mode != "non_secure"
            if home is not None and (code := version_refusal(parse_version(home.version), is_phone_secure=is_secure)):
                raise EmError(code)
            if request.device_profile is None and len(user.profiles) > 1:
                return user
            if not user.profiles or (request.device_profile or user.profiles[0]) not in user.profiles:
                raise EmError(CODE_PROFILE_NOT_FOUND)
            return await self._log_in_at_home(request, node, phone, cluster_id, url, user)

    def _require_usable_phone(self, device_name: str) -> PhoneConfig:
        phone = self._state.directory.phone(device_name)
        refusal = visiting_login_refusal(
            VisitingLoginFacts(
                device_exists=phone is not None,
                is_extension_mobility_enabled=phone is not None and phone.enable_extension_mobility,
                supports_emcc=phone is not None and PHONE_MODELS[phone.model].supports_emcc,
                is_device_in_use=self._state.is_in_use(device_name),
                has_remote_clusters=bool(self._context.config.remote_clusters),
                unreadable=self._context.faults.unreadable(),
            )
        )
        if refusal is not None or phone is None:
            raise EmError(refusal or CODE_UNKNOWN)
        return phone

    async def _find_home(self, request: EmccLogin, node: Node) -> tuple[str, str, FoundUser] | Failure:
        """Ask one usable remote cluster after another, by cluster ID, until one knows the user.

        Raises:
            EmError: Nobody does: 1 if one could not read the request, else 208 if one could not be reached or is not
                trusted, else 40 if one did not answer, else 42 if one is known under a wrong Cluster ID, else 23.
        """
        worst = CODE_USER_UNKNOWN
        rank = (CODE_USER_UNKNOWN, CODE_INVALID_CLUSTER_ID, CODE_NO_RESPONSE, CODE_NO_CONNECTION, CODE_PARSING)
        version = parse_version(self._context.config.version)
        for cluster_id in sorted(self._state.remote_clusters):
            status = self._state.remote_clusters[cluster_id]
            if not status.is_usable(EMCC):
                if status.error_code in (CODE_INVALID_CLUSTER_ID, CODE_NO_CONNECTION):
                    worst = max(worst, status.error_code, key=rank.index)
                continue
            question = CheckUser(
                info=self._peers.info(),
                user_id=request.user_id,
                credential=request.credential,
                login_type=understood_login_type(version, request.login_type or "") or None,
                device_name=request.device_name,
            )
            try:
                answer, url = await self._peers.ask_any(node, self._peers.urls(cluster_id), question)
            except PeerSilent as error:
                log.warning("emcc_check_user_unanswered", home_cluster=cluster_id, kind=error.kind, reason=str(error))
                code = CODE_NO_CONNECTION if error.was_never_asked else CODE_NO_RESPONSE
                worst = max(worst, code, key=rank.index)
                continue
            if isinstance(answer, FoundUser):
                return cluster_id, url, answer
            if isinstance(answer, Failure):
                if answer.code in KNOWN_ELSEWHERE:
                    return answer
                worst = max(worst, CODE_PARSING if answer.code == CODE_PARSING else CODE_NO_RESPONSE, key=rank.index)
        raise EmError(worst)

    async def _log_in_at_home(
        self, request: EmccLogin, node: Node, phone: PhoneConfig, cluster_id: str, url: str, user: FoundUser
    ) -> EmccResponse:
        intent = self._state.new_intent("homeLogin", phone.name, user.user_id, cluster_id, url=url)
        await self._state.add_intent(intent)
        question = HomeLogin(
            info=self._peers.info(),
            user_id=user.user_id,
            credential=request.credential,
            login_type=None,
            device_profile=request.device_profile or user.profiles[0],
            device=self._device_info(phone, request.remote_ip),
            em_uri=request.em_uri,
        )
        try:
            answer = await self._peers.ask(node, url, question)
        except PeerSilent as error:
            log.warning("emcc_home_login_unanswered", home_cluster=cluster_id, kind=error.kind, reason=str(error))
            await self._give_up(intent, error)
            raise EmError(CODE_NO_CONNECTION) from error
        if not isinstance(answer, HomeLoginAnswer):
            refusal = answer if isinstance(answer, Failure) else Failure(CODE_UNKNOWN)
            if refusal.code in LEAVES_DOUBT:
                self._reconciler.start_soon(intent)
            else:
                await self._state.remove_intent(intent)
            return refusal
        row = RemoteLogin(
            device_name=phone.name.upper(),
            user_id=answer.user_id,
            login_time_s=float(answer.login_time_epoch_s),
            home_cluster_id=answer.cluster_id,
            home_url=url,
            emcc_device=answer.emcc_device,
            tftp_servers=tuple(filter(None, (answer.tftp_server_1, answer.tftp_server_2))),
        )
        try:
            await self._desk.open_visiting_session(row, intent)
        except EmError:
            self._reconciler.start_soon(intent)
            raise
        return Success()

    async def _give_up(self, intent: Intent, error: PeerSilent) -> None:
        """Forget an intent that never left; leave one of unknown outcome to the reconciler."""
        if error.was_never_asked:
            await self._state.remove_intent(intent)
        else:
            self._reconciler.start_soon(intent)

    def _device_info(self, phone: PhoneConfig, ip_address: str) -> DeviceInfo:
        model = PHONE_MODELS[phone.model]
        geolocation = self._context.config.geolocation_of(phone)
        pool = self._context.config.device_pools_by_name[phone.device_pool]
        return DeviceInfo(
            device_name=phone.name,
            product=model.product,
            model=model.model,
            protocol=11,
            device_security_mode=SECURITY_MODES[phone.device_security_mode],
            ip_address=ip_address,
            user_locale=phone.user_locale or pool.user_locale,
            geolocation=None if geolocation is None else {str(k): v for k, v in geolocation.elements().items()},
        )

    # ------------------------------------------------------------------ logout

    async def log_out(self, session: RemoteLogin, reason: LogoutReason, node: Node) -> None:
        """Log the user of another cluster out: home ends the session and resets the phone, then our record goes.

        Raises:
            EmError: 208, home cannot be reached, and the records stay as they are; 19, a logout is under way; 6.
        """
        device_name = session.device_name
        with self._state.transition(device_name, CODE_NO_USER), self._state.leaving(device_name):
            intent = self._state.new_intent(
                "homeLogout",
                device_name,
                session.user_id or "",
                session.home_cluster_id,
                url=session.home_url,
                reason=reason,
                session_stamp_s=session.stamp_s,
            )
            await self._state.add_intent(intent)
            question = HomeLogout(
                info=self._peers.info(), device_name=device_name, user_id=session.user_id or "", reason=reason
            )
            try:
                answer = await self._peers.ask(node, session.home_url, question)
            except PeerSilent as error:
                log.warning("emcc_home_logout_unanswered", home_cluster=session.home_cluster_id, kind=error.kind)
                await self._give_up(intent, error)
                raise EmError(CODE_NO_CONNECTION) from error
            if isinstance(answer, Failure) and answer.code != CODE_NO_USER:
                await self._state.remove_intent(intent)
                raise EmError(answer.code, answer.text)
            await self._desk.close_visiting_session(device_name, reason, intent)

    async def end_by_home(self, request: VisitingLogout) -> EmccResponse:
        """Clear our record because home has ended the session.

        Raises:
            EmError: 19, there is no such session; 18, its login is still being written here, and home has to tell us
                again; 6.
        """
        device_name = request.device_name.upper()
        session = self._state.visiting_session(device_name)
        if session is None and self._state.is_in_transition(device_name):
            raise EmError(CODE_ANOTHER_USER)
        asked = (request.info.cluster_id, request.user_id)
        if session is None or (session.home_cluster_id, session.user_id) != asked:
            raise EmError(CODE_NO_USER)
        await self._desk.close_visiting_session(device_name, request.reason)
        return Success()

    async def clear_by_administrator(self, device_name: str) -> None:
        """The Log Out button of the visiting cluster: only our record goes; the phone stays registered at home.

        Raises:
            EmError: 19, there is no such session; 6.
        """
        await self._desk.close_visiting_session(device_name.upper(), "admin")
