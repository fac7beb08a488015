"""Carried: the project's own code that an input brings along, as a function or an object of a class does.

A pickle names functions and classes and does not hold them. Were the names all that counts, a result would be reused after
the function that was passed has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import FunctionType
from types import ModuleType
from typing import Any

from msgpack import ExtType
from msgpack import unpackb

from localflyte.api.sources import owner_of
from localflyte.api.version import code_parts
from localflyte.spec.digest import sha256
from localflyte.spec.packed import Packed
from localflyte.types.scope import OPAQUE
from localflyte.types.scope import SET
from localflyte.types.scope import TUPLE
from localflyte.types.script import script_module

__all__ = ("with_code",)


def with_code(packed: Packed) -> Packed:
    """Let the code that a value names count as part of the value.

    :return: the value with that code in its canonical form
    :raises UncertainError: if the code has no certain content
    """
    modules = {name for name in [*sys.modules, script_module()] if name and name != "__main__" and owner_of(name) == "project"}
    named: set[tuple[str, str]] = set()
    for pickle in _pickles(packed.data):
        there = {name for name in modules if name.encode() in pickle}
        if there:
            named.update(_names_in(pickle, there))
    digests = [f"{module}.{name} {digest}" for module, name in sorted(named) if (digest := _digest_of(module, name))]
    if not digests:
        return packed
    code = "\n".join(digests).encode("utf-8", "surrogatepass")
    return packed._replace(canonical=(packed.canonical or packed.data) + b"\0code\0" + code)


def _pickles(data: bytes) -> Iterator[bytes]:
    left = [unpackb(data, strict_map_key=False)]
    while left:
        wire = left.pop()
        if isinstance(wire, list):
            left += wire
        elif isinstance(wire, dict):
            left += [*wire.keys(), *wire.values()]
        elif isinstance(wire, ExtType):
            if wire.code == OPAQUE:
                yield wire.data
            elif wire.code in (TUPLE, SET):
                left.append(unpackb(wire.data, strict_map_key=False))


def _names_in(pickle: bytes, modules: set[str]) -> Iterator[tuple[str, str]]:
    """:return: every text of a pickle that stands behind the name of one of the modules, as the names of globals do"""
    from pickletools import genops

    memo: list[str | None] = []
    pushed: str | None = None
    before: str | None = None
    whole = b"subimport" in pickle  # how cloudpickle names a module that a function uses
    for opcode, argument, _ in genops(pickle):
        if opcode.name == "MEMOIZE":
            memo.append(pushed)
            continue
        text: Any = argument
        if opcode.name in ("BINGET", "LONG_BINGET") and isinstance(argument, int):
            text = memo[argument] if argument < len(memo) else None
        pushed = text if isinstance(text, str) else None
        if pushed is not None:
            if before in modules:
                yield str(before), pushed
            if whole and pushed in modules:
                yield pushed, ""
            before = pushed


def _digest_of(module: str, name: str) -> str:
    """:return: a digest of a function, class or task of the project's, or of a whole module; empty for anything else"""
    home = sys.modules.get(module) or sys.modules.get("__main__")
    value: Any = home
    for step in name.split(".") if name else ():
        value = vars(value).get(step) if isinstance(value, type) or value is home else None
    if value is None:
        tasks = (each for each in list(vars(home).values()) if hasattr(type(each), "forget_code"))
        value = next((each.function for each in tasks if each.name == name), None)
    if not isinstance(value, type | FunctionType | ModuleType):
        return ""
    return sha256("\n".join(f"{label}={digest}" for label, digest in code_parts(value).items()).encode("utf-8", "surrogatepass"))
