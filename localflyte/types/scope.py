"""Scope: the references that belong to the one value being packed or unpacked right now in this context."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any
from typing import Self

from msgpack import ExtType

from localflyte.spec.packed import Ref
from localflyte.types.base import Codec

__all__ = (
    "ASIDE",
    "FILED",
    "OPAQUE",
    "REFERENCE",
    "SET",
    "TUPLE",
    "Collecting",
    "Resolving",
    "forget_after",
    "is_collecting",
    "mark",
    "reference_extension",
    "reference_place",
    "register",
    "replace_after",
    "resolve",
    "round_trip",
)

REFERENCE = 1
"""Extension code: the place of a file or folder in ``Packed.refs``."""
OPAQUE = 2
"""Extension code: a pickle. Nobody but the declared type's own codec may open it."""
TUPLE = 3
"""Extension code: a tuple inside a value of no declared type."""
SET = 4
"""Extension code: a set or frozenset inside a value of no declared type."""
FILED = 5
"""Extension code: the place in ``Packed.refs`` of a file that holds a pickle, which is opened as one in the data is."""
ASIDE = 6
"""Extension code: instead of a whole value, which is bytes and lies in the only file of ``Packed.refs``."""

_collected: ContextVar[dict[Ref, int] | None] = ContextVar("localflyte_collected", default=None)
_given: ContextVar[Sequence[Ref]] = ContextVar("localflyte_given", default=())


class Collecting:
    """While this is open, `register` fills its `refs`."""

    __slots__ = ("_token", "refs")

    def __enter__(self) -> Self:
        self.refs: dict[Ref, int] = {}
        self._token = _collected.set(self.refs)
        return self

    def __exit__(self, *_: object) -> None:
        _collected.reset(self._token)


class Resolving:
    """While this is open, `resolve` reads from `refs`."""

    __slots__ = ("_refs", "_token")

    def __init__(self, refs: Sequence[Ref]) -> None:
        self._refs = refs

    def __enter__(self) -> Self:
        self._token = _given.set(self._refs)
        return self

    def __exit__(self, *_: object) -> None:
        _given.reset(self._token)


def round_trip(codec: Codec, value: Any) -> Any:
    """Convert a value as if it had crossed a border, without packing it."""
    with Collecting() as collected:
        wire = codec.encode(value)
    with Resolving(tuple(collected.refs)):
        return codec.decode(wire)


def is_collecting() -> bool:
    """:return: whether a value is being packed in this context"""
    return _collected.get() is not None


def register(ref: Ref) -> int:
    """Add a reference to the value being packed.

    :return: its place in ``Packed.refs``
    :raises RuntimeError: if no value is being packed
    """
    refs = _collected.get()
    if refs is None:
        raise RuntimeError("A file was encoded outside of any value; encode through an Interface.")
    return refs.setdefault(ref, len(refs))


def resolve(place: int) -> Ref:
    """Find a reference of the value being unpacked.

    :raises ValueError: if there is none at that place
    """
    refs = _given.get()
    if not 0 <= place < len(refs):
        raise ValueError(f"a value points to reference {place}, but it came with {len(refs)}")
    return refs[place]


def mark() -> int:
    """:return: how many references were registered so far"""
    refs = _collected.get()
    return len(refs) if refs else 0


def forget_after(count: int) -> None:
    """Take back the references registered since `mark`, after a trial that failed."""
    refs = _collected.get()
    while refs and len(refs) > count:
        refs.popitem()


def replace_after(count: int, change: Callable[[Ref], Ref]) -> None:
    """Put others in the place of the references registered since `mark`."""
    refs = _collected.get() or {}
    made = {change(ref) if place >= count else ref: place for ref, place in refs.items()}
    refs.clear()
    refs.update(made)


def reference_extension(place: int) -> ExtType:
    """:return: the wire form of a reference"""
    return ExtType(REFERENCE, place.to_bytes(4, "big"))


def reference_place(wire: Any) -> int:
    """Read the place back from the wire form of a reference.

    :raises ValueError: if that is something else
    """
    if type(wire) is not ExtType or wire.code != REFERENCE or len(wire.data) != 4:
        raise ValueError("expected a reference to a file or folder")
    return int.from_bytes(wire.data, "big")
