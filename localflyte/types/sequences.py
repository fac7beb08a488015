"""Sequences: list, tuple, set and frozenset."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from typing import Any
from typing import get_args
from typing import get_origin

from msgpack import Packer

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.base import identity
from localflyte.types.base import no_order
from localflyte.types.columns import columns_decoded
from localflyte.types.columns import columns_encoded
from localflyte.types.columns import columns_of
from localflyte.types.columns import joined
from localflyte.types.columns import of_lists
from localflyte.types.columns import of_parts
from localflyte.types.columns import split
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import mismatch

__all__ = ("build", "fields_codec")


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a parametrised list, tuple, set or frozenset.

    :return: the codec, or ``None`` if the annotation is no such type
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is list and len(args) == 1:
        return _list(compile_type(args[0]))
    if origin in (set, frozenset) and len(args) == 1:
        return _set(origin, compile_type(args[0]))
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return _tuple_of_any_length(compile_type(args[0]))
        return _tuple([compile_type.inside(arg) for arg in args])
    return None


def _list(item: Codec) -> Codec:
    name = f"list[{item.name}]"
    encode_all, decode_all, sweep_item = item.encode_all, item.decode_all, item.sweep

    def encode(value: Any) -> Any:
        if not isinstance(value, list):
            raise mismatch(name, value, "pass list(x)" if isinstance(value, (tuple, set, frozenset)) else "")
        return item.encode_column(value)

    def sweep(values: Collection[Any]) -> bool:
        assert sweep_item is not None
        return set(map(type, values)) <= {list} and sweep_item(joined(values))

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        if set(map(type, values)) != {list}:
            return None
        return split(encode_all(joined(values)), map(len, values))

    def decode_many(wires: Collection[Any]) -> list[Any]:
        return split(decode_all(joined(wires)), map(len, wires))

    return Codec(
        name,
        encode,
        identity if item.plain else item.decode_column,
        line=f"list[{item.column_line}]",
        kinds=(list,),
        sweep=sweep if sweep_item is not None else None,
        encode_many=encode_many if item.columns is None else None,
        decode_many=decode_many if item.columns is None else None,
        columns=of_lists(item),
        order=no_order if item.order is no_order else item.order_column,
        scoped=item.scoped,
    )


def _set(kind: Any, item: Codec) -> Codec:
    name = f"{kind.__name__}[{item.name}]"
    order_item = item.order

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, kind):
            raise mismatch(name, value, f"pass {kind.__name__}(x)" if isinstance(value, (list, tuple, set, frozenset)) else "")
        if item.sweep is not None and item.sweep(value):
            return list(value)
        return [_in_set(element, item.encode) for element in value]

    def decode(wire: list[Any]) -> Any:
        return kind(map(item.decode, wire))

    def order(wire: list[Any]) -> list[Any]:
        return sorted(map(order_item, wire), key=Packer().pack)  # packb makes a packer for each

    return Codec(name, encode, decode, line=f"{kind.__name__}[{item.line}]", kinds=(kind,), order=order, scoped=item.scoped)


def _in_set(element: Any, encode: Callable[[Any], Any]) -> Any:
    try:
        return encode(element)
    except (TypeTransformerFailedError, ValueRefusedError) as error:
        error.at("{...}")
        raise


def _tuple_of_any_length(item: Codec) -> Codec:
    name = f"tuple[{item.name}, ...]"

    def encode(value: Any) -> Any:
        if not isinstance(value, (tuple, list)):
            raise mismatch(name, value)
        return item.encode_column(value)

    def decode(wire: Any) -> tuple[Any, ...]:
        return tuple(item.decode_column(wire))

    return Codec(
        name,
        encode,
        decode,
        line=f"tuple[{item.column_line}, ...]",
        kinds=(tuple,),
        order=no_order if item.order is no_order else item.order_column,
        scoped=item.scoped,
    )


def _tuple(items: list[Codec]) -> Codec:
    name = f"tuple[{', '.join(item.name for item in items) or '()'}]"
    encode_fields, decode_fields, order, scoped = fields_codec([f"[{index}]" for index in range(len(items))], items)

    def encode(value: Any) -> list[Any]:
        if not isinstance(value, (tuple, list)):
            raise mismatch(name, value)
        if len(value) != len(items):
            raise mismatch(f"{name} ({len(items)} values)", value)
        return encode_fields(value)

    def decode(wire: list[Any]) -> tuple[Any, ...]:
        return tuple(decode_fields(wire))

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        if not set(map(type, values)) <= {tuple, list} or set(map(len, values)) != {len(items)}:
            return None
        return columns_encoded(columns_of(values, len(items)), items)

    def take(values: Collection[Any]) -> Iterable[list[Any]]:
        for value in values:
            if not isinstance(value, (tuple, list)) or len(value) != len(items):
                raise mismatch(name, value)
        return columns_of(values, len(items))

    line = f"tuple[{', '.join(item.line for item in items)}]"
    return Codec(
        name,
        encode,
        decode,
        line=line,
        kinds=(tuple,),
        encode_many=encode_many if items else None,
        decode_many=(lambda wires: list(zip(*columns_decoded(wires, items), strict=True))) if items else None,
        columns=of_parts(items, take, lambda columns: list(zip(*columns, strict=True))),
        order=order,
        scoped=scoped,
    )


def fields_codec(
    steps: list[str], items: list[Codec]
) -> tuple[Callable[[Any], list[Any]], Callable[[Any], list[Any]], Callable[[Any], Any], bool]:
    """Make the functions of a row of values of different types.

    :param steps: how an error names each place, such as ``[0]`` or ``.name``
    :return: how to encode, decode and order a row, and whether it needs a scope
    """
    encoders = [item.encode for item in items]
    decoders = [item.decode for item in items]
    orders = [item.order for item in items]

    def encode(row: Any) -> list[Any]:
        wires: list[Any] = []
        try:
            for value, encode_value in zip(row, encoders, strict=True):
                wires.append(encode_value(value))
        except (TypeTransformerFailedError, ValueRefusedError) as error:
            error.at(steps[len(wires)])
            raise
        return wires

    def decode(wire: list[Any]) -> list[Any]:
        return [decode_value(part) for decode_value, part in zip(decoders, wire, strict=True)]

    def order(wire: list[Any]) -> list[Any]:
        return [order_value(part) for order_value, part in zip(orders, wire, strict=True)]

    ordered = all(item.order is no_order for item in items)
    return (
        encode,
        list if all(item.plain for item in items) else decode,
        no_order if ordered else order,
        any(item.scoped for item in items),
    )
