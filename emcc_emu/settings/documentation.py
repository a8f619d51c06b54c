"""The documentation of settings, from where they are declared: the docstring below each field."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap

from emcc_emu.settings.declaration import Settings

__all__ = ["class_text", "field_texts"]


@functools.cache
def field_texts(settings_class: type[Settings]) -> dict[str, str]:
    """The documentation of each field, on one line; inherited fields included."""
    texts: dict[str, str] = {}
    for declaring in reversed(settings_class.__mro__):
        if issubclass(declaring, Settings) and declaring is not Settings:
            texts.update(_own_field_texts(declaring))
    return texts


def class_text(settings_class: type[Settings]) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return _one_line((settings_class.__doc__ or "").split("\n\n")[0])


def _own_field_texts(declaring: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(declaring)))
    (declaration,) = tree.body
    assert isinstance(declaration, ast.ClassDef)
    texts = {}
    for statement, following in zip(declaration.body, declaration.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            match following:
                case ast.Expr(value=ast.Constant(value=str() as text)):
                    texts[statement.target.id] = _one_line(text)
    return texts


def _one_line(text: str) -> str:
    return " ".join(text.split())
