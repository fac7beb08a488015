"""Canonical form of Python source: what it does, without how it is written, and the names it takes from outside.

The form is our own, because ``ast.dump`` differs between Python versions and a key made of it dies with an upgrade. It has
no positions, no docstrings and no empty fields, so that fields which a later Python adds change nothing where they are unused.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

__all__ = ("canonical", "imports_in", "names_used", "without_task_decorators")

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

Chain = tuple[str, ...]


def canonical(node: ast.AST) -> str:
    """:return: the node as text that is the same in every Python version"""
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, ast.Constant):
        parts.append(f"<{type(value.value).__name__} {value.value!r}>")
    elif isinstance(value, ast.AST):
        parts.append(f"({type(value).__name__}")
        for name in value._fields:
            if name in _SKIPPED:
                continue
            part = getattr(value, name, None)
            if name == "body" and isinstance(part, list):
                part = _without_docstring(value, part)
            if part is None or part == []:
                continue
            parts.append(f" {name}=")
            _write(part, parts)
        parts.append(")")
    elif isinstance(value, list):
        parts.append("[")
        for part in value:
            _write(part, parts)
        parts.append("]")
    else:
        parts.append(repr(value))


def _without_docstring(node: ast.AST, body: list[Any]) -> list[Any]:
    if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Module)) or not body or not isinstance(body[0], ast.Expr):
        return body
    first = body[0].value
    return body[1:] if isinstance(first, ast.Constant) and isinstance(first.value, str) else body


def without_task_decorators(node: ast.AST) -> ast.AST:
    """:return: the function without ``@env.task`` and its arguments, which change how it is run and not what it does"""
    if not isinstance(node, _FUNCTIONS):
        return node
    kept = [each for each in node.decorator_list if not _is_task_decorator(each)]
    if len(kept) == len(node.decorator_list):
        return node
    bare = type(node)(**{name: getattr(node, name) for name in node._fields if hasattr(node, name)})
    bare.decorator_list = kept
    return ast.copy_location(bare, node)


def _is_task_decorator(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else node
    return isinstance(called, ast.Attribute) and called.attr == "task"


def imports_in(node: ast.AST) -> Iterator[tuple[str, str, int]]:
    """:return: module, name (empty for a plain import) and level of every import in the node"""
    for each in ast.walk(node):
        if isinstance(each, ast.Import):
            yield from ((alias.name, "", 0) for alias in each.names)
        elif isinstance(each, ast.ImportFrom):
            yield from ((each.module or "", alias.name, each.level) for alias in each.names)


def names_used(node: ast.AST) -> list[Chain]:
    """:return: every name that the node takes from outside, with the attributes that are read from it: ``("np", "linalg", "norm")``"""
    finder = _Names()
    finder.visit(node)
    return sorted(finder.found)


class _Names(ast.NodeVisitor):
    def __init__(self) -> None:
        self.found: set[Chain] = set()
        self._bound: list[frozenset[str]] = []

    def _use(self, chain: Chain) -> None:
        if not any(chain[0] in names for names in self._bound):
            self.found.add(chain)

    def visit_Name(self, node: ast.Name) -> None:
        self._use((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        attributes: list[str] = []
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            attributes.append(root.attr)
            root = root.value
        if isinstance(root, ast.Name):
            self._use((root.id, *reversed(attributes)))
        else:
            self.visit(root)

    def visit_FunctionDef(self, node: Any) -> None:
        arguments = node.args
        outer = [*getattr(node, "decorator_list", ()), *arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)]
        every = _arguments(arguments)
        outer += [each.annotation for each in every if each.annotation is not None]
        if getattr(node, "returns", None) is not None:
            outer.append(node.returns)
        body = node.body if isinstance(node.body, list) else [node.body]
        parameters = {each.name for each in getattr(node, "type_params", ())}
        self._visit_in(parameters, outer)
        self._visit_in(parameters | {each.arg for each in every} | _assigned(body), body)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815
    visit_Lambda = visit_FunctionDef  # noqa: N815

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        # Names bound in a class body are not hidden: counting a global of the same name too is harmless, missing it is not.
        parameters = {each.name for each in getattr(node, "type_params", ())}
        self._visit_in(parameters, [*node.decorator_list, *node.bases, *(each.value for each in node.keywords), *node.body])

    def _visit_comprehension(self, node: Any) -> None:
        first, *rest = node.generators
        self.visit(first.iter)
        results = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        inner = [*first.ifs, *(part for each in rest for part in (each.iter, *each.ifs)), *results]
        bound = {name.id for each in node.generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        self._visit_in(bound, inner)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension  # noqa: N815

    def _visit_in(self, bound: Iterable[str], nodes: Iterable[ast.AST]) -> None:
        self._bound.append(frozenset(bound))
        for each in nodes:
            self.visit(each)
        self._bound.pop()


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return every + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]


def _assigned(body: list[Any]) -> set[str]:
    """:return: the names that a function's own statements make local"""
    bound: set[str] = set()
    shared: set[str] = set()
    left = list(body)
    while left:
        node = left.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
                continue
            case ast.Lambda():
                continue
            case ast.Name(ctx=ast.Store() | ast.Del()):
                bound.add(node.id)
            case ast.Global() | ast.Nonlocal():
                shared.update(node.names)
            case ast.Import() | ast.ImportFrom():
                bound.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            case ast.ExceptHandler() | ast.MatchAs() | ast.MatchStar() if node.name:
                bound.add(node.name)
            case ast.MatchMapping() if node.rest:
                bound.add(node.rest)
            case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                # Only an assignment expression reaches out of a comprehension.
                walrus = (each.target for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
                bound.update(target.id for target in walrus)
                continue
        left.extend(ast.iter_child_nodes(node))
    return bound - shared
