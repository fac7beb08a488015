"""Values: describe a Python object as text that is equal when the object is, in every process."""

from __future__ import annotations

from collections.abc import Callable
from copyreg import dispatch_table
from enum import Enum
from types import MethodType
from typing import Any

from localflyte.spec.digest import sha256

__all__ = ("Describer", "UncertainError")

MOST = 200_000  # objects; beyond that, a global is data, and belongs into a File
LONG = 1024  # bytes; longer text stands as its digest

_PLAIN = (type(None), bool, int, float, complex, type(Ellipsis), type(NotImplemented))
#: Their state is about who holds them now, never about what code computes.
_STATELESS = frozenset({"_thread", "threading", "_contextvars", "contextvars", "logging", "_asyncio", "asyncio.locks"})


class UncertainError(Exception):
    """Raised when something that a task uses has no content that a digest could be made of."""


class Describer:
    """Describes values, and hands functions, classes and modules in them to `code`.

    :param code: describes code, and returns ``None`` for what is no code
    """

    def __init__(self, code: Callable[[Any, str], str | None]) -> None:
        self._code = code
        self._path: dict[int, int] = {}
        self._count = 0

    def describe(self, value: Any, where: str) -> str:
        """Describe one value.

        :param where: what the person would call it, for the message
        :raises UncertainError: if it has no certain content
        """
        self._count += 1
        if self._count > MOST:
            raise UncertainError(f"{where} reaches more than {MOST} objects; pass it as an input, or as a File")
        kind = type(value)
        if kind in _PLAIN:
            return f"{kind.__name__} {value!r}"
        if kind is str or kind is bytes or kind is bytearray:
            return _text(kind.__name__, value)
        if id(value) in self._path:
            return f"again {len(self._path) - self._path[id(value)]}"
        self._path[id(value)] = len(self._path)
        try:
            return self._container(value, where)
        finally:
            del self._path[id(value)]

    def _container(self, value: Any, where: str) -> str:
        kind = type(value)
        if kind is list or kind is tuple:
            return f"{kind.__name__}[{', '.join(self.describe(each, where) for each in value)}]"
        if kind is set or kind is frozenset:
            return f"{kind.__name__}[{', '.join(sorted(self.describe(each, where) for each in value))}]"
        if kind is dict:
            return f"dict[{', '.join(f'{self.describe(key, where)}: {self.describe(each, where)}' for key, each in value.items())}]"
        if kind is MethodType:
            return f"method {self.describe(value.__func__, where)} of {self.describe(value.__self__, where)}"
        if isinstance(value, Enum):
            return f"{self.describe(kind, where)}.{value.name}"
        code = self._code(value, where)
        if code is not None:
            return code
        if kind.__module__ in _STATELESS:
            return f"a {kind.__module__}.{kind.__qualname__}"
        return self._by_reduction(value, where)

    def _by_reduction(self, value: Any, where: str) -> str:
        """Describe an object by what pickle would take to make it again."""
        try:
            reducer = dispatch_table.get(type(value))
            reduced = value.__reduce_ex__(4) if reducer is None else reducer(value)
        except Exception as error:
            raise UncertainError(
                f"{where} is a {type(value).__module__}.{type(value).__qualname__}, whose content cannot be told "
                f"({type(error).__name__}: {error})"
            ) from error
        if isinstance(reduced, str):
            return f"object {type(value).__module__}.{reduced}"
        # Items come as iterators, which a description would otherwise take for objects of their own.
        items = [None if each is None else list(each) for each in reduced[3:5]]
        parts = [self.describe(part, where) for part in (*reduced[:3], *items)]
        return f"object({', '.join(parts)})"


def _text(kind: str, value: str | bytes | bytearray) -> str:
    if len(value) <= LONG:
        return f"{kind} {value!r}"
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return f"{kind} {sha256(data)}"
