"""Params: the command-line option of each task input, one click type per kind of annotation."""

from __future__ import annotations

import json
import os
import sys
import typing
from collections.abc import Callable
from collections.abc import Container
from datetime import date
from datetime import datetime
from datetime import timedelta
from enum import Enum
from importlib import import_module
from typing import TYPE_CHECKING
from typing import Any

import click

from localflyte.cli.annotations import bare_annotation
from localflyte.cli.annotations import has_fields
from localflyte.cli.annotations import is_from_text
from localflyte.cli.annotations import is_union
from localflyte.cli.annotations import readable
from localflyte.cli.annotations import union_members
from localflyte.cli.choices import enum_member
from localflyte.cli.choices import literal_value
from localflyte.cli.fitting import fit
from localflyte.cli.moments import parse_date
from localflyte.cli.moments import parse_datetime
from localflyte.cli.moments import parse_duration
from localflyte.cli.reference import frame_from
from localflyte.cli.reference import is_frame
from localflyte.cli.reference import reference_from
from localflyte.cli.reference import reference_kind

__all__ = (
    "JsonParam",
    "ObjectParam",
    "TextParam",
    "UnionParam",
    "option_for",
    "param_type",
)

if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic only in newer versions of click

_CONTAINERS = (list, dict, tuple, set, frozenset)
_NULLS = {"null", "none"}


class TextParam(ParamType):
    """A value that is read from text by one function."""

    def __init__(self, name: str, parse: Callable[[str], Any]) -> None:
        self.name = name
        self.parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value)
        except Exception as error:  # noqa: BLE001 - the parser may be a constructor of the user's
            self.fail(str(error) or type(error).__name__, param, ctx)


class JsonParam(TextParam):
    """A structured value: JSON text, or the path of a JSON or YAML file, fitted into the annotation."""

    def __init__(self, annotation: Any, default: Any = None) -> None:
        self.annotation = annotation
        self.default = default
        super().__init__(readable(annotation), self._read)

    def _read(self, text: str) -> Any:
        return fit(load_json(text), self.annotation, base=self.default)


class ObjectParam(TextParam):
    """Any Python object: ``module:attribute`` imports it, other text is the value itself."""

    def __init__(self, annotation: Any) -> None:
        super().__init__(readable(annotation), import_object)


class UnionParam(TextParam):
    """The first member of a union that takes the text; ``null`` is ``None`` where text is no member itself."""

    def __init__(self, annotation: Any) -> None:
        members = union_members(annotation)
        self.nullable = type(None) in members and str not in members
        self.members = [param_type(member) for member in members if member is not type(None)]
        super().__init__(readable(annotation), self._read)

    def _read(self, text: str) -> Any:
        if self.nullable and text.strip().lower() in _NULLS:
            return None
        reasons = []
        for member in self.members:
            try:
                return member.convert(text, None, None)
            except click.BadParameter as error:
                reasons.append(error.message)
        raise ValueError(reasons[0] if len(reasons) == 1 else f"{text!r} is not {self.name} ({'; '.join(reasons)})")


def param_type(annotation: Any, default: Any = None) -> ParamType:
    """Choose the click type that reads text into a value of the annotation's type.

    :param annotation: the type of the task's input
    :param default: the input's default; fields that a JSON object leaves out are taken from it
    """
    annotation = bare_annotation(annotation)
    if is_union(annotation):
        return UnionParam(annotation)
    origin = typing.get_origin(annotation) or annotation
    if origin in _SCALARS:
        return _SCALARS[origin]
    if origin is typing.Literal:
        return TextParam(readable(annotation), lambda text: literal_value(annotation, text))
    if isinstance(origin, type) and issubclass(origin, Enum):
        return TextParam(readable(annotation), lambda text: enum_member(origin, text))
    kind = reference_kind(annotation)
    if kind:
        return TextParam(kind, lambda text: reference_from(text, annotation))
    if is_frame(origin):
        return TextParam("DataFrame", lambda text: frame_from(text, origin))
    if is_from_text(origin):
        return TextParam(readable(annotation), origin)
    is_abstract = getattr(origin, "__module__", "") == "collections.abc" and bool(typing.get_args(annotation))
    if origin in _CONTAINERS or has_fields(origin) or is_abstract:
        return JsonParam(annotation, default)
    return ObjectParam(annotation)


def option_for(name: str, annotation: Any, *, default: Any = None, required: bool, taken: Container[str] = ()) -> click.Option:
    """Make the option of one input. Its value is ``None`` when it was not given: defaults are the task's own affair.

    :param name: the name of the input
    :param annotation: its type
    :param default: its default, shown in the help
    :param required: whether it has no default
    :param taken: the names of all inputs, so that ``--no-x`` is not offered where an input has that name
    """
    kind = param_type(annotation, default)
    is_flag = kind is click.BOOL
    nullable = type(None) in union_members(bare_annotation(annotation))
    if not required:
        note = f"[default: {_shown(default)}]"
    else:
        note = "[default: False]" if is_flag else "[default: None]" if nullable else "[required]"
    names = f"--{name}" if not is_flag or f"no_{name}" in taken else f"--{name}/--no-{name}"
    if is_flag:
        return click.Option([name, names], is_flag=True, default=None, help=note)
    return click.Option([name, names], type=kind, default=None, metavar=readable(annotation), help=note)


def load_json(text: str) -> Any:
    """Read JSON text, or the JSON or YAML file that the text is the path of.

    :raises ValueError: if it is neither
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not os.path.isfile(text):
            raise ValueError(f"{text!r} is neither JSON ({error}) nor the path of a .json or .yaml file") from None
    with open(text, encoding="utf-8") as stream:
        content = stream.read()
    if text.endswith((".yaml", ".yml")):
        return _load_yaml(content, text)
    try:
        return json.loads(content)
    except json.JSONDecodeError as error:
        raise ValueError(f"the file {text} is not JSON: {error}") from None


def _load_yaml(content: str, path: str) -> Any:
    try:
        yaml: Any = import_module("yaml")
    except ImportError:
        raise ValueError(f"reading {path} needs PyYAML, which is not installed: pip install pyyaml, or write the value as JSON") from None
    try:
        return yaml.safe_load(content)
    except yaml.YAMLError as error:
        raise ValueError(f"the file {path} is not YAML: {' '.join(str(error).split())}") from None


def import_object(text: str) -> Any:
    """Import ``module:attribute``; text that does not look like that is returned as it is.

    :raises ValueError: if the module or the attribute is not there
    """
    module, colon, attribute = text.partition(":")
    dotted = [part.isidentifier() for part in (*module.split("."), *attribute.split("."))]
    if not colon or not all(dotted):
        return text
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        value: Any = import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot import {text!r}: {error}") from None
    return value


def _parse_null(text: str) -> None:
    if text.strip().lower() not in _NULLS:
        raise ValueError(f"{text!r} is not null")


def _shown(default: Any) -> str:
    if isinstance(default, Enum):
        return default.name
    text = repr(default) if not isinstance(default, str) or not default else default
    return text if len(text) <= 60 else f"{text[:57]}..."


_SCALARS: dict[Any, ParamType] = {
    bool: click.BOOL,
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    bytes: TextParam("bytes", str.encode),
    datetime: TextParam("datetime", parse_datetime),
    date: TextParam("date", parse_date),
    timedelta: TextParam("timedelta", parse_duration),
    type(None): TextParam("null", _parse_null),
    None: TextParam("null", _parse_null),
}
