"""Binding: the arguments of a call, matched with the parameters they are for."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from localflyte.types.signature import REQUIRED
from localflyte.types.signature import Parameter

__all__ = ("bind",)


def bind(
    inputs: Mapping[str, Parameter], positional: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], *, task: str
) -> dict[str, Any]:
    """Match arguments with parameters, in the parameters' order, defaults filled in.

    :param positional: the parameters that may be given by position
    :raises ValueError: if an argument is missing, unknown, given twice or too many
    """
    given = _by_position(positional, args, kwargs, task) if args else kwargs
    values: dict[str, Any] = {}
    missing: list[str] = []
    for name, parameter in inputs.items():
        value = given.get(name, parameter.default)
        if value is REQUIRED:
            missing.append(name)
        values[name] = value
    if not given.keys() <= inputs.keys():
        raise ValueError(_unknown_message(inputs, [name for name in given if name not in inputs], task))
    if missing:
        raise ValueError(f"Missing required inputs: {', '.join(missing)} (task '{task}')")
    return values


def _by_position(names: Sequence[str], args: Sequence[Any], kwargs: Mapping[str, Any], task: str) -> dict[str, Any]:
    if len(args) > len(names):
        raise ValueError(
            f"Too many positional arguments for task '{task}': it takes {len(names)} ({', '.join(names)}), {len(args)} were given"
        )
    given = dict(zip(names, args, strict=False))
    if not given.keys().isdisjoint(kwargs):
        twice = given.keys() & kwargs.keys()
        raise ValueError(
            f"Inputs given twice to task '{task}', by position and by name: {', '.join(name for name in given if name in twice)}"
        )
    given.update(kwargs)
    return given


def _unknown_message(inputs: Mapping[str, Parameter], unknown: Iterable[str], task: str) -> str:
    from difflib import get_close_matches

    parts = []
    for name in unknown:
        close = get_close_matches(name, list(inputs), 1)
        parts.append(f"'{name}'{f' (did you mean {close[0]!r}?)' if close else ''}")
    takes = ", ".join(inputs) or "no inputs"
    return f"Unknown inputs for task '{task}': {', '.join(parts)}; it takes {takes}"
