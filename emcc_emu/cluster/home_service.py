"""The home side of EMCC: answers the EMService of a visiting cluster about one of our users.

checkUser: user (else `doesNotExist`; several owners of an extension 47), PIN (2, 41), our entry for the asking cluster
(35), EMCC active here (38), the user's own flag (31), profiles (12). So every code from 2 on also says: known here.

homeLogin: security modes (46, 43), PIN (2), entry (35), 38, 31, duplicate device name (37), multiple logins (25), TFTP
parameters (39), free base device (33), database (6). Nothing is reset at home; the visiting cluster resets its phone.
"""

from __future__ import annotations

from typing import cast

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.cluster.multiple_logins import MultipleLoginRule
from emcc_emu.cluster.records import EmccSession
from emcc_emu.errors import EmError
from emcc_emu.lab.model import CivicElement, DeviceProfile, Node, User
from emcc_emu.rules.codes import message_of
from emcc_emu.rules.geolocation import roaming_device_pool
from emcc_emu.rules.login_policy import (
    CheckUserFacts,
    HomeLoginFacts,
    check_user_refusal,
    home_login_refusal,
    maximum_login_time_s,
)
from emcc_emu.rules.security_modes import security_refusal
from emcc_emu.rules.versions import Version, parse_version
from emcc_emu.wire.em_documents import Failure, Success
from emcc_emu.wire.emcc_documents import (
    CheckUser,
    EmccResponse,
    FoundUser,
    HomeLogin,
    HomeLoginAnswer,
    HomeLogout,
    UnknownUser,
)

__all__ = ["HomeService"]

CODE_UNKNOWN = 0
CODE_PARSING = 1
CODE_ANOTHER_USER = 18
CODE_NO_USER = 19
CODE_USER_UNKNOWN = 23
CODE_NO_BASE_DEVICE = 33
CODE_PIN_CHANGE = 41

DEVICE_NON_SECURE = 1

UNSET_CLUSTER_ID = "StandAloneCluster"
"""Cluster ID of a cluster to which nobody has given one; many have it, so EMCC cannot go by it (code 44)."""


