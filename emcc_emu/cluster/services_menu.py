"""The `/ccmcip` pages that a phone's hard buttons open: the Services menu, and the check of a pushed command."""

from __future__ import annotations

import hmac

from aiohttp import web

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.em_pages import message_page
from emcc_emu.cluster.phone_page import PhonePageWriter
from emcc_emu.cluster.phone_services import subscribed_services
from emcc_emu.cluster.web import text_answer
from emcc_emu.lab.model import Node
from emcc_emu.wire.phone_objects import PhoneObject
from emcc_emu.wire.phone_uri import build_services_menu

__all__ = ["AUTHENTICATE_PATH", "SERVICES_MENU_PATH", "ServicesMenu"]

SERVICES_MENU_PATH = "/ccmcip/getservicesmenu.jsp"
AUTHENTICATE_PATH = "/ccmcip/authenticate.jsp"


class ServicesMenu:
    """The `/ccmcip` pages of one node.

    Args:
        context: The cluster.
        node: The node, whose address the service URLs name.
    """

    def __init__(self, context: ServiceContext, node: Node) -> None:
        self._context = context
        self._node = node

    async def services(self, request: web.BaseRequest) -> web.Response:
        """List the services that a device, as it is now, is subscribed to."""
        writer = PhonePageWriter(request, "/ccmcip")
        device = self._context.state.device(request.rel_url.query.get("name", ""))
        page: PhoneObject
        if device is None:
            page = message_page("Device not found", writer.language, title="Services")
        else:
            services = subscribed_services(self._context.config, self._node, device.services)
            page = build_services_menu([(service.name, service.url) for service in services], device.name)
        return writer.write(page)

    async def authenticate(self, request: web.BaseRequest) -> web.Response:
        """Tell a phone whether an application may command it: its user's own password, or an application user's."""
        query = request.rel_url.query
        device = self._context.state.device(query.get("devicename", ""))
        user_id, password = query.get("UserID", ""), query.get("Password", "")
        application = self._context.config.application_users_by_name.get(user_id)
        user = self._context.state.directory.user_as_asked(user_id)
        if application is not None:
            is_authorized = hmac.compare_digest(application.password.encode(), password.encode())
        elif user is not None and user.password and device is not None and device.user_id == user.user_id:
            is_authorized = hmac.compare_digest(user.password.encode(), password.encode())
        else:
            is_authorized = False
        return text_answer(200, "AUTHORIZED" if is_authorized else "UN-AUTHORIZED")
