"""Annotations: what the annotation of an input is made of, and how a person would write it."""

from __future__ import annotations

import types
import typing
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from localflyte.types.records import is_typed_dict

__all__ = (
    "bare_annotation",
    "has_fields",
    "is_from_text",
    "is_model",
    "is_namedtuple",
    "is_union",
    "readable",
    "union_members",
)


def bare_annotation(annotation: Any) -> Any:
    """:return: the annotation without ``Annotated``, ``Required``, ``NewType`` and type aliases around it"""
    while True:
        origin = typing.get_origin(annotation)
        if origin in {typing.Annotated, typing.Required, typing.NotRequired, typing.Final}:
            annotation = typing.get_args(annotation)[0]
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif hasattr(annotation, "__value__") and hasattr(annotation, "__type_params__"):
            annotation = annotation.__value__
        else:
            return annotation


def readable(annotation: Any) -> str:
    """:return: the annotation as a person would write it, without module names"""
    annotation = bare_annotation(annotation)
    if annotation is None or annotation is type(None):
        return "None"
    if is_union(annotation):
        return " | ".join(readable(member) for member in typing.get_args(annotation))
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return "|".join(str(member) for member in members)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(annotation.__members__)
    name = getattr(origin or annotation, "__name__", None) or str(annotation).removeprefix("typing.")
    if not members:
        return str(name)
    return f"{name}[{', '.join('...' if member is Ellipsis else readable(member) for member in members)}]"


def is_union(annotation: Any) -> bool:
    """:return: whether the annotation is ``A | B``, ``Union`` or ``Optional``"""
    return typing.get_origin(annotation) in {typing.Union, types.UnionType}


def union_members(annotation: Any) -> list[Any]:
    """:return: the members of a union in the order in which they are tried; the annotation alone if it is no union

    As written, but bool after the numbers (it takes ``1``), then text, then what takes anything.
    """
    if not is_union(annotation):
        return [annotation]
    return sorted((bare_annotation(member) for member in typing.get_args(annotation)), key=_width)


def _width(annotation: Any) -> int:
    if annotation is bool:
        return 1
    if annotation is str:
        return 2
    return 3 if annotation is Any or annotation is object else 0


def is_model(annotation: Any) -> bool:
    """:return: whether the annotation is a pydantic model, found without importing pydantic"""
    return isinstance(annotation, type) and hasattr(annotation, "model_validate_json") and hasattr(annotation, "model_fields")


def has_fields(annotation: Any) -> bool:
    """:return: whether JSON for this annotation is an object with named fields"""
    return is_dataclass(annotation) or is_model(annotation) or is_typed_dict(annotation) or is_namedtuple(annotation)


def is_from_text(annotation: Any) -> bool:
    """:return: whether the annotation is one of the standard library's classes that read their own text form"""
    if not isinstance(annotation, type):
        return False
    home = annotation.__module__.partition(".")[0]
    return annotation is complex or (home, annotation.__name__) in {
        ("decimal", "Decimal"),
        ("fractions", "Fraction"),
        ("pathlib", "Path"),
        ("pathlib", "PurePath"),
        ("uuid", "UUID"),
    }


def is_namedtuple(annotation: Any) -> bool:
    """:return: whether the annotation is a class made by ``NamedTuple`` or ``namedtuple``"""
    return isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields")
