"""How EMApp asks EMService: over HTTPS, its own node's first, then those of the cluster's other nodes."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from emcc_emu.errors import EmError, XmlInvalid
from emcc_emu.net.http_client import HttpClient, HttpTransportError
from emcc_emu.wire.em_documents import EmDocument, EmResponse, Failure
from emcc_emu.wire.em_form import FORM_CONTENT_TYPE, encode_form
from emcc_emu.wire.em_responses import parse_em_response
from emcc_emu.wire.em_xml import build_em_document
from emcc_emu.wire.emcc_documents import EmccLogin, EmccResponse
from emcc_emu.wire.emcc_responses import parse_emcc_response
from emcc_emu.wire.emcc_xml import build_emcc_request

__all__ = ["EmServiceClient"]

log = structlog.get_logger()

TIMEOUT_S = 30.0
"""How long EMApp waits for EMService, whose own questions to other clusters are bounded. Seconds."""

CODE_NO_CONNECTION = 208

_HEADERS = (("Content-Type", FORM_CONTENT_TYPE),)


class EmServiceClient:
    """Asks the EMServices of one cluster for the EMApp of one node.

    Args:
        client: HTTPS client that asks from the node's address.
        urls: Gives the URLs of the cluster's EMServices, the node's own first.
    """

    def __init__(self, client: HttpClient, urls: Callable[[], list[str]]) -> None:
        self._client = client
        self._urls = urls

    async def ask(self, document: EmDocument) -> EmResponse:
        """Ask in the dialect of the EM API.

        Raises:
            EmError: 208, no EMService could be reached; or the code that it answered.
        """
        try:
            answer = parse_em_response(await self._post(build_em_document(document)))
        except XmlInvalid as error:
            raise EmError(CODE_NO_CONNECTION) from error
        if isinstance(answer, Failure):
            raise EmError(answer.code, answer.text)
        return answer

    async def ask_emcc(self, request: EmccLogin) -> EmccResponse:
        """Ask for an EMCC login.

        Raises:
            EmError: 208, no EMService could be reached.
        """
        try:
            return parse_emcc_response(await self._post(build_emcc_request(request)))
        except XmlInvalid as error:
            raise EmError(CODE_NO_CONNECTION) from error

    async def _post(self, document: bytes) -> bytes:
        body = encode_form(document)
        for url in self._urls():
            try:
                reply = await self._client.request("POST", url, headers=_HEADERS, body=body, timeout_s=TIMEOUT_S)
            except HttpTransportError as error:
                log.warning("em_service_unreachable", url=url, kind=error.kind)
                if error.kind not in ("refused", "tls"):  # it was asked: another one must not do the same again
                    break
                continue
            if reply.status == 200:
                return reply.body
        raise EmError(CODE_NO_CONNECTION)
