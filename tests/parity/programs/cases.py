"""Cases: what the programs of this folder are made of: small functions whose results are shown as one line of JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable
from datetime import date
from datetime import datetime
from enum import Enum
from typing import Any

import flyte.errors

__all__ = ("case", "caught", "count", "mark", "raised", "scratch", "shape", "show")

_cases: dict[str, Callable[[], Any]] = {}


def case(function: Callable[[], Any]) -> Callable[[], Any]:
    """Add a case, under the function's name. What it returns, or the error that it raises, is what is compared."""
    _cases[function.__name__] = function
    return function


def show() -> None:
    """Perform every case and print what came out, as the last line of this program's output."""
    results = {}
    for name, function in _cases.items():
        try:
            results[name] = shape(function())
        except Exception as error:
            results[name] = "raised " + raised(error)
    print(json.dumps(results), flush=True)


def shape(value: Any) -> str:
    """:return: a value as text in which types that are easily mistaken for each other look different"""
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case datetime() | date():
            return f"{type(value).__name__} {value.isoformat()}"
        case tuple() if hasattr(value, "_fields"):
            return f"{type(value).__name__}({', '.join(f'{name}={shape(each)}' for name, each in value._asdict().items())})"
        case tuple():
            return f"({', '.join(map(shape, value))},)"
        case list():
            return f"[{', '.join(map(shape, value))}]"
        case dict():
            return f"{{{', '.join(f'{shape(key)}: {shape(each)}' for key, each in sorted(value.items(), key=repr))}}}"
        case set() | frozenset():
            return f"{type(value).__name__}{sorted(map(shape, value))}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = ", ".join(f"{field.name}={shape(getattr(value, field.name))}" for field in dataclasses.fields(value))
        return f"{type(value).__name__}({fields})"
    if hasattr(value, "model_dump"):
        return f"{type(value).__name__}({', '.join(f'{name}={shape(each)}' for name, each in value)})"
    return repr(value)


def raised(error: BaseException, message: bool = True) -> str:
    """:return: an error's class and, of an error that crossed from a task, its code, kind and message"""
    if isinstance(error, flyte.errors.BaseRuntimeError):
        return f"{type(error).__name__} {error.code} {error.kind}" + (f": {error}" if message else "")
    return type(error).__name__


def caught(function: Callable[..., Any], *args: Any, message: bool = False, **kwargs: Any) -> str:
    """:return: what a call raised, without the words of the engine that raised it"""
    try:
        return "returned " + shape(function(*args, **kwargs))
    except Exception as error:
        return raised(error, message)


def scratch() -> str:
    """:return: a folder of its own, in which tasks leave a file for each of their executions"""
    return tempfile.mkdtemp(prefix="parity-")


def mark(folder: str, name: str = "ran") -> int:
    """Leave one more mark: processes have no variable in common, but they have a disk.

    :return: how many there are now
    """
    handle, _ = tempfile.mkstemp(dir=folder, prefix=f"{name}-")
    os.close(handle)
    return count(folder, name)


def count(folder: str, name: str = "ran") -> int:
    """:return: how many marks of that name there are"""
    return sum(entry.startswith(f"{name}-") for entry in os.listdir(folder))
