"""Artifacts: the names that a program gives to files, folders and tables that it returns, and the one place where they may stand."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from copy import copy
from dataclasses import fields
from dataclasses import is_dataclass
from typing import Any

from localflyte.types.refusal import TypeTransformerFailedError

__all__ = ("check_outermost", "metadata_of", "named")

_ATTRIBUTE = "_flyte_artifact"
_DEEPEST = 10  # levels, as flyte looks for them

_any_named = False  # so that programs without artifacts, nearly all, pay nothing for the check


def named(value: Any, metadata: Any) -> Any:
    """:return: a copy of a value that knows its name"""
    global _any_named  # noqa: PLW0603 - once a process
    _any_named = True
    made = copy(value)
    setattr(made, _ATTRIBUTE, metadata)
    return made


def metadata_of(value: Any) -> Any:
    """:return: what a value is known by, or ``None``"""
    return vars(value).get(_ATTRIBUTE) if hasattr(value, "__dict__") else None


def check_outermost(value: Any) -> None:
    """Check that no artifact is inside of an output: a cluster would not find it there.

    :raises TypeTransformerFailedError: if one is
    """
    if _any_named:
        for part in _parts(value):
            _check(part, 1)


def _check(value: Any, depth: int) -> None:
    if metadata_of(value) is not None:
        raise TypeTransformerFailedError(
            "artifacts cannot be nested inside of other values; return what flyte.artifacts.new(...) gave as an output of its own"
        )
    if depth < _DEEPEST:
        for part in _parts(value):
            _check(part, depth + 1)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return value.values()
    if isinstance(value, (list, tuple, set, frozenset)):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return (getattr(value, each.name) for each in fields(value))
    return (getattr(value, name, None) for name in getattr(type(value), "model_fields", None) or ())
