"""Choices: Enum, carried by member name, and Literal, carried by value."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum
from enum import Flag
from typing import Any
from typing import Literal
from typing import get_args
from typing import get_origin

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.refusal import mismatch

__all__ = ("build",)

_PLAIN = (str, int, bool, bytes, type(None))


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of an Enum class or a Literal.

    :return: the codec, or ``None`` if the annotation is neither
    """
    if get_origin(annotation) is Literal:
        options = get_args(annotation)
        # Flyte checks no Literal with members of an Enum in it, and programs count on that
        return _literal(options) if all(type(option) in _PLAIN for option in options) else None
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _enum(annotation, by_value=compile_type.loose)
    return None


def _enum(kind: type[Enum], *, by_value: bool) -> Codec:
    members = dict(kind.__members__)

    def encode(value: Any) -> str | list[Any]:
        if isinstance(value, kind):
            # a combination of flags has no single name
            return value.name if value.name in members else [value.value]
        if isinstance(value, str) and value in members:
            return members[value].name
        if by_value:
            for member in kind:
                if member.value == value and type(member.value) is type(value):
                    return member.name
        raise mismatch(f"{kind.__name__} ({', '.join(members)})", value)

    def encode_many(values: Collection[Any]) -> list[Any] | None:
        return [value.name for value in values] if set(map(type, values)) == {kind} else None

    def decode(wire: str | list[Any]) -> Enum:
        return members[wire] if isinstance(wire, str) else kind(wire[0])

    return Codec(
        kind.__name__,
        encode,
        decode,
        line=f"{kind.__name__}<{','.join(members)}>",
        kinds=(kind,),
        encode_many=None if issubclass(kind, Flag) else encode_many,
        decode_many=None if issubclass(kind, Flag) else lambda wires: list(map(members.__getitem__, wires)),
        keyable=not issubclass(kind, Flag),
    )


def _literal(options: tuple[Any, ...]) -> Codec:
    known = {(type(option), option): option for option in options}
    expected = f"one of {', '.join(map(repr, options))}"

    def encode(value: Any) -> Any:
        key = (str, str.__str__(value)) if isinstance(value, str) else (type(value), value)
        try:
            return known[key]
        except (KeyError, TypeError):  # TypeError: unhashable
            raise mismatch(expected, value) from None

    return Codec(
        f"Literal[{', '.join(map(repr, options))}]",
        encode,
        # Literal["a", "b"] and Literal["b", "a"] are one type
        line=f"Literal[{', '.join(sorted(map(repr, options)))}]",
        kinds={type(option) for option in options},
        keyable=True,
        nullable=None in options,
    )
