"""Culprit: the innermost part of a value that cannot be pickled, and the way to it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

__all__ = ("find_culprit",)

_MAX_DEPTH = 20
_MAX_PARTS = 1000  # of one container; an error message is not worth more


def find_culprit(value: Any, dump: Callable[[Any], bytes], error: BaseException) -> tuple[str, Any, str]:
    """Follow the first part that fails, down to one whose own parts are all fine.

    :param dump: what fails on a value that cannot be pickled
    :param error: how it failed on `value`
    :return: the path as Python would write it, the part, and the reason
    """
    path = ""
    for _ in range(_MAX_DEPTH):
        found = _first_bad_part(value, dump)
        if found is None:
            break
        step, value, error = found
        path += step
    return path, value, f"{type(error).__name__}: {error}".strip(": ")


def _first_bad_part(value: Any, dump: Callable[[Any], bytes]) -> tuple[str, Any, BaseException] | None:
    for count, (step, part) in enumerate(_parts(value)):
        if count >= _MAX_PARTS:
            break
        if part is value:
            continue
        try:
            dump(part)
        except Exception as error:  # noqa: BLE001 - any failure is the one we look for
            return step, part, error
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{place}]", part) for place, part in enumerate(value))
    elif isinstance(value, (set, frozenset)):
        yield from (("{...}", part) for part in value)
    for name, part in (getattr(value, "__dict__", None) or {}).items() if not isinstance(value, type) else ():
        yield f".{name}", part
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if hasattr(value, name):
                yield f".{name}", getattr(value, name)
    yield from _parts_of_function(value)


def _parts_of_function(value: Any) -> Iterator[tuple[str, Any]]:
    code = getattr(value, "__code__", None)
    if code is None:
        return
    for name, cell in zip(code.co_freevars, getattr(value, "__closure__", None) or (), strict=False):
        try:
            yield f" (its variable {name!r})", cell.cell_contents
        except ValueError:  # never bound
            continue
    names = getattr(value, "__globals__", {})
    for name in code.co_names:
        if name in names:
            yield f" (its global {name!r})", names[name]
