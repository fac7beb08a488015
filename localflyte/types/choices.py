"""Choices: Enum, carried by member name, and Literal, carried by value."""

from __future__ import annotations

from enum import Enum
from enum import Flag
from typing import Any
from typing import Literal
from typing import get_args
from typing import get_origin

from localflyte.types.base import Codec
from localflyte.types.base import Compile
from localflyte.types.base import identity
from localflyte.types.refusal import mismatch

__all__ = ("build",)


def build(annotation: Any, compile_type: Compile) -> Codec | None:
    """Make the codec of an Enum class or a Literal.

    :return: the codec, or ``None`` if the annotation is neither
    """
    if get_origin(annotation) is Literal:
        return _literal(get_args(annotation))
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

    def decode(wire: str | list[Any]) -> Enum:
        return members[wire] if isinstance(wire, str) else kind(wire[0])

    return Codec(
        kind.__name__,
        encode,
        decode,
        line=f"{kind.__name__}<{','.join(members)}>",
        kinds=(kind,),
        keyable=not issubclass(kind, Flag),
    )


def _literal(options: tuple[Any, ...]) -> Codec:
    places = {(type(option), option): place for place, option in enumerate(options)}
    name = f"Literal[{', '.join(_show(option) for option in options)}]"
    simple = all(type(option) in (str, int, bool, bytes, type(None)) for option in options)

    def find(value: Any) -> int:
        try:
            place = places.get((type(value), value))
            if place is None and isinstance(value, str):
                place = places.get((str, str.__str__(value)))
        except TypeError:  # unhashable
            place = None
        if place is None:
            raise mismatch(f"one of {', '.join(repr(option) for option in options)}", value)
        return place

    def encode(value: Any) -> Any:
        return options[find(value)]

    def decode(wire: int) -> Any:
        return options[wire]

    return Codec(
        name,
        encode if simple else find,
        identity if simple else decode,
        # Literal["a", "b"] and Literal["b", "a"] are one type; members of an Enum travel by place, so their order counts
        line=f"Literal[{', '.join(sorted(map(_show, options)) if simple else map(_show, options))}]",
        kinds={type(option) for option in options},
        keyable=True,
        nullable=None in options,
    )


def _show(option: Any) -> str:
    return f"{type(option).__name__}.{option.name}" if isinstance(option, Enum) else repr(option)
