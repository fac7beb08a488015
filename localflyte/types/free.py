"""Free values: what is declared as Any, or not at all. Plain data is carried as data, everything else as a pickle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgpack import ExtType
from msgpack import Packer
from msgpack import packb
from msgpack import unpackb

from localflyte.types.filed import pickled
from localflyte.types.filed import unpickled
from localflyte.types.scalars import MAX_INT
from localflyte.types.scalars import MIN_INT
from localflyte.types.scope import FILED
from localflyte.types.scope import OPAQUE
from localflyte.types.scope import SET
from localflyte.types.scope import TUPLE

__all__ = ("decode_free", "encode_free", "encode_tree", "order_free")

_ATOMS = frozenset({type(None), bool, int, float, str, bytes})
_UNINTERESTING = _ATOMS - {int}
_FROZEN = frozenset({tuple, frozenset})
_CONTAINERS = _FROZEN | {list, dict, set}
_SET, _FROZENSET = 0, 1


class _NotPlainError(Exception):
    """Raised when a value is made of more than plain data, or of the same container twice."""


def encode_free(value: Any) -> Any:
    """Carry a value of any type: as plain data if it is nothing else, so that most values never see a pickle."""
    try:
        return encode_tree(value, _give_up)
    except (_NotPlainError, RecursionError):
        # one pickle of the whole: objects that are shared inside stay shared
        return pickled(value)


def _give_up(_: Any) -> Any:
    raise _NotPlainError


def encode_tree(value: Any, other: Callable[[Any], Any]) -> Any:
    """Carry plain data, and whatever is not plain as `other` says."""
    if type(value) in _UNINTERESTING:
        return value
    return _branch(value, other, set())


def _branch(value: Any, other: Callable[[Any], Any], seen: set[int]) -> Any:
    kind = type(value)
    if kind in _UNINTERESTING:
        return value
    if kind is int:
        return value if MIN_INT <= value <= MAX_INT else other(value)
    if kind not in _CONTAINERS:
        return other(value)
    if kind not in _FROZEN:
        if id(value) in seen:
            # the same list in two places has to be the same list in the task too; msgpack has no way to say so
            return other(value)
        seen.add(id(value))
    if kind is list:
        return value if _is_flat(value) else [_branch(item, other, seen) for item in value]
    if kind is dict:
        if not _is_flat(value):
            return other(value)
        return value if _is_flat(value.values()) else {key: _branch(item, other, seen) for key, item in value.items()}
    items = [_branch(item, other, seen) for item in value]
    if kind is tuple:
        return ExtType(TUPLE, packb(items))
    return ExtType(SET, packb([_SET if kind is set else _FROZENSET, items]))


def _is_flat(values: Any) -> bool:
    kinds = set(map(type, values))
    if not kinds <= _ATOMS:
        return False
    if int not in kinds:
        return True
    whole = values if len(kinds) == 1 else [value for value in values if type(value) is int]
    return max(whole) <= MAX_INT and min(whole) >= MIN_INT


def decode_free(wire: Any) -> Any:
    """Make the value again."""
    kind = type(wire)
    if kind is list:
        return wire if _is_settled(wire) else [decode_free(item) for item in wire]
    if kind is dict:
        return wire if _is_settled(wire.values()) else {key: decode_free(item) for key, item in wire.items()}
    if kind is not ExtType:
        return wire
    if wire.code in (OPAQUE, FILED):
        return unpickled(wire)
    inner = unpackb(wire.data, strict_map_key=False)
    if wire.code == TUPLE:
        return tuple(map(decode_free, inner))
    if wire.code == SET:
        return (set if inner[0] == _SET else frozenset)(map(decode_free, inner[1]))
    raise ValueError(f"a value of unknown kind {wire.code} in the data")


def _is_settled(wires: Any) -> bool:
    return set(map(type, wires)) <= _ATOMS


def order_free(wire: Any) -> Any:
    """Put dicts and sets inside into a fixed order."""
    kind = type(wire)
    if kind is list:
        return wire if _is_settled(wire) else [order_free(item) for item in wire]
    if kind is dict:
        return {key: order_free(wire[key]) for key in sorted(wire, key=Packer().pack)}  # one packer for all keys costs a quarter
    if kind is not ExtType or wire.code == OPAQUE:
        return wire
    if wire.code not in (TUPLE, SET):
        return wire
    inner = unpackb(wire.data, strict_map_key=False)
    if wire.code == TUPLE:
        return ExtType(TUPLE, packb([order_free(item) for item in inner]))
    return ExtType(SET, packb([inner[0], sorted(map(order_free, inner[1]), key=Packer().pack)]))
