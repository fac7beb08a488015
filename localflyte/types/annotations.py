"""Annotations: strings resolved, wrappers taken off, type variables filled in."""

from __future__ import annotations

import sys
from collections.abc import Callable
from collections.abc import Mapping
from types import FunctionType
from types import GenericAlias
from types import UnionType
from typing import Annotated
from typing import Any
from typing import LiteralString
from typing import NewType
from typing import TypeVar
from typing import Union
from typing import get_args
from typing import get_origin
from typing import get_type_hints

__all__ = ("class_hints", "function_hints", "said_beside", "strip", "substitute")


_OLD_NAMES: tuple[tuple[Any, Any], ...] = (
    (list, list),
    (dict, dict),
    (tuple, tuple),
    (set, set),
    (frozenset, frozenset),
    (LiteralString, str),
)


def function_hints(func: Callable[..., Any], *, task: str) -> dict[str, Any]:
    """Resolve every annotation of a function, strings too, where the function could see the names itself.

    :param task: the task's full name, for errors
    :raises NameError: if a name exists for type checkers only
    """
    inner = _unwrapped(func)
    closure = _closure(inner)
    try:
        return get_type_hints(inner, localns=closure or None, include_extras=True)
    except NameError as error:
        raise NameError(_missing_name(error, f"task '{task}'"), name=error.name) from error


def class_hints(kind: type, *, what: str) -> dict[str, Any]:
    """Resolve the annotations of the fields of a class.

    :param what: what the class is, for errors
    :raises NameError: if a name cannot be found where the class was defined
    """
    try:
        return get_type_hints(kind, include_extras=True)
    except NameError as error:
        raise NameError(_missing_name(error, f"{what} '{kind.__qualname__}'"), name=error.name) from error


def strip(annotation: Any) -> Any:
    """Take off what says nothing about the form of a value: Annotated, NewType, type aliases, bounds of type variables."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif isinstance(annotation, TypeVar):
            annotation = _bound(annotation)
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif type(get_origin(annotation)).__name__ == "TypeAliasType":
            alias = get_origin(annotation)
            annotation = substitute(alias.__value__, dict(zip(alias.__type_params__, get_args(annotation), strict=False)))
        else:
            return next((plain for old, plain in _OLD_NAMES if annotation is old), annotation)


def substitute(annotation: Any, given: Mapping[Any, Any]) -> Any:
    """Put types in the place of type variables, at any depth."""
    if isinstance(annotation, TypeVar):
        return given.get(annotation, annotation)
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return substitute(annotation.__origin__, given)
    if not args or not getattr(annotation, "__parameters__", ()):
        return annotation
    filled = tuple(substitute(arg, given) for arg in args)
    if origin in (Union, UnionType):
        return Union[filled]  # noqa: UP007 - made at run time
    if isinstance(annotation, GenericAlias):
        return GenericAlias(origin, filled)
    return annotation.copy_with(filled)


def said_beside(annotation: Any, is_wanted: Callable[[Any], bool]) -> Any:
    """:return: the first thing of a kind that an annotation says beside its type, also behind a name for it; or ``None``"""
    while True:
        if get_origin(annotation) is Annotated:
            return next(filter(is_wanted, annotation.__metadata__), None)
        if isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return None


def _bound(variable: TypeVar) -> Any:
    if variable.__constraints__:
        return Union[variable.__constraints__]  # noqa: UP007 - made at run time
    return Any if variable.__bound__ is None else variable.__bound__


def _unwrapped(func: Callable[..., Any]) -> Callable[..., Any]:
    while hasattr(func, "__wrapped__"):
        func = func.__wrapped__
    return func


def _closure(func: Callable[..., Any]) -> dict[str, Any]:
    if not isinstance(func, FunctionType) or not func.__closure__:
        return {}
    found: dict[str, Any] = {}
    for name, cell in zip(func.__code__.co_freevars, func.__closure__, strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # not bound yet
            continue
    return found


def _missing_name(error: NameError, owner: str) -> str:
    return (
        f"{owner} has an annotation that names {error.name!r}, and that name does not exist when the program runs "
        f"(Python {sys.version_info.major}.{sys.version_info.minor}). If it is imported under TYPE_CHECKING, import it for real; "
        "if it is defined inside a function, move it to the top of the module."
    )
