"""Packing: one value into its `Packed` and back, by its codec."""

from __future__ import annotations

from typing import Any

from msgpack import ExtType
from msgpack import packb
from msgpack import unpackb

from localflyte.spec.packed import Packed
from localflyte.types import filed
from localflyte.types.base import Codec
from localflyte.types.base import in_peace
from localflyte.types.base import no_order
from localflyte.types.scope import SET
from localflyte.types.scope import TUPLE
from localflyte.types.scope import Collecting
from localflyte.types.scope import Resolving

__all__ = ("pack", "unpack")


def pack(codec: Codec, value: Any, canonical: bool | None = False) -> Packed:
    """Encode and pack a value.

    :param canonical: also make the form to hash, if a dict or set is inside; ``None``: only for what is small
    :raises TypeTransformerFailedError: if the value does not have the codec's type
    :raises ValueError: if it has, but cannot be carried
    """
    # What the collector would look at is gone when it is back: the wire form of a large value is as many objects as the value is.
    return _packed(codec, value, canonical) if codec.scoped else in_peace(lambda: _packed(codec, value, canonical))


def _packed(codec: Codec, value: Any, canonical: bool | None) -> Packed:
    if codec.scoped:
        with Collecting() as collected:
            wire = codec.encode(value)
        refs = tuple(collected.refs)
    else:
        wire, refs = codec.encode(value), ()
    try:
        data = packb(wire)
    except OverflowError as error:
        raise ValueError(f"integer out of range: {error}") from error
    if type(wire) is bytes and len(wire) > filed.LARGE_BYTES:
        made = filed.aside(wire)
        return Packed(data) if made is None else Packed(packb(made[0]), (made[1],))
    if canonical is False or (canonical is None and len(data) > SMALL):
        return Packed(data, refs)
    hashed = _with_one_nan(wire) if _may_hold_nan(data) else wire
    if codec.order is not no_order:
        hashed = codec.order(hashed)
    if hashed is wire:
        return Packed(data, refs)
    ordered = packb(hashed)
    return Packed(data, refs, b"" if ordered == data else ordered)


SMALL = 1 << 16  # bytes; to order what is larger costs more than its name is worth
_LARGE = 1 << 14  # bytes; it takes some thousand objects until the garbage collector costs more than it takes to keep it away

#: How the greatest floats begin, and after these infinity and what is no number.
_NEAR_NAN = (b"\xcb\xff", b"\xcb\x7f")
_NAN = float("nan")


def _may_hold_nan(data: bytes) -> bool:
    for mark in _NEAR_NAN:
        at = data.find(mark)
        while at >= 0:
            if data[at + 2 : at + 3] >= b"\xf0":
                return True
            at = data.find(mark, at + 1)
    return False


def _with_one_nan(wire: Any) -> Any:
    """Write every nan the same way. What the processor gives for ``inf - inf`` has a sign, and ``float("nan")`` has none."""
    kind = type(wire)
    if kind is float:
        return wire if wire == wire else _NAN  # noqa: PLR0124
    if kind is list or kind is tuple:
        return [_with_one_nan(each) for each in wire]
    if kind is dict:
        return {_with_one_nan(key): _with_one_nan(each) for key, each in wire.items()}
    if kind is ExtType and wire.code in (TUPLE, SET):
        return ExtType(wire.code, packb(_with_one_nan(unpackb(wire.data, strict_map_key=False))))
    return wire


def unpack(codec: Codec, packed: Packed) -> Any:
    """Unpack and decode a value.

    :raises ValueError: if the data is damaged
    """
    return _unpacked(codec, packed) if len(packed.data) < _LARGE else in_peace(lambda: _unpacked(codec, packed))


def _unpacked(codec: Codec, packed: Packed) -> Any:
    wire = filed.fetched(unpackb(packed.data, strict_map_key=False), packed.refs)
    if codec.plain:
        return wire
    if not codec.scoped:
        return codec.decode(wire)
    with Resolving(packed.refs):
        return codec.decode(wire)
