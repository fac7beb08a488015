"""Code: a stretch of code that a task's process runs, statement by statement, with what its names mean here."""

from __future__ import annotations

import ast
import builtins
import linecache
import os
import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from enum import IntEnum
from functools import cached_property
from types import ModuleType
from typing import Any

from localflyte.api.meanings import absolute
from localflyte.api.names import imports_of

__all__ = ("UNKNOWN", "Code", "Sure", "Texts")

UNKNOWN = object()


class Sure(IntEnum):
    """How sure it is that a statement runs, and that it has to succeed."""

    OPTIONAL = 0  # the code does without what it imports
    MAYBE = 1
    YES = 2


_GIVES_WAY = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Code:
    """:param file: where it stands
    :param body: its statements
    :param namespace: its global variables
    :param function: the function that it is the body of; ``None`` for what a module does when it is imported
    :param deep: whether the bodies of the functions in it run as well
    """

    def __init__(self, file: str, body: list[ast.stmt], namespace: Mapping[str, Any], function: Any = None, *, deep: bool = True) -> None:
        self.file = file
        self.function = function
        self.statements = list(_statements(body, Sure.YES, deep=deep))
        self._namespace = namespace

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Everything in it."""
        return [node for statement, _ in self.statements for node in _own(statement)]

    def imports(self) -> Iterator[tuple[str, str, int, Sure]]:
        """:return: module, name taken from it, line, and how sure it is, for each import in it"""
        for statement, sure in self.statements:
            for node in _own(statement):
                for one in imports_of(node):
                    yield absolute(one, self._namespace), one[1], getattr(node, "lineno", 0), sure

    def meaning(self, node: ast.AST | None) -> Any:
        """:return: what an expression is here: a constant, a variable or something in a module; else `UNKNOWN`"""
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            if node.id in self._local:
                return self._local[node.id]
            return self._namespace.get(node.id, getattr(builtins, node.id, UNKNOWN))
        if isinstance(node, ast.Attribute):
            owner = self.meaning(node.value)
            return vars(owner).get(node.attr, UNKNOWN) if isinstance(owner, ModuleType) else UNKNOWN
        return UNKNOWN

    @cached_property
    def _local(self) -> dict[str, Any]:
        """What its own variables hold, as far as that is written there."""
        found = dict(self._imported())
        if self.function is None:
            return {name: value for name, value in found.items() if name not in self._namespace}
        shared = {name for node in self.nodes if isinstance(node, ast.Global) for name in node.names}
        bound = [node.id for node in self.nodes if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)]
        arguments = [each.arg for each in ast.walk(self.function) if isinstance(each, ast.arg)]
        found.update((name, UNKNOWN) for name in (*bound, *arguments) if name not in shared)
        for node in self.nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                names = [each.id for each in node.targets if isinstance(each, ast.Name)]
                found.update((name, node.value.value) for name in names if bound.count(name) == 1)
        return found

    def _imported(self) -> Iterator[tuple[str, Any]]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.name if alias.asname else alias.name.partition(".")[0]
                    yield alias.asname or name, sys.modules.get(name, UNKNOWN)
            elif isinstance(node, ast.ImportFrom):
                module = sys.modules.get(node.module or "") if not node.level else None
                for alias in node.names:
                    yield alias.asname or alias.name, UNKNOWN if module is None else vars(module).get(alias.name, UNKNOWN)


class Texts:
    """Reads and parses each file once."""

    def __init__(self) -> None:
        self._trees: dict[str, ast.Module | None] = {}
        self._functions: dict[str, dict[tuple[str, int], Any]] = {}

    def tree(self, file: str) -> ast.Module | None:
        """:return: what stands in a file; ``None`` where there is no Python to read"""
        if file not in self._trees:
            self._trees[file] = _parsed(file)
        return self._trees[file]

    def of_function(self, function: Any) -> Code | None:
        """:return: the code of a function; ``None`` where there is no source"""
        code = function.__code__
        file = code.co_filename
        if file not in self._functions:
            tree = self.tree(file)
            nodes = [node for node in ast.walk(tree) if isinstance(node, (*_FUNCTIONS, ast.Lambda))] if tree is not None else []
            self._functions[file] = {(getattr(node, "name", "<lambda>"), _first_line(node)): node for node in nodes}
        node = self._functions[file].get((code.co_name, code.co_firstlineno))
        if node is None:
            return None
        body = [ast.Expr(node.body, lineno=node.lineno)] if isinstance(node, ast.Lambda) else node.body
        return Code(file, body, function.__globals__, node)

    def of_module(self, module: str, file: str, *, deep: bool = False) -> Code | None:
        """:return: what a module does when it is imported, and its functions too if `deep`"""
        tree = self.tree(file)
        parent = module if os.path.basename(file).startswith("__init__.") else module.rpartition(".")[0]
        namespace = vars(sys.modules[module]) if module in sys.modules else {"__name__": module, "__package__": parent}
        return None if tree is None else Code(file, tree.body, namespace, deep=deep)


def _parsed(file: str) -> ast.Module | None:
    try:
        if os.path.isfile(file):
            with open(file, "rb") as stream:
                return ast.parse(stream.read())
        text = "".join(linecache.getlines(file))  # a notebook's cells
        return ast.parse(text) if text else None
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None


def _first_line(node: Any) -> int:
    """:return: where it begins as a code object says it: with its decorators"""
    return min([int(node.lineno), *(int(each.lineno) for each in getattr(node, "decorator_list", []))])


def _statements(body: Iterable[Any], sure: Sure, *, deep: bool) -> Iterator[tuple[ast.stmt, Sure]]:
    for node in body:
        yield node, sure
        if isinstance(node, _FUNCTIONS) and not deep:
            continue
        for block, how in _blocks(node):
            yield from _statements(block, min(sure, how), deep=deep)


def _blocks(node: Any) -> Iterator[tuple[list[Any], Sure]]:
    """:return: the blocks of a compound statement that a worker may come to"""
    if isinstance(node, ast.If):
        if not _is_elsewhere(node.test):
            yield node.body, Sure.MAYBE
        yield node.orelse, Sure.MAYBE
    elif isinstance(node, ast.Try | ast.TryStar):
        yield node.body, Sure.OPTIONAL if any(map(_gives_way, node.handlers)) else Sure.YES
        yield from ((each.body, Sure.MAYBE) for each in node.handlers)
        yield node.orelse, Sure.MAYBE
        yield node.finalbody, Sure.YES
    elif isinstance(node, ast.Match):
        yield from ((each.body, Sure.MAYBE) for each in node.cases)
    elif hasattr(node, "body"):
        suppressed = isinstance(node, ast.With) and any("suppress" in ast.unparse(each.context_expr) for each in node.items)
        yield node.body, Sure.OPTIONAL if suppressed else Sure.YES
        yield getattr(node, "orelse", []), Sure.MAYBE


def _is_elsewhere(test: ast.expr) -> bool:
    """:return: whether it holds in a program or for a type checker, and never in a module that a worker imports"""
    written = ast.unparse(test)
    return ("__name__" in written and "__main__" in written and "==" in written) or written in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _gives_way(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(name in ast.unparse(handler.type) for name in _GIVES_WAY)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """:return: a statement and the expressions in it, without those of the statements below it"""
    yield statement
    for name, value in ast.iter_fields(statement):
        if name in ("body", "orelse", "finalbody", "handlers", "cases") and isinstance(value, list):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield from ast.walk(each)
