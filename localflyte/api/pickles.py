"""Pickles: what one holds, read without running it, in a form that is equal when the values are.

Two pickles of equal values may differ: a set lies in the order of this process's hash seed, and an object that was shared is
named instead of repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

from localflyte.spec.digest import sha256

__all__ = ("UnknownPickleError", "content_of", "texts_in")

_MARK = object()


class UnknownPickleError(Exception):
    """Raised when a pickle has something in it that is not known here."""


class _Node:
    """Something that is made of other things."""

    __slots__ = ("digest", "kind", "open", "parts")

    def __init__(self, kind: str, parts: list[Any]) -> None:
        self.kind = kind
        self.parts = parts
        self.digest = ""
        self.open = 0
        """How deep it lies while it is looked into, since it may hold itself."""


def texts_in(pickle: bytes) -> Iterator[str]:
    """:return: every text in a pickle, in the order in which it is used; the names of globals are two that follow one another"""
    from pickletools import genops

    memo: list[Any] = []
    last: Any = None
    for opcode, argument, _ in genops(pickle):
        if opcode.name == "MEMOIZE":
            memo.append(last)
            continue
        last = argument
        if opcode.name in _GETS and isinstance(argument, int):
            last = memo[argument] if argument < len(memo) else None
        if isinstance(last, str):
            yield last


def content_of(pickle: bytes) -> str:
    """:return: a digest of what is in a pickle

    :raises UnknownPickleError: if it cannot be told
    """
    from pickletools import genops

    stack: list[Any] = []
    memo: list[Any] = []
    try:
        for opcode, argument, _ in genops(pickle):
            name = opcode.name
            if name in _IGNORED:
                continue
            if name in _GETS:
                stack.append(memo[argument])  # type: ignore[index]
            elif name == "MEMOIZE":
                memo.append(stack[-1])
            elif name == "STOP":
                return _digest(stack.pop())
            elif name in _PLAIN:
                stack.append(_PLAIN[name](argument))
            else:
                _STEPS[name](stack)
    except (AttributeError, IndexError, KeyError, RecursionError, ValueError) as error:
        raise UnknownPickleError(f"{type(error).__name__}: {error}") from error
    raise UnknownPickleError("it has no end")


def _digest(value: Any, depth: int = 1) -> str:
    if not isinstance(value, _Node):
        return f"{type(value).__name__} {value!a}" if type(value) is not int else f"int {value:x}"
    if value.open:
        return f"again {depth - value.open}"
    if not value.digest:
        value.open = depth
        parts = [_digest(part, depth + 1) for part in value.parts]
        value.open = 0
        if value.kind == "dict":
            parts = sorted(f"{key}: {item}" for key, item in zip(parts[::2], parts[1::2], strict=True))
        elif value.kind in ("set", "frozenset"):
            parts.sort()
        value.digest = sha256(f"{value.kind}({', '.join(parts)})".encode())
    return value.digest


def _above_mark(stack: list[Any]) -> list[Any]:
    place = len(stack) - 1
    while stack[place] is not _MARK:
        place -= 1
    found = stack[place + 1 :]
    del stack[place:]
    return found


def _take(stack: list[Any], count: int) -> list[Any]:
    if len(stack) < count:
        raise IndexError("too little on the stack")
    found = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    return found


def _makes(kind: str, count: int) -> Callable[[list[Any]], None]:
    return lambda stack: stack.append(_Node(kind, _take(stack, count)))


def _makes_all(kind: str) -> Callable[[list[Any]], None]:
    return lambda stack: stack.append(_Node(kind, _above_mark(stack)))


def _adds(count: int) -> Callable[[list[Any]], None]:
    def step(stack: list[Any]) -> None:
        items = _take(stack, count) if count else _above_mark(stack)
        stack[-1].parts.extend(items)

    return step


def _build(stack: list[Any]) -> None:
    state = stack.pop()
    # Of the same object, which others may already refer to.
    stack[-1].parts.append(_Node("state", [state]))


_GETS = frozenset(("BINGET", "LONG_BINGET"))
_IGNORED = frozenset(("PROTO", "FRAME"))
_PLAIN: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"), lambda value: value),
    **dict.fromkeys(("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8"), lambda value: value),
    "BYTEARRAY8": lambda value: _Node("bytearray", [bytes(value)]),
    "NONE": lambda _: None,
    "NEWTRUE": lambda _: True,
    "NEWFALSE": lambda _: False,
    "EMPTY_LIST": lambda _: _Node("list", []),
    "EMPTY_DICT": lambda _: _Node("dict", []),
    "EMPTY_SET": lambda _: _Node("set", []),
    "EMPTY_TUPLE": lambda _: _Node("tuple", []),
    "MARK": lambda _: _MARK,
}
_STEPS: dict[str, Callable[[list[Any]], object]] = {
    "TUPLE1": _makes("tuple", 1),
    "TUPLE2": _makes("tuple", 2),
    "TUPLE3": _makes("tuple", 3),
    "TUPLE": _makes_all("tuple"),
    "FROZENSET": _makes_all("frozenset"),
    "STACK_GLOBAL": _makes("global", 2),
    "REDUCE": _makes("reduce", 2),
    "NEWOBJ": _makes("new", 2),
    "NEWOBJ_EX": _makes("new with", 3),
    "APPEND": _adds(1),
    "APPENDS": _adds(0),
    "SETITEM": _adds(2),
    "SETITEMS": _adds(0),
    "ADDITEMS": _adds(0),
    "BUILD": _build,
    "POP": lambda stack: stack.pop(),
    "POP_MARK": _above_mark,
}
