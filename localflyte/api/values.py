"""Values: describe a Python object as text that is equal when the object is, in every process."""

from __future__ import annotations

from collections.abc import Callable
from copyreg import dispatch_table
from enum import Enum
from types import BuiltinFunctionType
from types import MappingProxyType
from types import MethodType
from types import ModuleType
from types import UnionType
from typing import Any
from typing import Optional

from localflyte.spec.digest import sha256

__all__ = ("Describer", "UncertainError", "is_plain", "is_stateless")

MOST = 200_000  # objects; beyond that, a global is data, and belongs into a File
LONG = 1024  # bytes; longer text stands as its digest

_OptionalForm = type(Optional[int])  # noqa: UP045 - it is about the way this is written
_PLAIN = (type(None), bool, int, float, complex, type(Ellipsis), type(NotImplemented))
#: Their state is about who holds them now, never about what code computes.
_STATELESS = frozenset({"_thread", "threading", "_contextvars", "contextvars", "logging", "_asyncio", "asyncio.locks"})


class UncertainError(Exception):
    """Raised when something that a task uses has no content that a digest could be made of."""


class Describer:
    """Describes values, and hands functions, classes and modules in them to `code`.

    :param code: describes code, and returns ``None`` for what is no code
    """

    def __init__(self, code: Callable[[Any], str | None]) -> None:
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
            return f"{kind.__name__} {_number(value)}"
        if kind is str or kind is bytes or kind is bytearray:
            return _text(kind.__name__, value)
        if id(value) in self._path:
            return f"again {len(self._path) - self._path[id(value)]}"
        self._path[id(value)] = len(self._path)
        try:
            return self._container(value, where)
        except RecursionError:
            raise UncertainError(f"{where} is nested too deeply to be told by its content; pass it as an input") from None
        finally:
            del self._path[id(value)]

    def _container(self, value: Any, where: str) -> str:
        kind = type(value)
        if kind is list or kind is tuple:
            return f"{kind.__name__}[{', '.join(self.describe(each, where) for each in value)}]"
        if kind is set or kind is frozenset:
            # In an order of their own before they are described: code is numbered in the order in which it is met.
            return f"{kind.__name__}[{', '.join(sorted(self.describe(each, where) for each in sorted(value, key=_rank)))}]"
        if kind is dict:
            return f"dict[{', '.join(f'{self.describe(key, where)}: {self.describe(each, where)}' for key, each in value.items())}]"
        if kind is BuiltinFunctionType and not isinstance(value.__self__, ModuleType | None):
            return f"method {value.__name__} of {self.describe(value.__self__, where)}"
        if kind is MethodType:
            return f"method {self.describe(value.__func__, where)} of {self.describe(value.__self__, where)}"
        if isinstance(value, Enum):
            return f"{self.describe(kind, where)}.{value.name}"
        if kind.__module__ in ("pathlib", "pathlib._local") and kind.__name__.endswith("Path"):  # the second in Python 3.13 alone
            return f"{kind.__name__} {str(value)!a}"
        if kind is MappingProxyType:
            return f"proxy {self.describe(dict(value), where)}"
        code = self._code(value)
        if code is not None:
            return code
        if is_stateless(value):
            return f"a {kind.__module__}.{kind.__qualname__}"
        if kind is UnionType or kind is _OptionalForm:
            # ``Optional[X]`` and ``X | None`` are one from Python 3.14 on, and two before.
            return f"union[{', '.join(self.describe(each, where) for each in value.__args__)}]"
        if kind.__name__ == "TypeAliasType" and kind.__module__ in ("typing", "typing_extensions"):
            return f"type {self.describe(value.__value__, where)}"
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


def _number(value: Any) -> str:
    # Python refuses to write very long numbers in decimal.
    return f"{value:#x}" if type(value) is int and value.bit_length() > 64 else repr(value)


def _rank(value: Any) -> tuple[str, ...]:
    kind = type(value)
    if kind in _PLAIN or kind is str or kind is bytes:
        return (kind.__name__, _number(value))
    code = repr(getattr(getattr(value, "__code__", None), "co_code", ""))
    return (kind.__name__, *(str(getattr(value, name, "")) for name in ("__module__", "__qualname__", "name")), code)


def is_stateless(value: Any) -> bool:
    """:return: whether a value is a lock, a logger or the like, which computes nothing"""
    return type(value).__module__ in _STATELESS


def is_plain(value: Any, most: int = 1000) -> bool:
    """:return: whether a value is made of numbers and text alone, and is not large"""
    left, seen = [value], 0
    while left:
        each = left.pop()
        kind = type(each)
        seen += 1
        if seen > most:
            return False
        if kind in (list, tuple, set, frozenset):
            left.extend(each)
        elif kind is dict:
            left += [*each.keys(), *each.values()]
        elif kind not in _PLAIN and kind not in (str, bytes):
            return False
    return True


def _text(kind: str, value: str | bytes | bytearray) -> str:
    if len(value) <= LONG:
        return f"{kind} {value!a}"
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    return f"{kind} {sha256(data)}"
