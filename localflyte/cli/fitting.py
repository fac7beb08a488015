"""Fitting: parsed JSON or YAML, which knows six types, made to fit the annotation of a task's input."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import MISSING
from dataclasses import fields
from dataclasses import is_dataclass
from datetime import date
from datetime import datetime
from datetime import timedelta
from enum import Enum
from typing import Any

from localflyte.cli.annotations import bare_annotation
from localflyte.cli.annotations import is_from_text
from localflyte.cli.annotations import is_model
from localflyte.cli.annotations import is_namedtuple
from localflyte.cli.annotations import is_union
from localflyte.cli.annotations import readable
from localflyte.cli.annotations import union_members
from localflyte.cli.choices import enum_member
from localflyte.cli.choices import literal_value
from localflyte.cli.moments import parse_date
from localflyte.cli.moments import parse_datetime
from localflyte.cli.moments import parse_duration
from localflyte.cli.near import near
from localflyte.cli.reference import reference_from
from localflyte.cli.reference import reference_kind
from localflyte.types.records import is_typed_dict
from localflyte.types.records import typed_dict_fields

__all__ = ("fit",)

_LISTS = ("Sequence", "MutableSequence", "Collection", "Iterable")


def fit(value: Any, annotation: Any, *, where: str = "", base: Any = None) -> Any:
    """Turn parsed JSON into a value of the annotation's type.

    :param value: what the JSON or YAML parser returned
    :param annotation: the type to reach; parts that no rule knows keep the parsed value
    :param where: the path inside of the input, for messages
    :param base: a default whose fields fill those that an object leaves out
    :raises ValueError: if the value does not fit; the message says where, what was expected and what was given
    """
    annotation = bare_annotation(annotation)
    if annotation is Any or annotation is object:
        return value
    if is_union(annotation):
        return _fit_union(value, annotation, where)
    origin = typing.get_origin(annotation) or annotation
    rule = _RULES.get(origin) or _rule_of(origin, annotation)
    try:
        return rule(value, annotation, where, base)
    except _MisfitError:
        raise
    except Exception as error:  # noqa: BLE001 - the user's own __init__ and __post_init__ run in here
        raise _MisfitError(_placed(where, str(error) or type(error).__name__)) from None


class _MisfitError(ValueError):
    """Raised when a value does not fit; its message already says where."""


def _placed(where: str, text: str) -> str:
    return f"at {where}: {text}" if where else text


def _expected(annotation: Any, value: Any, where: str) -> _MisfitError:
    given = json.dumps(value, default=repr)
    shown = given if len(given) <= 60 else f"{given[:57]}..."
    return _MisfitError(_placed(where, f"expected {readable(annotation)}, got {shown}"))


def _fit_union(value: Any, annotation: Any, where: str) -> Any:
    members = union_members(annotation)
    if value is None and type(None) in members:
        return None
    # 1 for float | int stays an int and 1.0 for int | float a float: JSON says which it is.
    exact = [member for member in members if member in {bool, int, float} and type(value) is member]
    for member in exact + [member for member in members if member is not type(None)]:
        try:
            return fit(value, member, where=where)
        except ValueError as error:
            last = error
    if len(members) == 2 and type(None) in members:
        raise last
    raise _expected(annotation, value, where)


def _rule_of(origin: Any, annotation: Any) -> Callable[[Any, Any, str, Any], Any]:
    if origin is typing.Literal:
        return lambda value, literal, _where, _base: literal_value(literal, value)
    if isinstance(origin, type) and issubclass(origin, Enum):
        return lambda value, enum, _where, _base: enum_member(enum, value)
    if reference_kind(annotation):
        return _fit_reference
    if is_model(origin):
        return _fit_model
    if is_dataclass(origin):
        return _fit_dataclass
    if is_typed_dict(origin):
        return _fit_typeddict
    if is_namedtuple(origin):
        return _fit_namedtuple
    if is_from_text(origin):
        return lambda value, cls, _where, _base: cls(str(value))
    if getattr(origin, "__module__", "") == "collections.abc":
        return _fit_list if origin.__name__ in _LISTS else _fit_dict if origin.__name__.endswith("Mapping") else _keep
    return _keep


def _keep(value: Any, _annotation: Any, _where: str, _base: Any) -> Any:
    return value


def _fit_exact(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if type(value) is not annotation:
        raise _expected(annotation, value, where)
    return value


def _fit_float(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if type(value) not in {int, float}:
        raise _expected(annotation, value, where)
    return float(value)


def _fit_bytes(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if not isinstance(value, str):
        raise _expected(annotation, value, where)
    return value.encode()


def _fit_none(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if value is not None:
        raise _expected(annotation, value, where)


def _fit_datetime(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if isinstance(value, str):
        return parse_datetime(value)
    return _fit_exact(value, annotation, where, None)


def _fit_date(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if isinstance(value, str):
        return parse_date(value)
    return _fit_exact(value, annotation, where, None)


def _fit_duration(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if type(value) in {int, float}:
        return timedelta(seconds=value)
    if not isinstance(value, str):
        raise _expected(annotation, value, where)
    return parse_duration(value)


def _fit_reference(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    fields: dict[str, Any] = value if isinstance(value, dict) else {}
    place = fields.get("uri", fields.get("path")) if fields else value
    if not isinstance(place, str):
        raise _expected(annotation, value, where)
    made = reference_from(place, annotation)
    said = {part: fields[part] for part in ("name", "format", "hash") if isinstance(fields.get(part), str) and hasattr(made, part)}
    return made.model_copy(update=said) if said else made


def _fit_list(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    if not isinstance(value, list):
        raise _expected(annotation, value, where)
    members = typing.get_args(annotation)
    return [fit(item, members[0], where=f"{where}[{at}]") for at, item in enumerate(value)] if members else value


def _fit_set(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    make = typing.get_origin(annotation) or annotation
    return make(_fit_list(value, annotation, where, None))


def _fit_tuple(value: Any, annotation: Any, where: str, _base: Any) -> Any:
    members = typing.get_args(annotation)
    if isinstance(value, dict) and members and list(value) == [f"item_{at}" for at in range(len(members))]:
        value = list(value.values())  # how Flyte spells a tuple in JSON
    if not isinstance(value, list):
        raise _expected(annotation, value, where)
    if not members:
        return tuple(value)
    if len(members) == 2 and members[1] is Ellipsis:
        members = (members[0],) * len(value)
    if len(value) != len(members):
        raise _MisfitError(_placed(where, f"expected {len(members)} values for {readable(annotation)}, got {len(value)}"))
    return tuple(fit(item, member, where=f"{where}[{at}]") for at, (item, member) in enumerate(zip(value, members, strict=True)))


def _fit_dict(value: Any, annotation: Any, where: str, base: Any) -> Any:
    if not isinstance(value, dict):
        raise _expected(annotation, value, where)
    members = typing.get_args(annotation)
    start = dict(base) if isinstance(base, dict) else {}
    if not members:
        return {**start, **value}
    key_type, item_type = members
    return start | {_fit_key(key, key_type, where): fit(item, item_type, where=f"{where}.{key}") for key, item in value.items()}


def _fit_key(key: Any, annotation: Any, where: str) -> Any:
    # The keys of a JSON object are always texts.
    if isinstance(key, str) and annotation in {int, float}:
        return annotation(key)
    return fit(key, annotation, where=f"{where}.{key}")


def _fit_model(value: Any, annotation: Any, where: str, base: Any) -> Any:
    if not isinstance(value, dict):
        raise _expected(annotation, value, where)
    start = base.model_dump(mode="json") if isinstance(base, annotation) else {}
    try:
        return annotation.model_validate_json(json.dumps({**start, **value}, default=str))
    except ValueError as error:
        problems: list[Any] = getattr(error, "errors", list)()
        if not problems:
            raise
        place = where + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problems[0]["loc"])
        raise _MisfitError(_placed(place, problems[0]["msg"])) from None


def _fit_dataclass(value: Any, annotation: Any, where: str, base: Any) -> Any:
    cls = typing.get_origin(annotation) or annotation
    if not isinstance(value, dict):
        raise _expected(annotation, value, where)
    taken = {field.name: field for field in fields(cls) if field.init}
    filled = {name: getattr(base, name) for name in taken} if isinstance(base, cls) else {}
    missing = [
        name
        for name, field in taken.items()
        if name not in value and name not in filled and field.default is MISSING and field.default_factory is MISSING
    ]
    hints = typing.get_type_hints(cls, include_extras=True)
    return cls(**filled | _fit_fields(value, {name: hints[name] for name in taken}, missing, where))


def _fit_typeddict(value: Any, annotation: Any, where: str, base: Any) -> Any:
    if not isinstance(value, dict):
        raise _expected(annotation, value, where)
    start = dict(base) if isinstance(base, dict) else {}
    hints, required = typed_dict_fields(typing.get_origin(annotation) or annotation)
    return start | _fit_fields(value, hints, [key for key in hints if key in required and key not in value and key not in start], where)


def _fit_namedtuple(value: Any, annotation: Any, where: str, base: Any) -> Any:
    names = annotation._fields
    hints = typing.get_type_hints(annotation, include_extras=True)
    if isinstance(value, list):
        if len(value) > len(names):
            raise _MisfitError(_placed(where, f"expected {len(names)} values for {readable(annotation)}, got {len(value)}"))
        value = dict(zip(names, value, strict=False))
    if not isinstance(value, dict):
        raise _expected(annotation, value, where)
    start = base._asdict() if isinstance(base, annotation) else {}
    missing = [name for name in names if name not in value and name not in start and name not in annotation._field_defaults]
    return annotation(**start | _fit_fields(value, {name: hints.get(name, Any) for name in names}, missing, where))


def _fit_fields(value: Mapping[str, Any], hints: Mapping[str, Any], missing: list[str], where: str) -> dict[str, Any]:
    for name in value:
        if name not in hints:
            close = near(str(name), hints)
            hint = f"; did you mean {close!r}?" if close else f"; the fields are {', '.join(hints)}"
            raise _MisfitError(_placed(where, f"there is no field {name!r}{hint}"))
    if missing:
        raise _MisfitError(_placed(where, f"missing: {', '.join(map(repr, missing))}"))
    return {name: fit(item, hints[name], where=f"{where}.{name}") for name, item in value.items()}


_RULES: dict[Any, Callable[[Any, Any, str, Any], Any]] = {
    bool: _fit_exact,
    int: _fit_exact,
    float: _fit_float,
    str: _fit_exact,
    bytes: _fit_bytes,
    type(None): _fit_none,
    None: _fit_none,
    datetime: _fit_datetime,
    date: _fit_date,
    timedelta: _fit_duration,
    list: _fit_list,
    set: _fit_set,
    frozenset: _fit_set,
    tuple: _fit_tuple,
    dict: _fit_dict,
}
