"""Shapes: whether what came over the wire is of the kinds that its class declares. What is not could hurt more than its sender."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

__all__ = ("check_shape", "is_text_by_text")

MOST = 2**63  # of any count, size or number of seconds


def check_shape(value: Any, *left_out: str) -> None:
    """Look at the fields of a dataclass that was made of plain data.

    :param left_out: fields that others have looked at
    :raises TypeError: if one of them is not of the kind that is declared for it
    """
    for field in fields(value):
        if field.name in left_out:
            continue
        held = getattr(value, field.name)
        if not any(KINDS[kind](held) for kind in str(field.type).split(" | ")):
            raise TypeError(f"{type(value).__name__}.{field.name} must be {field.type}, got {held!r:.100}")


def is_text_by_text(value: Any) -> bool:
    """:return: whether it is a mapping of texts to texts"""
    return _is_by_text(value) and all(isinstance(part, str) for part in value.values())


def _is_by_text(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and 0.0 <= value < MOST)


def _is_each(kind: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, tuple) and all(kind(part) for part in value)


def _is_a(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


#: for each kind of field, as it is declared, what tells whether a value is of it
KINDS: dict[str, Callable[[Any], bool]] = {
    "None": _is_a(type(None)),
    "str": _is_a(str),
    "bytes": _is_a(bytes),
    "bool": _is_a(bool),
    "int": _is_whole,
    "float": _is_number,
    "tuple[str, ...]": _is_each(_is_a(str)),
    "Mapping[str, str]": is_text_by_text,
    "Mapping[str, Any]": _is_by_text,
    "tuple[Mapping[str, Any], ...]": _is_each(_is_by_text),
}
