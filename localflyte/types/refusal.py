"""Refusals: the errors with which a codec turns a value down, carrying the place inside the value where it went wrong."""

from __future__ import annotations

from typing import Any

__all__ = ("TypeTransformerFailedError", "ValueRefusedError", "describe", "mismatch")

_MAX_SHOWN = 60  # characters of a value that an error shows; the rest is noise in a terminal


class _Placed(Exception):  # noqa: N818 - a part of the two errors below, and never raised itself
    """A reason, and the path from the parameter to the value that it is about."""

    def __init__(self, reason: str = "", *more: object) -> None:
        super().__init__(reason, *more)
        self.reason = str(reason)
        self.place = ""

    def at(self, step: str) -> None:
        """Put one more step, such as ``[3]`` or ``.name``, in front of the path."""
        self.place = step + self.place

    def __str__(self) -> str:
        return f"{self.place.lstrip('.')}: {self.reason}" if self.place else self.reason


class TypeTransformerFailedError(_Placed, TypeError, AssertionError, ValueError):
    """Raised when a value does not have the declared type."""


class ValueRefusedError(_Placed, ValueError):
    """Raised when a value has the declared type but cannot be carried, such as an integer beyond 64 bits."""


def describe(value: Any) -> str:
    """Say what a value is, shortly: ``str ('abc')``, ``list of 3``."""
    kind = type(value)
    name = kind.__name__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    if value is None:
        return "None"
    if kind in (list, dict, tuple, set, frozenset):
        return f"{name} of {len(value)}"
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - a broken __repr__ must not hide the error that is being told
        return name
    if "\n" in shown:  # a table is drawn over many lines
        return name
    return f"{name} ({shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'})"


def mismatch(expected: str, value: Any, hint: str = "") -> TypeTransformerFailedError:
    """Make the error for a value of another type than declared.

    :param hint: the way out, when there is a common one
    """
    return TypeTransformerFailedError(f"expected {expected}, got {describe(value)}{'; ' + hint if hint else ''}")
