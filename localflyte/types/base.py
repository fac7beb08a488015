"""Codec: how values of one declared type become what msgpack packs natively, and come back."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import Protocol

__all__ = ("Codec", "Compile", "identity", "no_order")


def identity(wire: Any) -> Any:
    """Return what came."""
    return wire


def no_order(wire: Any) -> Any:
    """Return a wire form whose order is already part of the value."""
    return wire


class Codec:
    """Closures compiled once for one annotation; encoding a value looks at no annotation any more."""

    __slots__ = ("accepts_all", "decode", "encode", "keyable", "kinds", "line", "name", "nullable", "order", "scoped", "sweep")

    def __init__(
        self,
        name: str,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any] = identity,
        *,
        line: str = "",
        kinds: Collection[type] = (),
        sweep: Callable[[Collection[Any]], bool] | None = None,
        order: Callable[[Any], Any] = no_order,
        scoped: bool = False,
        keyable: bool = False,
        nullable: bool = False,
        accepts_all: bool = False,
    ) -> None:
        self.name = name
        """The type as a person reads it."""
        self.line = line or name
        """The type as the cache key reads it: the same on every Python version, and different when the wire form is."""
        self.encode = encode
        self.decode = decode
        self.kinds = frozenset(kinds)
        """The exact types of the values that are surely meant for this codec; a Union looks here first."""
        self.sweep = sweep
        """Check many values at once; true means that each of them is its own wire form. ``None``: there is no such case."""
        self.order = order
        """Put what has no order (dict, set) into a fixed one, in the wire form."""
        self.scoped = scoped
        """Whether references are collected while encoding; opening a scope costs, so plain types do without."""
        self.keyable = keyable
        """Whether the wire form can be the key of a msgpack map."""
        self.nullable = nullable
        """Whether some value is carried as nil, so that Optional cannot use nil for its own None."""
        self.accepts_all = accepts_all
        """Whether any value will do; such a variant of a Union is tried last."""

    @property
    def plain(self) -> bool:
        """Whether the wire form is the value itself."""
        return self.decode is identity

    def __repr__(self) -> str:
        return f"Codec({self.name})"


class Compile(Protocol):
    """What a builder gets to compile the types inside its own."""

    loose: bool
    """Whether we are inside a structure, where int passes for float as it does in flyte's own structures."""

    def __call__(self, annotation: Any) -> Codec:
        """Compile a type that is carried under the same rules."""

    def inside(self, annotation: Any) -> Codec:
        """Compile the type of a field of a structure."""
