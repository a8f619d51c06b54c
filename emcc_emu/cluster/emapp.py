"""EMApp of one node: `/emapp/EMAppServlet`, the pages that a phone's Services button shows.

EMApp talks to phones and to its own EMService over HTTPS; it checks the PIN of local users itself. A user who is
not local becomes an EMCC login. Order of checks for a request: device (207), loginType (215), EMApp itself (210),
what is asked, user and PIN given (202).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog
from aiohttp import web

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.em_access import EMAPP_USER
from emcc_emu.cluster.em_pages import (
    Language,
    change_pin_form,
    clear_call_logs,
    login_form,
    logout_question,
    message_page,
    profile_menu,
    translate,
)
from emcc_emu.cluster.em_service_client import EmServiceClient
from emcc_emu.cluster.pending_logins import PendingLogins
from emcc_emu.cluster.phone_page import PhonePageWriter, new_session
from emcc_emu.cluster.remote_update import cluster_info
from emcc_emu.errors import EmError
from emcc_emu.lab.model import Node, User
from emcc_emu.net.http_client import HttpClient
from emcc_emu.rules.codes import display, message_of
from emcc_emu.rules.login_policy import RemoteUserFacts, remote_user_refusal
from emcc_emu.rules.login_types import is_login_type, understood_login_type
from emcc_emu.rules.versions import parse_version
from emcc_emu.wire.em_documents import (
    AppInfo,
    CheckUserQuery,
    CheckUserResult,
    DeviceUserQuery,
    DeviceUserResult,
    Failure,
    LoginRequest,
    LogoutRequest,
)
from emcc_emu.wire.emcc_documents import ClusterInfo, EmccLogin, FoundUser
from emcc_emu.wire.emcc_responses import build_emcc_response
from emcc_emu.wire.emcc_xml import build_em_uri
from emcc_emu.wire.phone_objects import PhoneObject
from emcc_emu.wire.phone_uri import append_query

__all__ = ["EMAPP_PATH", "EmApp"]

log = structlog.get_logger()

EMAPP_PATH = "/emapp/EMAppServlet"

Operation = Literal["login", "logout"]

CODE_PARSING = 1
CODE_DEVICE_UNKNOWN = 11
CODE_FLAG_UNREADABLE = 20
CODE_EM_NOT_ENABLED = 22
CODE_USER_UNKNOWN = 23
CODE_PIN_CHANGE = 41
CODE_SEVERAL_USERS_REMOTE = 47
CODE_WRONG_PIN = 201
CODE_BLANK = 202
CODE_DIRECTORY = 204
CODE_NO_PROFILE = 205
CODE_NO_DEVICE = 207
CODE_NOT_STARTED = 210
CODE_LOGIN_TYPE = 215
CODE_SEVERAL_USERS = 216

FORM_AGAIN = frozenset({CODE_WRONG_PIN, CODE_BLANK})
"""Codes after which the login form comes again, with the error as its prompt."""

SHOWN_AS_WRONG_PIN = frozenset({39, 44})
"""EMService's configuration errors, which the phone shows as 201."""

MAX_OUTCOMES = 10_000
"""Phones whose last result is remembered for the page that follows the clearing of call logs."""


@dataclass(frozen=True, slots=True)
class PhoneRequest:
    """What one request of a phone says."""

    device_name: str
    is_emcc_capable: bool
    login_type: str
    """As understood by this release: UID, SP, DN, or empty."""
    user: str | None
    """What was typed as user; None when the page was only opened."""
    pin: str
    profile: str | None
    peer_ip: str
    has_via: bool
    url: str
    """The page's own URL, with what identifies the phone and its service."""
    writer: PhonePageWriter

    @property
    def language(self) -> Language:
        """Language of the answer."""
        return self.writer.language


