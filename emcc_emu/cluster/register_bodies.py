"""The bodies around a registration, remembered: all phones of one model send, and most phones get, the same bytes."""

from __future__ import annotations

import dataclasses

from emcc_emu.wire import remotecc, sip

__all__ = ["MAX_REMEMBERED_BODIES", "RegisterBodies", "SaidInBody"]

MAX_REMEMBERED_BODIES = 64
"""Different bodies kept; when there are more, all are forgotten and the usual ones soon known again."""


@dataclasses.dataclass(frozen=True, slots=True)
class SaidInBody:
    """What a registrar needs of a body."""

    is_bulk: bool
    """Whether the REGISTER is for all lines of the phone."""
    answer: bytes
    """Body of the 200; empty to a phone that announced no capabilities."""


NOTHING = SaidInBody(is_bulk=False, answer=b"")


class RegisterBodies:
    """Reads bodies of REGISTERs, writes those of the settings that follow."""

    __slots__ = ("_known", "_settings")

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], SaidInBody] = {}
        self._settings: dict[tuple[str, ...], tuple[str, bytes]] = {}

    def read(self, request: sip.SipRequest) -> SaidInBody:
        """What the body of this REGISTER says.

        Raises:
            SipInvalid: 400, the body is malformed.
        """
        if not request.body:
            return NOTHING
        key = (request.get("Content-Type") or "", request.body)
        said = self._known.get(key)
        if said is None:
            body = remotecc.read_register_body(*key)
            answer = b"" if body.options is None else remotecc.build_optionsind_answer(body.options)
            said = SaidInBody(is_bulk=body.is_bulk, answer=answer)
            if len(self._known) >= MAX_REMEMBERED_BODIES:
                self._known.clear()
            self._known[key] = said
        return said

    def settings(self, forward_all: tuple[str, ...]) -> tuple[str, bytes]:
        """Content-Type and body of the settings REFER for lines that forward all calls to these numbers, or to none."""
        written = self._settings.get(forward_all)
        if written is None:
            lines = (remotecc.LineSettings(index, forward_all=number) for index, number in enumerate(forward_all, 1))
            written = remotecc.build_settings_refer(lines)
            if len(self._settings) >= MAX_REMEMBERED_BODIES:
                self._settings.clear()
            self._settings[forward_all] = written
        return written
