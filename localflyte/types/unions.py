"""Unions: Optional and Union, by exact type first and then by trial."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from types import UnionType
from typing import Any
from typing import Union
from typing import get_args
from typing import get_origin

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.base import identity
from localflyte.types.base import no_order
from localflyte.types.columns import of_optionals
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import mismatch
from localflyte.types.scope import forget_after
from localflyte.types.scope import mark

__all__ = ("build",)

_SELF_DESCRIBING = ("None", "bool", "int", "float", "str", "bytes")  # msgpack itself says which of these a value is


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a Union or Optional.

    :return: the codec, or ``None`` if the annotation is neither
    """
    if get_origin(annotation) not in (Union, UnionType):
        return None
    # Union[int, str] and Union[str, int] are equal to Python, so they must be one codec with one wire form
    variants = sorted({codec.line: codec for codec in map(compile_type, get_args(annotation))}.values(), key=_rank)
    if len(variants) == 1:
        return variants[0]
    if variants[-1].name == "None":
        inner = variants[:-1]
        if len(inner) == 1 and not inner[0].nullable:
            return _optional(inner[0], variants[-1])
    return _union(variants)


def _rank(codec: Codec) -> tuple[bool, bool, str]:
    return codec.name == "None", codec.accepts_all, codec.line


def _optional(inner: Codec, none: Codec) -> Codec:
    encode_inner, decode_inner, sweep_inner, order_inner = inner.encode, inner.decode, inner.sweep, inner.order
    name = f"{inner.name} | None"

    def encode(value: Any) -> Any:
        if value is None:
            return None
        try:
            return encode_inner(value)
        except TypeTransformerFailedError as error:
            if error.place or inner.accepts_all:
                raise
            raise mismatch(name, value) from None

    def decode(wire: Any) -> Any:
        return None if wire is None else decode_inner(wire)

    def sweep(values: Collection[Any]) -> bool:
        assert sweep_inner is not None
        return sweep_inner([value for value in values if value is not None])

    def encode_many(values: Collection[Any]) -> list[Any]:
        wires = iter(inner.encode_all([value for value in values if value is not None]))
        return [None if value is None else next(wires) for value in values]

    def decode_many(wires: Collection[Any]) -> list[Any]:
        values = iter(inner.decode_all([wire for wire in wires if wire is not None]))
        return [None if wire is None else next(values) for wire in wires]

    return Codec(
        name,
        encode,
        identity if inner.plain else decode,
        encode_many=encode_many,
        decode_many=decode_many,
        columns=of_optionals(inner),
        line=f"{inner.line} | None",
        kinds=inner.kinds | none.kinds,
        sweep=sweep if sweep_inner is not None else None,
        order=no_order if order_inner is no_order else lambda wire: None if wire is None else order_inner(wire),
        scoped=inner.scoped,
        nullable=True,
        accepts_all=inner.accepts_all,
    )


def _union(variants: list[Codec]) -> Codec:
    name = " | ".join(variant.name for variant in variants)
    tagged = not all(variant.name in _SELF_DESCRIBING for variant in variants)
    choose = _chooser(variants, name)

    def encode(value: Any) -> Any:
        place, wire = choose(value)
        return [place, wire] if tagged else wire

    def decode(wire: list[Any]) -> Any:
        return variants[wire[0]].decode(wire[1])

    def sweep(values: Collection[Any]) -> bool:
        """Plain values of exact types, each of which is of one variant."""
        found = set(map(type, values))
        return all(kind in of_kind and of_kind[kind]([value for value in values if type(value) is kind]) for kind in found)

    of_kind = {kind: variant.sweep for variant in variants if variant.sweep is not None for kind in variant.kinds}

    def order(wire: list[Any]) -> list[Any]:
        return [wire[0], variants[wire[0]].order(wire[1])]

    return Codec(
        name,
        encode,
        decode if tagged else identity,
        line=" | ".join(variant.line for variant in variants),
        kinds=frozenset().union(*(variant.kinds for variant in variants)),
        sweep=None if tagged else sweep,
        order=no_order if all(variant.order is no_order for variant in variants) else order,
        scoped=any(variant.scoped for variant in variants),
        keyable=not tagged,
        nullable=not tagged and any(variant.nullable for variant in variants),
        accepts_all=any(variant.accepts_all for variant in variants),
    )


def _chooser(variants: list[Codec], name: str) -> Callable[[Any], tuple[int, Any]]:
    """Make the function that finds the one variant a value belongs to, and its wire form there."""
    by_kind: dict[type, list[int]] = {}
    for place, variant in enumerate(variants):
        for kind in variant.kinds:
            by_kind.setdefault(kind, []).append(place)
    checked = [place for place, variant in enumerate(variants) if not variant.accepts_all]
    # a class that is carried as a pickle takes any value by itself; beside other variants it takes its own instances
    classes = [(place, tuple(variant.kinds)) for place, variant in enumerate(variants) if variant.accepts_all and variant.kinds]
    anything = [place for place, variant in enumerate(variants) if variant.accepts_all and not variant.kinds]

    def choose(value: Any) -> tuple[int, Any]:
        exact = by_kind.get(type(value), ())
        if len(exact) == 1:
            return exact[0], variants[exact[0]].encode(value)
        instances = [place for place, kinds in classes if isinstance(value, kinds)]
        for places in (exact, checked, instances, anything):
            found = _trial(value, variants, places)
            if found:
                break
        else:
            raise mismatch(name, value)
        if len(found) > 1 and not all(variants[place].plain for place, _ in found):
            raise TypeTransformerFailedError(
                f"Ambiguous choice of variant for {name}: the value fits {' and '.join(variants[place].name for place, _ in found)}"
            )
        return found[0]

    return choose


def _trial(value: Any, variants: list[Codec], places: Collection[int]) -> list[tuple[int, Any]]:
    found: list[tuple[int, Any]] = []
    for place in places:
        before = mark()
        try:
            wire = variants[place].encode(value)
        except ValueError:  # TypeTransformerFailedError is one too
            forget_after(before)
        else:
            found.append((place, wire))
    return found
