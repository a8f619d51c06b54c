"""Change Credential: `/changecredential/ChangeCredentialServlet`, where a phone's user changes the PIN."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from emcc_emu.cluster.context import ServiceContext
from emcc_emu.cluster.em_pages import change_pin_form, message_page, translate
from emcc_emu.cluster.phone_page import PhonePageWriter
from emcc_emu.errors import EmError
from emcc_emu.wire.phone_objects import PhoneObject
from emcc_emu.wire.phone_uri import append_query

__all__ = ["CHANGE_CREDENTIAL_PATH", "ChangeCredential"]

CHANGE_CREDENTIAL_PATH = "/changecredential/ChangeCredentialServlet"

MAX_PIN_LENGTH = 127
"""Longest PIN; digits only."""

ADMINISTRATOR_TEXT = "Contact system administrator"
"""For users who are locked out or may not change their PIN, and when the database fails."""


class ChangeCredential:
    """The PIN change pages of one node.

    Args:
        context: The cluster.
        base_url: Gives the URL of this node's web server as phones reach it, for plain (False) or TLS (True).
    """

    def __init__(self, context: ServiceContext, base_url: Callable[[bool], str]) -> None:
        self._context = context
        self._state = context.state
        self._base_url = base_url

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer one request of a phone."""
        query = request.rel_url.query
        writer = PhonePageWriter(request, "/changecredential")
        url = append_query(
            f"{self._base_url(request.secure)}{CHANGE_CREDENTIAL_PATH}",
            [("changePin", "true"), ("device", query.get("device", ""))],
        )
        user_id = query.get("userid", "").strip()
        if query.get("changePin") != "true":
            return writer.write(change_pin_form(url, writer.language, user_id=user_id))
        reason = await self._change(
            user_id, query.get("oldpin", ""), query.get("newpin", ""), query.get("confirmnewpin")
        )
        page: PhoneObject
        if reason is None:
            text = translate("PIN change is complete", writer.language)
            page = message_page(text, writer.language, title="Change Credential")
        else:
            page = change_pin_form(url, writer.language, user_id=user_id, prompt=translate(reason, writer.language))
        return writer.write(page)

    async def _change(self, user_id: str, old_pin: str, new_pin: str, confirmation: str | None) -> str | None:
        """Change the PIN; returns what was wrong, or None."""
        user = self._state.directory.user_as_asked(user_id)
        if user is not None and self._context.pins.is_locked(user.user_id):
            return ADMINISTRATOR_TEXT
        if user is None or not self._context.pins.accepts_for_change(user.user_id, old_pin):
            return "Invalid credentials"
        if user.pin_cannot_change:
            return ADMINISTRATOR_TEXT
        if new_pin != confirmation:
            return "New PIN does not match"
        if not self._is_acceptable(new_pin) or new_pin == old_pin:
            return "PIN not acceptable"
        try:
            await self._state.change_pin(user.user_id, new_pin)
        except EmError:
            return ADMINISTRATOR_TEXT
        return None

    def _is_acceptable(self, pin: str) -> bool:
        """Whether the credential policy takes the PIN."""
        policy = self._context.config.credential_policy
        return pin.isascii() and pin.isdigit() and policy.minimum_pin_length <= len(pin) <= MAX_PIN_LENGTH
