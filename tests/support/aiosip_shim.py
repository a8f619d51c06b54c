"""aiosip 0.2.0, of 2017, on a Python of today: the two names that it misses, and two habits that no peer can meet."""

from __future__ import annotations

import asyncio
import collections
import importlib
import types
import warnings
from collections.abc import MutableMapping
from typing import Any

__all__ = ["load_aiosip"]


def load_aiosip() -> Any:
    """The module, with its `Dialog` replaced by one that can be challenged; None where it is not installed."""
    if not hasattr(asyncio, "coroutine"):  # gone since Python 3.11
        asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
    if not hasattr(collections, "MutableMapping"):  # gone since Python 3.10
        collections.MutableMapping = MutableMapping  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*invalid escape sequence", DeprecationWarning)
        warnings.filterwarnings("ignore", ".*invalid escape sequence", SyntaxWarning)
        try:
            aiosip: Any = importlib.import_module("aiosip")
        except ModuleNotFoundError:
            return None
    aiosip.contact.Param = aiosip.uri.Param = _make_param(aiosip.param.Param)
    aiosip.Dialog = _make_dialog(aiosip.dialog.Dialog)
    return aiosip


def _make_param(base: Any) -> Any:
    class Param(base):  # type: ignore[misc]
        """Takes parameters without a value, such as the `x-cisco-newreg` that Unified CM adds to a Contact."""

        def __init__(self, text: Any = "") -> None:
            dict.__init__(self, text if isinstance(text, dict) else ())
            for item in text.split(";") if isinstance(text, str) and text else ():
                name, _, value = item.partition("=")
                self[name] = value

    return Param


def _make_dialog(base: Any) -> Any:
    class Dialog(base):  # type: ignore[misc]
        """Sends a challenged request again with a new branch (RFC 3261 section 8.1.3.5), not as a retransmission."""

        def send_message(self, method: str, *arguments: Any, headers: Any = None, **more: Any) -> Any:
            if headers is not None and "Authorization" in headers:
                headers.pop("Via", None)
            return super().send_message(method, *arguments, headers=headers, **more)

    return Dialog
