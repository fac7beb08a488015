"""Fingerprint: a digest of everything that a function really runs, part by part, so that a change can be named.

It follows the function's names into the project's own modules: functions, classes, constants, closures, defaults, and the
tasks that are called. Installed packages count by name and version; the standard library and flyte itself do not count.
Where something cannot be told for certain, it raises: a key that is too weak would give stale results.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from localflyte.api.canonical import canonical
from localflyte.api.canonical import imports_in
from localflyte.api.canonical import names_used
from localflyte.api.canonical import without_task_decorators
from localflyte.api.packages import package_version
from localflyte.api.reference import home_module
from localflyte.api.sources import Sources
from localflyte.api.sources import file_of
from localflyte.api.sources import owner_of
from localflyte.api.values import Describer
from localflyte.api.values import UncertainError
from localflyte.spec.digest import sha256

__all__ = ("Fingerprint",)

_MISSING = object()
_ABOUT_MODULES = frozenset(("__builtins__", "__doc__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__"))


class Fingerprint:
    """Collects the parts of one task's code."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self._sources = Sources()
        self._known: dict[int, tuple[str, Any]] = {}
        self._values = Describer(self._describe_code)

    def add_function(self, function: Any) -> str:
        """Add a function and all it uses.

        :return: the name of its part
        :raises UncertainError: if something it uses has no certain digest
        """
        known = self._known.get(id(function))
        if known is not None:
            return known[0]
        module = function.__globals__.get("__name__", "") if hasattr(function, "__globals__") else home_module(function)
        owner = owner_of(module)
        if owner != "project":
            return self._add_foreign_function(function, module, owner)
        name = f"function {_home(module, function)}.{function.__code__.co_qualname}"
        self._known[id(function)] = (name, function)
        text = [self._code_of(function)]
        for parameter, value in _defaults(function):
            text.append(f"default {parameter}={self._values.describe(value, f'the default of {parameter!r} of {name}')}")
        self._add_part(name, text)
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None and hasattr(wrapped, "__code__"):
            self.add_function(wrapped)
        return name

    def _add_foreign_function(self, function: Any, module: str, owner: str) -> str:
        name = self._foreign(module, owner, getattr(function, "__qualname__", repr(function)))
        self._known[id(function)] = (name, function)
        # A decorator of someone else's: what it wraps is the project's, and its arguments stand in the project's source.
        inner = [getattr(function, "__wrapped__", None), *(_cell(cell) for cell in getattr(function, "__closure__", None) or ())]
        for registry in [each for each in inner if isinstance(each, dict)]:  # functools.singledispatch keeps its functions in one
            inner += registry.values()
        found = [self.add_function(each) for each in inner if hasattr(each, "__code__") and hasattr(each, "__globals__")]
        return " around ".join([name, *found])

    def _code_of(self, function: Any) -> str:
        try:
            nodes = self._sources.of_function(function)
        except (LookupError, SyntaxError) as error:
            raise UncertainError(f"the source of {function.__qualname__} cannot be read: {error}") from error
        cells = dict(zip(function.__code__.co_freevars, map(_cell, function.__closure__ or ()), strict=False))
        if not nodes:
            names = sorted(set(_code_names(function.__code__)))
            used = self._resolved(((name,) for name in names), cells, function.__globals__, function.__qualname__)
            return self._bytecode(function.__code__) + used
        bare = map(without_task_decorators, nodes)
        return "".join(self._tree(node, cells, function.__globals__, function.__qualname__) for node in bare)

    def _tree(self, node: Any, cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str) -> str:
        imported = sorted({self._import(*each, namespace) for each in imports_in(node)})
        return "\n".join([canonical(node), *imported, self._resolved(names_used(node), cells, namespace, where)])

    def _resolved(self, chains: Iterable[tuple[str, ...]], cells: Mapping[str, Any], namespace: Mapping[str, Any], where: str) -> str:
        lines = []
        for chain in chains:
            name, *attributes = chain
            if name in _ABOUT_MODULES:
                continue
            kind = "closure variable" if name in cells else "global variable"
            value = cells.get(name, namespace.get(name, _MISSING))
            if value is _MISSING:
                continue
            path = name
            while isinstance(value, ModuleType) and attributes and hasattr(value, attributes[0]):
                path = f"{path}.{attributes[0]}"
                value = getattr(value, attributes.pop(0))
            lines.append(f"{path} is {self._values.describe(value, f'{kind} {path!r} of {where}')}")
        return "\n".join(sorted(set(lines)))

    def _describe_code(self, value: Any, where: str) -> str | None:
        """Name code, and add it as a part; ``None`` for what is no code."""
        if isinstance(value, ModuleType):
            return self._add_module(value.__name__)
        if isinstance(value, type):
            return self._add_class(value)
        if hasattr(value, "task_options") and hasattr(value, "native_interface"):
            function = value.function
            return f"task {value.name}" if function is None else f"task {value.name}: {self.add_function(function)}"
        if hasattr(value, "__code__") and hasattr(value, "__globals__"):
            return self.add_function(value)
        if hasattr(value, "__wrapped__") and hasattr(value.__wrapped__, "__code__"):
            return f"{type(value).__qualname__} around {self.add_function(value.__wrapped__)}"
        if type(value).__module__.startswith("localflyte.api."):
            return f"flyte {type(value).__qualname__}"
        if hasattr(value, "__qualname__") and hasattr(value, "__self__") and type(value).__name__.startswith("builtin"):
            return f"{self._add_module(value.__module__ or 'builtins')} {value.__qualname__}"
        return None

    def _add_class(self, cls: type[Any]) -> str:
        owner = owner_of(cls.__module__)
        if owner != "project":
            return self._foreign(cls.__module__, owner, cls.__qualname__)
        name = f"class {_home(cls.__module__, cls)}.{cls.__qualname__}"
        if id(cls) in self._known:
            return name
        self._known[id(cls)] = (name, cls)
        functions = [each for each in map(_function_in, vars(cls).values()) if each is not None]
        nodes = self._sources.of_class(cls)
        text = [self._values.describe(base, f"a base of {name}") for base in cls.__bases__]
        if nodes:
            cells: dict[str, Any] = {}
            for one in functions:
                cells.update(zip(one.__code__.co_freevars, map(_cell, one.__closure__ or ()), strict=False))
            cells.pop("__class__", None)
            text += [self._tree(node, cells, vars(sys.modules[cls.__module__]), name) for node in nodes]
        elif (file_of(cls.__module__) or "").endswith((".so", ".pyd")):
            text.append(self._add_module(cls.__module__))
        else:
            text += [f"{each}={self._member(value, name)}" for each, value in vars(cls).items() if each not in _MADE_FOR_CLASSES]
        self._add_part(name, text)
        return name

    def _member(self, value: Any, where: str) -> str:
        function = _function_in(value)
        return self._values.describe(value, f"a member of {where}") if function is None else self._bytecode(function.__code__)

    def _add_module(self, module: str) -> str:
        """Add a module as a whole, for code that uses it in a way that cannot be followed name by name."""
        owner = owner_of(module)
        if owner != "project":
            return self._foreign(module, owner, module)
        name = f"module {module}"
        if name in self.parts:
            return name
        self.parts[name] = ""
        file = file_of(module) or ""
        tree = self._sources.of_file(file) if file else None
        if tree is not None:
            loaded = sys.modules.get(module)
            namespace = {"__package__": module.rpartition(".")[0]} if loaded is None else vars(loaded)
            self._add_part(name, [self._tree(tree, {}, namespace, name)])
        elif file:
            with open(file, "rb") as binary:
                self._add_part(name, [sha256(binary.read())])
        return name

    def _import(self, module: str, name: str, level: int, namespace: Mapping[str, Any]) -> str:
        """Follow an import that stands inside of a function or module."""
        if level:
            package = str(namespace.get("__package__") or "").split(".")
            module = ".".join([*package[: len(package) - level + 1], *([module] if module else [])])
        loaded = sys.modules.get(module)
        if name and name != "*" and loaded is not None and hasattr(loaded, name):
            return f"import {module}.{name}: {self._values.describe(getattr(loaded, name), f'{name!r}, imported from {module}')}"
        if name and owner_of(f"{module}.{name}") not in ("missing", "stdlib"):
            return f"import {self._add_module(f'{module}.{name}')}"
        return f"import {self._add_module(module)} {name}"

    def _foreign(self, module: str, owner: str, name: str) -> str:
        if owner == "package":
            top = module.partition(".")[0]
            key, version = package_version(top)
            self.parts[f"package {key}"] = version
        return f"{owner} {module}.{name}"

    def _bytecode(self, code: Any) -> str:
        """Describe code that has no source. Unlike source it differs between Python versions."""
        constants = [
            self._bytecode(each) if hasattr(each, "co_code") else self._values.describe(each, "a constant") for each in code.co_consts
        ]
        return repr((sys.implementation.cache_tag, code.co_code, code.co_names, code.co_varnames, code.co_flags, constants))

    def _add_part(self, name: str, text: list[str]) -> None:
        digest = sha256("\n".join(text).encode("utf-8", "surrogatepass"))
        key, number = name, 1
        while self.parts.get(key, "") not in ("", digest):  # two closures made by one factory have one name
            number += 1
            key = f"{name} #{number}"
        self.parts[key] = digest


_MADE_FOR_CLASSES = frozenset(
    ("__dict__", "__doc__", "__firstlineno__", "__module__", "__qualname__", "__slots__", "__static_attributes__", "__weakref__")
)


def _home(module: str, thing: Any) -> str:
    return home_module(thing) if module == "__main__" else module


def _cell(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return None


def _defaults(function: Any) -> Iterable[tuple[str, Any]]:
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    yield from zip(named[len(named) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def _code_names(code: Any) -> Iterable[str]:
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            yield from _code_names(constant)


def _function_in(member: Any) -> Any:
    """:return: the Python function behind a member of a class, if there is one"""
    inner = getattr(member, "fget", None) or getattr(member, "__func__", None) or getattr(member, "func", None) or member
    inner = getattr(inner, "__wrapped__", inner)
    return inner if hasattr(inner, "__code__") and hasattr(inner, "__globals__") else None
