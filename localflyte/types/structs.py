"""Structs: dataclasses, carried as a row of their fields."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import MISSING
from dataclasses import Field
from dataclasses import fields
from dataclasses import is_dataclass
from operator import attrgetter
from typing import Any
from typing import get_args
from typing import get_origin

from localflyte.types.annotations import class_hints
from localflyte.types.annotations import substitute
from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.columns import columns_encoded
from localflyte.types.columns import made_of_rows
from localflyte.types.columns import of_parts
from localflyte.types.refusal import TypeTransformerFailedError
from localflyte.types.refusal import ValueRefusedError
from localflyte.types.refusal import mismatch
from localflyte.types.scope import round_trip
from localflyte.types.sequences import fields_codec

__all__ = ("build",)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of a dataclass, generic ones included.

    :return: the codec, or ``None`` if the annotation is no dataclass
    """
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type) or not is_dataclass(kind):
        return None
    hints = class_hints(kind, what="dataclass")
    given = dict(zip(getattr(kind, "__parameters__", ()), get_args(annotation), strict=False))
    slots = fields(kind)
    items = [compile_type.inside(substitute(hints[slot.name], given)) for slot in slots]
    return _struct(kind, slots, items)


def _struct(kind: type[Any], slots: tuple[Field[Any], ...], items: list[Codec]) -> Codec:
    names = [slot.name for slot in slots]
    encode_row, decode_row, order, scoped = fields_codec([f".{name}" for name in names], items)
    from_mapping = _from_mapping(kind, slots, items)
    make = _maker(kind, slots)

    def instance(value: Any) -> Any:
        if isinstance(value, kind):
            return value
        if isinstance(value, dict):
            return from_mapping(value)
        raise mismatch(kind.__name__, value)

    def encode(value: Any) -> list[Any]:
        made = instance(value)
        return encode_row([getattr(made, name) for name in names])

    def decode(wire: list[Any]) -> Any:
        return make(decode_row(wire))

    line = f"{kind.__name__}{{{', '.join(f'{name}: {item.line}' for name, item in zip(names, items, strict=True))}}}"
    getters = [attrgetter(name) for name in names]
    is_row = _is_made_of_a_row(slots)

    def fields_of(values: Collection[Any]) -> Iterable[list[Any]]:
        return (list(map(getter, values)) for getter in getters)

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        return columns_encoded(fields_of(values), items) if set(map(type, values)) == {kind} else None

    def take(values: Collection[Any]) -> Iterable[list[Any]]:
        return fields_of(values if set(map(type, values)) == {kind} else list(map(instance, values)))

    def make_all(columns: list[list[Any]]) -> list[Any]:
        return list(map(kind, *columns)) if is_row else list(map(make, zip(*columns, strict=True)))

    return Codec(
        kind.__name__,
        encode,
        decode,
        line=line,
        kinds=(kind,),
        encode_many=encode_many if items else None,
        decode_many=(lambda wires: made_of_rows(kind, wires, items)) if items and is_row else None,
        columns=of_parts(items, take, make_all),
        order=order,
        scoped=scoped,
    )


def _is_made_of_a_row(slots: tuple[Field[Any], ...]) -> bool:
    return all(slot.init and not slot.kw_only for slot in slots)


def _is_required(slot: Field[Any]) -> bool:
    return slot.default is MISSING and slot.default_factory is MISSING


def _from_mapping(kind: type[Any], slots: tuple[Field[Any], ...], items: list[Codec]) -> Callable[[dict[Any, Any]], Any]:
    """Accept a dict in the place of an instance: JSON has no classes."""
    known = {slot.name: item for slot, item in zip(slots, items, strict=True) if slot.init}
    required = [slot.name for slot in slots if slot.init and _is_required(slot)]

    def instance(value: dict[Any, Any]) -> Any:
        extra = [key for key in value if key not in known]
        missing = [name for name in required if name not in value]
        if extra or missing:
            parts = [f"{what}: {', '.join(map(str, which))}" for what, which in (("missing", missing), ("unknown", extra)) if which]
            raise TypeTransformerFailedError(f"expected {kind.__name__}, got a dict with other keys ({'; '.join(parts)})")
        ready: dict[str, Any] = {}
        for name, inner in value.items():
            try:
                # once there and back, so that the constructor gets nested objects and not the dicts they came as
                ready[name] = round_trip(known[name], inner)
            except (TypeTransformerFailedError, ValueRefusedError) as error:
                error.at(f".{name}")
                raise
        return kind(**ready)

    return instance


def _maker(kind: type[Any], slots: tuple[Field[Any], ...]) -> Callable[[Sequence[Any]], Any]:
    """Make the function that builds an instance from decoded fields, by its constructor where that is possible."""
    if _is_made_of_a_row(slots):
        return lambda row: kind(*row)
    given = [(place, slot.name) for place, slot in enumerate(slots) if slot.init]
    computed = [(place, slot.name) for place, slot in enumerate(slots) if not slot.init]

    def make(row: Sequence[Any]) -> Any:
        made = kind(**{name: row[place] for place, name in given})
        for place, name in computed:
            object.__setattr__(made, name, row[place])
        return made

    return make