class HomeService:
    """Answers visiting clusters for all nodes of one cluster.

    Args:
        context: The cluster.
        desk: Begins and ends sessions.
    """

    def __init__(self, context: ServiceContext, desk: LoginDesk) -> None:
        self._context = context
        self._state = context.state
        self._desk = desk

    async def check_user(self, request: CheckUser, node: Node) -> EmccResponse:
        """Say whether the user is ours, and which profiles he has.

        Raises:
            EmError: The user is ours but may not log in.
        """
        await self._context.spend("check_user")
        users = self._state.directory.users_as_typed(request.user_id, request.login_type)
        if not users:
            return UnknownUser(request.user_id)
        user = users[0]
        profiles = self._state.directory.profiles_of(user)
        refusal = check_user_refusal(
            CheckUserFacts(
                is_extension_ambiguous=len(users) > 1,
                is_directory_available=not self._context.faults.is_down("directory"),
                is_pin_correct=self._context.pins.accepts(user.user_id, request.credential),
                must_change_pin=self._state.must_change_pin(user.user_id),
                is_cluster_known=self._is_known(request.info.cluster_id),
                is_emcc_active=self._offers_emcc(request.info.cluster_id),
                is_emcc_enabled_for_user=user.enable_emcc,
                has_profiles=bool(profiles),
            )
        )
        if refusal == CODE_PIN_CHANGE:
            url = f"http://{node.address}:{node.ports.http}/changecredential/ChangeCredentialServlet"
            return Failure(CODE_PIN_CHANGE, message_of(CODE_PIN_CHANGE), f"{url}?device={request.device_name}")
        if refusal is not None:
            raise EmError(refusal)
        return FoundUser(user.user_id, tuple(profile.name for profile in profiles))

    async def log_in(self, request: HomeLogin, peer_ip: str) -> EmccResponse:
        """Log our user in on a phone of the asking cluster.

        Raises:
            EmError: As listed at the top.
        """
        user = self._state.directory.user_as_asked(request.user_id)
        if user is None:
            raise EmError(CODE_USER_UNKNOWN)
        device_name = request.device.device_name.upper()
        # The phone is held before the user, so that no logout overtakes a login that waits for another of that user.
        with self._state.transition(device_name, CODE_ANOTHER_USER):
            async with self._state.user_lock(user.user_id):
                rule = MultipleLoginRule(self._context, user, device_name, is_emcc=True)
                profile = self._profile(user, request.device_profile)
                refusal = home_login_refusal(self._facts(request, user, device_name, rule, profile))
                if refusal is not None or profile is None:
                    raise EmError(refusal or CODE_UNKNOWN)
                await self._context.spend("home_login")
                await rule.end_other_sessions(self._desk)
                session = await self._open(request, user, profile, peer_ip)
                self._context.pins.believe(user.user_id, request.credential)
        return self._granted(session)

    def _facts(
        self,
        request: HomeLogin,
        user: User,
        device_name: str,
        rule: MultipleLoginRule,
        profile: DeviceProfile | None,
    ) -> HomeLoginFacts:
        config, info = self._context.config, request.info
        return HomeLoginFacts(
            security_refusal=security_refusal(
                parse_version(config.version),
                config.security_mode,
                _version(info.cluster_version),
                "mixed" if info.security_mode else "non_secure",
                is_phone_secure=request.device.device_security_mode != DEVICE_NON_SECURE,
            ),
            is_base_device_security_right=config.base_devices.device_security_mode == "non_secure",
            is_pin_correct=self._context.pins.accepts(user.user_id, request.credential),
            is_cluster_known=self._is_known(info.cluster_id),
            is_emcc_active=self._offers_emcc(info.cluster_id),
            is_emcc_enabled_for_user=user.enable_emcc,
            has_profile=profile is not None,
            is_device_name_taken=self._is_name_taken(device_name, info.cluster_id),
            multiple_login=rule.outcome,
            has_tftp_server=bool(self._tftp_addresses()),
            has_free_base_device=self._has_room(device_name, rule),
            is_directory_available=not self._context.faults.is_down("directory"),
            is_own_cluster_id_usable=config.cluster_id != UNSET_CLUSTER_ID,
            unreadable=self._context.faults.unreadable(),
        )

    def _has_room(self, device_name: str, rule: MultipleLoginRule) -> bool:
        """Whether a base device is free, or becomes free because this login ends another session."""
        frees_one = self._state.home_session(device_name) is not None or rule.outcome == "log_out_other"
        return self._state.base_devices.has_free or frees_one

    async def log_out(self, request: HomeLogout) -> EmccResponse:
        """End a session because the visiting cluster says so.

        Raises:
            EmError: 19, the asking cluster has no session of that user and phone here; 18, a login of the phone is
                still being written, and would outlive this logout; 6.
        """
        device_name = request.device_name.upper()
        if self._state.is_in_transition(device_name):
            raise EmError(CODE_ANOTHER_USER)
        session = self._state.home_session(device_name)
        asked = (request.info.cluster_id, request.user_id)
        if session is None or (session.visiting_cluster_id, session.user_id) != asked:
            raise EmError(CODE_NO_USER)
        await self._context.spend("logout")
        await self._desk.close_home_session(device_name, request.reason, is_asked_by_visiting=True)
        return Success()

    def _offers_emcc(self, cluster_id: str) -> bool:
        """Whether EMCC is active here, and enabled for that cluster."""
        entry = self._context.config.remote_clusters_by_id.get(cluster_id)
        is_enabled = entry is None or entry.emcc
        return self._context.config.intercluster_service_profile.emcc_active and is_enabled

    def _is_known(self, cluster_id: str) -> bool:
        return cluster_id in self._context.config.remote_clusters_by_id

    def _profile(self, user: User, name: str) -> DeviceProfile | None:
        profiles = self._state.directory.profiles_of(user)
        return next((profile for profile in profiles if profile.name == name), None)

    def _is_name_taken(self, device_name: str, visiting_cluster_id: str) -> bool:
        """Whether a phone of ours, or a session from yet another cluster, has the name."""
        session = self._state.home_session(device_name)
        is_elsewhere = session is not None and session.visiting_cluster_id != visiting_cluster_id
        return is_elsewhere or self._state.directory.phone(device_name) is not None

    async def _open(self, request: HomeLogin, user: User, profile: DeviceProfile, peer_ip: str) -> EmccSession:
        state, config = self._state, self._context.config
        device = request.device
        device_name = device.device_name.upper()
        last_user_id = None
        orphan = state.home_session(device_name)
        if orphan is not None:  # visiting says that the phone is free, so what we hold is left from a lost logout
            last_user_id = orphan.user_id
            await state.close_home_session(device_name)
        emcc_device = state.base_devices.take()
        if emcc_device is None:
            raise EmError(CODE_NO_BASE_DEVICE)
        geolocation = dict(device.geolocation or {})
        session = EmccSession(
            device_name=device_name,
            emcc_device=emcc_device,
            user_id=user.user_id,
            profile=profile.name,
            visiting_cluster_id=request.info.cluster_id,
            em_uri=request.em_uri,
            login_time_s=float(int(self._context.clock.time())),
            login_duration_s=maximum_login_time_s(
                config.service_parameters,
                parse_version(config.version),
                user_limit_s=user.maximum_login_time_s,
                is_emcc=True,
            ),
            roaming_device_pool=roaming_device_pool(config, _civic(geolocation)).device_pool,
            geolocation=geolocation,
            product=device.product,
            model=device.model,
            protocol=device.protocol,
            device_security_mode=device.device_security_mode,
            ip_address=device.ip_address or peer_ip,
            user_locale=device.user_locale or "",
            last_user_id=last_user_id,
        )
        try:
            return await self._desk.open_home_session(session)
        except EmError:
            state.base_devices.free(emcc_device)
            raise

    def _tftp_addresses(self) -> tuple[str, ...]:
        parameters, nodes = self._context.config.emcc, self._context.config.nodes_by_name
        names = [parameters.default_tftp_server]
        if parameters.default_tftp_server and parameters.backup_tftp_server:
            names.append(parameters.backup_tftp_server)
        return tuple(nodes[name].address if name in nodes else name for name in names if name)

    def _granted(self, session: EmccSession) -> HomeLoginAnswer:
        default, *backup = self._tftp_addresses()
        return HomeLoginAnswer(
            cluster_id=self._context.config.cluster_id,
            user_id=session.user_id,
            device_profile=session.profile,
            emcc_device=session.emcc_device,
            roaming_device_pool=session.roaming_device_pool,
            tftp_server_1=default,
            tftp_server_2=backup[0] if backup else "",
            login_time_epoch_s=int(session.login_time_s),
            login_duration_s=int(session.login_duration_s),
        )


def _version(text: str) -> Version:
    """The release that another cluster claims.

    Raises:
        EmError: 1, it names none.
    """
    try:
        return parse_version(text)
    except ValueError as error:
        raise EmError(CODE_PARSING) from error


def _civic(geolocation: dict[str, str]) -> dict[CivicElement, str]:
    return cast("dict[CivicElement, str]", geolocation)
