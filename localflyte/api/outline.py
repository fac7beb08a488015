"""Outline: what a fingerprint has to know of a source file, without its tree: a digest, names and imports for each definition."""

from __future__ import annotations

from typing import Any
from typing import NamedTuple

from msgpack import unpackb

__all__ = ("Binding", "Chain", "Decorator", "Definition", "Import", "Outline", "unpack")

Chain = tuple[str, ...]
"""A name with the attributes that are read from it: ``("np", "linalg", "norm")``."""

Import = tuple[str, str, int]
"""Module, name (empty for a plain import) and level."""


class Decorator(NamedTuple):
    digest: str
    names: tuple[Chain, ...]
    called: Chain
    """The name that is used as the decorator, or called to make it; empty where it is no name."""
    named_task: bool


class Definition(NamedTuple):
    """A function, lambda or class, wherever it stands in the file."""

    kind: str
    """``"function"`` or ``"class"``."""
    name: str
    digest: str
    """Of what it does, without its decorators and defaults, and a class's methods."""
    names: tuple[Chain, ...]
    imports: tuple[Import, ...]
    decorators: list[Decorator]
    defaults: tuple[str, tuple[Chain, ...]]
    """A digest of the default values as they are written, and the names in them."""
    methods: tuple[str, ...]
    """The functions that stand right in the body of a class."""


class Binding(NamedTuple):
    """One way in which a name of the module gets its value."""

    digest: str
    """Of what it is bound to; empty for a definition or an import."""
    source: Import
    """Where a name is imported from; three empty values for what is not."""


class Outline:
    """What a file holds. Its pieces stay packed until they are asked for: a project has many, and a task uses few.

    :param rows: as `outlining.rows_of` makes them
    """

    def __init__(self, rows: Any) -> None:
        places, self._definitions, self._bindings, whole = rows
        self.digest, self._imports, self._stars = whole
        self._by_line: dict[tuple[str, int], list[int]] = {}
        self._by_name: dict[str, list[int]] = {}
        for place, (name, qualname, line) in enumerate(places):
            self._by_line.setdefault((name, line), []).append(place)
            self._by_name.setdefault(qualname, []).append(place)

    @property
    def imports(self) -> list[Import]:
        """Every import in the file."""
        return list(unpack(self._imports))

    @property
    def stars(self) -> list[Import]:
        """The modules of which it takes every name."""
        return list(unpack(self._stars))

    def at(self, name: str, line: int) -> list[Definition]:
        """:return: the definitions of that name that begin in this line; several lambdas may"""
        return [self._definition(place) for place in self._by_line.get((name, line), ())]

    def named(self, qualname: str) -> list[Definition]:
        """:return: the definitions of that qualified name"""
        return [self._definition(place) for place in self._by_name.get(qualname, ())]

    def bindings(self, name: str) -> list[Binding]:
        """:return: every way in which the module's own statements give a value to a name"""
        packed = self._bindings.get(name)
        return [] if packed is None else [Binding(*row) for row in unpack(packed)]

    def bound(self) -> list[str]:
        """:return: the names that the module's own statements give a value"""
        return sorted(self._bindings)

    def _definition(self, place: int) -> Definition:
        row = unpack(self._definitions[place])
        kind, name, digest, names, imports, decorators, defaults, methods = row
        return Definition(kind, name, digest, names, imports, [Decorator(*each) for each in decorators], defaults, methods)


def unpack(data: bytes | memoryview) -> Any:
    """:return: what was packed, with tuples for lists, which cost the garbage collector nothing"""
    return unpackb(data, use_list=False)
