"""The JSON schema of a Python type, in the form in which Flyte shows the inputs of a task."""

from __future__ import annotations

import copy
import datetime as dt
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING
from dataclasses import fields
from dataclasses import is_dataclass
from enum import Enum
from typing import Any

from localflyte.types.records import is_typed_dict
from localflyte.types.records import typed_dict_fields

__all__ = ("schema_of",)

_PLAIN: dict[Any, dict[str, Any]] = {
    int: {"type": "integer"},
    float: {"type": "number", "format": "float"},
    str: {"type": "string"},
    bool: {"type": "boolean"},
    bytes: {"type": "string", "format": "binary"},
    type(None): {"type": "null"},
    dt.datetime: {"type": "string", "format": "datetime"},
    dt.date: {"type": "string", "format": "datetime"},
    dt.timedelta: {"type": "string", "format": "duration"},
}

_TEXT = {"type": "string", "default": ""}
_BLOB = {"uri": _TEXT, "format": _TEXT}
_TABLE: dict[str, Any] = {
    "type": "object",
    "format": "structured-dataset",
    "properties": {"uri": {"type": "string"}, "format": {"type": "string"}},
}


def _blob(dimensionality: str) -> dict[str, Any]:
    many = {"type": "string", "enum": ["SINGLE", "MULTIPART"], "default": dimensionality}
    return {"type": "object", "format": "blob", "properties": {**_BLOB, "dimensionality": many}}


_REFERENCES = {"File": _blob("SINGLE"), "Dir": _blob("MULTIPART"), "DataFrame": _TABLE, "Table": _TABLE, "LazyFrame": _TABLE}
_OWN = ("File", "Dir", "DataFrame")
_FRAMES = ("pandas.DataFrame", "polars.DataFrame", "polars.LazyFrame", "pyarrow.Table")

_MADE = object()  # a default that is made anew for every instance, and has no text

DEEPEST = 12  # levels; a class that contains itself ends here


def schema_of(annotation: Any, depth: int = DEEPEST, *, inside: bool = False) -> dict[str, Any]:
    """Describe a type.

    :param inside: whether it is that of a field, where a file is given by its own fields and not as a blob
    :return: the schema; an empty one, which allows everything, for a type that JSON cannot describe
    """
    try:
        plain = _PLAIN.get(annotation)
    except TypeError:  # an annotation that cannot be hashed
        return {}
    if plain is not None:
        return dict(plain)
    if depth == 0:
        return {}
    origin, members = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return schema_of(members[0], depth, inside=inside)
    if origin in (typing.Union, types.UnionType):
        return _union(members, depth, inside)
    if origin is typing.Literal:
        return {"type": "string", "enum": list(members)} if all(isinstance(one, str) for one in members) else {"enum": list(members)}
    container = origin or annotation
    if not isinstance(container, type):
        return {}
    return _class(container, members, depth, inside)


def _union(members: tuple[Any, ...], depth: int, inside: bool) -> dict[str, Any]:
    others = [member for member in members if member is not type(None)]
    if len(others) == 1:
        return schema_of(others[0], depth - 1, inside=inside)
    each = [{**schema_of(member, depth - 1, inside=inside), "title": getattr(member, "__name__", str(member))} for member in others]
    return {"oneOf": each, "format": "union"}


def _class(cls: type, members: tuple[Any, ...], depth: int, inside: bool) -> dict[str, Any]:
    if issubclass(cls, Enum):
        return {"type": "string", "enum": [member.name for member in cls]}
    kind = _reference(cls)
    if kind and not (inside and hasattr(cls, "model_json_schema")):
        return copy.deepcopy(_REFERENCES[kind])
    if hasattr(cls, "model_json_schema") and (kind or not members):
        schema: dict[str, Any] = cls.model_json_schema()
        schema.setdefault("required", [])  # pydantic leaves it out where every field has a default
        return schema
    if is_dataclass(cls):
        defaults = {each.name: _MADE if each.default_factory is not MISSING else each.default for each in fields(cls) if each.init}
        return _record(cls, defaults, depth)
    if is_typed_dict(cls):
        hints, required = typed_dict_fields(cls)
        return {
            "type": "object",
            "properties": {name: schema_of(hints[name], depth - 1, inside=True) for name in hints},
            "required": sorted(required),
        }
    if issubclass(cls, tuple):
        if hasattr(cls, "_fields"):
            given: dict[str, Any] = getattr(cls, "_field_defaults", {})
            return _record(cls, {name: given.get(name, MISSING) for name in cls._fields}, depth)
        return _sequence(members, depth, inside)
    if issubclass(cls, list | set | frozenset):
        schema = {"type": "array", "items": schema_of(members[0], depth - 1, inside=inside) if members else {}}
        return schema if issubclass(cls, list) else {**schema, "uniqueItems": True}
    if issubclass(cls, Mapping):
        return {"type": "object", "additionalProperties": schema_of(members[1], depth - 1, inside=inside) if len(members) == 2 else True}
    return {}


def _record(cls: type, defaults: Mapping[str, Any], depth: int) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties: dict[str, Any] = {}
    for name, default in defaults.items():
        properties[name] = schema_of(hints.get(name, Any), depth - 1, inside=True)
        if default is None or isinstance(default, bool | int | float | str):
            properties[name]["default"] = default
    required = [name for name, default in defaults.items() if default is MISSING]
    return {"type": "object", "dataclass": cls.__name__, "properties": properties, "required": required}


def _sequence(members: tuple[Any, ...], depth: int, inside: bool) -> dict[str, Any]:
    if len(members) == 2 and members[1] is Ellipsis:
        return {"type": "array", "items": schema_of(members[0], depth - 1, inside=inside)}
    if not members:
        return {"type": "array"}
    items = [schema_of(member, depth - 1, inside=inside) for member in members]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _reference(cls: type) -> str:
    """:return: what a file, folder or table is called here; an empty text for any other class"""
    for base in cls.__mro__:
        package, _, _ = base.__module__.partition(".")
        if (package in ("localflyte", "flyte") and base.__name__ in _OWN) or f"{package}.{base.__name__}" in _FRAMES:
            return base.__name__
    return ""
