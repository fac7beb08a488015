"""Records: NamedTuple, carried as a row, and TypedDict, carried as a map."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from typing import Any
from typing import NotRequired
from typing import Required
from typing import get_args
from typing import get_origin

from localflyte.types.annotations import class_hints
from localflyte.types.annotations import substitute
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.base import no_order
from localflyte.types.columns import columns_encoded
from localflyte.types.columns import columns_of
from localflyte.types.columns import made_of_rows
from localflyte.types.columns import of_parts
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import mismatch
from localflyte.types.sequences import fields_codec

__all__ = ("build", "is_named_tuple", "is_typed_dict", "named_tuple_fields", "typed_dict_fields")


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a NamedTuple or TypedDict class.

    :return: the codec, or ``None`` if the annotation is neither
    """
    kind = get_origin(annotation) or annotation
    given = dict(zip(getattr(kind, "__parameters__", ()), get_args(annotation), strict=False))
    if is_named_tuple(kind):
        return _named_tuple(kind, {name: compile_type.inside(substitute(hint, given)) for name, hint in named_tuple_fields(kind).items()})
    if is_typed_dict(kind):
        return _typed_dict(kind, given, compile_type)
    return None


def is_named_tuple(kind: Any) -> bool:
    """:return: whether this is a NamedTuple or namedtuple class"""
    return isinstance(kind, type) and issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def is_typed_dict(kind: Any) -> bool:
    """:return: whether this is a TypedDict class, of `typing` or of `typing_extensions`, which has one of its own before Python 3.13"""
    return type(kind).__name__ == "_TypedDictMeta"


def named_tuple_fields(kind: Any) -> dict[str, Any]:
    """:return: field name to resolved annotation, in order; fields of a plain namedtuple are of any type"""
    hints = class_hints(kind, what="NamedTuple")
    return {name: hints.get(name, Any) for name in kind._fields}


def _named_tuple(kind: Any, items: dict[str, Codec]) -> Codec:
    encode_row, decode_row, order, scoped = fields_codec([f".{name}" for name in items], list(items.values()))

    def row_of(value: Any) -> Any:
        if isinstance(value, dict):  # from JSON
            if set(value) - set(items):
                raise mismatch(f"{kind.__name__} ({', '.join(items)})", value)
            try:
                value = kind(**value)
            except TypeError as error:
                raise TypeTransformerFailedError(f"expected {kind.__name__}: {error}") from error
        if not isinstance(value, (tuple, list)):
            raise mismatch(kind.__name__, value)
        if len(value) != len(items):
            raise mismatch(f"{kind.__name__} ({len(items)} values)", value)
        return value

    def encode(value: Any) -> list[Any]:
        return encode_row(row_of(value))

    def decode(wire: list[Any]) -> Any:
        return kind(*decode_row(wire))

    line = f"{kind.__name__}({', '.join(f'{name}: {item.line}' for name, item in items.items())})"
    row = list(items.values())

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        return columns_encoded(columns_of(values, len(row)), row) if set(map(type, values)) == {kind} else None

    def take(values: Collection[Any]) -> Iterable[list[Any]]:
        return columns_of(values if set(map(type, values)) == {kind} else list(map(row_of, values)), len(row))

    return Codec(
        kind.__name__,
        encode,
        decode,
        line=line,
        kinds=(kind,),
        encode_many=encode_many if row else None,
        decode_many=(lambda wires: made_of_rows(kind, wires, row)) if row else None,
        columns=of_parts(row, take, lambda columns: list(map(kind, *columns))),
        order=order,
        scoped=scoped,
    )


def _typed_dict(kind: Any, given: dict[Any, Any], compile_type: Compile) -> Codec:
    fields, required = typed_dict_fields(kind)
    items = {name: compile_type.inside(substitute(hint, given)) for name, hint in fields.items()}

    def encode(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise mismatch(kind.__name__, value)
        missing = sorted(required - value.keys())
        if missing:
            raise TypeTransformerFailedError(f"expected {kind.__name__}, got a dict without {', '.join(missing)}")
        wires: dict[str, Any] = {}
        for name, item in items.items():  # keys that are not declared are dropped, as flyte drops them
            if name in value:
                try:
                    wires[name] = item.encode(value[name])
                except (TypeTransformerFailedError, ValueRefusedError) as error:
                    error.at(f"[{name!r}]")
                    raise
        return wires

    def decode(wire: dict[str, Any]) -> dict[str, Any]:
        return {name: items[name].decode(inner) for name, inner in wire.items()}

    def order(wire: dict[str, Any]) -> dict[str, Any]:
        return {name: items[name].order(inner) for name, inner in wire.items()}

    parts = (f"{name}{'' if name in required else '?'}: {items[name].line}" for name in sorted(items))
    return Codec(
        kind.__name__,
        encode,
        decode,
        line=f"{kind.__name__}{{{', '.join(parts)}}}",
        kinds=(dict,),
        # the declared order is used on encoding, so only what is inside can differ
        order=no_order if all(item.order is no_order for item in items.values()) else order,
        scoped=any(item.scoped for item in items.values()),
    )


def typed_dict_fields(kind: Any) -> tuple[dict[str, Any], set[str]]:
    """:return: key to resolved annotation, and the keys that have to be there"""
    fields: dict[str, Any] = {}
    required: set[str] = set()
    for name, hint in class_hints(kind, what="TypedDict").items():
        fields[name], needed = _unwrap(hint, name in kind.__required_keys__)
        if needed:
            required.add(name)
    return fields, required


def _unwrap(hint: Any, needed: bool) -> tuple[Any, bool]:
    """Take off Required, NotRequired and ReadOnly; they stand here as written when annotations are strings."""
    while True:
        origin = get_origin(hint)
        if origin is Required:
            needed = True
        elif origin is NotRequired:
            needed = False
        elif getattr(origin, "_name", "") != "ReadOnly":
            return hint, needed
        hint = get_args(hint)[0]
