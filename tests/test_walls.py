"""The walls of the house that no linter holds: cycles, weight, size, pickles, and what each file says it exports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import localflyte
from tests.modules import loaded_by

ROOT = Path(localflyte.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LONGEST_FILE = 400  # lines
LONGEST_FUNCTION = 60  # lines

#: What an engine needs and a worker pays for at every fork.
ENGINE_ONLY = {"anyio", "sqlite3", "diskcache", "psutil", "click", "rich"}
#: What else must not be loaded at module level by anything that a worker loads.
TOO_HEAVY = {
    "asyncio", "concurrent.futures", "hashlib", "logging", "pathlib", "pydantic", "random", "ssl", "subprocess", "tempfile", "threading",
}  # fmt: skip
LOADED_IN_A_WORKER = (
    ("worker.forkserver", "worker.serve"),
    ("errors", "wire.frames", "wire.messages"),
    ("api.environment", "api.task", "api.map", "api.trace", "api.context"),
    ("types.interface",),
    ("io",),
    ("report", "models"),
)

#: The only files that may turn bytes into any object whatever.
MAY_PICKLE = {"types/opaque.py", "api/task.py", "api/reference.py"}


def name_of(file: Path) -> str:
    parts = ["localflyte", *file.relative_to(ROOT).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {name_of(file): ast.parse(file.read_text(), str(file)) for file in FILES}


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a file may import: at the top, in a function, for type checkers, or by name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in TREES else node.module


def ours(name: str) -> set[str]:
    return {target for target in imports(TREES[name]) if target in TREES and target != name}


def circles() -> list[list[str]]:
    """The groups of modules that reach one another (Tarjan). The front door names everything, so nothing may import it."""
    graph = {name: ours(name) for name in TREES if name != "localflyte"}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in graph:
                continue
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_no_import_cycle() -> None:
    """An import in a function and one for type checkers only count as well: a hidden circle is a circle."""
    assert circles() == []


@pytest.mark.parametrize("name", [name for name in TREES if name != "localflyte"])
def test_nobody_imports_the_front_door(name: str) -> None:
    assert "localflyte" not in set(imports(TREES[name]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
class TestFile:
    def test_is_short(self, file: Path) -> None:
        assert len(file.read_text().splitlines()) <= LONGEST_FILE

    def test_functions_fit_a_screen(self, file: Path) -> None:
        long = [
            f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
            for node in ast.walk(TREES[name_of(file)])
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno is not None
            and _lines_of_body(node) > LONGEST_FUNCTION
        ]
        assert not long

    def test_says_what_it_exports(self, file: Path) -> None:
        """A file that defines something has an ``__all__`` tuple, and everything in it exists."""
        tree = TREES[name_of(file)]
        if not tree.body:
            return
        exported = next(
            (node.value for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"), None
        )
        assert isinstance(exported, ast.Tuple), "no __all__ tuple"
        defined = set(_defined(tree))
        missing = [entry.value for entry in exported.elts if isinstance(entry, ast.Constant) and entry.value not in defined]
        assert not missing or "__getattr__" in defined

    def test_says_what_it_is(self, file: Path) -> None:
        tree = TREES[name_of(file)]
        assert not tree.body or ast.get_docstring(tree), "no module docstring"

    def test_pickles_only_where_it_may(self, file: Path) -> None:
        if str(file.relative_to(ROOT)) in MAY_PICKLE:
            return
        used = {target.partition(".")[0] for target in imports(TREES[name_of(file)])}
        assert not used & {"pickle", "cloudpickle", "_pickle", "dill", "marshal", "shelve"}


@pytest.mark.parametrize("modules", LOADED_IN_A_WORKER, ids=lambda modules: modules[-1])
def test_what_a_worker_loads_is_light(modules: tuple[str, ...]) -> None:
    """Before user code runs; what one task alone needs, asyncio for an async one, is imported where it is needed."""
    loaded = loaded_by("".join(f"import localflyte.{module}\n" for module in modules))
    assert not loaded & (ENGINE_ONLY | TOO_HEAVY)


def _lines_of_body(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """A long signature is a list, and a docstring is for people; what must fit a screen is what runs."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
