"""Canonical form of Python source: what it does, without how it is written.

The form is our own, because ``ast.dump`` differs between Python versions and a key made of it dies with an upgrade. It has
no positions, no docstrings and no empty fields, so that fields which a later Python adds change nothing where they are unused.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

__all__ = ("Form", "canonical", "is_named_task")

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LONGEST_INT = 1 << 64  # Python refuses to write very long ones in decimal


def canonical(node: ast.AST) -> str:
    """:return: the node as text that is the same in every Python version"""
    return Form(node).text()


class Form:
    """The text of a tree, written once, from which the text of each definition in it can be cut.

    What of a definition is looked at by itself comes behind it: decorators and defaults of a function, the methods of a class.
    """

    def __init__(self, tree: ast.AST) -> None:
        self._parts: list[str] = []
        self._spans: dict[ast.AST, tuple[int, int]] = {}
        self._write(tree)

    def text(self) -> str:
        """:return: the whole text"""
        return "".join(self._parts)

    def own_text(self, node: ast.AST) -> str:
        """:return: the text of a definition without its decorators, its defaults, and its methods"""
        start, end = self._spans[node]
        return "".join(self._parts[start:end])

    def _write(self, value: Any) -> None:
        parts = self._parts
        if isinstance(value, ast.Constant):
            parts.append(_constant(value.value))
        elif isinstance(value, ast.AST):
            special = _SPECIAL.get(type(value))
            if special is None:
                self._fields(value, value._fields)
            else:
                special(self, value)
        elif isinstance(value, list):
            parts.append("[")
            for part in value:
                self._write(part)
            parts.append("]")
        else:
            parts.append(ascii(value))

    def _fields(self, node: ast.AST, names: tuple[str, ...]) -> None:
        parts = self._parts
        parts.append(f"({type(node).__name__}")
        for name in names:
            if name in _SKIPPED:
                continue
            part = getattr(node, name, None)
            if part is None or part == []:
                continue
            parts.append(f" {name}=")
            self._write(part)
        parts.append(")")

    def _function(self, node: Any) -> None:
        start = len(self._parts)
        self._parts.append(f"({type(node).__name__} ")
        if not isinstance(node, ast.Lambda):
            self._parts.append(f"name={node.name!a} ")
        self._parts.append("args=")
        self._fields(node.args, ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"))
        self._parts.append(" body=")
        self._write(_without_docstring(node.body))
        for name in ("returns", "type_params"):
            self._optional(name, getattr(node, name, None))
        self._parts.append(")")
        self._spans[node] = (start, len(self._parts))
        self._optional("defaults", node.args.defaults)
        self._optional("kw_defaults", node.args.kw_defaults if any(node.args.kw_defaults) else None)
        self._optional("decorators", getattr(node, "decorator_list", None))

    def _class(self, node: ast.ClassDef) -> None:
        start = len(self._parts)
        self._parts.append(f"(ClassDef name={node.name!a}")
        for name in ("bases", "keywords", "type_params"):
            self._optional(name, getattr(node, name, None))
        methods = [each for each in node.body if isinstance(each, _FUNCTIONS)]
        self._parts.append(" body=[")
        for each in _without_docstring(node.body):
            if isinstance(each, _FUNCTIONS):
                self._parts.append(f"({each.name})")
            else:
                self._write(each)
        self._parts.append("])")
        self._spans[node] = (start, len(self._parts))
        self._optional("methods", methods)
        self._optional("decorators", node.decorator_list)

    def _module(self, node: ast.Module) -> None:
        self._parts.append("(Module body=")
        self._write(_without_docstring(node.body))
        self._parts.append(")")

    def _joined(self, node: ast.JoinedStr) -> None:
        # How the text between the braces is cut into pieces differs between Python versions; some of the pieces are empty.
        pieces: list[Any] = []
        for each in node.values:
            text: Any = each.value if isinstance(each, ast.Constant) else None
            if text is None:
                pieces.append(each)
            elif pieces and isinstance(pieces[-1], str):
                pieces[-1] += text
            elif text:
                pieces.append(text)
        self._parts.append("(JoinedStr values=[")
        for piece in pieces:
            if isinstance(piece, str):
                self._parts.append(_constant(piece))
            else:
                self._write(piece)
        self._parts.append("])")

    def _optional(self, name: str, part: Any) -> None:
        if part:
            self._parts.append(f" {name}=")
            self._write(part)


_SPECIAL: dict[type[ast.AST], Callable[[Form, Any], None]] = {
    ast.FunctionDef: Form._function,
    ast.AsyncFunctionDef: Form._function,
    ast.Lambda: Form._function,
    ast.ClassDef: Form._class,
    ast.Module: Form._module,
    ast.JoinedStr: Form._joined,
}


def _constant(value: Any) -> str:
    # ascii(), because which letters repr() escapes depends on the Unicode version of the interpreter.
    if type(value) is int and abs(value) >= _LONGEST_INT:
        return f"<int {value:#x}>"
    return f"<{type(value).__name__} {value!a}>"


def _without_docstring(body: Any) -> Any:
    if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
        return body
    first = body[0].value
    return body[1:] if isinstance(first, ast.Constant) and isinstance(first.value, str) else body


def is_named_task(node: ast.expr) -> bool:
    """:return: whether a decorator is called ``.task``, as that of an environment is"""
    called = node.func if isinstance(node, ast.Call) else node
    return isinstance(called, ast.Attribute) and called.attr == "task"
