"""Sources: find the syntax tree of a live function, class or module, and tell whose code it is."""

from __future__ import annotations

import ast
import os
import sys
from functools import lru_cache
from typing import Any

__all__ = ("Sources", "file_of", "forget_sources", "owner_of")

_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_OURS = frozenset({"flyte", "localflyte"})


@lru_cache(maxsize=4096)
def owner_of(module: str) -> str:
    """:return: ``"project"``, ``"package"``, ``"stdlib"``, ``"flyte"``, or ``"missing"`` when there is no such module"""
    top = module.partition(".")[0]
    if top in _OURS:
        return "flyte"
    if top == "builtins":
        return "stdlib"
    file = file_of(module)
    if file is None:
        return "missing"
    if not file:
        return "stdlib" if top in sys.stdlib_module_names else "project"
    if any(part in file for part in _INSTALLED):
        return "package"
    return "stdlib" if file.startswith(_STDLIB) else "project"


def file_of(module: str) -> str | None:
    """:return: the file, empty for a module without one, ``None`` when there is no such module"""
    loaded = sys.modules.get(module)
    if loaded is not None:
        file: str | None = getattr(loaded, "__file__", None)
        return os.path.abspath(file) if file else ""
    from importlib.util import find_spec

    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    if spec is None:
        return None
    return os.path.abspath(spec.origin) if spec.has_location and spec.origin else ""


class _Index:
    """The definitions of one file, by line and by qualified name."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree = tree
        self.by_line: dict[tuple[str, int], list[ast.AST]] = {}
        self.by_name: dict[str, list[ast.AST]] = {}
        self._enter(tree, "")

    def _enter(self, node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    self._add(child, child.name, min([child.lineno, *(each.lineno for each in child.decorator_list)]), prefix)
                    self._enter(child, f"{prefix}{child.name}.<locals>.")
                case ast.ClassDef():
                    self._add(child, child.name, child.lineno, prefix)
                    self._enter(child, f"{prefix}{child.name}.")
                case ast.Lambda():
                    self._add(child, "<lambda>", child.lineno, prefix)
                    self._enter(child, f"{prefix}<lambda>.<locals>.")
                case _:
                    self._enter(child, prefix)

    def _add(self, node: ast.AST, name: str, line: int, prefix: str) -> None:
        self.by_line.setdefault((name, line), []).append(node)
        self.by_name.setdefault(prefix + name, []).append(node)


_read: dict[str, tuple[object, _Index | None]] = {}


def forget_sources() -> None:
    """Give back the memory of the files that were read; versions that were made stay known."""
    _read.clear()


class Sources:
    """Reads each file once, and again when it was changed."""

    def of_function(self, function: Any) -> list[ast.AST]:
        """:return: the tree of a function; several when a line holds several lambdas; none when there is no source

        :raises LookupError: if there is source, and the function is not in it
        """
        code = function.__code__
        index = self._index(code.co_filename, function.__globals__)
        if index is None:
            return []
        found = index.by_line.get((code.co_name, code.co_firstlineno)) or index.by_name.get(code.co_qualname)
        if not found:
            raise LookupError(f"{function.__qualname__} is not in {code.co_filename}, line {code.co_firstlineno} (was the file changed?)")
        return found

    def of_class(self, cls: type[Any]) -> list[ast.AST]:
        """:return: the tree of a class; several when a file defines it in several places; none when there is no source"""
        module = sys.modules.get(cls.__module__)
        file = getattr(module, "__file__", None)
        index = self._index(file, vars(module)) if file else None
        return [] if index is None else [node for node in index.by_name.get(cls.__qualname__, []) if isinstance(node, ast.ClassDef)]

    def of_file(self, file: str) -> ast.AST | None:
        """:return: the tree of a file, ``None`` when it holds no Python source"""
        index = self._index(file, None)
        return None if index is None else index.tree

    def _index(self, file: str, namespace: dict[str, Any] | None) -> _Index | None:
        stamp = _stamp(file)
        known = _read.get(file)
        if known is None or known[0] != stamp:
            import linecache

            linecache.checkcache(file)
            text = "".join(linecache.getlines(file, namespace)) if not file.endswith((".so", ".pyd", ".pyc")) else ""
            if stamp is None:
                stamp = text
            known = _read[file] = (stamp, _Index(ast.parse(text)) if text else None)
        return known[1]


def _stamp(file: str) -> object:
    """What changes with a file; ``None`` for what is no file, as a notebook's cell."""
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
