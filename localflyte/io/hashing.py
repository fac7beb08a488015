"""Hashing: the caller's own idea of when two contents are the same, instead of the bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from typing import Protocol
from typing import runtime_checkable

__all__ = ("HashFunction", "HashMethod", "HashlibAccumulator", "PrecomputedValue", "hash_of_file", "split_hash_method")

_CHUNK = 1 << 20  # bytes


@runtime_checkable
class HashMethod(Protocol):
    """Takes content and gives a key."""

    def update(self, data: Any, /) -> None:
        """Take more content."""

    def result(self) -> str:
        """:return: the key of what was taken so far"""


class HashFunction:
    """A function as a HashMethod. It gets the whole content at once: a frame, or the bytes of a file."""

    def __init__(self, fn: Callable[[Any], str]) -> None:
        self._fn = fn
        self._value = ""

    @classmethod
    def from_fn(cls, fn: Callable[[Any], str]) -> HashFunction:
        """Make a HashMethod from a function."""
        return cls(fn)

    def update(self, data: Any, /) -> None:
        """Compute the key of this content."""
        self._value = self._fn(data)

    def result(self) -> str:
        """:return: the key of the content that was given last"""
        return self._value


class PrecomputedValue:
    """A key that is known already, as a HashMethod."""

    def __init__(self, value: str) -> None:
        self._value = value

    def update(self, data: Any, /) -> None:
        """Take nothing."""

    def result(self) -> str:
        """:return: the key"""
        return self._value


class HashlibAccumulator:
    """A hash of `hashlib` as a HashMethod: the key of a file is the digest of its bytes."""

    def __init__(self, h: Any) -> None:
        self._empty = h.copy()
        self._hash = h

    @classmethod
    def from_hash_name(cls, name: str) -> HashlibAccumulator:
        """Make one by the name of the algorithm, such as ``"sha256"``."""
        import hashlib

        return cls(hashlib.new(name))

    def update(self, data: Any, /) -> None:
        """Take more bytes."""
        self._hash.update(data)

    def result(self) -> str:
        """:return: the digest of what was taken so far"""
        return str(self._hash.hexdigest())

    def reset(self) -> None:
        """Forget what was taken: the next file has a key of its own."""
        self._hash = self._empty.copy()


def split_hash_method(method: HashMethod | str | None) -> tuple[str | None, HashMethod | None]:
    """Tell a key that is known from a way to compute one.

    :raises TypeError: if it is neither
    """
    if method is None or isinstance(method, str):
        return method, None
    if isinstance(method, PrecomputedValue):
        return method.result(), None
    if isinstance(method, HashMethod):
        return None, method
    raise TypeError(f"hash_method is a key (str) or a HashMethod such as HashFunction.from_fn(fn), not {type(method).__name__}")


def hash_of_file(path: str, method: HashMethod) -> str:
    """Compute the key of a local file."""
    if hasattr(method, "reset"):
        method.reset()
    with open(path, "rb") as source:
        if isinstance(method, HashFunction):
            method.update(source.read())
        else:
            while chunk := source.read(_CHUNK):
                method.update(chunk)
    return method.result()
