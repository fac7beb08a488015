"""Plugin file: the config of a plugin, written in YAML, as the object that ``TaskEnvironment(plugin_config=...)`` takes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from dataclasses import is_dataclass
from types import UnionType
from typing import Any
from typing import Union
from typing import get_args
from typing import get_origin
from typing import get_type_hints

__all__ = ("load_plugin_config",)


def load_plugin_config(path: str | os.PathLike[str]) -> Any:
    """Read ``plugin:``, the full name of a dataclass, and ``config:``, its fields, those of dataclasses in it nested.

    :return: an object of that class
    :raises FileNotFoundError: if there is no such file
    :raises ValueError: if it is no YAML, names no class that can be loaded, or says what the class does not have
    :raises TypeError: if it leaves out what the class needs
    :raises ImportError: if PyYAML is not installed
    """
    try:
        import yaml
    except ImportError:
        raise ImportError(f"{os.fspath(path)} is YAML, which takes PyYAML to read: pip install pyyaml") from None
    try:
        with open(path, encoding="utf-8") as file:
            said: object = yaml.safe_load(file)
    except yaml.YAMLError as error:
        raise ValueError(f"{os.fspath(path)} is no YAML: {error}") from error
    if not isinstance(said, dict) or not isinstance(said.get("plugin"), str):
        raise ValueError(
            f"{os.fspath(path)} must have a top-level 'plugin' key: the full name of the class, like plugin: package.module.Config"
        )
    config: object = said.get("config") or {}
    if not isinstance(config, dict):
        raise ValueError(f"{os.fspath(path)}: 'config' must name fields with their values, got {config!r}")
    return _make(_find(said["plugin"]), config, os.fspath(path))


def _find(name: str) -> Any:
    from importlib import import_module

    module, _, last = name.rpartition(".")
    try:
        return getattr(import_module(module), last)
    except (ImportError, AttributeError, TypeError, ValueError) as error:  # a TypeError where it begins with a dot
        raise ValueError(f"Could not load plugin config class {name!r}: {error}. Is its package installed?") from error


def _make(cls: Any, said: Mapping[str, Any], path: str) -> Any:
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise ValueError(f"{path}: {cls!r} is not a dataclass, and only one can be made from a file")
    known = [field.name for field in fields(cls)]
    unknown = [str(name) for name in said if name not in known]
    if unknown:
        raise ValueError(f"{path}: Unknown field {unknown[0]!r} of {cls.__qualname__}; its fields are {', '.join(known)}")
    kinds = get_type_hints(cls)
    return cls(**{name: _value(kinds[name], value, path) for name, value in said.items()})


def _value(kind: Any, value: Any, path: str) -> Any:
    """:return: the value, with dataclasses where the type has them"""
    if get_origin(kind) in (Union, UnionType):
        kinds = [each for each in get_args(kind) if each is not type(None)]
        kind = next((each for each in kinds if _fits(each, value)), kinds[0])
    inner = get_args(kind)
    if isinstance(value, dict):
        if isinstance(kind, type) and is_dataclass(kind):
            return _make(kind, value, path)
        return {key: _value(inner[1], each, path) for key, each in value.items()} if len(inner) == 2 else value
    if isinstance(value, list):
        return [_value(inner[0], each, path) for each in value] if inner else value
    return value


def _fits(kind: Any, value: Any) -> bool:
    if isinstance(kind, type) and is_dataclass(kind):
        return isinstance(value, dict) and {field.name for field in fields(kind)} >= value.keys()
    return isinstance(value, get_origin(kind) or kind) if isinstance(get_origin(kind) or kind, type) else False
