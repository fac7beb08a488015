"""Members: what a live function or class is made of, beside its source."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from types import CodeType
from types import FunctionType
from typing import Any

__all__ = ("DATA", "bytecode", "cells_of", "code_names", "defaults_of", "defaults_of_fields", "functions_in", "home_of", "is_internal")

#: The types of values that are surely no code.
DATA = frozenset((type(None), bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset))

#: Where a descriptor keeps the functions that it was made of.
_HOLDERS = ("fget", "fset", "fdel", "__func__", "func", "__wrapped__", "wrapped")


def functions_in(member: Any) -> list[Any]:
    """:return: the Python functions behind a member of a class"""
    if type(member) is FunctionType:
        return [member]
    if type(member) in DATA:
        return []
    found: list[Any] = []
    if type(member).__module__ in _KNOWN_HOLDERS or hasattr(type(member), "__get__"):
        for name in _HOLDERS:
            inner = getattr(member, name, None)
            found += [inner] if type(inner) is FunctionType else []
            if inner is not None and type(inner) is not FunctionType and name in ("__func__", "func") and inner is not member:
                found += functions_in(inner)
    return found


_KNOWN_HOLDERS = frozenset({"builtins", "functools"})


def cells_of(function: Any) -> dict[str, Any]:
    """:return: the closure variables of a function that have a value"""
    found: dict[str, Any] = {}
    if function.__closure__ is None:
        return found
    for name, cell in zip(function.__code__.co_freevars, function.__closure__, strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return found


def defaults_of(function: Any) -> Iterator[tuple[str, Any]]:
    """:return: the parameters of a function that have a default, with its value"""
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    yield from zip(named[len(named) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def defaults_of_fields(cls: type[Any]) -> Iterator[tuple[str, Any]]:
    """:return: values that a class holds where its namespace does not show them: of fields, and of the members of an enumeration"""
    own = vars(cls)
    for name in ("__dataclass_fields__", "__pydantic_fields__"):
        fields = own.get(name)
        for key, field in fields.items() if isinstance(fields, dict) else ():
            if key not in own:
                yield from ((f"{key}.{part}", getattr(field, part, None)) for part in ("default", "default_factory"))
    members = own.get("_member_map_")
    for key, member in members.items() if isinstance(members, dict) else ():
        yield key, getattr(member, "_value_", None)


def code_names(code: CodeType) -> Iterable[str]:
    """:return: every name in a code object that may be a global or closure variable"""
    yield from code.co_names
    yield from code.co_freevars
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_names(constant)


def bytecode(code: CodeType) -> str:
    """Describe code that has no source. Unlike source it differs between Python versions."""
    constants = [bytecode(each) if isinstance(each, CodeType) else _constant(each) for each in code.co_consts]
    shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags, code.co_exceptiontable)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return repr((sys.implementation.cache_tag, code.co_code, *names, *shape, constants))


def _constant(value: Any) -> str:
    if isinstance(value, frozenset):
        return f"frozenset {sorted(map(_constant, value))}"
    if isinstance(value, tuple):
        return f"tuple {[_constant(each) for each in value]}"
    return f"{type(value).__name__} {value!r}"


def home_of(namespace: Mapping[str, Any]) -> str:
    """:return: the name of the module with these globals, the same in the script's own process and in its workers"""
    name = str(namespace.get("__name__", ""))
    if name != "__main__":
        return name
    spec = namespace.get("__spec__")
    if spec is not None and spec.name != "__main__":
        return str(spec.name)
    file = str(namespace.get("__file__") or "")
    base = file.rpartition("/")[2]
    return base.rpartition(".")[0] or base or name


def is_internal(name: str) -> bool:
    """:return: whether a member of a class is one that Python or a library makes for its own use"""
    return name.startswith("_") and name.endswith("_")
