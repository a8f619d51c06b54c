"""The one import rule of the house, checked over everything a module imports, directly or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORDER = (
    ["errors"],
    ["settings"],
    ["wire"],
    ["protocol"],
    ["lab"],
    ["rules"],
    ["trace"],
    ["net"],
    ["replay"],
    ["cluster"],
    ["control"],
    ["host"],
    ["cli"],
    ["pytest_plugin"],
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}
PHONES_MAY_USE = {"errors", "settings", "wire", "protocol", "trace", "net"}
USERS_OF_PHONES = {"cli", "pytest_plugin"}
WITHOUT_TIME = {"wire", "protocol", "lab", "rules"}
FORBIDDEN_WITHOUT_TIME = {"asyncio", "socket", "time", "random"}
HOMES = {"aiohttp": {"net", "replay", "cluster", "control"}, "click": {"cli"}, "rich": {"cli"}}


def modules() -> list[str]:
    files = [*ROOT.glob("emcc_emu/**/*.py"), *ROOT.glob("phones/**/*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return sorted(name.removesuffix(".__init__") for name in names)


MODULES = modules()


def room_of(module: str) -> str:
    """The package below emcc_emu that a module lives in, or `phones`."""
    parts = module.split(".")
    return parts[1] if parts[0] == "emcc_emu" and len(parts) > 1 else parts[0]


@cache
def imports_of(module: str) -> frozenset[str]:
    """What a module imports at run time, as it writes it."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return frozenset(_run_time_imports(ast.parse(file.read_text())))


def _run_time_imports(node: ast.AST) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module and not child.level:
            yield child.module
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        else:
            yield from _run_time_imports(child)


def closure_of(module: str) -> set[str]:
    """Every module of ours that importing this one brings in."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting += [name for name in imports_of(current) if name in MODULE_SET]
    return seen


MODULE_SET = frozenset(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_reaches_only_what_stands_left_of_it(module: str) -> None:
    room = room_of(module)
    reached = {room_of(name) for name in closure_of(module)} - {"emcc_emu", "__main__", room}
    if room == "phones":
        assert reached <= PHONES_MAY_USE
    elif room in RANK:
        allowed = {name for name, rank in RANK.items() if rank < RANK[room]}
        if room in USERS_OF_PHONES:
            allowed |= {"phones"}
        assert reached <= allowed


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) in WITHOUT_TIME])
def test_formats_machines_and_rules_know_neither_sockets_nor_time_nor_chance(module: str) -> None:
    assert not {name.partition(".")[0] for name in imports_of(module)} & FORBIDDEN_WITHOUT_TIME


@pytest.mark.parametrize("module", MODULES)
def test_a_library_appears_only_where_it_belongs(module: str) -> None:
    used = {name.partition(".")[0] for name in imports_of(module)}
    assert {name for name in used if room_of(module) not in HOMES.get(name, {room_of(module)})} == set()
