"""Who may ask EMService: source address and proxy rules, application authentication, proxy rights."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.trusted_hosts import TrustedHosts
from emcc_emu.errors import EmError
from emcc_emu.rules.login_policy import SourceFacts, source_refusal
from emcc_emu.wire.em_documents import AppInfo

__all__ = ["EMAPP_USER", "EmAccess", "Principal", "Source"]

EMAPP_USER = "CCMSysUser"
"""Built-in application user of EMApp."""

CREDENTIAL_CACHE_S = 120.0
"""How long a good credential is believed without looking again; so an old password works that long after a change."""

MAX_CACHED_CREDENTIALS = 10_000

CODE_INVALID_APP_USER = 3
CODE_NO_USER_INFORMATION = 9
CODE_NO_PROXY_RIGHTS = 10
CODE_PASSWORD_CHANGE = 27
CODE_CLUSTER_UNKNOWN = 35


@dataclass(frozen=True, slots=True)
class Principal:
    """Who was authenticated."""

    name: str
    has_proxy_rights: bool
    """May act for any user."""
    is_emapp: bool = False

    def may_act_for(self, user_id: str) -> bool:
        """Whether it may act for a user: anyone with proxy rights, else only itself."""
        return self.has_proxy_rights or user_id.lower() == self.name.lower()

    def require_right_for(self, user_id: str) -> None:
        """Check that it may act for a user.

        Raises:
            EmError: 10.
        """
        if not self.may_act_for(user_id):
            raise EmError(CODE_NO_PROXY_RIGHTS)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a request came from."""

    peer_ip: str
    """Address of the connection."""
    has_via: bool
    """Whether a `Via` header stood on it."""
    is_trusted_cluster: bool = False
    """Whether it came over TLS with a certificate of the trust store."""


class EmAccess:
    """Decides about the caller of one cluster's EMServices.

    Args:
        context: The cluster.
    """

    def __init__(self, context: ServiceContext) -> None:
        self._context = context
        self._believed: dict[tuple[str, str], tuple[float, Principal]] = {}
        self._cached_addresses: dict[str, None] = {}
        self._trusted = TrustedHosts()

    async def resolve_trusted_hosts(self) -> None:
        """Look up the host names of Trusted List of IPs, if it has changed."""
        entries = self._context.config.service_parameters.trusted_ips
        if not self._trusted.has_resolved(entries):
            await self._trusted.resolve(entries)

    def check_source(self, source: Source, remote_ip: str | None, has_via: bool | None, *, is_emcc: bool) -> None:
        """Apply Allow Proxy and Validate IP Address.

        Args:
            source: The connection.
            remote_ip: `remoteIPAddr` of the document, believed from our own nodes only.
            has_via: `isViaHeaderSet` of the document, believed from our own nodes only.
            is_emcc: An EMCC login, to which EMCC Allow Proxy applies.

        Raises:
            EmError: 30, 28 or 29.
        """
        parameters = self._context.config.service_parameters
        if not parameters.validate_ip_address:
            return
        is_own = source.peer_ip in self._context.own_addresses
        via = has_via if is_own and has_via is not None else source.has_via
        address = remote_ip if is_own and remote_ip else source.peer_ip
        is_down = self._context.faults.is_down("ris")
        registered = None if is_down else self._context.control.registered_addresses()
        is_known = (
            self._is_cached(address)
            or self._trusted.has(address, parameters.trusted_ips)
            or address in (registered or ())
        )
        facts = SourceFacts(via, is_known, is_device_data_available=registered is not None, is_between_clusters=is_emcc)
        refusal = source_refusal(facts, parameters)
        if refusal is not None:
            raise EmError(refusal)
        self._cached_addresses[address] = None

    def _is_cached(self, address: str) -> bool:
        """Whether the address is in the device cache, which is no larger than Extension Mobility Cache Size."""
        while len(self._cached_addresses) > self._context.config.service_parameters.cache_size:
            del self._cached_addresses[next(iter(self._cached_addresses))]
        return address in self._cached_addresses

    def require_cluster(self, source: Source) -> None:
        """Check that a request of another cluster comes from a cluster whose certificates were imported.

        Raises:
            EmError: 35, there is no proof of that.
        """
        if self._context.config.em_service.require_peer_certificate and not source.is_trusted_cluster:
            raise EmError(CODE_CLUSTER_UNKNOWN)

    def authenticate(self, app: AppInfo, source: Source) -> Principal:
        """Find out who asks.

        Raises:
            EmError: 3, with the text of the product; 9, nobody can be asked; 27, the user's password has expired.
        """
        if app.is_encrypted:
            principal = self._emapp(app, source)
        else:
            key = (app.app_id, app.certificate)
            entry = self._believed.get(key)
            now = self._context.clock.now()
            if entry is not None and entry[0] > now:
                return entry[1]
            if self._context.faults.is_down("directory") or self._context.faults.database_fails("user"):
                raise EmError(CODE_NO_USER_INFORMATION)
            principal = self._look_up(app)
            if principal is not None:
                if len(self._believed) >= MAX_CACHED_CREDENTIALS:
                    self._believed.clear()
                self._believed[key] = (now + CREDENTIAL_CACHE_S, principal)
        if principal is None:
            raise EmError(CODE_INVALID_APP_USER, f"Could not authenticate '{app.app_id}'")
        return principal

    def _emapp(self, app: AppInfo, source: Source) -> Principal | None:
        is_own = source.peer_ip in self._context.own_addresses
        is_right = hmac.compare_digest(app.certificate.encode(), self._context.shared_secret.encode())
        if app.app_id == EMAPP_USER and is_own and is_right:
            return Principal(EMAPP_USER, has_proxy_rights=True, is_emapp=True)
        return None

    def _look_up(self, app: AppInfo) -> Principal | None:
        application = self._context.config.application_users_by_name.get(app.app_id)
        if application is not None:
            is_right = hmac.compare_digest(application.password.encode(), app.certificate.encode())
            return Principal(application.name, application.em_proxy_rights) if is_right else None
        user = self._context.state.directory.user_as_asked(app.app_id)
        if user is None or not user.password:
            return None
        if not hmac.compare_digest(user.password.encode(), app.certificate.encode()):
            return None
        if user.password_must_change:
            raise EmError(CODE_PASSWORD_CHANGE)
        return Principal(user.user_id, has_proxy_rights=False)
