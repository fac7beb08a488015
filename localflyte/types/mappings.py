"""Mappings: dict with declared key and value types."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from typing import Any
from typing import get_args
from typing import get_origin

from msgpack import Packer

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.base import identity
from localflyte.types.columns import joined
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import describe
from localflyte.types.refusal import mismatch

__all__ = ("build",)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a parametrised dict.

    :return: the codec, or ``None`` if the annotation is no such type
    """
    args = get_args(annotation)
    if get_origin(annotation) is not dict or len(args) != 2:
        return None
    key, item = compile_type(args[0]), compile_type(args[1])
    return _map(key, item) if key.keyable else _pairs(key, item)


def _map(key: Codec, item: Codec) -> Codec:
    """Keys whose wire form can be the key of a msgpack map."""
    name = f"dict[{key.name}, {item.name}]"
    key_sweep, item_sweep = key.sweep, item.sweep

    def decode(wire: dict[Any, Any]) -> dict[Any, Any]:
        return dict(zip(key.decode_all(list(wire)), item.decode_all(list(wire.values())), strict=True))

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        if key_sweep is None or set(map(type, values)) != {dict} or not key_sweep(joined(values)):
            return None
        inner = iter(item.encode_all(joined(map(dict.values, values))))
        return [dict(zip(value, inner, strict=False)) for value in values]

    def sweep(values: Collection[Any]) -> bool:
        return (
            key_sweep is not None
            and item_sweep is not None
            and set(map(type, values)) <= {dict}
            and key_sweep(joined(values))
            and item_sweep(joined(map(dict.values, values)))
        )

    order_item = item.order

    def order(wire: dict[Any, Any]) -> dict[Any, Any]:
        ranked = sorted(wire, key=Packer().pack)  # packb makes a packer for each, which takes longer than to pack a key
        return {one: order_item(wire[one]) for one in ranked}

    return Codec(
        name,
        _map_encoder(name, key, item),
        identity if key.plain and item.plain else decode,
        line=f"dict[{key.line}, {item.line}]",
        kinds=(dict,),
        sweep=sweep if key_sweep is not None and item_sweep is not None else None,
        encode_many=encode_many,
        order=order,
        scoped=key.scoped or item.scoped,
    )


def _map_encoder(name: str, key: Codec, item: Codec) -> Callable[[Any], dict[Any, Any]]:
    encode_item, key_sweep, item_sweep = item.encode, key.sweep, item.sweep
    encode_key = _encode_text_key if key.name == "str" else _key_encoder(key)

    def encode(value: Any) -> dict[Any, Any]:
        if not isinstance(value, dict):
            raise mismatch(name, value)
        if key_sweep is not None and key_sweep(value):
            if item_sweep is not None and item_sweep(value.values()):
                return value
            try:
                return dict(zip(value, item.encode_all(value.values()), strict=True))
            except (TypeTransformerFailedError, ValueRefusedError):
                pass  # one by one, the error will say where it was
        wires: dict[Any, Any] = {}
        for one, inner in value.items():
            place = encode_key(one)
            try:
                wires[place] = encode_item(inner)
            except (TypeTransformerFailedError, ValueRefusedError) as error:
                error.at(f"[{one!r}]")
                raise
        if len(wires) != len(value):
            raise ValueRefusedError("two keys are the same once they are carried, such as a naive time and the same time in UTC")
        return wires

    return encode


def _pairs(key: Codec, item: Codec) -> Codec:
    """Other keys: a list of pairs."""
    name = f"dict[{key.name}, {item.name}]"
    encode_key = _key_encoder(key)

    def encode(value: Any) -> list[list[Any]]:
        if not isinstance(value, dict):
            raise mismatch(name, value)
        wires: list[list[Any]] = []
        for one, inner in value.items():
            place = encode_key(one)
            try:
                wires.append([place, item.encode(inner)])
            except (TypeTransformerFailedError, ValueRefusedError) as error:
                error.at(f"[{one!r}]")
                raise
        return wires

    def decode(wire: list[list[Any]]) -> dict[Any, Any]:
        return {key.decode(one): item.decode(inner) for one, inner in wire}

    def order(wire: list[list[Any]]) -> list[list[Any]]:
        pack = Packer().pack
        return sorted(([key.order(one), item.order(inner)] for one, inner in wire), key=lambda pair: pack(pair[0]))

    line = f"dict[{key.line}, {item.line}]"
    return Codec(name, encode, decode, line=line, kinds=(dict,), order=order, scoped=key.scoped or item.scoped)


def _encode_text_key(one: Any) -> str:
    if isinstance(one, str):
        return one if type(one) is str else str.__str__(one)
    # flyte raises ValueError here, and people's except clauses know it
    raise ValueRefusedError(f"dict keys must be str, got {describe(one)}")


def _key_encoder(key: Codec) -> Callable[[Any], Any]:
    encode_key = key.encode

    def encode(one: Any) -> Any:
        try:
            return encode_key(one)
        except (TypeTransformerFailedError, ValueRefusedError) as error:
            error.at(" (a key)")
            raise

    return encode