class EmApp:
    """The EM application of one node.

    Args:
        context: The cluster.
        node: The node.
        client: HTTPS client that asks from the node's address.
        base_url: Gives the URL of this node's web server as phones reach it, for plain (False) or TLS (True).
        service_urls: Gives the URLs of the cluster's EMServices, the node's own first.
    """

    def __init__(
        self,
        context: ServiceContext,
        node: Node,
        *,
        client: HttpClient,
        base_url: Callable[[bool], str],
        service_urls: Callable[[], list[str]],
    ) -> None:
        self.node = node
        self.is_active = node.em
        """Whether the application runs; a stopped one answers 503."""
        self._context = context
        self._state = context.state
        self._faults = context.faults
        self._is_initialised = not self._faults.database_fails("start")
        self._was_down = self._faults.is_down("em_app", node.name)
        self._faults.listeners.append(self._faults_changed)
        self._base_url = base_url
        self._service = EmServiceClient(client, service_urls)
        self._pending = PendingLogins(context.clock.now)
        self._outcomes: dict[str, Operation] = {}
        self._app = AppInfo(EMAPP_USER, context.shared_secret, is_encrypted=True)

    def _faults_changed(self) -> None:
        """An application that runs again has started again."""
        is_down = self._faults.is_down("em_app", self.node.name)
        if self._was_down and not is_down:
            self._is_initialised = not self._faults.database_fails("start")
        self._was_down = is_down

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request of a phone, or of another cluster that asks what we are."""
        if not self.is_active or self._faults.is_down("em_app", self.node.name):
            return web.Response(status=503)
        if self._faults.is_failing("em_app", self.node.name):
            return web.Response(status=500)
        await self._faults.spend("em_app", self.node.name)
        query = request.rel_url.query
        if query.get("getClusterInfo") == "true":
            answer: ClusterInfo | Failure = Failure(CODE_NOT_STARTED, message_of(CODE_NOT_STARTED))
            if self._is_initialised:
                answer = cluster_info(self._context.config, query.get("clusterId", ""))
            return web.Response(body=build_emcc_response(answer), headers={"Content-Type": "text/xml;charset=UTF-8"})
        operation: Operation = "logout" if query.get("doLogout") == "true" else "login"
        writer = PhonePageWriter(request, "/emapp")
        try:
            phone = self._read(request, writer)
        except EmError as error:
            return writer.write(self._error_page(error.code, operation, writer.language))
        try:
            return await self._answer(phone, operation, is_refresh=query.get("refresh") == "true")
        except EmError as error:
            return writer.write(self._refusal(phone, error.code, operation))

    def _read(self, request: web.BaseRequest, writer: PhonePageWriter) -> PhoneRequest:
        """Take the request apart.

        Raises:
            EmError: 207, 215, 210.
        """
        query = request.rel_url.query
        device_name = (query.get("device") or query.get("name") or "").strip()
        if not device_name:
            raise EmError(CODE_NO_DEVICE)
        version = parse_version(self._context.config.version)
        login_type = understood_login_type(version, query.get("loginType", ""))
        if not is_login_type(login_type):
            raise EmError(CODE_LOGIN_TYPE)
        if not self._is_initialised:
            raise EmError(CODE_NOT_STARTED)
        kept = [(name, query[name]) for name in ("EMCC", "loginType") if name in query]
        url = append_query(f"{self._base_url(request.secure)}{EMAPP_PATH}", [("device", device_name), *kept])
        return PhoneRequest(
            device_name=device_name,
            is_emcc_capable=query.get("EMCC", "").lower() == "true",
            login_type=login_type,
            user=query["userid"].strip() if "userid" in query else None,
            pin=query.get("seq", ""),
            profile=query.get("deviceProfile"),
            peer_ip=request.remote or "",
            has_via="Via" in request.headers,
            url=url,
            writer=writer,
        )

    async def _answer(self, phone: PhoneRequest, operation: Operation, *, is_refresh: bool) -> web.Response:
        if operation == "logout":
            return phone.writer.write(await self._log_out(phone))
        if is_refresh:
            return phone.writer.write(self._success_page(phone, self._outcomes.get(phone.device_name, "login")))
        if phone.user is None:
            return phone.writer.write(await self._open(phone))
        return await self._log_in(phone)

    # ------------------------------------------------------------------ opening the service

    async def _open(self, phone: PhoneRequest) -> PhoneObject:
        device = await self._device(phone)
        is_fallen_back = self._state.user_on(phone.device_name.upper()) is None  # to the logout profile's own user
        if device.user_id is not None and not is_fallen_back:
            return logout_question(phone.url, device.user_id, phone.language)
        configured = self._state.directory.phone(phone.device_name)
        if self._faults.database_fails("device"):
            raise EmError(CODE_FLAG_UNREADABLE)
        if configured is not None and not configured.enable_extension_mobility:
            raise EmError(CODE_EM_NOT_ENABLED)
        return self._form(phone, device.last_user_id)

    async def _device(self, phone: PhoneRequest) -> DeviceUserResult:
        """Ask EMService who is on the phone.

        Raises:
            EmError: 208; 11 for an unknown phone; what EMService answered.
        """
        query = DeviceUserQuery(
            app=self._app,
            device_names=(phone.device_name,),
            login_type=phone.login_type or None,
            remote_ip=phone.peer_ip,
        )
        answer = await self._service.ask(query)
        if not isinstance(answer, tuple) or not isinstance(answer[0], DeviceUserResult):
            raise EmError(CODE_PARSING)
        if not answer[0].does_exist:
            raise EmError(CODE_DEVICE_UNKNOWN)
        return answer[0]

    def _form(self, phone: PhoneRequest, last_user: str | None, prompt: str = "") -> PhoneObject:
        parameters = self._context.config.service_parameters
        flags = {"SP": "N", "DN": "T"}.get(phone.login_type, "A" if parameters.alphanumeric_user_id else "N")
        remembers = parameters.remember_last_user and phone.login_type in ("", "UID")
        return login_form(
            phone.url,
            phone.language,
            login_type=phone.login_type,
            flags=flags,
            last_user=last_user or "" if remembers else "",
            prompt=prompt,
        )

    # ------------------------------------------------------------------ login

    async def _log_in(self, phone: PhoneRequest) -> web.Response:
        pending = self._pending.find(phone.device_name, phone.user or "", phone.peer_ip, phone.writer.session)
        pin = phone.pin or (pending.pin if pending is not None and phone.profile else "")
        if not phone.user or not pin:
            raise EmError(CODE_WRONG_PIN if phone.profile and phone.user else CODE_BLANK)
        local = await self._local_user(phone)
        if local is None:
            return await self._log_in_remote(phone, pin)
        return await self._log_in_local(phone, local, pin)

    async def _local_user(self, phone: PhoneRequest) -> User | None:
        """The user of this cluster whom the phone means; None when EMService knows none.

        Raises:
            EmError: 216, an extension of several users; 208.
        """
        query = CheckUserQuery(
            app=self._app,
            user_ids=(phone.user or "",),
            login_type=phone.login_type or None,
            remote_ip=phone.peer_ip,
            is_via_header_set=phone.has_via,
        )
        try:
            answer = await self._service.ask(query)
        except EmError as error:
            if error.code == CODE_USER_UNKNOWN:
                return None
            raise EmError(CODE_SEVERAL_USERS if error.code == CODE_SEVERAL_USERS_REMOTE else error.code) from error
        if not isinstance(answer, tuple) or not isinstance(answer[0], CheckUserResult):
            raise EmError(CODE_PARSING)
        return self._state.directory.user(answer[0].resolved_user_id)

    async def _log_in_local(self, phone: PhoneRequest, user: User, pin: str) -> web.Response:
        if self._faults.is_down("directory"):
            raise EmError(CODE_DIRECTORY)
        if not self._context.pins.accepts(user.user_id, pin):
            raise EmError(CODE_WRONG_PIN)
        if self._state.must_change_pin(user.user_id):
            return phone.writer.write(self._change_pin_page(phone, user.user_id, ""))
        profiles = [profile.name for profile in self._state.directory.profiles_of(user)]
        if not profiles or self._faults.database_fails("user_profile"):
            raise EmError(CODE_NO_PROFILE)
        if phone.profile is None and len(profiles) > 1:
            return self._profile_menu(phone, pin, profiles)
        await self._service.ask(
            LoginRequest(
                app=self._app,
                device_name=phone.device_name,
                user_id=user.user_id,
                device_profile=phone.profile or profiles[0],
                remote_ip=phone.peer_ip,
                is_via_header_set=phone.has_via,
            )
        )
        self._context.pins.believe(user.user_id, pin)
        return phone.writer.write(
            self._outcome(phone, "login", clears=self._context.config.service_parameters.clear_call_logs)
        )

    async def _log_in_remote(self, phone: PhoneRequest, pin: str) -> web.Response:
        profile = self._context.config.intercluster_service_profile
        refusal = remote_user_refusal(
            RemoteUserFacts(
                is_emcc_requested=phone.is_emcc_capable,
                is_emcc_active=profile.emcc_active,
                is_pstn_access_active=profile.pstn_access_active,
                has_remote_clusters=bool(self._context.config.remote_clusters),
            )
        )
        if refusal is not None:
            raise EmError(refusal)
        answer = await self._service.ask_emcc(
            EmccLogin(
                app=self._app,
                device_name=phone.device_name,
                user_id=phone.user or "",
                credential=pin,
                device_profile=phone.profile,
                login_type=phone.login_type or None,
                em_uri=build_em_uri(self.node.address, self.node.ports.http, phone.device_name),
                remote_ip=phone.peer_ip,
                is_via_header_set=phone.has_via,
            )
        )
        if isinstance(answer, FoundUser):
            return self._profile_menu(phone, pin, list(answer.profiles))
        if isinstance(answer, Failure):
            if answer.code == CODE_PIN_CHANGE:
                url = answer.change_credential_url or ""
                return phone.writer.write(self._change_pin_page(phone, phone.user or "", url))
            raise EmError(answer.code, answer.text)
        return phone.writer.write(self._outcome(phone, "login", clears=True))

    def _profile_menu(self, phone: PhoneRequest, pin: str, profiles: list[str]) -> web.Response:
        session = phone.writer.session or new_session()
        self._pending.add(phone.device_name, phone.user or "", phone.peer_ip, session, pin)
        return phone.writer.write(profile_menu(phone.url, phone.user or "", profiles, phone.language), session)

    def _change_pin_page(self, phone: PhoneRequest, user_id: str, url: str) -> PhoneObject:
        """P6; `url` is the servlet of the user's home cluster, empty for our own."""
        own = f"{self._base_url(phone.url.startswith('https'))}/changecredential/ChangeCredentialServlet"
        target = append_query(url or append_query(own, [("device", phone.device_name)]), [("changePin", "true")])
        prompt = self._display(CODE_PIN_CHANGE, "login", phone.language)
        return change_pin_form(target, phone.language, user_id=user_id, prompt=prompt)

    # ------------------------------------------------------------------ logout

    async def _log_out(self, phone: PhoneRequest) -> PhoneObject:
        device_name = phone.device_name.upper()
        is_emcc = (
            self._state.visiting_session(device_name) is not None or self._state.home_session(device_name) is not None
        )
        await self._service.ask(
            LogoutRequest(
                app=self._app,
                device_name=phone.device_name,
                remote_ip=phone.peer_ip,
                is_via_header_set=phone.has_via,
            )
        )
        return self._outcome(phone, "logout", clears=is_emcc or self._context.config.service_parameters.clear_call_logs)

    # ------------------------------------------------------------------ results

    def _outcome(self, phone: PhoneRequest, operation: Operation, *, clears: bool) -> PhoneObject:
        if not clears:
            return self._success_page(phone, operation)
        while len(self._outcomes) >= MAX_OUTCOMES:
            del self._outcomes[next(iter(self._outcomes))]
        self._outcomes[phone.device_name] = operation
        return clear_call_logs(phone.url)

    def _success_page(self, phone: PhoneRequest, operation: Operation) -> PhoneObject:
        text = "Login successful" if operation == "login" else "Logout successful"
        return message_page(translate(text, phone.language), phone.language)

    def _refusal(self, phone: PhoneRequest, code: int, operation: Operation) -> PhoneObject:
        shown = CODE_WRONG_PIN if code in SHOWN_AS_WRONG_PIN else code
        if operation == "login" and shown in FORM_AGAIN:
            return self._form(phone, None, self._display(shown, operation, phone.language))
        return self._error_page(code, operation, phone.language)

    def _display(self, code: int, operation: Operation, language: Language) -> str:
        return display(code, operation, language, self._context.config.version)

    def _error_page(self, code: int, operation: Operation, language: Language) -> PhoneObject:
        log.info("em_page_error", cluster=self._context.config.name, code=code, operation=operation)
        return message_page(self._display(code, operation, language), language)
