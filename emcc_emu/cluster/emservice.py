"""EMService of one node: `/emservice/EMServiceServlet`, asked by applications, by its own EMApp and by other clusters.

Order of checks, `em-wire` section 2.9: concurrent requests, document, proxy and source address, application
authentication, proxy rights, device, state of the device, user, multiple logins, profile, database. The document is
read before the request is counted, because only logins and logouts count; what cannot be read is answered with code
1 at once.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from aiohttp import web

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.em_access import EmAccess, Principal, Source
from emcc_emu.cluster.em_gate import EmCounters, RequestGate
from emcc_emu.cluster.em_queries import EmQueries
from emcc_emu.cluster.home_service import HomeService
from emcc_emu.cluster.logins import LoginDesk
from emcc_emu.cluster.multiple_logins import MultipleLoginRule
from emcc_emu.cluster.visiting_service import VisitingService
from emcc_emu.cluster.web import read_body
from emcc_emu.errors import EmError
from emcc_emu.lab.model import DeviceProfile, Node, User
from emcc_emu.rules.codes import message_of
from emcc_emu.rules.login_policy import (
    LoginFacts,
    LogoutFacts,
    login_refusal,
    logout_refusal,
    maximum_login_time_s,
)
from emcc_emu.rules.versions import FIRST_WITH_LOGIN_TYPES, parse_version
from emcc_emu.wire.em_documents import (
    CheckUserQuery,
    DeviceProfileQuery,
    DeviceUserQuery,
    EmDocument,
    Failure,
    LoginRequest,
    LogoutAllRequest,
    LogoutRequest,
    Success,
    UserDevicesQuery,
)
from emcc_emu.wire.em_form import decode_form
from emcc_emu.wire.em_responses import RESPONSE_CONTENT_TYPE, build_failure, build_success
from emcc_emu.wire.emcc_documents import (
    CheckUser,
    EmccLogin,
    EmccRequest,
    HomeLogin,
    HomeLogout,
    LogoutReason,
    VisitingLogout,
)
from emcc_emu.wire.emcc_responses import build_emcc_response
from emcc_emu.wire.emcc_xml import parse_service_document

__all__ = ["EMSERVICE_PATH", "EmService"]

log = structlog.get_logger()

EMSERVICE_PATH = "/emservice/EMServiceServlet"

CODE_UNKNOWN = 0
CODE_PARSING = 1
CODE_DATABASE_ERROR = 6
CODE_NO_PROXY_RIGHTS = 10
CODE_ANOTHER_USER = 18
CODE_USER_UNKNOWN = 23

_HEADERS = {"Content-Type": RESPONSE_CONTENT_TYPE}


class EmService:
    """The EM service of one node.

    Args:
        context: The cluster.
        node: The node.
        desk: Carries logins and logouts out.
        access: Decides about callers; shared by the cluster's nodes.
        home: Answers other clusters about our users.
        visiting: Logs users of other clusters in on our phones.
    """

    def __init__(
        self,
        context: ServiceContext,
        node: Node,
        *,
        desk: LoginDesk,
        access: EmAccess,
        home: HomeService,
        visiting: VisitingService,
    ) -> None:
        self.node = node
        self.counters = EmCounters()
        self.is_active = node.em
        """Whether Cisco Extension Mobility runs on the node; a stopped service answers 503."""
        self._context = context
        self._state = context.state
        self._desk = desk
        self._access = access
        self._home = home
        self._visiting = visiting
        self._gate = RequestGate(lambda: context.config.service_parameters.maximum_concurrent_requests, self.counters)
        self._accepts_login_type = parse_version(context.config.version) >= FIRST_WITH_LOGIN_TYPES
        queries = EmQueries(context.state)
        self._queries: dict[type, Callable[[Any, Principal], bytes]] = {
            DeviceUserQuery: queries.device_users,
            UserDevicesQuery: queries.user_devices,
            CheckUserQuery: queries.check_users,
            DeviceProfileQuery: queries.user_profiles,
        }
        self._requests: dict[type, Callable[[Any, Principal], Awaitable[None]]] = {
            LoginRequest: self._log_in,
            LogoutRequest: self._log_out,
            LogoutAllRequest: self._log_out_all,
        }

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one HTTP request."""
        if not self.is_active or self._context.faults.is_down("em_service", self.node.name):
            return web.Response(status=503)
        if request.method == "POST":
            body = await read_body(request)
            document = None if body is None else decode_form(body)
        else:
            document = decode_form(request.rel_url.raw_query_string)
        transport = request.transport
        has_certificate = transport is not None and bool(transport.get_extra_info("peercert"))
        source = Source(request.remote or "", "Via" in request.headers, is_trusted_cluster=has_certificate)
        answer = await self.answer(document, source)
        self.counters.requests_handled += 1
        return web.Response(body=answer, headers=_HEADERS)

    async def answer(self, document: bytes | None, source: Source) -> bytes:
        """Answer one document of the form control `xml`; None when it is missing or too long."""
        try:
            if document is None:
                raise EmError(CODE_PARSING)
            parsed = parse_service_document(
                document,
                accepts_login_type=self._accepts_login_type,
                is_lenient=self._context.config.em_service.lenient_order,
            )
        except EmError as error:
            return self._unreadable(error, document or b"")
        if isinstance(parsed, CheckUser | HomeLogin | HomeLogout | VisitingLogout | EmccLogin):
            return await self._answer_emcc(parsed, source)
        query = self._queries.get(type(parsed))
        try:
            if query is not None:
                await self._obey_faults()
                if self._context.faults.database_fails("query"):
                    raise EmError(CODE_DATABASE_ERROR)
                return query(parsed, self._admit(parsed, source))
            with self._gate.slot():
                await self._obey_faults()
                await self._requests[type(parsed)](parsed, self._admit(parsed, source))
            return build_success()
        except EmError as error:
            return self._failed(error, is_query=query is not None)
        except Exception as error:  # what nobody foresaw is code 0, and the service goes on
            log.exception("em_service_failed", node=self.node.name, error=str(error))
            return self._failed(EmError(CODE_UNKNOWN), is_query=query is not None)

    async def _obey_faults(self) -> None:
        """Be slow, or fail for no reason, where a fault says so.

        Raises:
            EmError: 0.
        """
        await self._context.faults.spend("em_service", self.node.name)
        if self._context.faults.is_failing("em_service", self.node.name):
            raise EmError(CODE_UNKNOWN)

    def _failed(self, error: EmError, *, is_query: bool) -> bytes:
        uses_error_message = is_query and self._context.config.em_service.error_message_in_failed_queries
        text = error.text or message_of(error.code)
        return build_failure(error.code, text, is_query=is_query, uses_error_message=uses_error_message)

    def _unreadable(self, error: EmError, document: bytes) -> bytes:
        """The answer to a document that could not be read, in the family that it seems to belong to."""
        head = document[:400]
        if b"<emccRequest" in head:
            return build_emcc_response(_failure(EmError(error.code)))
        return self._failed(EmError(error.code), is_query=b"<query" in head)

    def _admit(self, document: EmDocument, source: Source) -> Principal:
        has_via = getattr(document, "is_via_header_set", None)
        self._access.check_source(source, document.remote_ip, has_via, is_emcc=False)
        return self._access.authenticate(document.app, source)

    # ------------------------------------------------------------------ between clusters

    async def _answer_emcc(self, request: EmccRequest, source: Source) -> bytes:
        self.counters.emcc_messages += 1
        try:
            if not isinstance(request, EmccLogin):
                self._access.require_cluster(source)
            match request:
                case CheckUser():
                    self.counters.emcc_check_user_requests_handled += 1
                    await self._obey_faults()
                    return build_emcc_response(await self._home.check_user(request, self.node))
                case EmccLogin():
                    with self._gate.slot():
                        await self._obey_faults()
                        self._access.check_source(source, request.remote_ip, request.is_via_header_set, is_emcc=True)
                        principal = self._access.authenticate(request.app, source)
                        if not principal.is_emapp:
                            raise EmError(CODE_NO_PROXY_RIGHTS)
                        self.counters.login_requests_attempted += 1
                        answer = await self._visiting.log_in(request, self.node)
                        self.counters.logins_successful += isinstance(answer, Success)
                        return build_emcc_response(answer)
                case HomeLogin():
                    with self._gate.slot():
                        await self._obey_faults()
                        return build_emcc_response(await self._home.log_in(request, source.peer_ip))
                case HomeLogout():
                    with self._gate.slot():
                        await self._obey_faults()
                        return build_emcc_response(await self._home.log_out(request))
                case VisitingLogout():
                    return build_emcc_response(await self._visiting.end_by_home(request))
        except EmError as error:
            self.counters.unknown_remote_users += isinstance(request, EmccLogin) and error.code == CODE_USER_UNKNOWN
            return build_emcc_response(_failure(error))
        except Exception as error:
            log.exception("em_service_failed", node=self.node.name, error=str(error))
            return build_emcc_response(_failure(EmError(CODE_UNKNOWN)))

    # ------------------------------------------------------------------ inside the cluster

    async def _log_in(self, request: LoginRequest, principal: Principal) -> None:
        self.counters.login_requests_attempted += 1
        device_name = request.device_name.upper()
        user = self._state.directory.user_as_asked(request.user_id)
        async with self._state.user_lock(user.user_id) if user is not None else contextlib.nullcontext():
            rule = MultipleLoginRule(self._context, user, device_name, is_emcc=False)
            profile = self._profile(user, request.device_profile)
            refusal = login_refusal(
                LoginFacts(
                    has_proxy_rights=principal.may_act_for(request.user_id if user is None else user.user_id),
                    device_exists=self._state.device(device_name) is not None,
                    is_extension_mobility_enabled=self._is_em_enabled(device_name),
                    is_device_in_use=self._state.is_in_use(device_name),
                    user_exists=user is not None,
                    multiple_login=rule.outcome,
                    has_profile=profile is not None,
                    unreadable=self._context.faults.unreadable(),
                )
            )
            if refusal is not None or user is None or profile is None:
                raise EmError(refusal or CODE_UNKNOWN)
            with self._state.transition(device_name, CODE_ANOTHER_USER):
                await self._context.spend("login")
                await rule.end_other_sessions(self._desk)
                await self._desk.log_in(device_name, user.user_id, profile.name, self._duration_s(request, user))
        self.counters.logins_successful += 1

    def _is_em_enabled(self, device_name: str) -> bool:
        phone = self._state.directory.phone(device_name)
        return phone is None or phone.enable_extension_mobility

    def _profile(self, user: User | None, wanted: str | None) -> DeviceProfile | None:
        profiles = [] if user is None else self._state.directory.profiles_of(user)
        return next((profile for profile in profiles if wanted is None or profile.name == wanted), None)

    def _duration_s(self, request: LoginRequest, user: User) -> float:
        """Seconds until the automatic logout, 0 for none: the smaller of what is asked and what is enforced."""
        config = self._context.config
        maximum_s = maximum_login_time_s(
            config.service_parameters,
            parse_version(config.version),
            user_limit_s=user.maximum_login_time_s,
            is_emcc=False,
        )
        if request.exclusive_duration_min is None or request.exclusive_duration_min == "indefinite":
            return maximum_s
        asked_s = request.exclusive_duration_min * 60.0
        return min(asked_s, maximum_s) if maximum_s else asked_s

    async def _log_out(self, request: LogoutRequest, principal: Principal) -> None:
        self.counters.logout_requests_attempted += 1
        device_name = request.device_name.upper()
        user_id = self._state.user_on(device_name)
        refusal = logout_refusal(
            LogoutFacts(
                has_proxy_rights=principal.may_act_for(principal.name if user_id is None else user_id),
                device_exists=self._state.device(device_name) is not None,
                is_extension_mobility_enabled=self._is_em_enabled(device_name),
                is_device_in_use=user_id is not None,
                unreadable=self._context.faults.unreadable(),
            )
        )
        if refusal is not None:
            raise EmError(refusal)
        await self._context.spend("logout")
        reason: LogoutReason = "user" if principal.is_emapp else "admin"
        visiting = self._state.visiting_session(device_name)
        if visiting is not None:
            await self._visiting.log_out(visiting, reason, self.node)
        elif self._state.home_session(device_name) is not None:
            await self._desk.close_home_session(device_name, reason)
        else:
            await self._desk.log_out(device_name, reason)
        self.counters.logouts_successful += 1

    async def _log_out_all(self, request: LogoutAllRequest, principal: Principal) -> None:
        self.counters.logout_requests_attempted += 1
        if not principal.has_proxy_rights:
            raise EmError(CODE_NO_PROXY_RIGHTS)
        names = [login.device_name for login in self._state.logins()]
        names += [session.device_name for session in self._state.home_sessions()]
        results = await asyncio.gather(
            *(self._desk.end_user_session(name, "logoutAll") for name in names), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self.counters.logouts_successful += 1


def _failure(error: EmError) -> Failure:
    return Failure(error.code, error.text or message_of(error.code))
