"""Codec: how values of one declared type become what msgpack packs natively, and come back."""

from __future__ import annotations

import gc
from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import NamedTuple
from typing import Protocol
from typing import TypeVar

from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError

__all__ = ("Codec", "Columns", "Compile", "encode_each", "identity", "in_peace", "no_order")

T = TypeVar("T")


def identity(wire: Any) -> Any:
    """Return what came."""
    return wire


def no_order(wire: Any) -> Any:
    """Return a wire form whose order is already part of the value."""
    return wire


def encode_each(values: Collection[Any], encode: Callable[[Any], Any]) -> list[Any]:
    """Encode one by one, naming the index of the one that is refused."""
    wires: list[Any] = []
    try:
        for value in values:
            wires.append(encode(value))  # noqa: PERF401 - its length is the index in the error
    except (TypeTransformerFailedError, ValueRefusedError) as error:
        error.at(f"[{len(wires)}]")
        raise
    return wires


def in_peace(convert: Callable[[], T]) -> T:
    """Convert without the garbage collector, which would look at all there is each time that some hundred objects were made.

    With it, 200,000 dataclasses take four times as long to arrive.
    """
    if not gc.isenabled():
        return convert()
    gc.disable()
    try:
        return convert()
    finally:
        gc.enable()


class Columns(NamedTuple):
    """How many values of one type become columns, and come back."""

    encode: Callable[[Collection[Any]], list[Any]]
    """Raises what encoding one of them would raise; whose fault it was has to be found out one by one."""
    decode: Callable[[list[Any], int], list[Any]]
    """Takes the columns, and how many values there are; raises `ValueError` if the two do not fit."""
    order: Callable[[list[Any]], list[Any]]
    """`Codec.order`, for columns."""


class Codec:
    """Closures compiled once for one annotation; encoding a value looks at no annotation any more."""

    __slots__ = (
        "_decode_many",
        "_encode_many",
        "accepts_all",
        "columns",
        "decode",
        "encode",
        "keyable",
        "kinds",
        "line",
        "name",
        "nullable",
        "order",
        "scoped",
        "sweep",
    )

    def __init__(
        self,
        name: str,
        encode: Callable[[Any], Any],
        decode: Callable[[Any], Any] = identity,
        *,
        line: str = "",
        kinds: Collection[type] = (),
        sweep: Callable[[Collection[Any]], bool] | None = None,
        encode_many: Callable[[Collection[Any]], list[Any] | None] | None = None,
        decode_many: Callable[[Collection[Any]], list[Any]] | None = None,
        columns: Columns | None = None,
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
        self._encode_many = None if scoped else encode_many  # references are counted in the order of the values, one after the other
        self._decode_many = decode_many
        self.columns = None if scoped else columns
        """How a list of such values is carried part by part. ``None``: it is carried value by value."""
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

    def encode_all(self, values: Collection[Any]) -> list[Any]:
        """Encode many values of this type, each to its own wire form; an error names the index of the one that is refused."""
        if self.sweep is not None and self.sweep(values):
            return values if isinstance(values, list) else list(values)
        encode_many = self._encode_many
        if encode_many is not None and len(values) > 1:
            try:
                wires = encode_many(values)
            except (TypeTransformerFailedError, ValueRefusedError):
                wires = None  # one by one, the error will say where it was
            if wires is not None:
                return wires
        return encode_each(values, self.encode)

    def decode_all(self, wires: Collection[Any]) -> list[Any]:
        """Decode many wire forms of this type."""
        if self.plain:
            return wires if isinstance(wires, list) else list(wires)
        if self._decode_many is not None and len(wires) > 1:
            return self._decode_many(wires)
        return list(map(self.decode, wires))

    def encode_column(self, values: Collection[Any]) -> Any:
        """Encode many values of this type to the one wire form of them all; an error names the index of the one that is refused."""
        if self.columns is None or len(values) < 2:
            return self.encode_all(values)
        try:
            return {len(values): self.columns.encode(values)}
        except (TypeTransformerFailedError, ValueRefusedError):
            return encode_each(values, self.encode)  # one by one, the error will say where it was

    def decode_column(self, wire: Any) -> list[Any]:
        """Decode what `encode_column` gave, or the wire forms of the values.

        :raises ValueError: if the columns do not fit the type
        """
        if self.columns is None or type(wire) is not dict:
            return self.decode_all(wire)
        ((count, columns),) = wire.items()
        return self.columns.decode(columns, count)

    def order_column(self, wire: Any) -> Any:
        """Put what has no order into a fixed one, in a wire form of many values."""
        if self.order is no_order:
            return wire
        if self.columns is None or type(wire) is not dict:
            return list(map(self.order, wire))
        return {count: self.columns.order(columns) for count, columns in wire.items()}

    @property
    def column_line(self) -> str:
        """`line`, for many values in one wire form."""
        return self.line if self.columns is None else f"{self.line} by column"

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
