"""Carried: the project's own code that an input brings along, as a function or an object of a class does.

A pickle names functions and classes and does not hold them. Were the names all that counts, a result would be reused after
the function that was passed has changed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Iterator
from types import FunctionType
from types import ModuleType
from typing import Any

from msgpack import ExtType
from msgpack import packb
from msgpack import unpackb

from localflyte.api.pickles import UnknownPickleError
from localflyte.api.pickles import content_of
from localflyte.api.pickles import texts_in
from localflyte.api.sources import owner_of
from localflyte.api.version import code_parts
from localflyte.spec.digest import sha256
from localflyte.spec.packed import Packed
from localflyte.types import filed
from localflyte.types.base import Codec
from localflyte.types.scope import FILED
from localflyte.types.scope import OPAQUE
from localflyte.types.scope import SET
from localflyte.types.scope import TUPLE
from localflyte.types.scope import Resolving
from localflyte.types.script import script_module

__all__ = ("with_code",)

LARGE = filed.LARGE  # bytes; reading through a larger pickle would take longer than most tasks


def with_code(packed: Packed, codec: Codec) -> Packed:
    """Let the code that a value names count as part of the value, and the order in its pickles not.

    :param codec: of the declared type
    :return: the value with another canonical form
    :raises UncertainError: if the code has no certain content
    """
    modules = {name for name in [*sys.modules, script_module()] if name and name != "__main__" and owner_of(name) == "project"}
    named: set[tuple[str, str]] = set()

    def content(pickle: bytes) -> bytes:
        there = {name for name in modules if name.encode() in pickle}
        small = len(pickle) <= LARGE
        if there:
            named.update(_names_in(pickle, there) if small else _names_near(pickle, there))
        if small:
            try:
                return content_of(pickle).encode()
            except UnknownPickleError:
                pass
        return pickle

    # First what counts at all, where a HashMethod says so; and in the end what the new contents say of the order in a set.
    with Resolving(packed.refs):
        wire = codec.order(_replaced(codec.order(unpackb(packed.data, strict_map_key=False)), content))
    digests = [f"{module}.{name} {digest}" for module, name in sorted(named) if (digest := _digest_of(module, name))]
    return packed._replace(canonical=b"\0".join((bytes(packb(wire)), "\n".join(digests).encode("utf-8", "surrogatepass"))))


def _replaced(wire: Any, content: Callable[[bytes], bytes]) -> Any:
    """:return: a wire form with something else in the place of each pickle"""
    if isinstance(wire, list):
        return [_replaced(each, content) for each in wire]
    if isinstance(wire, dict):
        return {_replaced(key, content): _replaced(each, content) for key, each in wire.items()}
    if isinstance(wire, ExtType):
        if wire.code == OPAQUE:
            return ExtType(OPAQUE, content(wire.data))
        if wire.code == FILED:
            content(filed.data_of(wire))  # for the code that it names; what it holds counts by the digest of its file
        if wire.code in (TUPLE, SET):
            return ExtType(wire.code, packb(_replaced(unpackb(wire.data, strict_map_key=False), content)))
    return wire


def _names_in(pickle: bytes, modules: set[str]) -> Iterator[tuple[str, str]]:
    """:return: every text of a pickle that stands behind the name of one of the modules, as the names of globals do"""
    whole = b"subimport" in pickle  # how cloudpickle names a module that a function uses
    before = ""
    for text in texts_in(pickle):
        if before in modules:
            yield before, text
        if whole and text in modules:
            yield text, ""
        before = text


def _names_near(pickle: bytes, modules: set[str]) -> Iterator[tuple[str, str]]:
    """:return: the names of the modules that are anywhere in a pickle: more than needed, but it is too large to be read through"""
    for module in modules:
        home = sys.modules.get(module) or sys.modules["__main__"]
        for name, value in list(vars(home).items()):
            if isinstance(value, type | FunctionType) and name.encode() in pickle:
                yield module, name


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
