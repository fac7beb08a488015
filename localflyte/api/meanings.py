"""Meanings: what the names in a piece of code mean in this process, followed to where the project defines it."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from collections.abc import Mapping
from types import FunctionType
from types import ModuleType
from typing import Any
from typing import Protocol

from localflyte.api.members import home_of
from localflyte.api.outline import Binding
from localflyte.api.outline import Chain
from localflyte.api.outline import Import
from localflyte.api.outline import Outline
from localflyte.api.sources import Sources
from localflyte.api.sources import owner_of
from localflyte.api.values import Describer
from localflyte.api.values import UncertainError
from localflyte.api.values import is_stateless

__all__ = ("Meanings", "absolute")

_MISSING = object()
_ABOUT_MODULES = frozenset(("__builtins__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"))
_REACH_ALL = frozenset(("eval", "exec", "globals"))  # with one of these, code may use any name of its module
#: What stands among the names for an import by a computed name, and for a look at which subclasses there are.
_MARKS = frozenset(("import_module()", "__subclasses__()"))
_FURTHEST = 10  # modules that may hand a name on to one another


class _Parts(Protocol):
    """Where the parts are collected."""

    sources: Sources
    values: Describer

    def code(self, value: Any) -> str | None: ...
    def module(self, module: str) -> str: ...
    def foreign(self, module: str, name: str) -> str: ...
    def add_part(self, label: str, text: Iterable[str]) -> None: ...
    def new_label(self, label: str) -> str: ...
    def add_subclasses(self) -> None: ...


class Meanings:
    """:param parts: gets a part for each value that a name leads to"""

    def __init__(self, parts: _Parts) -> None:
        self._parts = parts
        # Each with its namespace, so that no other can get its id.
        self._lines: dict[int, tuple[Mapping[str, Any], dict[Chain, str]]] = {}
        self._outlines: dict[int, tuple[Mapping[str, Any], Outline | None]] = {}
        self._constants: dict[tuple[int, str], str] = {}

    def resolved(self, chains: Iterable[Chain], cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str) -> list[str]:
        """Follow names of a piece of code.

        :param cells: its closure variables
        :param namespace: its global variables
        :param where: what the person would call the code
        :return: a line for each name that is not a local or a builtin
        :raises UncertainError: if a value has no certain content
        """
        lines: set[str] = set()
        _, known = self._lines.setdefault(id(namespace), (namespace, {}))
        for chain in chains:
            name = chain[0]
            if name in cells:
                lines.add(self._closure(name, cells[name], where))
                continue
            if name not in namespace and name not in _REACH_ALL and name not in _MARKS:  # a builtin, mostly
                continue
            line = known.get(chain)
            if line is None:
                line = known[chain] = self._global(chain, namespace, where)
            if line:
                lines.add(line)
        return sorted(lines)

    def _closure(self, name: str, value: Any, where: str) -> str:
        label = self._parts.code(value)
        if label is None:
            label = f"closure {name} of {where}"
            self._parts.add_part(label, [self._parts.values.describe(value, f"closure variable {name!r} of {where}")])
        return f"{name}={label}"

    def _global(self, chain: Chain, namespace: Mapping[str, Any], where: str) -> str:
        name, *attributes = chain
        value = namespace.get(name, _MISSING)
        if name in _ABOUT_MODULES:
            return ""
        if value is _MISSING:
            if name == "import_module()":
                raise UncertainError(f"{where} imports a module whose name is not written there")
            if name == "__subclasses__()":
                self._parts.add_subclasses()
            whole = name in _REACH_ALL and owner_of(str(namespace.get("__name__", ""))) == "project"
            return f"{name}={self._parts.module(str(namespace['__name__']))}" if whole else ""
        path = name
        while isinstance(value, ModuleType):
            if owner_of(value.__name__) not in ("project", "missing"):  # what was loaded by hand is nowhere to be found
                return f"{path}={self._parts.foreign(value.__name__, '')}{self._in_foreign(value, attributes, namespace)}"
            if not attributes:
                return f"{path}={self._parts.code(value)}"
            name = attributes.pop(0)
            if name not in vars(value):
                # A module that is not imported yet, or a name that the module makes when it is asked for.
                lazy = f"{value.__name__}.{name}"
                return f"{path}={self._parts.module(lazy) if owner_of(lazy) == 'project' else self._parts.code(value)}"
            namespace, path = vars(value), f"{path}.{name}"
            value = namespace[name]
        return f"{path}={self._meant(name, value, namespace, f'global variable {path!r} of {where}')}"

    def _in_foreign(self, module: ModuleType, attributes: list[str], namespace: Mapping[str, Any]) -> str:
        """:return: what of the project's own is reached through a module of someone else's"""
        value: Any = module
        for name in attributes:
            value = vars(value).get(name, _MISSING) if isinstance(value, ModuleType) else _MISSING
        if type(value) is FunctionType and owner_of(str(value.__globals__.get("__name__", ""))) == "project":
            return f" {self._parts.code(value)}"  # put there in place of theirs
        home = str(namespace.get("__name__", ""))
        if value is sys.modules and owner_of(home) == "project":
            return f" {self._parts.module(home)}"
        return ""

    def _meant(self, name: str, value: Any, namespace: Mapping[str, Any], where: str) -> str:
        label = self._parts.code(value)
        if label is not None:
            # What someone else's factory made: the way it was asked to is the project's.
            made = type(value) is FunctionType and label.startswith("package ") and "<locals>" in value.__code__.co_qualname
            return " ".join([label, *(_written(self._bindings(name, namespace)) if made else ())])
        if is_stateless(value):
            # A context variable has a default, which shows nowhere but where it is written.
            written = _written(self._bindings(name, namespace)) if type(value).__name__ == "ContextVar" else []
            return " ".join([self._parts.values.describe(value, where), *written])
        known = self._constants.get((id(namespace), name))
        if known is not None:
            return known
        first = (id(namespace), name)
        bindings = self._bindings(name, namespace)
        for _ in range(_FURTHEST):
            source = next((each.source for each in bindings if each.source[1]), None)
            if source is None:
                break
            module = absolute(source, namespace)
            origin = sys.modules.get(module)
            if origin is None or getattr(origin, source[1], _MISSING) is not value:
                break
            if owner_of(module) != "project":
                return self._parts.foreign(module, source[1])
            name, namespace = source[1], vars(origin)
            bindings = self._bindings(name, namespace)
        part = self._constants.get((id(namespace), name))
        if part is None:
            part = self._parts.new_label(f"constant {home_of(namespace)}.{name}")
            # Also as it is written: what a program sets in its own process, a task's process does not see.
            self._parts.add_part(part, [self._parts.values.describe(value, where), *_written(bindings)])
        self._constants[first] = self._constants[id(namespace), name] = part
        self._lines.setdefault(id(namespace), (namespace, {}))
        return part

    def _bindings(self, name: str, namespace: Mapping[str, Any]) -> list[Binding]:
        """:return: every way in which the source of the module with these globals binds a name"""
        outline = self._outline(namespace)
        return [] if outline is None else outline.bindings(name)

    def _outline(self, namespace: Mapping[str, Any]) -> Outline | None:
        """:return: the outline of the module with these globals"""
        known = self._outlines.get(id(namespace))
        if known is None:
            file = namespace.get("__file__")
            project = bool(file) and owner_of(str(namespace.get("__name__", ""))) == "project"
            known = self._outlines[id(namespace)] = (namespace, self._parts.sources.of_file(str(file)) if project else None)
        return known[1]

    def imported(self, one: Import, namespace: Mapping[str, Any]) -> str:
        """Follow an import that stands inside of a function: as it is written, since it may or may not have happened yet."""
        module, name = absolute(one, namespace), one[1]
        if not module:
            return ""
        inner = f"{module}.{name}"
        if name and name != "*" and owner_of(module) == "project" and owner_of(inner) == "project":
            return f"import {self._parts.module(inner)}"
        return f"import {self._parts.module(module)} {name}"


def _written(bindings: list[Binding]) -> list[str]:
    return sorted(each.digest for each in bindings if each.digest)


def absolute(one: Import, namespace: Mapping[str, Any]) -> str:
    """:return: the module that an import in the module with these globals names; empty for a relative one that has no package"""
    module, _, level = one
    if not level:
        return module
    package = str(namespace.get("__package__") or str(namespace.get("__name__", "")).rpartition(".")[0]).split(".")
    return ".".join([*package[: len(package) - level + 1], *([module] if module else [])])
