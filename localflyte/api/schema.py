"""The JSON schema of a Python type, in the form in which Flyte shows the inputs of a task."""

from __future__ import annotations

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

_MADE = object()  # a default that is made anew for every instance, and has no text

DEEPEST = 12  # levels; a class that contains itself ends here


def schema_of(annotation: Any, depth: int = DEEPEST) -> dict[str, Any]:
    """:return: the schema; an empty one, which allows everything, for a type that JSON cannot describe"""
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
        return schema_of(members[0], depth)
    if origin in (typing.Union, types.UnionType):
        return _union(members, depth)
    if origin is typing.Literal:
        return {"type": "string", "enum": list(members)} if all(isinstance(one, str) for one in members) else {"enum": list(members)}
    container = origin or annotation
    if not isinstance(container, type):
        return {}
    return _class(container, members, depth)


def _union(members: tuple[Any, ...], depth: int) -> dict[str, Any]:
    others = [member for member in members if member is not type(None)]
    if len(others) == 1:
        return schema_of(others[0], depth - 1)
    each = [{**schema_of(member, depth - 1), "title": getattr(member, "__name__", str(member))} for member in others]
    return {"oneOf": each, "format": "union"}


def _class(cls: type, members: tuple[Any, ...], depth: int) -> dict[str, Any]:
    if issubclass(cls, Enum):
        return {"type": "string", "enum": [member.name for member in cls]}
    if hasattr(cls, "model_json_schema") and not members and cls.__name__ not in ("File", "Dir", "DataFrame"):
        schema: dict[str, Any] = cls.model_json_schema()
        schema.setdefault("required", [])  # pydantic leaves it out where every field has a default
        return schema
    if is_dataclass(cls):
        defaults = {each.name: _MADE if each.default_factory is not MISSING else each.default for each in fields(cls) if each.init}
        return _record(cls, defaults, depth)
    if is_typed_dict(cls):
        hints, required = typed_dict_fields(cls)
        return {"type": "object", "properties": {name: schema_of(hints[name], depth - 1) for name in hints}, "required": sorted(required)}
    if issubclass(cls, tuple):
        if hasattr(cls, "_fields"):
            given: dict[str, Any] = getattr(cls, "_field_defaults", {})
            return _record(cls, {name: given.get(name, MISSING) for name in cls._fields}, depth)
        return _sequence(members, depth)
    if issubclass(cls, list | set | frozenset):
        schema = {"type": "array", "items": schema_of(members[0], depth - 1) if members else {}}
        return schema if issubclass(cls, list) else {**schema, "uniqueItems": True}
    if issubclass(cls, Mapping):
        return {"type": "object", "additionalProperties": schema_of(members[1], depth - 1) if len(members) == 2 else True}
    if cls.__name__ in ("File", "Dir", "DataFrame") and cls.__module__.startswith(("localflyte", "flyte")):
        return {"type": "object", "format": "blob", "properties": {"uri": {"type": "string", "default": ""}}}
    return {}


def _record(cls: type, defaults: Mapping[str, Any], depth: int) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    properties: dict[str, Any] = {}
    for name, default in defaults.items():
        properties[name] = schema_of(hints.get(name, Any), depth - 1)
        if default is None or isinstance(default, bool | int | float | str):
            properties[name]["default"] = default
    required = [name for name, default in defaults.items() if default is MISSING]
    return {"type": "object", "dataclass": cls.__name__, "properties": properties, "required": required}


def _sequence(members: tuple[Any, ...], depth: int) -> dict[str, Any]:
    if len(members) == 2 and members[1] is Ellipsis:
        return {"type": "array", "items": schema_of(members[0], depth - 1)}
    if not members:
        return {"type": "array"}
    items = [schema_of(member, depth - 1) for member in members]
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
