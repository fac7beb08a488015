"""Outlining: make the outline of a source file from its tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from msgpack import packb

from localflyte.api.canonical import Form
from localflyte.api.canonical import canonical
from localflyte.api.canonical import is_named_task
from localflyte.api.names import Names
from localflyte.api.outline import Import
from localflyte.spec.digest import sha256

__all__ = ("rows_of",)


def rows_of(source: bytes) -> list[Any]:
    """:return: what an `Outline` is made of, as plain values

    :raises SyntaxError: if it is no Python
    :raises RecursionError: if it is nested too deeply to look into
    """
    tree = ast.parse(source)
    form, names = Form(tree), Names(tree, scan=b":=" in source)
    places, definitions = [], []
    for node, prefix in names.definitions:
        name = getattr(node, "name", "<lambda>")
        decorators = [] if isinstance(node, ast.ClassDef) else getattr(node, "decorator_list", [])
        # Where it begins as a code object says it: with its decorators.
        places.append([name, prefix + name, min([node.lineno, *(each.lineno for each in decorators)])])
        definitions.append(packb(_definition_row(node, name, form, names)))
    bindings: dict[str, list[Any]] = {}
    stars: list[Import] = []
    for name, value, source_of in _bindings(tree.body):
        if name == "*":
            stars.append(source_of)
        else:
            bindings.setdefault(name, []).append(["" if value is None else _digest(canonical(value)), source_of])
    whole = [_digest(form.text()), packb(sorted(set(names.imports()))), packb(stars)]
    return [places, definitions, {name: packb(found) for name, found in bindings.items()}, whole]


def _definition_row(node: Any, name: str, form: Form, names: Names) -> list[Any]:
    used, imports = names.own(node)
    is_class = isinstance(node, ast.ClassDef)
    methods = [each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)] if is_class else []
    decorators = [_decorator_row(each) for each in getattr(node, "decorator_list", [])]
    defaults = ["", []] if is_class else _defaults_row(node)
    row = ["class" if is_class else "function", name, _digest(form.own_text(node))]
    return [*row, sorted(used), sorted(set(imports)), decorators, defaults, methods]


def _defaults_row(node: Any) -> list[Any]:
    values = [*node.args.defaults, *node.args.kw_defaults]
    if not values:
        return ["", []]
    text = " ".join("-" if each is None else canonical(each) for each in values)
    return [_digest(text), sorted({chain for each in values if each is not None for chain in Names(each).used()})]


def _decorator_row(node: ast.expr) -> list[Any]:
    called = node.func if isinstance(node, ast.Call) else node
    chain: list[str] = []
    while isinstance(called, ast.Attribute):
        chain.insert(0, called.attr)
        called = called.value
    chain = [called.id, *chain] if isinstance(called, ast.Name) else []
    return [_digest(canonical(node)), sorted(Names(node).used()), chain, is_named_task(node)]


_NOT_IMPORTED: Import = ("", "", 0)


def _bindings(body: list[Any]) -> Iterator[tuple[str, ast.AST | None, Import]]:
    """:return: name, what it is bound to, and where it is imported from, for every statement of the module's own that binds one"""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name, None, _NOT_IMPORTED
                continue
            case ast.Import():
                for alias in node.names:
                    top = alias.name.partition(".")[0]
                    yield alias.asname or top, None, (alias.name if alias.asname else top, "", 0)
            case ast.ImportFrom():
                for alias in node.names:
                    yield alias.asname or alias.name, None, (node.module or "", alias.name, node.level)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() if node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for name in _stored(targets):
                    yield name, node.value, _NOT_IMPORTED
            case ast.For() | ast.AsyncFor():
                yield from ((name, node.iter, _NOT_IMPORTED) for name in _stored([node.target]))
            case ast.With() | ast.AsyncWith():
                for item in node.items:
                    targets = [] if item.optional_vars is None else [item.optional_vars]
                    yield from ((name, item.context_expr, _NOT_IMPORTED) for name in _stored(targets))
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from _bindings(getattr(node, field, []))


def _stored(targets: list[Any]) -> Iterator[str]:
    for target in targets:
        for each in ast.walk(target):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                yield each.id


def _digest(text: str) -> str:
    return sha256(text.encode())
